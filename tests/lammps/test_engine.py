# SPDX-License-Identifier: BSD-3-Clause
"""LAMMPS gives what the engine gives when it is called from Python."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms

import tektite
from lammps_runs import BAR, data_file, lower_triangular, mlip, observe, setup_commands


def small_triclinic() -> Atoms:
    """Return a cell much smaller than the cutoffs: many images of the same atoms."""
    atoms = Atoms(
        ["Si", "O", "Si"],
        [[0.2, 0.1, 0.3], [1.7, 1.5, 0.1], [0.4, 1.9, 2.0]],
        cell=[[3.3, 0, 0], [0.9, 3.5, 0], [-0.7, 0.6, 3.9]],
        pbc=True,
    )
    return atoms


def slab() -> Atoms:
    atoms = ase.build.bulk("Si", "diamond", a=5.5, cubic=True) * (2, 1, 1)
    atoms.symbols[::3] = "O"
    atoms.center(vacuum=3.0, axis=2)
    atoms.rattle(0.1, seed=2)
    atoms.pbc = (True, True, False)
    return atoms


def cluster() -> Atoms:
    rng = np.random.default_rng(8)
    atoms = ase.build.bulk("Si", "diamond", a=5.5, cubic=True)
    atoms.symbols[:3] = "O"
    atoms.center(vacuum=4.0)
    atoms.positions += rng.normal(scale=0.15, size=atoms.positions.shape)
    atoms.pbc = False
    return atoms


def flat() -> Atoms:
    """A sheet, for dimension 2."""
    places = [[0.1, 0.2, 0], [2.0, 0.1, 0], [0.3, 2.2, 0], [2.1, 2.4, 0], [4.0, 1.2, 0]]
    atoms = Atoms("SiO4", places)
    atoms.set_cell([[5.6, 0, 0], [1.1, 4.9, 0], [0, 0, 20.0]])
    atoms.pbc = (True, True, True)
    return atoms


SYSTEMS = {"triclinic": small_triclinic, "slab": slab, "cluster": cluster, "flat": flat}
# The reference stresses were LAMMPS pressures in bar, converted with ASE's value of a bar.
BAR_IN_REFERENCE = 1.0 / (BAR * ase.units.bar)
LOW = {"flat": (0, 0, -10.0)}
MODELS = ["table-Si-O", "ace-O-Si", "ace-Cu-O-Si", "neural-O-Si", "gap-O-Si", "sum-Si-O"]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("model", MODELS)
def test_agrees_with_python(
    system: str, model: str, models: dict[str, Path], tmp_path: Path
) -> None:
    atoms = SYSTEMS[system]()
    # More types than elements in the system, in another order than the model's.
    types = ["Si", "Cu", "O"] if "Cu" in model else ["Si", "O", "O"]
    setup = setup_commands(
        data_file(tmp_path / "data", atoms, types, low=LOW.get(system, (0, 0, 0))),
        atoms,
        more="dimension 2" * (system == "flat"),
    )
    if system == "flat":
        atoms.pbc = (True, True, False)
    seen = observe(tmp_path, setup, mlip(models[model], types), ranks=0)
    compare_with_python(seen, atoms, tektite.load(models[model]), relative=1e-10)


def compare_with_python(seen, atoms: Atoms, potential: tektite.Potential, relative: float) -> None:
    expected = potential.make_evaluator(threads=1).evaluate(
        atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, stresses=True
    )
    size = np.abs(expected["energies"]).sum()
    assert seen.energy == pytest.approx(expected["energy"], abs=relative * size)
    close = {"rtol": 0, "atol": relative * np.abs(expected["energies"]).max()}
    np.testing.assert_allclose(seen.energies, expected["energies"], **close)
    force = np.abs(expected["forces"]).max()
    np.testing.assert_allclose(seen.forces, expected["forces"], rtol=0, atol=relative * force)

    volume = abs(np.linalg.det(atoms.cell.array))
    order = [0, 1, 2, 5, 4, 3]  # LAMMPS's xx yy zz xy xz yz from ASE's xx yy zz yz xz xy
    if atoms.pbc.all():  # in other cells LAMMPS's volume need not be ASE's
        pressure = -expected["stress"][order] * BAR
        scale = relative * np.abs(pressure).max()
        np.testing.assert_allclose(seen.pressure, pressure, rtol=0, atol=scale)
    stresses = expected["stresses"][:, order] * volume * BAR
    scale = relative * np.abs(stresses).max()
    np.testing.assert_allclose(seen.stresses, stresses, rtol=0, atol=scale)


def test_mixed_precision(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    types = ["Si", "O"]
    setup = setup_commands(data_file(tmp_path / "data", crystal, types), crystal)
    seen = observe(tmp_path, setup, mlip(models["ace-O-Si"], types, "precision mixed"), ranks=0)
    exact = observe(tmp_path, setup, mlip(models["ace-O-Si"], types), ranks=0)
    assert "mixed" in seen.log and "mixed" not in exact.log
    error = np.abs(seen.forces - exact.forces).max()
    assert 0 < error < 1e-4 * np.abs(exact.forces).max()
    assert seen.energy == pytest.approx(exact.energy, abs=1e-5 * len(crystal))


def test_threads(models: dict[str, Path], crystal: Atoms, tmp_path: Path) -> None:
    types = ["Si", "O"]
    setup = setup_commands(data_file(tmp_path / "data", crystal, types), crystal)
    one = observe(tmp_path, setup, mlip(models["ace-O-Si"], types), ranks=0)
    two = observe(tmp_path, setup, mlip(models["ace-O-Si"], types, "threads 2"), ranks=0)
    assert "2 threads" in two.log
    np.testing.assert_allclose(two.forces, one.forces, rtol=0, atol=1e-11)
    np.testing.assert_allclose(two.centroid, one.centroid, rtol=1e-9, atol=1e-3)


@pytest.mark.parametrize("name", ["XPOT-Si", "XPOT-Sb2Te3"])
def test_published_potential(name: str, published: Path, tmp_path: Path) -> None:
    """The published ACE files, read as they are: what ML-PACE computed for them, every frame.

    Energies within 1e-6 eV/atom + 1e-8 relative, forces within 1e-5 eV/angstrom + 1e-8 of the
    largest (forces on both sides of a core repulsion are sums of such terms), virials likewise.
    """
    frames = ase.io.read(published / f"{name}_mlpace.extxyz", ":")
    types = tektite.load(published / f"{name}.yace").elements
    assert len(frames) > 10 and all(frame.pbc.all() for frame in frames)
    for frame in frames:
        turned = lower_triangular(frame)
        rotation = np.linalg.solve(frame.cell.array, turned.cell.array)
        setup = setup_commands(
            data_file(tmp_path / "data", turned, types), turned, more="box tilt large"
        )
        seen = observe(tmp_path, setup, mlip(published / f"{name}.yace", types), ranks=0)
        n, label = len(frame), frame.info["name"]
        energy = frame.get_potential_energy()
        assert seen.energy == pytest.approx(energy, abs=1e-6 * n, rel=1e-8), label
        energies = frame.calc.results["energies"]
        np.testing.assert_allclose(seen.energies, energies, 1e-8, 1e-6, err_msg=label)
        forces = frame.get_forces() @ rotation
        within = 1e-5 + 1e-8 * np.abs(forces).max()
        np.testing.assert_allclose(seen.forces, forces, 0, within, err_msg=label)
        stress = rotation.T @ frame.get_stress(voigt=False) @ rotation
        virial = (
            -frame.get_volume() * stress[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)] * BAR_IN_REFERENCE
        )
        within = 1e-5 * n + 1e-8 * np.abs(virial).max()
        ours = seen.pressure * frame.get_volume() / BAR
        np.testing.assert_allclose(ours, virial, 0, within, err_msg=label)
