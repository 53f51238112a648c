# SPDX-License-Identifier: BSD-3-Clause
"""Committees of models that are fitted again: what members are, and that a killed fit goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk

from fit_data import TINY_BASIS, noisy_silicon, silicon_structures, small_config, write_frames
from tektite import TektiteCalculator, modelfile
from tektite.data import Frame
from tektite.fit import fit_frames, run_config, train_frames
from tektite.fit.committee import COMMITTEE
from tektite.fit.committee_members import Members, resampled
from tektite.fit.linear import fit_linear

TRAINING = {
    "embedding": {"exponents": [1.0, 0.5], "fit_exponents": True},
    "radial": "all",
    "stages": [
        {"optimizer": "adam", "iterations": 2, "batch_size": 4},
        {"optimizer": "lbfgs", "iterations": 15},
    ],
}


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return noisy_silicon(24, noise=0.05)


def test_resampling_counts_frames(frames: list[Frame]) -> None:
    targets = fit_linear(small_config(basis=TINY_BASIS), frames).targets
    drawn = resampled(targets, [1, 2])
    square = {id(t.frame): t.weight_forces**2 for t in targets}
    counts = [t.weight_forces**2 / square[id(t.frame)] for t in drawn]
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-12)
    assert sum(counts) == pytest.approx(len(targets)) and 0 < len(drawn) < len(targets)
    assert [id(t.frame) for t in drawn] != [id(t.frame) for t in resampled(targets, [1, 3])]


@pytest.mark.parametrize("energies", [{"Si": -5.0}, "fit"])
def test_linear_members_are_fits_to_resampled_frames(frames: list[Frame], energies) -> None:
    """A member is a fit to a list in which frames occur as often as they were drawn."""
    config = small_config(
        basis=TINY_BASIS,
        isolated_energies=energies,
        regression={"method": "fixed", "strength": 0.1, "posterior": False},
        committee={"kind": "bootstrap", "members": 3, "seed": 7},
    )
    linear = fit_linear(config, frames)
    members = Members(config, linear, None, None, "")
    found = [members.coefficients(k)[:, 0] for k in range(3)]
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found[0]).max()
    for k in range(3):
        draws = np.random.default_rng([7, k, 4]).integers(len(frames), size=len(frames))
        again = small_config(
            basis=TINY_BASIS,
            isolated_energies=dict(zip(["Si"], linear.energies)),
            regression={"method": "fixed", "strength": 0.1, "posterior": False},
            radial={
                "r_0": linear.model.bonds[0]["parameters"][0],
                "inner_cutoff": linear.model.bonds[0]["inner_cutoff"],
            },
            prior={"density": linear.model.density_scale(linear.targets)},
        )
        expected = fit_linear(again, [frames[i] for i in draws]).solution.coefficients
        assert np.abs(found[k] - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["bootstrap", "seed"])
def test_the_model_is_that_without_a_committee(frames: list[Frame], kind: str) -> None:
    committee = {"kind": kind, "members": 3}
    config = small_config(basis=TINY_BASIS, training=TRAINING, committee=committee)
    with_members = train_frames(config, frames[:12])
    alone = train_frames(
        small_config(basis=TINY_BASIS, training=TRAINING, committee={"members": 0}), frames[:12]
    )
    arrays = with_members.contents[1]
    others = alone.contents[1]
    assert set(arrays) - set(others) == {COMMITTEE}
    assert all(np.array_equal(arrays[name], values) for name, values in others.items())
    members = arrays[COMMITTEE]
    assert members.shape[1:] == (3, 2)
    for k in range(3):
        assert not np.allclose(members[:, k], members[:, (k + 1) % 3], rtol=1e-3)
    atoms = silicon_structures(1, seed=5)[0]
    evaluator = with_members.potential.make_evaluator(threads=1)
    a = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    spread = evaluator.evaluate(*a, uncertainties=True)["energies_uncertainty"]
    # Members differ, but by far less than the energies themselves.
    assert (spread > 1e-6).all() and (spread < 0.5).all()


def test_bootstrap_and_posterior_agree_on_the_size(frames: list[Frame]) -> None:
    spreads = {}
    for kind in ("bootstrap", "posterior"):
        config = small_config(basis=TINY_BASIS, committee={"kind": kind, "members": 40})
        evaluator = fit_frames(config, frames).potential.make_evaluator(threads=1)
        values = [
            evaluator.evaluate(
                atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, uncertainties=True
            )["energies_uncertainty"]
            for atoms in silicon_structures(5, seed=9)
        ]
        spreads[kind] = float(np.mean(np.concatenate(values)))
    assert 1 / 4 < spreads["bootstrap"] / spreads["posterior"] < 4


def _write_config(folder: Path, frames: list[Frame], **sections: dict) -> Path:
    folder.mkdir()
    write_frames(folder / "train.extxyz", frames)
    content = {
        "data": {"train": "train.extxyz"},
        "basis": TINY_BASIS,
        "baseline": {"kind": "zbl"},
        "threads": 1,
        "committee": {"kind": "bootstrap", "members": 4},
    }
    path = folder / "si.yaml"
    path.write_text(yaml.safe_dump({**content, **sections}))
    return path


@pytest.mark.parametrize("training", [None, TRAINING])
def test_a_killed_committee_goes_on(
    frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: dict | None
) -> None:
    paths = [_write_config(tmp_path / name, frames[:10], training=training) for name in ("a", "b")]
    run_config(paths[0])
    expected = paths[0].with_suffix(".mlip").read_bytes()
    make, made = Members.coefficients, []

    def interrupted(self: Members, member: int) -> np.ndarray:
        if member == 2 and len(made) == 2:
            raise KeyboardInterrupt
        made.append(member)
        return make(self, member)

    monkeypatch.setattr(Members, "coefficients", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_config(paths[1])
    folder = paths[1].with_suffix(".training")
    assert sorted(p.name for p in folder.glob("member-*/state.npz")) == ["state.npz"] * 2
    assert not paths[1].with_suffix(".mlip").exists()
    made.append(-1)
    run_config(paths[1])
    assert made == [0, 1, -1, 2, 3]
    assert paths[1].with_suffix(".mlip").read_bytes() == expected
    assert not folder.exists()
    crystal = bulk("Si")
    crystal.calc = TektiteCalculator(paths[1].with_suffix(".mlip"), threads=1)
    assert (crystal.calc.get_property("energies_uncertainty", crystal) > 0).all()
    provenance = modelfile.read(paths[1].with_suffix(".mlip")).metadata["provenance"]
    assert provenance["config"]["committee"]["kind"] == "bootstrap"
