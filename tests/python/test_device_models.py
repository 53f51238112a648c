# SPDX-License-Identifier: BSD-3-Clause
"""The kernels of a device, with the host in its place, against the CPU: GAP, uncertainties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tektite
from device_libraries import library
from random_gap import random_gap
from systems import random_system, varied_systems
from tektite import modelfile


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEKTITE_CUDA_LIBRARY", library("host executor"))


def compare(device: dict, cpu: dict, tolerance: float) -> None:
    assert device.keys() == cpu.keys()
    for name, value in cpu.items():
        scale = tolerance * (1 + np.abs(value).max(initial=0))
        np.testing.assert_allclose(device[name], value, rtol=0, atol=scale, err_msg=name)


@pytest.mark.parametrize("elements", [["Si"], ["O", "Si"]])
@pytest.mark.parametrize("variant", ["full", "mixing", "turbo"])
def test_gap(tmp_path: Path, elements: list[str], variant: str) -> None:
    """SOAP with every option, pairs, triplets and the variance; mixed within the CPU's bound."""
    metadata, arrays = random_gap(elements, seed=5, variant=variant)
    model = modelfile.write(tmp_path / "gap.mlip", metadata, arrays)
    reference = model.make_evaluator(threads=1)
    for precision, tolerance in (("double", 1e-10), ("mixed", 1e-4)):
        evaluator = model.to("cuda").make_evaluator(precision)
        for atoms in varied_systems(elements, (2, 2, 1)):
            system = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
            options = {"uncertainties": True, "stresses": True}
            compare(
                evaluator.evaluate(*system, **options),
                reference.evaluate(*system, **options),
                tolerance,
            )


@pytest.mark.parametrize("zeta", [1, 2, 5, 1.5, 17])
def test_powers(tmp_path: Path, zeta: float) -> None:
    """And a number of sparse points that fills no group of the kernel, or several."""
    for n_sparse in (3, 55):
        metadata, arrays = random_gap(["Si"], seed=6, variance=False, n_sparse=n_sparse)
        metadata["terms"][0]["zeta"] = zeta
        model = modelfile.write(tmp_path / "gap.mlip", metadata, arrays)
        atoms = random_system(["Si"], 3, 5, (True, False, True))
        system = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        device, cpu = (m.make_evaluator().evaluate(*system) for m in (model.to("cuda"), model))
        compare(device, cpu, 1e-10)


@pytest.mark.parametrize("name", ["neural-Si", "neural-O-Si"])
def test_neural(model_folder: Path, name: str) -> None:
    """Networks of several members and of one; an atom alone has exactly the isolated energy."""
    model = tektite.load(model_folder / f"{name}.mlip")
    reference = model.make_evaluator(threads=1)
    for precision, tolerance in (("double", 1e-10), ("mixed", 2e-5)):
        evaluator = model.to("cuda").make_evaluator(precision)
        for atoms in varied_systems(model.elements, (2, 2, 1)):
            system = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
            options = {"uncertainties": model.has_uncertainty, "stresses": True}
            device, cpu = (e.evaluate(*system, **options) for e in (evaluator, reference))
            compare(device, cpu, tolerance)
            if len(atoms) == 1 and not atoms.pbc.any():
                assert device["energy"] == cpu["energy"]
