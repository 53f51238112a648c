# SPDX-License-Identifier: BSD-3-Clause
"""GAP fits beside gap_fit: time, memory and errors for the same data and settings, one core.

Silicon in the diamond structure, 64 atoms a frame, rattled and strained, labelled by a Morse
potential; 20 sparse points for pairs and some for SOAP (n_max 8, l_max 6, cutoff 5 Å), on energies
and forces. Both programs run as one sees them: from files to files.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.morse import MorsePotential
from machine import cores, pinned
from report import Section, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite
from tektite.convert import convert

_SOAP = "cutoff=5.0 n_max=8 l_max=6 atom_sigma=0.5 zeta=4 delta=1.0 covariance_type=dot_product"
_PAIRS = "cutoff=5.0 delta=1.0 covariance_type=ard_se theta_uniform=1.0 n_sparse=20"


def _frames(n: int, seed: int) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(n):
        atoms = bulk("Si", "diamond", a=5.431, cubic=True) * 2
        strain = np.eye(3) + 0.03 * rng.uniform(-1, 1, (3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.rattle(rng.uniform(0.03, 0.2), rng=rng)
        atoms.calc = MorsePotential(epsilon=0.8, r0=2.4, rho0=4.0, rcut1=1.6, rcut2=2.1)
        labelled = atoms.copy()
        labelled.info["dft_energy"] = atoms.get_potential_energy()
        labelled.arrays["dft_forces"] = atoms.get_forces()
        frames.append(labelled)
    return frames


def _run(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and largest memory (MB) of a program.

    Raises
    ------
    RuntimeError
        It failed; with the end of what it said.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    log = folder / "output.txt"
    with open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        peak = float("nan")
        while process.poll() is None:
            peak = _peak_memory(process.pid, peak)
            time.sleep(0.02)
        seconds = time.perf_counter() - start
    if process.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {log.read_text()[-300:]}")
    return seconds, peak


def _peak_memory(pid: int, before: float) -> float:
    """Peak resident memory in MB of a running program; `before` where that cannot be told.

    What the kernel reports at its end would include this program's own, from before the start.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return before
    peaks = [float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")]
    return peaks[0] if peaks else before


def _errors(model: tektite.Potential, test: list[Atoms]) -> tuple[float, float]:
    """Root mean square errors, meV/atom and eV/Å."""
    result = tektite.evaluate(test, model, threads=1)
    energy = [(e - a.info["dft_energy"]) / len(a) for e, a in zip(result.energies, test)]
    force = [f - a.arrays["dft_forces"] for f, a in zip(result.forces, test)]
    return 1e3 * float(np.sqrt(np.mean(np.square(energy)))), float(
        np.sqrt(np.mean(np.square(np.concatenate(force))))
    )


def measure(settings: Settings, progress: Progress) -> Section:
    """Fit with both programs."""
    # The program itself, not the script of the wheel that starts it.
    found = importlib.util.find_spec("quippy")
    program = Path(found.origin).parent / "gap_fit" if found and found.origin else Path("gap_fit")
    n_frames, n_sparse = (6, 100) if settings.quick else (30, 1000)
    folder = settings.scratch / "gap_fits"
    folder.mkdir(exist_ok=True)
    test = _frames(5, seed=1)
    ase.io.write(folder / "train.xyz", _frames(n_frames, seed=0))
    configuration = {
        "family": "gap",
        "data": {"train": "train.xyz", "energy_key": "dft_energy", "forces_key": "dft_forces"},
        "baseline": {"kind": "none"},
        "distance_2b": {"cutoff": 5.0, "delta": 2.0, "theta": 1.0, "n_sparse": 20},
        "soap": {
            "cutoff": 5.0,
            "n_max": 8,
            "l_max": 6,
            "sigma": 0.5,
            "n_sparse": n_sparse,
            "sparse_method": "cur",
        },
        "sigma": {"energy": 0.001, "forces": 0.05},
        "threads": 1,
    }
    (folder / "si.yaml").write_text(yaml.safe_dump(configuration))
    commands = {
        "tektite fit": [str(Path(sys.executable).parent / "tektite"), "fit", "si.yaml"],
        "gap_fit": [
            str(program),
            "at_file=train.xyz",
            f"gap={{distance_2b {_PAIRS} sparse_method=uniform : soap {_SOAP} n_sparse={n_sparse} "
            "sparse_method=cur_points}",
            "default_sigma={0.001 0.05 0.0 0.0}",
            "energy_parameter_name=dft_energy",
            "force_parameter_name=dft_forces",
            "e0_method=average",
            "sparse_jitter=1e-8",
            "do_copy_at_file=F",
            "gp_file=gp.xml",
        ],
    }
    section = Section("gap_fits")
    table = Table(
        f"GAP fits: {n_frames} frames of 64 Si atoms, 20 pair and {n_sparse} SOAP points, one core",
        ["program", "s", "of gap_fit", "MB", "energy, meV/atom", "force, eV/Å"],
        notes=[
            f"tektite {tektite.__version__}; one run each, from files to files, start included; "
            "errors on 5 other frames.",
        ],
    )
    task = progress.add_task("GAP fits", total=len(commands))
    measured: dict[str, dict[str, float]] = {}
    with pinned(cores()[:1]):
        for name, command in commands.items():
            if not Path(command[0]).is_file():
                table.notes.append(f"Left out: {name} (pip install quippy-ase)")
                continue
            seconds, memory = _run(command, folder)
            if name == "gap_fit":
                model = convert(folder / "gp.xml", folder / "gap_fit.mlip", references=False)
                table.notes[0] += f" quippy-ase {importlib.metadata.version('quippy-ase')}."
            else:
                model = tektite.load(folder / "si.mlip")
            energy, force = _errors(model, test)
            measured[name] = {"s": seconds, "MB": memory, "meV/atom": energy, "eV/A": force}
            progress.advance(task)
    for name, row in measured.items():
        fraction = (
            significant(row["s"] / measured["gap_fit"]["s"]) if "gap_fit" in measured else "-"
        )
        table.rows.append(
            [
                name,
                f"{row['s']:.1f}",
                fraction,
                f"{row['MB']:.0f}",
                f"{row['meV/atom']:.3f}",
                f"{row['eV/A']:.4f}",
            ]
        )
    section.tables.append(table)
    section.data["fits"] = measured
    return section


if __name__ == "__main__":
    from run import main

    main(only="gap_fits")
