# SPDX-License-Identifier: BSD-3-Clause
"""Averages of several ACE models that are fitted to the same data (docs/average.md)."""
