# SPDX-License-Identifier: BSD-3-Clause
"""GAP fits: rows against finite differences, results against full processes, files, options."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from typer.testing import CliRunner

import tektite
from fit_data import label, mixed_structures, silicon_structures, teacher, write_frames
from instruction_sets import require
from random_models import MODELS
from systems import random_system
from tektite import modelfile
from tektite.cli.app import app
from tektite.data import Frame
from tektite.errors import DataError, UnsupportedError
from tektite.fit import run_config
from tektite.fit.dataset import Target, make_targets, species_of
from tektite.fit.families import estimate_config
from tektite.fit.gap.config import GapFitConfig, load_gap_config, parse_gap_config
from tektite.fit.gap.pair_term import make_pair_terms
from tektite.fit.gap.rows import Design
from tektite.fit.gap.run import fit_gap_frames
from tektite.fit.gap.sigmas import SigmaWeights
from tektite.fit.gap.soap_term import SoapSource, make_soap_terms
from tektite.fit.gap.term import VOIGT, Rows
from tektite.fit.gap.triplet_term import make_triplet_terms
from tektite.potential import Potential
from tektite.report import calibrate
from tektite.soap import SOAP

GOOD_SOAP = {"cutoff": 5.0, "n_max": 6, "l_max": 4, "n_sparse": 300, "delta": 2.0}
SMALL_SOAP = {"cutoff": 4.0, "n_max": 4, "l_max": 3, "n_sparse": 30}


def _config(**sections: object) -> GapFitConfig:
    content = {
        "family": "gap",
        "data": {"train": "unused"},
        "baseline": {"kind": "none"},
        "distance_2b": {"cutoff": 4.0, "n_sparse": 8},
        "angle_3b": {"cutoff": 3.4, "n_sparse": 6},
        "soap": SMALL_SOAP,
        "threads": 1,
    }
    return parse_gap_config({**content, **sections})


def _morse() -> Potential:
    return Potential.from_arrays(*MODELS["table-Si"]())


def _design(config: GapFitConfig, elements: list[str], systems: list[Atoms]) -> Design:
    source = SoapSource(config.soap, elements)
    features = [[] for _ in elements]
    for atoms in systems:
        p = source.features(atoms)
        for k, symbol in enumerate(elements):
            features[k].append(p[atoms.symbols == symbol])
    closest = np.full((len(elements), len(elements)), 1.6)
    frames = [Frame(a, None, None, None, "all", 0, "made") for a in systems]
    targets = [Target(f, species_of(f, elements), None, None, None, 1, 1, 1) for f in frames]
    return Design(
        [
            *make_triplet_terms(config.angle_3b, len(elements), targets, len(targets), 1),
            *make_pair_terms(config.distance_2b, len(elements), closest),
            *make_soap_terms(config.soap, elements, [np.concatenate(f) for f in features], 1),
        ],
        source,
    )


def _rows(design: Design, atoms: Atoms, elements: list[str], derivatives: bool = True) -> Rows:
    frame = Frame(atoms, 0.0, None, None, "all", 0, "made")
    forces = np.zeros((len(atoms), 3)) if derivatives else None
    return design.rows(Target(frame, species_of(frame, elements), 0.0, forces, None, 1, 1, 1))


@pytest.mark.parametrize("case", range(3))
def test_rows_are_derivatives(case: int) -> None:
    """Cells smaller than the cutoff, a slab and a cluster, of two elements."""
    elements = ["C", "Si"]
    periodic = [(True,) * 3, (True, True, False), (False,) * 3][case]
    atoms = random_system(elements, case, 5, periodic, 1.7)
    design = _design(_config(), elements, [atoms])
    rows = _rows(design, atoms, elements)
    assert rows.forces is not None and rows.virial is not None
    h = 1e-5

    def energies(changed: list[Atoms]) -> np.ndarray:
        plus, minus = (_rows(design, a, elements, False).energy for a in changed)
        return (plus - minus) / (2 * h)

    for atom, direction in ((0, 0), (3, 1), (4, 2)):
        moved = [atoms.copy(), atoms.copy()]
        for sign, system in zip((1, -1), moved):
            system.positions[atom, direction] += sign * h
        np.testing.assert_allclose(rows.forces[atom, direction], -energies(moved), atol=1e-6)
    for k, (a, b) in enumerate(VOIGT):
        strained = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += 0.5 * sign * h
            strain[b, a] += 0.5 * sign * h
            system = atoms.copy()
            system.set_cell(atoms.cell.array @ strain)
            system.positions = atoms.positions @ strain
            strained.append(system)
        np.testing.assert_allclose(rows.virial[k], -energies(strained), atol=1e-6)
    np.testing.assert_allclose(rows.forces.sum(axis=0), 0.0, atol=1e-10)


@pytest.mark.parametrize(("isa", "zeta"), [("baseline", 4.0), ("avx2", 1.0), ("avx512", 2.5)])
def test_rows_are_the_plain_sums(isa: str, zeta: float) -> None:
    """Covariances from explicit gradients of all edges; more sparse points than one panel."""
    require(isa)
    elements = ["C", "Si"]
    soap = SOAP(elements, 4.0, 3, 2, 0.5, threads=1)
    rng = np.random.default_rng(5)
    points = np.abs(rng.normal(size=(37, soap.n_features)))
    points /= np.linalg.norm(points, axis=1)[:, None]
    rows = soap._engine.make_covariance_rows(points, zeta, isa)
    systems = [random_system(elements, 3, 5, (True,) * 3, 1.7), Atoms("C")]
    for atoms in [*systems, random_system(elements, 4, 9, (False,) * 3, 1.7), Atoms()]:
        n = len(atoms)
        found = Rows.zeros(n, 40, True)
        columns = found.columns(slice(2, 39))
        soap._engine.add_covariances(
            rows, atoms.positions, soap._species(atoms, 0), atoms.cell.array, atoms.pbc, 1,
            columns.energy, columns.forces, columns.virial,
        )  # fmt: skip
        edges = soap.edge_gradients(atoms)
        plain = Rows.zeros(n, 40, True)
        for i in np.flatnonzero(atoms.symbols == "Si"):
            overlap = points @ edges.features[i]
            plain.energy[2:39] += overlap**zeta
            for e in range(edges.first[i], edges.first[i + 1]):
                slope = zeta * overlap ** (zeta - 1) * (edges.gradients[e] @ points.T)
                plain.forces[edges.neighbors[e], :, 2:39] -= slope
                plain.forces[i, :, 2:39] += slope
                for row, (a, b) in zip(plain.virial, VOIGT):
                    row[2:39] -= edges.vectors[e, a] * slope[b]
        for mine, theirs in zip(dataclasses.astuple(found), dataclasses.astuple(plain)):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


def test_rows_refuse_arrays_that_do_not_fit() -> None:
    soap = SOAP(["Si"], 4.0, 2, 1, 0.5, threads=1)
    with pytest.raises(ValueError, match="6 features"):
        soap._engine.make_covariance_rows(np.ones((2, 5)), 2.0)
    with pytest.raises(ValueError, match="zeta"):
        soap._engine.make_covariance_rows(np.ones((2, 6)), 0.5)
    rows = soap._engine.make_covariance_rows(np.ones((2, 6)), 2.0)
    atoms, out = Atoms("Si"), Rows.zeros(1, 2, True)
    place = (atoms.positions, np.zeros(1, np.int32), atoms.cell.array, atoms.pbc, 0)
    with pytest.raises(ValueError, match="covariances"):
        soap._engine.add_covariances(rows, *place, out.energy, out.forces, None)
    with pytest.raises(ValueError, match="covariances"):
        soap._engine.add_covariances(rows, *place, out.energy[:1], out.forces, out.virial)


def test_engine_computes_what_the_rows_say() -> None:
    """Energy, forces and stress of the potential are the rows of the fit times its weights."""
    elements = ["C", "Si"]
    systems = mixed_structures(elements, 6)
    frames = label(systems, teacher(elements, energies=[-1.0, -2.0]))
    config = _config(isolated_energies={"C": -1.0, "Si": -2.0})
    result = fit_gap_frames(config, frames)
    design = Design(result.terms, SoapSource(config.soap, elements))
    delta = np.concatenate([np.full(t.n_points, result.deltas[t.kind]) for t in result.terms])
    weights = result.solution.weights * delta**2
    new = random_system(elements, 77, 7, (True,) * 3, 1.8)
    evaluation = tektite.evaluate(new, result.potential)
    rows = _rows(design, new, elements)
    isolated = sum(-1.0 if s == "C" else -2.0 for s in new.symbols)
    assert evaluation.energies[0] - isolated == pytest.approx(float(rows.energy @ weights))
    np.testing.assert_allclose(evaluation.forces[0], rows.forces @ weights, atol=1e-8)
    virial = -new.get_volume() * evaluation.stresses[0]
    np.testing.assert_allclose(virial, rows.virial @ weights, atol=1e-7)


def test_sparse_points_of_single_groups() -> None:
    """Each named group gives as many as asked for, the others the rest; never a copy."""
    soap = SOAP(["C", "Si"], 4.0, 4, 3, 0.5, threads=1)
    rng = np.random.default_rng(3)
    features = [np.abs(rng.normal(size=(n, soap.n_features))) for n in (40, 60)]
    features = [x / np.linalg.norm(x, axis=1)[:, None] for x in features]
    groups = [np.array(["melt", "crystal"] * 20), np.array(["melt", "slab", "crystal"] * 20)]
    features[1][1] = features[1][0]
    for method in ("k_means", "cur", "farthest", "random"):
        config = _config(
            soap={
                **SMALL_SOAP,
                "n_sparse": 20,
                "group_n_sparse": {"melt": 7, "slab": 20 - 9},
                "sparse_method": method,
            }
        ).soap
        carbon, silicon = make_soap_terms(config, ["C", "Si"], features, 1, groups)
        for term, x, names, expected in (
            (carbon, features[0], groups[0], {"melt": 7, "crystal": 2}),
            (silicon, features[1], groups[1], {"melt": 7, "slab": 11, "crystal": 2}),
        ):
            index = [int(np.argmin(((x - p) ** 2).sum(axis=1))) for p in term.points]
            found = {str(name): int((names[index] == name).sum()) for name in expected}
            copies = {"slab": 1} if 0 in index and term is silicon else {}
            assert all(expected[k] - found[k] <= copies.get(k, 0) for k in expected)
    with pytest.raises(ValueError, match="has 'liquid', but the groups of the data are crystal"):
        bad = _config(soap={**SMALL_SOAP, "group_n_sparse": {"liquid": 3}}).soap
        make_soap_terms(bad, ["C", "Si"], features, 1, groups)
    with pytest.raises(ValueError, match="more than the 30 points"):
        bad = _config(soap={**SMALL_SOAP, "group_n_sparse": {"melt": 31}}).soap
        make_soap_terms(bad, ["C", "Si"], features, 1, groups)
    with pytest.raises(ValueError, match="must not be negative"):
        _config(soap={**SMALL_SOAP, "group_n_sparse": {"melt": -1}})


def test_all_environments_sparse_is_the_full_process() -> None:
    """Mean and variance of atoms' energies, from total energies, by dense algebra on all atoms."""
    systems = silicon_structures(6, seed=4)
    systems = [s for s in systems if len(s) <= 8]
    rng = np.random.default_rng(0)
    frames = [
        Frame(s, float(rng.normal()), None, None, "all", k, "made") for k, s in enumerate(systems)
    ]
    zeta, delta, sigma = 2.0, 0.8, 0.05
    config = _config(
        distance_2b=None,
        angle_3b=None,
        soap={**SMALL_SOAP, "zeta": zeta, "delta": delta, "n_sparse": 1000},
        sigma={"energy": sigma},
        isolated_energies={"Si": 0.0},
        regression={"jitter": 1e-11},
    )
    result = fit_gap_frames(config, frames)
    soap = SOAP(["Si"], 4.0, 4, 3)
    features = soap.features(systems)
    # Atoms that are inversions of one another need only be there once.
    assert result.terms[0].n_points >= len(np.concatenate(features)) - len(frames)

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return delta**2 * (a @ b.T) ** zeta

    total = np.array([[covariance(a, b).sum() for b in features] for a in features])
    total += np.diag([sigma**2 * len(a) for a in features])
    new = silicon_structures(3, seed=9)[1]
    p = soap.features(new)
    k = np.stack([covariance(p, b).sum(axis=1) for b in features], axis=1)
    mean = k @ np.linalg.solve(total, [f.energy for f in frames])
    variance = np.diag(covariance(p, p)) - np.einsum("ij,ij->i", k, np.linalg.solve(total, k.T).T)
    evaluator = result.potential.make_evaluator(threads=1)
    found = evaluator.evaluate(
        new.numbers, new.positions, new.cell.array, new.pbc, uncertainties=True
    )
    np.testing.assert_allclose(found["energies"], mean, atol=1e-6)
    np.testing.assert_allclose(found["energies_uncertainty"], np.sqrt(variance), atol=1e-5)


def test_learns_a_known_potential() -> None:
    """SOAP alone learns a pair potential: better with more data, far below the spread of it."""
    potential = _morse()
    frames = label(silicon_structures(60), potential)
    test = label(silicon_structures(10, seed=5), potential)
    spread = float(np.std(np.concatenate([f.forces.ravel() for f in test])))
    errors = []
    for n in (10, 60):
        config = _config(distance_2b=None, angle_3b=None, soap=GOOD_SOAP)
        result = fit_gap_frames(config, frames[:n], test)
        assert result.test is not None
        errors.append(result.test.total.force.rmse)
    assert errors[1] < 0.6 * errors[0] and errors[1] < 0.15 * spread


def test_sigmas_of_groups_and_frames() -> None:
    frames = label(silicon_structures(2), teacher(["Si"]), "bulk")
    frames[1].group = "other"
    frames[1].atoms.info["force_sigma"] = 0.5
    config = _config(sigma={"energy": 0.002, "virial": math.inf}, groups={"other": {"energy": 0.1}})
    first, second = make_targets(frames, ["Si"], np.zeros(1), SigmaWeights(config), None)
    n = len(frames[0].atoms)
    assert first.weight_energy == pytest.approx(1 / (0.002 * math.sqrt(n)))
    assert first.weight_forces == pytest.approx(20.0)
    assert first.virial is None and first.forces is not None
    assert second.weight_energy == pytest.approx(1 / (0.1 * math.sqrt(len(frames[1].atoms))))
    assert second.weight_forces == pytest.approx(2.0)
    frames[1].atoms.info["force_sigma"] = -1.0
    with pytest.raises(DataError, match="force_sigma is -1.0"):
        make_targets(frames, ["Si"], np.zeros(1), SigmaWeights(config), None)
    with pytest.raises(DataError, match="groups has 'nobody'"):
        fit_gap_frames(_config(groups={"nobody": {"energy": 1.0}}), frames[:1])


@pytest.mark.parametrize("method", ["evidence", "cross_validation"])
def test_hyperparameters_are_chosen(method: str) -> None:
    """With a choice of zeta; a hopeless start is left behind."""
    frames = label(silicon_structures(20), _morse())
    test = label(silicon_structures(6, seed=5), _morse())
    sections = {
        "angle_3b": None,
        "distance_2b": {"cutoff": 5.0, "delta": 0.05},
        "soap": {**GOOD_SOAP, "n_sparse": 60, "delta": 0.01, "zeta": [1, 4]},
        "sigma": {"energy": 0.01, "forces": 1.0, "virial": 1.0},
    }
    fixed = fit_gap_frames(
        _config(**{**sections, "soap": {**sections["soap"], "zeta": 4}}), frames, test
    )
    chosen = fit_gap_frames(
        _config(**sections, regression={"method": method, "folds": 4}), frames, test
    )
    assert chosen.test.total.force.rmse < 0.5 * fixed.test.total.force.rmse
    assert max(chosen.deltas.values()) > 0.05 and chosen.zeta in (1.0, 4.0)
    if method == "evidence":
        assert chosen.solution.log_evidence > fixed.solution.log_evidence + 100
        assert chosen.scales["forces"] < 0.7
    else:
        assert set(chosen.scales.values()) == {1.0}


def test_threads_change_nothing(tmp_path: Path) -> None:
    """The same file, byte for byte, on one and on two threads."""
    frames = label(silicon_structures(12), teacher(["Si"]))
    write_frames(tmp_path / "train.extxyz", frames)
    contents = []
    for threads in (1, 2):
        config = _write_config(tmp_path, threads=threads)
        result = CliRunner().invoke(app, ["fit", str(config)])
        assert result.exit_code == 0, result.output
        contents.append((tmp_path / "si.mlip").read_bytes())
    assert contents[0] == contents[1]


def test_data_without_stresses(tmp_path: Path) -> None:
    """Errors that there are none of do not stop a fit."""
    clusters = [s for s in silicon_structures(14) if not s.pbc.all()]
    write_frames(tmp_path / "train.extxyz", label(clusters, teacher(["Si"])))
    result = CliRunner().invoke(app, ["fit", str(_write_config(tmp_path))])
    assert result.exit_code == 0, result.output
    errors = tektite.load(tmp_path / "si.mlip").metadata["provenance"]["errors"]["train"]
    assert errors["stress_GPa"] is None and errors["force_eV_per_A"] > 0


def _write_config(folder: Path, **sections: object) -> Path:
    content = {
        "family": "gap",
        "data": {"train": "train.extxyz"},
        "distance_2b": {"cutoff": 4.0, "n_sparse": 8},
        "soap": SMALL_SOAP,
        **sections,
    }
    path = folder / "si.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_command_writes_everything(tmp_path: Path) -> None:
    frames = label(silicon_structures(12), teacher(["Si"]))
    write_frames(tmp_path / "train.extxyz", frames)
    result = CliRunner().invoke(app, ["fit", str(_write_config(tmp_path))])
    assert result.exit_code == 0, result.output
    assert "sparse points" in result.output and "delta soap" in result.output
    potential = tektite.load(tmp_path / "si.mlip")
    assert potential.family == "sum" and potential.has_uncertainty
    assert potential.check()["passed"]
    summary = json.loads((tmp_path / "si.errors.json").read_text())
    assert summary["sparse_points"] == {"distance_2b": 8, "soap": 30}
    assert summary["regression"]["jitter"]["soap"] >= 1e-8
    assert summary["train"]["all"]["force"]["rmse"] > 0
    assert (tmp_path / "si.parity-train.png").stat().st_size > 5000


def test_without_variance(tmp_path: Path) -> None:
    frames = label(silicon_structures(4), teacher(["Si"]))
    result = fit_gap_frames(_config(regression={"posterior": False}), frames)
    assert not result.potential.has_uncertainty


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"soap": None, "distance_2b": None, "angle_3b": None}, "nothing to fit"),
        ({"angle_3b": {"theta": [1, 2]}}, "three numbers"),
        ({"soap": {"zeta": [2, 4]}}, "soap.zeta is a list"),
        ({"soap": {"zeta": 0.5}}, "between 1 and 100"),
        ({"soap": {"cut_off": 5}}, "did you mean 'cutoff'"),
        ({"soap": {"n_sparse": 0}}, "at least 1"),
        ({"distance_2b": {"cutoff": 0.3}}, "larger than the cutoff"),
        ({"sigma": {"energy": 0}}, "sigma.energy"),
        ({"basis": {}}, "'basis' is not known"),
        ({"groups": {"Surface": {"sigma": 1}}}, "groups.Surface.sigma"),
    ],
)
def test_configuration_errors_name_the_key(sections: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _config(**sections)


def test_data_errors() -> None:
    atom = Frame(Atoms("Si"), -1.0, np.zeros((1, 3)), None, "all", 0, "made")
    with pytest.raises(DataError, match="nothing to fit"):
        fit_gap_frames(_config(), [atom])
    with pytest.raises(DataError, match="no frames"):
        fit_gap_frames(_config(), [])
    frames = label(silicon_structures(3), teacher(["Si"]))
    for numbers, message in (({"C": 5}, "has C|lacks Si"), ({"Si": 5, "C": 5}, "has C")):
        with pytest.raises(ValueError, match=rf"soap.n_sparse ({message})"):
            fit_gap_frames(_config(soap={**SMALL_SOAP, "n_sparse": numbers}), frames)
    chosen = fit_gap_frames(_config(soap={**SMALL_SOAP, "n_sparse": {"Si": 5}}), frames)
    assert chosen.terms[-1].n_points == 5
    with pytest.raises(DataError, match="only 3 frames"):
        fit_gap_frames(_config(regression={"method": "cross_validation"}), frames)


def test_dry_run(tmp_path: Path) -> None:
    """It says how large the fit is that is then made, and writes nothing."""
    write_frames(tmp_path / "train.extxyz", label(silicon_structures(12), teacher(["Si"])))
    path = _write_config(tmp_path)
    before = set(tmp_path.iterdir())
    found = estimate_config(path)
    result = CliRunner().invoke(app, ["fit", "--dry-run", str(path)])
    assert result.exit_code == 0 and set(tmp_path.iterdir()) == before
    out = " ".join(result.output.split())
    for part in ("sparse points, soap", "features of SOAP", "memory, at most", "time, covariances"):
        assert part in out
    fitted = run_config(path)
    points: dict[str, int] = {}
    for term in fitted.terms:
        points[term.kind] = points.get(term.kind, 0) + term.n_points
    assert found.sparse_points == points and found.n_parameters == sum(points.values())
    assert found.n_rows == fitted.solution.n_rows
    assert all(v > 0 for v in [*found.memory.values(), *found.seconds.values()])


def test_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such configuration"):
        load_gap_config(tmp_path / "none.yaml")


def test_examples_are_valid() -> None:
    examples = Path(__file__).parents[2] / "examples"
    for path in (examples / "gap" / "si.yaml", examples / "zuo2020" / "si-gap.yaml"):
        config = load_gap_config(path)
        assert config.soap is not None and len(config.data.test_files) == 1
    assert load_gap_config(examples / "gap" / "si.yaml").data.train_files[0].is_file()


def test_calibration(tmp_path: Path) -> None:
    """Errors rise with uncertainties; the command writes the picture and refuses other models."""
    frames = label(silicon_structures(30), _morse())
    test = label(silicon_structures(12, seed=5), _morse())
    result = fit_gap_frames(_config(distance_2b=None, angle_3b=None, soap=GOOD_SOAP), frames)
    found = calibrate(test, result.potential, 1)
    assert len(found.errors) == sum(len(f.atoms) for f in test)
    assert found.rank_correlation > 0.3
    uncertainties, errors = found.binned(4)
    assert np.all(np.diff(uncertainties) > 0) and errors[-1] > errors[0]
    everything = np.sqrt(np.mean(found.errors**2))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(everything, rel=0.05)
    model, data, picture = (tmp_path / n for n in ("si.mlip", "test.extxyz", "c.png"))
    modelfile.write(model, *result.contents)
    write_frames(data, test)
    command = ["evaluate", str(model), str(data), "--calibration", str(picture), "--threads", "1"]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0 and f"{found.rank_correlation:.2f}" in printed.output
    assert picture.stat().st_size > 5000
    with pytest.raises(UnsupportedError):
        calibrate(test, _morse())
    with pytest.raises(DataError, match="no frame has forces"):
        calibrate([], result.potential)
