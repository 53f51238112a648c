# SPDX-License-Identifier: BSD-3-Clause
"""metrics.csv: the course of a training as a table."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from pathlib import Path

from tektite.files import write_atomically
from tektite.fit.trainer import Row

COLUMNS = [field.name for field in dataclasses.fields(Row)]


def metrics_text(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header; what a row has not is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = dataclasses.astuple(row)
        writer.writerow(
            ["" if isinstance(v, float) and math.isnan(v) else _text(v) for v in values]
        )
    return buffer.getvalue()


def _text(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def write_metrics(path: Path, rows: Sequence[Row]) -> None:
    """Write rows, atomically."""
    write_atomically(path, metrics_text(rows).encode())
