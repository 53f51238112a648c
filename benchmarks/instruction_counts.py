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


def _with_symbols() -> Path | None:
    """Folder of the same libtektite with the names that installation strips, if built here."""
    installed = next((Path(tektite.__file__).parent / "lib").glob("libtektite.so*"), None)
    if installed is None:
        return None
    # ELF note of the linker: sizes 4 and 20, type 3, "GNU", the build ID.
    note = re.compile(rb"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0(.{20})", re.DOTALL)
    wanted = note.search(installed.read_bytes())
    for path in (Path(__file__).resolve().parents[1] / "build").glob("**/libtektite.so"):
        found = note.search(path.read_bytes())
        if found and wanted and found.group(1) == wanted.group(1):
            return path.parent
    return None


def _count(
    driver: Driver, model: Model, precision: str, cluster: Path, symbols: Path | None
) -> tuple[int, str]:
    """Instructions a call and, if symbols are there, the functions that take most of them."""
    output = cluster.with_suffix(f".{precision}.callgrind")
    command = [
        "valgrind",
        "--tool=callgrind",
        "--toggle-collect=tektite_evaluate",
        f"--callgrind-out-file={output}",
        *driver.arguments(model.path, precision, 1, cluster, _CALLS),
    ]
    environment = {**driver.environment, "TEKTITE_ISA": "avx2"}
    if symbols is not None:
        environment["LD_LIBRARY_PATH"] = str(symbols)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(done.stderr.strip()[-300:])
    return int(found.group(1)) // _CALLS, "-" if symbols is None else _largest(output)


def _plain_name(signature: str) -> str:
    """Return "f" for "T<1> a::b<2>::f<3>(int) const"."""
    name = signature.replace("(anonymous namespace)::", "")
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    found = re.search(r"(\w+)\(", name)
    return found.group(1) if found else name.strip()[:40]


def _largest(output: Path, n: int = 4) -> str:
    """Return the largest shares by function, for example "forward_base 31%"."""
    if shutil.which("callgrind_annotate") is None:
        return "-"
    done = subprocess.run(
        ["callgrind_annotate", "--auto=no", "--threshold=100", str(output)],
        capture_output=True,
        text=True,
    )
    shares: dict[str, float] = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s*[\d,]+ \(\s*([\d.]+)%\)\s+\S*?:(.*?)(?: \[|$)", line)
        if match and "PROGRAM TOTALS" not in line:
            name = _plain_name(match.group(2))
            shares[name] = shares.get(name, 0.0) + float(match.group(1))
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
    symbols = _with_symbols()
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
                n, largest = _count(driver, small, precision, cluster, symbols)
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
    if symbols is None:
        table.columns = list(table.columns)[:-1]
        table.rows = [row[:-1] for row in table.rows]
    table.notes.append(
        f"valgrind --tool=callgrind, {_ATOMS} atoms, mean of {_CALLS} calls of tektite_evaluate "
        "(the first also allocates); loading is not counted."
    )
    return section


if __name__ == "__main__":
    from run import main

    main(only="instruction_counts")
