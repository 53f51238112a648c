# SPDX-License-Identifier: BSD-3-Clause
"""Data from many files, held in little memory, and fits whose memory is known beforehand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from typer.testing import CliRunner

from fit_data import SMALL_BASIS, label, silicon_structures, small_config, teacher, write_frames
from tektite import modelfile
from tektite.cli.app import app
from tektite.data import DataKeys, Frame, find_files, iterate_frames, pack_frames, read_frames
from tektite.errors import DataError
from tektite.fit import fit_frames, prepared_frames, run_config, train_frames, training_run
from tektite.fit.ace_memory import AcePlan
from tektite.fit.dataset import read_data
from tektite.fit.dry_run import estimate
from tektite.fit.memory import MemoryPlan

# What is predicted, and what is taken, differ by no more than this factor.
FACTOR = 1.5


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return label(silicon_structures(24), teacher(["Si"], energies=[-5.0]))


@pytest.fixture
def folder(tmp_path: Path, frames: list[Frame]) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    for k in range(3):
        write_frames(data / f"part-{k}.extxyz", frames[8 * k : 8 * k + 8])
    (data / "notes.txt").write_text("not a frame\n")
    return data


def assert_same(first: Frame, second: Frame) -> None:
    for name in ("energy", "group", "index", "source", "n_atoms", "label"):
        assert getattr(first, name) == getattr(second, name)
    for name in ("numbers", "positions", "cell", "pbc", "forces", "stress"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.atoms == second.atoms


def test_paths_stand_for_files(folder: Path) -> None:
    files = [folder / f"part-{k}.extxyz" for k in range(3)]
    assert find_files(folder) == files
    assert find_files(folder / "part-[02].extxyz") == [files[0], files[2]]
    assert find_files(folder.parent / "**" / "*.extxyz") == files
    assert find_files(folder / "none.extxyz") == [folder / "none.extxyz"]
    strange = folder / "a[1].extxyz"
    strange.write_bytes(files[0].read_bytes())
    assert find_files(strange) == [strange]
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: the folder holds no file that ends in \.extxyz"):
        find_files(folder / "empty")
    with pytest.raises(DataError, match=r"none-\*: no file matches"):
        find_files(folder / "none-*")
    config = small_config(data={"train": [str(folder), str(files[1])]})
    with pytest.raises(DataError, match=r"part-1\.extxyz: given twice"):
        _ = config.data.train_files


def test_databases(tmp_path: Path, frames: list[Frame]) -> None:
    path = tmp_path / "frames.db"
    with ase.db.connect(path) as database:
        for frame in frames:
            atoms = frame.atoms.copy()
            database.write(atoms, dft=frame.energy, kind="x", data={"dft_forces": frame.forces})
    keys = DataKeys(energy="dft", forces="dft_forces", stress=None, group="kind")
    found = read_frames(path, keys)
    assert [f.index for f in found] == list(range(len(frames)))
    for got, frame in zip(found, frames):
        assert got.energy == frame.energy and got.group == "x"
        np.testing.assert_array_equal(got.forces, frame.forces)
        np.testing.assert_array_equal(got.positions, frame.positions)
    with ase.db.connect(path) as database:
        database.update(3, data={"dft_forces": np.full((len(frames[2].atoms), 3), np.nan)})
    with pytest.raises(DataError, match=r"frames\.db, frame 2 .*'dft_forces'.*not finite"):
        read_frames(path, keys)
    (tmp_path / "bad.db").write_bytes(b"no database")
    with pytest.raises(DataError, match=r"bad\.db: cannot read frame 0"):
        read_frames(tmp_path / "bad.db", keys)


def test_packed_frames_are_the_same(frames: list[Frame]) -> None:
    given = [*frames, Frame(Atoms("Si"), None, None, None, "none", 3, "x")]
    given[1].atoms.info |= {"weight": 2.0, "comment": "long"}
    packed = pack_frames(given, ["weight"])
    given[1].atoms.info.pop("comment")
    for first, second in zip(packed, given, strict=True):
        assert_same(first, second)
    assert packed[1].atoms.info == {"weight": 2.0} and packed[0].atoms.info == {}


def test_packed_frames_are_small() -> None:
    crystal = bulk("Si", cubic=True)
    energy, forces, n = 1.0, np.zeros((8, 3)), 3000
    tracemalloc.start()
    frames = pack_frames(
        Frame(crystal.copy(), energy, forces.copy(), None, f"group {k % 3}", k, "file.extxyz")
        for k in range(n)
    )
    used, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(frames) == n
    assert used < n * (57 * 8 + 400)
    # While it reads, it holds no more than one block of frames as they come.
    assert most < 3 * used


def test_fits_to_folders_are_those_to_frames_in_memory(folder: Path, frames: list[Frame]) -> None:
    sections = {"basis": SMALL_BASIS, "baseline": {"kind": "none"}, "threads": 1}
    path = folder.parent / "fit.yaml"
    path.write_text(yaml.safe_dump({"data": {"train": "data"}, **sections}))
    run_config(path)
    written = modelfile.read(folder.parent / "fit.mlip")
    together = [f for file in sorted(folder.glob("*.extxyz")) for f in read_frames(file)]
    expected = fit_frames(small_config(threads=1), together)
    for name, values in expected.contents[1].items():
        np.testing.assert_array_equal(written.arrays[name], values)
    (described,) = written.metadata["provenance"]["data"]["train"]
    assert described["file"] == "data" and described["n_files"] == 3
    assert described["n_frames"] == len(frames)


def test_neighbour_lists_made_anew_give_the_same_model(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [{"optimizer": "adam", "iterations": 2, "batch_size": 5}, {"iterations": 5}]
    config = small_config(training={"radial": "all", "stages": stages})
    monkeypatch.setattr(prepared_frames, "PART_ATOMS", 40)
    plan, hold, held = training_run.plan_memory, [float("inf")], []
    init = prepared_frames.PreparedFrames.__init__

    def limited(*args: object) -> AcePlan:
        made = plan(*args)
        made.hold = hold[0]
        return made

    def watched(self: prepared_frames.PreparedFrames, *args: object) -> None:
        init(self, *args)
        held.append(self.n_held)

    monkeypatch.setattr(training_run, "plan_memory", limited)
    monkeypatch.setattr(prepared_frames.PreparedFrames, "__init__", watched)
    results = []
    for hold[0] in (float("inf"), 0.0):
        results.append(train_frames(config, frames).contents[1])
    assert held == [len(frames), 0]
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_memory_limit(folder: Path) -> None:
    path = folder.parent / "fit.yaml"
    path.write_text(
        yaml.safe_dump({"data": {"train": "data"}, "basis": SMALL_BASIS, "memory_limit": 1e-3})
    )
    result = CliRunner().invoke(app, ["fit", str(path)])
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "memory: about" in said and "memory_limit" in said and "1 MiB" in said
    assert [p.name for p in folder.parent.iterdir()] == ["data", "fit.yaml"] or not list(
        folder.parent.glob("*.mlip")
    )


def test_plan_adds_what_stays() -> None:
    plan = MemoryPlan(10.0)
    plan.add("a", 5.0, 2.0)
    plan.add("b", 4.0)
    assert plan.levels == {"a": 15.0, "b": 16.0} and plan.total == 16.0


def test_fewer_blocks_at_once_where_memory_is_short(frames: list[Frame]) -> None:
    """The design matrix is done with as many threads as memory allows, with the same result."""
    large = {**SMALL_BASIS, "n_max": [10, 8, 7, 4], "l_max": [0, 5, 4, 3], "max_degree": None}
    free = small_config(basis=large, threads=64)
    found = estimate(free, frames)
    step = found.memory["design matrix"]
    assert step > 1.2 * found.memory["regression"]
    limit = 0.9 * step / 2**30
    limited = small_config(basis=large, threads=64, memory_limit=limit)
    assert estimate(limited, frames).memory["design matrix"] <= limit * 2**30


# Runs a command line and says what memory it took; not the parent's `ru_maxrss`, which counts what
# the parent itself had taken before.
_PROGRAM = """
import atexit
from pathlib import Path
from tektite.cli.app import app
from tektite.fit.memory import largest
atexit.register(lambda: print("taken:", largest()))
app()
"""


def _fit(path: Path) -> tuple[float, float]:
    """Bytes that a fit said it would take, and took."""
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "fit", path.name],
        cwd=path.parent,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "300"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    said = re.search(r"memory: about ([0-9.]+) (MiB|GiB) at most", result.stdout)
    taken = re.search(r"taken: ([0-9.]+)", result.stdout)
    assert said is not None and taken is not None
    return float(said[1]) * {"MiB": 2.0**20, "GiB": 2.0**30}[said[2]], float(taken[1])


@pytest.mark.parametrize("training", [None, {"stages": [{"iterations": 2}], "radial": "all"}])
def test_memory_is_what_was_said(tmp_path: Path, training: dict | None) -> None:
    rng = np.random.default_rng(0)
    images = []
    for _ in range(16):
        atoms = bulk("Si", cubic=True) * 2
        atoms.rattle(0.1, rng=rng)
        atoms.info["energy"] = rng.normal()
        atoms.arrays["forces"] = rng.normal(size=(len(atoms), 3))
        images.append(atoms)
    ase.io.write(tmp_path / "a.extxyz", images, format="extxyz")
    # 1,178 functions: matrices of 11 MB, blocks of rows of 22 MB.
    config = {"data": {"train": "a.extxyz"}, "threads": 2, "training": training}
    if training is not None:
        config["basis"] = {"max_degree": [20, 9, 8, 7]}
    path = tmp_path / "fit.yaml"
    path.write_text(yaml.safe_dump(config))
    said, taken = _fit(path)
    assert taken / FACTOR < said < taken * FACTOR


def test_reading_holds_one_frame_at_a_time(folder: Path) -> None:
    reader = iterate_frames(folder / "part-0.extxyz")
    first = next(reader)
    assert first.index == 0
    assert len(list(reader)) == 7


def test_read_data_names_file_and_frame(folder: Path) -> None:
    lines = (folder / "part-2.extxyz").read_text().splitlines()
    text = "\n".join(lines).replace("Si", "Xx", 1)
    bad = [k for k, line in enumerate(lines) if "energy=" in line][3]
    lines[bad] = re.sub(r"energy=\S+", "energy=nan", lines[bad])
    (folder / "part-2.extxyz").write_text("\n".join(lines) + "\n")
    config = small_config(data={"train": str(folder)})
    with pytest.raises(DataError, match=r"part-2\.extxyz, frame 3 .*'energy'.*not finite"):
        read_data(config.data.train_files, config.data)
    (folder / "part-1.extxyz").write_text(text)
    with pytest.raises(DataError, match=r"part-1\.extxyz: cannot read frame 0"):
        read_data(config.data.train_files, config.data)
