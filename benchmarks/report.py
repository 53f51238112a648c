# SPDX-License-Identifier: BSD-3-Clause
"""What a benchmark hands back, and how it is shown: on a terminal, as Markdown, as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rich.box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from tektite.files import write_atomically


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, scale: float = 1.0, digits: int = 3) -> str:
        """Format as "median (low-high)"."""
        shown = [significant(x * scale, digits) for x in (self.median, self.low, self.high)]
        return f"{shown[0]} ({shown[1]}-{shown[2]})"


def significant(value: float, digits: int = 3) -> str:
    """Format with so many significant digits and without an exponent where that is short."""
    if value == 0 or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}" if value else "0"
    decimals = 0
    while abs(value) * 10**decimals < 10 ** (digits - 1) and decimals < 8:
        decimals += 1
    return f"{value:,.{decimals}f}"


@dataclass
class Table:
    """Cells as text; the first column is left-aligned."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Section:
    """Everything one benchmark found: tables for people, data for programs."""

    name: str
    tables: list[Table] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


Measure = Callable[[Any, Progress], Section]


def progress_bar(console: Console) -> Progress:
    """Return the progress display that all benchmarks share."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def show(section: Section, console: Console) -> None:
    """Print the tables of a section."""
    for table in section.tables:
        shown = RichTable(title=table.title, box=rich.box.SIMPLE, title_justify="left")
        for k, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if k else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        for note in table.notes:
            console.print(f"  {note}", style="dim", highlight=False)


def markdown(section: Section) -> str:
    """Return the tables of a section as Markdown."""
    parts = []
    for table in section.tables:
        lines = [f"### {table.title}", ""]
        lines += [_markdown_row(table.columns)]
        lines += [_markdown_row(["---", *["---:"] * (len(table.columns) - 1)])]
        lines += [_markdown_row(row) for row in table.rows]
        lines += ["", *(f"{note}\n" for note in table.notes)]
        parts.append("\n".join(lines).rstrip() + "\n")
    return "\n".join(parts)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def save_json(path: Path, machine: dict[str, Any], sections: Sequence[Section]) -> None:
    """Write everything measured."""
    content = {
        "machine": machine,
        "sections": {
            s.name: {"data": s.data, "tables": [vars(t) for t in s.tables]} for s in sections
        },
    }
    text = json.dumps(content, indent=1, default=_plain)
    write_atomically(path, text.encode())


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return vars(value)
    if isinstance(value, Path):
        return str(value)
    return value.item()
