# SPDX-License-Identifier: BSD-3-Clause
"""On what the measurements were made, and how they are kept on one core."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tektite import __version__, _core


def processor() -> str:
    """Name of the processor and number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        text = info.read_text()
        fields = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.*)$", text, re.MULTILINE))
        name = fields.get("model name", name)
        if "model" in fields:
            name += f" (family {fields.get('cpu family')}, model {fields['model']})"
    return f"{name}, {len(cores())} cores"


def compiler() -> str:
    """Compiler of the engine, as it signed the extension module."""
    content = Path(_core.__file__).read_bytes()
    found = re.findall(rb"(?:GCC: \([^)]*\) [\d.]+|[\w ]*clang version [\d.]+)", content)
    return ", ".join(sorted({f.decode() for f in found})) or "unknown"


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def pinned(chosen: Sequence[int]) -> Iterator[None]:
    """Keep this process, and those it starts meanwhile, on the chosen cores where that can be."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe(lammps: str) -> dict[str, Any]:
    """Return what stands above the tables."""
    described = {
        "processor": processor(),
        "system": platform.platform(terse=True),
        "tektite": __version__,
        "instruction set": _core.instruction_set(),
        "compiler": compiler(),
        "LAMMPS": lammps,
    }
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        described["load at the start"] = f"{load:.1f}"
        if load > 0.5 * len(cores()):
            described["load at the start"] += " (other programs run here: expect noise)"
    return described
