# SPDX-License-Identifier: BSD-3-Clause
"""Frames of an extxyz file one after the other, with errors that say which one is wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ase import Atoms

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|\{[^}]*\}|\[[^\]]*\]")
_KEY = re.compile(r"(?:^|\s)([^\s=]+)\s*=")


def read_extxyz(path: Path) -> Iterator[Atoms]:
    """Yield the systems of a file.

    Only one frame is in memory at a time, and the file is read once: ASE's reader, which parses
    each frame here, would look through the whole file first.

    Raises
    ------
    ValueError
        Says what is wrong with the next frame.
    """
    with open(path, encoding="utf-8") as file:
        line = file.readline()
        while line:
            if not line.strip():
                line = file.readline()
                continue
            text, line = _frame_text(line, file)
            yield _parse(text)


def _frame_text(first: str, file: TextIO) -> tuple[str, str]:
    """Text of a frame whose first line was read, and the line after it."""
    try:
        n_atoms = int(first)
    except ValueError:
        n_atoms = -1
    if n_atoms < 0:
        raise ValueError(f"expected the number of atoms, found {first.strip()[:40]!r}")
    comment = file.readline()
    if not comment:
        raise ValueError("the file ends within the frame")
    keys = _KEY.findall(_QUOTED.sub("-", comment))
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key '{key}' occurs twice")
    lines = [first, comment]
    for k in range(n_atoms):
        lines.append(file.readline())
        if not lines[-1].strip():
            raise ValueError(f"the frame should have {n_atoms} atoms, but only {k} lines follow")
    line = file.readline()
    # Cells of some old files.
    while line.startswith("VEC"):
        lines.append(line)
        line = file.readline()
    return "".join(lines), line


def _parse(text: str) -> Atoms:
    from ase.io.extxyz import read_xyz

    try:
        return next(read_xyz(io.StringIO(text), 0))
    except KeyError as error:
        raise ValueError(f"unknown chemical symbol or column {error}") from error
