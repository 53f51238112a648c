# SPDX-License-Identifier: BSD-3-Clause
"""Memory that fits of linear and non-linear ACE models take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tektite.fit.config import FitConfig
from tektite.fit.linear import LinearProblem
from tektite.fit.memory import MemoryPlan, check_memory, evaluation_bytes, limit_of, resident
from tektite.fit.model import block_limit
from tektite.fit.prepared_frames import EDGE_BYTES
from tektite.fit.training_config import TrainingConfig

_ADVICE = {
    "design matrix": "a smaller basis, or smaller frames",
    "regression": "a smaller basis",
    "training": "a smaller basis, or lbfgs instead of bfgs",
}


@dataclasses.dataclass
class AcePlan:
    """Memory of a fit, and how it keeps within the limit.

    threads, at_once: blocks of the design matrix that there could be, and will be, in memory;
    hold: bytes of neighbour lists that are kept; lists: of all.
    """

    memory: MemoryPlan
    limit: float
    threads: int
    at_once: int
    hold: float = float("inf")
    lists: float = 0.0

    def check(self, say: Callable[[str], None]) -> None:
        """Say what is planned; raises as `check_memory`."""
        check_memory(self.memory, self.limit, say, _ADVICE)
        if self.at_once < self.threads:
            say(f"to save memory: {self.at_once} of {self.threads} blocks of rows at once")
        if self.hold < self.lists:
            share = self.hold / self.lists
            say(f"to save memory: {share:.0%} of the neighbour lists are kept, the rest made anew")


def plan_memory(config: FitConfig, problem: LinearProblem, threads: int, n_atoms: int) -> AcePlan:
    """Plan a fit; n_atoms: of all frames, those to test on included."""
    limit, begin = limit_of(config.memory_limit), resident()
    for at_once in range(threads, 0, -1):
        memory = MemoryPlan(begin)
        _add_linear(memory, config, problem, at_once)
        if memory.total <= limit:
            break
    plan = AcePlan(memory, limit, threads, at_once)
    if config.training is not None:
        _add_training(plan, config.training, problem, n_atoms)
    if config.has_committee and (config.training or config.committee.kind == "bootstrap"):
        _add_linear(memory, config, problem, at_once, "committee: ")
    memory.add_evaluation(n_atoms)
    return plan


def _add_linear(
    plan: MemoryPlan, config: FitConfig, problem: LinearProblem, at_once: int, name: str = ""
) -> None:
    targets, n_functions = problem.data.targets, problem.model.n_functions
    width = problem.free.shape[1] + n_functions + 1
    most_rows = max(t.n_rows for t in targets)
    rows = max(most_rows, min(problem.data.n_rows, block_limit(n_functions)))
    matrix = 8.0 * width**2
    # Rows, the descriptor's derivatives of one frame, and a factor with a copy of it.
    block = 8.0 * width * rows + 8.0 * n_functions * most_rows + 2 * matrix
    folds = config.regression.folds if config.regression.method == "cross_validation" else 1
    design = at_once * block + (at_once + 3 + folds) * matrix
    plan.add(f"{name}design matrix", design, folds * matrix)
    # Copies, both sets of singular vectors and four matrices of work of LAPACK.
    posterior = config.regression.posterior
    plan.add(f"{name}regression", (10 + 2 * (folds - 1)) * matrix, (1 + posterior) * matrix)


def _add_training(
    plan: AcePlan, training: TrainingConfig, problem: LinearProblem, n_all_atoms: int
) -> None:
    targets, distances = problem.data.targets, problem.data.distances
    n_atoms = sum(len(t.species) for t in targets)
    n_functions, n_density = problem.model.n_functions, len(training.embedding.exponents)
    width = problem.free.shape[1] + n_functions
    matrix = 8.0 * width**2
    n_parameters = float(n_functions * n_density)
    if training.radial != "fixed":
        bond = problem.model.bonds[0]
        size = bond["n_max"] * (bond["l_max"] + 1) * bond["n_base"]
        n_parameters += size * len(problem.model.bonds)
    optimizer = 0.0
    for stage in training.stages:
        vectors = 2 * stage.memory + 10 if stage.optimizer == "lbfgs" else 20
        numbers = vectors * n_parameters
        numbers += 2 * n_parameters**2 if stage.optimizer == "bfgs" else 0
        optimizer = max(optimizer, 8.0 * numbers)
    # Arrays of targets, and of energies, forces, their errors and slopes in each evaluation.
    fixed = 250.0 * n_atoms + 1000.0 * len(targets)
    fixed += (n_density + 3) * matrix + optimizer + 64 * 8.0 * n_parameters
    plan.lists = EDGE_BYTES * distances.n_edges + 60.0 * n_atoms
    before = sum(plan.memory.stays.values()) + plan.memory.begin
    # What comes afterwards, with what a committee leaves, needs room beside the lists, too.
    after = max(fixed, evaluation_bytes(n_all_atoms) + 100.0 * n_atoms + 4 * matrix)
    plan.hold = max(0.0, plan.limit - before - after)
    held = min(plan.lists, plan.hold)
    plan.memory.add("training", fixed + held, held + 100.0 * n_atoms)
