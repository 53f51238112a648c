# SPDX-License-Identifier: BSD-3-Clause
"""Which program fits which family of models."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tektite.data import Frame
from tektite.errors import UnsupportedError
from tektite.fit.average.config import AverageFitConfig
from tektite.fit.base_config import BaseFitConfig
from tektite.fit.config import FitConfig
from tektite.fit.config_file import read_yaml
from tektite.fit.cross_validation import CrossValidation, candidates
from tektite.fit.dataset import find_elements
from tektite.fit.estimate import Estimate
from tektite.fit.gap.config import GapFitConfig
from tektite.fit.neural.config import NeuralFitConfig
from tektite.fit.results import check_output, read_sets

# By the key `family`: configuration, and the package whose modules `run` and `dry_run` fit as one
# says, and estimate what that needs.
FAMILIES: dict[str, tuple[type[BaseFitConfig], str]] = {
    "ace": (FitConfig, "tektite.fit"),
    "gap": (GapFitConfig, "tektite.fit.gap"),
    "neural": (NeuralFitConfig, "tektite.fit.neural"),
    "average": (AverageFitConfig, "tektite.fit.average"),
}


def load_any(path: str | Path, module: str = "run") -> tuple[BaseFitConfig, ModuleType]:
    """Read and check a configuration of any family; return it and a module of the family.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        See `BaseFitConfig.load`, or the family is not known.
    UnsupportedError
        ``neural`` without torch.
    """
    path = Path(path).expanduser()
    content = read_yaml(path)
    family = content.get("family", "ace") if isinstance(content, dict) else "ace"
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(f"{path}: 'family' is {family!r}; there are: {', '.join(FAMILIES)}")
    configuration, package = FAMILIES[family]
    config = configuration.load(path)
    try:
        return config, importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnsupportedError(
            "family: neural is trained with torch, which is not installed: pip install "
            "'tektite[train]'"
        ) from None


def run_config(path: str | Path, console: Console | None = None, restart: bool = False) -> Any:
    """Fit as a configuration file says, print the errors and write all files.

    restart: forget what a training that was killed had reached.

    Returns
    -------
    FitResult, TrainingResult, GapFitResult, NeuralFitResult or AverageFitResult
        By the key ``family``: ``ace`` (the default, with or without the section ``training``),
        ``gap``, ``neural`` or ``average``.

    Raises
    ------
    FileNotFoundError
        The configuration or a data file is missing.
    ValueError, DataError
        The configuration or the data are not as they should be; names the key or frame.
    UnsupportedError
        ``neural`` without torch.
    """
    path = Path(path).expanduser()
    config, module = load_any(path)
    check_output(config.output, path)
    with _progress(console) as progress:
        frames = read_sets(config, progress)
        if config.cross_validation is not None:
            config = _cross_validated(config, module, frames["train"], progress, restart)
        return module.run(config, frames, path, progress, restart)


def _progress(console: Console | None) -> Progress:
    """Return the display that all fits share."""
    console = console or Console(file=sys.stdout, highlight=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _cross_validated(
    config: BaseFitConfig,
    module: ModuleType,
    train: Sequence[Frame],
    progress: Progress,
    restart: bool,
) -> BaseFitConfig:
    """Print errors on frames left out; return the configuration that had the smallest."""
    path = config.output.folds
    assert path is not None and config.cross_validation is not None
    if restart:
        path.unlink(missing_ok=True)
    elements = find_elements(train, config.elements)
    weights = module.weights_of(config, train, elements)
    validation = CrossValidation(config, train, module.fit_potential, weights, path)
    config = validation.run(progress)
    progress.console.print(validation.table())
    chosen = validation.results[validation.best]["values"]
    if chosen:
        shown = ", ".join(f"{key}: {value}" for key, value in chosen.items())
        progress.console.print(f"chosen by cross-validation: {shown}")
    return config


def estimate_config(path: str | Path, console: Console | None = None) -> Estimate:
    """Estimate what the fit of a configuration file will need; errors as `run_config`."""
    config, module = load_any(path, "dry_run")
    with _progress(console) as progress:
        frames = read_sets(config, progress)
        found = module.estimate(config, frames["train"], frames["test"], progress)
    if config.cross_validation is not None:
        n_fits = (config.cross_validation.folds - 1) * len(candidates(config))
        found.seconds["cross-validation"] = n_fits * sum(found.seconds.values())
    return found
