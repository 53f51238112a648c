# SPDX-License-Identifier: BSD-3-Clause
"""Frames labelled by known models, for tests of fits."""

from __future__ import annotations

import math
from pathlib import Path

import ase.build
import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from systems import random_system
from tektite.data import Frame
from tektite.fit.config import parse_config
from tektite.fit.dataset import Distances
from tektite.fit.export import ace_contents, potential_of
from tektite.fit.model import LinearAce
from tektite.fit.radial import make_bonds
from tektite.potential import Potential

SMALL_BASIS = {
    "cutoff": 4.5,
    "n_max": [6, 4, 3, 2],
    "l_max": [0, 3, 2, 1],
    "max_degree": [5, 5, 4, 3],
    "l_weight": 1.0,
}
# Fewer functions, for fits that are repeated.
TINY_BASIS = {**SMALL_BASIS, "n_max": [4, 3, 2], "l_max": [0, 2, 1], "max_degree": [3, 3, 2]}

# Nearest neighbours in the mean, and closest, for which the radial functions of teachers are made.
NEAREST, CLOSEST = 2.4, 1.8
TEACHER_RADIAL = {
    "r_0": 0.9 * math.sqrt(NEAREST * SMALL_BASIS["cutoff"]),
    "inner_cutoff": 0.9 * CLOSEST,
}


def small_config(**sections: dict):
    """Configuration with a small basis; sections override its keys."""
    content = {"data": {"train": "unused"}, "basis": SMALL_BASIS, "baseline": {"kind": "none"}}
    return parse_config({**content, **sections})


def silicon_structures(n: int, seed: int = 0) -> list[Atoms]:
    """Strained and rattled crystals, supercells, a slab and a cluster of silicon."""
    rng = np.random.default_rng(seed)
    structures = []
    for k in range(n):
        atoms = ase.build.bulk("Si", cubic=k % 3 != 0)
        if k % 5 == 4:
            atoms = ase.build.surface(atoms, (1, 0, 0), 1, vacuum=4.0)
        elif k % 5 == 3:
            atoms.pbc = False
        atoms.set_cell(
            atoms.cell.array @ (np.eye(3) + 0.05 * rng.uniform(-1, 1, (3, 3))), scale_atoms=True
        )
        atoms.positions += 0.15 * rng.normal(size=(len(atoms), 3))
        structures.append(atoms)
    return structures


def mixed_structures(elements: list[str], n: int, seed: int = 0) -> list[Atoms]:
    """Random periodic systems of several elements."""
    rng = np.random.default_rng(seed)
    return [
        random_system(elements, int(rng.integers(2**31)), int(rng.integers(4, 9)), (True,) * 3, 2.0)
        for _ in range(n)
    ]


def teacher(elements: list[str], seed: int = 1, energies: list[float] | None = None) -> Potential:
    """A linear ACE of the small basis with random coefficients."""
    config = small_config()
    n = len(elements)
    distances = Distances(np.full((n, n), CLOSEST), np.full((n, n), NEAREST), [])
    model = LinearAce(
        config.basis, elements, make_bonds(config.basis, config.radial, elements, distances)
    )
    rng = np.random.default_rng(seed)
    sizes = model.expected_sizes(config.prior, 1.5)
    coefficients = sizes * rng.normal(size=model.n_functions)
    contents = ace_contents(model, coefficients, np.array(energies or [0.0] * n))
    return potential_of(contents, "teacher")


def label(structures: list[Atoms], potential: Potential, group: str = "all") -> list[Frame]:
    """Frames with energies, forces and stresses of a potential."""
    evaluator = potential.make_evaluator(threads=1)
    frames = []
    for k, atoms in enumerate(structures):
        result = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        stress = result.get("stress") if atoms.pbc.all() else None
        frames.append(
            Frame(atoms, result["energy"], result["forces"], stress, group, k, "made.extxyz")
        )
    return frames


def noisy_silicon(n: int, noise: float) -> list[Frame]:
    """Labelled silicon with random numbers added to the forces, so that data decide differently.

    noise: their standard deviation, eV/angstrom.
    """
    frames = label(silicon_structures(n), teacher(["Si"], energies=[-5.0]))
    rng = np.random.default_rng(3)
    for frame in frames:
        frame.forces = frame.forces + noise * rng.normal(size=frame.forces.shape)
    return frames


def write_frames(path: Path, frames: list[Frame]) -> None:
    """Write frames as extxyz."""
    images = []
    for frame in frames:
        atoms = frame.atoms.copy()
        values = {"energy": frame.energy, "forces": frame.forces, "stress": frame.stress}
        atoms.calc = SinglePointCalculator(
            atoms, **{k: v for k, v in values.items() if v is not None}
        )
        atoms.info["group"] = frame.group
        images.append(atoms)
    ase.io.write(path, images, format="extxyz")
