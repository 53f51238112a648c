# SPDX-License-Identifier: BSD-3-Clause
"""Frames of a training with their neighbour lists, as many of these as memory is given for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import TektiteError

Structure = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]

# Bytes of a neighbour in a list, at most.
EDGE_BYTES = 20.5

# Sums over frames are made in parts of so many atoms, whether lists are kept or not.
PART_ATOMS = 32768


class PreparedFrames:
    """Frames, and the neighbour lists of those in front, for all steps of a training.

    Frames are worked on in parts of about `PART_ATOMS` atoms. Lists of a part are kept if they fit
    into what is left of `hold`; the others are made whenever they are needed, some 3 µs an atom.
    Sums are made in the same order in either case.

    Parameters
    ----------
    frames : sequence of (positions, cell, pbc, species)
        See `TrainableAce.prepare`.
    n_elements : int
        Species are below it.
    cutoff : float
        Å.
    threads : int
        That make neighbour lists.
    hold : float
        Bytes of neighbour lists to keep.

    Attributes
    ----------
    n_atoms : array of int64, shape (n_frames,)
    offsets : array of int64, shape (n_frames + 1,)
        The atoms of frame f are offsets[f] .. offsets[f + 1] in arrays over all atoms.
    n_edges : int
        Number of neighbours of all atoms.
    memory : int
        Bytes held.

    Raises
    ------
    ValueError
        Names the frame that makes no sense.
    """

    def __init__(
        self,
        frames: Sequence[Structure],
        n_elements: int,
        cutoff: float,
        threads: int,
        hold: float = float("inf"),
    ):
        self.n_atoms = np.array([len(np.atleast_1d(f[3])) for f in frames], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.n_atoms)]).astype(np.int64)
        n = len(frames)
        positions = [np.reshape(np.asarray(f[0], dtype=np.float64), (-1, 3)) for f in frames]
        for k, p in enumerate(positions):
            if len(p) != self.n_atoms[k]:
                raise ValueError(f"frame {k}: {len(p)} positions but {self.n_atoms[k]} species")
        self._positions = np.concatenate([np.empty((0, 3)), *positions])
        self._species = np.concatenate(
            [np.empty(0, np.int32), *(np.atleast_1d(f[3]) for f in frames)]
        ).astype(np.int32)
        self._cells = np.array([np.asarray(f[1], dtype=np.float64) for f in frames])
        self._cells = self._cells.reshape(n, 3, 3)
        self._periodic = np.array([np.broadcast_to(f[2], 3) for f in frames], dtype=bool)
        self._periodic = self._periodic.reshape(n, 3)
        self._n_elements, self._cutoff, self._threads = n_elements, cutoff, threads
        self._first: list[int] = []
        self._held: list[_core.TrainingFrames] = []
        self.n_edges = 0
        self.memory = self._positions.nbytes + self._species.nbytes + 97 * n
        for indices in self._runs(np.arange(n)):
            part = self._make(indices)
            self.n_edges += part.n_edges
            if len(self._held) == len(self._first) and part.memory <= hold:
                hold -= part.memory
                self.memory += part.memory
                self._held.append(part)
            self._first.append(int(indices[0]))

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def n_held(self) -> int:
        """Number of frames whose neighbour lists are kept."""
        return [*self._first, len(self)][len(self._held)]

    def _runs(self, indices: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Pieces of `indices`, each as long as it takes to reach `PART_ATOMS` atoms."""
        before = np.concatenate([[0], np.cumsum(self.n_atoms[indices])])
        begin = 0
        while begin < len(indices):
            end = int(np.searchsorted(before, before[begin] + PART_ATOMS))
            end = max(begin + 1, min(end, len(indices)))
            yield indices[begin:end]
            begin = end

    def _make(self, indices: NDArray[np.int64]) -> _core.TrainingFrames:
        """Some frames, one after the other, with their neighbour lists."""
        counts = self.n_atoms[indices]
        if len(indices) and np.all(np.diff(indices) == 1):
            atoms: slice | NDArray = slice(self.offsets[indices[0]], self.offsets[indices[-1] + 1])
        else:
            pieces = [np.arange(self.offsets[f], self.offsets[f + 1]) for f in indices]
            atoms = np.concatenate([np.zeros(0, np.int64), *pieces])
        try:
            return _core.TrainingFrames(
                self._positions[atoms],
                self._species[atoms],
                np.concatenate([[0], np.cumsum(counts)]),
                self._cells[indices],
                self._periodic[indices],
                self._n_elements,
                self._cutoff,
                self._threads,
            )
        except (TektiteError, ValueError) as error:
            # The engine counts the frames that it is given.
            text = re.sub(
                r"^(frame|system) (\d+)",
                lambda found: f"{found[1]} {indices[int(found[2])]}",
                str(error),
            )
            raise type(error)(text) from None

    def parts(
        self, indices: NDArray[np.int64]
    ) -> Iterator[tuple[_core.TrainingFrames, NDArray[np.int64], NDArray[np.int64]]]:
        """Pieces of `indices`: frames with lists, which of them, and the same in this numbering."""
        if len(indices) == 0:
            yield self._make(indices), indices, indices
        ends = [*self._first, len(self)]
        for piece in self._runs(indices):
            place = int(np.searchsorted(self._first, piece.min(), side="right")) - 1
            if place < len(self._held) and piece.max() < ends[place + 1]:
                yield self._held[place], piece - self._first[place], piece
                continue
            # Frames that occur several times are listed once.
            own, places = np.unique(piece, return_inverse=True)
            yield self._make(own), places.astype(np.int64), piece
