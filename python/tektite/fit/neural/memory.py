# SPDX-License-Identifier: BSD-3-Clause
"""Memory that neural fits take."""

from __future__ import annotations

import itertools

from tektite.features import AtomFeatures
from tektite.fit.memory import MemoryPlan, resident
from tektite.fit.neural.config import NeuralFitConfig
from tektite.fit.preparation import Preparation

ADVICE = {"training": "a smaller optimiser.batch_size or descriptor"}


def plan_memory(
    config: NeuralFitConfig, data: Preparation, descriptor: AtomFeatures, n_atoms: int
) -> MemoryPlan:
    """Plan of a fit; n_atoms: of all frames, those to test on included."""
    plan = MemoryPlan(resident())
    sizes = sorted((len(t.species) for t in data.targets), reverse=True)
    most_atoms = sum(sizes[: config.optimiser.batch_size])
    widths = [descriptor.n_features, *config.network.hidden, 1]
    n_parameters = sum((a + 1) * b for a, b in itertools.pairwise(widths)) * len(data.elements)
    # Features, adjoints, tangents and what a graph of second derivatives keeps of each layer; and
    # all but the features in the scaling, of 256 frames.
    batch = 8.0 * most_atoms * (8 * widths[0] + 12 * sum(widths[1:]))
    scaling = 8.0 * 3 * sum(sizes[:256]) * widths[0]
    plan.add("training", max(batch, scaling) + 8.0 * 8 * n_parameters + 300.0 * sum(sizes), 0.0)
    plan.add_evaluation(n_atoms)
    return plan
