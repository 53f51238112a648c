# SPDX-License-Identifier: BSD-3-Clause
"""A fit of several models and their mean, from beginning to end."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from tektite.data import Frame
from tektite.data.sources import find_all_files
from tektite.fit.average.config import AverageFitConfig
from tektite.fit.average.contents import average_contents, check_baseline
from tektite.fit.checkpoint import checkpoint_folder
from tektite.fit.config import FitConfig
from tektite.fit.dataset import WeightsOf, read_data
from tektite.fit.metrics_file import write_metrics
from tektite.fit.results import BaseFitResult, Frames, common_results, finish
from tektite.fit.run import FitResult, fit_frames
from tektite.fit.run import summary as linear_summary
from tektite.fit.run_training import Display
from tektite.fit.run_training import summary as training_summary
from tektite.fit.training_run import TrainingResult, train_frames
from tektite.fit.weighting import LossWeights
from tektite.potential import Potential, default_threads
from tektite.report import ErrorTable
from tektite.report.page import write_page

Member = FitResult | TrainingResult


@dataclasses.dataclass(kw_only=True)
class AverageFitResult(BaseFitResult):
    """What the fit of an average gives, besides what every fit does; members: those of each."""

    members: list[Member]


def _numbered(path: Path, k: int) -> Path:
    """NAME-1.ending for the first member of NAME.ending."""
    name, _, endings = path.name.partition(".")
    return path.with_name(f"{name}-{k + 1}.{endings}")


def _tables(result: Member | AverageFitResult) -> dict[str, ErrorTable]:
    found = {"train": result.train, "test": result.test}
    return {name: table for name, table in found.items() if table is not None}


def _watch(config: FitConfig, k: int, progress: Progress) -> Display:
    assert config.output.metrics is not None
    output = config.output.model_copy(update={"metrics": _numbered(config.output.metrics, k)})
    return Display(config.model_copy(update={"output": output}), progress, progress.console)


def fit_average_frames(
    config: AverageFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    folder: Path | None = None,
    show: bool = False,
) -> AverageFitResult:
    """Fit all members and take their mean.

    Arguments and errors as `tektite.fit.fit_frames`, errors also as `check_baseline`. folder: where
    the state of each training is kept, so that a fit that was killed goes on; to be deleted when
    the result is safe. show: the course of each training, on the screen and as a file.
    """
    progress = progress or Progress(disable=True)
    results: list[Member] = []
    if folder is not None:
        folder.mkdir(exist_ok=True)
    for k, member in enumerate(config.member_configs()):
        say(f"member {k + 1} of {len(config.members)}")
        place = None if folder is None else folder / f"member-{k + 1}"
        if member.training is None:
            results.append(fit_frames(member, train, test, progress, say, place))
        else:
            files = find_all_files(member.training.validation.files)
            validation = read_data(files, member.data, member.frame_keys)
            arguments = (member, train, test, validation, progress, say, place)
            if show:
                display = _watch(member, k, progress)
                results.append(train_frames(*arguments, display))
                display.finish()
            else:
                results.append(train_frames(*arguments))
        # Not only in the end, after the fits of all others.
        check_baseline(results[0].contents, results[-1].contents, f"member {k + 1}")
    contents = average_contents([result.contents for result in results])
    threads = config.threads or default_threads()
    average = AverageFitResult(
        **common_results(contents, train, test, threads, progress),
        members=results,
        warnings=[
            f"member {k + 1}: {warning}"
            for k, result in enumerate(results)
            for warning in result.warnings
        ],
    )
    average.warnings.extend(_useless_members(average))
    return average


def _useless_members(result: AverageFitResult) -> list[str]:
    """Sentences on members that alone are better than the mean, in energies and in forces."""
    found = []
    name, mean = list(_tables(result).items())[-1]
    for k, member in enumerate(result.members):
        own = _tables(member)[name]
        both = [
            (getattr(mean.total, quantity).rmse, getattr(own.total, quantity).rmse)
            for quantity in ("energy", "force")
        ]
        known = [(of_mean, of_member) for of_mean, of_member in both if of_mean is not None]
        if all(of_mean > of_member for of_mean, of_member in known):
            found.append(
                f"member {k + 1} alone has smaller {name} errors than the mean: the others do not "
                "help it"
            )
    return found


def _table(result: AverageFitResult) -> Table:
    table = Table(title="root mean square errors of the members and of their mean")
    sets = _tables(result)
    table.add_column("")
    for name in sets:
        table.add_column(f"{name}: energy, meV/atom", justify="right")
        table.add_column("force, eV/Å", justify="right")
    named = [(f"member {k + 1}", member) for k, member in enumerate(result.members)]
    for label, model in [*named, ("mean", result)]:
        cells = []
        for errors in _tables(model).values():
            for quantity, decimals in (("energy", 2), ("force", 4)):
                value = getattr(errors.total, quantity).rmse
                cells.append("-" if value is None else f"{value:.{decimals}f}")
        table.add_row(label, *cells)
    return table


def _member_summary(config: FitConfig, result: Member) -> dict[str, Any]:
    if isinstance(result, TrainingResult):
        return training_summary(config, result)
    return {
        **linear_summary(config, result),
        **{name: table.as_dict() for name, table in _tables(result).items()},
    }


def fit_potential(config: AverageFitConfig, train: Sequence[Frame]) -> Potential:
    """Fit for nothing but the potential."""
    return fit_average_frames(config, train).potential


def weights_of(
    config: AverageFitConfig, frames: Sequence[Frame], elements: Sequence[str]
) -> WeightsOf:
    """Weights of single frames in the loss."""
    return LossWeights(config.loss, frames, elements)


def run(
    config: AverageFitConfig, frames: Frames, path: Path, progress: Progress, restart: bool
) -> AverageFitResult:
    """Fit as a configuration of the file `path` says: see `tektite.fit.families.run_config`.

    The state of all members is kept in a folder NAME.training beside the model until all is done:
    the same command after a kill goes on from there. restart: delete it first.
    """
    output, console = config.output, progress.console
    assert output.model is not None and output.metrics is not None and output.report is not None
    folder = checkpoint_folder(config, restart)
    if folder.is_dir():
        console.print(f"going on from {folder}")
    result = fit_average_frames(
        config, frames["train"], frames["test"], progress, console.print, folder, show=True
    )
    members = config.member_configs()
    for k, member in enumerate(result.members):
        if isinstance(member, TrainingResult):
            write_metrics(_numbered(output.metrics, k), member.nonlinear.trained.rows)
    summary = {
        "members": [_member_summary(c, member) for c, member in zip(members, result.members)]
    }
    finish(config, result, summary, frames, path, console)
    write_page(
        output.report, f"Fit of {output.model.name}", result.potential, frames,
        result.evaluations, _tables(result), warnings=result.warnings,
    )  # fmt: skip
    if folder.is_dir():
        shutil.rmtree(folder)
    console.print(_table(result))
    console.print(f"report: {output.report}")
    return result
