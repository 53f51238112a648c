# SPDX-License-Identifier: BSD-3-Clause
"""Restart files, `clear`, and a pair style given twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ase import Atoms

from lammps_runs import data_file, mlip, run, setup_commands, thermo_rows

TYPES = ["Si", "O"]
THERMO = "thermo_style custom step pe press\nthermo_modify format float %25.17g\n"


@pytest.fixture
def written(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> dict[str, float]:
    """Write `restart` with the model `here.mlip`; returns the thermo row that it was written at."""
    shutil.copy(models["ace-O-Si"], tmp_path / "here.mlip")
    data_file(tmp_path / "data", crystal, TYPES)
    log = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
{mlip(Path("here.mlip"), TYPES, "precision mixed threads 2")}
{THERMO}
run 0
write_restart restart
""",
        ranks=2,
    )
    return thermo_rows(log)[-1]


def test_continues(written: dict[str, float], tmp_path: Path) -> None:
    """Settings, model and elements come from the restart file."""
    log = run(tmp_path, f"read_restart restart\n{THERMO}run 0\n", ranks=1)
    assert "mixed" in log and "2 threads" in log
    row = thermo_rows(log)[-1]
    assert row["PotEng"] == pytest.approx(written["PotEng"], rel=1e-6)
    assert row["Press"] == pytest.approx(written["Press"], rel=1e-5)


def test_model_gone(written: dict[str, float], models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "here.mlip").unlink()
    log = run(tmp_path, "read_restart restart\nrun 0\n", ranks=2, fails=True)
    assert "names the model here.mlip, which is not there" in log
    assert "All pair coeffs are not set" in log
    again = f"read_restart restart\npair_coeff * * {models['ace-O-Si']} Si O\n{THERMO}run 0\n"
    row = thermo_rows(run(tmp_path, again, ranks=2))[-1]
    assert row["PotEng"] == pytest.approx(written["PotEng"], rel=1e-6)


def test_model_changed(written: dict[str, float], models: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(models["table-Si-O"], tmp_path / "here.mlip")
    log = run(tmp_path, "read_restart restart\nrun 0\n", ranks=1)
    assert "here.mlip has changed since the restart file was written" in log


def test_hybrid_keeps_settings(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """As with other styles under hybrid, pair_coeff must be given again, pair_style not."""
    data_file(tmp_path / "data", crystal, TYPES)
    coefficients = f"pair_coeff * * mlip {models['ace-O-Si']} Si O\n"
    coefficients += "pair_coeff * * lj/cut 0.01 2.0\n"
    log = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
pair_style hybrid/overlay mlip precision mixed lj/cut 4.0
{coefficients}
{THERMO}
run 0
write_restart restart
clear
read_restart restart
{coefficients}
{THERMO}
run 0
""",
    )
    assert log.count("mixed precision, 1 thread") == 2
    before, after = thermo_rows(log)
    assert after["PotEng"] == pytest.approx(before["PotEng"], rel=1e-12)


def test_clear_and_again(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    """One input: a model, another model, other settings, clear, another pair style, the model."""
    data_file(tmp_path / "data", crystal, TYPES)
    setup = setup_commands(tmp_path / "data", crystal)
    first, second = mlip(models["ace-O-Si"], TYPES), mlip(models["table-Si-O"], TYPES)
    log = run(
        tmp_path,
        f"""
{setup}
{THERMO}
{first}
run 0
pair_coeff * * {models["table-Si-O"]} Si O
run 0
pair_style mlip precision mixed
pair_coeff * * {models["ace-O-Si"]} Si O
run 0
pair_style lj/cut 3.0
pair_coeff * * 0.1 2.0
run 0
clear
{setup}
{THERMO}
{second}
run 0
pair_style tektite
pair_coeff * * {models["ace-O-Si"]} Si O
run 0
""",
        ranks=2,
    )
    ace, table, mixed, lj, table_again, ace_again = (row["PotEng"] for row in thermo_rows(log))
    assert ace != table != lj
    assert mixed == pytest.approx(ace, rel=1e-5)
    assert (table_again, ace_again) == pytest.approx((table, ace), rel=1e-12)


def test_settings_repeated_keep_the_model(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    data_file(tmp_path / "data", crystal, TYPES)
    log = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
{THERMO}
{mlip(models["ace-O-Si"], TYPES)}
run 0
pair_style mlip precision mixed
run 0
""",
    )
    double, mixed = (row["PotEng"] for row in thermo_rows(log))
    assert mixed == pytest.approx(double, rel=1e-5)
    assert mixed != double
