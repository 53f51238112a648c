# SPDX-License-Identifier: BSD-3-Clause
"""Molecular dynamics, minimisation and changing cells."""

from __future__ import annotations

from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms
from ase.filters import UnitCellFilter
from ase.optimize import LBFGS

import tektite
from lammps_runs import BAR, data_file, in_process, mlip, run, setup_commands, thermo_rows

THERMO = "thermo_modify format float %25.17g\n"


@pytest.fixture
def silicon() -> Atoms:
    """A crystal of 64 atoms, near the minimum of the Morse model."""
    atoms = ase.build.bulk("Si", "fcc", a=3.5, cubic=True) * (2, 2, 4)
    atoms.rattle(0.05, seed=1)
    return atoms


def start(folder: Path, atoms: Atoms, model: Path, newton: str = "on") -> str:
    data_file(folder / "data", atoms, ["Si"])
    return setup_commands(folder / "data", atoms, newton=newton) + mlip(model, ["Si"])


@pytest.mark.parametrize("newton", ["on", "off"])
def test_energy_conservation(
    newton: str, models: dict[str, Path], silicon: Atoms, tmp_path: Path
) -> None:
    """The error of velocity Verlet falls with the square of the timestep, and nothing drifts."""
    spread = {}
    for timestep, steps in ((0.002, 500), (0.001, 1000)):
        log = run(
            tmp_path,
            f"""
{start(tmp_path, silicon, models["table-Si"], newton)}
velocity all create 600 8 loop geom
fix nve all nve
timestep {timestep}
thermo 10
thermo_style custom step time temp pe etotal
{THERMO}
run {steps}
""",
            ranks=2,
        )
        rows = thermo_rows(log)
        energies = np.array([row["TotEng"] for row in rows])
        times = np.array([row["Time"] for row in rows])
        spread[timestep] = np.std(energies) / len(silicon)
        slope = np.polyfit(times, energies, 1)[0] / len(silicon)
        assert abs(slope) < 2e-5  # eV/atom/ps
    assert 0 < spread[0.001] < 0.35 * spread[0.002] < 1e-3


def test_minimize(models: dict[str, Path], silicon: Atoms, tmp_path: Path) -> None:
    log = in_process(
        tmp_path,
        f"""
{start(tmp_path, silicon, models["table-Si"])}
thermo_style custom step pe fnorm press
{THERMO}
minimize 0.0 1e-7 500 2000
""",
    )
    reached = silicon.copy()
    reached.calc = tektite.TektiteCalculator(models["table-Si"], threads=1)
    LBFGS(reached, logfile=None).run(fmax=1e-4, steps=200)
    last = thermo_rows(log)[-1]
    assert last["Fnorm"] < 1e-6
    assert last["PotEng"] == pytest.approx(reached.get_potential_energy(), rel=1e-10)


def test_box_relax(models: dict[str, Path], tmp_path: Path) -> None:
    """The cell that LAMMPS finds is the one that ASE finds."""
    atoms = ase.build.bulk("Si", "fcc", a=3.5, cubic=True) * (2, 2, 2)
    atoms.set_cell(np.diag([7.1, 6.9, 7.05]), scale_atoms=True)
    log = in_process(
        tmp_path,
        f"""
{start(tmp_path, atoms, models["table-Si"])}
thermo_style custom step pe fnorm pxx pyy pzz lx ly lz
{THERMO}
fix relax all box/relax aniso 5000.0 vmax 0.005
minimize 0.0 1e-7 60 240
minimize 0.0 1e-7 60 240
""",
    )
    last = thermo_rows(log)[-1]
    for key in ("Pxx", "Pyy", "Pzz"):
        assert last[key] == pytest.approx(5000.0, abs=2.0)
    atoms.calc = tektite.TektiteCalculator(models["table-Si"], threads=1)
    cell = UnitCellFilter(atoms, mask=[1, 1, 1, 0, 0, 0], scalar_pressure=5000.0 / BAR)
    LBFGS(cell, logfile=None).run(fmax=1e-5, steps=200)
    for key, length in zip(("Lx", "Ly", "Lz"), atoms.cell.lengths()):
        assert last[key] == pytest.approx(length, rel=1e-4)


def test_npt(models: dict[str, Path], silicon: Atoms, tmp_path: Path) -> None:
    """The conserved quantity of fix npt with a flexible cell holds: the virial fits the energy."""
    log = run(
        tmp_path,
        f"""
{start(tmp_path, silicon, models["table-Si"])}
change_box all triclinic
velocity all create 600 8 loop geom
fix npt all npt temp 300 300 0.1 tri 1000 1000 0.5
timestep 0.001
thermo 20
thermo_style custom step pe etotal ecouple econserve vol press
{THERMO}
run 600
""",
        ranks=2,
    )
    rows = thermo_rows(log)
    conserved = np.array([row["Econserve"] for row in rows])
    total = np.array([row["TotEng"] for row in rows])
    volume = np.array([row["Volume"] for row in rows])
    assert np.ptp(total) > 0.5 and np.ptp(volume) > 5.0
    assert np.ptp(conserved) < 0.02 * np.ptp(total)


def test_hot_start_survives(models: dict[str, Path], silicon: Atoms, tmp_path: Path) -> None:
    """A violently hot start ends well: atoms cross ranks, lists are rebuilt at every step."""
    log = run(
        tmp_path,
        f"""
{start(tmp_path, silicon, models["table-Si"], "off")}
velocity all create 30000 8 loop geom
fix nve all nve
fix slow all langevin 3000 3000 0.05 1
timestep 0.0005
neigh_modify every 1 delay 0 check no
neighbor 0.1 bin
thermo 100
run 60
""",
        ranks=4,
    )
    assert "Neighbor list builds = 60" in log


def test_rerun(models: dict[str, Path], silicon: Atoms, tmp_path: Path) -> None:
    """Frames of a trajectory, read again, have the energies that they had."""
    log = run(
        tmp_path,
        f"""
{start(tmp_path, silicon, models["ace-Si"])}
velocity all create 100 8 loop geom
fix nve all nve
timestep 0.0001
thermo 5
thermo_style custom step pe
{THERMO}
dump positions all custom 5 frames.dump id type x y z
dump_modify positions format float %.17g
run 20
undump positions
rerun frames.dump dump x y z
""",
        ranks=2,
    )
    energies = [row["PotEng"] for row in thermo_rows(log)]
    assert len(energies) == 10
    np.testing.assert_allclose(energies[5:], energies[:5], rtol=1e-10)
