# SPDX-License-Identifier: BSD-3-Clause
"""Training of non-linear models: gradients, stages, resumption, determinism, warnings."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from fit_data import (
    TINY_BASIS,
    label,
    mixed_structures,
    silicon_structures,
    small_config,
    teacher,
    write_frames,
)
from tektite.errors import DataError
from tektite.evaluation import evaluate
from tektite.fit.checkpoint import Checkpoint
from tektite.fit.dry_run import estimate
from tektite.fit.linear import fit_linear
from tektite.fit.nonlinear import Preconditioner, make_model, make_penalties
from tektite.fit.problem import Problem, make_data_set
from tektite.fit.training_run import split_frames, train_frames
from tektite.modelfile import read
from tektite.potential import load
from tektite.report.dimers import dimer_curves
from tektite.report.page import worst_frames

QUICK = {"optimizer": "lbfgs", "iterations": 6, "validate_every": 2}


@pytest.fixture(scope="module")
def frames():
    """Frames of a richer linear model, which the tiny basis cannot reach alone."""
    return label(silicon_structures(14), teacher(["Si"]))


def training_config(**training):
    sections = {"basis": TINY_BASIS, "training": {"stages": [QUICK], **training}}
    return small_config(**sections, threads=1, isolated_energies={"Si": 0.0})


def make_problem(frames, config):
    linear = fit_linear(config, frames)
    model = make_model(linear, config.basis, config.training)
    data = make_data_set(model, linear.targets, config.training.huber, 1)
    penalties = make_penalties(model, linear, config.training, np.zeros_like(model.coefficients))
    problem = Problem(model, data, linear.free, linear.solution.noise, penalties, 1)
    start = np.concatenate([model.parameters, linear.solution.free])
    return linear, problem, start


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"radial": "all", "penalty": {"l1": 0.3, "smoothness": {"slope": 0.01, "curvature": 1e-3}}},
        {"embedding": {"exponents": [1, 0.5, 2], "fit_exponents": True, "fit_prefactors": True}},
        {"huber": {"energy": 1e-4, "forces": 0.02, "stress": 1e-3}},
    ],
)
def test_gradients_are_exact(frames, training) -> None:
    """Of everything that is minimised, in the variables that the optimiser sees."""
    config = training_config(**training)
    linear, problem, start = make_problem(frames[:4], config)
    curvature = problem.curvature(start, 0, 2)
    variables = Preconditioner(problem.model, linear, config.training, curvature)(start, 1.0)
    random = np.random.default_rng(3)
    z = 0.3 * random.normal(size=variables.n)
    for kappa in (None, 0.8):
        _, gradient, _ = problem.value_and_gradient(variables.parameters(z), kappa)
        direction = random.normal(size=variables.n)
        step = 1e-4
        values = [
            problem.value_and_gradient(variables.parameters(z + s * step * direction), kappa)[0]
            for s in (-2, -1, 1, 2)
        ]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert variables.pull_back(z, gradient) @ direction == pytest.approx(slope, rel=1e-6)


def test_linear_model_is_the_start(frames) -> None:
    """One density: the first step has nowhere to go, and the loss is that of the linear fit."""
    config = training_config(embedding={"exponents": [1.0]})
    linear, problem, start = make_problem(frames, config)
    value, gradient, _metrics = problem.value_and_gradient(start)
    n = linear.solution.n_rows
    assert value == pytest.approx(n, rel=1e-6)  # noise² is the misfit by the number of data
    preconditioner = Preconditioner(problem.model, linear, config.training, np.ones(len(start)))
    variables = preconditioner(start, 1.0)
    assert np.abs(variables.pull_back(np.zeros(variables.n), gradient)).max() < 1e-5 * np.sqrt(n)
    random = np.random.default_rng(0)
    other = start + 0.1 * linear.sizes.mean() * random.normal(size=len(start))
    solved = preconditioner.solve_linear_part(problem, other)
    assert problem.value(solved)[0] == pytest.approx(value, rel=1e-8)


def test_training_beats_the_linear_model(frames) -> None:
    for training in (
        {},
        {"radial": "all"},
        {"embedding": {"exponents": [1, 2], "fit_exponents": True}},
    ):
        stage = {"optimizer": "lbfgs", "iterations": 40}
        result = train_frames(training_config(**{"stages": [stage], **training}), frames)
        before = result.linear_tables["train"].total
        assert result.train.total.force.rmse < 0.97 * before.force.rmse
        rows = result.nonlinear.trained.rows
        assert rows[-1].loss < rows[0].loss
        assert rows[-1].train_force == pytest.approx(result.train.total.force.rmse, rel=0.2)


def test_two_elements_and_fitted_isolated_energies() -> None:
    elements = ["O", "Si"]
    data = label(mixed_structures(elements, 14), teacher(elements, energies=[-3.0, -1.0]))
    stage = {**QUICK, "iterations": 25}
    config = small_config(
        basis=TINY_BASIS,
        training={"stages": [stage], "radial": "pair"},
        threads=1,
        isolated_energies="fit",
    )
    result = train_frames(config, data, data[:3])
    assert result.train.total.force.rmse < result.linear_tables["train"].total.force.rmse
    assert set(result.tables) == {"train", "test"}
    # The file is the model that was trained.
    predicted = evaluate([f.atoms for f in data], result.potential, threads=1)
    deviations = [(e - f.energy) / len(f.atoms) for e, f in zip(predicted.energies, data)]
    last = result.nonlinear.trained.rows[-1]
    assert 1e3 * np.sqrt(np.mean(np.square(deviations))) == pytest.approx(last.train_energy, 1e-6)


@pytest.mark.parametrize("optimizer", ["bfgs", "adam", "adamw"])
def test_other_optimizers(frames, optimizer: str) -> None:
    stage = {"optimizer": optimizer, "iterations": 15, "batch_size": 5, "learning_rate": 0.3}
    result = train_frames(training_config(stages=[stage]), frames)
    rows = result.nonlinear.trained.rows
    assert min(row.loss for row in rows) < rows[0].loss
    assert rows[-1].optimizer == optimizer


def test_validation_decides(frames) -> None:
    """The best point on the validation is kept, and early stopping looks at it."""
    config = training_config(
        stages=[{**QUICK, "iterations": 60, "stop_patience": 3}],
        validation={"fraction": 0.3},
    )
    result = train_frames(config, frames)
    rows = result.nonlinear.trained.rows
    best = min(rows, key=lambda row: row.validation_loss)
    assert len(result.frames["validation"]) == 4
    found = result.tables["validation"].total
    assert found.force.rmse == pytest.approx(best.validation_force, rel=1e-6)
    if result.nonlinear.trained.endings == ["stopped early"]:
        assert all(row.validation_loss >= best.validation_loss for row in rows[-3:])


def test_split_frames(frames) -> None:
    kept, held = split_frames(frames, 0.25, 1)
    assert len(held) == 4 and len(kept) == 10
    assert split_frames(frames, 0.25, 1)[1] == held
    assert split_frames(frames, 0.25, 2)[1] != held
    assert split_frames(frames, 0.0, 1) == (list(frames), [])
    with pytest.raises(DataError, match="leaves none"):
        split_frames(frames[:1], 0.9, 1)


def test_ladder_and_freeze(frames) -> None:
    config = training_config(ladder=[0.4, 1.0], radial="all", freeze=["radial/*"])
    result = train_frames(config, frames)
    assert {row.stage for row in result.nonlinear.trained.rows} == {1, 2}
    model = result.nonlinear.model
    first = make_model(result.linear, config.basis, config.training)
    block = model.blocks["radial/all"]
    assert np.array_equal(model.parameters[block], first.parameters[block])
    frozen = training_config(freeze=["coefficients/*"])
    result = train_frames(frozen, frames)
    assert result.nonlinear.trained.endings == ["nothing to train: all parameters are frozen"]
    with pytest.raises(DataError, match="'radial/Ge' is none of the blocks coefficients/Si"):
        train_frames(training_config(freeze=["radial/Ge"]), frames)


def test_warnings(frames) -> None:
    """Upfitting that ruins the forces, exponents on their bounds."""
    stages = [QUICK, {**QUICK, "kappa": 0.0, "iterations": 30}]
    random = np.random.default_rng(0)
    wrong = [dataclasses.replace(f, energy=f.energy + random.normal()) for f in frames]
    result = train_frames(training_config(stages=stages), wrong, validation=wrong)
    assert any("stage 2 made force errors of validation worse" in w for w in result.warnings)
    config = training_config(
        embedding={"exponents": [1, 2.0], "exponent_bounds": [2.0, 4.0], "fit_exponents": True},
        stages=[{**QUICK, "iterations": 1}],
    )
    result = train_frames(config, frames)
    assert any("ended on its bound" in w for w in result.warnings)


def test_dry_run_knows_the_size(frames) -> None:
    for training in (None, {"stages": [QUICK], "embedding": {"exponents": [1, 0.5, 2]}}):
        config = small_config(basis=TINY_BASIS, training=training, threads=2)
        found = estimate(config, frames)
        linear = fit_linear(config, frames)
        assert found.n_functions == linear.model.n_functions
        assert found.n_rows == linear.solution.n_rows
        assert found.n_frames == 14 and found.n_atoms == sum(len(f.atoms) for f in frames)
        assert found.n_parameters == found.n_functions * (3 if training else 1)
        assert ("training, at most" in found.seconds) == (training is not None)
        assert all(v > 0 for v in [*found.memory.values(), *found.seconds.values()])


def test_dry_run_writes_nothing(frames, tmp_path: Path) -> None:
    path = write_config(tmp_path / "a", frames, stages=[QUICK])
    before = set(path.parent.iterdir())
    out = finish(path, "--dry-run")
    assert "functions of Si" in out and "memory, at most" in out and "time, training" in out
    assert set(path.parent.iterdir()) == before


def test_dimers_and_worst_frames(frames) -> None:
    potential = teacher(["O", "Si"], energies=[-2.0, -1.0])
    curves = dimer_curves(potential, n_points=20)
    assert set(curves) == {("O", "O"), ("O", "Si"), ("Si", "Si")}
    r, energies = curves["O", "Si"]
    assert r[0] == 0.5 and r[-1] == pytest.approx(potential.cutoff)
    assert energies[-1] == pytest.approx(0.0, abs=1e-12)
    silicon = teacher(["Si"])
    evaluation = evaluate([f.atoms for f in frames], silicon, threads=1)
    evaluation.forces[5] = evaluation.forces[5] + 1.0
    evaluation.forces[2] = evaluation.forces[2] + 0.5
    worst = worst_frames(frames, evaluation, 3)
    assert [frame.index for frame, *_ in worst[:2]] == [5, 2]
    assert worst[0][2] == pytest.approx(1.0)


# --- as a program: killed, gone on with, repeated ---------------------------------------------


def write_config(folder: Path, frames, **training) -> Path:
    folder.mkdir(exist_ok=True)
    write_frames(folder / "train.extxyz", frames)
    content = {
        "data": {"train": "train.extxyz", "test": "train.extxyz"},
        "basis": TINY_BASIS,
        "baseline": {"kind": "none"},
        "isolated_energies": {"Si": 0.0},
        "training": training,
        "threads": 1,
    }
    path = folder / "si.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def start(path: Path, *options: str) -> subprocess.Popen:
    program = "from tektite.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "fit", str(path), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


def finish(path: Path, *options: str) -> str:
    process = start(path, *options)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


STAGES = [
    {"optimizer": "adam", "iterations": 12, "batch_size": 4, "learning_rate": 0.1},
    {"optimizer": "lbfgs", "iterations": 150, "tolerance": 0.0, "kappa": 0.6},
]


def test_a_killed_run_comes_to_the_same_model(frames, tmp_path: Path) -> None:
    """Killed within Adam, within L-BFGS, and in the middle of a record; twice the same files."""
    training = {"stages": STAGES, "validation": {"fraction": 0.2}, "radial": "all"}
    whole = write_config(tmp_path / "whole", frames, **training)
    text = finish(whole)
    assert "going on" not in text
    expected = whole.with_suffix(".mlip").read_bytes()
    assert not whole.with_suffix(".training").exists()

    broken = write_config(tmp_path / "broken", frames, **training)
    folder = broken.with_suffix(".training")
    journal = folder / "stage-1.journal"
    kills = 0
    for wait_for in (
        lambda: (folder / "state.npz").is_file(),
        lambda: journal.is_file() and journal.stat().st_size > 20_000,
    ):
        process = start(broken)
        while not wait_for() and process.poll() is None:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills == 2 and not broken.with_suffix(".mlip").exists()
    # As if the kill had come while a record was written.
    with open(journal, "r+b") as file:
        file.truncate(journal.stat().st_size - 11)
    text = finish(broken)
    assert "going on from" in text
    assert broken.with_suffix(".mlip").read_bytes() == expected
    assert not folder.exists()

    def rows(path: Path) -> list[dict]:
        with open(path.with_suffix(".metrics.csv")) as file:
            return [{**row, "seconds": ""} for row in csv.DictReader(file)]

    assert rows(whole) == rows(broken)
    assert rows(whole)[-1]["optimizer"] == "lbfgs"
    errors = json.loads(whole.with_suffix(".errors.json").read_text())
    assert errors["densities"] == 2 and errors["linear"]["errors"]["train"]
    assert load(whole.with_suffix(".mlip")).check()["passed"]
    report = whole.with_suffix(".report.html").read_text()
    # Course, parity and histograms of three sets, dimers; frames are named by file and index.
    assert report.count('src="data:image/png;base64,iVBOR') == 8
    assert "train.extxyz, frame 1" in report and "linear" in report
    assert "training" in read(whole.with_suffix(".mlip")).metadata["provenance"]["config"]


def test_a_checkpoint_of_something_else_is_refused(frames, tmp_path: Path) -> None:
    path = write_config(tmp_path / "a", frames, stages=[QUICK])
    folder = path.with_suffix(".training")
    folder.mkdir()
    from tektite.fit.checkpoint import State

    Checkpoint(folder, "other").save(State(0, np.zeros(3), {}, {}))
    process = start(path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "another configuration or other data" in out
    (folder / "state.npz").write_bytes(b"nonsense")
    process = start(path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "damaged" in out
    finish(path, "--restart")
    assert path.with_suffix(".mlip").is_file() and not folder.exists()
