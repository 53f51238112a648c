# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
from pathlib import Path

# BLAS threads on 3 x 3 matrices only get in each other's way; set before NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest

from random_models import MODELS
from tektite import modelfile
from tektite.potential import Potential
from tektite.references import default_references

# The same examples every time, so that a failure can be repeated. TEKTITE_TEST_EXAMPLES=200 asks
# for that many new ones.
hypothesis.settings.register_profile(
    "tektite",
    deadline=None,
    derandomize="TEKTITE_TEST_EXAMPLES" not in os.environ,
    max_examples=int(os.environ.get("TEKTITE_TEST_EXAMPLES", "15")),
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("tektite")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of published potentials and data, which is not part of the project."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TEKTITE_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there (TEKTITE_SHARED_DATA names another place)")
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one file NAME.mlip for each of random_models.MODELS."""
    folder = tmp_path_factory.mktemp("models")
    for name, make in MODELS.items():
        metadata, arrays = make()
        modelfile.write(
            folder / f"{name}.mlip", metadata, arrays, default_references(metadata["elements"])
        )
    return folder


@pytest.fixture(scope="module", params=list(MODELS))
def any_model(request: pytest.FixtureRequest, model_folder: Path) -> Potential:
    """Every family of models in turn."""
    return modelfile.load(model_folder / f"{request.param}.mlip")


@pytest.fixture(scope="session")
def morse_path(model_folder: Path) -> Path:
    """A model of silicon in which crystals are stable, as a file."""
    return model_folder / "table-Si.mlip"
