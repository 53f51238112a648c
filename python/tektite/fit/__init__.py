# SPDX-License-Identifier: BSD-3-Clause
"""Fitting of potentials to reference data (docs/fitting.md)."""

import importlib
from typing import Any

# Loaded when first used: a fit of one family need not wait for what the others import.
_LAZY = {
    "FitConfig": "config",
    "FitResult": "run",
    "TrainingResult": "training_run",
    "fit_frames": "run",
    "load_config": "config",
    "parse_config": "config",
    "run_config": "families",
    "train_frames": "training_run",
}

__all__ = list(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tektite.fit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tektite.fit.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
