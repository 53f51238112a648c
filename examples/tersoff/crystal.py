# SPDX-License-Identifier: BSD-3-Clause
"""Properties of crystalline silicon from any ASE calculator."""

from __future__ import annotations

import ase.build
import numpy as np
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS
from ase.units import GPa, _amu, _e
from scipy.optimize import minimize_scalar


def lattice_constant(calculator: Calculator) -> float:
    """Of the diamond structure, Å."""

    def energy(a: float) -> float:
        atoms = ase.build.bulk("Si", cubic=True, a=a)
        atoms.calc = calculator
        return atoms.get_potential_energy()

    found = minimize_scalar(energy, bounds=(5.2, 5.7), method="bounded", options={"xatol": 1e-7})
    return float(found.x)


def elastic_constants(calculator: Calculator, a: float, strain: float = 2e-3) -> np.ndarray:
    """C11, C12, C44 in GPa at 0 K, positions relaxed, by central differences of the stress."""

    def stress(component: int, amount: float) -> np.ndarray:
        atoms = ase.build.bulk("Si", cubic=True, a=a)
        deformation = np.eye(3)
        if component == 0:
            deformation[0, 0] += amount
        else:
            deformation[1, 2] = deformation[2, 1] = 0.5 * amount
        atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
        atoms.calc = calculator
        BFGS(atoms, logfile=None).run(fmax=1e-6, steps=200)
        return atoms.get_stress()

    first = (stress(0, strain) - stress(0, -strain)) / (2 * strain * GPa)
    shear = (stress(3, strain) - stress(3, -strain)) / (2 * strain * GPa)
    return np.array([first[0], first[1], shear[3]])


def phonon_frequencies(calculator: Calculator, a: float, n: int = 2) -> np.ndarray:
    """All frequencies (THz, ascending) at wave vectors that fit a cell of n³ cubic cells.

    Imaginary ones are negative.
    """
    atoms = ase.build.bulk("Si", cubic=True, a=a) * (n, n, n)
    atoms.calc = calculator
    step = 0.01
    constants = np.empty((3 * len(atoms), 3 * len(atoms)))
    origin = atoms.positions.copy()
    for k in range(3 * len(atoms)):
        forces = []
        for sign in (1, -1):
            atoms.positions[:] = origin
            atoms.positions[k // 3, k % 3] += sign * step
            forces.append(atoms.get_forces().ravel())
        constants[k] = -(forces[0] - forces[1]) / (2 * step)
    constants = 0.5 * (constants + constants.T) / atoms.get_masses()[0]
    squares = np.linalg.eigvalsh(constants) * _e / _amu * 1e20
    return np.sign(squares) * np.sqrt(np.abs(squares)) / (2 * np.pi) * 1e-12
