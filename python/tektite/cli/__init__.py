# SPDX-License-Identifier: BSD-3-Clause
"""The command line: `tektite --help`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    from tektite.cli.app import app

    app()
