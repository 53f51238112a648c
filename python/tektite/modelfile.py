# SPDX-License-Identifier: BSD-3-Clause
"""Reading and writing of model files (docs/file-format.md) from Python."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from tektite import _core
from tektite.errors import InternalError
from tektite.files import write_atomically
from tektite.potential import Potential, load

FORMAT_VERSION = 1


@dataclasses.dataclass
class ModelContents:
    """Metadata and arrays of a model file."""

    metadata: dict[str, Any]
    arrays: dict[str, NDArray]


def complete_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with the format version and the units, which are always the same."""
    return {
        "format_version": FORMAT_VERSION,
        "units": {"energy": "eV", "length": "angstrom"},
        **metadata,
    }


def provenance(**entries: Any) -> dict[str, Any]:
    """Return provenance with this program's version; entries that are None are left out.

    Usual entries: ``source``, ``data`` (see `describe_data`), ``level_of_theory``, ``errors``,
    ``authors``, ``licence``.
    """
    import tektite

    known = {key: value for key, value in entries.items() if value is not None}
    return {"program": f"tektite {tektite.__version__}", **known}


def sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe_data(path: str | os.PathLike, n_frames: int) -> dict[str, Any]:
    """Describe a data file for the provenance: name, hash and number of frames."""
    return {"file": Path(path).name, "sha256": sha256(path), "n_frames": n_frames}


def read(path: str | os.PathLike) -> ModelContents:
    """Read metadata and arrays of a ``.mlip`` or, converted in memory, a ``.yace`` file.

    Raises
    ------
    FileNotFoundError, ModelFileError, UnsupportedError
        As `tektite.load`.
    """
    text, arrays = _core.read_model_file(str(Path(path).expanduser()))
    return ModelContents(json.loads(text), arrays)


def write(
    path: str | os.PathLike,
    metadata: Mapping[str, Any],
    arrays: Mapping[str, ArrayLike],
    references: Sequence[tuple[str, Atoms]] = (),
) -> Potential:
    """Write a model file, atomically, after proving that the engine accepts it.

    Parameters
    ----------
    path : str or path
        Usually ends in ``.mlip``. A file that is there is replaced.
    metadata : mapping
        As in docs/file-format.md; the format version and the units are added.
    arrays : mapping
        By name: float64, float32, int64 or int32. ``reference.*`` arrays are replaced.
    references : sequence of (name, Atoms)
        Structures whose energies and forces, computed here by the engine in double precision,
        are stored for ``tektite check``. Each must have at least one atom.

    Returns
    -------
    Potential
        Loaded back from the file.

    Raises
    ------
    ModelFileError
        The engine does not accept the metadata or the arrays; nothing is written.
    ValueError
        The metadata cannot be written as JSON (NaN, for example).
    OSError
        The file cannot be written.
    """
    plain = {
        name: np.ascontiguousarray(value)
        for name, value in arrays.items()
        if not name.startswith("reference.")
    }
    described = complete_metadata(metadata)
    described.pop("reference_names", None)
    try:
        json.dumps(described, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{path}: the metadata hold a value that is not finite") from error
    potential = Potential.from_arrays(described, plain, str(path))
    if references:
        described["reference_names"] = [name for name, _ in references]
        plain |= _reference_arrays(potential, [atoms for _, atoms in references])
    write_atomically(path, to_bytes(described, plain))
    return load(path)


def to_bytes(metadata: Mapping[str, Any], arrays: dict[str, NDArray]) -> bytes:
    """Return the content of a model file as it stands, with its checksum; nothing is checked."""
    content = safetensors.numpy.save(arrays, metadata={"tektite": json.dumps(metadata)})
    # The checksum's key is put in by hand: safetensors writes several keys in a random order, and
    # the same model shall give the same bytes.
    n = int.from_bytes(content[:8], "little")
    opening = b'{"__metadata__":{'
    header, data = content[8 : 8 + n].rstrip(b" "), content[8 + n :]
    if not header.startswith(opening):
        raise InternalError("this version of safetensors writes its header in another order")
    header = opening + b'"crc32":"00000000",' + header[len(opening) :]
    header += b" " * (-len(header) % 8)
    content = len(header).to_bytes(8, "little") + header + data
    place = 8 + header.index(b"00000000")
    return content[:place] + f"{zlib.crc32(content):08x}".encode() + content[place + 8 :]


def _reference_arrays(potential: Potential, structures: Sequence[Atoms]) -> dict[str, NDArray]:
    evaluator = potential.make_evaluator(threads=1)
    results = [evaluator.evaluate(a.numbers, a.positions, a.cell.array, a.pbc) for a in structures]
    return {
        "reference.n_atoms": np.array([len(a) for a in structures], dtype=np.int32),
        "reference.cells": np.array([a.cell.array for a in structures], dtype=np.float64),
        "reference.periodic": np.array([a.pbc for a in structures], dtype=np.int32),
        "reference.energies": np.array([r["energy"] for r in results], dtype=np.float64),
        "reference.species": np.concatenate([potential.species(a.numbers) for a in structures]),
        "reference.positions": np.concatenate([a.positions for a in structures]),
        "reference.forces": np.concatenate([r["forces"] for r in results]),
    }
