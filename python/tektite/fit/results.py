# SPDX-License-Identifier: BSD-3-Clause
"""What a fit of any family gives, and how it is written and shown."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tektite import modelfile
from tektite.data import Frame, find_files
from tektite.evaluation import Evaluation, evaluate
from tektite.files import write_atomically
from tektite.fit.base_config import BaseFitConfig, OutputConfig
from tektite.fit.dataset import read_data
from tektite.fit.export import Contents, potential_of
from tektite.potential import Potential
from tektite.references import default_references
from tektite.report import ErrorTable, parity_plot

Frames = dict[str, list[Frame]]


@dataclasses.dataclass(kw_only=True)
class BaseFitResult:
    """What a fit of any family gives.

    potential: the model, isolated atoms and baseline included. contents: metadata and arrays of
    its file, without provenance. train, test: errors, None without data. evaluations: predictions
    for both. warnings: one sentence each.
    """

    potential: Potential
    contents: Contents
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


def common_results(
    contents: Contents,
    train: Sequence[Frame],
    test: Sequence[Frame],
    threads: int,
    progress: Progress,
) -> dict[str, Any]:
    """Fields of `BaseFitResult` but the warnings."""
    potential = potential_of(contents, "fit")
    evaluations, tables = errors_of(potential, train, test, threads, progress)
    return {
        "potential": potential,
        "contents": contents,
        "train": tables["train"],
        "test": tables.get("test"),
        "evaluations": evaluations,
    }


def read_sets(config: BaseFitConfig, progress: Progress) -> Frames:
    """Read the frames of a configuration, by name ("train", "test").

    Raises
    ------
    FileNotFoundError, DataError
        As `tektite.fit.dataset.read_data`.
    """
    files = {"train": config.data.train_files, "test": config.data.test_files}
    task = progress.add_task("reading frames", total=None)
    sets = {
        name: read_data(paths, config.data, config.frame_keys, lambda: progress.advance(task))
        for name, paths in files.items()
    }
    progress.remove_task(task)
    return sets


def _errors_in_brief(table: ErrorTable | None) -> dict[str, Any] | None:
    """Root mean square errors over all groups, for the provenance."""
    if table is None:
        return None
    names = {"energy": "energy_meV_per_atom", "force": "force_eV_per_A", "stress": "stress_GPa"}
    errors = {names[q]: getattr(table.total, q).rmse for q in names}
    # The order of sums, which threads change, must not show in the file.
    return {name: None if e is None else float(f"{e:.8g}") for name, e in errors.items()}


def _describe(path: Path, frames: Sequence[Frame]) -> dict[str, Any]:
    """Provenance of what one path of a configuration stands for."""
    files = find_files(path)
    counts = {str(file): 0 for file in files}
    for frame in frames:
        if frame.source in counts:
            counts[frame.source] += 1
    if files == [path]:
        return modelfile.describe_data(path, counts[str(path)])
    each = [modelfile.sha256(file) for file in files]
    return {
        "file": path.name,
        "n_files": len(files),
        "sha256_of_sha256": hashlib.sha256("".join(each).encode()).hexdigest(),
        "n_frames": sum(counts.values()),
    }


def write_results(
    config: BaseFitConfig,
    result: Any,
    summary: dict[str, Any],
    frames: Frames,
    config_path: Path,
) -> None:
    """Write model, errors and parity plots.

    config: with data and output; result: with contents, potential, train, test and evaluations as
    `FitResult`; summary: for the JSON of errors; frames: by name ("train", "test").
    """
    output = config.output
    assert output.model is not None and output.errors is not None and output.parity is not None
    described = {
        name: [_describe(path, frames[name]) for path in paths]
        for name, paths in config.data.paths.items()
    }
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
                    "memory_limit": True,
                    "training": {"validation", "start"},
                    "members": {"__all__": {"training": {"validation", "start"}}},
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


def finish(
    config: BaseFitConfig,
    result: Any,
    summary: dict[str, Any],
    frames: Frames,
    path: Path,
    console: Console,
) -> None:
    """Print warnings and errors, and write all files; arguments as `write_results`."""
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}")
    common = {
        "warnings": result.warnings,
        "train": result.train.as_dict(),
        "test": None if result.test is None else result.test.as_dict(),
    }
    write_results(config, result, {**summary, **common}, frames, path)
    print_errors(config.output, result, console)
