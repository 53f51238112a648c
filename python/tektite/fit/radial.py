# SPDX-License-Identifier: BSD-3-Clause
"""Bonds: radial functions of each ordered pair of elements, from configuration and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite import _core
from tektite.data import Frame
from tektite.fit.config import BasisConfig, RadialConfig
from tektite.fit.dataset import Distances


def by_pair(given: Mapping[str, Any], elements: Sequence[str], key: str) -> dict:
    """Entries of a mapping from pairs ("Si-O") by indices of elements; "default" is left out.

    Raises
    ------
    ValueError
        Names the key and the pair that is unknown or given twice.
    """
    found: dict[tuple[int, int], Any] = {}
    for name, value in given.items():
        if name == "default":
            continue
        pair = name.split("-")
        if len(pair) != 2 or any(s not in elements for s in pair):
            raise ValueError(
                f"'{key}': '{name}' is not a pair of the elements {', '.join(elements)} "
                "(write it as Si-O)"
            )
        a, b = sorted(elements.index(s) for s in pair)
        if (a, b) in found:
            raise ValueError(f"'{key}': the pair {name} is given twice")
        found[a, b] = value
    return found


def pair_values(
    given: float | Mapping[str, float] | None,
    elements: Sequence[str],
    automatic: NDArray[np.float64] | None,
    key: str,
) -> NDArray[np.float64]:
    """Values of a configuration key for all pairs, (n_elements, n_elements), symmetric.

    given: one number for all; a mapping from pairs ("Si-O") and "default" to numbers; or None for
    `automatic`, which also stands in for pairs that a mapping lacks.

    Raises
    ------
    ValueError
        Names the key and the pair that is unknown, given twice or missing.
    """
    n = len(elements)
    if given is None:
        if automatic is None:
            raise ValueError(f"'{key}' must be given")
        return np.array(automatic, dtype=np.float64)
    if not isinstance(given, Mapping):
        return np.full((n, n), float(given))
    values = np.full((n, n), float(given.get("default", np.nan)))
    if "default" not in given and automatic is not None:
        values[:] = automatic
    for (a, b), value in by_pair(given, elements, key).items():
        values[a, b] = values[b, a] = float(value)
    if np.isnan(values).any():
        a, b = np.argwhere(np.isnan(values))[0]
        raise ValueError(f"'{key}' has neither the pair {elements[a]}-{elements[b]} nor 'default'")
    return values


def resolve_cutoff(basis: BasisConfig, frames: Sequence[Frame]) -> BasisConfig:
    """Return the limits with a number in place of the automatic cutoff (rounded to 0.05 angstrom).

    Raises
    ------
    ValueError
        No frame is periodic in all directions, so that there is no density.
    """
    if basis.cutoff != "automatic":
        return basis
    densities = [
        frame.n_atoms / frame.atoms.get_volume()
        for frame in frames
        if frame.atoms.pbc.all() and frame.atoms.cell.rank == 3 and frame.n_atoms
    ]
    if not densities:
        raise ValueError(
            "'basis.cutoff' cannot be automatic: no frame is periodic in all three directions"
        )
    radius = (basis.cutoff_atoms / (4.0 / 3.0 * np.pi * float(np.median(densities)))) ** (1.0 / 3.0)
    return basis.model_copy(update={"cutoff": round(20.0 * radius) / 20.0})


def cutoffs(basis: BasisConfig, elements: Sequence[str]) -> NDArray[np.float64]:
    """Cutoffs of all pairs, (n_elements, n_elements), angstrom.

    Raises
    ------
    ValueError
        See `pair_values`, or a cutoff is not positive.
    """
    values = pair_values(basis.cutoff, elements, None, "basis.cutoff")
    if not np.all(values > 0):
        raise ValueError("'basis.cutoff' must be positive")
    return values


def make_bonds(
    basis: BasisConfig, radial: RadialConfig, elements: Sequence[str], distances: Distances
) -> list[dict[str, Any]]:
    """Bonds as in a model file, each with its `coefficients` (n_max, l_max + 1, n_base).

    R_nl = g_n for all l.

    Raises
    ------
    ValueError
        A radial parameter makes no sense; names key and pair.
    """
    cutoff = cutoffs(basis, elements)
    r_0 = pair_values(radial.r_0, elements, 0.9 * np.sqrt(distances.nearest * cutoff), "radial.r_0")
    inner = pair_values(
        radial.inner_cutoff,
        elements,
        0.9 * distances.minimum_or_estimate(),
        "radial.inner_cutoff",
    )
    n_base, l_max = max(basis.n_max), max(basis.l_max)
    n_max = max(basis.n_max[1:], default=0)
    coefficients = np.zeros((n_max, l_max + 1, n_base))
    coefficients[:] = np.eye(n_max, n_base)[:, None, :]
    parameters: list[float] = []
    if radial.kind in ("ChebExpCos", "ChebPow"):
        parameters = [radial.lambda_]
    bonds = []
    for a, first in enumerate(elements):
        for b, second in enumerate(elements):
            if inner[a, b] >= cutoff[a, b]:
                raise ValueError(
                    f"'radial.inner_cutoff' of {first}-{second} ({inner[a, b]:.3f} Å) is not below "
                    f"the cutoff ({cutoff[a, b]:.3f} Å)"
                )
            if radial.kind == "Polynomial":
                prefactor = radial.a or _core.agnesi_prefactor(radial.p, radial.q)
                parameters = [r_0[a, b], radial.p, radial.q, prefactor, radial.envelope, 0.0]
            width = min(radial.inner_cutoff_width, inner[a, b]) if inner[a, b] > 0 else 0.0
            bonds.append(
                {
                    "basis": radial.kind,
                    "parameters": [float(p) for p in parameters],
                    "n_base": n_base,
                    "n_max": n_max,
                    "l_max": l_max,
                    "cutoff": float(cutoff[a, b]),
                    "cutoff_width": 0.0,
                    "inner_cutoff": float(inner[a, b]),
                    "inner_cutoff_width": float(width),
                    "inner_cutoff_type": "distance",
                    "core_prefactor": 0.0,
                    "core_lambda": 0.0,
                    "coefficients": coefficients,
                }
            )
    return bonds
