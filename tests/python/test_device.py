# SPDX-License-Identifier: BSD-3-Clause
"""Models on a device, from Python, without a device: what Python does equals the CPU."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.build
import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.verlet import VelocityVerlet
from hypothesis import given, settings
from typer.testing import CliRunner

import tektite
from device_libraries import LIBRARIES, library
from random_models import MODELS
from systems import systems
from tektite.cli.app import app
from tektite.errors import CloserThanTrainingWarning, InternalError, UnsupportedError
from tektite.potential import Potential

FAMILIES = ("table-Si-O", "ace-O-Si", "sum-Si-O")


@pytest.fixture(scope="module", params=list(LIBRARIES), autouse=True)
def device_kind(request: pytest.FixtureRequest) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEKTITE_CUDA_LIBRARY", library(request.param))
        yield request.param


# For what the double alone can do: fail.
only_double = pytest.mark.parametrize("device_kind", ["double"], indirect=True)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, model_folder: Path, device_kind: str):
    """The same model on the CPU and on the device."""
    cpu = tektite.load(model_folder / f"{request.param}.mlip")
    return cpu, cpu.to("cuda")


def results(atoms: Atoms, potential: Potential, **options) -> dict[str, np.ndarray]:
    evaluator = potential.make_evaluator(**options)
    return evaluator.evaluate(
        atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, stresses=True
    )


@given(atoms=systems(["Si", "O"], max_atoms=5))
@settings(max_examples=25)
def test_equals_cpu(pair: tuple[Potential, Potential], atoms: Atoms) -> None:
    """Small cells, clusters, slabs, mixed periodicity."""
    cpu, device = (results(atoms, potential, threads=1) for potential in pair)
    assert cpu.keys() == device.keys()
    for name, value in cpu.items():
        scale = 1 + np.abs(value).max(initial=0)
        np.testing.assert_allclose(device[name], value, rtol=0, atol=1e-10 * scale, err_msg=name)


def test_batches_equal_cpu(pair: tuple[Potential, Potential]) -> None:
    rng = np.random.default_rng(5)
    frames = [Atoms(), Atoms("Si", cell=[9, 9, 9], pbc=True)]
    for k in range(12):
        atoms = ase.build.bulk("Si", "fcc", a=3.6, cubic=True) * (1, 1, 1 + k % 3)
        atoms.symbols[::3] = "O"
        atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
        atoms.pbc = [True, k % 2 == 0, True]
        frames.append(atoms)
    cpu, device = (tektite.evaluate(frames, potential, threads=1) for potential in pair)
    np.testing.assert_allclose(device.energies, cpu.energies, rtol=0, atol=1e-9)
    np.testing.assert_allclose(device.stresses, cpu.stresses, rtol=0, atol=1e-10)
    for a, b in zip(device.forces, cpu.forces):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def crystal() -> Atoms:
    atoms = ase.build.bulk("Si", "diamond", a=5.5, cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def test_calculator(model_folder: Path) -> None:
    """A trajectory, with lists that are kept; the path taken is said."""
    positions = []
    for device in ("cpu", "cuda", "cuda:0"):
        atoms = crystal()
        path = model_folder / "ace-Si.mlip"
        atoms.calc = tektite.TektiteCalculator(path, threads=1, skin=0.3, device=device)
        assert ("device 0" in atoms.calc.description) == (device != "cpu")
        assert atoms.calc.parameters["device"] == device
        VelocityVerlet(atoms, 1.0 * units.fs).run(20)
        positions.append(atoms.positions)
    np.testing.assert_allclose(positions[1], positions[0], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(positions[2], positions[1])


def test_mixed_precision(model_folder: Path) -> None:
    cpu = tektite.load(model_folder / "ace-Si.mlip")
    double = results(crystal(), cpu, threads=1)
    mixed = results(crystal(), cpu.to("cuda"), precision="mixed")
    assert not np.array_equal(mixed["forces"], double["forces"])
    scale = np.abs(double["forces"]).max()
    np.testing.assert_allclose(mixed["forces"], double["forces"], rtol=0, atol=2e-5 * scale)
    assert "mixed" in cpu.to("cuda").make_evaluator("mixed").description


def test_moves_and_copies(model_folder: Path) -> None:
    """Between devices, into another process, and for models that are in no file."""
    path = model_folder / "ace-Si.mlip"
    device = tektite.load(path, "cuda", deterministic=True)
    assert device.device == "cuda" and "device='cuda'" in repr(device)
    assert device.to("cuda", deterministic=True) is device
    assert device.to("cpu").device == "cpu" and device.to("cpu").to("cpu").name == device.name
    copy = pickle.loads(pickle.dumps(device))
    assert (copy.device, copy.deterministic) == ("cuda", True)
    metadata, arrays = MODELS["ace-Si"]()
    anonymous = Potential.from_arrays(metadata, arrays)
    expected = results(crystal(), anonymous, threads=1)["forces"]
    for potential in (device, copy, anonymous.to("cuda"), pickle.loads(pickle.dumps(anonymous))):
        found = results(crystal(), potential)["forces"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    check = device.check()
    assert check["passed"] and check["n_structures"] > 0


def test_closer_than_training(morse_path: Path) -> None:
    atoms = Atoms("Si2", [[0, 0, 0], [1.2, 0, 0]])
    seen = []
    for device in ("cpu", "cuda"):
        atoms.calc = tektite.TektiteCalculator(morse_path, device=device)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            atoms.get_potential_energy()
        seen.append([str(w.message) for w in caught if w.category is CloserThanTrainingWarning])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "CPU", "cuda:0000"])
def test_unknown_device(name: str, morse_path: Path) -> None:
    with pytest.raises(ValueError, match="use 'cpu', 'cuda' or 'cuda:N'"):
        tektite.load(morse_path, name)


def test_meaningless(morse_path: Path) -> None:
    with pytest.raises(ValueError, match="no instruction set 'avx2' on cuda"):
        tektite.load(morse_path, "cuda").make_evaluator(instruction_set="avx2")
    with pytest.raises(ValueError, match="deterministic needs a device"):
        tektite.TektiteCalculator(morse_path, deterministic=True)
    with pytest.raises(UnsupportedError, match="no device 99"):
        tektite.load(morse_path, "cuda:99")


@only_double
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no-driver", "there is no CUDA driver on this machine"),
        ("no-card", "there is no device 0"),
        ("other-version", "build and install both together"),
    ],
)
def test_no_device(
    how: str,
    message: str,
    morse_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", how)
    if how == "other-version":
        # A library that is open is not opened again.
        copy = morse_path.parent / "other-version.so"
        copy.write_bytes(Path(library("double")).read_bytes())
        monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", str(copy))
    with pytest.raises(UnsupportedError, match=message):
        tektite.TektiteCalculator(morse_path, device="cuda")


@only_double
def test_failures_during_evaluation(morse_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = tektite.load(morse_path, "cuda").make_evaluator()
    atoms = crystal()
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", "out-of-memory")
    with pytest.raises(MemoryError, match="12 atoms would fit"):
        evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell, atoms.pbc)
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", "device-lost")
    with pytest.raises(InternalError, match="the device failed"):
        evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell, atoms.pbc)


def _doctor() -> str:
    result = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
        app, ["doctor"]
    )
    assert result.exit_code == 0, result.output
    return result.output


@only_double
def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _doctor()
    assert "device library" in said and "cuda:1 is double of a device, device 1" in said
    monkeypatch.setenv("TEKTITE_DEVICE_DOUBLE", "no-driver")
    said = _doctor()
    assert "note no GPU can be used: there is no CUDA driver on this machine" in said
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", "/nowhere.so")
    assert "note no GPU can be used: there is no device library /nowhere.so" in _doctor()


@pytest.mark.parametrize("device_kind", sorted(set(LIBRARIES) - {"double"}), indirect=True)
def test_kernel_times(
    device_kind: str, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What benchmarks read: every kernel, with one thread a centre."""
    path = tmp_path / "times"
    monkeypatch.setenv("TEKTITE_CUDA_TIMES", str(path))
    potential = tektite.load(model_folder / "ace-Si.mlip", "cuda")
    evaluator = potential.make_evaluator()
    atoms = crystal()
    for _ in range(3):
        evaluator.evaluate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
    assert not path.exists()
    del evaluator
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    forward = next(line for line in lines if line["kernel"].startswith("AceBlockForward<double"))
    assert (forward["launches"], forward["threads"]) == (3, 3 * len(atoms))
    assert {line["kernel"].partition("<")[0] for line in lines} >= {
        "GatherEdges",
        "AceBlockProducts",
        "AceBlockBackward",
        "ScatterEdges",
    }
    assert all(line["seconds"] >= 0 for line in lines)


@only_double
def test_this_machine(morse_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed computes on a device, or says plainly why it cannot."""
    monkeypatch.delenv("TEKTITE_CUDA_LIBRARY")
    if "device" in LIBRARIES:
        assert tektite.load(morse_path, "cuda").check()["passed"]
        return
    with pytest.raises(UnsupportedError) as caught:
        tektite.load(morse_path, "cuda")
    reasons = ("this Tektite has no device library", "the NVIDIA driver is missing", "no device")
    assert any(reason in str(caught.value) for reason in reasons)
    assert f"note no GPU can be used: {caught.value}" in _doctor()


def test_command_line(morse_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(morse_path), "--device", "cuda"])
    assert result.exit_code == 0, result.output
    assert "device 0" in result.output and "passed" in result.output


def _numbers(found: Any) -> Iterator[float]:
    if isinstance(found, dict):
        found = list(found.values())
    for value in found if isinstance(found, list) else [found]:
        if isinstance(value, dict | list):
            yield from _numbers(value)
        elif isinstance(value, float):
            yield value


def test_validate(model_folder: Path, tmp_path: Path) -> None:
    """`tektite validate --device cuda` finds the errors that the CPU finds."""
    model = model_folder / "ace-Si.mlip"
    frames = []
    for k in range(3):
        atoms = crystal()
        atoms.rattle(0.05, seed=k)
        found = results(atoms, tektite.load(model), threads=1)
        atoms.calc = SinglePointCalculator(
            atoms, energy=found["energy"] + 0.1 * k, forces=found["forces"] + 0.01
        )
        frames.append(atoms)
    data = tmp_path / "frames.extxyz"
    ase.io.write(data, frames)
    said = []
    for device in ("cpu", "cuda"):
        arguments = ["validate", str(model), str(data), "--device", device, "--json", "-"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        said.append(json.loads(result.stdout))
    assert said[0].keys() == said[1].keys()
    cpu, gpu = (np.array(list(_numbers(one))) for one in said)
    assert len(cpu) > 5
    np.testing.assert_allclose(gpu, cpu, rtol=1e-7, atol=1e-9)
