# SPDX-License-Identifier: BSD-3-Clause
"""A training from beginning to end: linear model, stages, errors, warnings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from rich.progress import Progress

from tektite.data import Frame
from tektite.errors import DataError
from tektite.evaluation import Evaluation
from tektite.fit.ace_memory import plan_memory
from tektite.fit.checkpoint import Checkpoint, fingerprint
from tektite.fit.committee import COMMITTEE
from tektite.fit.committee_members import Members
from tektite.fit.config import FitConfig
from tektite.fit.dataset import Target
from tektite.fit.export import Contents, potential_of, sum_contents
from tektite.fit.linear import LinearFit, prepare_linear, solve_linear
from tektite.fit.nonlinear import NonlinearFit, train_nonlinear
from tektite.fit.results import errors_of
from tektite.fit.start import Start
from tektite.fit.trained_committee import trained_committee
from tektite.fit.trainer import Row
from tektite.neighbors import neighbor_list
from tektite.potential import Potential, load
from tektite.report import ErrorTable
from tektite.threads import default_threads

Watch = Callable[[int, int, Row | None], None]


@dataclasses.dataclass
class TrainingResult:
    """What a training gives.

    potential: the model, isolated atoms and baseline included. contents: metadata and arrays of
    its file, without provenance. tables, linear_tables: errors of the model and of the linear one
    that it began with, by set ("train", "validation", "test"). evaluations: predictions of the
    model. frames: of each set. warnings: one sentence each.
    """

    potential: Potential
    contents: Contents
    linear: LinearFit
    nonlinear: NonlinearFit
    tables: dict[str, ErrorTable]
    linear_tables: dict[str, ErrorTable]
    evaluations: dict[str, Evaluation]
    frames: dict[str, list[Frame]]
    warnings: list[str]

    @property
    def train(self) -> ErrorTable:
        """Errors on the training data."""
        return self.tables["train"]

    @property
    def test(self) -> ErrorTable | None:
        """Errors on the test data."""
        return self.tables.get("test")


def split_frames(
    frames: Sequence[Frame], fraction: float, seed: int
) -> tuple[list[Frame], list[Frame]]:
    """Training frames and a random share for validation; frames of one atom are kept for training.

    Raises
    ------
    DataError
        Nothing would be left to train on.
    """
    several = [k for k, frame in enumerate(frames) if frame.n_atoms > 1]
    n = max(1, round(fraction * len(several))) if fraction > 0 else 0
    if n and n >= len(several):
        raise DataError(
            f"training.validation.fraction {fraction:g} leaves none of {len(several)} frames"
        )
    order = np.random.default_rng([seed, 1]).permutation(several)
    chosen = set(order[:n].tolist())
    return (
        [f for k, f in enumerate(frames) if k not in chosen],
        [f for k, f in enumerate(frames) if k in chosen],
    )


def _targets(linear: LinearFit, frames: Sequence[Frame]) -> list[Target]:
    """Frames as the training sees them, those without neighbours or weights left out."""
    cutoff = max(bond["cutoff"] for bond in linear.model.bonds)
    near = [f for f in frames if len(neighbor_list("i", f.atoms, cutoff))]
    return linear.data.more_targets(near)


def _compare(
    tables: Mapping[str, ErrorTable],
    others: Mapping[str, ErrorTable],
    other: str,
    factor: float = 1.02,
) -> list[str]:
    """Sentences on groups for which a model is worse than another one, of that name."""
    found = []
    for name, table in tables.items():
        for group, errors in sorted(table.groups.items()):
            its_errors = others[name].groups[group]
            for quantity, unit in (("energy", "meV/atom"), ("force", "eV/Å")):
                mine, its = getattr(errors, quantity).rmse, getattr(its_errors, quantity).rmse
                if mine is not None and its is not None and mine > factor * its:
                    found.append(
                        f"{name}, group '{group}': {quantity} errors are larger than those of "
                        f"{other}: {mine:.4g}, {its:.4g} {unit}"
                    )
    return found


def _train(
    config: FitConfig,
    train: Sequence[Frame],
    validation: Sequence[Frame],
    test: Sequence[Frame],
    checkpoint: Checkpoint,
    progress: Progress,
    say: Callable[[str], None],
    watch: Watch,
) -> tuple[LinearFit, NonlinearFit, Potential, Contents]:
    assert config.training is not None
    threads = config.threads or default_threads()
    start = None
    if config.training.start is not None:
        start = Start(config.training.start)
        start.check(config)
    problem = prepare_linear(config, train, progress, say, start)
    n_atoms = sum(f.n_atoms for frames in (train, validation, test) for f in frames)
    plan = plan_memory(config, problem, threads, n_atoms)
    plan.check(say)
    linear = solve_linear(config, problem, progress, say, plan.at_once)
    held = _targets(linear, validation)
    nonlinear = train_nonlinear(
        linear, config.basis, config.training, held, checkpoint, threads, watch, start, plan.hold
    )
    ace = nonlinear.model.contents(nonlinear.energies)
    if config.has_committee:
        committee = config.committee
        if committee.kind == "posterior":
            members = trained_committee(
                linear, nonlinear, committee.members, committee.seed, threads
            )
        else:
            makes = Members(
                config, linear, nonlinear, checkpoint.folder, checkpoint.belongs_to,
                plan.at_once, plan.hold,
            )  # fmt: skip
            members = makes.array(progress, say)
        if members is not None:
            ace[1][COMMITTEE] = members
    contents = sum_contents(ace, linear.data.baseline, linear.distances)
    return linear, nonlinear, potential_of(contents, "fit"), contents


def train_frames(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    validation: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    folder: Path | None = None,
    watch: Watch = lambda stage, iteration, row: None,
) -> TrainingResult:
    """Fit a linear model and train a non-linear one from there.

    Arguments and errors as `tektite.fit.fit_frames`, with more of them. validation: frames that
    decide which model is the best; if the configuration asks for a share of the training frames,
    they are taken out here. folder: where the state is kept while training, so that a run that was
    killed goes on; to be deleted when the result is safe; a DataError if it holds that of something
    else. watch: see `tektite.fit.trainer.Trainer`.
    """
    training = config.training
    if training is None:
        raise ValueError("'training' is missing: this configuration is for a linear fit")
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    kept, split = split_frames(train, training.validation.fraction, training.seed)
    held = [*validation, *split]
    sets = {"train": kept, "validation": held, "test": list(test)}
    checkpoint = Checkpoint(folder, fingerprint(config, {"train": kept, "validation": held}))
    linear, nonlinear, potential, contents = _train(
        config, kept, held, test, checkpoint, progress, say, watch
    )
    before = potential_of(linear.contents(), "linear")
    tables, linear_tables, evaluations = {}, {}, {}
    for name, frames in sets.items():
        if frames:
            found = errors_of(potential, frames, [], threads, progress)
            evaluations[name], tables[name] = (part["train"] for part in found)
            linear_tables[name] = errors_of(before, frames, [], threads, progress)[1]["train"]
    warnings = [
        *linear.warnings,
        *nonlinear.trained.warnings,
        *_compare(tables, linear_tables, "the linear model"),
    ]
    if training.start is not None:
        warnings += _compare_with_start(training.start, potential, sets, threads, progress)
    return TrainingResult(
        potential, contents, linear, nonlinear, tables, linear_tables, evaluations,
        {name: list(frames) for name, frames in sets.items() if frames}, warnings,
    )  # fmt: skip


def _compare_with_start(
    path: Path,
    potential: Potential,
    sets: Mapping[str, Sequence[Frame]],
    threads: int,
    progress: Progress,
) -> list[str]:
    """Sentences on groups for which a fine-tuned model is worse than the one it began with."""
    start = load(path)
    known = {atomic_numbers[symbol] for symbol in start.elements}
    mine, its = {}, {}
    for name, frames in sets.items():
        # A model to which elements were added can be compared where they are not.
        common = [f for f in frames if known.issuperset(f.numbers.tolist())]
        if common:
            mine[name] = errors_of(potential, common, [], threads, progress)[1]["train"]
            its[name] = errors_of(start, common, [], threads, progress)[1]["train"]
    return _compare(mine, its, f"the model that training began with, {path.name}")
