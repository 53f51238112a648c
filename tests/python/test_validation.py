# SPDX-License-Identifier: BSD-3-Clause
"""`tektite validate`: several sets, offsets and slopes."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest

import tektite
from fit_data import silicon_structures
from tektite.errors import DataError, UnknownSpeciesError
from tektite.report import validate
from test_cli import error_line, run


@pytest.fixture
def sets(tmp_path: Path, morse_path: Path) -> list[Path]:
    """Two sets labelled by the model: energies off by a constant, forces 1.25 times too large."""
    paths = []
    for name, offset in (("bulk", 0.0), ("melt", 2e-3)):
        images = silicon_structures(4, seed=len(paths))
        for k, atoms in enumerate(images):
            result = tektite.evaluate(atoms, morse_path)
            atoms.info["energy"] = result.energies[0] - offset * len(atoms)
            atoms.arrays["forces"] = 1.25 * result.forces[0]
            atoms.info["group"] = f"part {k % 2}"
        paths.append(tmp_path / f"{name}.extxyz")
        ase.io.write(paths[-1], images, format="extxyz", write_results=False)
    return paths


def test_offsets_and_slopes(sets: list[Path], morse_path: Path) -> None:
    result = validate(tektite.load(morse_path), sets)
    assert list(result.sets) == [str(path) for path in sets]
    for path, offset in zip(sets, (0.0, 2.0)):
        table = result.sets[str(path)]
        assert set(table.groups) == {"part 0", "part 1"}
        for errors in (table.total, *table.groups.values()):
            assert errors.energy_offset == pytest.approx(offset, abs=1e-4)
            assert errors.energy.rmse == pytest.approx(offset, abs=1e-4)
            assert errors.force_slope.slope == pytest.approx(0.8, rel=1e-6)


def test_command(sets: list[Path], morse_path: Path, tmp_path: Path) -> None:
    text = run("validate", morse_path, *sets, "--json", tmp_path / "v.json", "--threads", 1)
    assert "0.8000" in text and "+2.00" in text and "melt" in text and "part 1" in text
    content = json.loads((tmp_path / "v.json").read_text())
    assert content["sets"][str(sets[1])]["all"]["energy"]["offset"] == pytest.approx(2.0, abs=1e-4)
    printed = json.loads(run("validate", morse_path, *sets, "--json", "-"))
    assert printed["sets"].keys() == content["sets"].keys()


def test_errors_name_set_and_frame(sets: list[Path], morse_path: Path) -> None:
    potential = tektite.load(morse_path)
    with pytest.raises(DataError, match="bulk.extxyz is named twice"):
        validate(potential, [sets[0], sets[0]])
    images = ase.io.read(sets[0], index=":")
    images[2].symbols[0] = "C"
    ase.io.write(sets[0], images, format="extxyz")
    with pytest.raises(UnknownSpeciesError, match="bulk.extxyz, frame 2 .*C"):
        validate(potential, sets)
    images[2].symbols[0] = "Si"
    images[2].positions[1] = images[2].positions[0]
    ase.io.write(sets[0], images, format="extxyz")
    with pytest.raises(DataError, match=r"bulk.extxyz, frame 2"):
        validate(potential, sets)
    assert "no such data file" in error_line("validate", morse_path, "none.extxyz")


def test_no_slope_without_forces(tmp_path: Path, morse_path: Path) -> None:
    atoms = silicon_structures(1)[0]
    atoms.info["energy"] = -1.0
    atoms.arrays["forces"] = np.zeros((len(atoms), 3))
    path = tmp_path / "still.extxyz"
    ase.io.write(path, atoms, format="extxyz", write_results=False)
    errors = validate(tektite.load(morse_path), [path]).sets[str(path)].total
    assert errors.force_slope.slope is None
    assert errors.force.count == 3 * len(atoms)
