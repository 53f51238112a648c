# SPDX-License-Identifier: BSD-3-Clause
"""Fitting of Gaussian approximation potentials (docs/gap.md)."""

from tektite.fit.gap.config import GapFitConfig, load_gap_config, parse_gap_config

__all__ = ["GapFitConfig", "load_gap_config", "parse_gap_config"]
