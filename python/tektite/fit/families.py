# SPDX-License-Identifier: BSD-3-Clause
"""Which program fits which family of models."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tektite.errors import UnsupportedError
from tektite.fit.base_config import BaseFitConfig
from tektite.fit.config import FitConfig
from tektite.fit.config_file import read_yaml
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
    FitResult, TrainingResult, GapFitResult or NeuralFitResult
        By the key ``family``: ``ace`` (the default, with or without the section ``training``),
        ``gap`` or ``neural``.

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
    console = console or Console(file=sys.stdout, highlight=False)
    return module.run(config, path, console, restart)


def estimate_config(path: str | Path, console: Console | None = None) -> Estimate:
    """Estimate what the fit of a configuration file will need; errors as `run_config`."""
    config, module = load_any(path, "dry_run")
    console = console or Console(file=sys.stdout, highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        frames = read_sets(config, progress)
        return module.estimate(config, frames["train"], frames["test"], progress)
