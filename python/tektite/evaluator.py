# SPDX-License-Identifier: BSD-3-Clause
"""Evaluation of a loaded model on plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import NotFiniteError
from tektite.threads import default_threads

if TYPE_CHECKING:
    from tektite.potential import Potential

# Voigt order of ASE (xx yy zz yz xz xy) from the order of the engine (xx yy zz xy xz yz).
_VOIGT_FROM_ENGINE = [0, 1, 2, 5, 4, 3]


class Evaluator:
    """Evaluates one model; keeps the memory and the neighbour list from call to call.

    Parameters
    ----------
    potential : Potential
        The model; if it is on a GPU, the neighbour list is made there too.
    precision : str
        "double", or "mixed": float32 inside an atom's environment, sums in double.
    threads : int, optional
        Number of threads; default: see `default_threads`. With a GPU they prepare batches only.
    skin : float
        The neighbour list reaches this much farther than the cutoff (angstrom) and is rebuilt only
        when an atom has moved by half of it. Results do not depend on it.
    instruction_set : str
        "automatic", or one to insist on: "baseline", "avx2", "avx512".

    Raises
    ------
    ValueError
        An argument has no meaning.
    UnsupportedError
        The processor lacks the instruction set, or the model this precision.
    MemoryError
        A GPU is too small; says how many atoms would fit. `evaluate` raises it too.
    """

    def __init__(
        self,
        potential: Potential,
        precision: str = "double",
        threads: int | None = None,
        skin: float = 0.0,
        instruction_set: str = "automatic",
    ):
        if not skin >= 0 or not np.isfinite(skin):
            raise ValueError(f"the skin must be zero or positive (angstrom), got {skin}")
        if potential.device != "cpu" and instruction_set != "automatic":
            raise ValueError(f"no instruction set '{instruction_set}' on {potential.device}")
        self.potential = potential
        self.threads = default_threads() if threads is None else int(threads)
        self.skin = float(skin)
        self._engine = potential._model.make_evaluator(precision, self.threads, instruction_set)
        self._neighbors = _core.NeighborList()
        self._last: tuple[NDArray, NDArray, NDArray, NDArray] | None = None
        self._knows_distances = bool(np.any(potential.minimum_distances > 0))

    @property
    def description(self) -> str:
        """The path taken: instruction set, precision, threads."""
        return self._engine.description

    @property
    def memory(self) -> int:
        """Bytes that the engine holds for evaluations."""
        return self._engine.memory

    def evaluate(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike | None = None,
        pbc: ArrayLike = False,
        *,
        stresses: bool = False,
        uncertainties: bool = False,
    ) -> dict[str, Any]:
        """Compute energy, forces and stress of one system.

        Parameters
        ----------
        numbers : array_like, (n,)
            Atomic numbers.
        positions : array_like, (n, 3)
            Angstrom; need not lie in the cell.
        cell : array_like, (3, 3), optional
            Rows are the lattice vectors, angstrom.
        pbc : bool or array_like, (3,)
            Which directions are periodic.
        stresses : bool
            Whether per-atom stresses are wanted.
        uncertainties : bool
            Whether per-atom uncertainties are wanted.

        Returns
        -------
        dict
            ``energy`` (eV), ``energies`` ((n,), eV), ``forces`` ((n, 3), eV/angstrom); if the
            cell has a volume ``stress`` ((6,), eV/angstrom^3 in ASE's order and sign); where
            asked for ``stresses`` ((n, 6), adding up to ``stress``; a pair term counts half to
            each of its ends) and ``energies_uncertainty`` ((n,), eV).

        Raises
        ------
        UnknownSpeciesError
            An element that the model does not know; names the atom.
        NotFiniteError
            A position or the cell is not finite, or a result is not; names the atom.
        ValueError
            Two atoms at one place, a periodic direction without a cell vector, wrong shapes.
        UnsupportedError
            Uncertainties of a model that has none.
        """
        positions = np.ascontiguousarray(positions, dtype=np.float64)
        cell = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64)
        if (
            positions.ndim != 2
            or positions.shape[1] != 3
            or np.shape(numbers) != positions.shape[:1]
        ):
            raise ValueError(
                "positions must have the shape (n, 3) and numbers (n,), "
                f"got {positions.shape} and {np.shape(numbers)}"
            )
        if not np.isfinite(positions).all():
            atom = int(np.argmax(~np.isfinite(positions).all(axis=1)))
            raise NotFiniteError(f"the position of atom {atom} is not finite: {positions[atom]}")
        if not np.isfinite(cell).all():
            raise NotFiniteError(f"the cell is not finite: {cell.tolist()}")
        species = self.potential.species(numbers)
        pbc = np.broadcast_to(np.asarray(pbc, dtype=bool), (3,))
        self._last = (positions, species, cell, pbc)
        wanted = {"atom_virials_halved": stresses, "uncertainties": uncertainties}
        if self.potential.device == "cpu":
            self._update_neighbors(self.potential.cutoff)
            raw = self._engine.evaluate(positions, species, self._neighbors, **wanted)
        else:
            raw = self._engine.evaluate_open(
                positions, species, cell, pbc.tolist(), self.skin, **wanted
            )
        forces = raw["forces"]
        if not (np.isfinite(raw["energy"]) and np.isfinite(forces).all()):
            bad = ~(np.isfinite(forces).all(axis=1) & np.isfinite(raw["atom_energies"]))
            raise NotFiniteError(
                f"the energy or force on atom {int(np.argmax(bad))} is not finite; is it far too "
                "close to another atom?"
            )
        results = {"energy": raw["energy"], "energies": raw["atom_energies"], "forces": forces}
        volume = abs(np.linalg.det(cell))
        if volume > 0:
            w = raw["virial"]
            results["stress"] = -0.5 * (w + w.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / volume
            if stresses:
                results["stresses"] = -raw["atom_virials_halved"][:, _VOIGT_FROM_ENGINE] / volume
        if uncertainties:
            results["energies_uncertainty"] = raw["atom_uncertainties"]
        return results

    def evaluate_batch(
        self,
        systems: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]],
    ) -> dict[str, Any]:
        """Compute many systems in one call; threads and lanes are shared by all of them.

        Parameters
        ----------
        systems : sequence of (numbers, positions, cell, pbc)
            Shapes (n,), (n, 3), (3, 3), (3,) each, as for `evaluate`.

        Returns
        -------
        dict
            ``energies`` ((n_systems,), eV); ``stresses`` ((n_systems, 6), eV/angstrom^3, ASE's
            order and sign, NaN where the cell has no volume); ``forces`` (eV/angstrom) and
            ``atom_energies`` (eV), arrays over the atoms of all systems one after another;
            ``offsets`` ((n_systems + 1,), the first atom of each system).

        Raises
        ------
        UnknownSpeciesError, NotFiniteError, ValueError
            As `evaluate`, without saying which of the systems is to blame.
        """
        offsets = np.zeros(len(systems) + 1, dtype=np.int64)
        np.cumsum([len(numbers) for numbers, *_ in systems], out=offsets[1:])
        if systems:
            numbers = np.concatenate([np.asarray(s[0], dtype=np.intp) for s in systems])
            positions = np.concatenate(
                [np.asarray(s[1], dtype=np.float64).reshape(-1, 3) for s in systems]
            )
        else:
            numbers, positions = np.zeros(0, dtype=np.intp), np.zeros((0, 3))
        cells = np.array([s[2] for s in systems], dtype=np.float64).reshape(-1, 3, 3)
        pbc = np.array([s[3] for s in systems], dtype=bool).reshape(-1, 3)
        if not (np.isfinite(positions).all() and np.isfinite(cells).all()):
            raise NotFiniteError("a position or a cell is not finite")
        raw = self._engine.evaluate_batch(
            positions, self.potential.species(numbers), offsets, cells, pbc, self.threads
        )
        if not (np.isfinite(raw["atom_energies"]).all() and np.isfinite(raw["forces"]).all()):
            raise NotFiniteError("an energy or a force is not finite")
        volumes = np.abs(np.linalg.det(cells))
        with np.errstate(divide="ignore", invalid="ignore"):
            stresses = -raw["virials"][:, _VOIGT_FROM_ENGINE] / volumes[:, None]
        stresses[volumes == 0] = np.nan
        return {
            "energies": raw["energies"],
            "stresses": stresses,
            "forces": raw["forces"],
            "atom_energies": raw["atom_energies"],
            "offsets": offsets,
        }

    def closer_than_training(self) -> tuple[int, int, float, float] | None:
        """Find atoms of the last evaluation that are closer than any in the training data.

        Returns
        -------
        tuple or None
            (i, j, distance, smallest distance of these elements in the training data) of the
            worst pair, angstrom; None if there is none or the model does not know its training
            data.
        """
        if not self._knows_distances or self._last is None:
            return None
        if self.potential.device != "cpu":
            # The device keeps its list; a short one is enough here.
            self._update_neighbors(float(self.potential.minimum_distances.max()))
        positions, species, *_ = self._last
        return self.potential._model.closer_than_training(positions, species, self._neighbors)

    def _update_neighbors(self, cutoff: float) -> None:
        """Make the list for the last positions anew if an atom has moved too far."""
        positions, _, cell, pbc = self._last
        self._neighbors.update(positions, cell, pbc, cutoff, self.skin, n_threads=self.threads)
