# SPDX-License-Identifier: BSD-3-Clause
"""What all benchmarks are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark_models import Model
from lammps_timing import Program


@dataclass(frozen=True)
class Settings:
    """Options of the command line, resolved."""

    program: Program
    models: Sequence[Model]
    scratch: Path  # a folder for files that may be deleted afterwards
    seconds: float  # what one timed run should take
    repeats: int
    skin: float  # angstrom, of LAMMPS's neighbour list
    quick: bool

    def steps_for(self, seconds_per_step: float, seconds: float | None = None) -> int:
        """Number of steps with which a run takes the time it should."""
        return max(2, round((seconds or self.seconds) / seconds_per_step))
