# SPDX-License-Identifier: BSD-3-Clause
"""Small random models of every family, as metadata and arrays (docs/file-format.md)."""

from __future__ import annotations

import itertools
from math import factorial, sqrt
from typing import Any

import numpy as np

from random_gap import random_gap


def wigner_3j(l1: int, l2: int, l3: int, m1: int, m2: int, m3: int) -> float:
    """Racah's formula (A. Messiah, Quantum Mechanics II, appendix C, eq. C.21)."""
    if m1 + m2 + m3 != 0 or not abs(l1 - l2) <= l3 <= l1 + l2:
        return 0.0
    if abs(m1) > l1 or abs(m2) > l2 or abs(m3) > l3:
        return 0.0
    f = factorial
    triangle = f(l1 + l2 - l3) * f(l1 - l2 + l3) * f(-l1 + l2 + l3) / f(l1 + l2 + l3 + 1)
    scale = sqrt(
        triangle * f(l1 + m1) * f(l1 - m1) * f(l2 + m2) * f(l2 - m2) * f(l3 + m3) * f(l3 - m3)
    )
    total = 0.0
    for t in range(l1 + l2 - l3 + 1):
        arguments = (
            t,
            l3 - l2 + t + m1,
            l3 - l1 + t - m2,
            l1 + l2 - l3 - t,
            l1 - t - m1,
            l2 - t + m2,
        )
        if min(arguments) >= 0:
            total += (-1) ** t / np.prod([float(f(a)) for a in arguments])
    return (-1) ** (l1 - l2 - m3) * scale * total


def invariant_terms(ls: tuple[int, ...]) -> dict[tuple[int, ...], float]:
    """Coefficients over m of one rotational invariant of the product of len(ls) <= 4 A_lm.

    Ranks 2 and 3 by 3j symbols; rank 4 by coupling the first two to L = the smallest that fits,
    and the rest to the same L. Empty if there is none.
    """
    terms: dict[tuple[int, ...], float] = {}
    if len(ls) == 1:
        return {(0,): 1.0} if ls[0] == 0 else {}
    if len(ls) == 2:
        if ls[0] != ls[1]:
            return {}
        return {(m, -m): (-1) ** m / sqrt(2 * ls[0] + 1) for m in range(-ls[0], ls[0] + 1)}
    if len(ls) == 3:
        for m1, m2 in itertools.product(*(range(-a, a + 1) for a in ls[:2])):
            terms[(m1, m2, -m1 - m2)] = wigner_3j(*ls, m1, m2, -m1 - m2)
    else:
        low = max(abs(ls[0] - ls[1]), abs(ls[2] - ls[3]))
        if low > min(ls[0] + ls[1], ls[2] + ls[3]):
            return {}
        for m in itertools.product(*(range(-a, a + 1) for a in ls)):
            if sum(m) == 0:
                mid = m[0] + m[1]
                terms[m] = (
                    (-1) ** mid
                    * wigner_3j(ls[0], ls[1], low, m[0], m[1], -mid)
                    * wigner_3j(low, ls[2], ls[3], mid, m[2], m[3])
                )
    return {m: c for m, c in terms.items() if c != 0.0}


_PARAMETERS = {"SBessel": [3.0], "ChebExpCos": [4.0], "ChebPow": [2.0], "ChebLinear": [1.5]}


def random_ace(
    elements: list[str], seed: int, max_rank: int = 4, n_functions: int = 40
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metadata and arrays of a random ACE model; every bond has its own basis and cutoff.

    Sizes are such that forces are of the order of 1 eV/angstrom.
    """
    rng = np.random.default_rng(seed)
    n = len(elements)
    densities = [1 + (i + seed) % 2 for i in range(n)]
    embeddings = []
    for i, n_density in enumerate(densities):
        # No square root without its shift: near a density of zero it is so steep that no finite
        # difference can tell its slope.
        kind, exponent = [("FinnisSinclairShiftedScaled", 0.5), ("FinnisSinclair", 2.0)][
            (i + seed) % 2
        ]
        embeddings.append(
            {
                "kind": kind,
                "prefactors": [1.0, 0.5][:n_density],
                "exponents": [1.0, exponent][:n_density],
                "rho_core_cutoff": 200000.0,
                "drho_core_cutoff": 250.0,
            }
        )
    bonds, offsets, coefficients = [], [0], []
    for i, j in itertools.product(range(n), repeat=2):
        basis = list(_PARAMETERS)[(seed + i + j) % len(_PARAMETERS)]
        bond = {
            "basis": basis,
            "parameters": _PARAMETERS[basis],
            "n_base": 4,
            "n_max": 2 + (i + j) % 2,
            "l_max": 2 + (i + 2 * j) % 2,
            "cutoff": float(round(rng.uniform(3.8, 5.0), 3)),
            "cutoff_width": 0.5,
            "inner_cutoff": 0.0,
            "inner_cutoff_width": 0.1,
            "inner_cutoff_type": "density",
            "core_prefactor": 0.0,
            "core_lambda": 1.0,
        }
        bonds.append(bond)
        size = bond["n_max"] * (bond["l_max"] + 1) * bond["n_base"]
        coefficients.append(rng.normal(size=size))
        offsets.append(offsets[-1] + size)

    columns: dict[str, list[int]] = {
        key: [] for key in ("center", "rank", "n_terms", "species", "n", "l", "m")
    }
    weights = []
    for i in range(n):
        for f in range(n_functions):
            rank = 1 + f % max_rank
            while True:
                species = [int(s) for s in rng.integers(n, size=rank)]
                pair = [bonds[i * n + s] for s in species]
                limits = [b["n_base"] if rank == 1 else b["n_max"] for b in pair]
                ls = tuple(0 if rank == 1 else int(rng.integers(b["l_max"] + 1)) for b in pair)
                terms = invariant_terms(ls)
                if terms:
                    break
            columns["center"].append(i)
            columns["rank"].append(rank)
            columns["n_terms"].append(len(terms))
            columns["species"] += species
            columns["n"] += [int(rng.integers(limit)) for limit in limits]
            columns["l"] += list(ls)
            for m in terms:
                columns["m"] += list(m)
            scale = 0.3**rank * rng.normal(size=max(densities))
            scale[densities[i] :] = 0.0
            weights += [c * scale for c in terms.values()]
    arrays = {f"functions.{key}": np.array(v, dtype=np.int32) for key, v in columns.items()}
    arrays["functions.coefficients"] = np.array(weights)
    arrays["bonds.offsets"] = np.array(offsets, dtype=np.int64)
    arrays["bonds.coefficients"] = np.concatenate(coefficients)
    metadata = {
        "family": "ace",
        "elements": elements,
        "cutoff": max(bond["cutoff"] for bond in bonds),
        "isolated_energies": [float(e) for e in rng.normal(size=n)],
        "embeddings": embeddings,
        "bonds": bonds,
    }
    return metadata, arrays


def zbl(elements: list[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the screened nuclear repulsion with wide cutoffs, so that it acts everywhere."""
    n = len(elements)
    spread = 0.1 * np.add.outer(np.arange(n), np.arange(n))
    metadata = {
        "family": "pair",
        "kind": "zbl",
        "elements": elements,
        "cutoff": 4.5 + 0.2 * (n - 1),
    }
    return metadata, {"zbl.inner": 2.0 + spread, "zbl.outer": 4.5 + spread}


def morse_table(elements: list[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Tabulated Morse potentials, cut off smoothly: bound crystals for relaxations and MD."""
    n = len(elements)
    first, last, points = 1.0, 5.0, 201
    r = np.linspace(first, last, points)
    polynomial = np.polynomial.Polynomial
    t = polynomial([-3.0 / (last - 3.0), 1.0 / (last - 3.0)])  # 0 at 3 Å, 1 at the cutoff
    smooth = 1 - 10 * t**3 + 15 * t**4 - 6 * t**5
    tables = []
    for i in range(n):
        for j in range(i, n):
            depth, width, r0 = 0.5 + 0.1 * (i + j), 1.8, 2.6 + 0.1 * (j - i)
            e1, e2 = np.exp(-width * (r - r0)), np.exp(-2 * width * (r - r0))
            v = [
                depth * (e2 - 2 * e1),
                depth * (-2 * width * e2 + 2 * width * e1),
                depth * (4 * width**2 * e2 - 2 * width**2 * e1),
            ]
            s = [
                np.where(r > 3.0, smooth.deriv(k)(r) if k else smooth(r), 1.0 - bool(k))
                for k in (0, 1, 2)
            ]
            table = np.stack(
                [
                    v[0] * s[0],
                    v[1] * s[0] + v[0] * s[1],
                    v[2] * s[0] + 2 * v[1] * s[1] + v[0] * s[2],
                ],
                axis=1,
            )
            table[-1] = 0.0
            tables.append(table)
    pairs = len(tables)
    metadata = {"family": "pair", "kind": "table", "elements": elements, "cutoff": last}
    return metadata, {
        "table.first": np.full(pairs, first),
        "table.last": np.full(pairs, last),
        "table.values": np.array(tables),
    }


def total(
    *children: tuple[dict[str, Any], dict[str, np.ndarray]],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the sum of models."""
    elements = list(dict.fromkeys(e for metadata, _ in children for e in metadata["elements"]))
    metadata = {
        "family": "sum",
        "elements": elements,
        "cutoff": max(metadata["cutoff"] for metadata, _ in children),
        "children": [metadata for metadata, _ in children],
    }
    arrays = {f"{k}.{name}": a for k, (_, part) in enumerate(children) for name, a in part.items()}
    return metadata, arrays


def random_neural(
    elements: list[str], seed: int, members: int = 2, activation: str = "tanh"
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Networks with random weights on SOAP, the last element in no channel of its own."""
    rng = np.random.default_rng(seed)
    n_max, l_max, hidden = 3, 2, [6, 5]
    channels = [[e] for e in elements[:2]]
    size = n_max * len(channels)
    widths = [size * (size + 1) // 2 * (l_max + 1), *hidden, 1]
    metadata = {
        "family": "neural",
        "elements": elements,
        "cutoff": 4.0,
        "isolated_energies": [float(e) for e in rng.normal(size=len(elements))],
        "descriptor": {
            "kind": "soap",
            "radial_basis": "equispaced_gaussian",
            "n_max": n_max,
            "l_max": l_max,
            "cutoff": 4.0,
            "cutoff_transition_width": 1.0,
            "sigma": 0.6,
            "normalise": seed % 2 == 0,
            "channels": channels,
        },
        "activation": activation,
        "hidden": hidden,
        "members": members,
    }
    arrays = {}
    for m in range(members):
        for e in range(len(elements)):
            for k, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
                name = f"networks.{m}.{e}.{k}"
                arrays[f"{name}.weights"] = 0.5 * rng.normal(size=(n_out, n_in))
                arrays[f"{name}.biases"] = 0.5 * rng.normal(size=n_out)
    return metadata, arrays


MODELS = {
    "zbl-Si": lambda: zbl(["Si"]),
    "table-Si": lambda: morse_table(["Si"]),
    "table-Si-O": lambda: morse_table(["Si", "O"]),
    "ace-Si": lambda: random_ace(["Si"], seed=1),
    "ace-O-Si": lambda: random_ace(["O", "Si"], seed=2, n_functions=24),
    "ace-Cu-O-Si": lambda: random_ace(["Cu", "O", "Si"], seed=3, max_rank=3, n_functions=18),
    "gap-Si": lambda: random_gap(["Si"], seed=1),
    "gap-O-Si": lambda: random_gap(["O", "Si"], seed=2, variance=False),
    "neural-Si": lambda: random_neural(["Si"], seed=1, activation="silu"),
    "neural-O-Si": lambda: random_neural(["O", "Si"], seed=2, members=1),
    "sum-Si-O": lambda: total(zbl(["Si", "O"]), random_ace(["Si"], seed=4, max_rank=2)),
}
