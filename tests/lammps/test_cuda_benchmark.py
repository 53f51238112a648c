# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark for GPUs runs from its bundle alone, and reports nothing it did not measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_libraries import library

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cuda" / "run.py"


def run(*arguments: object, code: int = 0, isolated: bool = False) -> str:
    """Run the script; isolated: with nothing but Python's own library, as on a bare machine."""
    env = dict(os.environ)
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "LAMMPS_PLUGIN_PATH", "TEKTITE_CUDA_LIBRARY"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, *(["-S", "-s"] if isolated else []), str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=env,
        timeout=500,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def packed(folder: Path, device_library: str) -> Path:
    said = run("--pack", "--dry-run", "--device-library", library(device_library), folder)
    assert "random, GAP, GAP-3b, networks" in said
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("cuda-benchmark") / "bundle", "host executor")


def test_dry_run(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    said = run(bundle, "--dry-run", "--json", path, isolated=True)
    found = json.loads(path.read_text())
    assert found["dry_run"] and "DRY RUN" in said
    assert found["missing"][0] == "everything: a dry run measures nothing"
    checks = found["checks"]
    assert len(checks) == 15 and all(c["passed"] is not False for c in checks)
    assert sum(c["passed"] is True for c in checks) == 12
    rates = found["rates"]
    assert {(r["model"], r["precision"]) for r in rates} >= {("GAP", "mixed"), ("random", "double")}
    assert all(len(r["rates"]) == 3 and r["bytes_per_atom"] > 0 for r in rates)
    kernels = {k["name"].partition("<")[0] for k in found["kernels"]}
    assert kernels >= {"AceBlockForward", "SparsePredict", "GatherEdges", "ScatterEdges"}
    assert not {r["model"] for r in rates} & {"GAP-3b", "networks"}
    for name in ("GapPairs", "GapTriplets", "EvaluateNetworks"):
        works = [k for k in found["kernels"] if k["name"].partition("<")[0] == name]
        assert works and all(k["operations"] > 0 and k["bytes"] > 0 for k in works)
    counted = [
        k for k in found["kernels"] if k["name"].startswith(("AceBlockProducts", "SoapForward"))
    ]
    assert len(counted) == 6 and all(k["operations"] > 0 and k["bytes"] > 0 for k in counted)
    assert all(k["of_peak"] is None for k in found["kernels"])
    # No fraction of an H200's peak from anything else.
    assert all(r["arithmetic"] is None for r in rates)
    assert "missing: rates of XPOT-Si: the model is not in the bundle" in said


def test_without_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure is named as missing with its reason, and the exit code says so."""
    bundle = packed(tmp_path / "bundle", "double")
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", "no-card")
    path = tmp_path / "found.json"
    said = run(bundle, "--dry-run", "--json", path, code=1, isolated=True)
    found = json.loads(path.read_text())
    assert all(r["rate"] is None and "there is no device 0" in r["note"] for r in found["rates"])
    assert "missing: rate of random, mixed, 64 atoms, 1 ranks: Pair style mlip: there is no" in said
    assert any(c["passed"] is False for c in found["checks"])


def test_parts_and_time(bundle: Path, tmp_path: Path) -> None:
    """What is left out is named as missing, too."""
    path = tmp_path / "found.json"
    arguments = ("--dry-run", "--parts", "rates", "--minutes", "0", "--json", path)
    run(bundle, *arguments, isolated=True)
    found = json.loads(path.read_text())
    assert not found["rates"] and not found["checks"]
    assert "drift: left out (--parts)" in found["missing"]
    assert any("the time was up" in text for text in found["missing"])


def test_archive_and_misuse(bundle: Path, tmp_path: Path) -> None:
    assert "is no bundle; make one with --pack" in run(tmp_path, code=1)
    (tmp_path / "precious").write_text("")
    said = run("--pack", "--dry-run", "--device-library", library("double"), tmp_path, code=1)
    assert "not a bundle: it is left alone" in said and (tmp_path / "precious").is_file()
    missing = run("--pack", tmp_path / "new", "--device-library", tmp_path / "x.so", code=1)
    assert "x.so is not there" in missing


def test_size_of_the_drift(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    sizes = ("--drift-atoms", "8", "--drift-ps", "0.2")
    run(bundle, "--dry-run", "--parts", "drift", *sizes, "--json", path, isolated=True)
    names = [check["what"] for check in json.loads(path.read_text())["checks"]]
    assert len(names) == 3 and all("NVE, 8 atoms, 0.2 ps" in name for name in names)
