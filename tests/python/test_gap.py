# SPDX-License-Identifier: BSD-3-Clause
"""GAP models: against a plain evaluation of the formulas; what a file may not hold."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tektite
from instruction_sets import available
from random_gap import evaluate, random_gap
from systems import random_system, varied_systems
from tektite import modelfile

ELEMENTS = [["Si"], ["O", "Si"]]


def load(tmp_path, metadata, arrays) -> tektite.Potential:
    return modelfile.write(tmp_path / "gap.mlip", metadata, arrays)


@pytest.mark.parametrize("elements", ELEMENTS)
@pytest.mark.parametrize("variant", ["full", "mixing", "turbo"])
def test_formulas(tmp_path, elements, variant):
    """Energies and uncertainties of every instruction set are those of the formulas."""
    metadata, arrays = random_gap(elements, seed=5, variant=variant)
    model = load(tmp_path, metadata, arrays)
    expected = [
        (atoms, *evaluate(metadata, arrays, atoms)) for atoms in varied_systems(elements, (3, 2, 1))
    ]
    for isa in available():
        evaluator = model.make_evaluator(threads=2, instruction_set=isa)
        for atoms, energies, deviations in expected:
            results = evaluator.evaluate(
                atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, uncertainties=True
            )
            np.testing.assert_allclose(results["energies"], energies, rtol=0, atol=1e-8)
            np.testing.assert_allclose(
                results["energies_uncertainty"], deviations, rtol=0, atol=1e-8
            )
            assert np.all(deviations > 0)


@pytest.mark.parametrize("elements", ELEMENTS)
def test_mixed_precision(tmp_path, elements):
    """Mixed precision stays close; uncertainties are double all the same."""
    model = load(tmp_path, *random_gap(elements, seed=5))
    double, mixed = (model.make_evaluator(p, threads=1) for p in ("double", "mixed"))
    for atoms in varied_systems(elements, (3, 2, 1)):
        system = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        a, b = (e.evaluate(*system, uncertainties=True) for e in (double, mixed))
        np.testing.assert_allclose(b["energies"], a["energies"], rtol=0, atol=2e-5)
        np.testing.assert_allclose(b["forces"], a["forces"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(
            b["energies_uncertainty"], a["energies_uncertainty"], rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("zeta", [1, 2, 3, 4, 5, 6, 1.5, 17])
def test_powers(tmp_path, zeta):
    metadata, arrays = random_gap(["Si"], seed=6, variance=False)
    metadata["terms"][0]["zeta"] = zeta
    model = load(tmp_path, metadata, arrays)
    assert not model.has_uncertainty
    atoms = random_system(["Si"], 3, 5, (True, False, True))
    expected, _ = evaluate(metadata, arrays, atoms)
    evaluator = model.make_evaluator(threads=1)
    results = evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    np.testing.assert_allclose(results["energies"], expected, rtol=0, atol=1e-8)
    h = 1e-4
    energies = []
    for step in (-2, -1, 1, 2):
        moved = atoms.positions.copy()
        moved[1, 0] += step * h
        energies.append(
            evaluator.evaluate(atoms.numbers, moved, atoms.cell.array, atoms.pbc)["energy"]
        )
    slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * h)
    assert results["forces"][1, 0] == pytest.approx(-slope, abs=1e-7)


def test_many_sparse_points(tmp_path):
    """More sparse points than the kernels hold at once, and a number that fills no tile."""
    metadata, arrays = random_gap(["Si"], seed=7, n_sparse=40, variance=False)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(215, arrays["terms.0.sparse_points"].shape[1]))
    arrays["terms.0.sparse_points"] = points / np.linalg.norm(points, axis=1)[:, None]
    arrays["terms.0.weights"] = rng.normal(size=215)
    atoms = varied_systems(["Si"], (3, 2, 1))[-1]
    expected, _ = evaluate(metadata, arrays, atoms)
    model = load(tmp_path, metadata, arrays)
    for n_threads in (1, 3):
        results = model.make_evaluator(threads=n_threads).evaluate(
            atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc
        )
        np.testing.assert_allclose(results["energies"], expected, rtol=0, atol=1e-8)


def broken(change) -> tuple[dict, dict]:
    metadata, arrays = random_gap(["O", "Si"], seed=8)
    metadata, arrays = copy.deepcopy(metadata), dict(arrays)
    change(metadata, arrays)
    return metadata, arrays


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, a: m.pop("terms"), "'terms'"),
        (lambda m, a: m.update(terms=[]), "'terms'.*at least one"),
        (lambda m, a: m.update(cutoff=4.4), "'cutoff'.*largest cutoff of the terms"),
        (lambda m, a: m["terms"][0].pop("delta"), r"terms\.0\.delta"),
        (lambda m, a: m["terms"][0].update(zetta=2), r"terms\.0\.zetta"),
        (lambda m, a: m["terms"][1].update(zeta=0.5), r"terms\.1\.zeta"),
        (lambda m, a: m["terms"][0].update(centers=["Cu"]), r"terms\.0\.centers.*'Cu'"),
        (lambda m, a: m["terms"][0].update(channels=[["O"], ["O"]]), r"channels.*twice"),
        (lambda m, a: m["terms"][0].update(channels=[[]]), r"terms\.0\.channels"),
        (lambda m, a: m["terms"][0].update(normalise=1), r"terms\.0\.normalise"),
        (lambda m, a: m["terms"][0].update(radial_basis="poly3"), "radial basis 'poly3'"),
        (lambda m, a: m["terms"][0].update(n_max=5), r"terms\.0\.sparse_points.*numbers"),
        (lambda m, a: m["terms"][2].update(theta=-1.0), r"terms\.2\.theta"),
        (lambda m, a: m["terms"][2].update(elements=["O"]), r"terms\.2\.elements"),
        (lambda m, a: m["terms"][5].update(theta=[1.0, 2.0]), r"terms\.5\.theta"),
        (lambda m, a: m["terms"][5].update(cutoff_transition_width=9.0), "transition_width"),
        (lambda m, a: a.pop("terms.3.weights"), r"terms\.3\.weights"),
        (lambda m, a: a.update({"terms.0.weights": np.ones(3)}), r"terms\.0\.weights.*3 numbers"),
        (
            lambda m, a: a.update({"terms.2.sparse_points": np.ones((0, 1))}),
            r"terms\.2\.sparse_points.*impossible",
        ),
        (lambda m, a: a.pop("variance.prior_factor"), r"variance\.prior_factor"),
        (
            lambda m, a: a.update({"variance.posterior_factor": np.eye(4)}),
            r"variance\.posterior_factor.*rows and columns",
        ),
        (
            lambda m, a: a.update({"variance.prior_factor": a["variance.prior_factor"].T.copy()}),
            r"variance\.prior_factor.*lower triangular",
        ),
    ],
)
def test_damaged_files(tmp_path, change, message):
    with pytest.raises(tektite.ModelFileError, match=message):
        load(tmp_path, *broken(change))


def test_unknown_terms(tmp_path):
    with pytest.raises(tektite.UnsupportedError, match="'soap_radial'"):
        load(tmp_path, *broken(lambda m, a: m["terms"][0].update(kind="soap_radial")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["terms"][0].update(cutoff=4.2), r"terms\.0\.cutoff.*largest hard cutoff"),
        (lambda m: m["terms"][0].update(compressed=2), r"terms\.0\.compressed"),
        (lambda m: m["terms"][0].update(n_max=2), r"terms\.0\.n_max"),
        (lambda m: m["terms"][0].pop("species"), r"terms\.0\.species"),
        (
            lambda m: m["terms"][0]["species"][1].update(elements=["O"]),
            r"terms\.0\.species\.1\.elements.*twice",
        ),
        (lambda m: m["terms"][0]["species"][0].update(sigma_r=-1.0), r"terms\.0.*sigmas"),
        (lambda m: m["terms"][0]["species"][0].update(alpha_max=3), r"terms\.0\.sparse_points"),
    ],
)
def test_damaged_turbo_terms(tmp_path, change, message):
    metadata, arrays = random_gap(["O", "Si"], seed=8, variant="turbo")
    metadata = copy.deepcopy(metadata)
    change(metadata)
    with pytest.raises(tektite.ModelFileError, match=message):
        load(tmp_path, metadata, arrays)
