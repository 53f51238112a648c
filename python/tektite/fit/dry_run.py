# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit --dry-run` of linear and non-linear ACE models, without fitting anything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich.progress import Progress

from tektite.data import Frame
from tektite.fit.ace_memory import plan_memory
from tektite.fit.config import FitConfig
from tektite.fit.estimate import Estimate, common_numbers, flops, sample
from tektite.fit.linear import prepare_linear
from tektite.fit.objective import Objective
from tektite.fit.start import Start
from tektite.fit.trainable import TrainableAce
from tektite.threads import default_threads


@dataclasses.dataclass(kw_only=True)
class AceEstimate(Estimate):
    """What a fit of an ACE will need; functions: by element and rank."""

    functions: dict[str, list[int]]

    @property
    def n_functions(self) -> int:
        """Over all elements."""
        return sum(map(sum, self.functions.values()))

    def sizes(self) -> list[tuple[str, str]]:
        """See `Estimate`."""
        rows = []
        for symbol, ranks in self.functions.items():
            by_rank = ", ".join(f"rank {k + 1}: {n}" for k, n in enumerate(ranks))
            rows.append((f"functions of {symbol}", f"{sum(ranks)} ({by_rank})"))
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return super().as_dict() | {"n_functions": self.n_functions}


def estimate(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
) -> AceEstimate:
    """Estimate what `fit_frames` or `train_frames` will need.

    Raises
    ------
    DataError, ValueError
        As those.
    """
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    training = config.training
    start = None
    if training is not None and training.start is not None:
        start = Start(training.start)
        start.check(config)
    problem = prepare_linear(config, train, progress, lambda text: None, start)
    elements, targets, model = problem.data.elements, problem.data.targets, problem.model
    described = model.basis.describe()
    n_ranks = len(model.config.n_max)
    functions = {
        symbol: np.bincount(described["rank"][described["center"] == e], minlength=n_ranks + 1)[
            1:
        ].tolist()
        for e, symbol in enumerate(elements)
    }
    some, share = sample(targets)
    width = problem.free.shape[1] + model.n_functions + 1
    rows = problem.data.n_rows
    begin = time.perf_counter()
    for target in some:
        model._fill(
            target,
            np.zeros((target.n_rows, model.n_functions), order="F"),
            np.zeros(target.n_rows),
        )
    seconds = {"design matrix": (time.perf_counter() - begin) * share / threads}
    rate = flops()
    seconds["QR decomposition"] = 2.0 * rows * width**2 / rate / threads
    seconds["regression"] = 20.0 * width**3 / rate / threads
    plan = plan_memory(config, problem, threads, sum(f.n_atoms for f in [*train, *test]))
    n_parameters = model.n_functions
    exponents: ArrayLike = training.embedding.exponents if training else [1.0]
    if start is not None:
        exponents = start.extended(start.exponents, len(elements))
    trainable = TrainableAce(
        model.config,
        elements,
        model.bonds,
        prefactors=np.ones_like(exponents),
        exponents=exponents,
        radial=training.radial if training else "fixed",
        fit_prefactors=bool(training and training.embedding.fit_prefactors),
        fit_exponents=bool(training and training.embedding.fit_exponents),
    )
    prepared = trainable.prepare(
        [(t.frame.positions, t.frame.cell, t.frame.pbc, t.species) for t in some],
        threads,
    )
    if training is not None:
        objective = Objective(some, len(elements), training.huber)
        indices = np.arange(len(some))
        begin = time.perf_counter()
        found = trainable.evaluate(prepared, indices, threads)
        slopes = objective(indices, *found)[1:]
        trainable.gradient(prepared, indices, *slopes, threads)
        once = (time.perf_counter() - begin) * share
        n_iterations = sum(stage.iterations for stage in training.stages) * len(training.ladder)
        # Line searches need about a tenth more evaluations than there are iterations.
        seconds["training, at most"] = 1.1 * once * n_iterations
        n_parameters = trainable.n_parameters
    return AceEstimate(
        **common_numbers(train, problem.data, threads, plan.memory),
        functions=functions,
        n_parameters=n_parameters,
        seconds=seconds,
    )
