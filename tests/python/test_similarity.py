# SPDX-License-Identifier: BSD-3-Clause
"""Similarity: kernels against their definition, maps, selection, the commands."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
from ase import Atoms
from typer.testing import CliRunner

from systems import random_system
from tektite.cli.app import app
from tektite.similarity import (
    atom_similarity,
    average_features,
    average_kernel,
    farthest_frames,
    frame_kernel,
    kernel_map,
    map_plot,
    unique_frames,
    write_similarity_model,
)
from tektite.similarity.selection import (
    choose_cur,
    choose_farthest,
    choose_k_means,
    choose_random,
    leverage_scores,
)
from tektite.soap import SOAP

SMALL = {"cutoff": 4.0, "n_max": 4, "l_max": 3}


def _soap() -> SOAP:
    return SOAP(["C", "Si"], threads=1, **SMALL)


def _systems() -> list[Atoms]:
    return [random_system(["C", "Si"], seed, 5 + seed, (True,) * 3, 1.8) for seed in range(4)]


def test_atom_similarity_is_its_definition() -> None:
    soap, (first, second, *_) = _soap(), _systems()
    mine, theirs = soap.features(first), soap.features(second)
    for how, reduce in (("mean", np.mean), ("max", np.max)):
        result = atom_similarity(first, second, soap, zeta=3.0, how=how)
        for i, atom in enumerate(first):
            same = [j for j, other in enumerate(second) if other.symbol == atom.symbol]
            expected = reduce([(mine[i] @ theirs[j]) ** 3 for j in same]) if same else 0.0
            assert result[i] == pytest.approx(expected, abs=1e-12)


def test_crystal_against_liquid() -> None:
    """Atoms of the crystal score 1; those far from the defect more than those beside it."""
    soap = SOAP(["Si"], threads=1, **SMALL)
    crystal = ase.build.bulk("Si", cubic=True)
    assert atom_similarity(crystal * (2, 1, 1), crystal, soap) == pytest.approx(1.0, abs=1e-12)
    vacancy = crystal * (3, 3, 3)
    distances = vacancy.get_distances(0, range(len(vacancy)), mic=True)
    del vacancy[0]
    values = atom_similarity(vacancy, crystal, soap)
    assert values[np.argmin(distances[1:])] == pytest.approx(values.min(), abs=1e-12)
    assert values.min() < 0.97
    assert values[np.argmax(distances[1:])] == pytest.approx(1.0, abs=1e-12)


def test_missing_element_scores_zero() -> None:
    atoms = Atoms("SiC", [[0, 0, 0], [0, 0, 1.9]])
    values = atom_similarity(atoms, Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]]), _soap())
    assert values[0] > 0 and values[1] == 0


def test_average_kernel_is_its_definition() -> None:
    soap, systems = _soap(), _systems()
    kernel = frame_kernel(systems, soap, zeta=2.0, normalise=False)
    for a, first in enumerate(systems):
        for b, second in enumerate(systems):
            x, y = soap.features(first), soap.features(second)
            same = first.numbers[:, None] == second.numbers[None, :]
            assert kernel[a, b] == pytest.approx(((x @ y.T) ** 2 * same).mean(), abs=1e-12)
    normal = frame_kernel(systems, soap, zeta=2.0)
    roots = np.sqrt(np.diag(kernel))
    np.testing.assert_allclose(normal, kernel / np.outer(roots, roots), atol=1e-12)
    assert average_kernel(systems[0], systems[1], soap, zeta=2.0) == pytest.approx(normal[0, 1])


def test_averages_do_not_see_size_and_orientation() -> None:
    soap = SOAP(["Si"], threads=1, **SMALL)
    atoms = ase.build.bulk("Si", cubic=True)
    atoms.rattle(0.2, seed=1)
    turned = atoms.copy()
    turned.rotate(33.0, (1, 2, 3), rotate_cell=True)
    averages = average_features([atoms, atoms * (2, 1, 1), turned], soap)
    np.testing.assert_allclose(averages.vectors, averages.vectors[[0, 0, 0]], atol=1e-10)
    assert unique_frames(averages).tolist() == [0]
    np.testing.assert_allclose(averages.kernel(), 1.0, atol=1e-10)


def test_kernel_map_reproduces_distances() -> None:
    """Of a kernel of rank 2 the map keeps all distances."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 2)) * [3.0, 1.0]
    found = kernel_map(points @ points.T)
    expected = np.linalg.norm(points[:, None] - points[None], axis=2)
    x = found.coordinates
    np.testing.assert_allclose(np.linalg.norm(x[:, None] - x[None], axis=2), expected, atol=1e-9)
    assert found.explained.sum() == pytest.approx(1.0) and found.explained[0] > 0.5
    assert np.all(x[np.abs(x).argmax(axis=0), [0, 1]] > 0)


def test_kernel_map_of_one_structure_and_of_nonsense() -> None:
    assert np.all(kernel_map([[1.0]]).coordinates == 0)
    for kernel in ([[1.0, 0.2]], [[1.0, 0.2], [0.3, 1.0]], [[np.nan]]):
        with pytest.raises(ValueError, match="kernel"):
            kernel_map(kernel)


def test_farthest_first() -> None:
    """On a line: the ends, then the middle; copies are never chosen."""
    x = np.array([[0.0], [0.1], [1.0], [0.52], [1.0]])
    assert choose_farthest(x, 5).tolist() == [0, 2, 3, 1]
    assert choose_farthest(x, 2, first=3).tolist() == [3, 0]


def test_selected_frames_differ_most() -> None:
    soap, systems = _soap(), _systems()
    averages = average_features([*systems, systems[2]], soap)
    chosen = farthest_frames(averages, 5)
    assert sorted(chosen.tolist()) in ([0, 1, 2, 3], [0, 1, 3, 4])
    distances = np.linalg.norm(averages.vectors - averages.vectors[0], axis=1)
    assert distances[chosen[1]] == distances.max()
    assert unique_frames(averages).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="no structure 9"):
        farthest_frames(averages, 1, first=9)


def test_leverage_and_draws() -> None:
    """Scores add to the rank used; a lone direction is always found; copies are passed over."""
    rng = np.random.default_rng(1)
    x = np.vstack([np.outer(rng.uniform(1, 2, 200), [1.0, 0, 0, 0]), [[0, 0.9, 0, 0]]])
    x += 1e-9 * rng.normal(size=x.shape)
    scores = leverage_scores(np.vstack([x, [[0, 0, 0.8, 0], [0, 0, 0, 0.7]]]))
    assert scores.sum() == pytest.approx(2.0)
    assert scores[200] == pytest.approx(1.0, abs=1e-6)
    copies = np.repeat(rng.normal(size=(6, 3)), 20, axis=0)
    for choose in (choose_cur, choose_random):
        drawn = choose(copies, 50, np.random.default_rng(2))
        assert sorted(drawn // 20) == list(range(6))
        np.testing.assert_array_equal(drawn, choose(copies, 50, np.random.default_rng(2)))
    distinct = rng.normal(size=(300, 5))
    drawn = choose_random(distinct, 250, np.random.default_rng(3))
    assert len(set(drawn.tolist())) == 250


def test_k_means() -> None:
    """One of each cluster; copies and empty clusters leave no gap; draws repeat."""
    rng = np.random.default_rng(4)
    middles = 10.0 * rng.normal(size=(8, 5))
    x = np.repeat(middles, 25, axis=0) + 0.01 * rng.normal(size=(200, 5))
    chosen = choose_k_means(x, 30, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 30 and np.all(np.diff(chosen) > 0)
    assert set(chosen // 25) == set(range(8))
    np.testing.assert_array_equal(chosen, choose_k_means(x, 30, np.random.default_rng(1)))
    copies = np.repeat(middles, 20, axis=0)
    assert sorted(choose_k_means(copies, 50, rng) // 20) == list(range(8))
    assert len(choose_k_means(copies, 7, rng)) == 7
    np.testing.assert_array_equal(choose_k_means(x, 200, rng), np.arange(200))
    uneven = np.vstack([rng.normal(size=(1000, 4)), [[50.0, 0, 0, 0]]])

    def spread(points: np.ndarray) -> float:
        distances = np.linalg.norm(uneven[:, None] - points[None], axis=2)
        return float((distances.min(axis=1) ** 2).mean())

    seeds = range(5)
    clustered = [
        spread(uneven[choose_k_means(uneven, 40, np.random.default_rng(s))]) for s in seeds
    ]
    drawn = [spread(uneven[choose_random(uneven, 40, np.random.default_rng(s))]) for s in seeds]
    assert np.mean(clustered) < 0.5 * np.mean(drawn)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    frames = []
    for k, atoms in enumerate([*_systems(), _systems()[1]]):
        atoms.info["group"] = "even" if k % 2 == 0 else "odd"
        atoms.info["energy"] = -1.0 * k
        frames.append(atoms)
    path = tmp_path / "data.extxyz"
    ase.io.write(path, frames)
    return path


def _run(*arguments: object) -> str:
    options = ["--cutoff", "4", "--n-max", "4", "--l-max", "3", "--threads", "1"]
    result = CliRunner().invoke(app, ["similarity", *map(str, arguments), *options])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_command_atoms(data_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.extxyz"
    _run("atoms", data_file, data_file, "-o", target, "--how", "max")
    for atoms in ase.io.read(target, ":"):
        assert atoms.arrays["similarity"] == pytest.approx(1.0, abs=1e-8)


def test_command_select_and_unique(data_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.extxyz"
    assert "4 of 5 frames" in _run("select", data_file, 5, "-o", target)
    assert "4 of 5 frames" in _run("unique", data_file, "-o", target)
    frames = ase.io.read(target, ":")
    assert len(frames) == 4
    np.testing.assert_allclose(frames[3].positions, _systems()[3].positions, atol=1e-7)


def test_command_map(data_file: Path, tmp_path: Path) -> None:
    for suffix, extra in ((".png", []), (".svg", ["--color", "energy_per_atom", "--select", "2"])):
        picture = tmp_path / f"map{suffix}"
        assert "variance" in _run("map", data_file, "-o", picture, *extra)
        assert picture.stat().st_size > 5000
    result = CliRunner().invoke(
        app, ["similarity", "map", str(data_file), "-o", "x.png", "--color", "colour"]
    )
    assert result.exit_code == 1 and "no frame has a number 'colour'" in result.output


def test_map_plot_checks_its_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as many"):
        map_plot(tmp_path / "x.png", kernel_map(np.eye(3)), ["a"])


@pytest.mark.parametrize("mixed", [False, True])
def test_similarity_model(tmp_path: Path, mixed: bool) -> None:
    """Atomic energies of the model are the mean similarities."""
    mixing = np.random.default_rng(0).normal(size=(5, 8)) if mixed else None
    soap = SOAP(["C", "Si"], threads=1, mixing=mixing, **SMALL)
    systems = _systems()
    model = write_similarity_model(tmp_path / "alike.mlip", systems[:2], soap, zeta=2.5)
    for atoms in systems:
        results = model.make_evaluator(threads=1).evaluate(
            atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc
        )
        expected = atom_similarity(atoms, systems[:2], soap, zeta=2.5)
        np.testing.assert_allclose(results["energies"], expected, rtol=0, atol=1e-10)
    with pytest.raises(ValueError, match="no atoms"):
        write_similarity_model(tmp_path / "none.mlip", Atoms(), soap)
    with pytest.raises(ValueError, match="zeta"):
        write_similarity_model(tmp_path / "none.mlip", systems, soap, zeta=0)
    with pytest.raises(ValueError, match="normalise"):
        raw = SOAP(["C", "Si"], normalise=False, threads=1, **SMALL)
        write_similarity_model(tmp_path / "none.mlip", systems, raw)
    assert not (tmp_path / "none.mlip").exists()
