# SPDX-License-Identifier: BSD-3-Clause
"""The ASE calculator."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from tektite.errors import CloserThanTrainingWarning
from tektite.evaluator import Evaluator
from tektite.potential import Potential, load
from tektite.threads import default_threads


class TektiteCalculator(Calculator):
    """ASE calculator for any model that Tektite runs.

    Properties: energy, free_energy, energies (eV), forces (eV/angstrom), stress, stresses
    (eV/angstrom^3, ASE's order and sign), and energies_uncertainty (eV) if the model has one.

    Parameters
    ----------
    model : str, path or Potential
        A ``.mlip`` or ``.yace`` file, or what `tektite.load` returns.
    precision : str
        "double", or "mixed": float32 inside an atom's environment, sums in double.
    threads : int, optional
        Number of threads. Default: the environment variable ``TEKTITE_NUM_THREADS``, else
        ``OMP_NUM_THREADS``, else all processors that this process may use.
    skin : float
        Verlet skin of the neighbour list, angstrom. Only the time depends on it.
    instruction_set : str
        "automatic", or one to insist on: "baseline", "avx2", "avx512".
    device : str, optional
        "cpu", "cuda" (the first GPU that this process sees) or "cuda:N". Default: where the model
        is; a file is loaded to the CPU.
    deterministic : bool
        On a GPU: the same input gives the same bits, which costs time.
    atoms, directory, label
        As for `ase.calculators.calculator.Calculator`.

    Raises
    ------
    FileNotFoundError, ModelFileError, UnsupportedError
        See `tektite.load` and `tektite.Potential.to`.
    ValueError
        An argument has no meaning.

    Notes
    -----
    Calculations raise `UnknownSpeciesError`, `NotFiniteError` and ``ValueError`` as
    `tektite.evaluator.Evaluator.evaluate` does, and warn once (`CloserThanTrainingWarning`) when
    two atoms come closer than any in the training data.
    """

    name = "tektite"
    implemented_properties: ClassVar[list[str]] = [
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
        "stresses",
    ]
    # The energy does not depend on these.
    ignored_changes: ClassVar[set[str]] = {"initial_charges", "initial_magmoms"}

    def __init__(
        self,
        model: str | os.PathLike | Potential,
        precision: str = "double",
        threads: int | None = None,
        skin: float = 0.5,
        instruction_set: str = "automatic",
        *,
        device: str | None = None,
        deterministic: bool = False,
        atoms: Atoms | None = None,
        directory: str | os.PathLike = ".",
        label: str | None = None,
    ):
        self.potential = model if isinstance(model, Potential) else load(model)
        if device is not None:
            self.potential = self.potential.to(device, deterministic=deterministic)
        elif deterministic:
            raise ValueError("deterministic needs a device: device='cuda'")
        if self.potential.has_uncertainty:
            self.implemented_properties = [
                *TektiteCalculator.implemented_properties,
                "energies_uncertainty",
            ]
        self._evaluator: Evaluator | None = None
        self._warned = False
        super().__init__(
            model=self.potential.name,
            precision=precision,
            threads=default_threads() if threads is None else threads,
            skin=skin,
            instruction_set=instruction_set,
            device=self.potential.device,
            atoms=atoms,
            directory=directory,
            label=label,
        )
        self._make_evaluator()

    def _make_evaluator(self) -> Evaluator:
        if self._evaluator is None:
            p = self.parameters
            self._evaluator = self.potential.make_evaluator(
                p["precision"], p["threads"], p["skin"], p["instruction_set"]
            )
        return self._evaluator

    @property
    def description(self) -> str:
        """The path taken: instruction set, precision, threads; or the GPU and precision."""
        return self._make_evaluator().description

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change precision, threads, skin or instruction_set; returns what has changed.

        Raises
        ------
        TypeError
            A name that is none of these.
        """
        known = ("precision", "threads", "skin", "instruction_set")
        if "model" in self.parameters:
            for key in kwargs:
                if key not in known:
                    raise TypeError(f"unknown parameter '{key}'; known: {', '.join(known)}")
        changed = super().set(**kwargs)
        if changed:
            self.reset()
            self._evaluator = None
        return changed

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """Names of what has changed since the last calculation, compared exactly."""
        old = self.atoms
        if old is None:
            return list(all_changes)
        pairs = {
            "positions": (old.positions, atoms.positions),
            "numbers": (old.numbers, atoms.numbers),
            "cell": (old.cell.array, atoms.cell.array),
            "pbc": (old.pbc, atoms.pbc),
        }
        return [name for name, (a, b) in pairs.items() if not np.array_equal(a, b)]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything that costs nothing extra, and the properties asked for."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms
        results = self._make_evaluator().evaluate(
            atoms.numbers,
            atoms.positions,
            atoms.cell.array,
            atoms.pbc,
            stresses="stresses" in properties,
            uncertainties="energies_uncertainty" in properties,
        )
        results["free_energy"] = results["energy"]
        self.results = results
        for name in ("stress", "stresses"):
            if name in properties and name not in results:
                raise PropertyNotImplementedError(
                    f"{name}: this cell has no volume; give the atoms a cell of three vectors"
                )
        if not self._warned:
            self._warn_if_close()

    def _warn_if_close(self) -> None:
        pair = self._make_evaluator().closer_than_training()
        if pair is not None:
            i, j, distance, limit = pair
            symbols = self.atoms.symbols
            self._warned = True
            warnings.warn(
                f"atoms {i} ({symbols[i]}) and {j} ({symbols[j]}) are {distance:.3f} Å apart; the "
                f"training data of {self.potential.name} have no such pair closer than "
                f"{limit:.3f} Å, so expect nothing of the energies there (said once)",
                CloserThanTrainingWarning,
                stacklevel=2,
            )

    def __getstate__(self) -> dict[str, Any]:
        # The evaluator holds memory and threads of this process; a copy makes its own.
        return {**self.__dict__, "_evaluator": None}
