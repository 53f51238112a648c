# SPDX-License-Identifier: BSD-3-Clause
"""Fitting of potentials to reference data (docs/fitting.md)."""

from tektite.fit.config import FitConfig, load_config, parse_config
from tektite.fit.families import run_config
from tektite.fit.run import FitResult, fit_frames
from tektite.fit.training_run import TrainingResult, train_frames

__all__ = [
    "FitConfig",
    "FitResult",
    "TrainingResult",
    "fit_frames",
    "load_config",
    "parse_config",
    "run_config",
    "train_frames",
]
