# SPDX-License-Identifier: BSD-3-Clause
"""The loss of a training as a function of energies, forces and virials, and its derivatives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tektite.fit.dataset import Target
from tektite.fit.training_config import HuberConfig

Array = NDArray[np.float64]


@dataclasses.dataclass
class Metrics:
    """How good a model is on some frames.

    loss: sum over frames, without penalties. energy, force: root mean square errors, meV/atom and
    eV/angstrom (component); NaN without data. n_data: numbers with a weight.
    """

    loss: float
    energy: float
    force: float
    n_data: int

    @property
    def mean_loss(self) -> float:
        """Loss divided by the number of data."""
        return self.loss / max(self.n_data, 1)


def _huber(square: Array, limit: Array | None) -> tuple[Array, Array]:
    """Huber's function of residuals given by their squares, and d/d(square).

    P. J. Huber, Ann. Math. Statist. 35, 73 (1964), times two: u² within the limit, beyond it
    2 limit |u| - limit².
    """
    if limit is None:
        return square, np.ones_like(square)
    size = np.sqrt(np.maximum(square, limit**2))
    inside = square <= limit**2
    return (
        np.where(inside, square, 2 * limit * size - limit**2),
        np.where(inside, 1.0, limit / size),
    )


class Objective:
    """Loss = Σ_frames [2(1-κ) w_E² ΔE²/n^a + 2κ w_F² |ΔF|² + 2(1-κ) w_S² |ΔW|²/n^a] of targets.

    The weights, with their powers of n, are those of the targets; see `LossConfig`. Residuals
    beyond the limits of `huber` count linearly.

    Attributes
    ----------
    counts : (n, n_elements)
        Atoms of each element in each frame: energies of isolated atoms may be shifted with them.
    """

    def __init__(
        self, targets: Sequence[Target], n_elements: int, huber: HuberConfig | None = None
    ):
        self.targets = list(targets)
        self.n_atoms = np.array([len(t.species) for t in targets], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.n_atoms)])
        self.counts = np.array(
            [np.bincount(t.species, minlength=n_elements) for t in targets], dtype=np.float64
        ).reshape(-1, n_elements)
        n, total = len(self.targets), int(self.offsets[-1])
        self._energy, self._w_energy = np.zeros(n), np.zeros(n)
        self._virial, self._w_virial = np.zeros((n, 6)), np.zeros(n)
        self._forces, self._w_forces = np.zeros((total, 3)), np.zeros(total)
        for k, t in enumerate(self.targets):
            place = slice(self.offsets[k], self.offsets[k + 1])
            if t.energy is not None:
                self._energy[k], self._w_energy[k] = t.energy, t.weight_energy
            if t.forces is not None:
                self._forces[place], self._w_forces[place] = t.forces, t.weight_forces
            if t.virial is not None:
                self._virial[k], self._w_virial[k] = t.virial, t.weight_virial
        self._huber = huber or HuberConfig()

    def __len__(self) -> int:
        return len(self.targets)

    def atoms_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of forces that belong to frames, one frame after the other."""
        if len(indices) == len(self) and np.array_equal(indices, np.arange(len(self))):
            return np.arange(self.offsets[-1])
        parts = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in indices]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def root_weights(self) -> tuple[Array, Array, Array]:
        """W of energies (n,), forces (N, 3) and virials (n, 6), all frames."""
        n = len(self)
        return (
            self._w_energy,
            np.broadcast_to(self._w_forces[:, None], (len(self._w_forces), 3)),
            np.broadcast_to(self._w_virial[:, None], (n, 6)),
        )

    def __call__(
        self,
        indices: NDArray[np.int64],
        energies: Array,
        forces: Array,
        virials: Array,
        kappa: float | None = None,
    ) -> tuple[Metrics, Array, Array, Array]:
        """Metrics of some frames, and dL/denergies (n,), dL/dforces (N, 3), dL/dvirials (n, 6)."""
        atoms = self.atoms_of(indices)
        share_e, share_f = (1.0, 1.0) if kappa is None else (2 * (1 - kappa), 2 * kappa)
        n_atoms = self.n_atoms[indices].astype(np.float64)
        de = energies - self._energy[indices]
        df = forces - self._forces[atoms]
        dv = virials - self._virial[indices]
        w_e, w_v = share_e * self._w_energy[indices] ** 2, share_e * self._w_virial[indices] ** 2
        w_f = share_f * self._w_forces[atoms] ** 2
        limits = self._huber
        value_e, slope_e = _huber(de**2, limits.energy and limits.energy * n_atoms)
        value_f, slope_f = _huber((df**2).sum(axis=1), limits.forces and np.array(limits.forces))
        value_v, slope_v = _huber(dv**2, limits.stress and (limits.stress * n_atoms)[:, None])
        loss = float(w_e @ value_e + w_f @ value_f + w_v @ value_v.sum(axis=1))
        has_e, has_f, has_v = w_e > 0, w_f > 0, w_v > 0
        metrics = Metrics(
            loss,
            _rms(1e3 * de[has_e] / n_atoms[has_e]),
            _rms(df[has_f]),
            int(has_e.sum() + 3 * has_f.sum() + 6 * has_v.sum()),
        )
        return (
            metrics,
            2 * w_e * slope_e * de,
            2 * (w_f * slope_f)[:, None] * df,
            2 * w_v[:, None] * slope_v * dv,
        )


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
