# SPDX-License-Identifier: BSD-3-Clause
"""A linear fit from beginning to end."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from tektite.data import Frame
from tektite.fit.ace_memory import plan_memory
from tektite.fit.checkpoint import checkpoint_folder, fingerprint
from tektite.fit.committee import COMMITTEE, draw_committee
from tektite.fit.committee_members import Members
from tektite.fit.config import FitConfig
from tektite.fit.dataset import Distances, WeightsOf
from tektite.fit.export import ace_contents, posterior_arrays, sum_contents
from tektite.fit.linear import prepare_linear, solve_linear
from tektite.fit.model import LinearAce
from tektite.fit.regression import Solution
from tektite.fit.results import BaseFitResult, Frames, common_results, finish
from tektite.fit.weighting import LossWeights
from tektite.potential import Potential, default_threads


@dataclasses.dataclass(kw_only=True)
class FitResult(BaseFitResult):
    """What a linear fit gives, besides what every fit does.

    model, solution: functions and regression. energies: (n_elements,) eV of isolated atoms.
    """

    model: LinearAce
    solution: Solution
    distances: Distances
    energies: NDArray[np.float64]
    energies_source: str


def fit_frames(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    folder: Path | None = None,
) -> FitResult:
    """Fit a linear ACE to frames.

    Parameters
    ----------
    config : FitConfig
        Its `data` and `output` are not used.
    train, test : sequence of Frame
        As `tektite.data.read_frames` gives them.
    progress : rich.progress.Progress, optional
        Shows how far everything is that takes long.
    say : callable
        Receives a few lines on what is being done.
    folder : Path, optional
        Where members of a committee are kept while it is made, so that a fit that was killed goes
        on; to be deleted when the result is safe.

    Raises
    ------
    DataError
        The data do not fit together or hold nothing to fit; names file and frame.
    ValueError
        The configuration makes no sense for these data; names the key.
    MemoryError
        The fit would take more memory than `memory_limit`.
    """
    if config.training is not None:
        raise ValueError("'training' asks for a non-linear model: use train_frames")
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    problem = prepare_linear(config, train, progress, say)
    n_atoms = sum(f.n_atoms for frames in (train, test) for f in frames)
    plan = plan_memory(config, problem, threads, n_atoms)
    plan.check(say)
    linear = solve_linear(config, problem, progress, say, plan.at_once)
    say(linear.data.describe(linear.energies))
    ace = ace_contents(linear.model, linear.solution.coefficients, linear.energies)
    ace[1].update(posterior_arrays(linear.model, linear.solution))
    committee = config.committee
    if config.has_committee and committee.kind == "posterior":
        ace[1][COMMITTEE] = draw_committee(ace[1], committee.members, committee.seed)
    elif config.has_committee:
        belongs_to = fingerprint(config, {"train": train})
        makes = Members(config, linear, None, folder, belongs_to, plan.at_once)
        ace[1][COMMITTEE] = makes.array(progress, say)
    contents = sum_contents(ace, linear.data.baseline, linear.distances)
    return FitResult(
        **common_results(contents, train, test, threads, progress),
        warnings=linear.warnings,
        model=linear.model,
        solution=linear.solution,
        distances=linear.distances,
        energies=linear.energies,
        energies_source=linear.data.energies_source,
    )


def fit_potential(config: FitConfig, train: Sequence[Frame]) -> Potential:
    """Fit, linear or not, for nothing but the potential."""
    if config.training is None:
        return fit_frames(config, train).potential
    from tektite.fit.training_run import train_frames

    return train_frames(config, train).potential


def weights_of(config: FitConfig, frames: Sequence[Frame], elements: Sequence[str]) -> WeightsOf:
    """Weights of single frames in the loss."""
    return LossWeights(config.loss, frames, elements)


def summary(config: FitConfig, result: FitResult) -> dict[str, Any]:
    """Everything that the JSON of errors holds."""
    solution = result.solution
    return {
        "functions": result.model.n_functions,
        "data": solution.n_rows,
        "regression": {
            "method": config.regression.method,
            "strength": solution.strength,
            "noise": solution.noise,
            "effective_parameters": solution.effective,
            "log_evidence": solution.log_evidence,
        },
        "isolated_energies": dict(
            zip(result.model.elements, (float(e) for e in result.energies)),
            source=result.energies_source,
        ),
    }


def run(config: FitConfig, frames: Frames, path: Path, progress: Progress, restart: bool) -> Any:
    """Fit as a configuration of the file `path` says: see `tektite.fit.families.run_config`."""
    if config.training is not None:
        from tektite.fit.run_training import run as run_training

        return run_training(config, frames, path, progress, restart)
    console = progress.console
    folder = checkpoint_folder(config, restart)
    if folder.is_dir():
        console.print(f"going on from {folder}")
    train, test = frames["train"], frames["test"]
    result = fit_frames(config, train, test, progress, console.print, folder)
    solution = result.solution
    console.print(
        f"{config.regression.method}: strength {solution.strength:.3g}, "
        f"{solution.effective:.0f} parameters determined by the data, noise {solution.noise:.3g}"
    )
    finish(config, result, summary(config, result), frames, path, console)
    if folder.is_dir():
        shutil.rmtree(folder)
    return result
