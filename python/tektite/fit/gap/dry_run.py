# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit --dry-run` of GAP fits: sparse points, memory and time, without fitting anything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from rich.progress import Progress
from threadpoolctl import threadpool_limits

from tektite.data import Frame
from tektite.fit.estimate import Estimate, common_numbers, flops, sample
from tektite.fit.gap.config import GapFitConfig
from tektite.fit.gap.memory import plan_memory
from tektite.fit.gap.rows import Design
from tektite.fit.gap.run import make_terms, prepare_gap
from tektite.fit.gap.soap_term import SoapSource
from tektite.threads import default_threads


@dataclasses.dataclass(kw_only=True)
class GapEstimate(Estimate):
    """What a GAP fit will need; sparse_points: by kind of term; n_features: of SOAP, 0 without."""

    sparse_points: dict[str, int]
    n_features: int

    def sizes(self) -> list[tuple[str, str]]:
        """See `Estimate`."""
        rows = [(f"sparse points, {kind}", str(n)) for kind, n in self.sparse_points.items()]
        return [*rows, ("features of SOAP", str(self.n_features))] if self.n_features else rows


def estimate(
    config: GapFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
) -> GapEstimate:
    """Estimate what `fit_gap_frames` will need; errors as there.

    Sparse points are chosen from a sample of the environments, at least twice as many as there are
    to be points.
    """
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    data = prepare_gap(config, train, progress)
    source = None if config.soap is None else SoapSource(config.soap, data.elements)
    wanted = 0
    if config.soap is not None:
        n = config.soap.n_sparse
        wanted = sum(n.values()) if isinstance(n, dict) else n * len(data.elements)
    seconds = {}
    with threadpool_limits(1, "blas"):
        many, share = sample(data.targets, max(300, 2 * wanted))
        begin = time.perf_counter()
        terms = make_terms(config, data.elements, data.distances, many, source, progress)
        # Choosing takes longer than in proportion to the environments, but of these there are
        # never more than a hundred thousand.
        seconds["sparse points"] = (time.perf_counter() - begin) * share
        n_features, n_points = 0, sum(t.n_points for t in terms)
        if source is not None:
            n_features = source.features(many[0].frame.atoms).shape[1]
        some, share = sample(data.targets)
        design = Design(terms, source)
        begin = time.perf_counter()
        for _ in design.accumulate(some, 1):
            pass
        n_zetas = len(config.soap.zetas) if config.soap is not None else 1
        once = (time.perf_counter() - begin) * share / threads
    rate = flops()
    seconds["covariances"] = n_zetas * (once + 2.0 * data.n_rows * n_points**2 / rate)
    seconds["regression"] = 10.0 * n_points**3 / rate
    if config.regression.method != "fixed":
        # A step of the search factorises the normal equations; some 30 for each hyperparameter.
        n_steps = 30 * (len({t.kind for t in terms}) + 3)
        seconds["hyperparameters"] = n_zetas * n_steps * 2.0 * n_points**3 / rate
    n_atoms = sum(f.n_atoms for f in [*train, *test])
    plan = plan_memory(config, data, n_points, n_features, threads, n_atoms)
    kinds = dict.fromkeys(t.kind for t in terms)
    return GapEstimate(
        **common_numbers(train, data, threads, plan),
        n_parameters=n_points,
        seconds=seconds,
        sparse_points={k: sum(t.n_points for t in terms if t.kind == k) for k in kinds},
        n_features=n_features,
    )
