# SPDX-License-Identifier: BSD-3-Clause
"""Check and measure `pair_style mlip device cuda` in one run of a few minutes.

python benchmarks/cuda/run.py --pack build/cuda-benchmark.tar.xz   here: make the bundle to carry
python benchmarks/cuda/run.py build/cuda-benchmark.tar.xz --json results.json
                                                                   there: needs a GPU, its driver,
                                                                   Python 3.10; no network
python benchmarks/cuda/run.py BUNDLE --dry-run                     tiny systems; nothing is measured

The bundle holds LAMMPS, MPI, Tektite with its device library, and the models. The short table comes
last, and with --json as JSON, too. What could not be measured is named as missing; after --minutes
nothing new is begun. Where one run must be shorter, name the parts: --parts checks rates.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import checks
import speed
from bundle import Bundle, Model, open_bundle
from checks import Check
from simulation import SimulationFailed
from speed import Kernel, Row

# In this order: what matters most comes first.
_PARTS = ("checks", "rates", "large", "kernels", "drift")
_LARGE = (10_000_000, 100_000_000, 150_000_000)


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    check_atoms: int
    check_ranks: int
    check_steps: int
    drift_atoms: int
    drift_ps: float
    atoms: int  # of the rates
    gap_atoms: int
    large: tuple[int, ...]
    ranks: tuple[int, ...]  # tried for each rate
    steps: int
    repeats: int


_FULL = Sizes(1000, 4, 100, 2000, 5.0, 1_000_000, 100_000, _LARGE, (1, 4), 10, 5)
_DRY = Sizes(64, 1, 2, 64, 0.02, 64, 64, (216,), (1,), 2, 3)


@dataclass
class Report:
    """Everything found."""

    machine: dict[str, str]
    dry: bool
    checks: list[Check]
    rows: list[Row]
    kernels: list[Kernel]
    missing: list[str]
    seconds: float = 0.0
    deadline: float = math.inf  # of time.perf_counter()

    def begin(self, what: str) -> bool:
        """Say what comes next; False, and missing, if the time is up."""
        if time.perf_counter() > self.deadline:
            self.missing.append(f"{what}: the time was up (--minutes)")
            return False
        print(f"{what} ...", file=sys.stderr, flush=True)
        return True

    def as_json(self) -> str:
        """All of it, with every single time."""
        content = {
            "dry_run": self.dry,
            "machine": self.machine,
            "checks": [vars(c) for c in self.checks],
            "rates": [r.as_dict() for r in self.rows],
            "kernels": [vars(k) for k in self.kernels],
            "missing": self.missing,
            "seconds": round(self.seconds, 1),
        }
        return json.dumps(content, indent=1)


def _machine(bundle: Bundle) -> dict[str, str]:
    described = {
        "system": platform.platform(terse=True),
        "cores": str(len(os.sched_getaffinity(0))),
        "tektite": bundle.described["tektite"],
        "command": " ".join(sys.argv),
    }
    query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        described["GPU"] = done.stdout.strip() or "none: nvidia-smi names no device"
    except (OSError, subprocess.TimeoutExpired):
        described["GPU"] = "none: there is no nvidia-smi"
    return described


def _guarded(report: Report, what: str, action: Callable[[], list[Check]]) -> None:
    """Run checks; one that cannot run has failed, and the others go on."""
    if not report.begin(what):
        return
    try:
        report.checks += action()
    except SimulationFailed as error:
        report.checks.append(Check(what, f"failed: {' '.join(str(error).split())}", False))


def _plan(bundle: Bundle, sizes: Sizes) -> Iterator[tuple[Model, str, int, dict[str, Any]]]:
    """The rates to measure: model, precision, atoms, further arguments of speed.measure."""
    # Rates that are asked for of one H200 in mixed precision.
    targets = {"XPOT-Si": 1e7, "bench-standard": 4e7, "GAP": 1e6}
    for model in bundle.models.values():
        if model.kernels_only:
            continue
        n_atoms = sizes.gap_atoms if model.name == "GAP" else sizes.atoms
        for precision in ("mixed", "double"):
            target = targets.get(model.name) if precision == "mixed" else None
            yield model, precision, n_atoms, {"target": target}
        yield model, "mixed", n_atoms, {"deterministic": True}


def _rates(bundle: Bundle, sizes: Sizes, report: Report) -> None:
    best_ranks: dict[str, int] = {}
    for model, precision, n_atoms, more in _plan(bundle, sizes):
        tried = sizes.ranks if model.name not in best_ranks else (best_ranks[model.name],)
        rows = []
        for ranks in tried:
            if not report.begin(
                f"rate: {model.name}, {precision}, {n_atoms:,} atoms, {ranks} ranks"
            ):
                continue
            rows.append(
                speed.measure(
                    bundle,
                    model,
                    precision,
                    n_atoms,
                    ranks,
                    steps=sizes.steps,
                    repeats=sizes.repeats,
                    **more,
                )
            )
        report.rows += rows
        measured = [row for row in rows if row.rate is not None]
        if measured:
            best_ranks.setdefault(model.name, max(measured, key=lambda row: row.rate).ranks)


def _large_systems(bundle: Bundle, sizes: Sizes, report: Report) -> None:
    """As many atoms as fit; the first that does not says how many would."""
    model = bundle.models.get("bench-standard") or next(iter(bundle.models.values()))
    ranks = min(16, len(os.sched_getaffinity(0)))
    for n_atoms in sizes.large:
        if not report.begin(f"large: {model.name}, mixed, {n_atoms:,} atoms, {ranks} ranks"):
            continue
        row = speed.measure(bundle, model, "mixed", n_atoms, ranks, steps=2, repeats=3, skin=0.5)
        report.rows.append(row)
        if row.rate is None:
            break


def _kernels(bundle: Bundle, sizes: Sizes, report: Report) -> None:
    for model in bundle.models.values():
        few = model.name == "GAP" or model.kernels_only
        n_atoms = sizes.gap_atoms if few else sizes.atoms
        for precision in ("mixed", "double"):
            what = f"times of kernels: {model.name}, {precision}, {n_atoms:,} atoms"
            if not report.begin(what):
                continue
            try:
                found = speed.kernel_times(bundle, model, precision, n_atoms)
            except SimulationFailed as error:
                report.missing.append(f"{what}: {' '.join(str(error).split())[-300:]}")
                continue
            if not found:
                report.missing.append(f"{what}: this device library does not give them")
            report.kernels += found


def _find_missing(bundle: Bundle, sizes: Sizes, report: Report, parts: Sequence[str]) -> None:
    """Name what the run was to find and has not found."""
    report.missing += [f"{part}: left out (--parts)" for part in _PARTS if part not in parts]
    report.missing += [
        f"rate of {r.model}, {r.precision}, {r.atoms:,} atoms, {r.ranks} ranks: {r.note}"
        for r in report.rows
        if r.rate is None
    ]
    report.missing += [
        f"rates of {name}: the model is not in the bundle"
        for name in ("XPOT-Si", "bench-standard", "GAP")
        if name not in bundle.models
    ]
    tried = [r.atoms for r in report.rows]
    for n_atoms in sizes.large:
        if not any(n >= 0.9 * n_atoms for n in tried):
            report.missing.append(f"a run of {n_atoms:,} atoms: not tried")
    if not any(r.arithmetic for r in report.rows):
        report.missing.append("fractions of the arithmetic limit: known for an H200 only")
    if report.dry:
        report.missing.insert(0, "everything: a dry run measures nothing")


def _number(value: float | None, pattern: str = "{:.2e}") -> str:
    return "missing" if value is None else pattern.format(value)


def _table(columns: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[k]) for row in [columns, *rows]) for k in range(len(columns))]

    def line(row: list[str]) -> str:
        cells = [
            cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(columns), line(["-" * w for w in widths]), *map(line, rows)])


def _show(report: Report) -> str:
    parts = ["", *(f"{key}: {value}" for key, value in report.machine.items()), ""]
    if report.dry:
        parts += ["DRY RUN: tiny systems, no measurement of anything", ""]
    marks = {True: "ok", False: "FAILED", None: "-"}
    parts += [
        _table(["check", "found", ""], [[c.what, c.value, marks[c.passed]] for c in report.checks])
    ]
    rows = []
    for r in report.rows:
        name = r.model + (", deterministic" if r.deterministic else "")
        rows.append(
            [
                name,
                r.precision,
                f"{r.atoms:,}",
                str(r.ranks),
                "dry run" if report.dry and r.rate else _number(r.rate),
                _number(r.target, "{:.0e}") if r.target else "",
                _number(r.pair_share, "{:.0%}"),
                _number(r.arithmetic, "{:.0%}") if r.arithmetic else "",
                _number(r.bytes_per_atom, "{:.0f}"),
                _number(r.beyond, "{:.0f}"),
            ]
        )
    columns = ["model", "precision", "atoms", "ranks", "atom-steps/s", "target", "in pair style"]
    columns += ["of peak flops", "bytes/atom", "beyond x, f, edges"]
    parts += ["", _table(columns, rows)]
    kernels = [
        [
            f"{k.model}, {k.precision}: {k.name}",
            "dry run" if report.dry else f"{k.share:.0%}",
            "" if report.dry or k.operations is None else _number(k.operations),
            "" if k.of_peak is None else f"{k.of_peak:.0%}",
            "" if k.of_bandwidth is None else f"{k.of_bandwidth:.0%}",
            "" if not k.of_shared else f"{k.of_shared:.0%}",
        ]
        for k in report.kernels
        if k.share >= 0.02
    ]
    columns = ["kernel", "of all kernels", "counted flops/s", "of peak", "of bandwidth"]
    columns += ["of shared memory"]
    parts += ["", _table(columns, kernels), "", *(f"missing: {text}" for text in report.missing)]
    failed = sum(c.passed is False for c in report.checks)
    parts.append(f"{len(report.checks)} checks, {failed} failed; {report.seconds:.0f} s in all")
    return "\n".join(parts)


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n")
    part.replace(path)


def _check(bundle: Bundle, sizes: Sizes, report: Report) -> None:
    for model in bundle.models.values():
        _guarded(
            report,
            f"{model.name}: device and CPU",
            lambda model=model: checks.equals_cpu(
                bundle, model, sizes.check_atoms, sizes.check_ranks
            ),
        )
    first = next(iter(bundle.models.values()))
    _guarded(
        report,
        f"{first.name}: the same bits",
        lambda: checks.same_bits(
            bundle, first, sizes.check_atoms, sizes.check_ranks, sizes.check_steps
        ),
    )


def _drift(bundle: Bundle, sizes: Sizes, report: Report) -> None:
    first = next(iter(bundle.models.values()))
    _guarded(
        report,
        f"{first.name}: NVE",
        lambda: checks.drift_and_averages(
            bundle, first, sizes.drift_atoms, sizes.drift_ps, 2 * sizes.check_ranks
        ),
    )


def execute(
    bundle: Bundle,
    sizes: Sizes,
    *,
    dry: bool,
    parts: Sequence[str],
    minutes: float,
    json_path: Path | None,
) -> Report:
    """Do the parts; what has been found so far is written after each."""
    start = time.perf_counter()
    report = Report(_machine(bundle), dry, [], [], [], [], deadline=start + 60 * minutes)

    def save() -> None:
        report.seconds = time.perf_counter() - start
        if json_path is not None:
            _write(json_path, report.as_json())

    do = {
        "checks": _check,
        "rates": _rates,
        "large": _large_systems,
        "kernels": _kernels,
        "drift": _drift,
    }
    for part in _PARTS:
        if part in parts:
            do[part](bundle, sizes, report)
            save()
    _find_missing(bundle, sizes, report, parts)
    save()
    return report


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, help="folder or .tar.xz; what --pack writes")
    parser.add_argument("--pack", action="store_true", help="write the bundle instead of using it")
    parser.add_argument("--device-library", type=Path, help="with --pack: another libtektite_cuda")
    parser.add_argument("--dry-run", action="store_true", help="tiny systems; nothing is measured")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--minutes", type=float, default=8.0, help="begin nothing new after these")
    parser.add_argument("--drift-atoms", type=int, help="atoms of the NVE runs")
    parser.add_argument("--drift-ps", type=float, help="length of the NVE runs, ps")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    args = parser.parse_args(arguments)
    if args.pack:
        # The other benchmarks' modules, and Tektite, are needed here only.
        sys.path.append(str(Path(__file__).resolve().parents[1]))
        from bundle import pack

        try:
            described = pack(args.bundle, device_library=args.device_library, tiny=args.dry_run)
        except OSError as error:
            raise SystemExit(str(error)) from error
        print(f"{args.bundle}: Tektite {described['tektite']}, {', '.join(described['models'])}")
        return
    drift = {
        name: getattr(args, name)
        for name in ("drift_atoms", "drift_ps")
        if getattr(args, name) is not None
    }
    with tempfile.TemporaryDirectory(prefix="tektite-bundle-") as scratch:
        try:
            bundle = open_bundle(args.bundle, Path(scratch))
        except OSError as error:
            raise SystemExit(str(error)) from error
        report = execute(
            bundle,
            replace(_DRY if args.dry_run else _FULL, **drift),
            dry=args.dry_run,
            parts=args.parts,
            minutes=args.minutes,
            json_path=args.json,
        )
        print(_show(report))
    if any(check.passed is False for check in report.checks):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
