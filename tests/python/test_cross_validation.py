# SPDX-License-Identifier: BSD-3-Clause
"""k-fold cross-validation: what is left out, its errors, the choice of keys, resumption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms

from fit_data import TINY_BASIS, noisy_silicon, small_config, write_frames
from tektite import modelfile
from tektite.data import Frame, read_frames
from tektite.errors import DataError
from tektite.fit import fit_frames, run_config
from tektite.fit import run as run_ace
from tektite.fit.base_config import CrossValidationConfig
from tektite.fit.cross_validation import candidates, parts, together
from tektite.fit.families import estimate_config

FAMILIES = {
    "linear": {"basis": TINY_BASIS, "baseline": {"kind": "none"}},
    "non-linear": {
        "basis": TINY_BASIS,
        "training": {"stages": [{"optimizer": "lbfgs", "iterations": 3}]},
    },
    "gap": {"family": "gap", "soap": None, "distance_2b": {"cutoff": 4.0, "n_sparse": 6}},
    "neural": {
        "family": "neural",
        "descriptor": {"cutoff": 4.0, "n_max": 3, "l_max": 2},
        "network": {"hidden": [4]},
        "optimiser": {"epochs": 2},
    },
    "average": {
        "family": "average",
        "members": [
            {"basis": TINY_BASIS},
            {
                "basis": TINY_BASIS,
                "training": {"stages": [{"optimizer": "lbfgs", "iterations": 2}]},
            },
        ],
    },
}


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return noisy_silicon(20, noise=0.2)


def write_config(folder: Path, frames: list[Frame], content: dict) -> Path:
    folder.mkdir(exist_ok=True)
    write_frames(folder / "train.extxyz", frames)
    path = folder / "si.yaml"
    data = {"train": "train.extxyz"}
    path.write_text(yaml.safe_dump({"data": data, "threads": 1, **content}))
    return path


def test_every_frame_is_left_out_once(frames: list[Frame]) -> None:
    alone = Frame(Atoms("Si"), -5.0, None, None, "atom", 0, "x")
    place = parts([alone, *frames], CrossValidationConfig(folds=3))
    assert place[0] == -1
    assert sorted(np.bincount(place[1:])) == [6, 7, 7]
    assert not np.array_equal(
        place, parts([alone, *frames], CrossValidationConfig(folds=3, seed=2))
    )
    with pytest.raises(DataError, match=r"folds is 9, but there are only 4 frames"):
        parts(frames[:4], CrossValidationConfig(folds=9))


@pytest.mark.parametrize("family", FAMILIES)
def test_all_families(family: str, frames: list[Frame], tmp_path: Path) -> None:
    settings = {**FAMILIES[family], "cross_validation": {"folds": 2}}
    path = write_config(tmp_path, frames[:8], settings)
    run_config(path)
    stored = json.loads(path.with_suffix(".folds.json").read_text())
    (only,) = stored["candidates"]
    assert stored["complete"] and only["values"] == {}
    assert [fold["n_frames"] for fold in only["folds"]] == [4, 4]
    assert only["all"]["n_frames"] == 8
    for fold in only["folds"]:
        assert fold["loss"] > 0 and fold["force_eV_per_A"]["rmse"] > 0
    # The model is that of a fit without.
    model = modelfile.read(path.with_suffix(".mlip")).arrays
    run_config(write_config(tmp_path, frames[:8], FAMILIES[family]))
    for name, values in modelfile.read(path.with_suffix(".mlip")).arrays.items():
        np.testing.assert_array_equal(values, model[name])


def test_errors_are_those_of_fits_without_the_part(frames: list[Frame], tmp_path: Path) -> None:
    settings = {**FAMILIES["linear"], "cross_validation": {"folds": 3}}
    path = write_config(tmp_path, frames, settings)
    run_config(path)
    stored = json.loads(path.with_suffix(".folds.json").read_text())["candidates"][0]
    read = read_frames(tmp_path / "train.extxyz")
    place = parts(read, CrossValidationConfig(folds=3))
    config = small_config(basis=TINY_BASIS)
    squares = []
    for part in range(3):
        rest = [f for f, p in zip(read, place) if p != part]
        out = [f for f, p in zip(read, place) if p == part]
        found = fit_frames(config, rest, out)
        assert stored["folds"][part]["force_eV_per_A"]["rmse"] == pytest.approx(
            found.test.total.force.rmse, rel=1e-6
        )
        loss = 0.0
        evaluator = found.potential.make_evaluator(threads=1)
        for f in out:
            result = evaluator.evaluate(f.numbers, f.positions, f.cell, f.pbc)
            loss += 10.0**2 * (result["energy"] - f.energy) ** 2 / f.n_atoms
            loss += ((result["forces"] - f.forces) ** 2).sum()
            squares.append((result["forces"] - f.forces).ravel() ** 2)
            if f.stress is not None:
                virial = f.atoms.get_volume() * (result["stress"] - f.stress)
                loss += 0.3**2 * (virial**2).sum() / f.n_atoms
        assert stored["folds"][part]["loss"] == pytest.approx(loss, rel=1e-6)
    expected = np.sqrt(np.concatenate(squares).mean())
    assert stored["all"]["force_eV_per_A"]["rmse"] == pytest.approx(expected, rel=1e-6)


def test_together_counts_data() -> None:
    def fold(rmse: float | None, count: int) -> dict:
        part = {"rmse": rmse, "count": count}
        return {"n_frames": 1, "loss": 1.5, "energy_meV_per_atom": part, "force_eV_per_A": part}

    total = together([fold(3.0, 1), fold(1.0, 3), fold(None, 0)])
    assert total["energy_meV_per_atom"] == {"rmse": pytest.approx(np.sqrt(3.0)), "count": 4}
    assert total["loss"] == 4.5
    assert together([fold(None, 0)])["force_eV_per_A"]["rmse"] is None


def test_values_of_a_grid_are_chosen(frames: list[Frame], tmp_path: Path) -> None:
    """The model is that of a fit with the values that were best on frames left out."""
    grid = {"regression.strength": [1e-9, 1.0, 1e9], "basis.n_max": [[4, 3, 2], [2, 1, 1]]}
    settings = {
        **FAMILIES["linear"],
        "regression": {"method": "fixed", "strength": 2.0},
        "cross_validation": {"folds": 3, "grid": grid},
    }
    path = write_config(tmp_path, frames, settings)
    run_config(path)
    stored = json.loads(path.with_suffix(".folds.json").read_text())
    assert len(stored["candidates"]) == 6
    losses = [c["all"]["loss"] for c in stored["candidates"]]
    best = stored["candidates"][int(np.argmin(losses))]
    assert stored["chosen"] == best["values"]
    assert best["values"]["regression.strength"] != 1e9
    regression = {"method": "fixed", "strength": best["values"]["regression.strength"]}
    expected = fit_frames(
        small_config(
            basis={**TINY_BASIS, "n_max": best["values"]["basis.n_max"]},
            regression=regression,
            threads=1,
        ),
        read_frames(tmp_path / "train.extxyz"),
    )
    written = modelfile.read(path.with_suffix(".mlip"))
    for name, values in expected.contents[1].items():
        np.testing.assert_array_equal(written.arrays[name], values)
    # What was tried is also in the file.
    described = written.metadata["provenance"]["config"]
    assert described["cross_validation"]["grid"] == grid
    assert described["regression"]["strength"] == regression["strength"]


def test_a_killed_cross_validation_goes_on(
    frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        **FAMILIES["linear"],
        "regression": {"method": "fixed", "strength": 1.0},
        "cross_validation": {"folds": 2, "grid": {"regression.strength": [0.1, 10.0]}},
    }
    whole = write_config(tmp_path / "a", frames, settings)
    run_config(whole)
    fit, calls = run_ace.fit_potential, []

    def interrupted(*args: object) -> object:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(*args)

    path = write_config(tmp_path / "b", frames, settings)
    monkeypatch.setattr(run_ace, "fit_potential", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_config(path)
    assert len(calls) == 4 and not path.with_suffix(".mlip").exists()
    run_config(path)
    assert len(calls) == 5
    assert path.with_suffix(".mlip").read_bytes() == whole.with_suffix(".mlip").read_bytes()
    first, second = (json.loads(p.with_suffix(".folds.json").read_text()) for p in (whole, path))
    assert first["candidates"] == second["candidates"] and second["complete"]
    run_config(path)
    assert len(calls) == 9


def test_bad_grids_name_the_key(frames: list[Frame], tmp_path: Path) -> None:
    for grid, part in [
        ({"regression.strenth": [1.0]}, r"'regression.strenth' is not known.*'strength'"),
        ({"regression.folds": [1]}, r"'regression.folds'"),
        ({"basis.cutoff": []}, r"no values for 'basis.cutoff'"),
        ({"loss.weights.energy": [1, 2]}, r"'loss.weights.energy' cannot be chosen"),
        ({"training.stages.3.kappa": [0.5]}, r"does not write out 'training.stages.3'"),
    ]:
        content = {
            **FAMILIES["linear"],
            "training": {"stages": [{"iterations": 1}]} if "kappa" in str(grid) else None,
            "cross_validation": {"grid": grid},
        }
        path = write_config(tmp_path, frames, content)
        with pytest.raises(ValueError, match=part):
            run_config(path)
    config = small_config(
        training={"stages": [{"iterations": 2}]},
        cross_validation={"grid": {"training.stages.0.kappa": [0.2, 0.5]}},
    )
    assert [c.training.stages[0].kappa for _, c in candidates(config)] == [0.2, 0.5]


def test_dry_run_counts_the_fits(frames: list[Frame], tmp_path: Path) -> None:
    settings = {**FAMILIES["linear"], "cross_validation": {"folds": 3}}
    found = estimate_config(write_config(tmp_path, frames, settings))
    others = sum(v for name, v in found.seconds.items() if name != "cross-validation")
    assert found.seconds["cross-validation"] == pytest.approx(2 * others)
