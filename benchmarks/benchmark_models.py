# SPDX-License-Identifier: BSD-3-Clause
"""The ACE models that are timed, and the crystals that they are timed on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.build
import numpy as np
from ase import Atoms

from tektite import _core, modelfile
from tektite.references import default_references

_SEED = 11


@dataclass(frozen=True)
class Model:
    """A model file and the crystal for it."""

    name: str
    path: Path
    elements: tuple[str, ...]
    atoms: int  # about how many
    timestep: float = 1.0  # fs

    def crystal(self) -> Atoms:
        """Return the crystal, displaced as at 300 K."""
        return crystal(self.elements, self.atoms)


def crystal(elements: Sequence[str], n_atoms: int) -> Atoms:
    """About n_atoms in a cubic box, each displaced by 0.05 angstrom (one sigma) a component.

    Diamond (5.43 angstrom) for silicon, the element's own structure for other single elements,
    else rock salt: the last element on one sublattice, the first on the other, where each further
    element replaces a fifth at random, so that Sb and Te are about 2:3 in number. Its lattice
    parameter is 6.06 angstrom for Sb and Te, else from covalent radii.
    """
    if list(elements) == ["Si"]:
        cell = ase.build.bulk("Si", "diamond", a=5.43, cubic=True)
    elif len(elements) == 1:
        try:
            cell = ase.build.bulk(elements[0], cubic=True)
        except (ValueError, RuntimeError):
            cell = ase.build.bulk(elements[0], "fcc", a=4.0, cubic=True)
    else:
        radii = ase.data.covalent_radii[[ase.data.atomic_numbers[e] for e in elements]]
        a = 6.06 if set(elements) == {"Sb", "Te"} else 2.2 * (radii.mean() + radii[-1])
        cell = ase.build.bulk(elements[0] + elements[-1], "rocksalt", a=a, cubic=True)
    best = min(_boxes(len(cell), n_atoms), key=lambda box: abs(np.prod(box) * len(cell) - n_atoms))
    atoms = cell * best
    rng = np.random.default_rng(_SEED)
    if len(elements) > 1:
        sites = np.flatnonzero(atoms.symbols == elements[0])
        others = sites[rng.random(len(sites)) < min(0.8, 0.2 * (len(elements) - 1))]
        atoms.symbols[others] = rng.choice(list(elements[1:]), size=len(others))
    atoms.positions += 0.05 * rng.normal(size=(len(atoms), 3))
    return atoms


def _boxes(n_cell: int, n_atoms: int) -> list[tuple[int, int, int]]:
    n = max(1, round((n_atoms / n_cell) ** (1 / 3)))
    sizes = range(max(1, n - 1), n + 2)
    return [(n, n, n), *((a, a, b) for a in sizes for b in range(max(1, a - 1), 2 * a + 1))]


def shared_folder() -> Path:
    """Folder of published models beside the project (TEKTITE_SHARED_DATA names another place)."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("TEKTITE_SHARED_DATA", default)) / "ace"


def default_models(scratch: Path) -> list[Model]:
    """The models of `shared_folder`, or where it is absent two random ones made in scratch."""
    known = [
        Model("XPOT-Si", Path("XPOT-Si.yace"), ("Si",), 1000),
        Model("XPOT-Sb2Te3", Path("XPOT-Sb2Te3.yace"), ("Sb", "Te"), 512),
        # Random coefficients: these do not bind, so atoms fly; short steps keep them in place.
        Model("bench-standard", Path("bench-standard.yace"), ("Si",), 4096, 0.1),
        Model("bench-medium", Path("bench-medium.yace"), ("Si",), 4096, 0.1),
        Model("bench-small", Path("bench-small.yace"), ("Si",), 4096, 0.1),
    ]
    folder = shared_folder()
    found = [
        Model(m.name, folder / m.path, m.elements, m.atoms, m.timestep)
        for m in known
        if (folder / m.path).is_file()
    ]
    return found or [random_model(scratch, "large"), random_model(scratch, "small")]


def random_model(folder: Path, size: str) -> Model:
    """Write an ACE model of silicon with random coefficients and a cutoff of 5 angstrom.

    "small": 77 functions; "large": 767 functions, two densities, 5.5 angstrom; "tiny": 13
    functions, 4 angstrom, with which the cost of a call can be seen.
    """
    n_max, l_max, cutoff, densities = {
        "tiny": ([4, 2], [0, 2], 4.0, 1),
        "small": ([8, 4, 2, 1], [0, 3, 2, 1], 5.0, 1),
        "large": ([15, 6, 4, 2, 1], [0, 5, 4, 2, 1], 5.5, 2),
    }[size]
    rng = np.random.default_rng(_SEED)
    basis = _core.AceBasis(1, n_max, l_max)
    n_base = n_max[0]
    bond = {
        "basis": "ChebExpCos",
        "parameters": [5.25],
        "n_base": n_base,
        "n_max": max(n_max[1:]),
        "l_max": max(l_max),
        "cutoff": cutoff,
        "cutoff_width": 0.01,
        "inner_cutoff": 0.0,
        "inner_cutoff_width": 0.01,
        "inner_cutoff_type": "density",
        "core_prefactor": 0.0,
        "core_lambda": 1.0,
    }
    shape = (max(n_max[1:]), max(l_max) + 1, n_base)
    radial = rng.normal(scale=0.1, size=shape).ravel()
    rank = basis.describe()["rank"].astype(float)
    coefficients = rng.normal(scale=0.01, size=(basis.n_functions, densities))
    coefficients /= 2.0 ** rank[:, None]
    functions = basis.combine(coefficients)
    arrays = {f"functions.{name}": values for name, values in functions.items()}
    arrays["bonds.coefficients"] = radial
    arrays["bonds.offsets"] = np.array([0, radial.size], dtype=np.int64)
    metadata = {
        "family": "ace",
        "elements": ["Si"],
        "cutoff": cutoff,
        "isolated_energies": [0.0],
        "embeddings": [
            {
                "kind": "FinnisSinclairShiftedScaled",
                "prefactors": [1.0] * densities,
                "exponents": [1.0, 0.5][:densities],
                "rho_core_cutoff": 1e5,
                "drho_core_cutoff": 250.0,
            }
        ],
        "bonds": [bond],
    }
    path = folder / f"random-{size}.mlip"
    modelfile.write(path, metadata, arrays, default_references(["Si"]))
    name = f"random ({basis.n_functions} functions)"
    return Model(name, path, ("Si",), 1000 if size == "large" else 4096, 0.1)
