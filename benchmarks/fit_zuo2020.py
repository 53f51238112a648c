# SPDX-License-Identifier: BSD-3-Clause
"""Fits the Si and Mo data of Zuo et al. with the configurations in examples/zuo2020.

    python benchmarks/fit_zuo2020.py [NAME ...] [--data FOLDER] [--set KEY=VALUE ...] [--json FILE]

Prints component root mean square errors on the test files, and times; names are those of the
configurations: si, mo (linear), si-nonlinear, ... `--set basis.cutoff=6` changes a key of
the configuration (values are YAML), for trying out; each `--set` is one more run.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tektite.data import Frame
from tektite.fit import FitConfig, fit_frames, parse_config, train_frames
from tektite.fit.average.config import AverageFitConfig
from tektite.fit.average.run import fit_average_frames
from tektite.fit.dataset import read_data
from tektite.potential import default_threads
from tektite.report import ErrorTable

ROOT = Path(__file__).resolve().parents[1]

# Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020); meV/atom, eV/Å.
PUBLISHED = {
    "si": [("GAP", 4.18, 0.12), ("qSNAP", 6.28, 0.29), ("qSNAP, tuned", 3.31, 0.11)],
    "mo": [("GAP", 3.55, 0.16), ("qSNAP", 3.96, 0.33), ("qSNAP, tuned", 3.51, 0.17)],
}


NAMES = [
    "si",
    "mo",
    "si-nonlinear",
    "si-nonlinear-large",
    "mo-nonlinear",
    "si-average",
    "mo-average",
]


def changed(content: dict[str, Any], setting: str) -> None:
    """Apply KEY=VALUE to a configuration, in place."""
    key, value = setting.split("=", 1)
    *sections, last = key.split(".")
    for section in sections:
        content = content.setdefault(section, {})
    content[last] = yaml.safe_load(value)


def run(name: str, settings: list[str], folder: Path | None, console: Console) -> dict[str, Any]:
    """Fit once; return sizes, times and errors."""
    path = ROOT / "examples" / "zuo2020" / f"{name}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for setting in settings:
        changed(content, setting)
    average = content.get("family") == "average"
    config = AverageFitConfig.parse(content, path) if average else parse_config(content, path)
    place = path.parent if folder is None else folder
    files = [
        [place / (p if folder is None else p.name) for p in group]
        for group in (config.data.train_files, config.data.test_files)
    ]
    train, test = (read_data(group, config.data) for group in files)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        begin = time.perf_counter()
        sizes, tables = fitted(config, train, test, progress)
        seconds = time.perf_counter() - begin
    return {
        "data": name,
        "settings": settings,
        **sizes,
        "seconds": seconds,
        "threads": config.threads or default_threads(),
        "train": tables["train"].as_dict(),
        "test": tables["test"].as_dict(),
    }


def fitted(
    config: FitConfig | AverageFitConfig, train: list[Frame], test: list[Frame], progress: Progress
) -> tuple[dict[str, Any], dict[str, ErrorTable]]:
    """Sizes and tables of errors of a linear fit, a training or an average of these."""
    if isinstance(config, AverageFitConfig):
        average = fit_average_frames(config, train, test, progress)
        assert average.test is not None
        models = [member.nonlinear.model for member in average.members]
        sizes = {
            "functions": sum(model.n_functions for model in models),
            "parameters": sum(model.n_parameters for model in models),
            "members": [member.test.as_dict() for member in average.members],
        }
        return sizes, {"train": average.train, "test": average.test}
    if config.training is not None:
        trained = train_frames(config, train, test, progress=progress)
        model = trained.nonlinear.model
        sizes = {"functions": model.n_functions, "parameters": model.n_parameters}
        return sizes, trained.tables
    result = fit_frames(config, train, test, progress)
    assert result.test is not None
    sizes = {
        "functions": result.model.n_functions,
        "parameters": result.model.n_functions,
        "effective": result.solution.effective,
        "log_evidence": result.solution.log_evidence,
    }
    return sizes, {"train": result.train, "test": result.test}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="default: all")
    parser.add_argument("--data", type=Path, default=os.environ.get("TEKTITE_ZUO2020"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE[;KEY=VALUE]", help="one more run"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console()
    runs = []
    for name in arguments.names or NAMES:
        table = Table(title=f"{name}: test errors")
        for heading in (
            "",
            "functions",
            "parameters",
            "energy, meV/atom",
            "force, eV/Å",
            "stress, GPa",
            "s",
        ):
            table.add_column(heading, justify="left" if heading == "" else "right")
        for label, energy, force in PUBLISHED[name[:2]]:
            table.add_row(label, "", "", f"{energy:.2f}", f"{force:.2f}", "", "")
        for settings in arguments.set or [""]:
            row = run(name, [s.strip() for s in settings.split(";") if s], arguments.data, console)
            runs.append(row)
            errors = row["test"]["all"]
            table.add_row(
                f"tektite {settings}",
                str(row["functions"]),
                str(row["parameters"]),
                f"{errors['energy']['rmse']:.2f}",
                f"{errors['force']['rmse']:.4f}",
                f"{errors['stress']['rmse']:.3f}",
                f"{row['seconds']:.0f}",
            )
        console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
