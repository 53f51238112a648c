# SPDX-License-Identifier: BSD-3-Clause
"""Reading of reference data: keys, stress conventions, and what is said of bad files."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa

from tektite.data import STRESS_CONVENTIONS, DataKeys, convert_stress, read_frames
from tektite.data.extxyz import read_extxyz
from tektite.errors import DataError

STRESS = np.array([1.0, 2.0, 3.0, 0.4, 0.5, 0.6])  # ASE's order, eV/Å^3


def frame(**results) -> Atoms:
    atoms = Atoms("Si2", [[0, 0, 0], [1, 1, 2]], cell=[4, 5, 6], pbc=True)
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def write(path: Path, *frames: Atoms) -> Path:
    ase.io.write(path, frames, format="extxyz")
    return path


def test_all_values_and_groups(tmp_path: Path) -> None:
    first = frame(energy=-3.0, forces=np.arange(6.0).reshape(2, 3), stress=STRESS)
    first.info["group"] = "crystal"
    frames = read_frames(write(tmp_path / "a.extxyz", first, frame(energy=-2.0)))
    assert [f.group for f in frames] == ["crystal", "all"]
    assert [f.index for f in frames] == [0, 1]
    assert frames[0].energy == -3.0
    np.testing.assert_array_equal(frames[0].forces, np.arange(6.0).reshape(2, 3))
    np.testing.assert_allclose(frames[0].stress, STRESS, atol=1e-8)
    assert frames[1].forces is None
    assert frames[1].stress is None
    assert frames[0].atoms.calc is None
    assert "a.extxyz, frame 0 (group 'crystal')" in frames[0].label


def test_other_names_and_other_formats(tmp_path: Path) -> None:
    atoms = frame(energy=1.0, forces=np.zeros((2, 3)))
    atoms.info |= {"REF_energy": -5.0, "kind": "liquid"}
    atoms.arrays["REF_forces"] = np.ones((2, 3))
    keys = DataKeys(energy="REF_energy", forces="REF_forces", group="kind")
    (read,) = read_frames(write(tmp_path / "a.xyz", atoms), keys)
    assert read.energy == -5.0
    assert read.forces.sum() == 6.0
    assert read.group == "liquid"
    ase.io.write(tmp_path / "a.traj", atoms)
    assert read_frames(tmp_path / "a.traj")[0].energy == 1.0


def test_stress_conventions() -> None:
    """The same stress in each convention; VASP's numbers by hand."""
    xx, yy, zz, yz, xz, xy = STRESS
    full = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
    kbar = -10.0 / GPa * np.array([xx, yy, zz, xy, yz, xz])
    other_kbar = -10.0 / GPa * np.array([xx, yy, zz, xy, xz, yz])
    volume = 40.0
    for values, convention in [
        (STRESS, "ase"),
        (full, "ase"),
        (-volume * STRESS, "virial"),
        (-volume * np.array(full), "virial"),
        (STRESS / GPa, "gpa"),
        (kbar, "vasp-kbar"),
        (other_kbar, "kbar-xz-yz"),
    ]:
        np.testing.assert_allclose(convert_stress(values, convention, volume), STRESS, rtol=1e-12)
    assert {"ase", "virial", "gpa", "vasp-kbar", "kbar-xz-yz"} == set(STRESS_CONVENTIONS)
    # 1 kbar of pressure as VASP prints it.
    np.testing.assert_allclose(convert_stress([1, 1, 1, 0, 0, 0], "vasp-kbar", 1.0)[:3], -0.1 * GPa)


def test_bad_stresses() -> None:
    with pytest.raises(ValueError, match="unknown stress convention 'bar'.*vasp-kbar"):
        convert_stress(STRESS, "bar", 1.0)
    with pytest.raises(ValueError, match="6 or 9 values, got 5"):
        convert_stress(STRESS[:5], "ase", 1.0)
    with pytest.raises(ValueError, match="needs 6 values"):
        convert_stress(np.eye(3), "vasp-kbar", 1.0)
    with pytest.raises(ValueError, match="unknown stress convention 'kbar'.*positive in tension"):
        DataKeys(stress_convention="kbar")


def test_published_data(shared_data: Path) -> None:
    """In VASP's convention the stresses of strained silicon have the sign of the strain."""
    path = shared_data / "zuo2020" / "si_zuo2020_train.extxyz"
    keys = DataKeys(stress="virial_stress_kbar_xx_yy_zz_xy_yz_zx", stress_convention="vasp-kbar")
    frames = read_frames(path, keys)
    assert len(frames) == 214
    assert all(f.energy is not None and f.forces is not None for f in frames)
    elastic = [f for f in frames if f.group == "Elastic" and f.stress is not None]
    volume = np.array([f.atoms.get_volume() / len(f.atoms) for f in elastic])
    tension = np.array([f.stress[:3].mean() for f in elastic])
    assert np.corrcoef(volume, tension)[0, 1] > 0.9


def test_wrong_keys_name_what_was_found(tmp_path: Path) -> None:
    atoms = frame(energy=1.0, forces=np.zeros((2, 3)))
    atoms.info["dft_energy"] = 1.0
    path = write(tmp_path / "a.extxyz", atoms)
    with pytest.raises(DataError, match=r"no frame has the key 'Energy'.*dft_energy.*energy_key"):
        read_frames(path, DataKeys(energy="Energy"))
    with pytest.raises(DataError, match=r"'REF_forces' for forces.*per atom \['forces'\]"):
        read_frames(path, DataKeys(forces="REF_forces"))
    with pytest.raises(DataError, match="'virial' for stress"):
        read_frames(path, DataKeys(stress="virial", stress_convention="virial"))
    assert read_frames(path, DataKeys(energy=None))[0].energy is None
    no_forces = write(tmp_path / "b.extxyz", frame(energy=1.0))
    with pytest.raises(DataError, match="'forces' for forces.*per atom none"):
        read_frames(no_forces)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n", "cannot read frame 0|no frames"),
        ("2\nenergy=1.0\nSi 0 0 0\n", "cannot read frame 0: .*should have 2 atoms.* only 1 line"),
        ("1\nenergy=1\nSi 0 0 0\n1\n", "cannot read frame 1: the file ends within the frame"),
        ("1\nenergy=1\nSi 0 0 0\ntwo\n", "cannot read frame 1: expected the number.*'two'"),
        ("-1\nenergy=1\n", "cannot read frame 0: expected the number of atoms, found '-1'"),
        ("1\nenergy=1 energy=2\nSi 0 0 0\n", "cannot read frame 0: the key 'energy' occurs twice"),
        ("1\nenergy=1\nXx 0 0 0\n", "cannot read frame 0: unknown chemical symbol.*'Xx'"),
        ('1\nenergy=1 pbc="T T T"\nSi 0 0 0\n', r"frame 0 .*periodic along a, but the cell has no"),
        (
            '1\nLattice="3 0 0 6 0 0 0 0 3" energy=1\nSi 0 0 0\n',
            r"frame 0 .*cell vectors .* linearly dependent",
        ),
        ('1\nLattice="3 0 0 0 nan 0 0 0 3" energy=1\nSi 0 0 0\n', r"frame 0 .*cell is not finite"),
        ("1\nenergy=1.0 Properties=species:S:1:pos:R:3\nSi 0 0 x\n", "cannot read frame 0.*x"),
        ("1\nenergy=nan\nSi 0 0 0\n", r"frame 0 .*'energy'.*not finite"),
        ("1\nenergy=low\nSi 0 0 0\n", r"frame 0 .*'energy'"),
        ('1\nenergy="1 2"\nSi 0 0 0\n', r"frame 0 .*one number, got 2"),
        ("1\nenergy=1\nSi 0 nan 0\n", "frame 0 .*position"),
        (
            "1\nenergy=1 Properties=species:S:1:pos:R:3:forces:R:2\nSi 0 0 0 1 1\n",
            r"frame 0 .*'forces'.*1 x 3",
        ),
        (
            '1\nLattice="3 0 0 0 3 0 0 0 3" energy=1 stress="1 2 3 4"\nSi 0 0 0\n',
            r"frame 0.*stress",
        ),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.extxyz"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_frames(path, DataKeys(forces="forces" if "forces" in text else None))
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.extxyz"):
        read_frames(tmp_path / "none.extxyz")


def test_frames_are_read_as_ase_reads_them(shared_data: Path) -> None:
    """Every frame of a published file; cells as vectors, blank lines and quoted keys besides."""
    path = shared_data / "zuo2020" / "si_zuo2020_train.extxyz"
    expected = ase.io.read(path, index=":")
    found = list(read_extxyz(path))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a == b and a.info.keys() == b.info.keys()
        assert a.calc.results.keys() == b.calc.results.keys()


def test_unusual_extxyz(tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    path.write_text(
        '1\nenergy=1 note="a = b, energy=2" pbc="F F F"\nSi 0 0 0\n\n\n'
        "1\n\nSi 0 0 1\nVEC1 4 0 0\nVEC2 0 5 0\nVEC3 0 0 6\n"
        "0\nenergy=0\n"
    )
    first, second, third = read_extxyz(path)
    assert first.get_potential_energy() == 1.0 and first.info["note"] == "a = b, energy=2"
    assert second.cell.lengths().tolist() == [4.0, 5.0, 6.0]
    assert len(third) == 0
