# SPDX-License-Identifier: BSD-3-Clause
"""One run of LAMMPS from a bundle: its input, and what it printed."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle import Bundle, Model

_TIMEOUT = 500  # s


class SimulationFailed(Exception):
    """LAMMPS stopped; the text is its reason."""


@dataclass(frozen=True)
class Crystal:
    """Diamond silicon, so many cubic cells of 8 atoms along each edge."""

    cells: tuple[int, int, int]
    lattice: float = 5.43  # angstrom
    displaced: float = 0.0  # largest random displacement along each axis, angstrom
    tilted: bool = False

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return 8 * self.cells[0] * self.cells[1] * self.cells[2]

    @classmethod
    def with_atoms(cls, n: int, **more) -> Crystal:
        """Nearly cubic, with about n atoms."""
        edge = max(1, round((n / 8) ** (1 / 3)))
        return cls((edge, edge, max(1, round(n / 8 / edge**2))), **more)

    def commands(self) -> str:
        """Commands that make it, and its box."""
        a, b, c = self.cells
        box = f"prism 0 {a} 0 {b} 0 {c} 0.3 -0.2 0.4" if self.tilted else f"block 0 {a} 0 {b} 0 {c}"
        d = self.displaced
        move = f"displace_atoms all random {d} {d} {d} 4711 units box\n" if d > 0 else ""
        return (
            f"lattice diamond {self.lattice}\nregion box {box}\ncreate_box 1 box\n"
            f"create_atoms 1 box\nmass 1 28.0855\n{move}"
        )


@dataclass
class Run:
    """What a simulation is, apart from the model."""

    crystal: Crystal
    settings: str = "device cuda"  # of pair_style
    ranks: int = 1
    skin: float = 1.0  # angstrom
    temperature: float = 0.0  # K, of the velocities; 0: none
    timestep: float | None = None  # fs; default: the model's
    newton: str = "on"
    warm: int = 0  # steps before the first of `steps`
    steps: list[int] = field(default_factory=lambda: [0])  # of each run that is timed
    thermo: int = 10**9
    dump: bool = False  # positions and forces at the end, with all digits
    kernel_times: bool = False  # of each kernel; everything is slower then


@dataclass
class Loop:
    """The log of one `run` command."""

    seconds: float
    steps: int
    atoms: int
    pair_seconds: float  # mean over ranks
    list_builds: int
    rows: list[tuple[float, ...]]  # step, temperature, potential, total energy (eV), pressure (bar)


@dataclass
class Observed:
    """What LAMMPS printed."""

    loops: list[Loop]
    device: str  # "NVIDIA H200, ..., 1000000 centres in 8 chunks"
    device_bytes_per_atom: float
    rows: list[list[str]]  # of the dump: id, positions, forces, as printed, sorted by id
    kernels: list[dict[str, Any]]  # kernel, launches, threads, seconds
    log: str


def _input(run: Run, model: Model) -> str:
    timestep = model.timestep if run.timestep is None else run.timestep
    velocity = f"velocity all create {run.temperature} 87287 mom yes rot no dist gaussian loop "
    # By place, not by number: numbers depend on the ranks, and so would the trajectory.
    velocity += "local\n" if run.crystal.n_atoms > 2_000_000 else "geom\n"
    lines = f"""
units metal
newton {run.newton}
boundary p p p
{run.crystal.commands()}
pair_style mlip {run.settings}
pair_coeff * * {model.path} Si
neighbor {run.skin} bin
neigh_modify every 1 delay 0 check yes
{velocity if run.temperature > 0 else ""}
fix nve all nve
timestep {1e-3 * timestep}
thermo_style custom step temp pe etotal press
thermo_modify format float %.17g
thermo {run.thermo}
run {run.warm}
"""
    lines += "".join(f"run {n} pre no\n" for n in run.steps)
    if run.dump:
        lines += "write_dump all custom forces.dump id x y z fx fy fz modify sort id "
        lines += "format float %.17g\n"
    return lines


def simulate(bundle: Bundle, model: Model, run: Run) -> Observed:
    """Run LAMMPS.

    Raises
    ------
    SimulationFailed
        With LAMMPS's error message.
    """
    with tempfile.TemporaryDirectory(prefix="tektite-cuda-") as name:
        folder = Path(name)
        (folder / "in.run").write_text(_input(run, model))
        mpi = (
            [str(bundle.folder / "bin" / "mpirun"), "-np", str(run.ranks)] if run.ranks > 1 else []
        )
        command = [*mpi, str(bundle.folder / "bin" / "lmp"), "-in", "in.run", "-log", "log"]
        times = {"TEKTITE_CUDA_TIMES": str(folder / "times")} if run.kernel_times else {}
        with open(folder / "screen", "w") as screen:
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    env=bundle.environment() | times,
                    stdin=subprocess.DEVNULL,
                    stdout=screen,
                    stderr=subprocess.STDOUT,
                    timeout=_TIMEOUT,
                )
            except subprocess.TimeoutExpired as error:
                raise SimulationFailed(f"not finished after {_TIMEOUT} s") from error
        printed = (folder / "screen").read_text(errors="replace")
        if done.returncode != 0:
            errors = re.findall(r"^ERROR.*?: (.*)", printed, re.MULTILINE)
            raise SimulationFailed(errors[0] if errors else printed[-1000:])
        log = (folder / "log").read_text()
        dump = (folder / "forces.dump").read_text() if run.dump else ""
        kernels = folder / "times"
        lines = kernels.read_text().splitlines() if kernels.is_file() else []
    return _read(log, dump, [json.loads(line) for line in lines])


def _read(log: str, dump: str, kernels: list[dict[str, Any]]) -> Observed:
    loops = []
    # One part for each table of thermodynamic output.
    for part in re.split(r"^ *Step ", log, flags=re.MULTILINE)[1:]:
        table, _, rest = part.partition("Loop time of ")
        words = re.match(r"(\S+) on \d+ procs for (\d+) steps with (\d+) atoms", rest)
        if words is None:
            continue
        pair = re.search(r"^Pair +\| *(\S+) *\| *(\S+)", rest, re.MULTILINE)
        builds = re.search(r"^Neighbor list builds = (\d+)", rest, re.MULTILINE)
        rows = [
            tuple(map(float, line.split()))
            for line in table.splitlines()[1:]
            if re.fullmatch(r"[-+.\deE \tnaif]+", line) and len(line.split()) == 5
        ]
        loops.append(
            Loop(
                float(words.group(1)),
                int(words.group(2)),
                int(words.group(3)),
                float(pair.group(2)) if pair else 0.0,
                int(builds.group(1)) if builds else 0,
                rows,
            )
        )
    if not loops:
        raise SimulationFailed(log[-1000:])
    used = re.findall(
        r"^Pair style mlip: (.*); \S+ MB on the device.*, (\S+) bytes an atom", log, re.MULTILINE
    )
    lines = dump.splitlines()
    first = next((k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS")), len(lines))
    return Observed(
        loops,
        used[-1][0] if used else "",
        float(used[-1][1]) if used else 0.0,
        [line.split() for line in lines[first + 1 :]],
        kernels,
        log,
    )
