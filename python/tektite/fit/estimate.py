# SPDX-License-Identifier: BSD-3-Clause
"""What `tektite fit --dry-run` says of any family: how large, how much memory, how long."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table

from tektite.data import Frame
from tektite.fit.dataset import Target
from tektite.fit.least_squares import triangular_factor
from tektite.fit.memory import MemoryPlan
from tektite.fit.preparation import Preparation

_SAMPLE_ATOMS = 300


@dataclasses.dataclass(kw_only=True)
class Estimate:
    """What a fit will need.

    n_neighbors: in the mean, within the cutoff. n_parameters: that are fitted. n_rows: energies,
    components of forces and virials. memory: bytes in all at the height of each step; most_memory:
    the largest of them; seconds: by purpose, from timings of a few frames here and now.
    """

    n_frames: int
    n_atoms: int
    n_neighbors: float
    n_parameters: int
    n_rows: int
    threads: int
    memory: dict[str, float]
    most_memory: float
    seconds: dict[str, float]

    def sizes(self) -> list[tuple[str, str]]:
        """What a family has besides, as names and texts."""
        return []

    def rich_table(self) -> Table:
        """Return a table to print with rich."""
        table = Table(show_header=False, box=None)
        table.add_column(style="bold")
        table.add_column()
        table.add_row("frames", f"{self.n_frames} ({self.n_atoms} atoms)")
        table.add_row("neighbours", f"{self.n_neighbors:.1f} an atom")
        for row in self.sizes():
            table.add_row(*row)
        table.add_row("parameters", str(self.n_parameters))
        table.add_row("data", f"{self.n_rows} energies, force components and virials")
        for name, size in self.memory.items():
            table.add_row(f"memory, {name}", f"{size / 2**20:.0f} MiB")
        table.add_row("memory, at most", f"{self.most_memory / 2**20:.0f} MiB")
        for name, seconds in self.seconds.items():
            table.add_row(f"time, {name}", _duration(seconds))
        table.add_row("time, together", f"{_duration(sum(self.seconds.values()))}")
        table.add_row("threads", str(self.threads))
        return table

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return dataclasses.asdict(self)


def common_numbers(
    train: Sequence[Frame], data: Preparation, threads: int, plan: MemoryPlan
) -> dict[str, Any]:
    """Fields of `Estimate` but those on parameters and times."""
    n_atoms = sum(f.n_atoms for f in train)
    return {
        "n_frames": len(train),
        "n_atoms": n_atoms,
        "n_neighbors": data.distances.n_edges / max(n_atoms, 1),
        "n_rows": data.n_rows,
        "threads": threads,
        "memory": plan.levels,
        "most_memory": plan.total,
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def sample(targets: Sequence[Target], n_atoms: int = _SAMPLE_ATOMS) -> tuple[list[Target], float]:
    """Some frames from all over the data, about `n_atoms` atoms, and how often they go into all."""
    total = sum(len(t.species) for t in targets)
    n = max(1, round(len(targets) * min(1.0, n_atoms / total)))
    chosen = [targets[int(k)] for k in np.linspace(0, len(targets) - 1, n)]
    return chosen, total / sum(len(t.species) for t in chosen)


def flops(n: int = 400) -> float:
    """Floating-point operations in a second of a QR decomposition on one thread."""
    rows = np.asfortranarray(np.random.default_rng(0).normal(size=(2 * n, n)))
    triangular_factor(rows.copy(order="F"))
    begin = time.perf_counter()
    triangular_factor(rows)
    return (4.0 - 2.0 / 3.0) * n**3 / (time.perf_counter() - begin)
