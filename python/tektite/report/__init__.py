# SPDX-License-Identifier: BSD-3-Clause
"""Errors of a model against reference data: tables, JSON and plots."""

from tektite.report.errors import ErrorStatistics, ErrorTable
from tektite.report.plots import parity_plot

__all__ = ["ErrorStatistics", "ErrorTable", "parity_plot"]
