# SPDX-License-Identifier: BSD-3-Clause
"""Frames of reference data, read from anything that ASE reads (extxyz above all)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.data.stress import STRESS_CONVENTIONS, convert_stress
from tektite.errors import DataError

_OPTIONS = {
    "energy": "--energy-key (energy_key in a fit)",
    "forces": "--forces-key (forces_key in a fit)",
    "stress": "--stress-key (stress_key in a fit)",
}


@dataclasses.dataclass(frozen=True)
class DataKeys:
    """Under which names a file keeps its reference values.

    ``None`` says that the file has none of that kind. ``energy`` (eV) and ``forces`` (eV/angstrom)
    must be in at least one frame unless they are None; ``stress`` only if it is not the default.
    `stress_convention` is a key of `tektite.data.STRESS_CONVENTIONS`. `group` names the kind of
    frame; frames without it belong to the group "all".
    """

    energy: str | None = "energy"
    forces: str | None = "forces"
    stress: str | None = "stress"
    stress_convention: str = "ase"
    group: str = "group"

    def __post_init__(self) -> None:
        if self.stress_convention not in STRESS_CONVENTIONS:
            known = "; ".join(f"'{name}': {text}" for name, text in STRESS_CONVENTIONS.items())
            raise ValueError(
                f"unknown stress convention '{self.stress_convention}'; known are {known}"
            )


@dataclasses.dataclass
class Frame:
    """One structure with its reference values; None where the file has none.

    energy: eV; forces: (n, 3) eV/angstrom; stress: (6,) in ASE's order and sign, eV/angstrom^3.
    """

    atoms: Atoms
    energy: float | None
    forces: NDArray[np.float64] | None
    stress: NDArray[np.float64] | None
    group: str
    index: int
    source: str

    @property
    def label(self) -> str:
        """For messages: file, index and group."""
        return f"{self.source}, frame {self.index} (group '{self.group}')"


def _lookup(atoms: Atoms, key: str | None) -> Any:
    if key is None:
        return None
    results = atoms.calc.results if atoms.calc is not None else {}
    for place in (atoms.info, atoms.arrays, results):
        if key in place:
            return place[key]
    return None


def _found_keys(atoms: Atoms) -> tuple[set[str], set[str]]:
    per_frame = set(atoms.info)
    per_atom = set(atoms.arrays) - {"numbers", "positions"}
    if atoms.calc is not None:
        for key, value in atoms.calc.results.items():
            (per_atom if np.shape(value)[:1] == (len(atoms),) else per_frame).add(key)
    return per_frame, per_atom


def _make_frame(atoms: Atoms, keys: DataKeys, index: int, source: str) -> Frame:
    group = str(atoms.info.get(keys.group, "all"))
    frame = Frame(atoms.copy(), None, None, None, group, index, source)
    for name in ("energy", "forces", "stress"):
        key = getattr(keys, name)
        value = _lookup(atoms, key)
        if value is None or (name == "stress" and atoms.cell.rank < 3):
            continue
        try:
            value = np.asarray(value, dtype=np.float64)
            if name == "energy":
                if value.size != 1:
                    raise ValueError(f"an energy is one number, got {value.size}")
                value = float(value.reshape(()))
            elif name == "forces":
                if value.shape != (len(atoms), 3):
                    raise ValueError(f"forces are {len(atoms)} x 3 numbers, got {value.shape}")
            else:
                value = convert_stress(value, keys.stress_convention, atoms.get_volume())
        except (ValueError, TypeError) as error:
            raise DataError(f"{frame.label}: key '{key}': {error}") from None
        if not np.all(np.isfinite(value)):
            raise DataError(f"{frame.label}: key '{key}' holds a value that is not finite")
        setattr(frame, name, value)
    if not np.all(np.isfinite(frame.atoms.positions)):
        raise DataError(f"{frame.label}: a position is not finite")
    return frame


def iterate_frames(path: str | Path, keys: DataKeys | None = None) -> Iterator[Frame]:
    """Yield the frames of a file one by one, so that a large file need not fit in memory.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DataError
        The file is malformed or empty, a value is not finite or has a wrong shape, or (at the
        end) no frame had a key that `keys` asks for. The message names what was found instead.
    """
    import ase.io

    keys = keys or DataKeys()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such data file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; expected frames in extxyz format")
    data_format = "extxyz" if path.suffix in (".xyz", ".extxyz") else None
    missing = {"energy", "forces", "stress"}
    per_frame: set[str] = set()
    per_atom: set[str] = set()
    n_frames = 0
    reader = ase.io.iread(str(path), index=":", format=data_format)
    while True:
        try:
            atoms = next(reader)
        except StopIteration:
            break
        except Exception as error:  # ASE's readers raise whatever the bad text provoked
            raise DataError(
                f"{path}: cannot read frame {n_frames}: {error or type(error).__name__}"
            ) from error
        frame = _make_frame(atoms, keys, n_frames, str(path))
        missing -= {name for name in missing if getattr(frame, name) is not None}
        if missing:
            found = _found_keys(atoms)
            per_frame |= found[0]
            per_atom |= found[1]
        n_frames += 1
        yield frame
    if n_frames == 0:
        raise DataError(f"{path}: the file holds no frames")
    if keys.stress == DataKeys.stress:
        missing.discard("stress")
    for name in ("energy", "forces", "stress"):
        key = getattr(keys, name)
        if name in missing and key is not None:
            raise DataError(
                f"{path}: no frame has the key '{key}' for {name}; keys found: per frame "
                f"{sorted(per_frame) or 'none'}, per atom {sorted(per_atom) or 'none'}. Name the "
                f"right one with {_OPTIONS[name]}, or say 'none' if the file has no {name}"
            )


def read_frames(path: str | Path, keys: DataKeys | None = None) -> list[Frame]:
    """Read all frames of a file: see `iterate_frames`."""
    return list(iterate_frames(path, keys))
