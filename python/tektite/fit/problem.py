# SPDX-License-Identifier: BSD-3-Clause
"""What a training minimises, as a function of all parameters of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tektite.fit.dataset import Target
from tektite.fit.objective import Metrics, Objective
from tektite.fit.trainable import PreparedFrames, TrainableAce
from tektite.fit.training_config import HuberConfig

Array = NDArray[np.float64]
Penalty = Callable[[Array], tuple[float, Array]]


@dataclasses.dataclass
class DataSet:
    """Frames with neighbour lists and what they should give."""

    prepared: PreparedFrames
    objective: Objective

    def __len__(self) -> int:
        return len(self.objective)


def make_data_set(
    model: TrainableAce,
    targets: Sequence[Target],
    huber: HuberConfig | None,
    threads: int,
    hold: float = float("inf"),
) -> DataSet:
    """Make the neighbour lists of targets, and keep `hold` bytes of them."""
    frames = [(t.frame.positions, t.frame.cell, t.frame.pbc, t.species) for t in targets]
    objective = Objective(targets, len(model.elements), huber)
    return DataSet(model.prepare(frames, threads, hold), objective)


class Problem:
    """(Loss of the training data) / σ² + penalties, and its gradient.

    Parameters are those of the model, (P,), followed by shifts of isolated-atom energies along the
    columns of `free` (n_elements, n_free).
    """

    def __init__(
        self,
        model: TrainableAce,
        train: DataSet,
        free: Array,
        noise: float,
        penalty: Penalty,
        threads: int,
    ):
        self.model, self.train = model, train
        self.free, self.noise = free, noise
        self._penalty, self._threads = penalty, threads

    @property
    def n_parameters(self) -> int:
        """Parameters of the model and shifts."""
        return self.model.n_parameters + self.free.shape[1]

    def _evaluate(
        self, parameters: Array, data: DataSet, indices: NDArray[np.int64], kappa: float | None
    ) -> tuple[Metrics, Array, Array, Array]:
        n = self.model.n_parameters
        self.model.parameters = parameters[:n]
        energies, forces, virials = self.model.evaluate(data.prepared, indices, self._threads)
        energies = energies + data.objective.counts[indices] @ (self.free @ parameters[n:])
        return data.objective(indices, energies, forces, virials, kappa)

    def metrics(self, parameters: Array, data: DataSet, kappa: float | None = None) -> Metrics:
        """Errors of a model on some data."""
        return self._evaluate(parameters, data, np.arange(len(data)), kappa)[0]

    def value(self, parameters: Array, kappa: float | None = None) -> tuple[float, Metrics]:
        """Value and errors of all frames."""
        metrics = self.metrics(parameters, self.train, kappa)
        return metrics.loss / self.noise**2 + self._penalty(parameters)[0], metrics

    def value_and_gradient(
        self,
        parameters: Array,
        kappa: float | None = None,
        indices: NDArray[np.int64] | None = None,
    ) -> tuple[float, Array, Metrics]:
        """Value, gradient, and errors; of some frames, scaled to all, or all.

        A model whose energies are not finite has an infinite value.
        """
        data = self.train
        chosen = np.arange(len(data)) if indices is None else indices
        metrics, de, df, dv = self._evaluate(parameters, data, chosen, kappa)
        scale = len(data) / (len(chosen) * self.noise**2)
        if not np.isfinite(metrics.loss):
            return float("inf"), np.zeros_like(parameters), metrics
        gradient = np.concatenate(
            [
                self.model.gradient(data.prepared, chosen, de, df, dv, self._threads),
                self.free.T @ (data.objective.counts[chosen].T @ de),
            ]
        )
        penalty, slope = self._penalty(parameters)
        return scale * metrics.loss + penalty, scale * gradient + slope, metrics

    def curvature(self, parameters: Array, seed: int, n_samples: int = 6) -> Array:
        """Estimate of the diagonal of the Gauss-Newton matrix of loss / σ², (n_parameters,).

        E[(J^T s)²] over random signs s (C. Bekas et al., Appl. Numer. Math. 57, 1214 (2007)).
        """
        data, n = self.train, self.model.n_parameters
        indices = np.arange(len(data))
        self.model.parameters = parameters[:n]
        random = np.random.default_rng(seed)
        roots = data.objective.root_weights()
        total = np.zeros(self.n_parameters)
        for _ in range(n_samples):
            de, df, dv = (w * random.choice([-1.0, 1.0], w.shape) for w in roots)
            row = self.model.gradient(data.prepared, indices, de, df, dv, self._threads)
            shifts = self.free.T @ (data.objective.counts.T @ de)
            total += np.concatenate([row, shifts]) ** 2
        return total / (n_samples * self.noise**2)
