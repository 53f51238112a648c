# SPDX-License-Identifier: BSD-3-Clause
"""Commands on similarity: atoms, map, model, select, unique."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import numpy as np
import typer
from rich.table import Table

from tektite.cli.app import app, output
from tektite.cli.model_commands import ThreadsOption

if TYPE_CHECKING:
    from ase import Atoms

    from tektite.soap import SOAP

similarity = typer.Typer(
    help="Compare environments of atoms and structures by their SOAP.", no_args_is_help=True
)
app.add_typer(similarity, name="similarity")

DataArgument = Annotated[
    Path, typer.Argument(help="Structures, extxyz or whatever ASE reads.", show_default=False)
]
ZetaOption = Annotated[float, typer.Option(help="Power of the kernel.", min=1)]
GroupOption = Annotated[str, typer.Option(help="Name of the kind of frame.")]
WriteOption = Annotated[
    Path, typer.Option("--output", "-o", help="Where to write (extxyz).", show_default=False)
]

# Keywords of `tektite.soap.SOAP`: option and default.
_SOAP_OPTIONS: dict[str, tuple[Any, Any]] = {
    "cutoff": (Annotated[float, typer.Option(help="Cutoff of the SOAP, Å.")], 5.0),
    "n_max": (Annotated[int, typer.Option(help="Number of its radial functions.")], 8),
    "l_max": (Annotated[int, typer.Option(help="Its largest angular momentum.")], 6),
    "sigma": (Annotated[float, typer.Option(help="Width of its Gaussians, Å.")], 0.5),
    "threads": (ThreadsOption, None),
}


def _with_soap_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a SOAP, in place of its `**soap_options`."""
    hints = get_type_hints(command, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        p.replace(kind=keyword, annotation=hints[p.name])
        for p in inspect.signature(command).parameters.values()
        if p.kind != inspect.Parameter.VAR_KEYWORD
    ]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=kind)
        for name, (kind, default) in _SOAP_OPTIONS.items()
    ]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        command(**given)

    # Typer makes the options from these.
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped


def _read(path: Path) -> list[Atoms]:
    import ase.io

    from tektite.errors import DataError

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such data file")
    data_format = "extxyz" if path.suffix in (".xyz", ".extxyz") else None
    try:
        frames = ase.io.read(path, index=":", format=data_format)
    except Exception as error:  # ASE's readers raise whatever the bad text provoked
        raise DataError(f"{path}: cannot be read: {error or type(error).__name__}") from error
    if not frames:
        raise DataError(f"{path}: the file holds no frames")
    return frames


def _soap(frames: list[Atoms], options: dict[str, Any]) -> SOAP:
    from tektite.soap import SOAP

    return SOAP(sorted({s for a in frames for s in a.get_chemical_symbols()}), **options)


def _write(path: Path, frames: list[Atoms]) -> None:
    import io

    import ase.io

    from tektite.files import write_atomically

    text = io.StringIO()
    ase.io.write(text, frames, format="extxyz")
    write_atomically(path, text.getvalue().encode())


@similarity.command("atoms")
@_with_soap_options
def similar_atoms(
    data: DataArgument,
    reference: Annotated[
        Path,
        typer.Argument(help="Structures to compare with, a crystal usually.", show_default=False),
    ],
    target: WriteOption,
    how: Annotated[
        str, typer.Option(help="mean over the reference's atoms, or max (the most similar).")
    ] = "mean",
    zeta: ZetaOption = 4.0,
    **soap_options: Any,
) -> None:
    """Similarity of each atom to a reference, as the per-atom array `similarity`."""
    from tektite.similarity import atom_similarity

    frames, targets = _read(data), _read(reference)
    soap = _soap(frames + targets, soap_options)
    table = Table("frame", "mean", "smallest", "largest", title=f"similarity to {reference}")
    results = atom_similarity(frames, targets, soap, zeta=zeta, how=how)
    for k, (atoms, values) in enumerate(zip(frames, results)):
        atoms.arrays["similarity"] = values
        numbers = (values.mean(), values.min(), values.max()) if len(values) else ()
        table.add_row(str(k), *(f"{v:.4f}" for v in numbers))
    _write(target, frames)
    output().print(table)
    output().print(f"written: {target}")


@similarity.command("model")
@_with_soap_options
def write_model(
    reference: Annotated[
        Path,
        typer.Argument(help="Structures to compare with, a crystal usually.", show_default=False),
    ],
    target: Annotated[
        Path, typer.Option("--output", "-o", help="Model file (.mlip).", show_default=False)
    ],
    elements: Annotated[
        str | None,
        typer.Option(help="All elements that may occur, e.g. Si,O; default: the reference's."),
    ] = None,
    zeta: ZetaOption = 4.0,
    **soap_options: Any,
) -> None:
    """Write a model whose atoms' energies are similarities to a reference, for LAMMPS."""
    from tektite.similarity import write_similarity_model
    from tektite.soap import SOAP

    frames = _read(reference)
    if elements is None:
        soap = _soap(frames, soap_options)
    else:
        soap = SOAP([s for s in elements.replace(",", " ").split()], **soap_options)
    model = write_similarity_model(target, frames, soap, zeta=zeta)
    output().print(f"written: {target} for {' '.join(model.elements)}")


@similarity.command("map")
@_with_soap_options
def draw_map(
    data: DataArgument,
    picture: Annotated[
        Path, typer.Option("--output", "-o", help="Picture: .png, .pdf, .svg.", show_default=False)
    ],
    group_key: GroupOption = "group",
    color: Annotated[
        str | None,
        typer.Option(help="Colour by this number of each frame, e.g. energy_per_atom."),
    ] = None,
    select: Annotated[
        int, typer.Option(help="Mark this many structures, each farthest from the others.", min=0)
    ] = 0,
    zeta: ZetaOption = 4.0,
    **soap_options: Any,
) -> None:
    """Draw a map of structures: kernel principal components."""
    from tektite.similarity import average_features, farthest_frames, kernel_map, map_plot

    frames = _read(data)
    soap = _soap(frames, soap_options)
    averages = average_features(frames, soap)
    points = kernel_map(averages.kernel(zeta=zeta))
    values = None if color is None else [_value(atoms, color) for atoms in frames]
    if values is not None and np.all(np.isnan(values)):
        raise ValueError(f"{data}: no frame has a number '{color}'")
    chosen = farthest_frames(averages, select) if select else ()
    groups = [str(atoms.info.get(group_key, "all")) for atoms in frames]
    map_plot(picture, points, groups, values=values, label=color or "", chosen=chosen)
    shares = ", ".join(f"{share:.0%}" for share in points.explained)
    output().print(f"written: {picture}; the components hold {shares} of the variance")


def _value(atoms: Atoms, key: str) -> float:
    """Number of a frame; `X_per_atom`: X divided by the number of atoms."""
    name, per_atom = key.removesuffix("_per_atom"), key.endswith("_per_atom")
    results = atoms.calc.results if atoms.calc is not None else {}
    for place in (atoms.info, results):
        if key in place:
            return float(place[key])
        if per_atom and name in place:
            return float(place[name]) / max(len(atoms), 1)
    return float("nan")


@similarity.command("select")
@_with_soap_options
def select_frames(
    data: DataArgument,
    n: Annotated[int, typer.Argument(help="How many to choose.", min=1, show_default=False)],
    target: WriteOption,
    **soap_options: Any,
) -> None:
    """Choose structures that differ: each the farthest from all before."""
    from tektite.similarity import average_features, farthest_frames

    frames = _read(data)
    soap = _soap(frames, soap_options)
    chosen = farthest_frames(average_features(frames, soap), n)
    _write(target, [frames[k] for k in chosen])
    output().print(f"written: {target}, {len(chosen)} of {len(frames)} frames")


@similarity.command("unique")
@_with_soap_options
def unique(
    data: DataArgument,
    target: WriteOption,
    tolerance: Annotated[
        float, typer.Option(help="Distance (0 to 1.41) up to which two count as the same.", min=0)
    ] = 1e-4,
    **soap_options: Any,
) -> None:
    """Leave out structures that resemble an earlier one."""
    from tektite.similarity import average_features, unique_frames

    frames = _read(data)
    soap = _soap(frames, soap_options)
    kept = unique_frames(average_features(frames, soap), tolerance)
    _write(target, [frames[k] for k in kept])
    output().print(f"written: {target}, {len(kept)} of {len(frames)} frames")
