"""Run one CP2K single point for each frame of an extxyz file.

Every frame gets a folder of its own under the work folder. A folder that already holds a finished
calculation of the same input is left alone, so the script may be stopped and started again at any
time. The results are gathered by ``gather.py``.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from tqdm import tqdm

TEMPLATE = Path(__file__).with_name("cp2k.inp.template")
INPUT_NAME = "frame.inp"
OUTPUT_NAME = "frame.out"

SMEARED_SOLVER = """\
      ADDED_MOS @ADDED_MOS@
      &DIAGONALIZATION ON
        ALGORITHM STANDARD
      &END DIAGONALIZATION
      &SMEAR ON
        METHOD FERMI_DIRAC
        ELECTRONIC_TEMPERATURE [K] @TEMPERATURE@
      &END SMEAR
      &MIXING
        METHOD BROYDEN_MIXING
        ALPHA @MIXING_ALPHA@
        BETA 1.0
        NBROYDEN 8
      &END MIXING"""
# Orbital transformation, for the atom and the dimers: integer occupations.
OT_SOLVERS = {
    1: """\
      &OT ON
        MINIMIZER CG
        PRECONDITIONER FULL_ALL
      &END OT""",
    2: """\
      &OT ON
        MINIMIZER DIIS
        PRECONDITIONER FULL_SINGLE_INVERSE
        ENERGY_GAP 0.05
      &END OT
      &OUTER_SCF
        EPS_SCF 1.0E-6
        MAX_SCF 8
      &END OUTER_SCF""",
}


@dataclass(frozen=True)
class Settings:
    """Everything of the level of theory that is a number or a name.

    Attributes:
        cutoff: plane-wave cutoff of the finest density grid, in Ry.
        rel_cutoff: cutoff that assigns a Gaussian to a grid, in Ry.
        eps_default: CP2K's general numerical threshold.
        eps_scf: convergence of the self-consistent field.
        basis: name of the basis set.
        basis_file: file of the basis set.
        kspacing: largest allowed distance of k-points, in 1/A (with the factor 2 pi).
        temperature: electronic temperature of the Fermi-Dirac smearing, in K.
        mixing_alpha: mixing parameter of Broyden's method.
    """

    cutoff: float = 200.0
    rel_cutoff: float = 30.0
    eps_default: str = "1.0E-8"
    eps_scf: str = "1.0E-6"
    basis: str = "DZVP-MOLOPT-SR-GTH"
    basis_file: str = "BASIS_MOLOPT"
    kspacing: float = 0.30
    temperature: float = 1160.4518
    mixing_alpha: float = 0.4


def has_vacuum(atoms: Atoms, axis: int, gap: float = 6.0) -> bool:
    """Tell whether the cell is empty over more than ``gap`` (A) along an axis."""
    heights = np.sort(atoms.get_scaled_positions()[:, axis])
    spaces = np.diff(np.append(heights, heights[0] + 1.0))
    thickness = 1.0 / float(np.linalg.norm(np.linalg.inv(atoms.cell.array)[:, axis]))
    return float(spaces.max()) * thickness > gap


def kpoint_grid(atoms: Atoms, kspacing: float) -> tuple[int, int, int]:
    """Return the Monkhorst-Pack grid whose spacing is at most ``kspacing`` (1/A).

    Numbers above one are made even, for the even grids do not contain the Gamma point, which
    converges faster in silicon. Along vacuum there is one point.
    """
    lengths = 2.0 * math.pi * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    grid = []
    for axis, length in enumerate(lengths):
        number = max(1, math.ceil(float(length) / kspacing - 1e-6))
        if has_vacuum(atoms, axis):
            number = 1
        elif number > 1:
            number += number % 2
        grid.append(number)
    return grid[0], grid[1], grid[2]


def render_input(atoms: Atoms, settings: Settings, template: str | None = None) -> str:
    """Fill the CP2K template for one frame.

    Frames are spin-restricted, with smearing; periodic ones have k-points. A frame with
    ``multiplicity`` in its info (the atom and the dimers) is spin-polarised with that
    multiplicity, at the Gamma point, with integer occupations.
    """
    text = TEMPLATE.read_text() if template is None else template
    periodic = bool(atoms.pbc.all())
    multiplicity = atoms.info.get("multiplicity")
    values = {
        "STRESS_KEYWORD": "  STRESS_TENSOR ANALYTICAL" if periodic else "",
        "STRESS_PRINT": "    &STRESS_TENSOR ON\n    &END STRESS_TENSOR" if periodic else "",
        "BASIS_FILE": settings.basis_file,
        "BASIS": settings.basis,
        "EPS_DEFAULT": settings.eps_default,
        "EPS_SCF": settings.eps_scf,
        "CUTOFF": settings.cutoff,
        "REL_CUTOFF": settings.rel_cutoff,
        "PERIODIC": "XYZ" if periodic else "NONE",
        "POISSON_SOLVER": "PERIODIC" if periodic else "WAVELET",
        "SPIN": "",
        "KPOINTS": "",
        "KIND_EXTRA": "",
        "SOLVER": OT_SOLVERS[len(atoms)] if multiplicity else SMEARED_SOLVER,
        "MAX_SCF": 25 if multiplicity and len(atoms) == 2 else 120,
        "ADDED_MOS": -1,
    }
    if multiplicity is not None:
        values["SPIN"] = f"    UKS .TRUE.\n    MULTIPLICITY {multiplicity}"
        values["KIND_EXTRA"] = (
            "      &BS ON\n        &ALPHA\n          N 3\n          L 1\n          NEL 2\n"
            "        &END ALPHA\n        &BETA\n          N 3\n          L 1\n"
            "          NEL -2\n        &END BETA\n      &END BS"
        )
    values["MIXING_ALPHA"] = settings.mixing_alpha
    values["TEMPERATURE"] = settings.temperature
    if periodic:
        nx, ny, nz = kpoint_grid(atoms, settings.kspacing)
        values["KPOINTS"] = (
            f"    &KPOINTS\n      SCHEME MONKHORST-PACK {nx} {ny} {nz}\n"
            "      SYMMETRY .FALSE.\n      FULL_GRID .FALSE.\n"
            "      WAVEFUNCTIONS COMPLEX\n    &END KPOINTS"
        )
    for name, row in zip("ABC", atoms.cell.array):
        values[f"CELL_{name}"] = " ".join(f"{x:.10f}" for x in row)
    values["COORD"] = "\n".join(
        f"      {symbol} " + " ".join(f"{x:.10f}" for x in position)
        for symbol, position in zip(atoms.get_chemical_symbols(), atoms.positions)
    )
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


def finished(folder: Path, text: str) -> bool:
    """Tell whether ``folder`` holds a completed run of exactly this input."""
    inp, out = folder / INPUT_NAME, folder / OUTPUT_NAME
    if not (inp.exists() and out.exists()) or inp.read_text() != text:
        return False
    tail = out.read_bytes()[-4000:].decode(errors="replace")
    return "PROGRAM ENDED AT" in tail or (folder / "failed").exists()


def run_frame(atoms: Atoms, folder: Path, settings: Settings, command: str) -> float:
    """Compute one frame in ``folder``; return the wall time in seconds (0 if already done)."""
    text = render_input(atoms, settings)
    if finished(folder, text):
        return 0.0
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / INPUT_NAME).write_text(text)
    ase.io.write(folder / "frame.extxyz", atoms, format="extxyz")
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    start = time.monotonic()
    with (folder / OUTPUT_NAME).open("w") as stream:
        process = subprocess.run(
            [*command.split(), "-i", INPUT_NAME],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if process.returncode != 0:
        (folder / "failed").write_text(f"exit status {process.returncode}\n")
    return time.monotonic() - start


def main() -> None:
    """Parse the command line and run the frames."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="extxyz file written by make_frames.py")
    parser.add_argument("work", type=Path, help="folder for the calculations")
    parser.add_argument("--command", default="cp2k.psmp", help="how CP2K is started")
    parser.add_argument("--groups", nargs="*", help="run only these groups")
    parser.add_argument("--limit", type=int, help="run at most so many frames")
    for name in ("cutoff", "rel_cutoff", "kspacing", "temperature"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float)
    args = parser.parse_args()
    settings = Settings()
    for name in ("cutoff", "rel_cutoff", "kspacing", "temperature"):
        if getattr(args, name) is not None:
            settings = replace(settings, **{name: getattr(args, name)})
    frames = ase.io.read(args.frames, index=":")
    if args.groups:
        frames = [atoms for atoms in frames if atoms.info["group"] in args.groups]
    frames = frames[: args.limit]
    bar = tqdm(frames, unit="frame")
    for atoms in bar:
        bar.set_postfix_str(f"{atoms.info['name']} ({len(atoms)} atoms)")
        run_frame(atoms, args.work / atoms.info["name"], settings, args.command)


if __name__ == "__main__":
    main()
