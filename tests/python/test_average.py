# SPDX-License-Identifier: BSD-3-Clause
"""Means of several models: energies, uncertainties, files, resumption, configurations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms

from fit_data import SMALL_BASIS, label, silicon_structures, teacher, write_frames
from tektite import TektiteCalculator, modelfile
from tektite.data import Frame, read_frames
from tektite.errors import DataError
from tektite.fit import run_config
from tektite.fit.average import run as average_run
from tektite.fit.average.config import AverageFitConfig
from tektite.fit.average.contents import average_contents
from tektite.fit.average.run import AverageFitResult, fit_average_frames
from tektite.fit.families import estimate_config, load_any

LINEAR = {"basis": {**SMALL_BASIS, "n_max": [4, 3], "l_max": [0, 2], "max_degree": None}}
TRAINED = {
    "basis": {**SMALL_BASIS, "cutoff": 4.6, "n_max": [3, 2], "l_max": [0, 1], "max_degree": None},
    "training": {
        "embedding": {"exponents": [1, 0.5]},
        "stages": [{"optimizer": "bfgs", "iterations": 8}],
    },
}
CONTENT = {"family": "average", "members": [LINEAR, TRAINED], "threads": 1}


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return label(silicon_structures(12), teacher(["Si"], energies=[-5.0]))


def config_of(content: dict) -> AverageFitConfig:
    return AverageFitConfig.parse({"data": {"train": "unused"}, **content})


@pytest.fixture(scope="module")
def average(frames: list[Frame]) -> AverageFitResult:
    return fit_average_frames(config_of(CONTENT), frames)


def write_config(folder: Path, frames: list[Frame], content: dict) -> Path:
    folder.mkdir(exist_ok=True)
    write_frames(folder / "train.extxyz", frames)
    path = folder / "si.yaml"
    path.write_text(yaml.safe_dump({"data": {"train": "train.extxyz"}, **content}))
    return path


def probes(frames: list[Frame]) -> list[Atoms]:
    """Frames, two atoms so close that the baseline acts, and one atom alone."""
    close = Atoms("Si2", [[0, 0, 0], [1.2, 0.3, 0]])
    return [*(f.atoms for f in frames[:3]), close, Atoms("Si", [[0, 0, 0]])]


def test_energies_forces_and_virials_are_the_means(
    average: AverageFitResult, frames: list[Frame]
) -> None:
    members = [m.potential.make_evaluator(threads=1) for m in average.members]
    mean = average.potential.make_evaluator(threads=1)
    for atoms in probes(frames):
        system = (atoms.numbers, atoms.positions, np.array(atoms.cell), atoms.pbc)
        each = [m.evaluate(*system) for m in members]
        found = mean.evaluate(*system)
        for name in ("energy", "energies", "forces", *(["stress"] if atoms.pbc.all() else [])):
            expected = np.mean([r[name] for r in each], axis=0)
            np.testing.assert_allclose(found[name], expected, rtol=1e-12, atol=1e-11)
    # The members differ, so a mean is not either of them.
    assert abs(each[0]["energy"] - each[1]["energy"]) > 1e-3


def test_uncertainty_is_the_root_mean_square_of_those_of_the_members(frames: list[Frame]) -> None:
    other = {"basis": {**LINEAR["basis"], "n_max": [3, 2], "cutoff": 3.8}}
    found = fit_average_frames(config_of({**CONTENT, "members": [LINEAR, other]}), frames)
    for atoms in probes(frames)[:3]:
        values = []
        for potential in (*(m.potential for m in found.members), found.potential):
            calculator = TektiteCalculator(potential)
            values.append(calculator.get_property("energies_uncertainty", atoms.copy()))
        expected = np.sqrt((values[0] ** 2 + values[1] ** 2) / 2)
        assert expected.min() > 0
        np.testing.assert_allclose(values[2], expected, rtol=1e-9)


def test_an_average_is_better_than_its_members_on_noise(frames: list[Frame]) -> None:
    """Fits with other functions make other errors; here with few data and noise in the forces."""
    rng = np.random.default_rng(0)
    noisy = label(silicon_structures(12), teacher(["Si"], energies=[-5.0]))
    for frame in noisy:
        frame.forces = frame.forces + 0.5 * rng.normal(size=frame.forces.shape)
    members = [
        {"basis": {**SMALL_BASIS, "cutoff": cutoff, "max_degree": None}} for cutoff in (4.0, 4.6)
    ]
    found = fit_average_frames(config_of({**CONTENT, "members": members}), noisy[:6], frames[6:])
    errors = [m.test.total.force.rmse for m in found.members]
    assert found.test.total.force.rmse < np.sqrt(np.mean(np.square(errors)))


def test_files_and_resumption_after_a_kill(
    frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {**CONTENT, "members": [TRAINED, TRAINED | {"basis": LINEAR["basis"]}]}
    path = write_config(tmp_path / "whole", frames, content)
    run_config(path)
    written = {p.name for p in path.parent.iterdir()} - {"train.extxyz", "si.yaml"}
    assert written == {
        "si.mlip",
        "si.errors.json",
        "si.parity-train.png",
        "si.report.html",
        "si-1.metrics.csv",
        "si-2.metrics.csv",
    }
    errors = json.loads((path.parent / "si.errors.json").read_text())
    assert len(errors["members"]) == 2
    assert errors["train"]["all"]["force"]["rmse"] > 0

    killed = write_config(tmp_path / "killed", frames, content)
    fit = average_run.train_frames
    calls = []

    def second_is_killed(*arguments: object) -> object:
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(average_run, "train_frames", second_is_killed)
    with pytest.raises(KeyboardInterrupt):
        run_config(killed)
    state = killed.with_suffix(".training") / "member-1" / "state.npz"
    assert state.is_file() and not killed.with_suffix(".mlip").exists()
    monkeypatch.undo()
    before = state.read_bytes()
    monkeypatch.setattr(
        average_run, "fit_frames", lambda *a, **k: pytest.fail("nothing here is linear")
    )
    evaluations = []
    import tektite.fit.problem as problem

    count = problem.Problem.value_and_gradient

    def counted(self: problem.Problem, *arguments: object) -> object:
        evaluations.append(self.model.n_functions)
        return count(self, *arguments)

    monkeypatch.setattr(problem.Problem, "value_and_gradient", counted)
    run_config(killed)
    one, two = (modelfile.read(p.with_suffix(".mlip")) for p in (path, killed))
    assert one.arrays.keys() == two.arrays.keys()
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, two.arrays[name])
    # The first member was not trained a second time: only what prepares its variables was done.
    sizes = sorted(set(evaluations), key=evaluations.index)
    first, second = (evaluations.count(n) for n in sizes)
    assert before and first < second
    assert not killed.with_suffix(".training").exists()


def test_nothing_that_a_member_cannot_mean_is_kept(average: AverageFitResult) -> None:
    """Training cannot go on from a share of a mean, and its posterior is not that of the file."""
    metadata, arrays = average.contents
    children = [child["family"] for child in metadata["children"]]
    assert children == ["ace", "ace", "pair"]
    assert all("basis" not in child for child in metadata["children"])
    assert not [name for name in arrays if "posterior" in name]


def test_a_member_that_is_better_alone_is_named(frames: list[Frame]) -> None:
    bad = {"basis": {**LINEAR["basis"], "n_max": [1], "l_max": [0], "max_degree": None}}
    found = fit_average_frames(config_of({**CONTENT, "members": [LINEAR, bad]}), frames)
    assert [w for w in found.warnings if "member 1 alone has smaller train errors" in w]
    assert not [w for w in found.warnings if "member 2 alone" in w]


def test_what_is_wrong_is_named(tmp_path: Path, frames: list[Frame]) -> None:
    wrong = {"basis": {"n_max": [2], "l_maximum": [0]}}
    path = write_config(tmp_path, frames, {**CONTENT, "members": [LINEAR, wrong]})
    with pytest.raises(ValueError, match=r"'members\.1\.basis\.l_maximum' is not known; did you"):
        load_any(path)
    path = write_config(tmp_path, frames, {**CONTENT, "members": [LINEAR]})
    with pytest.raises(ValueError, match="'members': List should have at least 2"):
        load_any(path)
    path = write_config(tmp_path, frames, {**CONTENT, "basis": {"cutoff": 5}})
    with pytest.raises(ValueError, match="'basis' is not known"):
        load_any(path)


def test_shared_keys_and_paths_reach_the_members(tmp_path: Path, frames: list[Frame]) -> None:
    write_frames(tmp_path / "held.extxyz", frames[:2])
    trained = {**TRAINED, "training": {**TRAINED["training"]}}
    trained["training"]["validation"] = {"files": ["held.extxyz"]}
    content = {**CONTENT, "members": [LINEAR, trained], "isolated_energies": {"Si": -4.0}}
    content["loss"] = {"weights": {"energy": 3.0}}
    config, _ = load_any(write_config(tmp_path, frames, content))
    first, second = config.member_configs()
    for member in (first, second):
        assert member.isolated_energies == {"Si": -4.0} and member.threads == 1
        assert member.loss.weights.energy == 3.0
        assert member.data.train_files == [tmp_path / "train.extxyz"]
    assert second.training.validation.files == [tmp_path / "held.extxyz"]


def test_dry_run_counts_all_members(tmp_path: Path, frames: list[Frame]) -> None:
    path = write_config(tmp_path, frames, CONTENT)
    found = estimate_config(path)
    model = run_config(path)
    functions = [m.n_functions for m in found.members]
    assert functions[0] == model.members[0].model.n_functions
    assert functions[1] == model.members[1].nonlinear.model.n_functions
    assert found.most_memory == max(m.most_memory for m in found.members)
    assert len(read_frames(tmp_path / "train.extxyz")) == found.n_frames
    assert any(name.startswith("member 2, training") for name in found.seconds)


def test_members_of_different_baselines_are_refused(frames: list[Frame], tmp_path: Path) -> None:
    """A model trained from a file has the baseline of that file."""
    path = write_config(tmp_path, frames, {**TRAINED, "baseline": {"outer": 1.5, "inner": 1.0}})
    run_config(path)
    stages = TRAINED["training"]["stages"]
    other = {"training": {"start": str(path.with_suffix(".mlip")), "stages": stages}}
    with pytest.raises(DataError, match=r"member 2 has another baseline than member 1"):
        fit_average_frames(config_of({**CONTENT, "members": [LINEAR, other]}), frames)
    same = {"outer": 1.5, "inner": 1.0}
    fit_average_frames(config_of({**CONTENT, "members": [LINEAR, other], "baseline": same}), frames)


def test_distances_that_one_member_does_not_see(average: AverageFitResult) -> None:
    first, second = (dict(m.contents[0]) for m in average.members)
    assert first["minimum_distances"] == second["minimum_distances"]
    far = {**first, "minimum_distances": [[0.0]]}
    contents = [(far, average.members[0].contents[1]), average.members[1].contents]
    assert average_contents(contents)[0]["minimum_distances"] == second["minimum_distances"]


def test_training_does_not_go_on_from_an_average(frames: list[Frame], tmp_path: Path) -> None:
    run_config(write_config(tmp_path, frames, CONTENT))
    start = {"training": {"start": "si.mlip", "stages": TRAINED["training"]["stages"]}}
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump({"data": {"train": "train.extxyz"}, **start}))
    with pytest.raises(DataError, match=r"si\.mlip: training goes on from 'ace', or a sum"):
        run_config(again)
