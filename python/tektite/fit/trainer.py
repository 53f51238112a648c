# SPDX-License-Identifier: BSD-3-Clause
"""The stages of a training, one after the other, with the best model kept."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite.fit.checkpoint import Checkpoint, State
from tektite.fit.journal import Journal
from tektite.fit.objective import Metrics
from tektite.fit.optimizers import AdamState, Point, minimize_adam, minimize_quasi_newton
from tektite.fit.problem import DataSet, Problem
from tektite.fit.training_config import StageConfig, TrainingConfig
from tektite.fit.variables import Variables

Array = NDArray[np.float64]

# Errors that grow by more than this are worth a warning.
_WORSE = 1.05


@dataclasses.dataclass(frozen=True)
class Row:
    """One look at a training: a line of metrics.csv.

    loss: what is minimised, divided by the number of data and in units of the linear model's mean
    squared residual. Errors in meV/atom and eV/angstrom; NaN without validation.
    """

    stage: int
    optimizer: str
    iteration: int
    seconds: float
    loss: float
    train_energy: float
    train_force: float
    validation_loss: float
    validation_energy: float
    validation_force: float
    learning_rate: float


@dataclasses.dataclass
class Trained:
    """Result: parameters (see `Problem`), history, one sentence a warning, how each stage ended."""

    parameters: Array
    rows: list[Row]
    warnings: list[str]
    endings: list[str]


class Trainer:
    """Trains one model.

    Parameters
    ----------
    problem : Problem
        What is minimised.
    config : TrainingConfig
        Stages, ladder, seed.
    make_variables : callable
        Variables for a start and a share of the functions.
    validation : DataSet or None
        Decides which point of a stage is the best.
    watched : mapping
        Sets, by name, for which upfitting should not make things worse; may include validation.
    checkpoint : Checkpoint
        Where the state is kept.
    watch : callable
        Told of every iteration: number of the stage, iteration, and at looks a row.
    """

    def __init__(
        self,
        problem: Problem,
        config: TrainingConfig,
        make_variables: Callable[[Array, float], Variables],
        validation: DataSet | None,
        watched: Mapping[str, DataSet],
        checkpoint: Checkpoint,
        watch: Callable[[int, int, Row | None], None] = lambda stage, iteration, row: None,
    ):
        self._problem, self._config = problem, config
        self._make_variables = make_variables
        self._validation, self._watched = validation, dict(watched)
        self._checkpoint, self._watch = checkpoint, watch
        self._rows: list[Row] = []
        self._warnings: list[str] = []
        self._endings: list[str] = []
        self._n_data = 1
        self._begin = 0.0

    @property
    def plan(self) -> list[tuple[float, StageConfig]]:
        """Share of the functions, and stage, in their order."""
        return [(share, stage) for share in self._config.ladder for stage in self._config.stages]

    def run(self, start: Array) -> Trained:
        """Train from `start` (see `Problem`), or from where a killed run was."""
        state = self._checkpoint.load() or State(0, np.array(start), {}, {})
        self._restore(state.notes)
        self._begin = time.perf_counter() - state.notes.get("seconds", 0.0)
        parameters = state.start
        self._n_data = self._problem.metrics(parameters, self._problem.train).n_data
        for number in range(state.stage, len(self.plan)):
            before = self._errors(parameters)
            going_on = state if number == state.stage else None
            trained = self._stage(number, parameters, going_on)
            if number > 0:
                self._warn_if_worse(number, before, self._errors(trained))
            parameters = trained
            self._checkpoint.save(State(number + 1, parameters, {}, self._notes()))
            path = self._checkpoint.journal_path(number)
            if path is not None:
                path.unlink(missing_ok=True)
        return Trained(parameters, self._rows, self._warnings, self._endings)

    def _notes(self) -> dict[str, Any]:
        return {
            "rows": [dataclasses.astuple(row) for row in self._rows],
            "warnings": self._warnings,
            "endings": self._endings,
            "seconds": time.perf_counter() - self._begin,
        }

    def _restore(self, notes: Mapping[str, Any]) -> None:
        self._rows = [Row(*values) for values in notes.get("rows", [])]
        self._warnings = list(notes.get("warnings", []))
        self._endings = list(notes.get("endings", []))

    def _errors(self, parameters: Array) -> dict[str, Metrics]:
        return {n: self._problem.metrics(parameters, d) for n, d in self._watched.items()}

    def _warn_if_worse(
        self, number: int, before: Mapping[str, Metrics], after: Mapping[str, Metrics]
    ) -> None:
        for name, old in before.items():
            for quantity, unit in (("energy", "meV/atom"), ("force", "eV/Å")):
                a, b = getattr(old, quantity), getattr(after[name], quantity)
                if b > _WORSE * a:
                    self._warnings.append(
                        f"stage {number + 1} made {quantity} errors of {name} worse: "
                        f"{a:.4g} to {b:.4g} {unit}"
                    )

    def _stage(self, number: int, start: Array, state: State | None) -> Array:
        """Parameters after a stage; `state` is what a killed run left of it."""
        share, stage = self.plan[number]
        variables = self._make_variables(start, share)
        if variables.n == 0:
            self._endings.append("nothing to train: all parameters are frozen")
            return start
        journal = Journal(self._checkpoint.journal_path(number))
        run = _StageRun(self._problem, self._validation, variables, stage, journal)

        def tell(iteration: int, point: Point, metrics: Metrics | None) -> None:
            row = self._row(number, stage, iteration, point, metrics) if metrics else None
            if row is not None:
                self._rows.append(row)
            self._watch(number, iteration, row)

        def save(adam: AdamState) -> None:
            arrays = {"z": adam.z, "mean": adam.mean, "square": adam.square, "best_z": run.best_z}
            scalars = {
                name: getattr(adam, name)
                for name in ("step", "epoch", "learning_rate", "best", "waited")
            }
            notes = {**self._notes(), "adam": scalars, "score": run.score, "looks": run.waited}
            self._checkpoint.save(State(number, start, arrays, notes))

        run.tell = tell
        try:
            if stage.optimizer in ("lbfgs", "bfgs"):
                run.first_look()
                ending = minimize_quasi_newton(
                    run.function, variables.n, stage, run.observe, journal
                )
            else:
                adam = AdamState.begin(variables.n, stage.learning_rate)
                if state is not None and "adam" in state.notes:
                    stored = state.optimizer
                    adam = AdamState(
                        stored["z"], stored["mean"], stored["square"], **state.notes["adam"]
                    )
                    run.go_on(stored["best_z"], state.notes["score"], state.notes["looks"])
                else:
                    run.first_look()
                ending = minimize_adam(
                    run.batch_gradient, run.whole, len(self._problem.train), adam, stage,
                    (self._config.seed, number), run.observe, save,
                )  # fmt: skip
            run.last_look()
        finally:
            journal.close()
        self._endings.append(ending)
        return variables.parameters(run.best_z)

    def _row(
        self, number: int, stage: StageConfig, iteration: int, point: Point, metrics: Metrics
    ) -> Row:
        has = self._validation is not None
        nan = float("nan")
        return Row(
            number + 1,
            stage.optimizer,
            iteration,
            time.perf_counter() - self._begin,
            point.value / self._n_data,
            point.energy,
            point.force,
            metrics.mean_loss / self._problem.noise**2 if has else nan,
            metrics.energy if has else nan,
            metrics.force if has else nan,
            nan if point.learning_rate is None else point.learning_rate,
        )


class _StageRun:
    """What the optimiser of one stage calls, and the best point that it was at.

    tell: is given iteration, point and, at a look, metrics of the validation (of the training data
    without any).
    """

    def __init__(
        self,
        problem: Problem,
        validation: DataSet | None,
        variables: Variables,
        stage: StageConfig,
        journal: Journal,
    ):
        self._problem, self._validation = problem, validation
        self._variables, self._stage, self._journal = variables, stage, journal
        self.tell: Callable[[int, Point, Metrics | None], None] = lambda *_: None
        self.best_z: Array = np.zeros(variables.n)
        self.score, self.waited = np.inf, 0
        self._unseen: tuple[int, Point] | None = None

    def go_on(self, best_z: Array, score: float, waited: int) -> None:
        """Take up what an earlier run of this stage had found."""
        self.best_z, self.score, self.waited = best_z, score, waited

    def function(self, z: Array) -> tuple[Point, Array]:
        """Value and errors at z, and the gradient."""
        parameters = self._variables.parameters(z)
        value, gradient, metrics = self._problem.value_and_gradient(parameters, self._stage.kappa)
        point = Point(z, value, metrics.energy, metrics.force)
        return point, self._variables.pull_back(z, gradient)

    def batch_gradient(self, z: Array, indices: NDArray[np.int64]) -> Array:
        """Gradient of some frames, scaled to all."""
        parameters = self._variables.parameters(z)
        _, gradient, _ = self._problem.value_and_gradient(parameters, self._stage.kappa, indices)
        return self._variables.pull_back(z, gradient)

    def whole(self, z: Array) -> Point:
        """Value and errors at z."""
        value, metrics = self._problem.value(self._variables.parameters(z), self._stage.kappa)
        return Point(z.copy(), value, metrics.energy, metrics.force)

    def first_look(self) -> None:
        """Look at the start: training must not end with something worse."""
        z = np.zeros(self._variables.n)
        answer = self._journal.recall(z)
        if answer is None:
            point = self.whole(z)
            self._journal.note(z, np.array([point.value, point.energy, point.force]))
        else:
            point = Point(z, *(float(a) for a in answer))
        self._look(0, point)

    def last_look(self) -> None:
        """Look at the last point, if that was not done."""
        if self._unseen is not None:
            self._look(*self._unseen)

    def observe(self, iteration: int, point: Point) -> bool:
        """See `Observer`."""
        batches = self._stage.optimizer in ("adam", "adamw")
        if not batches and iteration % self._stage.validate_every:
            self._unseen = (iteration, point)
            self.tell(iteration, point, None)
            return False
        self._unseen = None
        self._look(iteration, point)
        return self._stage.stop_patience is not None and self.waited >= self._stage.stop_patience

    def _look(self, iteration: int, point: Point) -> None:
        metrics = Metrics(point.value, point.energy, point.force, 1)
        if self._validation is not None:
            question = np.append(point.z, 1.0)
            answer = self._journal.recall(question)
            if answer is None:
                parameters = self._variables.parameters(point.z)
                metrics = self._problem.metrics(parameters, self._validation, self._stage.kappa)
                self._journal.note(question, np.array(dataclasses.astuple(metrics)))
            else:
                metrics = Metrics(*(float(a) for a in answer[:3]), int(answer[3]))
        if metrics.loss < self.score:
            self.best_z, self.score, self.waited = point.z.copy(), metrics.loss, 0
        else:
            self.waited += 1
        self.tell(iteration, point, metrics)
