# SPDX-License-Identifier: BSD-3-Clause
"""Instructions of one evaluation, counted by valgrind: the same number on a busy machine.

The AVX2 kernels, since valgrind knows no AVX-512. Instructions are not time, but a change of the
code that doubles them is seen here at once.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from benchmark_models import Model
from c_driver import Driver, DriverMissing, make_driver, write_cluster
from report import Section, Table, significant
from rich.progress import Progress
from settings import Settings

import tektite

_ATOMS = 64
_CALLS = 2
_TIMEOUT = 300  # s


def _count(driver: Driver, model: Model, precision: str, cluster: Path) -> tuple[int, str]:
    """Instructions a call and the functions that take most of them."""
    output = cluster.with_suffix(f".{precision}.callgrind")
    command = [
        "valgrind",
        "--tool=callgrind",
        "--toggle-collect=tektite_evaluate",
        f"--callgrind-out-file={output}",
        *driver.arguments(model.path, precision, 1, cluster, _CALLS),
    ]
    environment = {**driver.environment, "TEKTITE_ISA": "avx2"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(done.stderr.strip()[-300:])
    return int(found.group(1)) // _CALLS, _largest(output)


def _largest(output: Path, n: int = 4) -> str:
    """Return the largest shares by function, for example "forward_base 31%"."""
    if shutil.which("callgrind_annotate") is None:
        return "-"
    done = subprocess.run(
        ["callgrind_annotate", "--auto=no", str(output)], capture_output=True, text=True
    )
    shares: dict[str, float] = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s*[\d,]+ \(\s*([\d.]+)%\)\s+\S*?:(.*?)(?: \[|$)", line)
        if match and "PROGRAM TOTALS" not in line:
            name = re.search(r"(\w+)(?:<.*)?\(", match.group(2))
            key = name.group(1) if name else match.group(2).strip()[:40]
            shares[key] = shares.get(key, 0.0) + float(match.group(1))
    ordered = sorted(shares.items(), key=lambda item: -item[1])[:n]
    return ", ".join(f"{name} {share:.0f}%" for name, share in ordered)


def measure(settings: Settings, progress: Progress) -> Section:
    """Count for each model, in both precisions."""
    table = Table(
        "Instructions of one evaluation, AVX2",
        ["model", "precision", "million", "an atom", "an edge", "most in"],
    )
    section = Section("instruction_counts", [table])
    if shutil.which("valgrind") is None:
        table.notes.append("Not counted: valgrind is not installed here (apt install valgrind).")
        return section
    try:
        driver = make_driver(settings.scratch)
    except DriverMissing as error:
        table.notes.append(f"Not counted: {error}.")
        return section
    models = list(settings.models)[-1:] if settings.quick else list(settings.models)
    task = progress.add_task("instruction counts", total=2 * len(models))
    for k, model in enumerate(models):
        small = replace(model, atoms=_ATOMS)
        atoms, cutoff = small.crystal(), tektite.load(model.path).cutoff
        n_edges = len(tektite.neighbor_list("i", atoms, cutoff))
        cluster = settings.scratch / f"counted-{k}"
        write_cluster(cluster, atoms, model.elements, cutoff)
        for precision in ("double", "mixed"):
            try:
                n, largest = _count(driver, small, precision, cluster)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                table.notes.append(f"{model.name}, {precision}: not counted: {error}")
                continue
            finally:
                progress.advance(task)
            table.rows.append(
                [
                    model.name,
                    precision,
                    significant(n / 1e6, 4),
                    significant(n / len(atoms), 4),
                    significant(n / n_edges, 4),
                    largest,
                ]
            )
            section.data[f"{model.name}, {precision}"] = {
                "instructions": n,
                "atoms": len(atoms),
                "edges": n_edges,
                "largest": largest,
            }
    table.notes.append(
        f"valgrind --tool=callgrind, {_ATOMS} atoms, mean of {_CALLS} calls of tektite_evaluate "
        "(the first also allocates); loading is not counted."
    )
    return section


if __name__ == "__main__":
    from run import main

    main(only="instruction_counts")
