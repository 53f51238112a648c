# SPDX-License-Identifier: BSD-3-Clause
"""Write tests/data/format_v1.mlip: a small model that uses everything that file format 1 has.

Made once, when format 1 was new. The stored file must be read, and must give the energies and
forces inside it, in every later version; so it is never written again.
"""

from __future__ import annotations

import pathlib

import numpy as np
from ase import Atoms

from tektite import modelfile

ELEMENTS = ["Si", "O"]
BASES = {
    ("Si", "Si"): ("SBessel", [3.2], 1.3),
    ("Si", "O"): ("ChebExpCos", [4.0], 0.9),
    ("O", "Si"): ("ChebPow", [2.0], 0.9),
    ("O", "O"): ("Polynomial", [1.4, 2.0, 4.0, 1.5, 3.0, 0.0], 0.0),
}


def make_bond(pair: tuple[str, str], cutoff: float) -> dict:
    """Metadata of one bond."""
    basis, parameters, inner = BASES[pair]
    return {
        "basis": basis,
        "parameters": parameters,
        "n_base": 4,
        "n_max": 3,
        "l_max": 2,
        "cutoff": cutoff,
        "cutoff_width": 0.02,
        "inner_cutoff": inner,
        "inner_cutoff_width": 0.1 if inner else 0.0,
        "inner_cutoff_type": "distance",
        "core_prefactor": 20.0 if inner else 0.0,
        "core_lambda": 1.5,
    }


def make_functions(center: int) -> list[tuple[list[tuple[int, int, int]], list[list[int]], list]]:
    """Invariant functions of a centre: factors (species, n, l), m of each product, weights."""
    functions = []
    for species in (0, 1):
        for n in (0, 3):
            functions.append(([(species, n, 0)], [[0]], [1.0]))
    # Two factors of equal l couple to a scalar with weights (-1)^m; m and -m are taken together.
    for ell, pairs in ((0, [(0, 1)]), (1, [(0, 0), (1, 2)]), (2, [(2, 1)])):
        for n_1, n_2 in pairs:
            weights = [(1.0 if m == 0 else 2.0) * (-1.0) ** m for m in range(ell + 1)]
            ms = [[m, -m] for m in range(ell + 1)]
            functions.append(([(0, n_1, ell), (1, n_2, ell)], ms, weights))
            # A third factor with l = 0 changes nothing in the coupling.
            factors = [(center, 2, 0), (1, n_1, ell), (1, n_2, ell)]
            functions.append((factors, [[0, *m] for m in ms], weights))
    return functions


def make_ace(rng: np.random.Generator) -> tuple[dict, dict]:
    """Metadata and arrays of a small ACE with both embeddings and four radial bases."""
    cutoffs = {("Si", "Si"): 4.2, ("Si", "O"): 3.6, ("O", "Si"): 3.6, ("O", "O"): 3.1}
    bonds = [make_bond((a, b), cutoffs[a, b]) for a in ELEMENTS for b in ELEMENTS]
    size = 3 * 3 * 4
    lists: dict[str, list] = {
        k: [] for k in ("center", "rank", "n_terms", "species", "n", "l", "m", "coefficients")
    }
    for center in (0, 1):
        for factors, ms, weights in make_functions(center):
            strengths = 0.3 * rng.normal(size=2) * (1.0, 1.0 if center == 0 else 0.0)
            lists["center"].append(center)
            lists["rank"].append(len(factors))
            lists["n_terms"].append(len(ms))
            for species, n, ell in factors:
                lists["species"].append(species)
                lists["n"].append(n)
                lists["l"].append(ell)
            lists["m"] += [m for row in ms for m in row]
            lists["coefficients"] += [w * strengths for w in weights]
    coefficients = lists.pop("coefficients")
    arrays = {f"functions.{k}": np.array(v, dtype=np.int32) for k, v in lists.items()}
    arrays["functions.coefficients"] = np.array(coefficients)
    arrays["bonds.offsets"] = size * np.arange(5, dtype=np.int64)
    arrays["bonds.coefficients"] = rng.normal(size=4 * size)
    metadata = {
        "family": "ace",
        "elements": ELEMENTS,
        "cutoff": 4.2,
        "isolated_energies": [-1.25, -0.5],
        "embeddings": [
            {
                "kind": "FinnisSinclairShiftedScaled",
                "prefactors": [1.0, 0.75],
                "exponents": [1.0, 0.5],
                "rho_core_cutoff": 8.0,
                "drho_core_cutoff": 4.0,
            },
            {
                "kind": "FinnisSinclair",
                "prefactors": [1.0],
                "exponents": [1.0],
                "rho_core_cutoff": 100000.0,
                "drho_core_cutoff": 250.0,
            },
        ],
        "bonds": bonds,
    }
    return metadata, arrays


def make_zbl() -> tuple[dict, dict]:
    """Metadata and arrays of the nuclear repulsion."""
    metadata = {"family": "pair", "kind": "zbl", "elements": ["O", "Si"], "cutoff": 2.2}
    arrays = {
        "zbl.inner": np.array([[0.8, 0.9], [0.9, 1.0]]),
        "zbl.outer": np.array([[1.8, 2.0], [2.0, 2.2]]),
    }
    return metadata, arrays


def make_table() -> tuple[dict, dict]:
    """Metadata and arrays of a tabulated pair potential between oxygen atoms: (1 - r/c)^4."""
    first, last, n_points = 0.8, 3.0, 9
    u = 1.0 - np.linspace(first, last, n_points) / last
    values = np.stack([u**4, -4.0 * u**3 / last, 12.0 * u**2 / last**2], axis=-1)
    values[-1] = 0.0
    arrays = {
        "table.first": np.array([first]),
        "table.last": np.array([last]),
        "table.values": values[None],
    }
    return {"family": "pair", "kind": "table", "elements": ["O"], "cutoff": last}, arrays


def make_structures(rng: np.random.Generator) -> list[tuple[str, Atoms]]:
    """A triclinic crystal, a slab, a molecule, a close dimer and an isolated atom."""
    cell = np.array([[4.6, 0.1, -0.2], [0.4, 4.8, 0.3], [-0.5, 0.6, 5.0]])
    scaled = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.3, 0.25, 0.27]])
    crystal = Atoms("Si2O3", scaled_positions=scaled, cell=cell, pbc=True)
    crystal.positions += 0.1 * rng.normal(size=(5, 3))
    slab = crystal.copy()
    slab.pbc = (True, True, False)
    molecule = Atoms("SiOOSi", [[0, 0, 0], [1.6, 0.2, 0], [-0.9, 1.4, 0.3], [2.1, 1.9, -0.8]])
    dimer = Atoms("SiO", [[0, 0, 0], [0.7, 0.3, -0.2]])
    return [
        ("crystal", crystal),
        ("slab", slab),
        ("molecule", molecule),
        ("close dimer", dimer),
        ("isolated atom", Atoms("O", [[0, 0, 0]])),
    ]


def main() -> None:
    """Write the file beside this script."""
    rng = np.random.default_rng(1)
    children = [make_ace(rng), make_zbl(), make_table()]
    metadata = {
        "family": "sum",
        "elements": ELEMENTS,
        "cutoff": 4.2,
        "isolated_energies": [-1.25, -0.5],
        "minimum_distances": [[2.1, 1.4], [1.4, 0.0]],
        "provenance": {"program": "tests/data/make_format_v1.py"},
        "children": [child for child, _ in children],
    }
    arrays = {f"{k}.{name}": a for k, (_, own) in enumerate(children) for name, a in own.items()}
    path = pathlib.Path(__file__).with_name("format_v1.mlip")
    modelfile.write(path, metadata, arrays, make_structures(rng))
    check = modelfile.load(path).check()
    print(f"{path}: {path.stat().st_size} bytes, {check}")


if __name__ == "__main__":
    main()
