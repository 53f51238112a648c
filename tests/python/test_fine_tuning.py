# SPDX-License-Identifier: BSD-3-Clause
"""Training that goes on from a model file: fine-tuning, frozen parts, elements added."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fit_data import (
    TINY_BASIS,
    label,
    mixed_structures,
    silicon_structures,
    small_config,
    teacher,
)
from tektite import modelfile
from tektite.errors import DataError
from tektite.evaluation import evaluate
from tektite.fit import fit_frames
from tektite.fit.training_run import train_frames
from tektite.potential import load

STAGE = {"optimizer": "bfgs", "iterations": 8}


@pytest.fixture(scope="module")
def frames():
    return label(silicon_structures(14), teacher(["Si"], energies=[-3.0]))


@pytest.fixture(scope="module")
def first(frames, tmp_path_factory) -> Path:
    """A trained non-linear model of silicon with a zbl baseline."""
    config = small_config(
        basis=TINY_BASIS,
        baseline={"kind": "zbl"},
        training={"stages": [STAGE], "radial": "all"},
        threads=1,
        isolated_energies={"Si": -3.0},
    )
    result = train_frames(config, frames)
    path = tmp_path_factory.mktemp("first") / "first.mlip"
    modelfile.write(path, *result.contents)
    return path


def config_from(path: Path, **training):
    sections = {"training": {"stages": [STAGE], "start": str(path), **training}}
    content = small_config(**sections, threads=1)
    # The basis is that of the file; the baseline is the default.
    fields = {"data": {"train": "unused"}, **sections, "threads": 1}
    return type(content).model_validate(fields)


def energies_and_forces(potential, frames):
    result = evaluate([f.atoms for f in frames], potential, threads=1)
    return result.energies, np.concatenate(result.forces)


def test_all_frozen_is_the_same_model(frames, first) -> None:
    result = train_frames(config_from(first, freeze=["*"]), frames[:6])
    old, new = load(first), result.potential
    for a, b in zip(energies_and_forces(old, frames), energies_and_forces(new, frames)):
        assert np.abs(a - b).max() < 1e-10 * max(1.0, np.abs(a).max())
    assert new.isolated_energies == {"Si": -3.0}
    assert np.array_equal(new.minimum_distances, old.minimum_distances)


def test_fine_tuning_is_drawn_to_the_old_coefficients(frames, first) -> None:
    other = label(silicon_structures(8, seed=5), teacher(["Si"], seed=7, energies=[-3.0]))
    distances, ratios = [], []
    for l2 in (1e-2, 1e12):
        result = train_frames(config_from(first, penalty={"l2": l2}), other)
        old = modelfile.read(first).arrays["0.functions.coefficients"]
        new = result.contents[1]["0.functions.coefficients"]
        distances.append(np.linalg.norm(new - old) / np.linalg.norm(old))
        rows = result.nonlinear.trained.rows
        ratios.append(rows[-1].loss / rows[0].loss)
    assert distances[1] < 1e-2 * distances[0]
    assert ratios[0] < 0.5
    assert 0.9 < ratios[1] <= 1.0


def test_an_element_is_added(frames, first) -> None:
    """Frozen silicon stays what it was, bit by bit nearly, and oxygen is learned."""
    elements = ["O", "Si"]
    mixed = label(mixed_structures(elements, 12), teacher(elements, energies=[-2.0, -3.0]))
    config = config_from(first, freeze=["coefficients/Si"], radial="pair")
    with pytest.raises(DataError, match="O is added to first.mlip: give its energy"):
        train_frames(config, mixed)
    config = config.model_copy(update={"isolated_energies": {"O": -2.0}})
    config = config.model_copy(
        update={"training": config.training.model_copy(update={"radial": "fixed"})}
    )
    result = train_frames(config, [*mixed, *frames[:2]])
    new = result.potential
    assert new.elements == ["Si", "O"]
    assert new.isolated_energies == {"Si": -3.0, "O": -2.0}
    silicon = energies_and_forces(load(first), frames)
    for a, b in zip(silicon, energies_and_forces(new, frames)):
        # The functions of Si with neighbours O are new and frozen at zero.
        assert np.abs(a - b).max() < 1e-9 * max(1.0, np.abs(a).max())
    rows = result.nonlinear.trained.rows
    assert rows[-1].train_force < rows[0].train_force
    unfrozen = train_frames(
        config.model_copy(update={"training": config.training.model_copy(update={"freeze": []})}),
        [*mixed, *frames[:2]],
    )
    assert unfrozen.train.total.force.rmse < result.train.total.force.rmse


def test_from_a_linear_model(frames, tmp_path: Path) -> None:
    """One density; the linear fit of the same data is where it stays."""
    config = small_config(basis=TINY_BASIS, threads=1, isolated_energies={"Si": -3.0})
    linear = fit_frames(config, frames)
    path = tmp_path / "linear.mlip"
    modelfile.write(path, *linear.contents)
    result = train_frames(config_from(path, penalty={"l2": 0.0}), frames)
    rows = result.nonlinear.trained.rows
    # In units of the misfit of the linear fit, prior included; without the prior a little is left.
    assert 0.5 < rows[-1].loss <= rows[0].loss <= 1.0
    assert result.nonlinear.model.n_density == 1


def test_contradictions_are_named(frames, first, tmp_path: Path) -> None:
    config = config_from(first)
    for update, message in (
        ({"basis": {"n_max": [3, 2], "l_max": [0, 1]}}, "'basis.(n_max|l_max|max_degree)'"),
        ({"elements": ["Si"]}, "'elements' are those"),
    ):
        content = {**config.model_dump(exclude_unset=True, by_alias=True), **update}
        if "basis" in update:
            content["basis"]["max_degree"] = None
        with pytest.raises(ValueError, match=message):
            train_frames(type(config).model_validate(content), frames)
    embedding = config_from(first, embedding={"exponents": [1, 2]})
    with pytest.raises(ValueError, match="'training.embedding.exponents' is that of"):
        train_frames(embedding, frames)
    with pytest.raises(FileNotFoundError):
        train_frames(config_from(tmp_path / "none.mlip"), frames)
    path = tmp_path / "pair.mlip"
    metadata = {"family": "pair", "kind": "zbl", "elements": ["Si"], "cutoff": 2.0}
    arrays = {"zbl.inner": np.array([[1.0]]), "zbl.outer": np.array([[2.0]])}
    modelfile.write(path, {**metadata, "isolated_energies": [0.0]}, arrays)
    with pytest.raises(DataError, match="family 'pair' cannot be trained"):
        train_frames(config_from(path), frames)


def test_a_model_worse_than_its_start_is_warned_of(frames, first: Path) -> None:
    """A group on which the start was better is named; one on which the new model is not."""
    other = [
        dataclasses.replace(f, energy=f.energy + 0.3 * len(f.atoms), group="new")
        for f in frames[:6]
    ]
    result = train_frames(config_from(first, penalty={"l2": 0.0}), other, test=frames[6:])
    told = [w for w in result.warnings if "training began with, first.mlip" in w]
    assert any("test, group 'all': energy errors" in w for w in told)
    assert not any("group 'new': energy" in w for w in told)
    same = train_frames(config_from(first, freeze=["*"]), frames[:6], test=frames[6:])
    assert not any("training began with" in w for w in same.warnings)
