# SPDX-License-Identifier: BSD-3-Clause
"""What the model learns from: structures of silicon, and the teacher's answers."""

from __future__ import annotations

import ase.build
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from dynamics import Simulation

from tektite.data import Frame

# K; Tersoff silicon melts near 2500 K, a perfect crystal without surfaces only far above.
HOT, LIQUID = 4000.0, 3000.0


def strained_crystals(
    random: np.random.Generator, n: int, strain: float, rattling: tuple[float, float]
) -> list[Atoms]:
    """Crystals of 8 and 32 atoms, every fourth one without rattling.

    strain: largest component. rattling: least and largest standard deviation, Å.
    """
    found = []
    for k in range(n):
        atoms = ase.build.bulk("Si", cubic=True, a=5.43) * ((1, 1, 1) if k % 2 else (2, 2, 1))
        deformation = strain * random.uniform(0.1, 1) * random.uniform(-1, 1, (3, 3))
        deformation = np.eye(3) + 0.5 * (deformation + deformation.T)
        atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
        if k % 4 != 1:
            atoms.positions += random.uniform(*rattling) * random.normal(size=(len(atoms), 3))
        found.append(atoms)
    return found


def structures(
    teacher: list[str], n_crystals: int, n_steps: int, n_snapshots: int
) -> list[tuple[str, Atoms]]:
    """Crystals; the teacher's melting, liquid and quench; atoms closer than in any of these.

    teacher: its pair style. n_steps, n_snapshots: of each of the three runs (the quench has twice
    the steps). Each comes with the name of its group.
    """
    random = np.random.default_rng(1)
    found = [("crystal", atoms) for atoms in strained_crystals(random, n_crystals, 0.03, (0, 0.05))]
    found += [("rattled", a) for a in strained_crystals(random, n_crystals, 0.06, (0.02, 0.15))]
    simulation = Simulation(teacher, ase.build.bulk("Si", cubic=True) * (2, 2, 2))
    simulation.heat(2 * HOT)
    for group, steps, begin, end in (
        ("hot", n_steps, HOT, HOT),
        ("liquid", n_steps, LIQUID, LIQUID),
        ("quench", 2 * n_steps, LIQUID, 300.0),
    ):
        snapshots = simulation.snapshots(steps, begin, end, steps // n_snapshots)
        found += [(group, atoms) for atoms in snapshots]
    simulation.close()
    # A model without these can hold atoms together that meet closer than any it has seen.
    fluid = [atoms for group, atoms in found if group in ("hot", "liquid")]
    for k in random.permutation(len(fluid))[: n_snapshots // 2]:
        atoms = fluid[k].copy()
        atoms.set_cell(atoms.cell.array * random.uniform(0.95, 1.05), scale_atoms=True)
        atoms.positions += random.uniform(0.05, 0.2) * random.normal(size=(len(atoms), 3))
        found.append(("close", atoms))
    return found


def labelled(found: list[tuple[str, Atoms]], teacher: Calculator) -> list[Frame]:
    """Frames with energy, forces and stress of the teacher."""
    frames = []
    for k, (group, atoms) in enumerate(found):
        atoms.calc = teacher
        frames.append(
            Frame(
                Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True),
                atoms.get_potential_energy(),
                atoms.get_forces().copy(),
                atoms.get_stress().copy(),
                group,
                k,
                "Tersoff",
            )
        )
        atoms.calc = None
    return frames
