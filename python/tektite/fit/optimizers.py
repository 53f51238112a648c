# SPDX-License-Identifier: BSD-3-Clause
"""Minimisers: L-BFGS of scipy, BFGS, Adam and AdamW in batches.

Each begins at z = 0, or where a killed run was, and tells its observer after every iteration, which
for Adam is an epoch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from tektite.fit.journal import Journal
from tektite.fit.quasi_newton import minimize_bfgs
from tektite.fit.training_config import StageConfig

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Point:
    """A place that an optimiser was at: what it minimises, and errors (meV/atom, eV/angstrom)."""

    z: Array
    value: float
    energy: float
    force: float
    learning_rate: float | None = None


class Observer(Protocol):
    """Told of every iteration; decides when it is enough."""

    def __call__(self, iteration: int, point: Point) -> bool:
        """Return whether to stop."""


class _Stop(Exception):
    """Leaves the loop of an optimiser."""


class _Watched:
    """A function whose answers go through a journal, and the points it was asked at."""

    def __init__(self, function: Callable[[Array], tuple[Point, Array]], journal: Journal):
        self._function, self._journal = function, journal
        self._points: dict[bytes, Point] = {}

    def __call__(self, z: Array) -> tuple[float, Array]:
        answer = self._journal.recall(z)
        if answer is None:
            point, gradient = self._function(z.copy())
            numbers = [point.value, point.energy, point.force]
            self._journal.note(z, np.concatenate([numbers, gradient]))
        else:
            point, gradient = Point(z.copy(), *(float(a) for a in answer[:3])), answer[3:]
        self._points[z.tobytes()] = point
        return point.value, gradient

    def accepted(self, z: Array) -> Point:
        """Return the point that an iteration ended at; the others are forgotten."""
        point = self._points[z.tobytes()]
        self._points = {z.tobytes(): point}
        return point


def minimize_quasi_newton(
    function: Callable[[Array], tuple[Point, Array]],
    n: int,
    stage: StageConfig,
    observer: Observer,
    journal: Journal,
) -> str:
    """Minimise with L-BFGS (of scipy) or BFGS, from z = 0; returns why it ended.

    Values and gradients go through the journal (see there), so that a run that was killed comes to
    the same end.
    """
    watched = _Watched(function, journal)
    iteration, before = 0, np.inf

    def callback(z: Array) -> None:
        nonlocal iteration, before
        iteration += 1
        point = watched.accepted(z)
        if observer(iteration, point):
            raise _Stop("stopped early")
        if np.isfinite(before) and before - point.value <= stage.tolerance * max(
            abs(before), abs(point.value), 1.0
        ):
            raise _Stop("converged")
        before = point.value

    try:
        if stage.optimizer == "bfgs":
            return minimize_bfgs(watched, np.zeros(n), stage.iterations, callback)
        options = {
            "maxcor": stage.memory,
            "maxiter": stage.iterations,
            "maxfun": 20 * stage.iterations + 20,
            "maxls": 40,
            "ftol": 0.0,
            "gtol": 0.0,
        }
        result = scipy.optimize.minimize(
            watched, np.zeros(n), jac=True, method="L-BFGS-B", options=options, callback=callback
        )
    except _Stop as stop:
        return str(stop)
    return "all iterations done" if iteration >= stage.iterations else str(result.message)


@dataclasses.dataclass
class AdamState:
    """All that Adam goes on from: after `epoch` epochs and `step` steps.

    z, mean, square: variables and moments, (n,). best: smallest value so far, waited: epochs since.
    """

    z: Array
    mean: Array
    square: Array
    step: int
    epoch: int
    learning_rate: float
    best: float
    waited: int

    @classmethod
    def begin(cls, n: int, learning_rate: float) -> AdamState:
        """State before the first step, at z = 0."""
        return cls(np.zeros(n), np.zeros(n), np.zeros(n), 0, 0, learning_rate, np.inf, 0)


def minimize_adam(
    batch_gradient: Callable[[Array, NDArray[np.int64]], Array],
    whole: Callable[[Array], Point],
    n_frames: int,
    state: AdamState,
    stage: StageConfig,
    seed: tuple[int, ...],
    observer: Observer,
    save: Callable[[AdamState], None],
) -> str:
    """Minimise with Adam or AdamW; `state` changes in place, and is saved after every epoch.

    D. P. Kingma and J. Ba, arXiv:1412.6980 (2014); I. Loshchilov and F. Hutter, arXiv:1711.05101
    (2017). The order of the frames in an epoch depends on `seed` and the epoch alone.

    batch_gradient: gradient of the value at z of some frames, scaled to all. whole: value and
    errors of all frames, once an epoch.
    """
    beta_mean, beta_square = stage.betas
    decay = stage.weight_decay if stage.optimizer == "adamw" else 0.0
    while state.epoch < stage.iterations:
        order = np.random.default_rng([*seed, state.epoch]).permutation(n_frames)
        for begin in range(0, n_frames, stage.batch_size):
            batch = np.sort(order[begin : begin + stage.batch_size])
            gradient = batch_gradient(state.z, batch)
            state.step += 1
            state.mean = beta_mean * state.mean + (1 - beta_mean) * gradient
            state.square = beta_square * state.square + (1 - beta_square) * gradient**2
            mean = state.mean / (1 - beta_mean**state.step)
            square = state.square / (1 - beta_square**state.step)
            state.z = state.z - state.learning_rate * (
                mean / (np.sqrt(square) + 1e-8) + decay * state.z
            )
        state.epoch += 1
        point = whole(state.z)
        if not np.isfinite(point.value):
            return "the loss is no longer finite: lower the learning rate"
        if point.value < state.best:
            state.best, state.waited = point.value, 0
        else:
            state.waited += 1
        rate = state.learning_rate
        if state.waited >= stage.plateau_patience:
            state.learning_rate *= stage.plateau_factor
            state.waited = 0
        enough = observer(state.epoch, dataclasses.replace(point, learning_rate=rate))
        save(state)
        if enough:
            return "stopped early"
    return "all epochs done"
