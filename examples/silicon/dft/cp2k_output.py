"""Read energy, forces and stress from a CP2K output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.units import Bohr, GPa, Hartree

FLOAT = r"[-+]?\d+\.\d+(?:[EeDd][-+]?\d+)?"


@dataclass(frozen=True)
class Result:
    """One single point, in ASE's units.

    Attributes:
        energy: the energy that the forces are the gradient of (with smearing: the electronic
            free energy), in eV.
        forces: in eV/A.
        stress: xx, yy, zz, yz, xz, xy in eV/A^3, ASE's sign (positive under tension); None for
            frames without periodic boundaries.
        converged: whether the self-consistent field converged.
        seconds: CP2K's own wall time.
        spin: integral of the absolute spin density, in electrons; None if not printed.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    converged: bool
    seconds: float
    spin: float | None


def _converged(text: str) -> bool:
    if "outer SCF loop" in text:  # its inner loops may stop early
        return "outer SCF loop converged" in text
    return "SCF run NOT converged" not in text and "SCF run converged" in text


def parse_output(path: Path) -> Result:
    """Parse the output of an ENERGY_FORCE run.

    Raises:
        ValueError: if the output is incomplete.
    """
    text = path.read_text(errors="replace")
    energies = re.findall(rf"ENERGY\| Total FORCE_EVAL.*?({FLOAT})\s*$", text, re.MULTILINE)
    block = re.findall(r"ATOMIC FORCES in \[a\.u\.\](.*?)SUM OF ATOMIC FORCES", text, re.DOTALL)
    if not energies or not block or "PROGRAM ENDED AT" not in text:
        raise ValueError(f"{path}: incomplete output")
    rows = re.findall(rf"^\s*\d+\s+\d+\s+\S+\s+({FLOAT})\s+({FLOAT})\s+({FLOAT})", block[-1], re.M)
    forces = np.array(rows, dtype=float) * Hartree / Bohr
    stress = None
    table = re.findall(
        r"STRESS\| Analytical stress tensor \[GPa\](.*?)STRESS\| 1/3 Trace", text, re.DOTALL
    )
    if table:
        numbers = re.findall(rf"STRESS\|\s+[xyz]\s+({FLOAT})\s+({FLOAT})\s+({FLOAT})", table[-1])
        matrix = np.array(numbers, dtype=float) * GPa
        matrix = 0.5 * (matrix + matrix.T)
        # CP2K prints the pressure tensor (positive under compression).
        stress = -matrix[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    wall = re.findall(rf"^ CP2K  +\d+ +\S+ +\S+ +\S+ +\S+ +({FLOAT})\s*$", text, re.MULTILINE)
    spins = re.findall(rf"Integrated absolute spin density\s*:\s*({FLOAT})", text)
    return Result(
        energy=float(energies[-1]) * Hartree,
        forces=forces,
        stress=stress,
        converged=_converged(text),
        seconds=float(wall[-1]) if wall else float("nan"),
        spin=float(spins[-1]) if spins else None,
    )
