# SPDX-License-Identifier: BSD-3-Clause
"""A fit from beginning to end."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from tektite import modelfile
from tektite.data import Frame
from tektite.evaluation import Evaluation, evaluate
from tektite.files import write_atomically
from tektite.fit.committee import COMMITTEE, draw_committee
from tektite.fit.config import AnyConfig, FitConfig, OutputConfig, load_config
from tektite.fit.dataset import (
    Distances,
    read_data,
)
from tektite.fit.export import (
    Contents,
    ace_contents,
    posterior_arrays,
    potential_of,
    sum_contents,
)
from tektite.fit.linear import fit_linear
from tektite.fit.model import LinearAce
from tektite.fit.regression import (
    Solution,
)
from tektite.potential import Potential, default_threads
from tektite.references import default_references
from tektite.report import ErrorTable, parity_plot


@dataclasses.dataclass
class FitResult:
    """What a fit gives.

    potential: the model, isolated atoms and baseline included. contents: metadata and arrays of
    its file, without provenance. model, solution: functions and regression. train, test: errors,
    None without data. evaluations: predictions for both. warnings: one sentence each.
    """

    potential: Potential
    contents: Contents
    model: LinearAce
    solution: Solution
    distances: Distances
    energies: NDArray[np.float64]
    energies_source: str
    train: ErrorTable
    test: ErrorTable | None
    evaluations: dict[str, Evaluation]
    warnings: list[str]


def errors_of(
    potential: Potential,
    train: Sequence[Frame],
    test: Sequence[Frame],
    threads: int,
    progress: Progress,
) -> tuple[dict[str, Evaluation], dict[str, ErrorTable]]:
    """Predictions for, and errors on, both sets, by name ("train", "test"); none for no frames."""
    evaluations, tables = {}, {}
    for name, frames in (("train", train), ("test", test)):
        if not frames:
            continue
        atoms = progress.track((f.atoms for f in frames), len(frames), description=f"{name} errors")
        evaluations[name] = evaluate(atoms, potential, threads=threads)
        tables[name] = ErrorTable()
        for frame, *prediction in zip(
            frames, evaluations[name].energies, evaluations[name].forces, evaluations[name].stresses
        ):
            tables[name].add(frame, *prediction)
    return evaluations, tables


def fit_frames(
    config: FitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
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

    Raises
    ------
    DataError
        The data do not fit together or hold nothing to fit; names file and frame.
    ValueError
        The configuration makes no sense for these data; names the key.
    """
    if config.training is not None:
        raise ValueError("'training' asks for a non-linear model: use train_frames")
    progress = progress or Progress(disable=True)
    threads = config.threads or default_threads()
    linear = fit_linear(config, train, progress, say)
    elements, distances, baseline = linear.elements, linear.distances, linear.baseline
    model, solution, energies = linear.model, linear.solution, linear.energies
    source, warnings = linear.energies_source, linear.warnings
    shown = ", ".join(f"{s} {e:.6f}" for s, e in zip(elements, energies))
    say(f"isolated-atom energies ({source}), eV: {shown}")
    ace = ace_contents(model, solution.coefficients, energies)
    ace[1].update(posterior_arrays(model, solution))
    if config.regression.posterior and config.regression.committee:
        members = draw_committee(ace[1], config.regression.committee, config.regression.seed)
        ace[1][COMMITTEE] = members
    contents = sum_contents(ace, baseline, distances)
    potential = potential_of(contents, "fit")
    evaluations, tables = errors_of(potential, train, test, threads, progress)
    return FitResult(
        potential, contents, model, solution, distances, energies, source,
        tables["train"], tables.get("test"), evaluations, warnings,
    )  # fmt: skip


def _summary(config: FitConfig, result: FitResult) -> dict[str, Any]:
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
        "warnings": result.warnings,
        "train": result.train.as_dict(),
        "test": None if result.test is None else result.test.as_dict(),
    }


def _errors_in_brief(table: ErrorTable | None) -> dict[str, Any] | None:
    """Root mean square errors over all groups, for the provenance."""
    if table is None:
        return None
    names = {"energy": "energy_meV_per_atom", "force": "force_eV_per_A", "stress": "stress_GPa"}
    return {names[q]: getattr(table.total, q).rmse for q in names}


def write_results(
    config: AnyConfig,
    result: Any,
    summary: dict[str, Any],
    frames: dict[str, list[Frame]],
    config_path: Path,
) -> None:
    """Write model, errors and parity plots.

    config: with data and output; result: with contents, potential, train, test and evaluations as
    `FitResult`; summary: for the JSON of errors; frames: by name ("train", "test").
    """
    output = config.output
    assert output.model is not None and output.errors is not None and output.parity is not None
    described = {}
    for kind, files in (("train", config.data.train_files), ("test", config.data.test_files)):
        counts = {str(path): 0 for path in files}
        for frame in frames[kind]:
            counts[frame.source] += 1
        described[kind] = [modelfile.describe_data(path, counts[str(path)]) for path in files]
    metadata, arrays = result.contents
    metadata = dict(
        metadata,
        provenance=modelfile.provenance(
            source=f"tektite fit {config_path.name}",
            data=described,
            level_of_theory=config.data.level_of_theory,
            errors={k: _errors_in_brief(getattr(result, k)) for k in ("train", "test")},
            config=config.model_dump(
                mode="json",
                by_alias=True,
                exclude={
                    "data": True,
                    "output": True,
                    "threads": True,
                    "training": {"validation", "start"},
                },
            ),
        ),
    )
    modelfile.write(output.model, metadata, arrays, default_references(result.potential.elements))
    text = json.dumps({"model": output.model.name, **summary}, indent=2)
    write_atomically(output.errors, (text + "\n").encode())
    for name, evaluation in result.evaluations.items():
        path = output.parity.with_name(f"{output.parity.stem}-{name}{output.parity.suffix}")
        parity_plot(
            path,
            frames[name],
            list(evaluation.energies),
            evaluation.forces,
            list(evaluation.stresses),
            f"{output.model.name}, {name}",
        )


def check_output(output: OutputConfig, path: Path) -> None:
    """Check that there are folders to write to.

    Raises
    ------
    FileNotFoundError
        Names the configuration and the folder.
    """
    for place in (output.model, output.errors, output.parity):
        if place is not None and not place.parent.is_dir():
            raise FileNotFoundError(f"{path}: there is no folder {place.parent} to write to")


def print_errors(output: OutputConfig, result: Any, console: Console) -> None:
    """Print the tables of errors of a result, and what was written."""
    assert output.model is not None
    for name in ("train", "test"):
        table = getattr(result, name)
        if table is not None:
            console.print(table.rich_table(f"{output.model.name}: {name} errors"))
    console.print(f"written: {output.model}, {output.errors} and parity plots")


def run_config(path: str | Path, console: Console | None = None, restart: bool = False) -> Any:
    """Fit as a configuration file says, print the errors and write all files.

    restart: forget what a training that was killed had reached. Returns a FitResult, or a
    TrainingResult if the configuration has the section `training`.

    Raises
    ------
    FileNotFoundError
        The configuration or a data file is missing.
    ValueError, DataError
        See `load_config` and `fit_frames`.
    """
    path = Path(path).expanduser()
    config = load_config(path)
    if config.training is not None:
        from tektite.fit.run_training import run_config as run_training_config

        return run_training_config(path, console, restart)
    check_output(config.output, path)
    console = console or Console(file=sys.stdout, highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading data", total=None)
        train = read_data(config.data.train_files, config.data)
        test = read_data(config.data.test_files, config.data)
        progress.remove_task(task)
        result = fit_frames(config, train, test, progress, console.print)
    solution = result.solution
    console.print(
        f"{config.regression.method}: strength {solution.strength:.3g}, "
        f"{solution.effective:.0f} parameters determined by the data, noise {solution.noise:.3g}"
    )
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}")
    frames = {"train": train, "test": test}
    write_results(config, result, _summary(config, result), frames, path)
    print_errors(config.output, result, console)
    return result
