# SPDX-License-Identifier: BSD-3-Clause
"""Includes of the C++ sources point one way.

hosts -> models -> descriptors -> basis, neighbors -> base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "csrc"

# What each folder of csrc may include besides itself and the public headers, "include".
BELOW = {
    "include": set(),
    "base": set(),
    "basis": {"base"},
    "neighbors": {"base"},
    "descriptors": {"base", "basis", "neighbors"},
    "models": {"base", "basis", "neighbors", "descriptors"},
    # Finds and opens the device library, of which it knows only the C interface.
    "device": {"cuda/device_interface.h"},
    "cuda": {"base", "basis", "neighbors", "descriptors", "models"},
    "bindings": {"base", "basis", "neighbors", "descriptors", "models", "device"},
}
# Files that choose among the families of models; the others in models/ know their own at most.
CHOOSES_FAMILY = {"models/registry.cpp", "models/descriptor_reader.cpp"}
# The engine knows no Python, MPI, LAMMPS or torch, and CUDA stays in its own library.
FOREIGN = {
    r"pybind11/|Python\.h": {"bindings"},
    r"mpi|torch/|lammps": set(),
    r"cuda|cub/|thrust/": {"cuda"},
}


def files(folder: Path) -> list[Path]:
    found = [p for p in folder.rglob("*") if p.suffix in {".h", ".hpp", ".cpp", ".cu"}]
    assert found, f"{folder} has no sources"
    return sorted(found)


def includes(path: Path) -> Iterator[tuple[bool, str]]:
    """(Whether in angle brackets, name) of all #include lines."""
    for opening, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', path.read_text(), re.M):
        yield opening == "<", name


def folder_of(name: str) -> str:
    first = name.split("/")[0]
    return "include" if first == "tektite" else first


def objections(place: str, system: bool, name: str) -> str | None:
    """Why the file `place`, relative to csrc, must not include `name`; None if it may."""
    here, there = place.split("/")[0], folder_of(name)
    if system:
        for pattern, allowed in FOREIGN.items():
            if re.match(pattern, name) and here not in allowed:
                return "is foreign to it"
        return None
    if there not in BELOW:
        return "names no folder of csrc"
    if there not in BELOW[here] | {here, "include"} and name not in BELOW[here]:
        return "is above it or beside it"
    family = re.match(r"models/(\w+)/", name)
    if (
        here == "models"
        and family is not None
        and place not in CHOOSES_FAMILY
        and not place.startswith(family.group())
    ):
        return "belongs to another family of models"
    return None


def test_dependencies_of_the_engine_point_downwards() -> None:
    wrong = []
    for path in files(ENGINE):
        place = path.relative_to(ENGINE).as_posix()
        for system, name in includes(path):
            why = objections(place, system, name)
            if why is not None:
                wrong.append(f"csrc/{place} includes {name}, which {why}")
    assert not wrong, "\n".join(wrong)


def test_every_include_of_the_engine_exists() -> None:
    for path in files(ENGINE):
        for system, name in includes(path):
            place = ENGINE / ("include" if folder_of(name) == "include" else "") / name
            assert system or place.is_file(), f"{path} includes {name}"


def test_the_plugin_sees_only_the_c_interface() -> None:
    for path in files(ROOT / "lammps_plugin"):
        for _, name in includes(path):
            if "/" in name:
                assert name == "tektite/tektite.h", f"{path} includes {name}"


@pytest.mark.parametrize(
    ("place", "system", "name"),
    [
        ("descriptors/soap.cpp", False, "models/gap/parameters.hpp"),
        ("basis/coupling.cpp", False, "neighbors/images.hpp"),
        ("base/cpu.cpp", False, "basis/coupling.hpp"),
        ("models/registry.cpp", False, "bindings/python_errors.hpp"),
        ("models/gap/variance.cpp", False, "models/ace/tables.hpp"),
        ("models/local_potential.cpp", False, "models/ace/tables.hpp"),
        ("device/device_library.cpp", False, "cuda/evaluator.hpp"),
        ("models/registry.cpp", False, "registry.hpp"),
        ("models/registry.cpp", True, "pybind11/pybind11.h"),
        ("neighbors/lattice.cpp", True, "mpi.h"),
        ("base/cpu.cpp", True, "cuda_runtime.h"),
    ],
)
def test_turned_arrows_are_seen(place: str, system: bool, name: str) -> None:
    assert objections(place, system, name) is not None
