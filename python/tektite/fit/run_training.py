# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit` of a configuration with `training`: display, files, resumption."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tektite.data.sources import find_all_files
from tektite.fit.checkpoint import checkpoint_folder
from tektite.fit.config import FitConfig
from tektite.fit.dataset import read_data
from tektite.fit.metrics_file import write_metrics
from tektite.fit.results import Frames, print_errors, write_results
from tektite.fit.trainer import Row
from tektite.fit.training_run import TrainingResult, train_frames
from tektite.report.page import write_page

_WRITE_EVERY = 2.0  # s, between two versions of metrics.csv


class Display:
    """Progress of a training: a bar for each stage, and metrics.csv."""

    def __init__(self, config: FitConfig, progress: Progress, console: Console):
        assert config.training is not None and config.output.metrics is not None
        training = config.training
        stages = [s for _ in training.ladder for s in training.stages]
        self._totals = [s.iterations for s in stages]
        self._progress, self._console = progress, console
        self._path = config.output.metrics
        self._rows: list[Row] = []
        self._task: Any = None
        self._stage = -1
        self._written = 0.0

    def __call__(self, stage: int, iteration: int, row: Row | None) -> None:
        """See `tektite.fit.trainer.Trainer`."""
        if stage != self._stage:
            self.finish()
            self._stage = stage
            name = f"stage {stage + 1} of {len(self._totals)}"
            self._task = self._progress.add_task(name, total=self._totals[stage])
        self._progress.update(self._task, completed=iteration)
        if row is None:
            return
        self._rows.append(row)
        self._progress.update(self._task, description=_in_brief(row, len(self._totals)))
        if time.monotonic() - self._written > _WRITE_EVERY:
            write_metrics(self._path, self._rows)
            self._written = time.monotonic()

    def finish(self) -> None:
        """End the bar of a stage; its last look stays on the screen."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
            if self._rows:
                self._console.print(_in_brief(self._rows[-1], len(self._totals)))


def _in_brief(row: Row, n_stages: int) -> str:
    text = (
        f"stage {row.stage} of {n_stages}, {row.optimizer} {row.iteration}: loss {row.loss:.5g}, "
        f"train {row.train_energy:.2f} meV/atom {row.train_force:.4f} eV/Å"
    )
    if row.validation_loss == row.validation_loss:
        text += f", validation {row.validation_energy:.2f} {row.validation_force:.4f}"
    return text


def summary(config: FitConfig, result: TrainingResult) -> dict[str, Any]:
    """Everything that the JSON of errors holds."""
    assert config.training is not None
    model, solution = result.nonlinear.model, result.linear.solution
    return {
        "functions": model.n_functions,
        "densities": model.n_density,
        "parameters": model.n_parameters,
        "data": solution.n_rows,
        "linear": {
            "strength": solution.strength,
            "noise": solution.noise,
            "errors": {name: table.as_dict() for name, table in result.linear_tables.items()},
        },
        "stages": [
            {"optimizer": stage.optimizer, "kappa": stage.kappa, "ending": ending}
            for stage, ending in zip(
                [s for _ in config.training.ladder for s in config.training.stages],
                result.nonlinear.trained.endings,
            )
        ],
        "isolated_energies": dict(
            zip(result.linear.elements, (float(e) for e in result.nonlinear.energies)),
            source=result.linear.data.energies_source,
        ),
        "warnings": result.warnings,
        **{name: table.as_dict() for name, table in result.tables.items()},
    }


def _linear_table(result: TrainingResult) -> Table:
    table = Table(title="root mean square errors, linear model and trained model")
    for heading in ("set", "energy, meV/atom", "force, eV/Å"):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    for name, errors in result.tables.items():
        before = result.linear_tables[name].total
        cells = []
        for quantity, decimals in (("energy", 2), ("force", 4)):
            both = getattr(before, quantity).rmse, getattr(errors.total, quantity).rmse
            cells.append(" → ".join("-" if v is None else f"{v:.{decimals}f}" for v in both))
        table.add_row(name, *cells)
    return table


def run(
    config: FitConfig, sets: Frames, path: Path, progress: Progress, restart: bool
) -> TrainingResult:
    """Train as a configuration of the file `path` says: see `tektite.fit.families.run_config`.

    The state is kept in a folder NAME.training beside the model until all is done: the same
    command after a kill goes on from there. restart: delete it first.
    """
    output, console = config.output, progress.console
    assert config.training is not None
    assert output.model is not None and output.metrics is not None
    folder = checkpoint_folder(config, restart)
    if (folder / "state.npz").is_file() or list(folder.glob("*.journal")):
        console.print(f"going on from {folder}")
    files = find_all_files(config.training.validation.files)
    validation = read_data(files, config.data, config.frame_keys)
    display = Display(config, progress, console)
    result = train_frames(
        config, sets["train"], sets["test"], validation, progress, console.print, folder, display
    )
    display.finish()
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}")
    for stage, ending in enumerate(result.nonlinear.trained.endings):
        console.print(f"stage {stage + 1}: {ending}")
    frames = {"train": [], "test": [], **result.frames}
    write_results(config, result, summary(config, result), frames, path)
    rows = result.nonlinear.trained.rows
    write_metrics(output.metrics, rows)
    assert output.report is not None
    write_page(
        output.report, f"Training of {output.model.name}", result.potential, result.frames,
        result.evaluations, result.tables, result.linear_tables, rows, result.warnings,
    )  # fmt: skip
    shutil.rmtree(folder)
    console.print(_linear_table(result))
    print_errors(output, result, console)
    console.print(f"course and report: {output.metrics}, {output.report}")
    return result
