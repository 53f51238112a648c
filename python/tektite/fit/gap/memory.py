# SPDX-License-Identifier: BSD-3-Clause
"""Memory that GAP fits take."""

from __future__ import annotations

from tektite.fit.gap.config import GapFitConfig
from tektite.fit.memory import MemoryPlan, resident
from tektite.fit.preparation import Preparation

# Sparse points are chosen from about this many atoms: 200 MB for 252 features.
MOST_ENVIRONMENTS = 100_000

ADVICE = {
    "sparse points": "a smaller SOAP (n_max, l_max)",
    "covariances": "fewer sparse points, fewer threads, or smaller frames",
    "regression": "fewer sparse points",
}


def plan_memory(
    config: GapFitConfig,
    data: Preparation,
    n_points: int,
    n_features: int,
    threads: int,
    n_atoms: int,
) -> MemoryPlan:
    """Plan of a fit with so many sparse points; n_atoms: of all frames, to test on included."""
    plan = MemoryPlan(resident())
    environments = min(MOST_ENVIRONMENTS, sum(len(t.species) for t in data.targets))
    if n_features:
        # Features of the environments, once in pieces and once together, and what choosing takes.
        plan.add("sparse points", 3 * 8.0 * environments * n_features, 8.0 * n_points * n_features)
    most_rows = max(t.n_rows for t in data.targets)
    matrix = 8.0 * (n_points + 1) ** 2
    # Covariances of a frame, weighted rows of a block, and its factors.
    rows = max(most_rows, min(data.n_rows, 2 * n_points))
    block = 8.0 * (n_points + 1) * (2.5 * most_rows + rows) + matrix
    # Rows of each kind wait until there are enough for a factor.
    folds = config.regression.folds if config.regression.method == "cross_validation" else 1
    sums = 3 * 4 * matrix + 3 * (folds - 1) * matrix
    plan.add("covariances", (threads + 1) * block + sums, 3 * folds * matrix)
    plan.add("regression", (8 + 3 * folds) * matrix, 3 * matrix)
    plan.add_evaluation(n_atoms)
    return plan
