# SPDX-License-Identifier: BSD-3-Clause
"""Published ACE potentials against what ML-PACE computes for them, through the calculator."""

from __future__ import annotations

from pathlib import Path

import ase.io
import ase.units
import numpy as np
import pytest

import tektite
from tektite.convert import convert

# The reference stresses were LAMMPS pressures: eV/Å^3 times its nktv2p = 1.6021765e6 bar, over
# ASE's value of the same unit.
LAMMPS_BAR = 1.0 / (1.6021765e6 * ase.units.bar)


@pytest.mark.parametrize("name", ["XPOT-Si", "XPOT-Sb2Te3"])
@pytest.mark.parametrize("converted", [False, True], ids=["yace", "mlip"])
def test_parity_with_ml_pace(name: str, converted: bool, shared_data: Path, tmp_path: Path) -> None:
    """Within 1e-6 eV/atom and 1e-5 eV/Å plus 1e-8 of the value; stress as forces, per area."""
    path = shared_data / "ace" / f"{name}.yace"
    if converted:
        convert(path, tmp_path / "model.mlip")
        path = tmp_path / "model.mlip"
        assert tektite.load(path).check()["passed"]
    calculator = tektite.TektiteCalculator(path)
    frames = ase.io.read(shared_data / "ace" / f"{name}_mlpace.extxyz", ":")
    assert len(frames) > 10
    for atoms in frames:
        reference = atoms.calc.results
        atoms.calc = calculator
        label = atoms.info["name"]
        np.testing.assert_allclose(
            atoms.get_potential_energies(), reference["energies"], 1e-8, 1e-6, err_msg=label
        )
        np.testing.assert_allclose(
            atoms.get_potential_energy(),
            reference["energy"],
            1e-8,
            1e-6 * len(atoms),
            err_msg=label,
        )
        forces, expected = atoms.get_forces(), reference["forces"]
        # Forces on both sides of a core repulsion are sums of terms as large as the largest.
        np.testing.assert_allclose(
            forces, expected, 0, 1e-5 + 1e-8 * np.abs(expected).max(), err_msg=label
        )
        if "stress" in reference and atoms.cell.rank == 3:
            virial = atoms.get_volume() * atoms.get_stress()
            expected = atoms.get_volume() * reference["stress"] * LAMMPS_BAR
            np.testing.assert_allclose(
                virial,
                expected,
                0,
                1e-5 * len(atoms) + 1e-8 * np.abs(expected).max(),
                err_msg=label,
            )
