# SPDX-License-Identifier: BSD-3-Clause
"""Frames of reference data, read from extxyz, ASE's databases and whatever else ASE reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.data.extxyz import read_extxyz
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
    `stress_convention` is a key of `tektite.data.STRESS_CONVENTIONS`, or a mapping to these from
    groups of frames and "default". `group` names the kind of frame; frames without it belong to the
    group "all".
    """

    energy: str | None = "energy"
    forces: str | None = "forces"
    stress: str | None = "stress"
    stress_convention: str | Mapping[str, str] = "ase"
    group: str = "group"

    def __post_init__(self) -> None:
        given = self.stress_convention
        for name in given.values() if isinstance(given, Mapping) else [given]:
            if name not in STRESS_CONVENTIONS:
                known = "; ".join(f"'{name}': {text}" for name, text in STRESS_CONVENTIONS.items())
                raise ValueError(f"unknown stress convention '{name}'; known are {known}")

    def convention_of(self, group: str) -> str | None:
        """Convention of the stresses of a group; None: the mapping has none."""
        if isinstance(self.stress_convention, str):
            return self.stress_convention
        return self.stress_convention.get(group, self.stress_convention.get("default"))


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
    def numbers(self) -> NDArray[np.integer]:
        """Atomic numbers, (n,)."""
        return self.atoms.numbers

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions, (n, 3) angstrom."""
        return self.atoms.positions

    @property
    def cell(self) -> NDArray[np.float64]:
        """Lattice vectors, the rows of (3, 3), angstrom."""
        return self.atoms.cell.array

    @property
    def pbc(self) -> NDArray[np.bool_]:
        """Whether periodic along each lattice vector, (3,)."""
        return self.atoms.pbc

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.numbers)

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
                convention = keys.convention_of(group)
                if convention is None:
                    raise ValueError("data.stress_convention has neither this group nor 'default'")
                value = convert_stress(value, convention, atoms.get_volume())
        except (ValueError, TypeError) as error:
            raise DataError(f"{frame.label}: key '{key}': {error}") from None
        if not np.all(np.isfinite(value)):
            raise DataError(f"{frame.label}: key '{key}' holds a value that is not finite")
        setattr(frame, name, value)
    if not np.all(np.isfinite(frame.atoms.positions)):
        raise DataError(f"{frame.label}: a position is not finite")
    if not np.all(np.isfinite(atoms.cell.array)):
        raise DataError(f"{frame.label}: the cell is not finite")
    for direction, vector, periodic in zip("abc", atoms.cell.array, atoms.pbc):
        if periodic and not vector.any():
            raise DataError(
                f"{frame.label}: periodic along {direction}, but the cell has no such vector; "
                'give the cell (Lattice), or pbc="F F F"'
            )
    lengths = np.linalg.norm(atoms.cell.array, axis=1)
    directions = (atoms.cell.array / np.where(lengths > 0, lengths, 1.0)[:, None])[atoms.pbc]
    if np.linalg.matrix_rank(directions, tol=1e-6) < len(directions):
        raise DataError(
            f"{frame.label}: the cell vectors along which it is periodic are linearly dependent"
        )
    return frame


def _systems(path: Path) -> Iterator[Atoms]:
    """Systems of a file, one after the other; those of a database in the order of their ids."""
    import ase.db
    import ase.io

    if path.suffix == ".db":
        with ase.db.connect(path) as database:
            for row in database.select():
                atoms = row.toatoms()
                atoms.info.update(row.key_value_pairs)
                atoms.info.update(row.data)
                yield atoms
        return
    if path.suffix in (".xyz", ".extxyz"):
        yield from read_extxyz(path)
        return
    yield from ase.io.iread(str(path), index=":")


def iterate_frames(path: str | Path, keys: DataKeys | None = None) -> Iterator[Frame]:
    """Yield the frames of a file one by one, so that a large file need not fit in memory.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DataError
        The file is malformed or empty, a value is not finite or has a wrong shape, a cell that is
        periodic lacks a vector, or (at the end) no frame had a key that `keys` asks for. The
        message names what was found instead.
    """
    keys = keys or DataKeys()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such data file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; expected frames in extxyz format")
    missing = {"energy", "forces", "stress"}
    per_frame: set[str] = set()
    per_atom: set[str] = set()
    n_frames = 0
    reader = _systems(path)
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
