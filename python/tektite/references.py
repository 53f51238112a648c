# SPDX-License-Identifier: BSD-3-Clause
"""Small structures for any set of elements, with which a model file can be checked anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import ase.build
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

_SEED = 20240229


def _bond_length(first: str, second: str) -> float:
    return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])


def _crystal(element: str) -> Atoms:
    try:
        atoms = ase.build.bulk(element)
    except (ValueError, RuntimeError):  # no simple crystal structure in ASE's table
        atoms = ase.build.bulk(element, "fcc", a=np.sqrt(2) * 1.1 * _bond_length(element, element))
    return atoms if len(atoms) > 1 else atoms * (2, 1, 1)


def _mixture(elements: Sequence[str], rng: np.random.Generator) -> Atoms:
    pairs = [_bond_length(a, b) for a in elements for b in elements]
    atoms = ase.build.bulk("X", "fcc", a=np.sqrt(2) * 1.15 * float(np.mean(pairs)), cubic=True)
    atoms *= (2, 2, 1 + len(elements) // 8)
    symbols = [elements[k % len(elements)] for k in range(len(atoms))]
    rng.shuffle(symbols)
    atoms.symbols = symbols
    return atoms


def _cluster(elements: Sequence[str], rng: np.random.Generator) -> Atoms:
    """Each atom about a bond length from one before it and from no atom much less."""
    symbols = [elements[k % len(elements)] for k in range(max(5, len(elements)))]
    positions = [np.zeros(3)]
    for k in range(1, len(symbols)):
        while True:
            other = int(rng.integers(k))
            step = rng.normal(size=3)
            step *= 1.05 * _bond_length(symbols[k], symbols[other]) / np.linalg.norm(step)
            new = positions[other] + step
            if all(
                np.linalg.norm(new - r) > 0.95 * _bond_length(symbols[k], s)
                for r, s in zip(positions, symbols)
            ):
                positions.append(new)
                break
    return Atoms(symbols, positions)


def default_references(elements: Sequence[str]) -> list[tuple[str, Atoms]]:
    """Return structures of these elements, each time the same: crystals, a mixture, a cluster.

    Strained and rattled, so that no force vanishes by symmetry: a crystal of each element (its
    own structure where ASE knows it), a periodic mixture if there are several elements, and a
    free cluster. Bond lengths are those of covalent radii.
    """
    rng = np.random.default_rng(_SEED)
    periodic = [(f"crystal {element}", _crystal(element)) for element in elements]
    if len(elements) > 1:
        periodic.append(("mixture", _mixture(elements, rng)))
    for _, atoms in periodic:
        strain = np.eye(3) + 0.02 * rng.uniform(-1, 1, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.positions += 0.08 * rng.uniform(-1, 1, size=(len(atoms), 3))
    return [*periodic, ("cluster", _cluster(elements, rng))]
