# SPDX-License-Identifier: BSD-3-Clause
"""The calculator never gives a stale result, says what is wrong, and survives copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from hypothesis import given
from hypothesis import strategies as st

import tektite
from systems import random_system
from tektite import modelfile
from tektite.errors import (
    CloserThanTrainingWarning,
    NotFiniteError,
    UnknownSpeciesError,
    UnsupportedError,
)
from tektite.evaluator import Evaluator
from tektite.potential import Potential
from tektite.threads import default_threads


class Counting(tektite.TektiteCalculator):
    calls = 0

    def calculate(self, *args, **kwargs) -> None:
        self.calls += 1
        super().calculate(*args, **kwargs)


@pytest.fixture
def crystal() -> Atoms:
    atoms = ase.build.bulk("Si", "fcc", a=3.4, cubic=True) * (2, 1, 1)
    atoms.rattle(0.05, seed=1)
    return atoms


def fresh(atoms: Atoms, model) -> dict:
    """Results of a calculator that has never seen anything else."""
    atoms = atoms.copy()
    atoms.calc = tektite.TektiteCalculator(model, threads=1)
    return {
        "energy": atoms.get_potential_energy(),
        "forces": atoms.get_forces(),
        "energies": atoms.get_potential_energies(),
        "stress": atoms.get_stress() if atoms.cell.rank == 3 else None,
    }


def assert_up_to_date(atoms: Atoms, model) -> None:
    expected = fresh(atoms, model)
    assert atoms.get_potential_energy() == pytest.approx(expected["energy"], abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), expected["forces"], atol=1e-10)
    np.testing.assert_allclose(atoms.get_potential_energies(), expected["energies"], atol=1e-10)
    if expected["stress"] is not None:
        np.testing.assert_allclose(atoms.get_stress(), expected["stress"], atol=1e-10)


def test_all_properties(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path)
    energy = crystal.get_potential_energy()
    assert crystal.get_potential_energy(force_consistent=True) == energy
    assert crystal.get_potential_energies().sum() == pytest.approx(energy)
    assert crystal.get_forces().shape == (8, 3)
    assert crystal.get_stress().shape == (6,)
    np.testing.assert_allclose(crystal.get_stresses().sum(axis=0), crystal.get_stress())
    assert crystal.get_stress(voigt=False).shape == (3, 3)
    with pytest.raises(PropertyNotImplementedError):
        crystal.get_dipole_moment()


def test_results_are_kept_until_something_changes(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = calculator = Counting(morse_path)
    crystal.get_potential_energy()
    crystal.get_forces()
    crystal.get_stress()
    crystal.info["note"] = "not physics"
    crystal.set_initial_charges(np.ones(8))
    crystal.get_potential_energy()
    assert calculator.calls == 1
    crystal.get_stresses()
    crystal.get_forces()
    assert calculator.calls == 2


CHANGES = {
    "move one atom": lambda atoms, rng: atoms.positions.__setitem__((0, 1), rng.normal()),
    "move by less than 1e-12": lambda atoms, rng: atoms.positions.__iadd__(1e-13),
    "rattle": lambda atoms, rng: atoms.positions.__iadd__(rng.normal(size=(len(atoms), 3)) / 20),
    "strain": lambda atoms, rng: atoms.set_cell(atoms.cell.array * 1.01, scale_atoms=True),
    "cell alone": lambda atoms, rng: atoms.set_cell(atoms.cell.array * 1.02),
    "periodicity": lambda atoms, rng: atoms.set_pbc(rng.integers(2, size=3).astype(bool)),
    "other elements": lambda atoms, rng: atoms.set_atomic_numbers(
        rng.choice([8, 14], size=len(atoms))
    ),
    "one atom less": lambda atoms, rng: atoms.pop() if len(atoms) > 1 else None,
    "one atom more": lambda atoms, rng: atoms.append("Si"),
    "wrap": lambda atoms, rng: atoms.wrap(),
    "large drift": lambda atoms, rng: atoms.translate(rng.uniform(-30, 30, size=3)),
}


@given(
    changes=st.lists(st.sampled_from(list(CHANGES)), min_size=1, max_size=5),
    seed=st.integers(0, 10**6),
)
def test_no_change_goes_unnoticed(model_folder: Path, changes: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    potential = tektite.load(model_folder / "table-Si-O.mlip")
    atoms = random_system(["Si", "O"], seed, 5, (True, True, False))
    atoms.calc = tektite.TektiteCalculator(potential, skin=0.6)
    assert_up_to_date(atoms, potential)
    for change in changes:
        CHANGES[change](atoms, rng)
        if change == "one atom more":  # it appears at the origin
            atoms.positions[-1] = atoms.positions.max(axis=0) + 2.0
        assert_up_to_date(atoms, potential)


def test_one_calculator_for_many_atoms(crystal: Atoms, morse_path: Path) -> None:
    other = crystal.copy()
    other.set_cell(other.cell.array * 1.03, scale_atoms=True)
    crystal.calc = other.calc = tektite.TektiteCalculator(morse_path)
    for _ in range(2):
        assert_up_to_date(crystal, morse_path)
        assert_up_to_date(other, morse_path)


def test_arrays_given_out_are_the_callers(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path)
    forces = crystal.get_forces()
    crystal.get_forces()[:] = 0.0
    np.testing.assert_array_equal(crystal.get_forces(), forces)


def test_copies_and_pickles(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path, precision="double", skin=0.3)
    crystal.get_potential_energy()
    for duplicate in (copy.deepcopy(crystal), pickle.loads(pickle.dumps(crystal))):
        assert duplicate.calc is not crystal.calc
        assert duplicate.calc.parameters == crystal.calc.parameters
        duplicate.positions[0] += 0.1
        assert_up_to_date(duplicate, morse_path)
        assert_up_to_date(crystal, morse_path)


def test_pickle_of_a_model_without_a_file(crystal: Atoms, morse_path: Path) -> None:
    contents = modelfile.read(morse_path)
    potential = Potential.from_arrays(contents.metadata, contents.arrays)
    crystal.calc = pickle.loads(pickle.dumps(tektite.TektiteCalculator(potential)))
    assert_up_to_date(crystal, morse_path)


def test_changing_parameters_drops_results(crystal: Atoms, model_folder: Path) -> None:
    path = model_folder / "ace-Si.mlip"
    crystal.calc = calculator = Counting(path)
    double = crystal.get_potential_energy()
    assert "double" in calculator.description
    assert calculator.set(precision="mixed") == {"precision": "mixed"}
    assert "mixed" in calculator.description
    assert crystal.get_potential_energy() == pytest.approx(double, rel=1e-4)
    assert calculator.calls == 2
    assert calculator.set(precision="mixed") == {}
    with pytest.raises(TypeError, match="presicion"):
        calculator.set(presicion="double")
    with pytest.raises(TypeError, match="modle"):
        tektite.TektiteCalculator(path, modle="x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "single"}, "single.*double.*mixed"),
        ({"threads": 0}, "threads.*at least 1"),
        ({"skin": -0.1}, "skin"),
        ({"skin": float("nan")}, "skin"),
        ({"instruction_set": "sse"}, "sse.*baseline"),
    ],
)
def test_meaningless_parameters(morse_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tektite.TektiteCalculator(morse_path, **options)


def test_unknown_species_names_the_atom(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path)
    crystal.symbols[3] = "Ge"
    with pytest.raises(UnknownSpeciesError, match=r"atom 3 is Ge.*made for Si"):
        crystal.get_potential_energy()
    crystal.symbols[3] = "Si"
    assert_up_to_date(crystal, morse_path)
    crystal.numbers[2] = 0
    with pytest.raises(UnknownSpeciesError, match="atom 2 is X"):
        crystal.get_potential_energy()
    crystal.numbers[2] = 400
    with pytest.raises(UnknownSpeciesError, match="atom 2 is atomic number 400"):
        crystal.get_potential_energy()


def test_positions_and_cells_must_be_finite(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path)
    crystal.get_forces()
    for bad in (np.nan, np.inf):
        crystal.positions[5, 2] = bad
        for _ in range(2):
            with pytest.raises(NotFiniteError, match="atom 5"):
                crystal.get_forces()
    crystal.positions[5, 2] = 1.0
    crystal.cell[0, 0] = np.nan
    with pytest.raises(NotFiniteError, match="cell"):
        crystal.get_forces()


def test_atoms_on_top_of_each_other(crystal: Atoms, model_folder: Path) -> None:
    for name in ("table-Si", "ace-Si"):
        crystal.calc = tektite.TektiteCalculator(model_folder / f"{name}.mlip")
        crystal.positions[6] = crystal.positions[1]
        with pytest.raises(ValueError, match=r"atoms 1 and 6 .*same place|atoms 6 and 1 "):
            crystal.get_forces()


def test_degenerate_cells(morse_path: Path) -> None:
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.4]], pbc=True)
    atoms.calc = tektite.TektiteCalculator(morse_path)
    with pytest.raises(ValueError, match="periodic"):
        atoms.get_forces()
    atoms.set_cell([[5, 0, 0], [0, 5, 0], [5, 5, 0]])
    with pytest.raises(ValueError, match=r"periodic|depend"):
        atoms.get_forces()
    atoms.pbc = [True, True, False]
    energy = atoms.get_potential_energy()
    atoms.cell[2] = [0, 0, 30]
    assert atoms.get_potential_energy() == energy
    assert_up_to_date(atoms, morse_path)


def test_no_atoms_and_one_atom(morse_path: Path) -> None:
    for atoms in (Atoms(), Atoms(cell=[4, 4, 4], pbc=True)):
        atoms.calc = tektite.TektiteCalculator(morse_path)
        assert atoms.get_potential_energy() == 0.0
        assert atoms.get_forces().shape == (0, 3)
    np.testing.assert_array_equal(atoms.get_stress(), np.zeros(6))
    atom = Atoms("Si")
    atom.calc = tektite.TektiteCalculator(morse_path)
    assert atom.get_potential_energy() == 0.0
    self_image = Atoms("Si", cell=[2.4, 0, 0], pbc=[True, False, False])
    self_image.calc = atom.calc
    assert self_image.get_potential_energy() < -0.3


def test_stress_needs_a_volume(morse_path: Path) -> None:
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])
    atoms.calc = tektite.TektiteCalculator(morse_path)
    atoms.get_forces()
    for get in (atoms.get_stress, atoms.get_stresses):
        with pytest.raises(PropertyNotImplementedError, match="no volume"):
            get()
    atoms.get_forces()
    atoms.cell = [8, 8, 8]
    assert atoms.get_stress()[2] != 0.0


def test_warns_once_below_the_training_distances(tmp_path: Path, morse_path: Path) -> None:
    contents = modelfile.read(morse_path)
    metadata = {**contents.metadata, "minimum_distances": [[2.1]]}
    modelfile.write(tmp_path / "model.mlip", metadata, contents.arrays)
    calculator = tektite.TektiteCalculator(tmp_path / "model.mlip")
    atoms = Atoms("Si3", [[0, 0, 0], [0, 0, 2.2], [0, 2.05, 2.2]])
    atoms.calc = calculator
    with pytest.warns(CloserThanTrainingWarning, match=r"atoms 1 \(Si\) and 2 \(Si\) are 2\.050"):
        atoms.get_forces()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atoms.positions[2, 1] = 2.0
        atoms.get_forces()
        atoms.calc = tektite.TektiteCalculator(tmp_path / "model.mlip")
        atoms.positions[2, 1] = 2.2
        atoms.get_forces()


def test_uncertainty_of_a_model_that_has_none(crystal: Atoms, morse_path: Path) -> None:
    crystal.calc = tektite.TektiteCalculator(morse_path)
    assert "energies_uncertainty" not in crystal.calc.implemented_properties
    with pytest.raises(PropertyNotImplementedError):
        crystal.calc.get_property("energies_uncertainty", crystal)
    with pytest.raises(UnsupportedError, match="uncertainty"):
        tektite.load(morse_path).make_evaluator().evaluate([14], [[0, 0, 0]], uncertainties=True)


class UncertainEvaluator(Evaluator):
    """Says that the energy of each atom is uncertain by its height."""

    def evaluate(self, numbers, positions, *args, uncertainties=False, **kwargs) -> dict:
        results = super().evaluate(numbers, positions, *args, **kwargs)
        if uncertainties:
            results["energies_uncertainty"] = np.array(positions)[:, 2]
        return results


class Uncertain(Potential):
    has_uncertainty = True

    def make_evaluator(self, *args) -> Evaluator:
        return UncertainEvaluator(self, *args)


def test_uncertainty_is_computed_where_asked_for(crystal: Atoms, morse_path: Path) -> None:
    potential = tektite.load(morse_path)
    crystal.calc = calculator = Counting(Uncertain(potential._model, potential._source))
    forces = crystal.get_forces()
    assert "energies_uncertainty" not in calculator.results
    for _ in range(2):
        uncertainty = calculator.get_property("energies_uncertainty", crystal)
        np.testing.assert_array_equal(uncertainty, crystal.positions[:, 2])
        np.testing.assert_array_equal(crystal.get_forces(), forces)
    assert calculator.calls == 2
    crystal.positions[:, 2] += 0.25
    uncertainty = calculator.get_property("energies_uncertainty", crystal)
    np.testing.assert_array_equal(uncertainty, crystal.positions[:, 2])
    assert "energies_uncertainty" not in tektite.TektiteCalculator.implemented_properties


def test_default_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEKTITE_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert default_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert default_threads() == 3
    monkeypatch.setenv("TEKTITE_NUM_THREADS", "2")
    assert default_threads() == 2
    monkeypatch.setenv("TEKTITE_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="TEKTITE_NUM_THREADS"):
        default_threads()


def test_evaluate_many_systems(any_model: Potential) -> None:
    systems = [
        random_system(any_model.elements, seed, 4, (seed % 2 == 0, True, False))
        for seed in range(4)
    ]
    systems.append(Atoms(any_model.elements[0]))
    result = tektite.evaluate(iter(systems), any_model)
    assert len(result) == 5
    assert result.stresses.shape == (5, 6)
    assert np.isnan(result.stresses[4]).all()
    for k, atoms in enumerate(systems):
        expected = fresh(atoms, any_model)
        assert result.energies[k] == pytest.approx(expected["energy"], abs=1e-10)
        np.testing.assert_allclose(result.forces[k], expected["forces"], atol=1e-10)
        np.testing.assert_allclose(result.atom_energies[k], expected["energies"], atol=1e-10)
        if expected["stress"] is not None:
            np.testing.assert_allclose(result.stresses[k], expected["stress"], atol=1e-10)
    assert len(tektite.evaluate(systems[0], any_model)) == 1
    assert tektite.evaluate([], any_model).stresses.shape == (0, 6)
    systems[2].symbols[1] = "Xe"
    with pytest.raises(UnknownSpeciesError, match=r"system 2.*atom 1 is Xe"):
        tektite.evaluate(systems, any_model)


@pytest.mark.parametrize("threads", [1, 2])
def test_batches_of_many_systems(any_model: Potential, threads: int, monkeypatch) -> None:
    """More than one batch; no atoms, one atom, clusters, slabs and crystals side by side."""
    monkeypatch.setattr("tektite.evaluation._ATOMS_PER_THREAD", 30)
    rng = np.random.default_rng(threads)
    systems = [Atoms(), Atoms(any_model.elements[0], cell=[2.5, 2.5, 2.5], pbc=True)]
    for seed in range(30):
        n = int(rng.integers(1, 12))
        systems.append(random_system(any_model.elements, seed, n, tuple(rng.random(3) < 0.5)))
    systems.append(Atoms())
    result = tektite.evaluate(systems, any_model, threads=threads)
    for k, atoms in enumerate(systems):
        expected = fresh(atoms, any_model)
        scale = max(1.0, float(np.abs(expected["forces"]).max(initial=0.0)))
        assert result.energies[k] == pytest.approx(expected["energy"], rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(result.forces[k], expected["forces"], atol=1e-10 * scale)
        np.testing.assert_allclose(
            result.atom_energies[k], expected["energies"], rtol=1e-10, atol=1e-10
        )
        if expected["stress"] is None:
            assert np.isnan(result.stresses[k]).all()
        else:
            np.testing.assert_allclose(
                result.stresses[k], expected["stress"], rtol=1e-9, atol=1e-10 * scale
            )


def test_evaluate_names_the_system_to_blame(any_model: Potential) -> None:
    good = random_system(any_model.elements, 1, 3, (True, True, True))
    bad = good.copy()
    bad.positions[2] = bad.positions[1]
    with pytest.raises(ValueError, match=r"system 2: .*1.*2"):
        tektite.evaluate([good, good, bad], any_model)
    bad = good.copy()
    bad.positions[1, 2] = np.nan
    with pytest.raises(NotFiniteError, match=r"system 1: .*atom 1"):
        tektite.evaluate([good, bad], any_model)
    bad = good.copy()
    bad.cell[1] = bad.cell[0]
    with pytest.raises(ValueError, match="system 1"):
        tektite.evaluate([good, bad], any_model)


def test_calls_from_several_threads_share_a_model(crystal: Atoms, morse_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    potential = tektite.load(morse_path)
    expected = fresh(crystal, potential)["energy"]

    def energy(_: int) -> float:
        atoms = crystal.copy()
        atoms.calc = tektite.TektiteCalculator(potential, threads=2)
        return [atoms.get_potential_energy(), atoms.rattle(0.0), atoms.get_potential_energy()][0]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(energy, range(16))) == pytest.approx([expected] * 16, abs=1e-10)
