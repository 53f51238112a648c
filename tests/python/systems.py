# SPDX-License-Identifier: BSD-3-Clause
"""Random systems for property tests."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import strategies as st


def random_system(
    elements: list[str],
    seed: int,
    n_atoms: int,
    periodic: tuple[bool, bool, bool],
    closest: float = 1.7,
) -> Atoms:
    """Atoms in a random triclinic cell, none closer than `closest` to another or to an image.

    Cells of one to three angstrom more than `closest`, so usually smaller than the cutoff.
    """
    rng = np.random.default_rng(seed)
    size = closest * (1.1 + n_atoms ** (1 / 3) * rng.uniform(0.9, 1.5, size=3))
    for attempt in range(1000):
        cell = np.diag(size * (1 + 0.02 * attempt)) + 0.25 * size[0] * rng.uniform(
            -1, 1, size=(3, 3)
        )
        positions = rng.uniform(-0.2, 1.2, size=(n_atoms, 3)) @ cell
        atoms = Atoms(rng.choice(elements, size=n_atoms), positions, cell=cell, pbc=periodic)
        if len(neighbor_list("i", atoms, closest)) == 0:
            return atoms
    raise AssertionError("no system found")


def varied_systems(elements: list[str], repeats: tuple[int, int, int]) -> list[Atoms]:
    """A lone atom, a cluster, a cell smaller than the cutoff, a slab, and a rattled crystal.

    repeats: of the crystal's cubic cell of 8 atoms; a third of them are of the first element.
    """
    crystal = bulk("Si", cubic=True) * repeats
    crystal.rattle(0.2, seed=1)
    crystal.symbols[::3] = elements[0]
    return [
        Atoms(elements[0]),
        random_system(elements, 1, 2, (False, False, False)),
        random_system(elements, 2, 1, (True, True, True)),
        random_system(elements, 3, 5, (True, False, True)),
        crystal,
    ]


@st.composite
def systems(draw, elements: list[str], min_atoms: int = 1, max_atoms: int = 6) -> Atoms:
    """Hypothesis strategy of `random_system` over sizes and kinds of periodicity."""
    return random_system(
        elements,
        seed=draw(st.integers(0, 2**32 - 1)),
        n_atoms=draw(st.integers(min_atoms, max_atoms)),
        periodic=draw(st.tuples(st.booleans(), st.booleans(), st.booleans())),
    )
