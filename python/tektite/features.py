# SPDX-License-Identifier: BSD-3-Clause
"""What all descriptors of atoms offer in Python."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import UnknownSpeciesError


@dataclasses.dataclass
class EdgeGradients:
    """Explicit gradients of the features of one system.

    The edges of atom i are first[i] to first[i + 1]; atoms that were not asked for have none.
    features: (n, n_features), zero for atoms that were not asked for; first: (n + 1,);
    neighbors: (n_edges,) atom j; vectors: (n_edges, 3) r_j + shift - r_i, angstrom;
    gradients: (n_edges, 3, n_features), dp_i/dr_ij, 1/angstrom: what atom j adds to dp_i/dr_j, and
    its negative to dp_i/dr_i.
    """

    features: NDArray[np.float64]
    first: NDArray[np.int64]
    neighbors: NDArray[np.int32]
    vectors: NDArray[np.float64]
    gradients: NDArray[np.float64]


class AtomFeatures(abc.ABC):
    """Environments of atoms as vectors; see `tektite.SOAP` and `tektite.ACE`.

    Attributes
    ----------
    elements : list of str
        Chemical symbols; all atoms must be of these.
    cutoff : float
        The largest, angstrom.
    """

    def __init__(self, elements: str | Sequence[str]):
        self.elements = [elements] if isinstance(elements, str) else list(elements)
        self._species_of_number = np.full(len(chemical_symbols), -1, dtype=np.int32)
        for k, symbol in enumerate(self.elements):
            if symbol not in atomic_numbers or self.elements.count(symbol) > 1:
                raise ValueError(f"elements: '{symbol}' is not a chemical symbol or is given twice")
            self._species_of_number[atomic_numbers[symbol]] = k
        self.cutoff = 0.0
        self._engine: _core.DescriptorCalculator

    @abc.abstractmethod
    def model_contents(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Object `descriptor` of a model file's metadata, and the arrays that belong to it."""

    @property
    def n_features(self) -> int:
        """Length of the vectors."""
        return self._engine.n_features

    @property
    def description(self) -> str:
        """The path taken: instruction set, precision, threads."""
        return self._engine.description

    def features(self, systems: Atoms | Iterable[Atoms]) -> NDArray | list[NDArray]:
        """Features of all atoms: (n, n_features) for one system, a list of such for several.

        Raises
        ------
        UnknownSpeciesError
            An element that is not among `elements`; names the atom.
        ValueError
            Two atoms at one place, or a periodic direction without a cell vector.
        NotFiniteError
            A position or the cell is not finite.
        """
        frames = [systems] if isinstance(systems, Atoms) else list(systems)
        rows = self._features(frames)
        if isinstance(systems, Atoms):
            return rows
        return np.split(rows, np.cumsum([len(a) for a in frames])[:-1]) if frames else []

    def averages(self, systems: Atoms | Iterable[Atoms]) -> NDArray[np.float64]:
        """Features averaged over the atoms of each system, (n_systems, n_features).

        Raises
        ------
        ValueError
            A system has no atoms; otherwise as `features`.
        """
        frames = [systems] if isinstance(systems, Atoms) else list(systems)
        out = np.empty((len(frames), self.n_features))
        for k, rows in enumerate(self.features(frames)):
            if not len(rows):
                raise ValueError(f"system {k} has no atoms to average over")
            out[k] = rows.mean(axis=0)
        return out

    def gradient(self, atoms: Atoms, adjoint: ArrayLike) -> tuple[NDArray, NDArray]:
        """Gradient of E = sum_i adjoint_i . p_i without ever holding that of a feature.

        Parameters
        ----------
        atoms : Atoms
            One system.
        adjoint : array_like, (n, n_features)
            dE/dp of every atom.

        Returns
        -------
        gradient : (n, 3)
            dE/dr of every atom.
        strain_gradient : (3, 3)
            sum_edges r_a dE/dr_b: the derivative with respect to a homogeneous strain.

        Raises
        ------
        ValueError
            The adjoint has another shape; otherwise as `features`.
        """
        adjoint = np.asarray(adjoint, dtype=np.float64)
        if adjoint.shape != (len(atoms), self.n_features):
            raise ValueError(
                f"the adjoint must have the shape ({len(atoms)}, {self.n_features}), "
                f"got {adjoint.shape}"
            )
        forces, virial = self._engine.gradient(
            atoms.positions, self._species(atoms, 0), atoms.cell.array, atoms.pbc, adjoint
        )
        return -forces, -virial

    def edge_gradients(self, atoms: Atoms, centers: ArrayLike | None = None) -> EdgeGradients:
        """Gradients of every feature with respect to every edge: 24 n_features bytes an edge.

        The memory of the last two results is kept, and used again when nobody holds them any more:
        a loop is quickest if it holds one result at a time.

        Parameters
        ----------
        atoms : Atoms
            One system.
        centers : array_like of int, optional
            Atoms whose features are wanted; default: all.

        Raises
        ------
        ValueError
            There is no such atom; otherwise as `features`.
        """
        centers = np.arange(len(atoms)) if centers is None else np.unique(centers)
        return EdgeGradients(
            **self._engine.edge_gradients(
                atoms.positions, self._species(atoms, 0), atoms.cell.array, atoms.pbc, centers
            )
        )

    def _species(self, atoms: Atoms, system: int) -> NDArray[np.int32]:
        species = self._species_of_number[atoms.numbers]
        if np.any(species < 0):
            atom = int(np.argmax(species < 0))
            raise UnknownSpeciesError(
                f"system {system}: atom {atom} is {atoms.symbols[atom]}, which is not among the "
                f"elements {', '.join(self.elements)}"
            )
        return species

    def _features(self, frames: list[Atoms]) -> NDArray[np.float64]:
        if not frames:
            return np.empty((0, self.n_features))
        return self._engine.features(
            np.concatenate([a.positions for a in frames]),
            np.concatenate([self._species(a, k) for k, a in enumerate(frames)]),
            np.cumsum([0, *(len(a) for a in frames)]),
            np.array([a.cell.array for a in frames]),
            np.array([a.pbc for a in frames]),
        )
