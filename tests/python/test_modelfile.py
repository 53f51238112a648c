# SPDX-License-Identifier: BSD-3-Clause
"""Model files from Python: written whole or not at all, read back the same, refused if damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import ase.build
import hypothesis
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import tektite
from random_models import MODELS, morse_table, random_ace
from tektite import modelfile
from tektite.convert import convert
from tektite.errors import ModelFileError, UnsupportedError
from tektite.files import write_atomically
from tektite.potential import Potential
from tektite.references import default_references


@pytest.mark.parametrize("name", list(MODELS))
def test_round_trip(name: str, tmp_path: Path) -> None:
    metadata, arrays = MODELS[name]()
    path = tmp_path / "a.mlip"
    references = default_references(metadata["elements"])
    potential = modelfile.write(path, metadata, arrays, references)
    assert potential.n_references == len(references)
    assert potential.elements == metadata["elements"]
    assert potential.name == str(path)
    contents = modelfile.read(path)
    assert metadata.items() <= contents.metadata.items()
    for key, array in arrays.items():
        assert contents.arrays[key].dtype == array.dtype
        np.testing.assert_array_equal(contents.arrays[key], array)
    assert potential.check() == {
        "n_structures": len(references),
        "energy_error": pytest.approx(0, abs=1e-12),
        "force_error": pytest.approx(0, abs=1e-11),
        "passed": True,
        "worst": potential.check()["worst"],
    }
    assert potential.check("mixed")["passed"]
    atoms = ase.build.bulk(metadata["elements"][0], "fcc", a=3.9)
    in_memory = Potential.from_arrays(metadata, arrays)
    a, b = tektite.evaluate(atoms, potential), tektite.evaluate(atoms, in_memory)
    assert a.energies[0] == b.energies[0]


def test_references_reveal_another_model(tmp_path: Path) -> None:
    metadata, arrays = morse_table(["Si"])
    modelfile.write(tmp_path / "a.mlip", metadata, arrays, default_references(["Si"]))
    contents = modelfile.read(tmp_path / "a.mlip")
    contents.arrays["table.values"] *= 1.0 + 1e-6
    text = json.dumps(contents.metadata)
    safetensors.numpy.save_file(contents.arrays, tmp_path / "b.mlip", {"tektite": text})
    result = tektite.load(tmp_path / "b.mlip").check()
    assert not result["passed"]
    assert result["energy_error"] > 1e-7
    assert result["worst"]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        metadata, arrays = random_ace(["Si", "O"], 7)
        modelfile.write(tmp_path / name, metadata, arrays, default_references(["Si", "O"]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_is_written_when_something_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.mlip"
    path.write_bytes(b"old")
    metadata, arrays = random_ace(["Si"], 1)
    cases = [
        ({**metadata, "family": "tarot"}, arrays, UnsupportedError, "tarot.*ace"),
        ({**metadata, "elements": ["Zz"]}, arrays, ModelFileError, "Zz"),
        ({**metadata, "elements": []}, arrays, ModelFileError, "elements"),
        (metadata, {**arrays, "functions.l": arrays["functions.l"][:-1]}, ModelFileError, "l"),
        (metadata, {k: v for k, v in arrays.items() if "rank" not in k}, ModelFileError, "rank"),
        (metadata, {**arrays, "x": np.array(["a"])}, ValueError, "'x'.*float64"),
        ({**metadata, "note": float("nan")}, arrays, ValueError, "not finite"),
        ({**metadata, "format_version": 99}, arrays, ModelFileError, "newer"),
    ]
    for bad_metadata, bad_arrays, error, message in cases:
        with pytest.raises(error, match=message):
            modelfile.write(path, bad_metadata, bad_arrays)
    with pytest.raises(FileNotFoundError, match="no folder"):
        modelfile.write(tmp_path / "none" / "a.mlip", metadata, arrays)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.mlip"]


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mlip"):
        tektite.load(tmp_path / "none.mlip")
    for content in (b"", b"\x00" * 7, b"#!/bin/sh\n", b"{}", b"PK\x03\x04" + b"x" * 200):
        (tmp_path / "x.mlip").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"x\.mlip"):
            tektite.load(tmp_path / "x.mlip")


@given(data=st.data())
def test_damaged_files_are_refused(model_folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Truncated or extended anywhere, or one bit flipped anywhere."""
    name = data.draw(st.sampled_from(["table-Si-O", "ace-O-Si", "sum-Si-O"]))
    original = (model_folder / f"{name}.mlip").read_bytes()
    kind = data.draw(st.sampled_from(["truncate", "extend", "flip", "flip in header"]))
    damaged = bytearray(original)
    if kind == "truncate":
        del damaged[data.draw(st.integers(0, len(original) - 1)) :]
    elif kind == "extend":
        damaged += bytes(data.draw(st.integers(1, 64)))
    else:
        header = 8 + int.from_bytes(original[:8], "little")
        end = header if kind == "flip in header" else len(original)
        position = data.draw(st.integers(0, end - 1))
        key = original.index(b'"crc32"')
        hypothesis.assume(not key <= position < key + 8)  # then the file has no checksum
        damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "damaged.mlip"
    path.write_bytes(damaged)
    with pytest.raises(ModelFileError, match=r"damaged\.mlip"):
        tektite.load(path)


def test_coefficients_that_overflow() -> None:
    """Each number is finite, but not what is computed from it."""
    metadata, arrays = MODELS["ace-Si"]()
    name = "bonds.coefficients"
    huge = dict(arrays, **{name: np.full_like(arrays[name], 1e308)})
    with pytest.raises(ModelFileError, match="some-model: a radial function is not finite"):
        Potential.from_arrays(metadata, huge, "some-model")
    large = dict(arrays, **{name: arrays[name] * 1e200})
    potential = Potential.from_arrays(metadata, large, "some-model")
    with pytest.raises(UnsupportedError, match="mixed precision"):
        potential.make_evaluator(precision="mixed")


def test_files_without_a_checksum(model_folder: Path, tmp_path: Path) -> None:
    """Other programs need not write one; one that is no checksum is refused."""
    contents = modelfile.read(model_folder / "ace-Si.mlip")
    text = json.dumps(contents.metadata)
    path = tmp_path / "a.mlip"
    safetensors.numpy.save_file(contents.arrays, path, {"tektite": text})
    assert tektite.load(path).check()["passed"]
    for bad in ("", "0", "XYZXYZXY", "deadbeef"):
        safetensors.numpy.save_file(contents.arrays, path, {"tektite": text, "crc32": bad})
        with pytest.raises(ModelFileError, match="checksum"):
            tektite.load(path)


def test_convert_rewrites_a_model(model_folder: Path, tmp_path: Path) -> None:
    source = model_folder / "ace-O-Si.mlip"
    potential = convert(source, tmp_path / "b.mlip", level_of_theory="PBE", authors="A. Author")
    provenance = potential.metadata["provenance"]
    assert provenance["source"] == "ace-O-Si.mlip"
    assert provenance["source_sha256"] == modelfile.sha256(source)
    assert provenance["level_of_theory"] == "PBE"
    assert provenance["authors"] == "A. Author"
    assert provenance["program"].startswith("tektite ")
    assert potential.check()["passed"]
    assert convert(source, tmp_path / "c.mlip", references=False).n_references == 0


def test_convert_yace(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "ace" / "bench-small.yace"
    potential = convert(source, tmp_path / "a.mlip")
    atoms = ase.build.bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    a, b = tektite.evaluate(atoms, source), tektite.evaluate(atoms, potential)
    np.testing.assert_allclose(a.forces[0], b.forces[0], atol=1e-12)
    assert potential.check()["passed"]
    assert tektite.load(source).check()["n_structures"] == 0


def test_atomic_writing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    with pytest.raises(IsADirectoryError, match="folder"):
        write_atomically(tmp_path, b"x")
    assert os.listdir(tmp_path) == ["file"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "elements", [["Si"], ["Sb", "Te"], ["H", "C", "N", "O", "U"], ["I", "Mn", "Ga"]]
)
def test_default_references(elements: list[str]) -> None:
    """All pairs of elements occur; no atoms are on top of each other; always the same."""
    from ase.neighborlist import neighbor_list

    references = default_references(elements)
    pairs = set()
    for name, atoms in references:
        assert name
        i, j, d = neighbor_list("ijd", atoms, 5.0)
        assert d.min() > 0.5
        pairs |= {(atoms.symbols[a], atoms.symbols[b]) for a, b in zip(i, j)}
    assert len(pairs) == len(elements) ** 2
    for (_, a), (_, b) in zip(references, default_references(elements)):
        np.testing.assert_array_equal(a.positions, b.positions)
