# SPDX-License-Identifier: BSD-3-Clause
"""Calls of the engine from C, without Python and without LAMMPS: compiles and runs driver.c."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from machine import cores, pinned

import tektite


class DriverMissing(RuntimeError):
    """The driver cannot be made here; the message says why."""


@dataclass(frozen=True)
class Driver:
    """The compiled program."""

    path: Path
    environment: Mapping[str, str]

    def arguments(
        self, model: Path, precision: str, threads: int, cluster: Path, calls: int
    ) -> list[str]:
        """Command line for so many evaluations of a cluster file."""
        return [str(self.path), str(model), precision, str(threads), str(cluster), str(calls)]

    def time(
        self, model: Path, precision: str, threads: int, cluster: Path, calls: int
    ) -> dict[str, Any]:
        """Return median, min and p90 (µs a call), energy (eV) and the engine's description."""
        with pinned(cores()[:threads]):
            done = subprocess.run(
                self.arguments(model, precision, threads, cluster, calls),
                env=dict(self.environment),
                capture_output=True,
                text=True,
            )
        if done.returncode != 0:
            raise RuntimeError(f"{self.path.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def make_driver(folder: Path) -> Driver:
    """Compile driver.c in folder against the installed engine.

    Raises
    ------
    DriverMissing
        There is no C compiler, or the installation has no C library.
    """
    package = Path(tektite.__file__).parent
    libraries = sorted((package / "lib").glob("libtektite.*"))
    if not libraries:
        raise DriverMissing(f"{package / 'lib'} has no libtektite: is Tektite installed by pip?")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise DriverMissing("there is no C compiler (cc) here")
    path = folder / "driver"
    if not path.is_file():
        source = Path(__file__).with_name("driver.c")
        command = [compiler, "-O2", "-std=c11", str(source), "-o", str(path)]
        command += [f"-I{package / 'include'}", str(libraries[0])]
        command += [f"-Wl,-rpath,{libraries[0].parent}", "-pthread"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise DriverMissing(f"{compiler} failed: {done.stderr.strip()[-500:]}")
    return Driver(path, dict(os.environ))


def write_cluster(path: Path, atoms: Atoms, elements: Sequence[str], cutoff: float) -> Path:
    """Write a cluster file (see driver.c) with all pairs closer than cutoff."""
    i, j, shifts = tektite.neighbor_list("ijS", atoms, cutoff)
    vectors, shift_of_edge = np.unique(shifts.reshape(-1, 3), axis=0, return_inverse=True)
    species = np.array([list(elements).index(s) for s in atoms.symbols])
    counts = np.bincount(i, minlength=len(atoms))
    order = np.argsort(i, kind="stable")
    content = [
        np.array([len(atoms), len(i), len(vectors)], dtype=np.int64),
        atoms.positions.astype(np.float64),
        (vectors @ atoms.cell.array).astype(np.float64),
        *(a.astype(np.int32) for a in (species, counts, j[order], shift_of_edge.ravel()[order])),
    ]
    path.write_bytes(b"".join(np.ascontiguousarray(a).tobytes() for a in content))
    return path
