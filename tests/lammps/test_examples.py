# SPDX-License-Identifier: BSD-3-Clause
"""The inputs in examples/lammps run as they stand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase.units import GPa

import tektite
from lammps_runs import environment, program, thermo_rows
from tektite.similarity import write_similarity_model

EXAMPLES = Path(__file__).parents[2] / "examples" / "lammps"


def run_example(name: str, model: Path, folder: Path, **variables: object) -> str:
    command = [
        program("mpirun"),
        "-np",
        "2",
        program("lmp"),
        "-in",
        EXAMPLES / name,  # or, of another folder, its path
        "-log",
        "none",
    ]
    command += ["-var", "model", model]
    for key, value in variables.items():
        command += ["-var", key, str(value)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_example_is_tested() -> None:
    names = {path.name for path in EXAMPLES.glob("in.*")}
    assert names == {"in.relax", "in.melt", "in.heat_flux"}


def test_uncertainties(models: dict[str, Path], tmp_path: Path) -> None:
    """Of examples/gap: the error bars of the atoms, and the largest of them."""
    path = EXAMPLES.parent / "gap" / "in.vacancies"
    log = run_example(str(path), models["gap-Si"], tmp_path, steps=0, cells=2)
    header, *rows = (tmp_path / "vacancies.dump").read_text().split("ITEM: ATOMS ")[1].splitlines()
    assert header.split() == ["id", "x", "y", "z", "f_u"] and len(rows) == 63
    values = [float(row.split()[4]) for row in rows]
    lines = log.splitlines()
    thermo = lines[next(k for k, x in enumerate(lines) if x.split()[:2] == ["Step", "Temp"]) + 1]
    assert 0 < min(values) and float(thermo.split()[3]) == pytest.approx(max(values), rel=1e-5)


def test_similarity_to_a_crystal(models: dict[str, Path], tmp_path: Path) -> None:
    """Of examples/gap: 1 in the crystal that it starts from."""
    crystal = ase.build.bulk("Si", "diamond", a=5.47)
    soap = tektite.SOAP(["Si"], cutoff=3.5, n_max=4, l_max=3)
    write_similarity_model(tmp_path / "diamond.mlip", crystal, soap, zeta=12)
    path = EXAMPLES.parent / "gap" / "in.melt"
    reference = tmp_path / "diamond.mlip"
    log = run_example(
        str(path), models["gap-Si"], tmp_path, steps=100, cells=2, reference=reference
    )
    first, last = (r for r in thermo_rows(log) if "c_least" in r)
    assert first["c_average"] == pytest.approx(1.0, abs=1e-5)
    assert last["c_least"] < last["c_average"] < 0.999
    header = (tmp_path / "similarity.dump").read_text().split("ITEM: ATOMS ")[1].splitlines()[0]
    assert header.split() == ["id", "x", "y", "z", "c_similarity"]


def test_relax(models: dict[str, Path], tmp_path: Path) -> None:
    """Its numbers are those of the same model in ASE."""
    log = run_example("in.relax", models["table-Si"], tmp_path, a0=5.2)
    line = next(x for x in log.splitlines() if x.startswith("lattice constant"))
    constant, energy, modulus = (float(line.split()[k]) for k in (2, 5, 9))

    def crystal(a: float):
        atoms = ase.build.bulk("Si", "diamond", a=a)
        atoms.calc = tektite.TektiteCalculator(models["table-Si"], threads=1)
        return atoms

    relaxed = crystal(constant)
    assert np.abs(relaxed.get_stress()[:3]).max() < 1e-3 * GPa
    assert energy == pytest.approx(relaxed.get_potential_energy() / 2, abs=1e-5)
    pressures = [
        -crystal(constant * s ** (1 / 3)).get_stress()[:3].mean() / GPa for s in (0.995, 1.005)
    ]
    assert modulus == pytest.approx((pressures[0] - pressures[1]) / 0.01, abs=0.2)


def test_melt(models: dict[str, Path], tmp_path: Path) -> None:
    run_example("in.melt", models["table-Si"], tmp_path, cells=2, steps=40)
    for name in ("rdf_liquid.dat", "rdf_quenched.dat"):
        assert len((tmp_path / name).read_text().splitlines()) > 200
    assert "64 atoms" in (tmp_path / "quenched.data").read_text()


def test_heat_flux(models: dict[str, Path], tmp_path: Path) -> None:
    run_example("in.heat_flux", models["table-Si"], tmp_path, cells=2, equilibration=20, steps=1000)
    last = (tmp_path / "heat_flux_correlation.dat").read_text().splitlines()[-200]
    assert float(last.split()[3]) > 0
