# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
import sys
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms

sys.path.append(str(Path(__file__).parents[1] / "python"))

from random_models import MODELS, morse_table, random_ace
from tektite import modelfile
from tektite.references import default_references


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each of the small models of tests/python/random_models.py.

    Some of these have radial functions with a kink at the cutoff (ChebLinear); "smooth" has none.
    """
    folder = tmp_path_factory.mktemp("lammps-models")
    paths = {}
    smooth = {"smooth": lambda: random_ace(["O", "Si"], seed=4, n_functions=24)}
    for name, make in (MODELS | smooth).items():
        metadata, arrays = make()
        paths[name] = folder / f"{name}.mlip"
        modelfile.write(paths[name], metadata, arrays, default_references(metadata["elements"]))
    return paths


@pytest.fixture(scope="session")
def published() -> Path:
    """Folder of published ACE potentials, which are not part of the project."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TEKTITE_SHARED_DATA", default)) / "ace"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there (TEKTITE_SHARED_DATA names another place)")
    return folder


@pytest.fixture
def crystal() -> Atoms:
    """64 atoms of Si and O, rattled, in a triclinic cell that LAMMPS accepts."""
    atoms = ase.build.bulk("Si", "diamond", a=5.6, cubic=True) * (2, 2, 2)
    atoms.set_cell([[11.2, 0, 0], [0.7, 11.5, 0], [-0.4, 0.9, 10.9]], scale_atoms=True)
    atoms.rattle(0.12, seed=5)
    symbols = np.array(["Si"] * 64, dtype=object)
    symbols[np.random.default_rng(3).permutation(64)[:24]] = "O"
    atoms.symbols = list(symbols)
    return atoms


@pytest.fixture
def with_minimum(tmp_path: Path) -> Path:
    """A model that knows the closest pairs of its training data."""
    metadata, arrays = morse_table(["Si", "O"])
    metadata["minimum_distances"] = [[2.0, 1.8], [1.8, 1.9]]
    modelfile.write(tmp_path / "known.mlip", metadata, arrays, [])
    assert modelfile.load(tmp_path / "known.mlip").minimum_distances[0, 1] == 1.8
    return tmp_path / "known.mlip"
