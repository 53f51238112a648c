# SPDX-License-Identifier: BSD-3-Clause
"""Neural readouts: the engine against torch, gradients for training, fits from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms

import tektite
from fit_data import label, mixed_structures, silicon_structures, teacher, write_frames
from random_models import random_neural
from systems import random_system
from tektite import modelfile
from tektite.errors import DataError, ModelFileError, UnsupportedError
from tektite.fit.dataset import Target, species_of
from tektite.fit.families import estimate_config, run_config
from tektite.fit.neural.network import Readout, lone_features, neural_contents, predict
from tektite.fit.neural.operations import Systems, features
from tektite.potential import Potential
from tektite.soap import SOAP

ISOLATED = np.array([0.3, -0.7])


def make(
    seed: int, hidden: list[int], activation: str, members: int, normalise: bool
) -> tuple[tektite.SOAP, list[Readout], Potential]:
    soap = tektite.SOAP(["Si", "O"], 4.0, 4, 3, normalise=normalise, threads=1)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    mean, spread = rng.normal(size=(2, 2, soap.n_features))
    readouts = [
        Readout(
            0.1 * mean, 0.3 + spread**2, lone_features(soap), hidden, activation, 1.7, generator
        )
        for _ in range(members)
    ]
    for readout in readouts:
        for name, parameter in readout.named_parameters():
            if "bias" in name:
                torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    contents = neural_contents(soap, readouts, hidden, activation, ISOLATED)
    return soap, readouts, Potential.from_arrays(*contents, "neural")


class Mean(torch.nn.Module):
    """Mean over members, as the model file means it."""

    def __init__(self, members: list[Readout]):
        super().__init__()
        self.members = torch.nn.ModuleList(members)

    def forward(self, rows: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
        return sum(member(rows, species) for member in self.members) / len(self.members)


def frames_of(seed: int) -> list[Atoms]:
    return [
        random_system(["Si", "O"], seed + k, n, pbc)
        for k, (n, pbc) in enumerate(
            [(1, (True,) * 3), (5, (True,) * 3), (4, (True, False, True)), (3, (False,) * 3)]
        )
    ]


@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("hidden", [[], [7], [8, 6, 5]])
@pytest.mark.parametrize("normalise", [False, True])
def test_engine_agrees_with_torch(activation: str, hidden: list[int], normalise: bool) -> None:
    """Energies, forces and stresses to 1e-10, whatever the shape of the networks."""
    soap, readouts, potential = make(len(hidden), hidden, activation, 2, normalise)
    frames = frames_of(3)
    systems = Systems(soap, frames)
    energies, forces, virials = predict(
        Mean(readouts), systems, torch.from_numpy(systems.species).long()
    )
    expected = energies.detach().numpy() + [
        ISOLATED[(a.numbers == 8).astype(int)].sum() for a in frames
    ]
    for instruction_set in ("baseline", "automatic"):
        result = tektite.evaluate(frames, potential, instruction_set=instruction_set)
        np.testing.assert_allclose(result.energies, expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(np.concatenate(result.forces), forces, rtol=0, atol=1e-10)
        for k, atoms in enumerate(frames):
            if np.isfinite(result.stresses[k]).all():
                mine = -result.stresses[k] * atoms.get_volume()
                np.testing.assert_allclose(mine, virials[k], rtol=0, atol=1e-10)
    mixed = tektite.evaluate(frames, potential, precision="mixed")
    np.testing.assert_allclose(mixed.energies, expected, rtol=0, atol=2e-4)


def test_forces_are_gradients_of_torch_energies() -> None:
    """The first derivative of the operation, for positions and strains, by finite differences."""
    soap, readouts, _ = make(1, [6], "tanh", 1, True)
    atoms = frames_of(11)[1]

    def energy(positions: np.ndarray, cell: np.ndarray) -> float:
        moved = Atoms(atoms.symbols, positions, cell=cell, pbc=atoms.pbc)
        systems = Systems(soap, [moved])
        found = predict(readouts[0], systems, torch.from_numpy(systems.species).long())
        return float(found[0].detach())

    systems = Systems(soap, [atoms])
    _, forces, virials = predict(readouts[0], systems, torch.from_numpy(systems.species).long())
    h = 1e-4
    direction = np.random.default_rng(2).normal(size=atoms.positions.shape)
    difference = energy(atoms.positions + h * direction, atoms.cell.array) - energy(
        atoms.positions - h * direction, atoms.cell.array
    )
    along = float((forces.numpy() * direction).sum())
    assert -difference / (2 * h) == pytest.approx(along, rel=1e-6, abs=1e-7)
    for voigt, (a, b) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * h
        strain[b, a] += 0.5 * h
        values = [
            energy(
                atoms.positions @ (np.eye(3) + s * strain), atoms.cell @ (np.eye(3) + s * strain)
            )
            for s in (1, -1)
        ]
        numeric = -(values[0] - values[1]) / (2 * h)
        assert numeric == pytest.approx(float(virials[0, voigt]), rel=1e-6, abs=1e-7)


def test_gradient_of_a_loss_on_forces_and_virials() -> None:
    """Differentiated twice: with respect to positions, then with respect to every parameter."""
    soap, readouts, _ = make(4, [5, 4], "silu", 1, False)
    systems = Systems(soap, frames_of(5))
    species = torch.from_numpy(systems.species).long()
    rng = np.random.default_rng(6)
    targets = [torch.from_numpy(rng.normal(size=s)) for s in ((4,), (13, 3), (4, 6))]

    def loss(create_graph: bool) -> torch.Tensor:
        found = predict(readouts[0], systems, species, create_graph)
        return sum(((a - b) ** 2).sum() for a, b in zip(found, targets))

    loss(True).backward()
    h = 1e-5
    for name, parameter in readouts[0].named_parameters():
        direction = torch.from_numpy(rng.normal(size=tuple(parameter.shape)))
        values = []
        for step in (h, -2 * h):
            with torch.no_grad():
                parameter += step * direction
            values.append(loss(False).item())
        with torch.no_grad():
            parameter += h * direction
        expected = float((parameter.grad * direction).sum())
        assert (values[0] - values[1]) / (2 * h) == pytest.approx(expected, rel=1e-6, abs=1e-6), (
            name
        )


def test_second_derivatives_with_respect_to_positions_are_not_zero_by_mistake() -> None:
    soap, readouts, _ = make(1, [4], "tanh", 1, True)
    systems = Systems(soap, frames_of(1)[1:2])
    positions = systems.positions.clone().requires_grad_(True)
    energy = readouts[0](features(systems, positions), torch.from_numpy(systems.species).long())
    (gradient,) = torch.autograd.grad(energy.sum(), positions, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), positions)
    assert torch.isnan(second).all()
    strains = torch.full((1, 3, 3), 0.1, dtype=torch.float64)
    with pytest.raises(ValueError, match="zero strain"):
        features(systems, positions, strains)


def test_uncertainty_is_the_spread_of_the_members() -> None:
    metadata, arrays = random_neural(["O", "Si"], 3, members=4)
    atoms = random_system(["Si", "O"], 8, 5, (True, True, True))
    energies = []
    for m in range(4):
        one = {k.replace(f"networks.{m}.", "networks.0.", 1): v for k, v in arrays.items()
               if k.startswith(f"networks.{m}.")}  # fmt: skip
        single = Potential.from_arrays({**metadata, "members": 1}, one)
        assert not single.has_uncertainty
        energies.append(tektite.evaluate(atoms, single).atom_energies[0])
    whole = Potential.from_arrays(metadata, arrays)
    result = whole.make_evaluator().evaluate(
        atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, uncertainties=True
    )
    np.testing.assert_allclose(result["energies"], np.mean(energies, axis=0), atol=1e-12)
    np.testing.assert_allclose(
        result["energies_uncertainty"], np.std(energies, axis=0, ddof=1), atol=1e-12
    )


def test_damaged_networks_are_refused_by_name() -> None:
    metadata, arrays = random_neural(["Si"], 1, members=1)
    name = "networks.0.0.1.weights"
    for change, message in (
        ({name: arrays[name][:, 1:]}, r"'networks.0.0.1.weights' must have the shape \[5, 6\]"),
        ({"networks.0.0.2.biases": np.zeros(2)}, "biases' must have the length 1"),
        ({name: arrays[name] * np.nan}, "not finite"),
    ):
        with pytest.raises(ModelFileError, match=message):
            Potential.from_arrays(metadata, {**arrays, **change})
    for change, message in (
        ({"hidden": [6, 0]}, "hidden"),
        ({"members": 0}, "members"),
        ({"cutoff": 5.0}, "is not that of the descriptor"),
        ({"descriptor": {**metadata["descriptor"], "sigma": -1.0}}, "sigma"),
        ({"descriptor": {**metadata["descriptor"], "sgima": 1.0}}, "sgima"),
        ({"descriptor": {**metadata["descriptor"], "channels": [["Xe"]]}}, "channels"),
    ):
        with pytest.raises(ModelFileError, match=message):
            Potential.from_arrays({**metadata, **change}, arrays)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A fit to a teacher that takes seconds."""
    labelled = label(silicon_structures(20), teacher(["Si"]))
    write_frames(tmp_path / "train.extxyz", labelled[:16])
    write_frames(tmp_path / "test.extxyz", labelled[16:])
    content = {
        "family": "neural",
        "data": {"train": "train.extxyz", "test": "test.extxyz"},
        "descriptor": {"cutoff": 4.5, "n_max": 4, "l_max": 3},
        "network": {"hidden": [10], "members": 2},
        "optimiser": {
            "epochs": 30,
            "batch_size": 4,
            "learning_rate": 0.01,
            "checkpoint_seconds": 0,
        },
        "threads": 1,
    }
    path = tmp_path / "si.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_fit(config: Path) -> None:
    """The loss falls, the same seed gives the same model, and nothing is left behind."""
    result = run_config(config)
    for history in result.histories:
        assert history[-1].train < 0.5 * history[0].train
    written = config.with_suffix(".mlip")
    assert tektite.load(written).check()["passed"]
    assert tektite.load(written).has_uncertainty
    assert not list(config.parent.glob("*.checkpoint"))
    before = written.read_bytes()
    run_config(config)
    assert written.read_bytes() == before


def test_dry_run(config: Path) -> None:
    before = set(config.parent.iterdir())
    found = estimate_config(config)
    assert set(config.parent.iterdir()) == before
    result = run_config(config)
    assert found.n_parameters == 2 * result.n_parameters and found.members == 2
    assert found.n_features == 40
    assert all(v > 0 for v in [*found.memory.values(), *found.seconds.values()])


def test_device(config: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """What was taken is said; where there is no GPU the CPU is, unless a GPU was asked for."""
    text = config.read_text().replace("epochs: 30", "epochs: 2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    models = []
    for device in ("auto", "cpu"):
        config.write_text(text.replace("epochs: 2", f"epochs: 2\n  device: {device}"))
        run_config(config)
        assert "networks on cpu" in " ".join(capsys.readouterr().out.split())
        models.append(modelfile.read(config.with_suffix(".mlip")).arrays)
    for name, values in models[0].items():
        np.testing.assert_array_equal(models[1][name], values)
    config.write_text(text.replace("epochs: 2", "epochs: 2\n  device: cuda"))
    with pytest.raises(UnsupportedError, match=r"optimiser\.device is cuda.*no GPU"):
        run_config(config)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")
def test_networks_on_a_gpu_give_the_same(config: Path) -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        text = config.read_text().replace("epochs: 30", f"epochs: 3\n  device: {device}")
        config.write_text(text)
        losses[device] = run_config(config).histories[0][-1].train
        config.write_text(text.replace(f"epochs: 3\n  device: {device}", "epochs: 30"))
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-8)


def test_scaling_is_that_of_all_rows(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean and spread, gathered piece by piece, are those of all features at once."""
    from tektite.fit.neural import run

    monkeypatch.setattr(run, "_FRAMES_AT_ONCE", 3)
    elements = ["Ge", "Si"]
    frames = label(mixed_structures(elements, 8), teacher(elements))
    descriptor = SOAP(elements, cutoff=4.0, n_max=3, l_max=2)
    targets = [Target(f, species_of(f, elements), 0.0, None, None, 1, 1, 1) for f in frames]
    mean, spread = run._scaling(descriptor, targets, 2)
    rows = np.concatenate(descriptor.features([f.atoms for f in frames]))
    species = np.concatenate([t.species for t in targets])
    for e in range(2):
        mine = rows[species == e]
        each = mine.std(axis=0)
        np.testing.assert_allclose(mean[e], mine.mean(axis=0), rtol=1e-12, atol=1e-14)
        least = 0.1 * np.sqrt(np.mean(each**2))
        np.testing.assert_allclose(spread[e], np.maximum(each, least), rtol=1e-9)


def test_a_killed_fit_goes_on_where_it_was(config: Path, monkeypatch) -> None:
    from tektite.fit.neural import training

    undisturbed = run_config(config)
    original = training.Training._epoch

    def killed(self: training.Training) -> training.Epoch:
        if len(self.history) == 7:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run_config(config)
    assert len(list(config.parent.glob("*.checkpoint"))) == 1
    resumed = run_config(config)
    for name, values in undisturbed.contents[1].items():
        np.testing.assert_array_equal(resumed.contents[1][name], values)
    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run_config(config)
    config.write_text(config.read_text().replace("n_max: 4", "n_max: 3"))
    with pytest.raises(DataError, match="another configuration"):
        run_config(config)


def test_bad_configurations_name_the_key(config: Path) -> None:
    text = config.read_text()
    for old, new, message in (
        ("hidden", "hiden", "did you mean 'hidden'"),
        ("n_max: 4", "n_max: 0", "descriptor.n_max"),
        ("epochs: 30", "epochs: 30\n  validation: 1.5", "optimiser.validation"),
    ):
        config.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=message):
            run_config(config)
