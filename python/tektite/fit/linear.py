# SPDX-License-Identifier: BSD-3-Clause
"""The linear fit: from frames to coefficients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.config import FitConfig
from tektite.fit.dataset import Distances, Target
from tektite.fit.export import Contents, ace_contents, sum_contents
from tektite.fit.least_squares import TriangularFactor, combine
from tektite.fit.model import LinearAce
from tektite.fit.preparation import Preparation, prepare
from tektite.fit.radial import cutoffs, make_bonds, resolve_cutoff
from tektite.fit.regression import (
    Solution,
    solve_cross_validation,
    solve_evidence,
    solve_fixed,
)
from tektite.fit.weighting import LossWeights
from tektite.potential import default_threads

if TYPE_CHECKING:
    from tektite.fit.start import Start


@dataclasses.dataclass
class LinearProblem:
    """A linear model before its coefficients are known, and what it is fitted to.

    distances: of the data, and of those of a model that the fit goes on from. free: (n_elements,
    n_free), combinations of numbers of atoms that are columns of their own. warnings: one sentence
    each.
    """

    data: Preparation
    model: LinearAce
    distances: Distances
    free: NDArray[np.float64]
    warnings: list[str]


@dataclasses.dataclass
class LinearFit(LinearProblem):
    """A linear model and all that led to it.

    energies: (n_elements,) eV of isolated atoms, those of `data` and what the columns `free` add.
    factor: triangular factor of the weighted rows, (n_free + K + 1, ...). sizes: (K,) of the prior.
    """

    energies: NDArray[np.float64]
    factor: NDArray[np.float64]
    sizes: NDArray[np.float64]
    solution: Solution

    @property
    def elements(self) -> list[str]:
        """Chemical symbols."""
        return self.data.elements

    @property
    def targets(self) -> list[Target]:
        """What is fitted to."""
        return self.data.targets

    def contents(self) -> Contents:
        """Metadata and arrays of the linear model with its baseline."""
        ace = ace_contents(self.model, self.solution.coefficients, self.energies)
        return sum_contents(ace, self.data.baseline, self.distances)


def free_columns(targets: Sequence[Target], n_elements: int) -> NDArray[np.float64]:
    """Independent combinations of the numbers of atoms of each element, (n_elements, n_free).

    With them as columns, the energies of isolated atoms are fitted together with the rest. Fewer
    than elements where the compositions of the data do not tell all of them apart.
    """
    counts = [
        np.bincount(t.species, minlength=n_elements) / len(t.species)
        for t in targets
        if t.energy is not None
    ]
    if not counts:
        return np.zeros((n_elements, 0))
    _, s, vt = np.linalg.svd(np.array(counts), full_matrices=False)
    return vt[s > 1e-6 * s[0]].T


def _accumulate(
    model: LinearAce,
    targets: Sequence[Target],
    free: NDArray[np.float64],
    config: FitConfig,
    threads: int,
    progress: Progress,
) -> list[TriangularFactor]:
    """One triangular factor for each part of the data; frames go to parts in shuffled order."""
    n_parts = config.regression.folds if config.regression.method == "cross_validation" else 1
    if n_parts > len(targets):
        raise DataError(f"regression.folds is {n_parts}, but there are only {len(targets)} frames")
    parts = np.zeros(len(targets), dtype=int)
    if n_parts > 1:
        shuffled = np.random.default_rng(config.regression.seed).permutation(len(targets))
        parts[shuffled] = np.arange(len(targets)) % n_parts
    task = progress.add_task("design matrix", total=sum(t.n_rows for t in targets))
    factors = []
    for part in range(n_parts):
        chosen = [t for t, p in zip(targets, parts) if p == part]
        factors.append(TriangularFactor(free.shape[1] + model.n_functions))
        for n_rows, factor in model.factors(chosen, threads, free):
            factors[-1].add(factor, n_rows)
            progress.advance(task, n_rows)
    return factors


def _solve(
    config: FitConfig, factors: list[TriangularFactor], sizes: NDArray[np.float64]
) -> tuple[Solution, NDArray[np.float64]]:
    """Solution, and the triangular factor of all data."""
    matrices = [factor.matrix() for factor in factors]
    n_rows = sum(factor.n_rows for factor in factors)
    whole = combine(matrices)
    return _solve_factors(config, matrices, whole, sizes, n_rows), whole


def _solve_factors(
    config: FitConfig,
    matrices: list[NDArray[np.float64]],
    whole: NDArray[np.float64],
    sizes: NDArray[np.float64],
    n_rows: int,
) -> Solution:
    # The posterior of the linear model says nothing of a model trained on from there.
    posterior = config.regression.posterior and config.training is None
    if config.regression.method == "cross_validation":
        return solve_cross_validation(matrices, sizes, n_rows, posterior)
    if config.regression.method == "fixed":
        assert config.regression.strength is not None
        return solve_fixed(whole, sizes, n_rows, config.regression.strength, posterior)
    return solve_evidence(whole, sizes, n_rows, posterior)


def prepare_linear(
    config: FitConfig,
    train: Sequence[Frame],
    progress: Progress,
    say: Callable[[str], None],
    start: Start | None = None,
) -> LinearProblem:
    """Make model and targets; arguments and errors as `fit_linear`."""
    basis = resolve_cutoff(config.basis, train)
    if config.basis.cutoff == "automatic" and train:
        say(f"cutoff: {basis.cutoff} Å")
    if start is not None:
        basis = start.basis(basis)

    def cutoffs_of(elements: list[str]) -> NDArray[np.float64]:
        cutoff = cutoffs(basis, elements)
        return cutoff if start is None else start.cutoffs(cutoff)

    weights_of = partial(LossWeights, config.loss)
    data = prepare(config, train, cutoffs_of, weights_of, progress, start)
    bonds = make_bonds(basis, config.radial, data.elements, data.distances)
    distances = data.distances
    if start is not None:
        bonds = start.bonds(bonds, len(data.elements))
        distances = start.distances(distances)
    model = LinearAce(basis, data.elements, bonds)
    if model.n_functions == 0:
        raise ValueError("'basis': these limits leave no function at all")
    fitted = data.targets if data.energies_source == "fitted" else []
    warnings = []
    if data.n_rows < model.n_functions:
        warnings.append(
            f"fewer data ({data.n_rows}) than functions ({model.n_functions}): the prior decides "
            "what the data do not; do not trust this model far from its training data"
        )
    free = free_columns(fitted, len(data.elements))
    return LinearProblem(data, model, distances, free, warnings)


def fit_linear(
    config: FitConfig,
    train: Sequence[Frame],
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    start: Start | None = None,
) -> LinearFit:
    """Fit the linear model; arguments and errors as `tektite.fit.fit_frames`.

    start: a model whose elements, basis, bonds, isolated atoms and baseline are to be used.
    """
    progress = progress or Progress(disable=True)
    problem = prepare_linear(config, train, progress, say, start)
    return solve_linear(config, problem, progress, say)


def solve_linear(
    config: FitConfig,
    problem: LinearProblem,
    progress: Progress,
    say: Callable[[str], None],
    at_once: int | None = None,
    sizes: NDArray[np.float64] | None = None,
) -> LinearFit:
    """Find the coefficients; arguments as `fit_linear`.

    at_once: blocks of the design matrix that are in memory; None: one for each thread. sizes: (K,)
    of the prior; None: as the configuration says.
    """
    threads = config.threads or default_threads()
    model, targets, free = problem.model, problem.data.targets, problem.free
    if sizes is None:
        density = config.prior.density or model.density_scale(targets)
        sizes = model.expected_sizes(config.prior, density)
    say(f"{model.n_functions} functions, {problem.data.n_rows} data in {len(targets)} frames")
    # Blocks of rows are done in parallel, each on one thread: BLAS threads would fight over cores.
    with threadpool_limits(1, "blas"):
        factors = _accumulate(model, targets, free, config, at_once or threads, progress)
    with threadpool_limits(threads, "blas"):
        task = progress.add_task("regression", total=None)
        solution, factor = _solve(config, factors, sizes)
        progress.remove_task(task)
    if solution.at_bound:
        problem.warnings.append(
            f"the strength of the prior, {solution.strength:.3g}, lies at the end of its range: "
            "the data do not determine it"
        )
    return LinearFit(
        **vars(problem),
        energies=problem.data.energies + free @ solution.free,
        factor=factor,
        sizes=sizes,
        solution=solution,
    )
