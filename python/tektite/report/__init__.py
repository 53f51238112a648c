# SPDX-License-Identifier: BSD-3-Clause
"""Errors of a model against reference data: tables, JSON and plots."""

from tektite.report.calibration import Calibration, calibrate, calibration_plot
from tektite.report.errors import ErrorStatistics, ErrorTable
from tektite.report.plots import parity_plot
from tektite.report.validation import Validation, validate

__all__ = [
    "Calibration",
    "ErrorStatistics",
    "ErrorTable",
    "Validation",
    "calibrate",
    "calibration_plot",
    "parity_plot",
    "validate",
]
