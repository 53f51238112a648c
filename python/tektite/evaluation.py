# SPDX-License-Identifier: BSD-3-Clause
"""Energies, forces and stresses of many systems at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.evaluator import Evaluator
from tektite.potential import Potential, load

# So many fill the lanes and hide the start of the threads; memory stays small.
_ATOMS_PER_THREAD = 2048
# Several times what a GPU computes at once.
_ATOMS_ON_DEVICE = 500_000

_System = tuple[NDArray, NDArray, NDArray, NDArray]


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
    device: str | None = None,
) -> Evaluation:
    """Evaluate a model on a list of systems.

    Parameters
    ----------
    systems : iterable of Atoms, or one Atoms
        Their calculators are neither used nor changed.
    model : str, path or Potential
        A ``.mlip`` or ``.yace`` file, or what `tektite.load` returns.
    precision, threads, instruction_set
        See `tektite.evaluator.Evaluator`.
    device : str, optional
        "cpu", "cuda" or "cuda:N", which computes many systems in one launch. Default: where the
        model is; a file is loaded to the CPU.

    Raises
    ------
    TektiteError, ValueError, FileNotFoundError
        As `tektite.load` and `tektite.evaluator.Evaluator.evaluate`; what concerns one system
        names it ("system 3: ...").
    """
    potential = model if isinstance(model, Potential) else load(model)
    if device is not None:
        potential = potential.to(device)
    evaluator = potential.make_evaluator(precision, threads, 0.0, instruction_set)
    energies, forces, stresses, atom_energies = [], [], [], []
    n_done = 0
    on_cpu = potential.device == "cpu"
    batch_size = _ATOMS_PER_THREAD * evaluator.threads if on_cpu else _ATOMS_ON_DEVICE
    for batch in _batches([systems] if isinstance(systems, Atoms) else systems, batch_size):
        try:
            results = evaluator.evaluate_batch(batch)
        except Exception:
            _blame_one(evaluator, batch, n_done)
            raise
        inner = results["offsets"][1:-1]
        energies.append(results["energies"])
        stresses.append(results["stresses"])
        forces.extend(np.split(results["forces"], inner))
        atom_energies.extend(np.split(results["atom_energies"], inner))
        n_done += len(batch)
    return Evaluation(
        np.concatenate([np.zeros(0), *energies]),
        forces,
        np.concatenate([np.zeros((0, 6)), *stresses]),
        atom_energies,
    )


def _batches(systems: Iterable[Atoms], n_atoms: int) -> Iterator[list[_System]]:
    """Cut the systems into batches of at least `n_atoms` atoms; none is empty."""
    batch: list[_System] = []
    size = 0
    for atoms in systems:
        batch.append((atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc))
        size += len(atoms)
        if size >= n_atoms:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _blame_one(evaluator: Evaluator, batch: list[_System], first: int) -> None:
    """Raise the error of the first system that has one; its number goes before the message."""
    for k, system in enumerate(batch, start=first):
        try:
            evaluator.evaluate(*system)
        except Exception as error:
            raise type(error)(f"system {k}: {error}") from error
