# SPDX-License-Identifier: BSD-3-Clause
"""How fast whole steps in LAMMPS are, how much memory they take, and how large a system may be."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from typing import Any

import counts
from bundle import Bundle, Model
from simulation import Crystal, Observed, Run, SimulationFailed, simulate


@dataclass
class Row:
    """One line of the table; what is None was not measured, and `note` says why."""

    model: str
    precision: str
    atoms: int
    ranks: int
    deterministic: bool = False
    rate: float | None = None  # atom-steps a second: median over runs
    rates: tuple[float, ...] = ()
    target: float | None = None
    pair_share: float | None = None  # of the whole step, mean over ranks
    list_builds: int = 0
    bytes_per_atom: float | None = None  # on the device
    beyond: float | None = None  # of these beyond positions, forces and edges
    arithmetic: float | None = None  # fraction of the peak that the counted operations reach
    bandwidth: float | None = None
    device: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


def measure(
    bundle: Bundle,
    model: Model,
    precision: str,
    n_atoms: int,
    ranks: int,
    *,
    steps: int,
    repeats: int,
    temperature: float = 300.0,
    skin: float = 1.0,
    target: float | None = None,
    deterministic: bool = False,
) -> Row:
    """Time whole steps: median of `repeats` runs of `steps` steps."""
    crystal = Crystal.with_atoms(n_atoms)
    row = Row(model.name, precision, crystal.n_atoms, ranks, deterministic, target=target)
    run = Run(
        crystal,
        settings=f"device cuda precision {precision} deterministic "
        f"{'yes' if deterministic else 'no'}",
        ranks=ranks,
        skin=skin,
        temperature=2 * temperature,  # half of it becomes potential energy
        warm=min(steps, 10),
        steps=[steps] * repeats,
    )
    try:
        seen = simulate(bundle, model, run)
    except SimulationFailed as error:
        row.note = " ".join(str(error).split())[-300:]
        return row
    _fill(row, seen, model, precision, skin)
    return row


def _fill(row: Row, seen: Observed, model: Model, precision: str, skin: float) -> None:
    loops = seen.loops[1:]  # without the first steps
    row.rates = tuple(loop.steps * loop.atoms / loop.seconds for loop in loops)
    row.rate = statistics.median(row.rates)
    row.pair_share = statistics.median(loop.pair_seconds / loop.seconds for loop in loops)
    row.list_builds = sum(loop.list_builds for loop in loops)
    row.device = seen.device
    row.bytes_per_atom = seen.device_bytes_per_atom
    # Positions and forces in double, edges as 32-bit numbers of neighbours.
    edges = counts.neighbors(model.cutoff + skin)
    row.beyond = row.bytes_per_atom - 24 - 24 - 4 * edges
    least = counts.least_seconds(model.counts, model.cutoff, skin, precision)
    if least is not None and "H200" in row.device:
        row.arithmetic = row.rate / row.pair_share * least


def largest_that_fits(note: str) -> int | None:
    """Number of atoms that an out-of-memory message says would fit."""
    found = re.search(r"([\d,]+) atoms would fit", note)
    return int(found.group(1).replace(",", "")) if found else None


@dataclass
class Kernel:
    """Time and counted work of one kernel in a few steps."""

    model: str
    precision: str
    name: str
    seconds: float
    share: float  # of the time in all kernels
    launches: int
    threads: int
    operations: float | None = None  # a second; None: not counted
    bytes: float | None = None  # a second
    shared_bytes: float | None = None  # of shared memory, a second
    of_peak: float | None = None  # of an H200's arithmetic
    of_bandwidth: float | None = None  # of its memory, as if there were no caches
    of_shared: float | None = None  # of its shared memory


def kernel_times(bundle: Bundle, model: Model, precision: str, n_atoms: int) -> list[Kernel]:
    """Time every kernel alone, in ten steps on one rank; the slowest first.

    Raises
    ------
    SimulationFailed
        With LAMMPS's error message.
    """
    skin = 1.0
    run = Run(
        Crystal.with_atoms(n_atoms),
        settings=f"device cuda precision {precision}",
        skin=skin,
        temperature=600.0,
        steps=[10],
        kernel_times=True,
    )
    seen = simulate(bundle, model, run)
    sums: dict[str, Kernel] = {}
    for entry in seen.kernels:
        name = entry["kernel"]
        kernel = sums.setdefault(name, Kernel(model.name, precision, name, 0.0, 0.0, 0, 0))
        kernel.seconds += entry["seconds"]
        kernel.launches += entry["launches"]
        kernel.threads += entry["threads"]
    total = sum(kernel.seconds for kernel in sums.values())
    counted = {}
    for in_threads in (True, False):  # only one of the two has run
        counted |= counts.of_kernels(
            model.counts, model.cutoff, skin, precision, in_threads=in_threads
        )
    for kernel in sums.values():
        kernel.share = kernel.seconds / total
        work = counted.get(kernel.name.partition("<")[0])
        if work is None or kernel.seconds == 0:
            continue
        kernel.operations = work.operations * kernel.threads / kernel.seconds
        kernel.bytes = work.bytes * kernel.threads / kernel.seconds
        kernel.shared_bytes = work.shared * kernel.threads / kernel.seconds
        if "H200" in seen.device:
            kernel.of_peak = kernel.operations / counts.H200[work.arithmetic]
            kernel.of_bandwidth = kernel.bytes / counts.H200["bytes"]
            kernel.of_shared = kernel.shared_bytes / counts.H200["shared"]
    return sorted(sums.values(), key=lambda kernel: -kernel.seconds)
