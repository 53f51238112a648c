# SPDX-License-Identifier: BSD-3-Clause
"""ACE functions as features: against the linear model, in torch, under neural networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms

import tektite
from device_libraries import library
from fit_data import (
    CLOSEST,
    NEAREST,
    SMALL_BASIS,
    label,
    mixed_structures,
    silicon_structures,
    small_config,
    teacher,
    write_frames,
)
from tektite import modelfile
from tektite.errors import ModelFileError, UnknownSpeciesError, UnsupportedError
from tektite.fit.dataset import Distances
from tektite.fit.families import run_config
from tektite.fit.model import LinearAce
from tektite.fit.neural.config import NeuralFitConfig
from tektite.fit.neural.network import Readout, lone_features, neural_contents, predict
from tektite.fit.neural.operations import Systems
from tektite.fit.radial import make_bonds
from tektite.potential import Potential


def make(elements: list[str], **options) -> tuple[tektite.ACE, LinearAce]:
    config = small_config()
    n = len(elements)
    distances = Distances(np.full((n, n), CLOSEST), np.full((n, n), NEAREST), [])
    bonds = make_bonds(config.basis, config.radial, elements, distances)
    limits = {k: v for k, v in SMALL_BASIS.items() if k != "cutoff"}
    ace = tektite.ACE(elements, bonds, **limits, **{"threads": 1, **options})
    return ace, LinearAce(config.basis, elements, bonds)


def neural(ace: tektite.ACE, seed: int = 3) -> tuple[Readout, Potential]:
    n = len(ace.elements)
    rng = np.random.default_rng(seed)
    mean, spread = 0.1 * rng.normal(size=(2, n, ace.n_features))
    generator = torch.Generator().manual_seed(seed)
    readout = Readout(mean, 1.0 + spread**2, lone_features(ace), [7, 5], "silu", 1.3, generator)
    contents = neural_contents(ace, [readout], [7, 5], "silu", np.arange(n) - 1.0)
    return readout, Potential.from_arrays(*contents, "neural")


@pytest.mark.parametrize("elements", [["Si"], ["O", "Si"]])
def test_features_are_the_functions_of_the_linear_model(elements: list[str]) -> None:
    ace, linear = make(elements, threads=2)
    assert ace.n_features * len(elements) == linear.n_functions
    frames = silicon_structures(6) if elements == ["Si"] else mixed_structures(elements, 4)
    for atoms, rows in zip(frames, ace.features(frames)):
        species = np.array([elements.index(s) for s in atoms.symbols])
        values = linear.descriptor.values(
            atoms.positions, species, atoms.cell.array, atoms.pbc
        ).reshape(len(atoms), len(elements), -1)
        expected = values[np.arange(len(atoms)), species]
        np.testing.assert_allclose(rows, expected, atol=1e-8 * np.abs(expected).max())
    with pytest.raises(UnknownSpeciesError, match="atom 0 is Ge"):
        ace.features(Atoms("Ge"))


@pytest.mark.parametrize("elements", [["Si"], ["O", "Si"]])
def test_networks_on_a_device(
    elements: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernels of a device, with the host in its place, against the CPU."""
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", library("host executor"))
    ace, _ = make(elements)
    readout, _ = neural(ace)
    isolated = np.arange(len(elements)) - 1.0
    contents = neural_contents(ace, [readout], [7, 5], "silu", isolated)
    model = modelfile.write(tmp_path / "model.mlip", *contents)
    frames = silicon_structures(3) if elements == ["Si"] else mixed_structures(elements, 3)
    reference = model.make_evaluator(threads=1)
    for precision, tolerance in (("double", 1e-10), ("mixed", 2e-5)):
        evaluator = model.to("cuda").make_evaluator(precision)
        for atoms in [*frames, Atoms("Si")]:
            system = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
            device, cpu = (e.evaluate(*system, stresses=True) for e in (evaluator, reference))
            assert device.keys() == cpu.keys()
            for name, value in cpu.items():
                scale = tolerance * (1 + np.abs(value).max(initial=0))
                np.testing.assert_allclose(device[name], value, rtol=0, atol=scale, err_msg=name)
    assert device["energy"] == cpu["energy"]  # of an atom alone: exactly


@pytest.mark.parametrize("elements", [["Si"], ["O", "Si"]])
def test_engine_agrees_with_torch(elements: list[str]) -> None:
    ace, _ = make(elements)
    readout, potential = neural(ace)
    frames = silicon_structures(6) if elements == ["Si"] else mixed_structures(elements, 4)
    systems = Systems(ace, frames)
    energies, forces, virials = predict(readout, systems, torch.from_numpy(systems.species).long())
    isolated = np.array([sum(elements.index(s) - 1.0 for s in a.symbols) for a in frames])
    result = tektite.evaluate(frames, potential)
    np.testing.assert_allclose(result.energies, energies.detach().numpy() + isolated, atol=1e-10)
    np.testing.assert_allclose(np.concatenate(result.forces), forces, atol=1e-10)
    for k, atoms in enumerate(frames):
        if atoms.pbc.all():
            mine = -result.stresses[k] * atoms.get_volume()
            np.testing.assert_allclose(mine, virials[k], atol=1e-9)
    mixed = tektite.evaluate(frames, potential, precision="mixed")
    np.testing.assert_allclose(mixed.energies, result.energies, atol=1e-3)


def test_gradient_of_a_loss_on_forces_and_virials() -> None:
    """Differentiated twice: with respect to positions, then with respect to every parameter."""
    ace, _ = make(["O", "Si"])
    readout, _ = neural(ace)
    systems = Systems(ace, mixed_structures(["O", "Si"], 3))
    species = torch.from_numpy(systems.species).long()
    rng = np.random.default_rng(6)
    n, n_atoms = len(systems), len(systems.species)
    weights = [torch.from_numpy(rng.normal(size=s)) for s in ((n,), (n_atoms, 3), (n, 6))]

    def loss(create_graph: bool) -> torch.Tensor:
        found = predict(readout, systems, species, create_graph)
        return sum((a * b).sum() for a, b in zip(found, weights))

    parameters = list(readout.parameters())
    gradients = torch.autograd.grad(loss(True), parameters)
    direction = [torch.from_numpy(rng.normal(size=tuple(p.shape))) for p in parameters]
    along = float(sum((g * d).sum() for g, d in zip(gradients, direction)))
    values, h = {}, 1e-4
    for k in (-2, -1, 1, 2):
        with torch.no_grad():
            for p, d in zip(parameters, direction):
                p += k * h * d
        values[k] = float(loss(False).detach())
        with torch.no_grad():
            for p, d in zip(parameters, direction):
                p -= k * h * d
    slope = (values[-2] - 8 * values[-1] + 8 * values[1] - values[2]) / (12 * h)
    assert along == pytest.approx(slope, rel=1e-6)


def test_fit_from_end_to_end(tmp_path: Path) -> None:
    frames = label(silicon_structures(12), teacher(["Si"]))
    write_frames(tmp_path / "train.extxyz", frames)
    config = {
        "family": "neural",
        "data": {"train": "train.extxyz"},
        "baseline": {"kind": "none"},
        "isolated_energies": {"Si": 0.0},
        "descriptor": {"kind": "ace"},
        "basis": SMALL_BASIS,
        "network": {"hidden": [8]},
        "optimiser": {"epochs": 12, "batch_size": 3, "validation": 0.2},
        "threads": 1,
    }
    (tmp_path / "si.yaml").write_text(yaml.safe_dump(config))
    result = run_config(tmp_path / "si.yaml")
    losses = [epoch.train for epoch in result.histories[0]]
    assert losses[-1] < 0.5 * losses[0]
    potential = tektite.load(tmp_path / "si.mlip")
    assert potential.check()["passed"]
    wrong = {**config, "descriptor": {"kind": "ace", "sigma": 0.4}}
    with pytest.raises(ValueError, match=r"descriptor.sigma: not a key of the descriptor 'ace'"):
        NeuralFitConfig.model_validate(wrong)
    wrong = {**config, "descriptor": {"kind": "soap"}}
    with pytest.raises(ValueError, match="basis: not a key of the descriptor 'soap'"):
        NeuralFitConfig.model_validate(wrong)


def test_damaged_files_are_refused() -> None:
    ace, _ = make(["Si"])
    readout, _ = neural(ace)
    metadata, arrays = neural_contents(ace, [readout], [7, 5], "silu", np.zeros(1))
    description = metadata["descriptor"]
    for change, message in (
        ({"n_max": [6, 4.5]}, "n_max"),
        ({"l_max": []}, "l_max"),
        ({"l_max": [0, 3, 2]}, "l_max has 3 values"),
        (
            {"n_max": [6, 40, 3, 2], "max_degree": [50, 50, 4, 3]},
            "too few radial functions for n = 4, l = 0",
        ),
        ({"max_degree": [5]}, "max_degree has 1 values"),
        ({"bonds": []}, "bonds"),
        ({"kind": "acsf"}, "acsf"),
        ({"cutoff": 4.0}, "cutoff"),
    ):
        broken = {**metadata, "descriptor": {**description, **change}}
        with pytest.raises((ModelFileError, UnsupportedError), match=message):
            Potential.from_arrays(broken, arrays, "broken")
    lacking = {k: v for k, v in arrays.items() if k != "descriptor.bonds.offsets"}
    with pytest.raises(ModelFileError, match="descriptor.bonds.offsets"):
        Potential.from_arrays(metadata, lacking, "lacking")
