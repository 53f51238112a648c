# SPDX-License-Identifier: BSD-3-Clause
"""A GAP fit from beginning to end."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit.dataset import Distances, Target, WeightsOf
from tektite.fit.export import sum_contents
from tektite.fit.gap.config import GapFitConfig
from tektite.fit.gap.export import gap_contents
from tektite.fit.gap.memory import ADVICE, MOST_ENVIRONMENTS, plan_memory
from tektite.fit.gap.optimize import maximize_evidence, minimize_left_out_loss
from tektite.fit.gap.pair_term import make_pair_terms
from tektite.fit.gap.regression import (
    DataFactor,
    GapSolution,
    Hyperparameters,
    SparseGp,
    cholesky_with_jitter,
)
from tektite.fit.gap.rows import KINDS, BlockSum, Design
from tektite.fit.gap.sigmas import SigmaWeights
from tektite.fit.gap.soap_term import SoapSource, make_soap_terms, with_zeta
from tektite.fit.gap.term import Term
from tektite.fit.gap.triplet_term import make_triplet_terms
from tektite.fit.memory import check_memory, limit_of
from tektite.fit.preparation import Preparation, prepare
from tektite.fit.results import BaseFitResult, Frames, common_results, finish
from tektite.potential import Potential
from tektite.threads import default_threads


@dataclasses.dataclass(kw_only=True)
class GapFitResult(BaseFitResult):
    """What a GAP fit gives, besides what every fit does.

    terms, solution: kernels and regression. deltas: eV, by kind of term; scales: factors on the
    sigmas, by kind of data; zeta: None without SOAP; jitters: by kind of term, the largest that was
    needed. energies: (n_elements,) eV of isolated atoms.
    """

    terms: list[Term]
    solution: GapSolution
    deltas: dict[str, float]
    scales: dict[str, float]
    zeta: float | None
    jitters: dict[str, float]
    distances: Distances
    energies: NDArray[np.float64]
    energies_source: str


@dataclasses.dataclass
class _Candidate:
    """One choice of zeta: its terms, their covariances, hyperparameters, and how good they are."""

    terms: list[Term]
    regression: SparseGp
    hyperparameters: Hyperparameters
    kinds_of_data: list[str]
    jitters: dict[str, float]
    score: float


def prepare_gap(config: GapFitConfig, train: Sequence[Frame], progress: Progress) -> Preparation:
    """Find all that does not depend on sparse points; errors as `fit_gap_frames`."""
    sections = [s for s in (config.distance_2b, config.angle_3b, config.soap) if s is not None]
    largest = max(s.cutoff for s in sections)
    return prepare(
        config,
        train,
        lambda elements: np.full((len(elements), len(elements)), largest),
        lambda near, elements: SigmaWeights(config),
        progress,
    )


def make_terms(
    config: GapFitConfig,
    elements: Sequence[str],
    distances: Distances,
    targets: Sequence[Target],
    source: SoapSource | None,
    progress: Progress,
) -> list[Term]:
    """Terms with their sparse points, chosen from the targets.

    Raises
    ------
    DataError
        No two atoms are neighbours.
    """
    terms: list[Term] = []
    if config.distance_2b is not None:
        terms += make_pair_terms(config.distance_2b, len(elements), distances.minimum)
    if config.angle_3b is not None:
        terms += make_triplet_terms(
            config.angle_3b,
            len(elements),
            progress.track(targets, description="triplets"),
            len(targets),
            config.regression.seed,
        )
    if config.soap is not None:
        assert source is not None
        rng = np.random.default_rng(config.regression.seed)
        share = MOST_ENVIRONMENTS / max(1, sum(len(t.species) for t in targets))
        collected: list[list[NDArray[np.float64]]] = [[] for _ in elements]
        groups: list[list[NDArray[np.str_]]] = [[] for _ in elements]
        for target in progress.track(targets, description="environments"):
            kept = rng.random(len(target.species)) < share
            features = source.features(target.frame.atoms)
            for element, parts in enumerate(collected):
                parts.append(features[kept & (target.species == element)])
                groups[element].append(np.full(len(parts[-1]), target.frame.group))
        features = [np.concatenate(parts) for parts in collected]
        task = progress.add_task("sparse points", total=None)
        terms += make_soap_terms(
            config.soap,
            elements,
            features,
            config.regression.seed,
            [np.concatenate(parts) for parts in groups],
        )
        progress.remove_task(task)
    if not terms:
        raise DataError("there are no sparse points: no two atoms of the data are neighbours")
    return terms


def _accumulate(
    design: Design,
    targets: Sequence[Target],
    config: GapFitConfig,
    threads: int,
    progress: Progress,
) -> list[list[tuple[str, DataFactor]]]:
    """For each part of the data the factors of its kinds; frames go to parts in shuffled order."""
    n_parts = config.regression.folds if config.regression.method == "cross_validation" else 1
    if n_parts > len(targets):
        raise DataError(f"regression.folds is {n_parts}, but there are only {len(targets)} frames")
    place = np.zeros(len(targets), dtype=int)
    if n_parts > 1:
        shuffled = np.random.default_rng(config.regression.seed).permutation(len(targets))
        place[shuffled] = np.arange(len(targets)) % n_parts
    task = progress.add_task("covariances", total=sum(t.n_rows for t in targets))
    parts = []
    for part in range(n_parts):
        chosen = [t for t, p in zip(targets, place) if p == part]
        sums = {kind: BlockSum(design.n_points + 1) for kind in KINDS}
        for n_rows, blocks in design.accumulate(chosen, threads):
            for kind, block in blocks.items():
                sums[kind].add(block)
            progress.advance(task, n_rows)
        results = [(kind, rows.result()) for kind, rows in sums.items()]
        parts.append([(kind, r) for kind, r in results if r is not None])
    progress.remove_task(task)
    return parts


def _candidate(
    terms: list[Term],
    parts: list[list[tuple[str, DataFactor]]],
    config: GapFitConfig,
    progress: Progress,
) -> _Candidate:
    """Hyperparameters for given terms and data."""
    kinds = list(dict.fromkeys(t.kind for t in terms))
    triangles, jitters = [], {}
    for term in terms:
        triangle, jitter = cholesky_with_jitter(term.prior_covariance(), config.regression.jitter)
        triangles.append(triangle)
        jitters[term.kind] = max(jitter, jitters.get(term.kind, 0.0))
    data = [factor for part in parts for _, factor in part]
    kinds_of_data = [kind for part in parts for kind, _ in part]
    regression = SparseGp(data, triangles, [kinds.index(t.kind) for t in terms])
    deltas = np.array([getattr(config, kind).delta for kind in kinds])
    method = config.regression.method
    hyperparameters, score = Hyperparameters(deltas, np.ones(len(data))), 0.0
    if method != "fixed":
        task = progress.add_task("hyperparameters", total=None)
        if method == "evidence":
            present = list(dict.fromkeys(kinds_of_data))
            hyperparameters, score = maximize_evidence(
                regression,
                deltas,
                [present.index(kind) for kind in kinds_of_data],
                lambda: progress.advance(task),
            )
        else:
            counts = np.cumsum([0, *(len(part) for part in parts)])
            groups = [range(a, b) for a, b in itertools.pairwise(counts)]
            hyperparameters, loss = minimize_left_out_loss(
                regression, deltas, groups, lambda: progress.advance(task)
            )
            score = -loss
        progress.remove_task(task)
    return _Candidate(terms, regression, hyperparameters, kinds_of_data, jitters, score)


def fit_gap_frames(
    config: GapFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> GapFitResult:
    """Fit a GAP to frames; arguments and errors as `tektite.fit.fit_frames`."""
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    data = prepare_gap(config, train, progress)
    elements, distances, targets = data.elements, data.distances, data.targets
    source = None if config.soap is None else SoapSource(config.soap, elements)
    best: _Candidate | None = None
    # Blocks of rows are done in parallel, each on one thread: BLAS threads would fight over cores,
    # and would make the result depend on their number.
    with threadpool_limits(1, "blas"):
        terms = make_terms(config, elements, distances, targets, source, progress)
        n_points, n_rows = sum(t.n_points for t in terms), sum(t.n_rows for t in targets)
        say(f"{n_points} sparse points, {n_rows} data in {len(targets)} frames")
        n_features = 0 if source is None else source.features(targets[0].frame.atoms).shape[1]
        n_atoms = sum(f.n_atoms for frames in (train, test) for f in frames)
        plan = plan_memory(config, data, n_points, n_features, threads, n_atoms)
        check_memory(plan, limit_of(config.memory_limit), say, ADVICE)
        for zeta in config.soap.zetas if config.soap is not None else [None]:
            terms = terms if zeta is None else with_zeta(terms, zeta)
            parts = _accumulate(Design(terms, source), targets, config, threads, progress)
            candidate = _candidate(terms, parts, config, progress)
            if best is None or candidate.score > best.score:
                best = candidate
        assert best is not None
        task = progress.add_task("regression", total=None)
        solution = best.regression.solve(best.hyperparameters)
        progress.remove_task(task)
    kinds = list(dict.fromkeys(t.kind for t in best.terms))
    deltas = dict(zip(kinds, (float(d) for d in solution.hyperparameters.deltas)))
    scales = dict(zip(best.kinds_of_data, (float(s) for s in solution.hyperparameters.scales)))
    zeta = next((t.zeta for t in best.terms if hasattr(t, "zeta")), None)
    warnings = [
        f"{kind}: a jitter of {jitter:.0e} was needed instead of {config.regression.jitter:.0e}; "
        "fewer sparse points would do"
        for kind, jitter in best.jitters.items()
        if jitter > config.regression.jitter
    ]
    say(data.describe(data.energies))
    gap = gap_contents(
        best.terms, solution, deltas, elements, data.energies, config.regression.posterior
    )
    contents = sum_contents(gap, data.baseline, distances)
    return GapFitResult(
        **common_results(contents, train, test, threads, progress),
        warnings=warnings,
        terms=best.terms,
        solution=solution,
        deltas=deltas,
        scales=scales,
        zeta=zeta,
        jitters=best.jitters,
        distances=distances,
        energies=data.energies,
        energies_source=data.energies_source,
    )


def _summary(config: GapFitConfig, result: GapFitResult) -> dict[str, Any]:
    """Everything that the JSON of errors holds."""
    solution = result.solution
    return {
        "sparse_points": {
            kind: sum(t.n_points for t in result.terms if t.kind == kind) for kind in result.deltas
        },
        "data": solution.n_rows,
        "regression": {
            "method": config.regression.method,
            "delta": result.deltas,
            "sigma_scales": result.scales,
            "zeta": result.zeta,
            "jitter": result.jitters,
            "effective_parameters": solution.effective,
            "log_evidence": solution.log_evidence,
            "misfit": solution.misfit,
        },
        "isolated_energies": dict(
            zip(result.potential.elements, (float(e) for e in result.energies)),
            source=result.energies_source,
        ),
    }


def fit_potential(config: GapFitConfig, train: Sequence[Frame]) -> Potential:
    """Fit for nothing but the potential."""
    return fit_gap_frames(config, train).potential


def weights_of(config: GapFitConfig, frames: Sequence[Frame], elements: Sequence[str]) -> WeightsOf:
    """Weights of single frames."""
    return SigmaWeights(config)


def run(
    config: GapFitConfig, frames: Frames, path: Path, progress: Progress, restart: bool
) -> GapFitResult:
    """Fit as a configuration of the file `path` says: see `tektite.fit.families.run_config`."""
    console = progress.console
    result = fit_gap_frames(config, frames["train"], frames["test"], progress, console.print)
    solution = result.solution
    hyper = ", ".join(f"delta {kind} {value:.4g} eV" for kind, value in result.deltas.items())
    if result.zeta is not None:
        hyper += f", zeta {result.zeta:g}"
    scaled = ", ".join(f"{kind} {value:.3g}" for kind, value in result.scales.items())
    console.print(f"{config.regression.method}: {hyper}; sigmas times: {scaled}")
    console.print(
        f"{solution.effective:.0f} parameters determined by the data, log evidence "
        f"{solution.log_evidence:.1f}"
    )
    finish(config, result, _summary(config, result), frames, path, console)
    return result
