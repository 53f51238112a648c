# SPDX-License-Identifier: BSD-3-Clause
"""Committees: against separate models, against the posterior, in files, ASE and sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from fit_data import (
    SMALL_BASIS,
    TEACHER_RADIAL,
    label,
    mixed_structures,
    silicon_structures,
    small_config,
    teacher,
)
from tektite import TektiteCalculator, modelfile
from tektite.errors import DataError, ModelFileError
from tektite.fit import FitResult, fit_frames
from tektite.fit.committee import COMMITTEE, add_committee, committee_array, draw_committee
from tektite.fit.export import potential_of
from tektite.fit.model import LinearAce
from tektite.fit.training_run import train_frames
from tektite.potential import Potential, load
from test_trainable import CASES, make_model, structures


def uncertainties(potential: Potential, atoms: Atoms, **options) -> np.ndarray:
    evaluator = potential.make_evaluator(**{"threads": 1, **options})
    a = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    return evaluator.evaluate(*a, uncertainties=True)["energies_uncertainty"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_members", [2, 7])
def test_is_the_spread_of_separate_models(case: str, n_members: int) -> None:
    elements, options = CASES[case]
    model = make_model(elements, **options)
    start = model.coefficients
    rng = np.random.default_rng(5)
    members = start * (1.0 + 0.05 * rng.normal(size=(n_members, *start.shape)))
    metadata, arrays = model.contents(np.zeros(len(elements)))
    arrays[COMMITTEE] = committee_array(model.basis, members)
    committee = potential_of((metadata, arrays), "committee")
    assert committee.has_uncertainty
    separate = []
    for member in members:
        model.coefficients = member
        separate.append(potential_of(model.contents(np.zeros(len(elements))), "member"))
    for atoms in structures(elements):
        a = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        energies = [m.make_evaluator(threads=1).evaluate(*a)["energies"] for m in separate]
        expected = np.std(energies, axis=0, ddof=1)
        scale = max(1.0, np.abs(energies).max())
        got = uncertainties(committee, atoms)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8 * scale)
        np.testing.assert_allclose(
            uncertainties(committee, atoms, threads=2, precision="mixed"),
            expected,
            rtol=1e-3,
            atol=1e-4 * scale,
        )
        plain = committee.make_evaluator(threads=1).evaluate(*a)
        both = committee.make_evaluator(threads=1).evaluate(*a, uncertainties=True)
        assert np.array_equal(both["forces"], plain["forces"])
        assert "energies_uncertainty" not in plain


@pytest.fixture(scope="module")
def fitted() -> FitResult:
    """A fit to crystals, surfaces, clusters and dimers of 2.0 to 2.6 Å, with noise."""
    dimers = [Atoms("Si2", [[0, 0, 0], [0, 0, d]]) for d in np.linspace(2.0, 2.6, 8)]
    frames = label(silicon_structures(24) + dimers, teacher(["Si"]))
    rng = np.random.default_rng(3)
    for frame in frames:
        frame.forces = frame.forces + 0.02 * rng.normal(size=frame.forces.shape)
    config = small_config(
        baseline={"kind": "zbl"}, isolated_energies={"Si": 0.0}, radial=TEACHER_RADIAL
    )
    return fit_frames(config, frames)


def with_committee(result: FitResult, n_members: int, seed: int = 0) -> Potential:
    metadata, arrays = result.contents
    drawn = draw_committee(arrays, n_members, seed, prefix="0.")
    return potential_of((metadata, {**arrays, f"0.{COMMITTEE}": drawn}), "committee")


def test_is_the_posterior_within_sampling_error(fitted: FitResult) -> None:
    n_members = 250
    potential = with_committee(fitted, n_members)
    factor = fitted.solution.posterior_factor
    ratios = []
    for atoms in silicon_structures(6, seed=77):
        species = np.zeros(len(atoms), dtype=int)
        values = fitted.model.descriptor.values(
            atoms.positions, species, atoms.cell.array, atoms.pbc
        )
        exact = np.linalg.norm(values @ factor, axis=1)
        ratios.extend(uncertainties(potential, atoms) / exact)
    error = 1.0 / np.sqrt(2.0 * (n_members - 1))
    assert np.abs(np.array(ratios) - 1.0).max() < 5.0 * error
    assert len(ratios) > 20


def test_rises_on_a_stretched_bond(fitted: FitResult, tmp_path: Path) -> None:
    assert fitted.potential.has_uncertainty
    plain, path = tmp_path / "plain.mlip", tmp_path / "committee.mlip"
    metadata, arrays = fitted.contents
    assert arrays[f"0.{COMMITTEE}"].shape[1:] == (16, 1)
    modelfile.write(plain, metadata, {k: v for k, v in arrays.items() if "committee" not in k})
    assert not load(plain).has_uncertainty
    assert add_committee(plain, path, seed=1).check()["passed"]
    spread = {}
    for distance in (2.1, 2.3, 2.5, 3.2):
        dimer = Atoms("Si2", [[0, 0, 0], [0, 0, distance]])
        dimer.calc = TektiteCalculator(path, threads=1)
        values = dimer.calc.get_property("energies_uncertainty", dimer)
        assert values.shape == (2,)
        spread[distance] = values[0]
    stretched = spread.pop(3.2)
    assert stretched > 3.0 * max(spread.values())


def test_committee_of_a_trained_model() -> None:
    """Its spread is what the exact posterior of the first density gives, within sampling error."""
    frames = label(silicon_structures(14), teacher(["Si"]))
    basis = {**SMALL_BASIS, "n_max": [4, 3, 2], "l_max": [0, 2, 1], "max_degree": [3, 3, 2]}
    n_members = 250
    config = small_config(
        basis=basis,
        training={"stages": [{"optimizer": "lbfgs", "iterations": 5}], "radial": "all"},
        committee={"members": n_members},
        isolated_energies={"Si": 0.0},
        threads=1,
    )
    result = train_frames(config, frames)
    assert result.potential.has_uncertainty
    nonlinear, linear = result.nonlinear, result.linear
    trained = LinearAce(config.basis, ["Si"], nonlinear.model.trained_bonds)
    design = np.zeros((0, trained.n_functions))
    for target in linear.targets:
        rows = np.zeros((target.n_rows, trained.n_functions))
        trained._fill(target, rows, np.zeros(target.n_rows))
        design = np.concatenate([design, rows])
    metrics = nonlinear.problem.metrics(nonlinear.trained.parameters, nonlinear.problem.train)
    curvature = design.T @ design + np.diag(linear.solution.strength / linear.sizes**2)
    covariance = metrics.mean_loss * np.linalg.inv(curvature)
    ratios = []
    for atoms in silicon_structures(4, seed=5):
        species = np.zeros(len(atoms), dtype=int)
        a = (atoms.positions, species, atoms.cell.array, atoms.pbc)
        values = trained.descriptor.values(*a)
        exact = np.sqrt(np.einsum("ik,kl,il->i", values, covariance, values))
        ratios.extend(uncertainties(result.potential, atoms) / exact)
    error = 1.0 / np.sqrt(2.0 * (n_members - 1))
    assert np.abs(np.array(ratios) - 1.0).max() < 5.0 * error
    assert len(ratios) > 10


def test_draws_depend_on_the_seed_alone(fitted: FitResult) -> None:
    arrays = fitted.contents[1]
    first, again, other = (draw_committee(arrays, 4, seed, prefix="0.") for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_errors_say_what_is_wrong(fitted: FitResult) -> None:
    metadata, arrays = fitted.contents
    with pytest.raises(DataError, match="regression.posterior"):
        draw_committee(arrays, 4, 0)
    with pytest.raises(ValueError, match="at least 2 members, not 1"):
        draw_committee(arrays, 1, 0, prefix="0.")
    with pytest.raises(ValueError, match="members must have the shape"):
        committee_array(fitted.model.basis, np.zeros((1, fitted.model.n_functions, 1)))
    drawn = draw_committee(arrays, 3, 0, prefix="0.")
    for wrong in (drawn[1:], drawn[:, :1], np.repeat(drawn, 2, axis=2), drawn[:, :, 0]):
        with pytest.raises(ModelFileError, match="committee.coefficients"):
            potential_of((metadata, {**arrays, f"0.{COMMITTEE}": wrong}), "wrong")
    broken = drawn.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises((ModelFileError, ValueError), match="committee"):
        potential_of((metadata, {**arrays, f"0.{COMMITTEE}": broken}), "broken")


def test_elements_of_a_sum(fitted: FitResult) -> None:
    """Atoms that the committee does not see have no spread."""
    elements, options = CASES["three densities, two elements"]
    model = make_model(elements, **options)
    metadata, arrays = model.contents([0.0, 0.0])
    rng = np.random.default_rng(1)
    members = model.coefficients + 0.01 * rng.normal(size=(4, *model.coefficients.shape))
    arrays[COMMITTEE] = committee_array(model.basis, members)
    child = potential_of((metadata, arrays), "child")
    total = {
        "family": "sum",
        "elements": elements,
        "cutoff": metadata["cutoff"],
        "isolated_energies": [0.0, 0.0],
        "children": [metadata, metadata],
    }
    both = {f"{k}.{name}": v for k in (0, 1) for name, v in arrays.items()}
    potential = potential_of((total, both), "sum")
    for atoms in mixed_structures(elements, 2):
        expected = np.sqrt(2.0) * uncertainties(child, atoms)
        np.testing.assert_allclose(uncertainties(potential, atoms), expected, rtol=1e-12)
