# SPDX-License-Identifier: BSD-3-Clause
"""Forces, pressures and heat fluxes are derivatives of the energies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

import tektite
from lammps_runs import (
    BAR,
    assert_same,
    data_file,
    in_process,
    mlip,
    observe,
    run,
    setup_commands,
    thermo_rows,
)

TYPES = ["Si", "O"]
ENERGY = "thermo_style custom step pe\nthermo_modify format float %25.17g\n"
VOIGT = [(0, 0), (1, 1), (2, 2), (1, 0), (2, 0), (2, 1)]  # xx yy zz xy xz yz


# Central difference over five points, of order step^4: the random models have large higher
# derivatives.
STEP = 1e-4  # angstrom
STRAIN_STEP = 1e-5
POINTS = np.array([-2, -1, 1, 2])
WEIGHTS = np.array([1, -8, 8, -1]) / 12


def commands(atoms: Atoms, model: Path, newton: str = "on", settings: str = "") -> tuple[str, str]:
    return (
        setup_commands(Path("data"), atoms, newton=newton),
        mlip(model, TYPES, settings),
    )


@pytest.mark.parametrize("model", ["smooth", "sum-Si-O"])
def test_forces_and_pressure_by_finite_differences(
    model: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """Differences of the energy in positions and in all six strains; relative 1e-7."""
    data_file(tmp_path / "data", crystal, TYPES)
    setup, pair = commands(crystal, models[model])
    seen = observe(tmp_path, setup, pair, ranks=0)
    volume = crystal.get_volume()

    moves = [(atom, axis) for atom in (1, 30, 64) for axis in range(3)]
    script = setup + pair + ENERGY
    for atom, axis in moves:
        script += f"group one id {atom}\n"
        for distance in np.diff(POINTS, prepend=0, append=0) * STEP:
            by = " ".join(repr(float(distance) if k == axis else 0.0) for k in range(3))
            script += f"displace_atoms one move {by} units box\nrun 0 post no\n"
        script += "group one delete\n"
    energies = [row["PotEng"] for row in thermo_rows(in_process(tmp_path, script))]
    slopes = np.reshape(energies, (-1, 5))[:, :4] @ WEIGHTS / STEP
    scale = np.abs(seen.forces).max()
    for k, (atom, axis) in enumerate(moves):
        assert seen.forces[atom - 1, axis] == pytest.approx(-slopes[k], abs=1e-7 * scale)

    script = ""
    for a, b in VOIGT:
        for point in POINTS:
            # Straining only the lower triangle keeps the cell one that LAMMPS accepts; the energy
            # does not feel the rotation between this and the symmetric strain.
            strain = np.eye(3)
            strain[a, b] += point * STRAIN_STEP
            strained = crystal.copy()
            strained.set_cell(crystal.cell.array @ strain, scale_atoms=True)
            name = f"data-{a}{b}{point}"
            data_file(tmp_path / name, strained, TYPES)
            script += "clear\n" + setup.replace("data data", f"data {name}") + pair
            script += ENERGY + "run 0 post no\n"
    energies = [row["PotEng"] for row in thermo_rows(in_process(tmp_path, script))]
    expected = -np.reshape(energies, (6, 4)) @ WEIGHTS / STRAIN_STEP / volume * BAR
    np.testing.assert_allclose(
        seen.pressure, expected, rtol=0, atol=1e-7 * np.abs(seen.pressure).max()
    )


@pytest.mark.parametrize("newton", ["on", "off"])
def test_sums_over_atoms(
    newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    data_file(tmp_path / "data", crystal, TYPES)
    setup, pair = commands(crystal, models["ace-O-Si"], newton)
    seen = observe(tmp_path, setup, pair, ranks=2)
    assert seen.energies.sum() == pytest.approx(seen.energy, rel=1e-12)
    virial = seen.pressure * crystal.get_volume()
    close = {"rtol": 0, "atol": 1e-11 * np.abs(virial).max()}
    np.testing.assert_allclose(-seen.stresses.sum(axis=0), virial, **close)
    total = -seen.centroid.sum(axis=0)
    np.testing.assert_allclose(total[:6], virial, **close)
    np.testing.assert_allclose(total[6:], virial[3:], **close)
    # Not the same numbers atom by atom, and the centroid form is not symmetric.
    assert np.abs(seen.centroid[:, :6] - seen.stresses).max() > 1e-3 * np.abs(seen.stresses).max()
    assert (
        np.abs(seen.centroid[:, 3:6] - seen.centroid[:, 6:]).max()
        > 1e-3 * np.abs(virial).max() / 64
    )


def test_explicit_virial_is_that_of_forces(
    models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    data_file(tmp_path / "data", crystal, TYPES)
    setup, pair = commands(crystal, models["ace-O-Si"])
    assert_same(
        observe(tmp_path, setup, pair, ranks=0),
        observe(tmp_path, setup, pair + "pair_modify nofdotr\n", ranks=0),
    )


@pytest.mark.parametrize("newton", ["on", "off"])
@pytest.mark.parametrize("model", ["smooth", "sum-Si-O"])
def test_heat_flux(
    model: str, newton: str, models: dict[str, Path], crystal: Atoms, tmp_path: Path
) -> None:
    """Compute heat/flux against its definition (Fan et al., PRB 92, 094301 (2015), eq. 20).

    J = sum_i v_i (E_i + m_i v_i^2 / 2) - sum_i sum_j r_ij (dE_i/dr_ij . v_j), r_ij = r_j - r_i. All
    images are atoms of a cluster here, where differences of atoms' energies give dE_i/dr_j.
    """
    small = Atoms(
        ["Si", "O", "Si", "Si", "O"],
        [[0.1, 0.2, 0.3], [1.9, 0.4, 0.2], [0.3, 2.3, 0.6], [2.0, 2.1, 1.8], [0.4, 0.9, 2.2]],
        cell=[[4.3, 0, 0], [0.5, 4.6, 0], [-0.4, 0.3, 4.5]],
        pbc=True,
    )
    rng = np.random.default_rng(11)
    velocities = rng.normal(size=(5, 3))
    data_file(tmp_path / "data", small, TYPES)
    setup = setup_commands(tmp_path / "data", small, newton=newton)
    setup += "".join(
        f"set atom {i} vx {v[0]:.17g} vy {v[1]:.17g} vz {v[2]:.17g}\n"
        for i, v in enumerate(velocities, 1)
    )
    log = run(
        tmp_path,
        f"""
{setup}
{mlip(models[model], TYPES)}
compute ke all ke/atom
compute pe all pe/atom
compute stress all centroid/stress/atom NULL virial
compute flux all heat/flux ke pe stress
variable x equal c_flux[1]
variable y equal c_flux[2]
variable z equal c_flux[3]
thermo_style custom step pe v_x v_y v_z
thermo_modify format float %25.17g
run 0
""",
        ranks=2,
    )
    row = thermo_rows(log)[-1]
    flux = np.array([row["v_x"], row["v_y"], row["v_z"]])

    potential = tektite.load(models[model])
    evaluator = potential.make_evaluator(threads=1)
    images = [(a, b, c) for a in range(-2, 3) for b in range(-2, 3) for c in range(-2, 3)]
    images.sort(key=lambda s: s != (0, 0, 0))  # the five atoms themselves come first
    positions = np.concatenate([small.positions + np.array(s) @ small.cell.array for s in images])
    numbers = np.tile(small.numbers, len(images))
    near = (
        np.min(np.linalg.norm(positions[:, None] - small.positions[None], axis=2), axis=1)
        < 2 * potential.cutoff
    )
    positions, numbers = positions[near], numbers[near]
    owner = np.tile(np.arange(5), len(images))[near]

    def energies_of_five(r: np.ndarray) -> np.ndarray:
        return evaluator.evaluate(numbers, r)["energies"][:5]

    # dE_i . v_j / dr_j for each j, by moving atom j along its velocity.
    step = 1e-4
    potential_part = np.zeros(3)
    within = np.min(np.linalg.norm(positions[:, None] - small.positions[None], axis=2), axis=1)
    for j in np.flatnonzero(within < potential.cutoff):
        moved = positions.copy()
        moved[j] += step * velocities[owner[j]]
        plus = energies_of_five(moved)
        moved[j] -= 2 * step * velocities[owner[j]]
        derivative = (plus - energies_of_five(moved)) / (2 * step)
        for i in range(5):
            if i != j:
                potential_part -= (positions[j] - positions[i]) * derivative[i]
    kinetic = 0.5 * small.get_masses() * (velocities**2).sum(axis=1) * 1.0364269e-4
    expected = ((energies_of_five(positions) + kinetic)[:, None] * velocities).sum(axis=0)
    expected += potential_part
    assert np.abs(potential_part).max() > 0.1
    np.testing.assert_allclose(flux, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
