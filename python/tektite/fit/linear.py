# SPDX-License-Identifier: BSD-3-Clause
"""The linear fit: from frames to coefficients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.config import FitConfig
from tektite.fit.dataset import (
    Distances,
    Target,
    check_groups,
    find_elements,
    isolated_energies,
    make_targets,
    measure_distances,
)
from tektite.fit.export import Contents, baseline_contents, potential_of
from tektite.fit.least_squares import TriangularFactor, combine
from tektite.fit.model import LinearAce
from tektite.fit.radial import cutoffs, make_bonds, resolve_cutoff
from tektite.fit.regression import (
    Solution,
    solve_cross_validation,
    solve_evidence,
    solve_fixed,
)
from tektite.fit.weighting import FrameWeights
from tektite.potential import Potential, default_threads

if TYPE_CHECKING:
    from tektite.fit.start import Start


@dataclasses.dataclass
class LinearFit:
    """A linear model and all that led to it.

    targets: frames that are fitted to, less isolated atoms as first estimated and baseline.
    first_energies: (n_elements,) eV, that estimate; energies: after the fit, with what the columns
    `free` (n_elements, n_free) add. weights: of single frames. factor: triangular factor of the
    weighted rows, (n_free + K + 1, ...). sizes: (K,) of the prior. baseline: contents of its file,
    or None.
    """

    elements: list[str]
    distances: Distances
    baseline: Contents | None
    targets: list[Target]
    model: LinearAce
    first_energies: NDArray[np.float64]
    energies: NDArray[np.float64]
    energies_source: str
    free: NDArray[np.float64]
    factor: NDArray[np.float64]
    sizes: NDArray[np.float64]
    solution: Solution
    weights: FrameWeights
    warnings: list[str]

    def baseline_potential(self) -> Potential | None:
        """Return the baseline as a potential."""
        return None if self.baseline is None else potential_of(self.baseline, "baseline")


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
    threads = config.threads or default_threads()
    if not train:
        raise DataError("there are no frames to fit to")
    check_groups(train, config.loss)
    basis = resolve_cutoff(config.basis, train)
    if start is None:
        elements = find_elements(train, config.elements)
    else:
        elements, basis = start.all_elements(train), start.basis(basis)
    cutoff = cutoffs(basis, elements)
    if start is not None:
        cutoff = start.cutoffs(cutoff)
    if config.basis.cutoff == "automatic":
        say(f"cutoff: {basis.cutoff} Å")
    distances = measure_distances(progress.track(train, description="distances"), elements, cutoff)
    bonds = make_bonds(basis, config.radial, elements, distances)
    baseline = baseline_contents(config.baseline, elements, distances)
    if start is None:
        energies, source = isolated_energies(
            train, distances.isolated, elements, config.isolated_energies
        )
    else:
        energies, source = start.isolated_energies(
            train, distances.isolated, elements, config.isolated_energies
        )
        bonds = start.bonds(bonds, len(elements))
        baseline = start.baseline_with(baseline, elements)
        distances = start.distances(distances)
    near = [f for f, alone in zip(train, distances.isolated) if not alone]
    weights = FrameWeights(config.loss.weighting, near, elements)
    targets = make_targets(
        progress.track(near, description="baseline"),
        elements,
        energies,
        config.loss,
        None if baseline is None else potential_of(baseline, "baseline"),
        weights,
    )
    targets = [t for t in targets if t.n_rows > 0]
    if not targets:
        raise DataError(
            "nothing to fit: no frame with neighbours has energies, forces or stresses of a "
            "weight above zero"
        )
    model = LinearAce(basis, elements, bonds)
    if model.n_functions == 0:
        raise ValueError("'basis': these limits leave no function at all")
    density = config.prior.density or model.density_scale(targets)
    sizes = model.expected_sizes(config.prior, density)
    n_rows = sum(t.n_rows for t in targets)
    say(f"{model.n_functions} functions, {n_rows} data in {len(targets)} frames")
    warnings = []
    if n_rows < model.n_functions:
        warnings.append(
            f"fewer data ({n_rows}) than functions ({model.n_functions}): the prior decides what "
            "the data do not; do not trust this model far from its training data"
        )
    free = free_columns(targets if source == "fitted" else [], len(elements))
    # Blocks of rows are done in parallel, each on one thread: BLAS threads would fight over cores.
    with threadpool_limits(1, "blas"):
        factors = _accumulate(model, targets, free, config, threads, progress)
    with threadpool_limits(threads, "blas"):
        task = progress.add_task("regression", total=None)
        solution, factor = _solve(config, factors, sizes)
        progress.remove_task(task)
    if solution.at_bound:
        warnings.append(
            f"the strength of the prior, {solution.strength:.3g}, lies at the end of its range: "
            "the data do not determine it"
        )
    return LinearFit(
        elements, distances, baseline, targets, model, energies, energies + free @ solution.free,
        source, free, factor, sizes, solution, weights, warnings,
    )  # fmt: skip
