# SPDX-License-Identifier: BSD-3-Clause
"""QUIP's GAP files: what quippy computes is reproduced; what is not supported is refused."""

from __future__ import annotations

from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase import Atoms

import tektite
from quip_files import glue, pair_term, soap_term, triplet_term, turbo_term, write_gap
from systems import random_system
from tektite.convert import convert
from tektite.convert.quip import quip_contents
from tektite.convert.quip_xml import read_gap
from tektite.errors import ModelFileError, UnsupportedError

CORE = np.array(
    [[0.6, 90.0], [1.0, 60.0], [1.5, 30.0], [2.0, 10.0], [2.4, 3.0], [2.7, 0.5], [3.0, 0.0]]
)


def _silicon(folder: Path, kinds: list[str], core: str = "") -> Path:
    rng = np.random.default_rng(5)
    makers = {
        "2b": lambda k: pair_term(folder, k, ("Si", "Si"), rng),
        "3b": lambda k: triplet_term(folder, k, "Si", ("Si", "Si"), rng),
        "soap": lambda k: soap_term(folder, k, "Si", ["Si"], rng),
        "turbo": lambda k: turbo_term(folder, k, 0, ["Si"], rng),
    }
    terms = [makers[kind](k + 1) for k, kind in enumerate(kinds)]
    return write_gap(folder, terms, {"Si": -1.5}, core)


def _carbide(folder: Path) -> Path:
    rng = np.random.default_rng(6)
    terms = [
        pair_term(folder, 1, ("C", "C"), rng),
        pair_term(folder, 2, ("C", "Si"), rng),
        triplet_term(folder, 3, "Si", ("C", "Si"), rng),
        triplet_term(folder, 4, "C", ("Si", "Si"), rng),
        soap_term(folder, 5, "C", ["C", "Si"], rng),
        soap_term(folder, 6, "Si", ["C", "Si"], rng, "central_weight=0.4", zeta=2.0),
    ]
    return write_gap(folder, terms, {"Si": -1.5, "C": 0.25})


def _systems(elements: list[str]) -> list[Atoms]:
    crystal = ase.build.bulk("Si", cubic=True)
    crystal.rattle(0.2, seed=3)
    crystal.symbols = [elements[k % len(elements)] for k in range(len(crystal))]
    return [crystal] + [
        random_system(elements, seed, n, (periodic,) * 3, 1.6)
        for seed, n, periodic in ((1, 6, True), (2, 9, False))
    ]


def _compare(path: Path, folder: Path, systems: list[Atoms]) -> None:
    """Energies to 1e-8 eV/atom, forces to 1e-7 eV/Å: nothing but rounding (soap_turbo's most)."""
    potential = pytest.importorskip("quippy.potential")
    model = convert(path, folder / "x.mlip")
    reference = potential.Potential(param_filename=str(path))
    results = tektite.evaluate(systems, model)
    for k, atoms in enumerate(systems):
        periodic = atoms.copy()
        if not atoms.pbc.all():  # QUIP wants a cell
            periodic.set_cell(np.eye(3) * 40.0)
        periodic.calc = reference
        energy = periodic.get_potential_energy()
        assert results.energies[k] == pytest.approx(energy, abs=1e-8 * len(atoms))
        np.testing.assert_allclose(results.forces[k], periodic.get_forces(), atol=1e-7, rtol=1e-7)
        if atoms.pbc.all():
            np.testing.assert_allclose(
                results.stresses[k], periodic.get_stress(), atol=1e-9, rtol=1e-7
            )


@pytest.mark.parametrize(
    "kinds", [["2b"], ["3b"], ["soap"], ["turbo"], ["2b", "3b", "soap"]], ids="+".join
)
def test_silicon_as_quippy(tmp_path: Path, kinds: list[str]) -> None:
    _compare(_silicon(tmp_path, kinds), tmp_path, _systems(["Si"]))


def test_two_elements_as_quippy(tmp_path: Path) -> None:
    _compare(_carbide(tmp_path), tmp_path, _systems(["Si", "C"]))


def test_two_elements_with_soap_turbo_as_quippy(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    terms = [turbo_term(tmp_path, k + 1, k, ["Si", "C"], rng) for k in range(2)]
    _compare(write_gap(tmp_path, terms, {"Si": -1.5}), tmp_path, _systems(["Si", "C"]))


@pytest.mark.parametrize("filter_widths", [4.0, 2.0])
def test_damping_of_soap_turbo_as_quippy(tmp_path: Path, filter_widths: float) -> None:
    """What quippy leaves out near the soft cutoff; its forces do not know of all of it.

    Ours are the differences of its energy.
    """
    potential = pytest.importorskip("quippy.potential")
    rng = np.random.default_rng(8)
    # quippy keeps the basis of an earlier descriptor whose alpha_max was the same.
    term = turbo_term(tmp_path, 1, 0, ["Si"], rng, "poly3", (3, 0), filter_widths, scale=40.0)
    path = write_gap(tmp_path, [term], {"Si": -1.5})
    model = convert(path, tmp_path / "x.mlip")
    reference = potential.Potential(param_filename=str(path))

    def energy(atoms: Atoms) -> float:
        atoms.calc = reference
        return atoms.get_potential_energy()

    h = 1e-4
    for seed in range(3):
        crystal = ase.build.bulk("Si", cubic=True)
        crystal.set_cell(crystal.cell * (0.8 + 0.15 * seed), scale_atoms=True)
        crystal.rattle(0.2, seed=seed)
        result = tektite.evaluate(crystal, model)
        assert result.energies[0] == pytest.approx(energy(crystal), abs=1e-9 * len(crystal))
        moved = {}
        for step in (-2, -1, 1, 2):
            moved[step] = crystal.copy()
            moved[step].positions[seed, seed] += step * h
            moved[step] = energy(moved[step])
        slope = (8 * (moved[1] - moved[-1]) - moved[2] + moved[-2]) / (12 * h)
        assert result.forces[0][seed, seed] == pytest.approx(-slope, abs=2e-8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scaling_mode=polynomial", "scaling_mode=linear", "scaling_mode=linear is not"),
        ("compress_mode=trivial", "compress_mode=other", "compress_mode=other is not"),
        ("alpha_max=5", "alpha_max=6", "dimensions do not fit"),
        ("central_index=1", "central_index=2", "central_index does not fit"),
        ("alpha_max=5", "alpha_max={5 5}", "needs 1 values, not 2"),
    ],
)
def test_soap_turbo_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _edit(_silicon(tmp_path, ["turbo"]), old, new)
    with pytest.raises((UnsupportedError, ModelFileError), match=message):
        quip_contents(path)


@pytest.mark.parametrize("attributes", ["", 'y1="-120.0" yn="0.0"', 'y1="1.0e50" yn="1.0e50"'])
def test_core_as_quippy(tmp_path: Path, attributes: str) -> None:
    """A spline with its default ends, given slopes and natural ends; also below its first knot."""
    potential = pytest.importorskip("quippy.potential")
    path = _silicon(tmp_path, ["2b"], glue({("Si", "Si"): (attributes, CORE)}))
    model = convert(path, tmp_path / "x.mlip")
    assert model.family == "sum"
    reference = potential.Potential(param_filename=str(path))
    evaluator = model.make_evaluator(threads=1)
    for r in (0.3, 0.61, 0.8, 1.27, 2.2, 2.69, 2.95, 3.1):
        atoms = Atoms("Si2", [[0, 0, 0], [0, 0, r]], cell=[20] * 3, pbc=True)
        result = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        atoms.calc = reference
        assert result["energy"] == pytest.approx(atoms.get_potential_energy(), abs=2e-6)
        np.testing.assert_allclose(result["forces"], atoms.get_forces(), atol=1e-3, rtol=1e-5)


def test_contents(tmp_path: Path) -> None:
    """Pairs and triplets, which QUIP counts twice, have twice its weights."""
    path = _carbide(tmp_path)
    gap = read_gap(path)
    metadata, arrays = quip_contents(path)
    assert metadata["elements"] == ["C", "Si"]
    assert metadata["isolated_energies"] == [0.25, -1.5]
    assert [t["kind"] for t in metadata["terms"]] == ["distance_2b"] * 2 + ["angle_3b"] * 2 + [
        "soap"
    ] * 2
    for k, term in enumerate(gap.terms):
        factor = 1.0 if metadata["terms"][k]["kind"] == "soap" else 2.0
        np.testing.assert_array_equal(
            arrays[f"terms.{k}.weights"], factor * term.alpha * term.point_cutoffs
        )


def _edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<descriptor>soap ", "<descriptor>soap_express ", "descriptor 'soap_express' is not"),
        ("covariance_type=dot_product n_sp", "colour=red n_sp", "keyword 'colour' is not known"),
        ("covariance_type=dot_product n_sp", "Z_mix=T n_sp", "Z_mix=T is not supported"),
        ('covariance_type="2"', 'covariance_type="4"', "covariance_type pp is not supported"),
        ('signal_mean="0.0"', 'signal_mean="0.1"', "f0 .* is not supported"),
        ('gap_version="1700000000"', 'gap_version="1400000000"', "too old"),
        ("IP GAP label", "IP SW label", "potential .* is not supported"),
        ("Z=14 species_Z", "Z=0 species_Z", "any element"),
    ],
)
def test_unsupported_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _edit(_silicon(tmp_path, ["soap"]), old, new)
    with pytest.raises(UnsupportedError, match=message) as caught:
        quip_contents(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('dimensions="41"', 'dimensions="40"', "holds 287 numbers"),
        ('alpha="', 'alpha="x', "which is no number"),
        ('sparseX_md5sum="', 'sparseX_md5sum="0', "checksum"),
        ("n_max=4", "n_max=5", "dimensions do not fit n_max"),
        ("species_Z={14 }", "species_Z={14 6 }", "species_Z must name"),
        ("</gpCoordinates>", "", "not well-formed XML"),
        ("l_max=3", "", "'l_max' is missing"),
        ('<sparseX i="1"', '<sparseX i="9"', "not numbered"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _edit(_silicon(tmp_path, ["soap"]), old, new)
    with pytest.raises(ModelFileError, match=message):
        quip_contents(path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gp.xml"):
        quip_contents(tmp_path / "gp.xml")
    path = _silicon(tmp_path, ["2b"])
    next(tmp_path.glob("*.sparseX.*")).unlink()
    with pytest.raises(FileNotFoundError, match="sparse points"):
        quip_contents(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<point rho="1.0" E="0.0"/>', '<point rho="1.0" E="0.1"/>', "potential_density"),
        ('r="3" E="0"', 'r="3" E="0.5"', "ends at 0.5 eV"),
    ],
)
def test_unsupported_core(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _edit(_silicon(tmp_path, ["2b"], glue({("Si", "Si"): ("", CORE)})), old, new)
    with pytest.raises(UnsupportedError, match=message):
        quip_contents(path)
