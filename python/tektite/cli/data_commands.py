# SPDX-License-Identifier: BSD-3-Clause
"""Commands on reference data: evaluate, validate, fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from tektite.cli.app import app, output
from tektite.cli.model_commands import (
    DeviceOption,
    ModelArgument,
    PrecisionOption,
    ThreadsOption,
)


def _none(key: str) -> str | None:
    return None if key.lower() == "none" else key


EnergyKey = Annotated[str, typer.Option(help="Name of the energies, or none.")]
ForcesKey = Annotated[str, typer.Option(help="Name of the forces, or none.")]
StressKey = Annotated[str, typer.Option(help="Name of the stresses, or none.")]
StressConvention = Annotated[
    str, typer.Option(help="ase, gpa, virial (QUIP's, eV), vasp-kbar or kbar-xz-yz.")
]
GroupKey = Annotated[str, typer.Option(help="Name of the kind of frame.")]
JsonPath = Annotated[
    Path | None, typer.Option("--json", help="Write the errors as JSON ('-': print them).")
]


@app.command()
def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path,
        typer.Argument(help="Reference data, extxyz or whatever ASE reads.", show_default=False),
    ],
    energy_key: EnergyKey = "energy",
    forces_key: ForcesKey = "forces",
    stress_key: StressKey = "stress",
    stress_convention: StressConvention = "ase",
    group_key: GroupKey = "group",
    precision: PrecisionOption = "double",
    threads: ThreadsOption = None,
    device: DeviceOption = "cpu",
    json_path: JsonPath = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a parity plot (.png, .pdf, .svg).")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Plot errors of forces against the model's uncertainties."),
    ] = None,
) -> None:
    """Compare a model with reference data: errors by group of frames."""
    from tektite.data import DataKeys, iterate_frames, pack_frames
    from tektite.evaluation import evaluate as evaluate_systems
    from tektite.files import write_atomically
    from tektite.potential import load
    from tektite.report import ErrorTable, calibrate, calibration_plot, parity_plot

    potential = load(model, device)
    keys = DataKeys(
        _none(energy_key), _none(forces_key), _none(stress_key), stress_convention, group_key
    )
    frames = pack_frames(iterate_frames(data, keys))
    console = output()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        systems = progress.track((frame.atoms for frame in frames), len(frames), description="")
        result = evaluate_systems(systems, potential, precision=precision, threads=threads)
    table = ErrorTable()
    for k, frame in enumerate(frames):
        table.add(frame, result.energies[k], result.forces[k], result.stresses[k])
    text = json.dumps({"model": str(model), "data": str(data), **table.as_dict()}, indent=2)
    if json_path == Path("-"):
        print(text)
    else:
        console.print(table.rich_table(f"{model} against {data}"))
        if json_path is not None:
            write_atomically(json_path, (text + "\n").encode())
    if plot is not None:
        parity_plot(
            plot, frames, result.energies, result.forces, result.stresses, f"{model} / {data}"
        )
    if calibration is not None:
        found = calibrate(frames, potential, threads)
        calibration_plot(calibration, found, f"{model.name} / {data.name}")
        console.print(
            f"written: {calibration}; rank correlation of uncertainties and errors of forces "
            f"{found.rank_correlation:.2f}"
        )


@app.command()
def validate(
    model: ModelArgument,
    sets: Annotated[
        list[Path],
        typer.Argument(metavar="SET...", help="Files of reference data.", show_default=False),
    ],
    energy_key: EnergyKey = "energy",
    forces_key: ForcesKey = "forces",
    stress_key: StressKey = "stress",
    stress_convention: StressConvention = "ase",
    group_key: GroupKey = "group",
    precision: PrecisionOption = "double",
    threads: ThreadsOption = None,
    device: DeviceOption = "cpu",
    json_path: JsonPath = None,
) -> None:
    """Compare a model with several independent sets of data: errors and softening of each."""
    from tektite.data import DataKeys
    from tektite.files import write_atomically
    from tektite.potential import load
    from tektite.report import validate as validate_sets

    keys = DataKeys(
        _none(energy_key), _none(forces_key), _none(stress_key), stress_convention, group_key
    )
    console = output()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        result = validate_sets(
            load(model, device),
            sets,
            keys,
            precision=precision,
            threads=threads,
            advanced=lambda frame: progress.update(
                task, description=f"{frame.source}: frame {frame.index}"
            ),
        )
    text = json.dumps(result.as_dict(), indent=2)
    if json_path == Path("-"):
        print(text)
        return
    console.print(result.rich_table())
    if json_path is not None:
        write_atomically(json_path, (text + "\n").encode())


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="The configuration (YAML).", show_default=False)],
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget what a killed training had reached.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print size, memory and time, and fit nothing.")
    ] = False,
) -> None:
    """Fit a potential as a configuration file says.

    A training that was killed goes on where it was when the same command is given again.
    """
    from tektite.fit import run_config

    if dry_run:
        _estimate(config)
    else:
        run_config(config, restart=restart)


def _estimate(path: Path) -> None:
    """Print what a fit will need."""
    from tektite.fit.families import estimate_config

    console = output()
    console.print(estimate_config(path, console).rich_table())
    console.print("Times are from a few frames on this machine as busy as it is now.")
