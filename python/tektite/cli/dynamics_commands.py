# SPDX-License-Identifier: BSD-3-Clause
"""Commands that run dynamics: survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from tektite.cli.app import app, output
from tektite.cli.model_commands import ModelArgument, PrecisionOption

NOT_SURVIVED = 3
"""Exit code of `tektite survive` when the dynamics failed."""


def _numbers(texts: list[str]) -> list[float]:
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise ValueError(
            f"temperatures are numbers separated by commas or spaces, not '{' '.join(parts)}'"
        ) from None


@app.command()
def survive(
    model: ModelArgument,
    structure: Annotated[
        Path, typer.Argument(help="Where to begin: a file that ASE reads.", show_default=False)
    ],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[TEMPERATURE]...", help="Further temperatures.")
    ] = None,
    temperatures: Annotated[
        list[str] | None,
        typer.Option(help="K, rising, with commas or spaces [default: 300,600,1200,2400]"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps at each temperature.")] = 2000,
    nve_steps: Annotated[
        int, typer.Option(help="Steps at constant energy after those, for the drift.")
    ] = 1000,
    timestep: Annotated[float, typer.Option(help="fs")] = 1.0,
    pressure: Annotated[
        float | None, typer.Option(help="bar, isotropic [default: the cell stays]")
    ] = None,
    minimum_length: Annotated[
        float, typer.Option(help="Repeat a periodic cell until it is this wide, Å (0: never).")
    ] = 12.0,
    minimum_distance: Annotated[
        float | None,
        typer.Option(help="Atoms closer than this, Å, have collapsed [default: half the closest]"),
    ] = None,
    max_drift: Annotated[
        float, typer.Option(help="Largest drift at constant energy, meV/atom/ps.")
    ] = 5.0,
    seed: Annotated[int, typer.Option(help="Of the initial velocities.", min=1)] = 1,
    precision: PrecisionOption = "double",
    threads: Annotated[int, typer.Option(help="Number of threads", min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the result as JSON ('-': print it).")
    ] = None,
) -> None:
    """Run dynamics in LAMMPS at rising temperatures: does the model survive?

    The exit code is 0 if every temperature was survived, 3 if not, 1 for any other error.
    """
    import ase.io

    from tektite.errors import DataError
    from tektite.files import write_atomically
    from tektite.survival import SurvivalSettings, fill_box
    from tektite.survival import survive as run_survival

    wanted = _numbers([*(temperatures or []), *(more or [])]) or [300.0, 600.0, 1200.0, 2400.0]
    settings = SurvivalSettings(
        steps,
        nve_steps,
        timestep,
        pressure,
        minimum_distance,
        max_drift,
        seed,
        precision,
        threads,
        device,
    )
    if not structure.is_file():
        raise FileNotFoundError(f"{structure}: no such file")
    try:
        atoms = ase.io.read(structure, index=0)
    except Exception as error:  # ASE's readers raise whatever the bad text provoked
        raise DataError(f"{structure}: cannot be read: {error or type(error).__name__}") from error
    assert not isinstance(atoms, list)
    atoms = fill_box(atoms, minimum_length)
    console = output()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("dynamics", total=len(wanted) * (steps + nve_steps))
        result = run_survival(model, atoms, wanted, settings, lambda n: progress.advance(task, n))
    text = json.dumps(result.as_dict(), indent=2)
    if json_path == Path("-"):
        print(text)
    else:
        console.print(result.rich_table())
        if json_path is not None:
            write_atomically(json_path, (text + "\n").encode())
    if not result.survived:
        raise typer.Exit(NOT_SURVIVED)
