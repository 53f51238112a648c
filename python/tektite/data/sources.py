# SPDX-License-Identifier: BSD-3-Clause
"""Which files a path stands for: itself, those in a folder, or those that match a pattern."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from tektite.errors import DataError

SUFFIXES = (".extxyz", ".xyz", ".db", ".traj")


def find_files(path: Path) -> list[Path]:
    """Files that a path stands for, ordered by name.

    A folder stands for the files in it that end in one of `SUFFIXES`; `*`, `?`, `[...]` and `**`
    (any folders) in a path that is not itself a file make it a pattern.

    Raises
    ------
    DataError
        A folder or a pattern stands for nothing; names it.
    """
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file())
        if not found:
            raise DataError(f"{path}: the folder holds no file that ends in {', '.join(SUFFIXES)}")
        return found
    if path.is_file() or not glob.has_magic(str(path)):
        return [path]
    found = sorted(p for p in map(Path, glob.glob(str(path), recursive=True)) if p.is_file())
    if not found:
        raise DataError(f"{path}: no file matches")
    return found


def find_all_files(paths: Iterable[Path]) -> list[Path]:
    """Files that several paths stand for, each once.

    Raises
    ------
    DataError
        As `find_files`, or a file is meant twice; names it.
    """
    files = [file for path in paths for file in find_files(path)]
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise DataError(f"{file}: given twice")
        seen.add(file.resolve())
    return files
