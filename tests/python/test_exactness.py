# SPDX-License-Identifier: BSD-3-Clause
"""What every model must obey: exact gradients, invariances, no dependence on settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from systems import systems
from tektite.potential import Potential


def evaluate(potential: Potential, atoms: Atoms, **options) -> dict:
    per_atom = options.pop("stresses", False)
    evaluator = potential.make_evaluator(**{"threads": 1, **options})
    return evaluator.evaluate(
        atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, stresses=per_atom
    )


def derivative(function, step: float) -> float:
    """Eighth-order central difference of function(x) at 0."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return sum(w * (function(k * step) - function(-k * step)) for k, w in weights.items()) / step


def assert_is_derivative(value: float, function, scale: float) -> None:
    """Some step gives the value to 1e-7: a wide one, or a narrow one where a density is near zero.

    There the embedding functions bend within a step; a wrong value would agree with no step.
    """
    estimates = [derivative(function, step) for step in (3e-4, 3e-5, 6e-6)]
    assert min(abs(e - value) for e in estimates) < 1e-7 * scale, (value, estimates)


def assert_equal_results(a: dict, b: dict, tolerance: float, rotation=None) -> None:
    """Energies, forces and stress agree, relative to the largest of each (at least 1)."""
    rotation = np.eye(3) if rotation is None else rotation
    scale = max(1.0, np.abs(a["energies"]).max(initial=0.0))
    np.testing.assert_allclose(b["energies"], a["energies"], rtol=0, atol=tolerance * scale)
    scale = max(1.0, np.abs(a["forces"]).max(initial=0.0))
    np.testing.assert_allclose(b["forces"], a["forces"] @ rotation, rtol=0, atol=tolerance * scale)


def test_forces_are_the_gradient(any_model: Potential) -> None:
    evaluator = any_model.make_evaluator(threads=1)

    @given(atoms=systems(any_model.elements), seed=st.integers(0, 2**32 - 1))
    def check(atoms: Atoms, seed: int) -> None:
        direction = np.random.default_rng(seed).normal(size=atoms.positions.shape)
        direction /= np.linalg.norm(direction)

        def energy(x: float) -> float:
            moved = atoms.positions + x * direction
            return evaluator.evaluate(atoms.numbers, moved, atoms.cell.array, atoms.pbc)["energy"]

        forces = evaluate(any_model, atoms)["forces"]
        scale = max(1.0, np.linalg.norm(forces), abs(energy(0.0)))
        assert_is_derivative(-np.vdot(forces, direction), energy, scale)

    check()


def test_stress_is_the_strain_derivative(any_model: Potential) -> None:
    evaluator = any_model.make_evaluator(threads=1)

    @given(atoms=systems(any_model.elements), seed=st.integers(0, 2**32 - 1))
    def check(atoms: Atoms, seed: int) -> None:
        strain = np.random.default_rng(seed).normal(size=(3, 3))
        strain = 0.5 * (strain + strain.T) / np.linalg.norm(strain)

        def energy(x: float) -> float:
            deformation = np.eye(3) + x * strain
            return evaluator.evaluate(
                atoms.numbers,
                atoms.positions @ deformation,
                atoms.cell.array @ deformation,
                atoms.pbc,
            )["energy"]

        results = evaluate(any_model, atoms, stresses=True)
        volume = atoms.get_volume()
        stress = results["stress"][[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
        scale = max(1.0, volume * np.abs(stress).max(), abs(energy(0.0)))
        assert_is_derivative(volume * np.vdot(stress, strain), energy, scale)
        total = results["stresses"].sum(axis=0)
        np.testing.assert_allclose(total, results["stress"], rtol=0, atol=1e-12 * scale)

    check()


def test_invariances(any_model: Potential) -> None:
    """Rotations and reflections, translations, permutations, wrapping into the cell."""

    @given(atoms=systems(any_model.elements), seed=st.integers(0, 2**32 - 1))
    def check(atoms: Atoms, seed: int) -> None:
        rng = np.random.default_rng(seed)
        reference = evaluate(any_model, atoms)

        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotated = atoms.copy()
        rotated.set_cell(atoms.cell.array @ rotation)
        rotated.positions = atoms.positions @ rotation
        assert_equal_results(reference, evaluate(any_model, rotated), 1e-10, rotation)

        moved = atoms.copy()
        moved.positions += rng.uniform(-20, 20, size=3)
        assert_equal_results(reference, evaluate(any_model, moved), 1e-10)

        moved.wrap()
        moved.positions -= moved.cell.array[0] * moved.pbc[0]
        assert_equal_results(reference, evaluate(any_model, moved), 1e-10)

        order = rng.permutation(len(atoms))
        permuted = evaluate(any_model, atoms[order])
        inverse = np.argsort(order)
        for key in ("energies", "forces"):
            permuted[key] = permuted[key][inverse]
        assert_equal_results(reference, permuted, 1e-10)

    check()


def test_repeated_cells_add_up(any_model: Potential) -> None:
    @given(atoms=systems(any_model.elements, max_atoms=4))
    def check(atoms: Atoms) -> None:
        repeats = [1 + int(p) for p in atoms.pbc]
        one, many = evaluate(any_model, atoms), evaluate(any_model, atoms.repeat(repeats))
        n = int(np.prod(repeats))
        tiled = {key: np.concatenate([one[key]] * n) for key in ("energies", "forces")}
        assert_equal_results(tiled, many, 1e-10)
        if atoms.pbc.all():
            scale = max(1.0, np.abs(one["stress"]).max())
            np.testing.assert_allclose(many["stress"], one["stress"], rtol=0, atol=1e-10 * scale)

    check()


def test_settings_change_nothing(any_model: Potential) -> None:
    """Threads, skin, instruction set; and the same object used again for other systems."""
    reused = any_model.make_evaluator(threads=2, skin=1.0)

    @given(atoms=systems(any_model.elements, max_atoms=12))
    def check(atoms: Atoms) -> None:
        reference = evaluate(any_model, atoms)
        options = [{"threads": 3}, {"skin": 0.7}, {"instruction_set": "baseline"}]
        for option in options:
            assert_equal_results(reference, evaluate(any_model, atoms, **option), 1e-11)
        arguments = (atoms.cell.array, atoms.pbc)
        first = reused.evaluate(atoms.numbers, atoms.positions, *arguments)
        assert_equal_results(reference, first, 1e-11)
        atoms.positions += np.random.default_rng(1).uniform(-0.2, 0.2, size=(len(atoms), 3))
        second = reused.evaluate(atoms.numbers, atoms.positions, *arguments)
        assert_equal_results(evaluate(any_model, atoms), second, 1e-11)

    check()


def test_workspaces_have_the_threads_asked_for(any_model: Potential) -> None:
    """The parts of a sum share them."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("the system does not list threads")
    before = len(list(tasks.iterdir()))
    evaluator = any_model.make_evaluator(threads=3)
    assert len(list(tasks.iterdir())) - before == 2, evaluator.description


def test_mixed_precision_is_close(any_model: Potential) -> None:
    @given(atoms=systems(any_model.elements))
    def check(atoms: Atoms) -> None:
        reference = evaluate(any_model, atoms)
        assert_equal_results(reference, evaluate(any_model, atoms, precision="mixed"), 1e-4)

    check()


def test_isolated_atoms_have_their_energies(any_model: Potential) -> None:
    for element, energy in any_model.isolated_energies.items():
        results = evaluate(any_model, Atoms(element))
        # A GAP adds what its SOAP terms give for an atom alone (test_gap.py has the formulas).
        if any_model.family != "gap":
            assert results["energy"] == pytest.approx(energy, abs=1e-12)
        assert np.all(results["forces"] == 0.0)
        assert "stress" not in results


def test_the_energy_is_smooth_through_the_cutoff(any_model: Potential) -> None:
    """A dimer pulled through every cutoff: no jump in the energy or in the force."""
    evaluator = any_model.make_evaluator(threads=1)
    for first in any_model.elements:
        for second in any_model.elements:
            numbers = Atoms([first, second]).numbers
            distances = np.arange(any_model.cutoff - 1.5, any_model.cutoff + 0.1, 1e-3)
            energies, forces = [], []
            for distance in distances:
                results = evaluator.evaluate(numbers, [[0, 0, 0], [0, 0, distance]])
                energies.append(results["energy"])
                forces.append(results["forces"][1, 2])
            slope = np.abs(forces).max() + 1e-9
            assert np.abs(np.diff(energies)).max() <= 1.5e-3 * slope
            curvature = np.abs(np.gradient(forces, 1e-3)).max() + 1e-9
            assert np.abs(np.diff(forces)).max() <= 2.5e-3 * curvature
            assert energies[-1] == pytest.approx(
                sum(evaluate(any_model, Atoms(e))["energy"] for e in (first, second)), abs=1e-12
            )
            assert forces[-1] == 0.0
