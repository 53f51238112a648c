# SPDX-License-Identifier: BSD-3-Clause
"""Weights of single frames, and isolated atoms found in frames of atoms far apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms

from fit_data import label, mixed_structures, silicon_structures, small_config, teacher
from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit import fit_frames
from tektite.fit.dataset import isolated_energies
from tektite.fit.linear import fit_linear
from tektite.fit.loss_config import WeightingConfig
from tektite.fit.weighting import ConvexHull, FrameWeights


def made(symbols: str, energy: float | None, index: int = 0) -> Frame:
    atoms = Atoms(symbols)
    atoms.positions[:, 0] = 50.0 * np.arange(len(atoms))
    return Frame(atoms, energy, None, None, "all", index, "made.extxyz")


def test_hull_of_two_elements() -> None:
    """Si, O and SiO2 are on it; SiO lies above the line from SiO2 to Si."""
    frames = [made("Si", -5.0), made("O2", -8.0), made("SiO2", -19.0), made("SiO", -10.0)]
    hull = ConvexHull(frames, ["O", "Si"])
    for frame in frames[:3]:
        assert hull.energy_above(frame) == pytest.approx(0.0, abs=1e-9)
    # Half of an SiO2 and half of an Si: -19/2 - 5/2 = -12 for two atoms.
    assert hull.energy_above(frames[3]) == pytest.approx(1.0)
    assert hull.energy_above(made("Si2", -9.0)) == pytest.approx(0.5)
    only_silicon = ConvexHull(frames[:1], ["O", "Si"])
    with pytest.raises(DataError, match="frame 7 .*no mixture"):
        only_silicon.energy_above(made("SiO", -10.0, 7))
    with pytest.raises(DataError, match="no energy"):
        hull.energy_above(made("Si", None))


def test_factors() -> None:
    frames = [made("Si", -5.0), made("Si2", -8.0)]
    hull = FrameWeights(WeightingConfig(kind="hull", scale=0.5), frames, ["Si"])
    assert [hull(f) for f in frames] == pytest.approx([1.0, 1 / 3])
    given = FrameWeights(WeightingConfig(kind="frame"), frames, ["Si"])
    frames[0].atoms.info["weight"] = 2.5
    assert given(frames[0]) == 2.5
    with pytest.raises(DataError, match="no 'weight'"):
        given(frames[1])
    for wrong in (-1.0, "much", float("nan")):
        frames[1].atoms.info["weight"] = wrong
        with pytest.raises(DataError, match="not a number from 0"):
            given(frames[1])


def test_balanced_groups_weigh_the_same() -> None:
    frames = [made("Si2", -8.0), made("Si4", -16.0), made("Si64", -300.0), made("Si", -4.0)]
    for frame, group in zip(frames, ("slab", "slab", "bulk", "isolated")):
        frame.group = group
    weights = FrameWeights(WeightingConfig(kind="balanced"), frames, ["Si"])
    slab, bulk = weights(frames[0]) ** 2 * 6, weights(frames[2]) ** 2 * 64
    assert slab == pytest.approx(35.0) and bulk == pytest.approx(35.0)
    assert weights(frames[0]) == weights(frames[1])
    assert weights(frames[3]) == 1.0
    half = FrameWeights(WeightingConfig(kind="balanced", balance=0.5), frames, ["Si"])
    assert half(frames[0]) == pytest.approx(weights(frames[0]) ** 0.5)
    unseen = made("Si2", -8.0)
    unseen.group = "dimer"
    assert weights(unseen) == 1.0


def test_weights_act_on_the_fit() -> None:
    """A frame of weight zero is as if it were not there, however wrong it is."""
    frames = label(silicon_structures(10), teacher(["Si"]))
    config = small_config(
        loss={"weighting": {"kind": "frame", "key": "w"}}, isolated_energies={"Si": 0.0}
    )
    radial = {"inner_cutoff": 1.5, "r_0": 2.5}
    config = config.model_copy(update={"radial": config.radial.model_copy(update=radial)})
    for frame in frames:
        frame.atoms.info["w"] = 1.0
    expected = fit_frames(config, frames).solution.coefficients
    wrong = dataclasses.replace(frames[0], energy=1e3, atoms=frames[0].atoms.copy())
    wrong.atoms.info["w"] = 0.0
    found = fit_frames(config, [*frames, wrong])
    scale = np.abs(expected).max()
    assert np.abs(found.solution.coefficients - expected).max() < 1e-9 * scale
    weights = small_config(loss={"weighting": {"kind": "hull"}}, isolated_energies={"Si": 0.0})
    linear = fit_linear(weights, frames)
    lowest = min(linear.targets, key=lambda t: t.frame.energy / len(t.species))
    assert linear.data.weights(lowest.frame)[1] == pytest.approx(1.0)
    assert max(t.weight_forces for t in linear.targets) == pytest.approx(1.0)
    assert min(t.weight_forces for t in linear.targets) < 1.0


def test_atoms_far_apart_are_isolated_atoms() -> None:
    elements = ["O", "Si"]
    frames = [made("OSi", -5.0), made("OSi2", -6.0)]
    found, source = isolated_energies(frames, [True, True], elements, None)
    assert source == "from the data"
    assert found == pytest.approx([-4.0, -1.0])
    found, source = isolated_energies(frames, [True, False], elements, None)
    assert source == "fitted"
    with pytest.raises(DataError, match="tells that of O"):
        isolated_energies(frames[:1], [True], elements, "from_data")
    with pytest.raises(DataError, match="tells that of Si"):
        isolated_energies([made("O2", -8.0)], [True], elements, "from_data")

    data = label(mixed_structures(elements, 6), teacher(elements, energies=[-4.0, -1.0]))
    result = fit_frames(small_config(), [*data, *frames])
    assert result.energies == pytest.approx([-4.0, -1.0])
