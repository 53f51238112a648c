# SPDX-License-Identifier: BSD-3-Clause
"""Commands on model files: info, check, convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tektite.cli.app import app, output

ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .mlip or .yace file.", show_default=False)
]
PrecisionOption = Annotated[str, typer.Option(help="double or mixed")]
ThreadsOption = Annotated[
    int | None, typer.Option(help="Number of threads [default: all processors]", min=1)
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda or cuda:N")]


def _flatten(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested metadata as rows of (dotted name, text)."""
    if isinstance(value, dict) and value:
        rows = []
        for key, child in value.items():
            rows += _flatten(child, f"{name}.{key}" if name else str(key))
        return rows
    if isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        rows = []
        for k, child in enumerate(value):
            rows += _flatten(child, f"{name}[{k}]")
        return rows
    if isinstance(value, list):
        return [(name, ", ".join(str(child) for child in value))]
    return [(name, str(value))]


@app.command()
def info(
    model: ModelArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the metadata and arrays as JSON.")
    ] = False,
) -> None:
    """Print what is inside a model file."""
    from tektite import modelfile
    from tektite.potential import load

    potential = load(model)
    contents = modelfile.read(model)
    arrays = {
        name: {"dtype": str(array.dtype), "shape": list(array.shape)}
        for name, array in contents.arrays.items()
    }
    if as_json:
        print(json.dumps({"metadata": contents.metadata, "arrays": arrays}, indent=2))
        return
    console = output()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")

    def row(name: str, value: object) -> None:
        table.add_row(name, Text(str(value)))

    row("file", f"{model} ({model.stat().st_size / 1e6:.2f} MB)")
    row("family", potential.family)
    row("elements", ", ".join(potential.elements))
    row("cutoff", f"{potential.cutoff:g} Å")
    for symbol, energy in potential.isolated_energies.items():
        row(f"isolated atom {symbol}", f"{energy:.10g} eV")
    distances = potential.minimum_distances
    for i, first in enumerate(potential.elements):
        for j, second in enumerate(potential.elements[i:], start=i):
            if distances[i, j] > 0:
                row(f"closest {first}-{second}", f"{distances[i, j]:.4g} Å in the training data")
    row("uncertainty", "yes" if potential.has_uncertainty else "no")
    row("reference structures", potential.n_references)
    shown = {"family", "elements", "cutoff", "isolated_energies", "minimum_distances"}
    for name, value in _flatten({k: v for k, v in contents.metadata.items() if k not in shown}):
        row(name, value)
    row("runs here as", potential.make_evaluator(threads=1).description)
    console.print(table)
    listing = Table("array", "type", "shape", title="arrays", title_justify="left")
    for name, entry in arrays.items():
        if not name.startswith("reference."):
            listing.add_row(
                name, entry["dtype"], " × ".join(map(str, entry["shape"])) or "one number"
            )
    console.print(listing)


@app.command()
def check(
    model: ModelArgument,
    precision: PrecisionOption = "double",
    threads: ThreadsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Recompute the reference structures in a model file on this machine.

    The exit code is 0 only if all agree with what the model gave where it was made.
    """
    from tektite.potential import load

    potential = load(model, device)
    result = potential.check(precision, threads)
    if result["n_structures"] == 0:
        raise ValueError(
            f"{model} holds no reference structures, so there is nothing to check"
            + ("; 'tektite convert' adds some" if model.suffix == ".yace" else "")
        )
    console = output()
    console.print(f"path taken: {potential.make_evaluator(precision, threads).description}")
    console.print(
        f"{result['n_structures']} reference structures: largest deviation "
        f"{result['energy_error']:.1e} eV/atom, {result['force_error']:.1e} eV/Å"
    )
    if not result["passed"]:
        raise ValueError(
            f"{model}: this machine does not reproduce the model (worst: '{result['worst']}')"
        )
    console.print("passed", style="green")


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(help="The file to convert (.yace or QUIP's gp.xml).", show_default=False),
    ],
    target: Annotated[Path, typer.Argument(help="The .mlip file to write.", show_default=False)],
    level_of_theory: Annotated[
        str | None, typer.Option(help="Noted in the file, e.g. 'PBE, 500 eV'.")
    ] = None,
    authors: Annotated[
        str | None, typer.Option(help="Who made the potential; noted in the file.")
    ] = None,
    references: Annotated[
        bool, typer.Option(help="Add reference structures for 'tektite check'.")
    ] = True,
) -> None:
    """Convert a potential of another program to a .mlip file."""
    from tektite.convert import convert as convert_file

    potential = convert_file(
        source,
        target,
        level_of_theory=level_of_theory,
        authors=authors,
        references=references,
    )
    output().print(
        f"wrote {target}: {potential.family}, {', '.join(potential.elements)}, cutoff "
        f"{potential.cutoff:g} Å, {potential.n_references} reference structures"
    )
