# SPDX-License-Identifier: BSD-3-Clause
"""Which program fits which family of models."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from tektite.errors import UnsupportedError
from tektite.fit import run
from tektite.fit.config import read_yaml
from tektite.fit.gap import run as run_gap


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
    content = read_yaml(path)
    family = content.get("family") if isinstance(content, dict) else None
    if family == "gap":
        return run_gap.run_config(path, console)
    if family == "neural":
        return _neural().run_config(path, console, restart)
    return run.run_config(path, console, restart)


def _neural() -> ModuleType:
    """The one family that is trained with torch, which is an extra."""
    try:
        from tektite.fit.neural import run as run_neural
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnsupportedError(
            "family: neural is trained with torch, which is not installed: pip install "
            "'tektite[train]'"
        ) from None
    return run_neural
