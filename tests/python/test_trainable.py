# SPDX-License-Identifier: BSD-3-Clause
"""Trainable ACE: agreement with the engine, exact gradients, threads and batches, errors."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from fit_data import CLOSEST, NEAREST, mixed_structures, silicon_structures, small_config
from instruction_sets import beyond_baseline
from tektite.errors import DataError, NotFiniteError
from tektite.fit.config import BasisConfig
from tektite.fit.dataset import Distances
from tektite.fit.export import potential_of
from tektite.fit.model import LinearAce
from tektite.fit.radial import make_bonds
from tektite.fit.trainable import PreparedFrames, TrainableAce


def make_model(elements: list[str], seed: int = 3, **options) -> TrainableAce:
    """Random parameters of every kind; exponents away from those where F is not smooth."""
    config = small_config()
    n = len(elements)
    distances = Distances(np.full((n, n), CLOSEST), np.full((n, n), NEAREST), [])
    bonds = make_bonds(config.basis, config.radial, elements, distances)
    options = {"radial": "bond", "fit_prefactors": True, "fit_exponents": True, **options}
    model = TrainableAce(config.basis, elements, bonds, **options)
    linear = LinearAce(config.basis, elements, bonds)
    rng = np.random.default_rng(seed)
    model.initialize(linear.expected_sizes(config.prior, 1.5), seed, scale=1.0)
    parameters = model.parameters
    for name, block in model.blocks.items():
        if name.startswith("radial"):
            parameters[block] += 0.1 * rng.normal(size=block.stop - block.start)
    model.parameters = parameters
    return model


def structures(elements: list[str]) -> list[Atoms]:
    """Crystals, slabs and clusters, and a cell far smaller than the cutoff."""
    if elements != ["Si"]:
        return mixed_structures(elements, 6)
    single = Atoms("Si", cell=[[2.1, 0, 0], [0.3, 2.2, 0], [0.1, 0.4, 2.3]], pbc=True)
    return [
        *silicon_structures(5),
        single,
        Atoms("Si"),
        Atoms("Si2", [[0, 0, 0], [0, 0, 2.0]]),
    ]


def prepare(model: TrainableAce, images: list[Atoms]) -> PreparedFrames:
    return model.prepare(
        [
            (a.positions, a.cell.array, a.pbc, [model.elements.index(s) for s in a.symbols])
            for a in images
        ],
        threads=1,
    )


CASES = {
    "linear": (["Si"], {}),
    "two densities": (["Si"], {"prefactors": [1.0, 0.7], "exponents": [1.0, 0.5]}),
    "three densities, two elements": (
        ["O", "Si"],
        {"prefactors": [1.0, 0.7, -0.4], "exponents": [1.0, 0.5, 1.7], "radial": "pair"},
    ),
    "plain Finnis-Sinclair": (
        ["Si"],
        {"prefactors": [1.0, 0.6], "exponents": [1.3, 2.2], "embedding": "FinnisSinclair"},
    ),
    "five densities, shared radial": (
        ["C", "H", "O"],
        {
            "prefactors": [1.0, 0.5, 0.3, -0.2, 0.1],
            "exponents": [1.0, 0.5, 2.0, 0.75, 1.25],
            "radial": "all",
        },
    ),
    "fixed radial": (
        ["O", "Si"],
        {"prefactors": [1.0, 1.0], "exponents": [1, 0.5], "radial": "fixed"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_energies_and_forces_are_those_of_the_exported_model(case: str) -> None:
    elements, options = CASES[case]
    model, images = make_model(elements, **options), structures(elements)
    energies, forces, virials = model.evaluate(prepare(model, images), threads=2)
    isolated = np.arange(len(elements)) - 2.0
    evaluator = potential_of(model.contents(isolated), "test").make_evaluator(threads=1)
    begin = 0
    for k, atoms in enumerate(images):
        expected = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        alone = sum(isolated[elements.index(s)] for s in atoms.symbols)
        scale = max(1.0, abs(expected["energy"]))
        assert energies[k] + alone == pytest.approx(expected["energy"], abs=1e-8 * scale)
        stop = begin + len(atoms)
        scale = max(1.0, np.abs(expected["forces"]).max())
        np.testing.assert_allclose(forces[begin:stop], expected["forces"], atol=2e-8 * scale)
        if atoms.pbc.all():
            stress = -virials[k] / atoms.get_volume()
            np.testing.assert_allclose(stress, expected["stress"], atol=2e-8 * scale)
        begin = stop


def loss_weights(frames: PreparedFrames, seed: int) -> tuple:
    """Return a linear loss: its derivatives with respect to energies, forces and virials."""
    rng = np.random.default_rng(seed)
    n, n_atoms = len(frames), frames.offsets[-1]
    return rng.normal(size=n), rng.normal(size=(n_atoms, 3)), rng.normal(size=(n, 6))


@pytest.mark.parametrize("case", CASES)
def test_gradient_by_finite_differences(case: str) -> None:
    elements, options = CASES[case]
    model = make_model(elements, **options)
    frames = prepare(model, structures(elements))
    weights = loss_weights(frames, 7)
    start = model.parameters
    gradient = model.gradient(frames, None, *weights, threads=1)
    rng = np.random.default_rng(11)

    def loss(parameters: np.ndarray) -> float:
        model.parameters = parameters
        return sum(float(np.vdot(w, v)) for w, v in zip(weights, model.evaluate(frames, threads=1)))

    for name, block in model.blocks.items():
        direction = np.zeros_like(start)
        direction[block] = rng.normal(size=block.stop - block.start)
        direction *= max(1e-3, np.abs(start[block]).max()) / np.linalg.norm(direction)
        step = 1e-5  # F'' jumps where a density changes sign: not across one
        values = [loss(start + k * step * direction) for k in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        scale = np.linalg.norm(gradient[block]) * np.linalg.norm(direction)
        assert scale > 0, name
        assert gradient @ direction == pytest.approx(slope, abs=1e-6 * scale), name


@pytest.mark.parametrize(
    ("n_max", "l_max"), [([5], [0]), ([0, 3, 2], [0, 3, 2]), ([3, 2, 2, 2, 2], [0, 2, 1, 1, 1])]
)
def test_gradient_of_unusual_bases(n_max: list[int], l_max: list[int]) -> None:
    """Only pairs, no pairs, rank 5."""
    elements, n = ["O", "Si"], 2
    basis = BasisConfig(cutoff=4.5, n_max=n_max, l_max=l_max, max_degree=None)
    distances = Distances(np.full((n, n), CLOSEST), np.full((n, n), NEAREST), [])
    bonds = make_bonds(basis, small_config().radial, elements, distances)
    options = {"prefactors": [1.0, 0.5], "exponents": [1.0, 0.7], "radial": "bond"}
    model = TrainableAce(basis, elements, bonds, **options)
    model.initialize(np.full(model.n_functions, 0.3), 0, scale=1.0)
    frames = prepare(model, structures(elements))
    weights = loss_weights(frames, 3)
    gradient, start = model.gradient(frames, None, *weights), model.parameters
    direction = np.random.default_rng(0).normal(size=start.shape)

    def loss(step: float) -> float:
        model.parameters = start + step * direction
        return sum(float(np.vdot(w, v)) for w, v in zip(weights, model.evaluate(frames)))

    h = 1e-6
    slope = (loss(-2 * h) - 8 * loss(-h) + 8 * loss(h) - loss(2 * h)) / (12 * h)
    scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
    assert gradient @ direction == pytest.approx(slope, abs=1e-7 * scale)


def test_results_do_not_depend_on_threads_and_batches() -> None:
    elements, options = CASES["three densities, two elements"]
    model = make_model(elements, **options)
    images = mixed_structures(elements, 60)
    frames = prepare(model, images)
    weights = loss_weights(frames, 1)
    one, many = (model.gradient(frames, None, *weights, threads=t) for t in (1, 4))
    assert np.array_equal(one, many)
    energies, forces, virials = model.evaluate(frames, threads=1)
    for given, wanted in zip(model.evaluate(frames, threads=3), (energies, forces, virials)):
        assert np.array_equal(given, wanted)

    # Any order, frames that occur twice, and parts of the data that add up.
    indices = np.array([5, 0, 5, 59, 17])
    some = model.evaluate(frames, indices)
    atoms = np.concatenate([np.arange(*frames.offsets[i : i + 2]) for i in indices])
    assert np.array_equal(some[0], energies[indices])
    assert np.array_equal(some[1], forces[atoms])
    assert np.array_equal(some[2], virials[indices])
    total = np.zeros_like(one)
    for part in (np.arange(0, 60, 2), np.arange(1, 60, 2), indices):
        atoms = np.concatenate([np.arange(*frames.offsets[i : i + 2]) for i in part])
        sign = 1.0 if len(part) == 30 else 0.0
        total += sign * model.gradient(
            frames, part, weights[0][part], weights[1][atoms], weights[2][part]
        )
    np.testing.assert_allclose(total, one, rtol=1e-11, atol=1e-11 * np.abs(one).max())


def test_instruction_sets_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    elements, options = CASES["three densities, two elements"]

    def results(isa: str) -> list[np.ndarray]:
        monkeypatch.setenv("TEKTITE_ISA", isa)
        model = make_model(elements, **options)
        frames = prepare(model, structures(elements))
        gradient = model.gradient(frames, None, *loss_weights(frames, 2))
        return [*model.evaluate(frames), gradient]

    expected = results("baseline")
    for isa in beyond_baseline():
        for value, reference in zip(results(isa), expected, strict=True):
            np.testing.assert_allclose(
                value, reference, rtol=1e-11, atol=1e-11 * np.abs(reference).max()
            )


@pytest.mark.parametrize("case", CASES)
def test_model_file_and_back(case: str) -> None:
    elements, options = CASES[case]
    model = make_model(elements, **options)
    contents = model.contents(np.zeros(len(elements)))
    again = TrainableAce.from_contents(*contents, radial=options.get("radial", "bond"))
    np.testing.assert_allclose(again.coefficients, model.coefficients, atol=1e-12)
    frames = prepare(model, structures(elements))
    for given, wanted in zip(again.evaluate(frames), model.evaluate(frames)):
        np.testing.assert_allclose(given, wanted, rtol=1e-10, atol=1e-10)


def test_errors_say_what_is_wrong() -> None:
    model = make_model(["Si"])
    frames = prepare(model, silicon_structures(2))
    with pytest.raises(ValueError, match="frame 2 is not one of the 2"):
        model.evaluate(frames, [0, 2])
    with pytest.raises(ValueError, match="exponents must be positive"):
        parameters = model.parameters
        parameters[model.blocks["exponents/Si"]] = -1.0
        model.parameters = parameters
    with pytest.raises(NotFiniteError, match="parameter 0 is not finite"):
        parameters = model.parameters
        parameters[0] = np.nan
        model.parameters = parameters
    with pytest.raises(ValueError, match="derivatives of the loss"):
        model.gradient(frames, None, np.zeros(3), None, None)
    with pytest.raises(ValueError, match="frame 1: atom 0 has species index 1"):
        model.prepare([(np.zeros((1, 3)), np.eye(3), False, [s]) for s in (0, 1)])
    with pytest.raises(ValueError, match="frame 0: 1 positions but 2 species"):
        model.prepare([(np.zeros((1, 3)), np.eye(3), False, [0, 0])])
    metadata, arrays = model.contents([0.0])
    with pytest.raises(DataError, match="family 'pair'"):
        TrainableAce.from_contents({**metadata, "family": "pair"}, arrays)
    with pytest.raises(DataError, match="limits of its basis"):
        TrainableAce.from_contents({k: v for k, v in metadata.items() if k != "basis"}, arrays)
    wrong = {**arrays, "functions.coefficients": np.ones_like(arrays["functions.coefficients"])}
    with pytest.raises(DataError, match="not invariants"):
        TrainableAce.from_contents(metadata, wrong)
