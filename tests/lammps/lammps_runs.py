# SPDX-License-Identifier: BSD-3-Clause
"""Running LAMMPS in this process, or as `mpirun -np N lmp`, and reading what it computes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

import tektite
from tektite.lammps_helper import find_mpi_library, plugin_path

# LAMMPS's own constants: eV/angstrom^3 in bar (units metal), kcal/mol/angstrom^3 in atm (units
# real), and the factor between metal and real energies that its pair styles use.
BAR = 1.6021765e6
ATM = 68568.415
KCAL_PER_EV = 23.060549

# What every run of `observe` computes.
_PRESSURE = " ".join(f"c_pressure[{k}]" for k in range(1, 7))
_COMPUTES = f"""
compute pe all pe/atom
compute stress all stress/atom NULL virial
compute centroid all centroid/stress/atom NULL virial
compute pressure all pressure NULL virial
thermo_style custom step pe {_PRESSURE}
thermo_modify format float %25.17g
"""
_DUMP = (
    "id type x y z fx fy fz c_pe"
    + "".join(f" c_stress[{k}]" for k in range(1, 7))
    + "".join(f" c_centroid[{k}]" for k in range(1, 10))
)


@dataclass
class Observed:
    """What LAMMPS says of one configuration; atoms sorted by id; in the units of the run."""

    ids: np.ndarray
    positions: np.ndarray  # (n, 3)
    energy: float
    forces: np.ndarray  # (n, 3)
    pressure: np.ndarray  # (6,) xx yy zz xy xz yz, virial part
    energies: np.ndarray  # (n,)
    stresses: np.ndarray  # (n, 6) xx yy zz xy xz yz, times volume
    centroid: np.ndarray  # (n, 9) xx yy zz xy xz yz yx zx zy, times volume
    log: str


def lower_triangular(atoms: Atoms) -> Atoms:
    """Rotate atoms so that the cell is one that LAMMPS accepts."""
    turned = atoms.copy()
    cell, _ = atoms.cell.standard_form()
    turned.set_cell(cell, scale_atoms=True)
    return turned


def data_file(
    path: Path,
    atoms: Atoms,
    types: Sequence[str],
    ids: Sequence[int] | None = None,
    low: Sequence[float] = (0.0, 0.0, 0.0),
) -> Path:
    """Write a LAMMPS data file (atom_style atomic). The cell must be lower triangular.

    Types are numbered as in `types`, which may name elements that no atom has; `low` is the lower
    corner of the box.
    """
    cell = atoms.cell.array
    assert np.allclose(cell, np.tril(cell)), "not a cell of LAMMPS"
    lines = ["made by tests of Tektite", "", f"{len(atoms)} atoms", f"{len(types)} atom types", ""]
    lines += [
        f"{float(low[k])!r} {float(low[k] + cell[k, k])!r} {axis}lo {axis}hi"
        for k, axis in enumerate("xyz")
    ]
    if cell[1, 0] or cell[2, 0] or cell[2, 1]:
        lines.append(f"{' '.join(repr(float(cell[t])) for t in ((1, 0), (2, 0), (2, 1)))} xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{k} {atomic_masses[atomic_numbers[s]]}" for k, s in enumerate(types, 1)]
    lines += ["", "Atoms # atomic", ""]
    ids = range(1, len(atoms) + 1) if ids is None else ids
    for number, symbol, r in zip(ids, atoms.symbols, atoms.positions):
        place = " ".join(repr(float(x)) for x in r)
        lines.append(f"{number} {list(types).index(symbol) + 1} {place}")
    path.write_text("\n".join(lines) + "\n")
    return path


def boundary(atoms: Atoms) -> str:
    """The boundary command's arguments."""
    return " ".join("p" if periodic else "f" for periodic in atoms.pbc)


def environment() -> dict[str, str]:
    """Environment in which `lmp` runs and finds the plugin, by its entry point if there is one."""
    env = dict(os.environ)
    mpi = find_mpi_library()
    if mpi is not None:
        paths = [str(mpi.parent), env.get("LD_LIBRARY_PATH")]
        env["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))
    if not metadata.entry_points(group="lammps.plugins", name="tektite"):
        env["LAMMPS_PLUGIN_PATH"] = str(plugin_path().parent)
    env["OMP_NUM_THREADS"] = "1"
    return env


def program(name: str) -> str:
    """Path of lmp or mpirun of this Python's environment."""
    return str(Path(sys.executable).parent / name)


def run(
    folder: Path,
    commands: str,
    ranks: int = 0,
    fails: bool = False,
    env: dict[str, str] | None = None,
) -> str:
    """Run `lmp` on the commands in folder; 0 ranks: without mpirun. Returns what it printed.

    Raises AssertionError with the output if it fails, or, with `fails`, if it does not.
    """
    script = folder / "in.test"
    script.write_text(commands)
    start = [program("mpirun"), "-np", str(ranks)] if ranks else []
    done = subprocess.run(
        [*start, program("lmp"), "-in", script.name, "-log", "none"],
        cwd=folder,
        env=environment() if env is None else env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def thermo_rows(log: str) -> list[dict[str, float]]:
    """The rows of all thermo tables in a log."""
    rows, names = [], []
    for line in log.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            names = words
        elif line.startswith("Loop time"):
            names = []
        elif names and len(words) == len(names):
            try:
                rows.append(dict(zip(names, map(float, words))))
            except ValueError:
                continue
    return rows


def read_dump(path: Path) -> np.ndarray:
    """Columns of the last frame of a dump file, sorted by the first."""
    lines = path.read_text().splitlines()
    last = max(k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS"))
    table = np.array([[float(w) for w in line.split()] for line in lines[last + 1 :]])
    return table.reshape(-1, len(lines[last].split()) - 2)[np.argsort(table[:, 0], kind="stable")]


def observe(
    folder: Path, setup: str, pair: str, ranks: int = 1, steps: int = 0, extra: str = ""
) -> Observed:
    """Run LAMMPS: `setup` makes the atoms, `pair` the potential; returns what it computes.

    ranks = 0: in this process.
    """
    commands = f"""
{setup}
{pair}
{_COMPUTES}
{extra}
run {steps}
write_dump all custom observed.dump {_DUMP} modify sort id format float %.17g
"""
    (folder / "observed.dump").unlink(missing_ok=True)
    log = in_process(folder, commands) if ranks == 0 else run(folder, commands, ranks)
    row = thermo_rows(log)[-1]
    table = read_dump(folder / "observed.dump")
    return Observed(
        ids=table[:, 0].astype(int),
        positions=table[:, 2:5],
        energy=row["PotEng"],
        forces=table[:, 5:8],
        pressure=np.array([row[f"c_pressure[{k}]"] for k in range(1, 7)]),
        energies=table[:, 8],
        stresses=table[:, 9:15],
        centroid=table[:, 15:24],
        log=log,
    )


def in_process(folder: Path, commands: str) -> str:
    """Run commands through tektite.lammps() in folder; returns the log, raises LAMMPS's errors."""
    log = folder / "log.test"
    old = Path.cwd()
    os.chdir(folder)
    try:
        instance = tektite.lammps(cmdargs=["-log", log.name, "-screen", "none", "-nocite"])
        try:
            instance.commands_string(commands)
        finally:
            instance.close()
    finally:
        os.chdir(old)
    return log.read_text()


def setup_commands(
    data: Path, atoms: Atoms, units: str = "metal", newton: str = "on", more: str = ""
) -> str:
    """Commands that read a data file."""
    return f"""
units {units}
boundary {boundary(atoms)}
newton {newton}
{more}
read_data {data.name}
"""


def lone_molecule() -> Atoms:
    """Three atoms at one end of a long box, so that most of several ranks along x have none."""
    places = [[1, 1, 1], [2.6, 1.2, 1.1], [1.3, 2.9, 1.4]]
    return Atoms("SiOSi", places, cell=[60, 12, 12], pbc=True)


def empty_box(n_types: int) -> str:
    """Commands that make a box without atoms."""
    return f"""
units metal
region box block 0 9 0 9 0 9
create_box {n_types} box
mass * 20
"""


def mlip(model: Path, types: Sequence[str], settings: str = "") -> str:
    """Return the commands for the pair style."""
    return f"pair_style mlip {settings}\npair_coeff * * {model} {' '.join(types)}\n"


def assert_same(a: Observed, b: Observed, relative: float = 1e-10) -> None:
    """Everything observed agrees, relative to the largest value of its kind."""
    assert np.array_equal(a.ids, b.ids)
    for name in ("energy", "forces", "pressure", "energies", "stresses", "centroid"):
        x, y = np.asarray(getattr(a, name)), np.asarray(getattr(b, name))
        scale = max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0), 1e-3)
        assert np.abs(x - y).max(initial=0.0) <= relative * scale, name
