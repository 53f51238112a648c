# SPDX-License-Identifier: BSD-3-Clause
"""How much memory a fit will take, told before it begins, and how much it may take."""

from __future__ import annotations

import dataclasses
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_GIB = 2.0**30
# What matplotlib takes when it is loaded, and the pictures of a report while they are drawn.
_PICTURES = 120e6


def resident() -> float:
    """Bytes that this process takes now (where the system does not tell: has taken at most)."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return float(status.read_text().split()[1]) * resource.getpagesize()
    return largest()


def largest() -> float:
    """Bytes that this process has taken at most."""
    status = Path("/proc/self/status")
    if status.is_file():
        # `ru_maxrss` would count the program that started this one.
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return 1024.0 * float(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def available() -> float | None:
    """Bytes that this process may take in all: what is free now, and what it has; None: not known.

    Linux only; respects the limit of a control group (version 2), as of a container.
    """
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free = 1024.0 * float(lines["MemAvailable"].split()[0])
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = float((group / "memory.current").read_text())
        cache = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        if limit != "max":
            free = min(free, float(limit) - used + float(cache.get("inactive_file", 0)))
    except (OSError, ValueError):
        pass
    return free + resident()


@dataclasses.dataclass
class MemoryPlan:
    """Bytes that a fit will take: what it has at the beginning, and what each step adds.

    stays: what a step leaves behind for those after it, by its name.
    """

    begin: float
    steps: dict[str, float] = dataclasses.field(default_factory=dict)
    stays: dict[str, float] = dataclasses.field(default_factory=dict)

    def add(self, step: str, largest: float, stays: float = 0.0) -> None:
        """Add a step that takes `largest` and of that keeps `stays`."""
        self.steps[step], self.stays[step] = largest, stays

    @property
    def levels(self) -> dict[str, float]:
        """Bytes in all at the height of each step, by its name."""
        found, level = {}, self.begin
        for name, largest in self.steps.items():
            found[name] = level + largest
            level += self.stays[name]
        return found

    @property
    def total(self) -> float:
        """The largest of `levels`."""
        return max([self.begin, *self.levels.values()])

    def text(self) -> str:
        """One line for the log of a fit."""
        parts = ", ".join(f"{name} {_size(size)}" for name, size in self.levels.items())
        return f"memory: about {_size(self.total)} at most ({parts}; now {_size(self.begin)})"

    def add_evaluation(self, n_atoms: int) -> None:
        """Add the evaluation of all frames at the end of a fit, and the pictures of the errors."""
        self.add("errors", evaluation_bytes(n_atoms))


def evaluation_bytes(n_atoms: int) -> float:
    """Bytes of predictions for so many atoms, and of the pictures of their errors."""
    return _PICTURES + 150.0 * n_atoms


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**20:.0f} MiB" if n_bytes < _GIB else f"{n_bytes / _GIB:.2f} GiB"


def limit_of(memory_limit: float | None) -> float:
    """Bytes that a fit may take, from the key of the configuration (GiB)."""
    if memory_limit is not None:
        return memory_limit * _GIB
    known = available()
    return float("inf") if known is None else known


def check_memory(
    plan: MemoryPlan, limit: float, say: Callable[[str], None], advice: Mapping[str, str]
) -> None:
    """Say how much memory a fit will take.

    advice: what to do when a step is too large, by its name.

    Raises
    ------
    MemoryError
        More than the limit; names the step.
    """
    say(plan.text())
    if plan.total <= limit:
        return
    step = max(plan.levels, key=plan.levels.__getitem__)
    raise MemoryError(
        f"this fit takes about {_size(plan.total)} in the step '{step}', but may take "
        f"{_size(limit)} (memory_limit, or what is free): {advice.get(step, 'give it more')}"
    )
