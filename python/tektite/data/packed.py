# SPDX-License-Identifier: BSD-3-Clause
"""Frames in little memory: bare arrays of many together, instead of an Atoms for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.data.frames import Frame

# Frames of a block: enough that its arrays weigh more than what Python needs for them.
_BLOCK_ATOMS, _BLOCK_FRAMES = 16384, 4096


class _Block:
    """Arrays of some frames, one after the other."""

    def __init__(self, frames: Sequence[Frame], keep: Collection[str]):
        self.offsets = np.cumsum([0, *(f.n_atoms for f in frames)])
        self.numbers = np.concatenate([f.numbers for f in frames]).astype(np.uint8)
        self.positions = np.concatenate([f.atoms.positions for f in frames])
        self.cells = np.array([f.atoms.cell.array for f in frames])
        self.periodic = np.array([f.atoms.pbc for f in frames])
        self.energies = [f.energy for f in frames]
        self.forces: NDArray[np.float64] | None = None
        self.has_forces = np.array([f.forces is not None for f in frames])
        if self.has_forces.any():
            nothing = [np.zeros((f.n_atoms if f.forces is None else 0, 3)) for f in frames]
            self.forces = np.concatenate(
                [n if f.forces is None else f.forces for f, n in zip(frames, nothing)]
            )
        self.stresses = [None if f.stress is None else tuple(f.stress) for f in frames]
        self.groups = [f.group for f in frames]
        self.indices = [f.index for f in frames]
        self.sources = [f.source for f in frames]
        self.info = [
            {key: f.atoms.info[key] for key in keep if key in f.atoms.info} or None for f in frames
        ]


class PackedFrame(Frame):
    """A frame whose values are in arrays of many; Atoms are made anew whenever they are asked for.

    Changes of these Atoms are lost, and arrays are not to be changed.
    """

    __slots__ = ("_block", "_k")

    def __init__(self, block: _Block, k: int):
        self._block, self._k = block, k

    @property
    def _atoms_place(self) -> slice:
        return slice(self._block.offsets[self._k], self._block.offsets[self._k + 1])

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return int(self._block.offsets[self._k + 1] - self._block.offsets[self._k])

    @property
    def numbers(self) -> NDArray[np.uint8]:
        """Atomic numbers, (n,)."""
        return self._block.numbers[self._atoms_place]

    @property
    def positions(self) -> NDArray[np.float64]:
        """See `Frame`."""
        return self._block.positions[self._atoms_place]

    @property
    def cell(self) -> NDArray[np.float64]:
        """See `Frame`."""
        return self._block.cells[self._k]

    @property
    def pbc(self) -> NDArray[np.bool_]:
        """See `Frame`."""
        return self._block.periodic[self._k]

    @property
    def atoms(self) -> Atoms:  # type: ignore[override]
        """The structure, with those entries of `info` that were to be kept."""
        return Atoms(
            numbers=self.numbers,
            positions=self.positions,
            cell=self.cell,
            pbc=self.pbc,
            info=self._block.info[self._k],
        )

    @property
    def energy(self) -> float | None:  # type: ignore[override]
        """See `Frame`."""
        return self._block.energies[self._k]

    @property
    def forces(self) -> NDArray[np.float64] | None:  # type: ignore[override]
        """See `Frame`."""
        if self._block.forces is None or not self._block.has_forces[self._k]:
            return None
        return self._block.forces[self._atoms_place]

    @property
    def stress(self) -> NDArray[np.float64] | None:  # type: ignore[override]
        """See `Frame`."""
        values = self._block.stresses[self._k]
        return None if values is None else np.array(values)

    @property
    def group(self) -> str:  # type: ignore[override]
        """See `Frame`."""
        return self._block.groups[self._k]

    @property
    def index(self) -> int:  # type: ignore[override]
        """See `Frame`."""
        return self._block.indices[self._k]

    @property
    def source(self) -> str:  # type: ignore[override]
        """See `Frame`."""
        return self._block.sources[self._k]

    def __repr__(self) -> str:
        return f"PackedFrame({self.label}, {self.n_atoms} atoms)"


def pack_frames(frames: Iterable[Frame], keep: Collection[str] = ()) -> list[Frame]:
    """Copy frames, one after the other, into arrays of many: about 57 bytes an atom, 400 a frame.

    keep: names of entries of `Atoms.info` that are kept; all else but numbers, positions, cell and
    reference values is dropped.
    """
    return list(_packed(frames, keep))


def _packed(frames: Iterable[Frame], keep: Collection[str]) -> Iterator[Frame]:
    waiting: list[Frame] = []
    texts: dict[str, str] = {}
    n_atoms = 0
    for frame in frames:
        # Thousands of frames share a few names.
        frame.group = texts.setdefault(frame.group, frame.group)
        frame.source = texts.setdefault(frame.source, frame.source)
        waiting.append(frame)
        n_atoms += frame.n_atoms
        if n_atoms >= _BLOCK_ATOMS or len(waiting) >= _BLOCK_FRAMES:
            yield from _block_frames(waiting, keep)
            waiting, n_atoms = [], 0
    if waiting:
        yield from _block_frames(waiting, keep)


def _block_frames(frames: Sequence[Frame], keep: Collection[str]) -> Iterator[Frame]:
    block = _Block(frames, keep)
    return (PackedFrame(block, k) for k in range(len(frames)))
