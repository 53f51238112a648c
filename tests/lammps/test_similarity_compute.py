# SPDX-License-Identifier: BSD-3-Clause
"""compute mlip/similarity/atom against tektite.similarity."""

from __future__ import annotations

from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms

from lammps_runs import data_file, read_dump, run, setup_commands
from tektite.similarity import atom_similarity, write_similarity_model
from tektite.soap import SOAP

SOAP_OPTIONS = {"cutoff": 4.0, "n_max": 4, "l_max": 3, "threads": 1}


@pytest.fixture(scope="module")
def soap() -> SOAP:
    return SOAP(["O", "Si"], **SOAP_OPTIONS)


@pytest.fixture(scope="module")
def reference() -> list[Atoms]:
    """Silicon, and an oxide that is none: similarities of both elements."""
    return [
        ase.build.bulk("Si", cubic=True),
        ase.build.bulk("SiO", "zincblende", a=4.9, cubic=True),
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, soap: SOAP, reference: list[Atoms]) -> Path:
    path = tmp_path_factory.mktemp("similarity") / "reference.mlip"
    write_similarity_model(path, reference, soap, zeta=3)
    return path


def _frames(path: Path) -> list[np.ndarray]:
    """Rows of all frames of a dump file."""
    parts = path.read_text().split("ITEM: ATOMS")[1:]
    return [
        np.array([line.split() for line in part.splitlines()[1:] if line[:4] != "ITEM"][:n], float)
        for part, n in zip(parts, _numbers(path))
    ]


def _numbers(path: Path) -> list[int]:
    lines = path.read_text().splitlines()
    return [int(lines[k + 1]) for k, line in enumerate(lines) if "NUMBER OF ATOMS" in line]


@pytest.mark.parametrize(
    ("ranks", "newton", "units", "settings"),
    [
        (0, "on", "metal", ""),
        (2, "off", "metal", "threads 2"),
        (3, "on", "real", "precision double"),
        (2, "on", "metal", "precision mixed"),
    ],
)
def test_similarities_during_a_run(
    ranks: int, newton: str, units: str, settings: str, crystal: Atoms, model: Path,
    soap: SOAP, reference: list[Atoms], tmp_path: Path,
) -> None:  # fmt: skip
    """Of moving atoms between rebuilt lists, after atoms were deleted, for all and for a group."""
    data_file(tmp_path / "data", crystal, ["Si", "O"])
    run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal, units=units, newton=newton)}
pair_style zero 4.0
pair_coeff * *
group silicon type 1
compute s all mlip/similarity/atom {model} Si O {settings}
compute t silicon mlip/similarity/atom {model} Si O {settings}
compute u all tektite/similarity/atom {model} Si NULL {settings}
compute mean all reduce ave c_s
velocity all create 3000 8
fix move all nve
timestep {0.003 if units == "metal" else 3.0}
thermo_style custom step c_mean
dump d all custom 5 d.dump id type x y z c_s c_t c_u
dump_modify d sort id format float %.17g
run 20
group some id 3:14
delete_atoms group some
run 5
""",
        ranks=ranks,
    )
    frames = _frames(tmp_path / "d.dump")
    assert [len(f) for f in frames[:5]] == [64] * 5 and len(frames[-1]) == 52
    tolerance = 1e-5 if "mixed" in settings else 1e-9
    for rows in frames:
        symbols = np.where(rows[:, 1] == 1, "Si", "O")
        atoms = Atoms(symbols, rows[:, 2:5], cell=crystal.cell, pbc=crystal.pbc)
        expected = atom_similarity(atoms, reference, soap, zeta=3)
        np.testing.assert_allclose(rows[:, 5], expected, atol=tolerance)
        silicon = symbols == "Si"
        np.testing.assert_allclose(rows[:, 6], np.where(silicon, expected, 0.0), atol=tolerance)
        alone = np.zeros(len(atoms))
        alone[silicon] = atom_similarity(atoms[silicon], reference, soap, zeta=3)
        np.testing.assert_allclose(rows[:, 7], alone, atol=tolerance)
        assert np.std(rows[:, 5]) > 0.01


def test_the_crystal_is_similar_to_itself(model: Path, tmp_path: Path) -> None:
    """A rerun-like single point; ranks without atoms; a box smaller than the cutoff."""
    atoms = ase.build.bulk("Si", cubic=True)
    one = SOAP(["Si"], **SOAP_OPTIONS)
    write_similarity_model(tmp_path / "si.mlip", atoms, one, zeta=12)
    del atoms[[5]]
    data_file(tmp_path / "data", atoms, ["Si"])
    commands = f"""
{setup_commands(tmp_path / "data", atoms)}
pair_style zero 4.0
pair_coeff * *
compute s all mlip/similarity/atom si.mlip Si
dump d all custom 1 d.dump id c_s
dump_modify d sort id format float %.17g
run 0
"""
    run(tmp_path, commands)
    serial = read_dump(tmp_path / "d.dump")
    run(tmp_path, commands, ranks=4)
    np.testing.assert_allclose(read_dump(tmp_path / "d.dump"), serial, rtol=1e-12)
    expected = atom_similarity(atoms, ase.build.bulk("Si", cubic=True), one, zeta=12)
    np.testing.assert_allclose(serial[:, 1], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("pair", "arguments", "message"),
    [
        ("zero 4.0", "{model} Si", "2 elements, one for each atom type"),
        ("zero 4.0", "{model} Si C", "has no element 'C'"),
        ("zero 3.0", "{model} Si O", "sees 4 angstrom far, but the pair style only 3"),
        ("zero 4.0", "nowhere.mlip Si O", "nowhere.mlip"),
        ("zero 4.0", "{model} Si O zeta 4", "does not know the keyword 'zeta'"),
        ("zero 4.0", "{model} Si O threads 0", "threads must be 1 or more"),
        ("zero 4.0", "{model} Si O precision", "a value is missing"),
    ],
)
def test_refusals(
    pair: str, arguments: str, message: str, crystal: Atoms, model: Path, tmp_path: Path
) -> None:
    data_file(tmp_path / "data", crystal, ["Si", "O"])
    output = run(
        tmp_path,
        f"""
{setup_commands(tmp_path / "data", crystal)}
pair_style {pair}
pair_coeff * *
compute s all mlip/similarity/atom {arguments.format(model=model)}
dump d all custom 1 d.dump id c_s
run 0
""",
        fails=True,
    )
    assert message in " ".join(output.split())
