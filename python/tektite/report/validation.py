# SPDX-License-Identifier: BSD-3-Clause
"""Errors of one model on several independent sets of reference data."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from tektite.data import DataKeys, Frame, iterate_frames
from tektite.errors import DataError, UnknownSpeciesError
from tektite.evaluator import Evaluator
from tektite.potential import Potential
from tektite.report.errors import ErrorTable, GroupErrors


class Validation:
    """Errors by set of data and by group of frames within it.

    Attributes
    ----------
    sets : dict
        For each set, by the name of its file, its `ErrorTable`.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.sets: dict[str, ErrorTable] = {}

    def as_dict(self) -> dict[str, Any]:
        """``{"model": ..., "sets": {file: {"groups": ..., "all": ...}}}``, for JSON."""
        tables = {name: table.as_dict() for name, table in self.sets.items()}
        return {"model": self.model, "sets": tables}

    def rich_table(self) -> Table:
        """Return a table to print with rich: a row for each set, and for each of its groups."""
        table = Table(title=self.model)
        table.add_column("set\n  group", overflow="fold")
        for heading in (
            "frames", "atoms", "energy\nmeV/atom", "offset\nmeV/atom", "force\neV/Å",
            "force\nslope", "stress\nGPa",
        ):  # fmt: skip
            table.add_column(heading, justify="right")
        for name, errors in self.sets.items():
            table.add_row(Path(name).stem, *_cells(errors.total), style="bold")
            groups = sorted(errors.groups.items())
            for group, values in groups if len(groups) > 1 else []:
                table.add_row(f"  {group}", *_cells(values))
            table.add_section()
        return table


def _cells(errors: GroupErrors) -> list[str]:
    values = [
        (errors.energy.rmse, ".2f"),
        (errors.energy_offset, "+.2f"),
        (errors.force.rmse, ".4f"),
        (errors.force_slope.slope, ".4f"),
        (errors.stress.rmse, ".3f"),
    ]
    return [
        str(errors.n_frames),
        str(errors.n_atoms),
        *("-" if value is None else format(value, form) for value, form in values),
    ]


def _add(table: ErrorTable, evaluator: Evaluator, frame: Frame) -> None:
    atoms = frame.atoms
    try:
        found = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    except (ValueError, FloatingPointError) as error:
        kind = UnknownSpeciesError if isinstance(error, UnknownSpeciesError) else DataError
        raise kind(f"{frame.label}: {error}") from error
    table.add(frame, found["energy"], found["forces"], found.get("stress"))


def validate(
    potential: Potential,
    paths: Sequence[str | os.PathLike],
    keys: DataKeys | None = None,
    *,
    precision: str = "double",
    threads: int | None = None,
    advanced: Callable[[Frame], None] = lambda frame: None,
) -> Validation:
    """Evaluate a model on several sets, one frame after the other, none of which is kept.

    Parameters
    ----------
    potential : Potential
        What `tektite.load` returns.
    paths : sequence of path
        One file a set.
    keys : DataKeys
        Where the reference values are; the same for all sets.
    precision, threads
        See `tektite.evaluator.Evaluator`.
    advanced : callable
        Called after each frame, for a progress display.

    Raises
    ------
    FileNotFoundError, DataError
        As `tektite.data.iterate_frames`; a set is named twice; a frame cannot be evaluated (named).
    UnknownSpeciesError
        A frame (named) has an element that the model lacks.
    """
    names = [str(Path(path)) for path in paths]
    if double := [name for k, name in enumerate(names) if name in names[:k]]:
        raise DataError(f"{double[0]} is named twice")
    evaluator = potential.make_evaluator(precision, threads)
    result = Validation(potential.name)
    for name, path in zip(names, paths):
        table = result.sets.setdefault(name, ErrorTable())
        for frame in iterate_frames(path, keys):
            _add(table, evaluator, frame)
            advanced(frame)
    return result
