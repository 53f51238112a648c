# SPDX-License-Identifier: BSD-3-Clause
"""Energies, forces and stresses of many systems at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.potential import Potential, load


@dataclasses.dataclass
class Evaluation:
    """Results for n_systems systems, in their order.

    energies: (n_systems,) eV; forces: one (n, 3) array a system, eV/angstrom; stresses:
    (n_systems, 6), eV/angstrom^3 in ASE's order and sign, NaN where the cell has no volume;
    atom_energies: one (n,) array a system, eV.
    """

    energies: NDArray[np.float64]
    forces: list[NDArray[np.float64]]
    stresses: NDArray[np.float64]
    atom_energies: list[NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.energies)


def evaluate(
    systems: Iterable[Atoms] | Atoms,
    model: str | os.PathLike | Potential,
    *,
    precision: str = "double",
    threads: int | None = None,
    instruction_set: str = "automatic",
) -> Evaluation:
    """Evaluate a model on a list of systems.

    Parameters
    ----------
    systems : iterable of Atoms, or one Atoms
        Their calculators are neither used nor changed.
    model : str, path or Potential
        A ``.mlip`` or ``.yace`` file, or what `tektite.load` returns.
    precision, threads, instruction_set
        See `tektite.potential.Evaluator`.

    Raises
    ------
    TektiteError, ValueError, FileNotFoundError
        As `tektite.load` and `tektite.potential.Evaluator.evaluate`; what concerns one system
        names it ("system 3: ...").
    """
    potential = model if isinstance(model, Potential) else load(model)
    evaluator = potential.make_evaluator(precision, threads, 0.0, instruction_set)
    energies, forces, stresses, atom_energies = [], [], [], []
    for k, atoms in enumerate([systems] if isinstance(systems, Atoms) else systems):
        try:
            results = evaluator.evaluate(
                atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc
            )
        except Exception as error:
            raise type(error)(f"system {k}: {error}") from error
        energies.append(results["energy"])
        forces.append(results["forces"])
        stresses.append(results.get("stress", np.full(6, np.nan)))
        atom_energies.append(results["energies"])
    return Evaluation(
        np.array(energies, dtype=np.float64),
        forces,
        np.array(stresses, dtype=np.float64).reshape(-1, 6),
        atom_energies,
    )
