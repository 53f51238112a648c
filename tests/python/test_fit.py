# SPDX-License-Identifier: BSD-3-Clause
"""Fits from data to model file: recovery, exactness, determinism, errors."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import ase.build
import numpy as np
import pytest
import yaml
from ase import Atoms
from rich.console import Console
from typer.testing import CliRunner

from fit_data import (
    SMALL_BASIS,
    TEACHER_RADIAL,
    label,
    mixed_structures,
    silicon_structures,
    small_config,
    teacher,
    write_frames,
)
from tektite import modelfile
from tektite.cli.app import app
from tektite.data import Frame
from tektite.errors import DataError
from tektite.fit import fit_frames, run_config
from tektite.fit.dataset import make_targets, measure_distances, read_data
from tektite.fit.export import ace_contents, potential_of
from tektite.fit.model import LinearAce
from tektite.fit.radial import make_bonds, resolve_cutoff
from tektite.fit.weighting import LossWeights
from tektite.potential import load


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return label(silicon_structures(40), teacher(["Si"], energies=[-5.0]))


def test_recovers_the_model_that_made_the_data(frames: list[Frame]) -> None:
    config = small_config(isolated_energies={"Si": -5.0}, radial=TEACHER_RADIAL)
    result = fit_frames(config, frames)
    unseen = label(silicon_structures(6, seed=99), teacher(["Si"], energies=[-5.0]))
    evaluator = result.potential.make_evaluator(threads=1)
    for frame in unseen:
        a = frame.atoms
        got = evaluator.evaluate(a.numbers, a.positions, a.cell.array, a.pbc)
        assert got["energy"] == pytest.approx(frame.energy, abs=1e-8 * len(a))
        np.testing.assert_allclose(got["forces"], frame.forces, atol=1e-8)
        if frame.stress is not None:
            np.testing.assert_allclose(got["stress"], frame.stress, atol=1e-8)
    assert result.train.total.force.rmse < 1e-8


@pytest.mark.parametrize("elements", [["Si"], ["O", "Si"], ["C", "H", "O"]])
def test_engine_agrees_with_the_design_matrix(elements: list[str]) -> None:
    structures = silicon_structures(8) if elements == ["Si"] else mixed_structures(elements, 6)
    config = small_config()
    frames = label(structures, teacher(elements))
    distances = measure_distances(frames, elements, np.full((len(elements),) * 2, 4.5))
    model = LinearAce(
        config.basis, elements, make_bonds(config.basis, config.radial, elements, distances)
    )
    assert np.all(np.diff(model.basis.first_function) > 0)
    coefficients = model.expected_sizes(config.prior, 1.0) * np.random.default_rng(5).normal(
        size=model.n_functions
    )
    energies = np.arange(len(elements)) - 3.0
    potential = potential_of(ace_contents(model, coefficients, energies), "test")
    targets = make_targets(
        frames, elements, energies, LossWeights(config.loss, frames, elements), None
    )
    evaluator = potential.make_evaluator(threads=1)
    for target in targets:
        a = target.frame.atoms
        rows = model.descriptor.design(a.positions, target.species, a.cell.array, a.pbc)
        energy, forces, virial = (coefficients @ part for part in rows)
        got = evaluator.evaluate(a.numbers, a.positions, a.cell.array, a.pbc)
        fixed = energies[target.species].sum()
        assert got["energy"] - fixed == pytest.approx(energy, rel=1e-10, abs=1e-10)
        scale = np.abs(forces).max()
        np.testing.assert_allclose(got["forces"].ravel(), forces, atol=1e-10 * scale)
        if a.pbc.all():
            np.testing.assert_allclose(
                got["stress"], -virial / a.get_volume(), atol=1e-10 * np.abs(virial).max()
            )


def test_values_add_up_to_energy_rows_and_forces_are_gradients() -> None:
    config, elements = small_config(), ["O", "Si"]
    frames = label(mixed_structures(elements, 2), teacher(elements))
    distances = measure_distances(frames, elements, np.full((2, 2), 4.5))
    model = LinearAce(
        config.basis, elements, make_bonds(config.basis, config.radial, elements, distances)
    )
    for target in make_targets(
        frames, elements, np.zeros(2), LossWeights(config.loss, frames, elements), None
    ):
        a = target.frame.atoms
        arguments = (target.species, a.cell.array, a.pbc)
        energies, forces, _ = model.descriptor.design(a.positions, *arguments)
        values = model.descriptor.values(a.positions, *arguments)
        np.testing.assert_allclose(values.sum(axis=0), energies, rtol=1e-11, atol=1e-11)
        moved = a.positions.copy()
        difference = np.zeros(model.n_functions)
        for step, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved[1, 2] = a.positions[1, 2] + step * 1e-4
            difference += (
                weight * model.descriptor.design(moved, *arguments, False)[0] / (12 * 1e-4)
            )
        np.testing.assert_allclose(forces[:, 5], -difference, atol=1e-8 * np.abs(forces).max())


def test_no_function_is_redundant() -> None:
    """The Gram matrix over random environments has full rank, for one and for two elements."""
    for elements in (["Si"], ["O", "Si"]):
        config = small_config()
        frames = label(mixed_structures(elements, 130, seed=3), teacher(elements))
        distances = measure_distances(frames, elements, np.full((len(elements),) * 2, 4.5))
        model = LinearAce(
            config.basis, elements, make_bonds(config.basis, config.radial, elements, distances)
        )
        targets = make_targets(
            frames,
            elements,
            np.zeros(len(elements)),
            LossWeights(config.loss, frames, elements),
            None,
        )
        values = np.concatenate(
            [
                model.descriptor.values(
                    t.frame.atoms.positions, t.species, t.frame.atoms.cell.array, t.frame.atoms.pbc
                )
                for t in targets
            ]
        )
        assert len(values) > 1.5 * model.n_functions
        values /= np.linalg.norm(values, axis=0)
        singular = np.linalg.svd(values, compute_uv=False)
        assert singular[-1] > 1e-10 * singular[0]


def test_several_elements(tmp_path: Path) -> None:
    elements = ["O", "Si"]
    known = teacher(elements, energies=[-2.0, -7.0])
    config = small_config(
        isolated_energies="from_data", basis={**SMALL_BASIS, "n_max": [6, 3, 2, 1]}
    )
    alone = [Atoms(s, cell=np.eye(3) * 12, pbc=True) for s in elements]
    result = fit_frames(config, label(alone + mixed_structures(elements, 30), known))
    assert result.energies == pytest.approx([-2.0, -7.0], abs=1e-12)
    assert result.energies_source == "from the data"
    assert result.potential.elements == elements
    assert result.potential.isolated_energies == pytest.approx({"O": -2.0, "Si": -7.0})
    unfitted = np.std([f.forces for f in label(mixed_structures(elements, 1), known)])
    assert result.train.total.force.rmse < 0.5 * unfitted
    assert np.all(result.potential.minimum_distances > 1.9)


def test_fewer_data_than_functions(frames: list[Frame]) -> None:
    bare = [dataclasses.replace(f, forces=None, stress=None) for f in frames[:12]]
    result = fit_frames(small_config(), bare)
    assert result.solution.n_rows < result.model.n_functions
    assert any("fewer data" in w and str(result.model.n_functions) in w for w in result.warnings)
    assert np.all(np.isfinite(result.solution.coefficients))
    assert result.train.total.energy.rmse < 100


def test_frames_may_lack_forces_or_stress(frames: list[Frame]) -> None:
    thinned = [
        dataclasses.replace(
            f, forces=None if k % 3 == 0 else f.forces, stress=None if k % 2 else f.stress
        )
        for k, f in enumerate(frames)
    ]
    result = fit_frames(small_config(), thinned)
    expected = sum(
        1 + (0 if f.forces is None else f.forces.size) + (0 if f.stress is None else 6)
        for f in thinned
    )
    assert result.solution.n_rows == expected


def test_weights_matter_and_zero_leaves_out(frames: list[Frame]) -> None:
    def rows(**loss: dict) -> int:
        return fit_frames(small_config(loss=loss), frames[:10]).solution.n_rows

    n_forces = sum(f.forces.size for f in frames[:10])
    n_stress = 6 * sum(f.stress is not None for f in frames[:10])
    assert rows() == 10 + n_forces + n_stress
    assert rows(weights={"stress": 0}) == 10 + n_forces
    assert rows(groups={"all": {"forces": 0}}) == 10 + n_stress
    config = small_config(regression={"method": "fixed", "strength": 1e4})
    heavy = small_config(
        regression={"method": "fixed", "strength": 1e4}, loss={"groups": {"all": {"energy": 100}}}
    )
    light, strong = (fit_frames(c, frames).train.total.energy.rmse for c in (config, heavy))
    assert strong < 0.2 * light


def test_cross_validation_and_evidence_give_similar_models() -> None:
    noisy = label(silicon_structures(60), teacher(["Si"], energies=[-3.0]))
    rng = np.random.default_rng(0)
    for frame in noisy:
        frame.forces = frame.forces + 0.3 * rng.normal(size=frame.forces.shape)
    clean = label(silicon_structures(15, seed=5), teacher(["Si"], energies=[-3.0]))
    errors = {}
    for method in ("evidence", "cross_validation"):
        result = fit_frames(small_config(regression={"method": method}), noisy, clean)
        errors[method] = result.test.total.force.rmse
        assert result.solution.noise == pytest.approx(0.3, rel=0.2)
    strong = small_config(regression={"method": "fixed", "strength": 1.0})
    errors["strong"] = fit_frames(strong, noisy, clean).test.total.force.rmse
    assert errors["evidence"] < 0.1 and errors["cross_validation"] < 0.1
    assert errors["evidence"] == pytest.approx(errors["cross_validation"], rel=0.25)
    assert errors["strong"] > 2 * errors["evidence"]


def test_isolated_energies(frames: list[Frame]) -> None:
    fitted = fit_frames(small_config(radial=TEACHER_RADIAL), frames)
    assert fitted.energies_source == "fitted"
    assert fitted.energies == pytest.approx([-5.0], abs=1e-7)
    # Not told apart by the data: Ga and As occur in equal numbers only.
    mixed = label(
        [ase.build.bulk("GaAs", "zincblende", a=a) for a in np.linspace(5.2, 6.0, 9)],
        teacher(["As", "Ga"], energies=[-4.0, -2.0]),
    )
    result = fit_frames(small_config(), mixed)
    assert np.all(np.isfinite(result.energies)) and result.train.total.energy.rmse < 1.0
    with pytest.raises(DataError, match="tells that of Si"):
        fit_frames(small_config(isolated_energies="from_data"), frames)
    with pytest.raises(DataError, match="lacks Si"):
        fit_frames(small_config(isolated_energies={"Ge": 1.0}), frames)


def test_core_is_repulsive_and_untouched_data(frames: list[Frame]) -> None:
    plain = fit_frames(small_config(), frames)
    result = fit_frames(small_config(baseline={"kind": "zbl"}), frames)
    assert result.potential.family == "sum"
    # The baseline ends where the data begin, so the fit does not change.
    np.testing.assert_allclose(
        result.solution.coefficients, plain.solution.coefficients, rtol=1e-6, atol=1e-9
    )
    closest = result.distances.minimum[0, 0]
    assert 1.5 < closest < 2.4
    evaluator = result.potential.make_evaluator(threads=1)
    energies = [
        evaluator.evaluate([14, 14], [[0, 0, 0], [0, 0, d]])["energy"]
        for d in np.arange(0.3, 0.9 * closest - 0.4, 0.05)
    ]
    assert np.all(np.diff(energies) < 0) and energies[0] > 300


def test_baseline_from_a_table(tmp_path: Path, frames: list[Frame]) -> None:
    r = np.linspace(0.4, 4.0, 60)
    table = tmp_path / "pair.txt"
    np.savetxt(table, np.column_stack([r, 50 * np.exp(-2 * r)]))
    baseline = {"kind": "table", "files": {"Si-Si": str(table)}, "inner": 1.2, "outer": 3.5}
    result = fit_frames(small_config(baseline=baseline), frames)
    assert result.potential.family == "sum"
    pair = potential_of(
        (result.contents[0]["children"][1],
         {k[2:]: v for k, v in result.contents[1].items() if k.startswith("1.")}),
        "pair",
    )  # fmt: skip
    evaluator = pair.make_evaluator(threads=1)
    for d, factor in ((0.5, 1.0), (1.15, 1.0), (2.35, 0.5), (3.6, 0.0)):
        energy = evaluator.evaluate([14, 14], [[0, 0, 0], [0, 0, d]])["energy"]
        assert energy == pytest.approx(factor * 50 * np.exp(-2 * d), rel=1e-6, abs=1e-12)
    # The fit is to what the baseline leaves over.
    assert result.train.total.force.rmse < 0.05 * np.std([f for g in frames for f in g.forces.flat])
    table.write_text("1 2\n0.5 1\n" * 4)
    with pytest.raises(DataError, match=r"pair.txt: distances must"):
        fit_frames(small_config(baseline=baseline), frames)
    np.savetxt(table, np.column_stack([r[:20], r[:20]]))
    with pytest.raises(DataError, match=r"pair.txt: the table must reach .*3.5"):
        fit_frames(small_config(baseline=baseline), frames)
    with pytest.raises(FileNotFoundError, match="none.txt"):
        fit_frames(small_config(baseline={**baseline, "files": {"Si-Si": "none.txt"}}), frames)
    with pytest.raises(ValueError, match=r"baseline.files.*Si-C"):
        fit_frames(small_config(baseline={**baseline, "files": {"Si-C": "none.txt"}}), frames)


@pytest.mark.parametrize("kind", ["SBessel", "ChebExpCos", "ChebPow"])
def test_radial_functions_of_pacemaker(kind: str, frames: list[Frame]) -> None:
    result = fit_frames(small_config(radial={"kind": kind}), frames)
    assert result.potential.metadata["bonds"][0]["basis"] == kind
    scale = np.std([f for g in frames for f in g.forces.flat])
    assert result.train.total.force.rmse < 0.2 * scale


def test_smooth_at_the_cutoff(frames: list[Frame]) -> None:
    evaluator = fit_frames(small_config(), frames).potential.make_evaluator(threads=1)

    def energy(d: float) -> float:
        return evaluator.evaluate([14, 14], [[0, 0, 0], [0, 0, d]])["energy"]

    inside, beyond = 4.5 - 0.01 * np.arange(1, 4), energy(4.5001)
    excess = np.array([energy(d) - beyond for d in inside])
    assert np.all(excess != 0)
    # A cubic zero: eight times as much at twice the distance from the cutoff.
    assert excess[1] / excess[0] == pytest.approx(8, rel=0.1)


def written(folder: Path, frames: list[Frame], **sections: object) -> Path:
    write_frames(folder / "train.extxyz", frames[:30])
    write_frames(folder / "test.extxyz", frames[30:])
    config = {
        "data": {"train": "train.extxyz", "test": "test.extxyz", "level_of_theory": "made up"},
        "basis": SMALL_BASIS,
        **sections,
    }
    (folder / "si.yaml").write_text(yaml.safe_dump(config))
    return folder / "si.yaml"


def test_files_of_a_fit(tmp_path: Path, frames: list[Frame]) -> None:
    console = quiet()
    result = run_config(written(tmp_path, frames), console)
    text = console.file.getvalue()
    assert "train errors" in text and "test errors" in text and "functions" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "si.errors.json", "si.mlip", "si.parity-test.png", "si.parity-train.png", "si.yaml",
        "test.extxyz", "train.extxyz",
    ]  # fmt: skip
    errors = json.loads((tmp_path / "si.errors.json").read_text())
    assert errors["functions"] == result.model.n_functions
    assert errors["test"]["all"]["force"]["rmse"] == result.test.total.force.rmse
    contents = modelfile.read(tmp_path / "si.mlip")
    provenance = contents.metadata["provenance"]
    assert provenance["level_of_theory"] == "made up"
    assert provenance["data"]["train"][0]["n_frames"] == 30
    assert provenance["data"]["train"][0]["sha256"] == modelfile.sha256(tmp_path / "train.extxyz")
    potential = load(tmp_path / "si.mlip")
    assert potential.n_references > 0 and potential.check()["passed"]
    assert potential.minimum_distances[0, 0] == pytest.approx(result.distances.minimum[0, 0])
    # The posterior is kept with what is needed to use it.
    arrays = contents.arrays
    k = result.model.n_functions
    assert arrays["0.posterior.factor"].shape == (k, k)
    first, columns, values = (
        arrays[f"0.posterior.coupling_{name}"] for name in ("first", "columns", "values")
    )
    terms = np.zeros(len(arrays["0.functions.coefficients"]))
    rows = np.repeat(np.arange(k), np.diff(first))
    np.add.at(terms, columns, values * arrays["0.posterior.coefficients"][rows])
    np.testing.assert_allclose(terms, arrays["0.functions.coefficients"][:, 0], rtol=1e-12)


def test_the_same_config_gives_the_same_bytes(tmp_path: Path, frames: list[Frame]) -> None:
    path = written(tmp_path, frames)
    run_config(path, quiet())
    first = (tmp_path / "si.mlip").read_bytes()
    run_config(path, quiet())
    assert (tmp_path / "si.mlip").read_bytes() == first


def test_errors_in_the_data(tmp_path: Path, frames: list[Frame]) -> None:
    path = written(tmp_path, frames, loss={"groups": {"Liquid": {"energy": 2}}})
    with pytest.raises(DataError, match=r"loss\.groups has 'Liquid'.*all"):
        run_config(path, quiet())
    path = written(tmp_path, frames, elements=["Ge"])
    with pytest.raises(DataError, match=r"train.extxyz, frame 0 .*contains Si"):
        run_config(path, quiet())
    path = written(tmp_path, frames, output={"model": "nowhere/si.mlip"})
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_config(path, quiet())
    path = written(tmp_path, frames, basis={**SMALL_BASIS, "cutoff": {"Si-O": 4.0}})
    with pytest.raises(ValueError, match=r"basis.cutoff.*Si-O"):
        run_config(path, quiet())
    path = written(tmp_path, frames, radial={"inner_cutoff": 5.0})
    with pytest.raises(ValueError, match=r"inner_cutoff.*Si-Si.*cutoff"):
        run_config(path, quiet())
    atoms = frames[1].atoms.copy()
    atoms.positions[2] = atoms.positions[1]
    clash = dataclasses.replace(frames[1], atoms=atoms)
    with pytest.raises(DataError, match=r"frame 1 .*atoms 1 and 2 .*same place"):
        fit_frames(small_config(), [frames[0], clash])
    assert not list(tmp_path.glob("*.mlip"))


def test_stress_conventions_by_group(tmp_path: Path, frames: list[Frame]) -> None:
    import ase.io
    from ase.units import GPa

    images = []
    periodic = [f for f in frames if f.stress is not None]
    for k, frame in enumerate(periodic):
        atoms = frame.atoms.copy()
        order = [0, 1, 2, 5, 3, 4] if k % 2 else [0, 1, 2, 5, 4, 3]
        atoms.info.update(
            energy=frame.energy, group="ab"[k % 2], kbar=-10 * frame.stress[order] / GPa
        )
        atoms.arrays["forces"] = frame.forces
        images.append(atoms)
    ase.io.write(tmp_path / "data.extxyz", images, format="extxyz")
    config = small_config(
        data={
            "train": "x",
            "stress_key": "kbar",
            "stress_convention": {"b": "vasp-kbar", "default": "kbar-xz-yz"},
        }
    )
    for got, frame in zip(read_data([tmp_path / "data.extxyz"], config.data), periodic):
        np.testing.assert_allclose(got.stress, frame.stress, rtol=1e-6, atol=1e-9)
    lacking = small_config(
        data={"train": "x", "stress_key": "kbar", "stress_convention": {"b": "vasp-kbar"}}
    )
    with pytest.raises(DataError, match=r"frame 0 \(group 'a'\).*stress_convention"):
        read_data([tmp_path / "data.extxyz"], lacking.data)


def test_command(tmp_path: Path, frames: list[Frame]) -> None:
    path = written(tmp_path, frames)
    runner = CliRunner(env={"COLUMNS": "150", "TERM": "dumb"})
    result = runner.invoke(app, ["fit", str(path)])
    assert result.exit_code == 0, result.output
    assert "test errors" in result.output and (tmp_path / "si.mlip").is_file()
    path.write_text(path.read_text().replace("n_max", "n_maximum"))
    result = runner.invoke(app, ["fit", str(path)])
    assert result.exit_code == 1
    assert "'basis.n_maximum' is not known; did you mean 'n_max'?" in result.output


def test_automatic_cutoff() -> None:
    """33 atoms at the density of the crystal; a few clusters and slabs do not change it."""
    frames = label(silicon_structures(3) + [ase.build.bulk("Si")] * 8, teacher(["Si"]))
    basis = small_config(basis={**SMALL_BASIS, "cutoff": "automatic"}).basis
    density = 2 / ase.build.bulk("Si").get_volume()
    expected = (33 / (4 / 3 * np.pi * density)) ** (1 / 3)
    assert resolve_cutoff(basis, frames).cutoff == pytest.approx(expected, abs=0.026)
    wider = basis.model_copy(update={"cutoff_atoms": 66.0})
    assert resolve_cutoff(wider, frames).cutoff == pytest.approx(expected * 2 ** (1 / 3), abs=0.026)
    clusters = [f for f in frames if not f.atoms.pbc.any()]
    with pytest.raises(ValueError, match="periodic in all three"):
        resolve_cutoff(basis, clusters)
    assert resolve_cutoff(small_config().basis, frames).cutoff == 4.5
    config = small_config(basis={**SMALL_BASIS, "cutoff": "automatic"})
    lines: list[str] = []
    fit_frames(config, frames, say=lines.append)
    assert lines[0].startswith("cutoff: 5.")


def test_impossible_data_are_named(frames: list[Frame]) -> None:
    bad = dataclasses.replace(frames[3], forces=frames[3].forces * 1e9, index=17)
    with pytest.raises(DataError, match=r"frame 17 .*eV/Å on atom \d+ is more than any atom"):
        fit_frames(small_config(), [*frames[:3], bad])
    bad = dataclasses.replace(frames[3], energy=-1e12, index=17)
    with pytest.raises(DataError, match=r"frame 17 .*energy of -1e\+12 eV, for \d+ atoms"):
        fit_frames(small_config(), [*frames[:3], bad])
    nothing = Frame(Atoms(), 0.0, None, None, "all", 18, "x")
    with pytest.raises(DataError, match="frame 18 .*has no atoms"):
        fit_frames(small_config(), [*frames[:3], nothing])
