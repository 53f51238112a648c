# SPDX-License-Identifier: BSD-3-Clause
"""A small fit to real DFT data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from tektite.fit import fit_frames, parse_config
from tektite.fit.dataset import read_data
from tektite.fit.families import load_any

EXAMPLES = Path(__file__).parents[2] / "examples" / "zuo2020"


def test_small_basis_on_silicon(shared_data: Path) -> None:
    content = yaml.safe_load((EXAMPLES / "si.yaml").read_text())
    content["basis"] = {
        "cutoff": 5.0,
        "n_max": [10, 6, 5],
        "l_max": [0, 5, 4],
        "max_degree": [10, 8, 7],
    }
    config = parse_config(content, "si.yaml")
    folder = shared_data / "zuo2020"
    train, test = (
        read_data([folder / p.name for p in files], config.data)
        for files in (config.data.train_files, config.data.test_files)
    )
    assert len(train) == 214 and len(test) == 25
    result = fit_frames(config, train, test)
    assert result.model.n_functions < 300 and not result.warnings
    errors = result.test.total
    assert errors.energy.rmse < 6.0 and errors.force.rmse < 0.13 and errors.stress.rmse < 0.4
    # Training and test errors are close: nothing is overfitted.
    assert errors.force.rmse < 1.4 * result.train.total.force.rmse
    # What the engine says of the training data are the residuals of the regression.
    evaluation = result.evaluations["train"]
    residual = sum(
        float(np.sum((f - frame.forces) ** 2)) for f, frame in zip(evaluation.forces, train)
    )
    assert residual < result.solution.noise**2 * result.solution.n_rows


def test_examples_are_valid() -> None:
    found = {path.stem: load_any(path, "run")[0] for path in EXAMPLES.glob("*.yaml")}
    assert {"si", "mo", "si-nonlinear", "si-average", "mo-average", "si-gap"} <= found.keys()
    for name, config in found.items():
        assert all(name[:2] in p.name for files in config.data.paths.values() for p in files)


def test_the_same_settings_serve_both_elements() -> None:
    for kind in ("nonlinear", "average"):
        si, mo = (
            yaml.safe_load((EXAMPLES / f"{element}-{kind}.yaml").read_text())
            for element in ("si", "mo")
        )
        assert si.pop("data") != mo.pop("data")
        assert si == mo
