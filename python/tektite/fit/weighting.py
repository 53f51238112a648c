# SPDX-License-Identifier: BSD-3-Clause
"""Weights of frames in the loss: by group, from the data file, or by energy above the hull."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.dataset import species_of
from tektite.fit.loss_config import LossConfig, WeightingConfig


class ConvexHull:
    """Lower convex hull of energies per atom over composition.

    Parameters
    ----------
    frames : sequence of Frame
        Those without an energy are left out.
    elements : sequence of str
        All that occur.
    """

    def __init__(self, frames: Sequence[Frame], elements: Sequence[str]):
        self._elements = list(elements)
        lowest: dict[tuple[float, ...], float] = {}
        for frame in frames:
            if frame.energy is not None:
                key = tuple(self._composition(frame))
                energy = frame.energy / frame.n_atoms
                lowest[key] = min(energy, lowest.get(key, np.inf))
        self._compositions = np.array(list(lowest)).reshape(-1, len(self._elements))
        self._energies = np.array(list(lowest.values()))
        self._known: dict[tuple[float, ...], float] = {}

    def _composition(self, frame: Frame) -> NDArray[np.float64]:
        counts = np.bincount(species_of(frame, self._elements), minlength=len(self._elements))
        return np.round(counts / frame.n_atoms, 12)

    def energy_above(self, frame: Frame) -> float:
        """Energy per atom above the hull, eV; 0 at least.

        The hull at a composition is the lowest energy of a mixture of the frames with that
        composition (a linear program).

        Raises
        ------
        DataError
            The frame has no energy, or no mixture of frames has its composition.
        """
        if frame.energy is None:
            raise DataError(f"{frame.label}: no energy, but loss.weighting asks for the hull")
        composition = self._composition(frame)
        key = tuple(composition)
        if key not in self._known:
            if len(self._energies) == 0:
                raise DataError("loss.weighting: no frame has an energy")
            found = scipy.optimize.linprog(
                self._energies, A_eq=self._compositions.T, b_eq=composition, bounds=(0, None)
            )
            if not found.success:
                raise DataError(
                    f"{frame.label}: its composition is no mixture of those of the training data"
                )
            self._known[key] = float(found.fun)
        return max(frame.energy / frame.n_atoms - self._known[key], 0.0)


def balanced_factors(frames: Sequence[Frame], balance: float) -> dict[str, float]:
    """Factor of each group under which small groups weigh as much as large ones (`balance` 1).

    Frames of one atom are left out: their energies are given or fitted exactly, and a group of them
    would get a factor of hundreds.
    """
    counts: Counter[str] = Counter()
    for frame in frames:
        if len(frame.atoms) > 1:
            counts[frame.group] += len(frame.atoms)
    mean = counts.total() / max(len(counts), 1)
    return {group: (mean / n) ** (balance / 2) for group, n in counts.items()}


class FrameWeights:
    """Factor of each frame on all of its weights, made from the training frames.

    Raises
    ------
    DataError
        See `ConvexHull.energy_above`; or a frame lacks its weight, or has one that is negative or
        no number.
    """

    def __init__(self, config: WeightingConfig, frames: Sequence[Frame], elements: Sequence[str]):
        self._config = config
        self._hull = ConvexHull(frames, elements) if config.kind == "hull" else None
        balanced = config.kind == "balanced"
        self._groups = balanced_factors(frames, config.balance) if balanced else {}

    def __call__(self, frame: Frame) -> float:
        """Return the factor."""
        config = self._config
        if self._hull is not None:
            return config.scale / (config.scale + self._hull.energy_above(frame))
        if config.kind in ("uniform", "balanced"):
            return self._groups.get(frame.group, 1.0) if len(frame.atoms) > 1 else 1.0
        value = frame.atoms.info.get(config.key)
        if value is None:
            raise DataError(f"{frame.label}: no '{config.key}', which loss.weighting asks for")
        try:
            factor = float(value)
        except (TypeError, ValueError):
            factor = -1.0
        if not 0 <= factor < np.inf:
            raise DataError(f"{frame.label}: '{config.key}' is {value}, not a number from 0")
        return factor


class LossWeights:
    """Factors of the rows of each frame: w_E and w_S over √n or n, and w_F, of its group.

    frames, elements: as for `FrameWeights`, which also tells the errors raised.
    """

    def __init__(self, loss: LossConfig, frames: Sequence[Frame], elements: Sequence[str]):
        self._loss = loss
        self._of_frame = FrameWeights(loss.weighting, frames, elements)

    def __call__(self, frame: Frame) -> tuple[float, float, float]:
        """Return the factors of energy, forces and virial."""
        weights, factors = self._loss.weights, self._loss.groups.get(frame.group)
        n = frame.n_atoms
        scale = n**-0.5 if self._loss.energy_scaling == "sqrt_n" else 1.0 / n
        mine = self._of_frame(frame)
        return (
            mine * weights.energy * (factors.energy if factors else 1.0) * scale,
            mine * weights.forces * (factors.forces if factors else 1.0),
            mine * weights.stress * (factors.stress if factors else 1.0) * scale,
        )
