# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit --dry-run`: how large, how much memory, how long, without fitting anything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich.progress import Progress
from rich.table import Table

from tektite.data import Frame
from tektite.fit.ace_memory import plan_memory
from tektite.fit.config import FitConfig
from tektite.fit.dataset import Target
from tektite.fit.least_squares import triangular_factor
from tektite.fit.linear import prepare_linear
from tektite.fit.objective import Objective
from tektite.fit.start import Start
from tektite.fit.trainable import TrainableAce
from tektite.potential import default_threads

_SAMPLE_ATOMS = 300


@dataclasses.dataclass
class Estimate:
    """What a fit will need.

    functions: by element and rank. rows: of the design matrix. memory: bytes in all at the height
    of each step; most_memory: the largest of them; seconds: by purpose, from timings of a few
    frames here and now.
    """

    n_frames: int
    n_atoms: int
    n_neighbors: float
    functions: dict[str, list[int]]
    n_parameters: int
    n_rows: int
    threads: int
    memory: dict[str, float]
    most_memory: float
    seconds: dict[str, float]

    @property
    def n_functions(self) -> int:
        """Over all elements."""
        return sum(map(sum, self.functions.values()))

    def rich_table(self) -> Table:
        """Return a table to print with rich."""
        table = Table(show_header=False, box=None)
        table.add_column(style="bold")
        table.add_column()
        table.add_row("frames", f"{self.n_frames} ({self.n_atoms} atoms)")
        table.add_row("neighbours", f"{self.n_neighbors:.1f} an atom")
        for symbol, ranks in self.functions.items():
            by_rank = ", ".join(f"rank {k + 1}: {n}" for k, n in enumerate(ranks))
            table.add_row(f"functions of {symbol}", f"{sum(ranks)} ({by_rank})")
        table.add_row("parameters", str(self.n_parameters))
        table.add_row("data", f"{self.n_rows} energies, force components and virials")
        for name, size in self.memory.items():
            table.add_row(f"memory, {name}", f"{size / 2**20:.0f} MiB")
        table.add_row("memory, at most", f"{self.most_memory / 2**20:.0f} MiB")
        for name, seconds in self.seconds.items():
            table.add_row(f"time, {name}", _duration(seconds))
        table.add_row("time, together", f"{_duration(sum(self.seconds.values()))}")
        table.add_row("threads", str(self.threads))
        return table

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return dataclasses.asdict(self) | {"n_functions": self.n_functions}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sample(targets: Sequence[Target]) -> list[Target]:
    """Some frames from all over the data, about `_SAMPLE_ATOMS` atoms."""
    n_atoms = sum(len(t.species) for t in targets)
    n = max(1, round(len(targets) * min(1.0, _SAMPLE_ATOMS / n_atoms)))
    return [targets[int(k)] for k in np.linspace(0, len(targets) - 1, n)]


def estimate(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
) -> Estimate:
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
    sample = _sample(targets)
    share = sum(len(t.species) for t in targets) / sum(len(t.species) for t in sample)
    width = problem.free.shape[1] + model.n_functions + 1
    rows = problem.data.n_rows
    begin = time.perf_counter()
    for target in sample:
        model._fill(
            target,
            np.zeros((target.n_rows, model.n_functions), order="F"),
            np.zeros(target.n_rows),
        )
    seconds = {"design matrix": (time.perf_counter() - begin) * share / threads}
    rate = _flops()
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
        [(t.frame.positions, t.frame.cell, t.frame.pbc, t.species) for t in sample],
        threads,
    )
    if training is not None:
        objective = Objective(sample, len(elements), training.huber)
        indices = np.arange(len(sample))
        begin = time.perf_counter()
        found = trainable.evaluate(prepared, indices, threads)
        slopes = objective(indices, *found)[1:]
        trainable.gradient(prepared, indices, *slopes, threads)
        once = (time.perf_counter() - begin) * share
        n_iterations = sum(stage.iterations for stage in training.stages) * len(training.ladder)
        folds = (training.validation.folds or 0) + 1
        seconds = {name: folds * value for name, value in seconds.items()}
        # Line searches need about a tenth more evaluations than there are iterations.
        seconds["training, at most"] = 1.1 * once * n_iterations * folds
        n_parameters = trainable.n_parameters
    return Estimate(
        len(train),
        sum(f.n_atoms for f in train),
        prepared.n_edges / prepared.n_atoms.sum(),
        functions,
        n_parameters,
        rows,
        threads,
        plan.memory.levels,
        plan.memory.total,
        seconds,
    )


def _flops(n: int = 400) -> float:
    """Floating-point operations in a second of a QR decomposition on one thread."""
    rows = np.asfortranarray(np.random.default_rng(0).normal(size=(2 * n, n)))
    triangular_factor(rows.copy(order="F"))
    begin = time.perf_counter()
    triangular_factor(rows)
    return (4.0 - 2.0 / 3.0) * n**3 / (time.perf_counter() - begin)
