# SPDX-License-Identifier: BSD-3-Clause
"""The calculator in what people use ASE for: relaxation, cells, NEB, MD, phonons, files."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter, StrainFilter, UnitCellFilter
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet
from ase.mep import NEB
from ase.optimize import BFGS, FIRE, LBFGS
from ase.phonons import Phonons

import tektite


def thermalize(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
    """Give the atoms Maxwell-Boltzmann velocities without a drift."""
    sigma = np.sqrt(ase.units.kB * temperature_K * atoms.get_masses())[:, None]
    momenta = rng.normal(size=(len(atoms), 3)) * sigma
    atoms.set_momenta(momenta - momenta.mean(axis=0))


@pytest.fixture
def calculator(morse_path: Path) -> tektite.TektiteCalculator:
    return tektite.TektiteCalculator(morse_path, threads=1)


@pytest.fixture
def crystal() -> Atoms:
    return ase.build.bulk("Si", "fcc", a=3.55, cubic=True)


@pytest.fixture
def lattice_constant(crystal: Atoms, calculator: tektite.TektiteCalculator) -> float:
    """From an equation of state."""
    volumes, energies = [], []
    crystal.calc = calculator
    for scale in np.linspace(0.97, 1.03, 9):
        atoms = crystal.copy()
        atoms.calc = calculator
        atoms.set_cell(crystal.cell * scale, scale_atoms=True)
        volumes.append(atoms.get_volume())
        energies.append(atoms.get_potential_energy())
    volume, _, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    assert volumes[0] < volume < volumes[-1]
    assert bulk_modulus > 0
    return float(np.cbrt(volume))


@pytest.mark.parametrize("cell_filter", [FrechetCellFilter, UnitCellFilter, StrainFilter])
def test_cell_filters(
    cell_filter: type,
    crystal: Atoms,
    calculator: tektite.TektiteCalculator,
    lattice_constant: float,
) -> None:
    atoms = crystal
    atoms.set_cell(atoms.cell.array @ np.array([[1, 0.03, 0], [0, 1.01, 0], [0, 0, 0.98]]), True)
    if cell_filter is not StrainFilter:
        atoms.rattle(0.05, seed=3)
    atoms.calc = calculator
    optimizer = BFGS(cell_filter(atoms), logfile=None)
    assert optimizer.run(fmax=1e-4, steps=200)
    assert np.abs(atoms.get_stress()).max() < 1e-4
    assert np.abs(atoms.get_forces()).max() < 1e-3
    assert atoms.get_volume() == pytest.approx(lattice_constant**3, rel=1e-3)


@pytest.mark.parametrize("optimizer", [BFGS, LBFGS, FIRE])
def test_optimizers(optimizer: type, crystal: Atoms, calculator: tektite.TektiteCalculator) -> None:
    crystal.rattle(0.1, seed=1)
    crystal.calc = calculator
    before = crystal.get_potential_energy()
    assert optimizer(crystal, logfile=None).run(fmax=1e-3, steps=300)
    assert crystal.get_potential_energy() < before


@pytest.mark.parametrize("shared", [True, False])
def test_nudged_elastic_band(
    shared: bool, morse_path: Path, crystal: Atoms, calculator: tektite.TektiteCalculator
) -> None:
    """A vacancy hops to a neighbouring site; the path is symmetric about its middle."""
    initial = crystal * (2, 2, 2)
    final = initial.copy()
    site = initial.positions[0].copy()
    neighbor = int(np.argsort(initial.get_distances(0, range(len(initial)), mic=True))[1])
    final.positions[neighbor] = site
    for atoms in (initial, final):
        del atoms[0]
    images = [initial, *(initial.copy() for _ in range(3)), final]
    band = NEB(images, allow_shared_calculator=shared, method="improvedtangent")
    band.interpolate(mic=True)
    for image in images:
        image.calc = (
            calculator if shared else tektite.TektiteCalculator(morse_path, threads=1, skin=0.2)
        )
    FIRE(band, logfile=None).run(fmax=0.05, steps=60)
    energies = [image.get_potential_energy() for image in images]
    assert energies[2] > energies[0] + 0.05
    assert energies[0] == pytest.approx(energies[4], abs=1e-6)
    assert energies[1] == pytest.approx(energies[3], abs=2e-2)


def test_nve_conserves_energy(crystal: Atoms, calculator: tektite.TektiteCalculator) -> None:
    atoms = crystal * (3, 3, 3)
    atoms.calc = calculator
    thermalize(atoms, temperature_K=800, rng=np.random.default_rng(0))
    dynamics = VelocityVerlet(atoms, timestep=1.0 * ase.units.fs)
    total = []
    dynamics.attach(lambda: total.append(atoms.get_total_energy()))
    dynamics.run(300)
    assert np.ptp(total) / len(atoms) < 2e-4
    slope = np.polyfit(np.arange(len(total)), total, 1)[0]
    assert abs(slope) * 300 / len(atoms) < 2e-5


def test_thermostat(crystal: Atoms, calculator: tektite.TektiteCalculator) -> None:
    atoms = crystal * (2, 2, 2)
    atoms.calc = calculator
    rng = np.random.default_rng(1)
    thermalize(atoms, temperature_K=300, rng=rng)
    Langevin(atoms, 2 * ase.units.fs, temperature_K=300, friction=0.02, rng=rng, fixcm=False).run(
        50
    )
    assert 50 < atoms.get_temperature() < 900


def test_phonons(
    tmp_path: Path,
    calculator: tektite.TektiteCalculator,
    lattice_constant: float,
) -> None:
    """Displacements in a supercell: three acoustic modes vanish at Gamma, all are stable at X."""
    atoms = ase.build.bulk("Si", "fcc", a=lattice_constant)
    phonons = Phonons(atoms, calculator, supercell=(5, 5, 5), delta=0.01, name=str(tmp_path / "ph"))
    phonons.run()
    phonons.read(acoustic=True)
    energies = phonons.band_structure([[0, 0, 0], [0.5, 0.5, 0]], verbose=False)
    assert np.abs(energies[0]).max() < 1e-5
    assert np.real(energies[1]).min() > 1e-3


def test_elastic_constants_from_stress_and_energy(
    crystal: Atoms, calculator: tektite.TektiteCalculator, lattice_constant: float
) -> None:
    """C11 from the stress equals that from the second derivative of the energy."""
    crystal.set_cell(np.eye(3) * lattice_constant, scale_atoms=True)
    h = 1e-3
    stresses, energies = {}, {}
    for strain in (-h, 0.0, h):
        atoms = crystal.copy()
        atoms.calc = calculator
        atoms.set_cell(crystal.cell.array * [1 + strain, 1, 1], scale_atoms=True)
        stresses[strain] = atoms.get_stress()[0]
        energies[strain] = atoms.get_potential_energy()
    from_stress = (stresses[h] - stresses[-h]) / (2 * h)
    from_energy = (energies[h] - 2 * energies[0.0] + energies[-h]) / h**2 / crystal.get_volume()
    assert from_stress == pytest.approx(from_energy, rel=1e-2)


def test_results_survive_files(
    tmp_path: Path, crystal: Atoms, calculator: tektite.TektiteCalculator
) -> None:
    crystal.rattle(0.05, seed=2)
    crystal.calc = calculator
    forces, stress = crystal.get_forces(), crystal.get_stress()
    for name in ("out.extxyz", "out.traj", "out.json"):
        ase.io.write(tmp_path / name, crystal)
        back = ase.io.read(tmp_path / name)
        assert back.get_potential_energy() == pytest.approx(crystal.get_potential_energy())
        np.testing.assert_allclose(back.get_forces(), forces, atol=1e-7)
        np.testing.assert_allclose(back.get_stress(), stress, atol=1e-7)
