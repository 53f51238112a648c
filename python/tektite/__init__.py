# SPDX-License-Identifier: BSD-3-Clause
"""Tektite: one fast engine for machine-learning interatomic potentials, in ASE and in LAMMPS.

Units are eV and angstrom; stresses are as in ASE (eV/angstrom^3, positive in tension).
"""

from __future__ import annotations

import importlib
from typing import Any

# Names are imported when first used: `lmp` imports this package on every start to find the plugin
# (tektite.plugin) and must not wait for ASE, nor fail where the engine cannot be loaded.
_LAZY = {
    "CloserThanTrainingWarning": "errors",
    "DataError": "errors",
    "InternalError": "errors",
    "LammpsError": "errors",
    "ModelFileError": "errors",
    "NotFiniteError": "errors",
    "TektiteError": "errors",
    "UnknownSpeciesError": "errors",
    "UnsupportedError": "errors",
    "ACE": "ace",
    "SOAP": "soap",
    "SOAPTurbo": "soap",
    "Potential": "potential",
    "load": "potential",
    "TektiteCalculator": "calculator",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "neighbor_list": "neighbors",
    "lammps": "lammps_helper",
    "prepare_lammps": "lammps_helper",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = importlib.import_module("tektite._core").__version__
    elif name in _LAZY:
        value = getattr(importlib.import_module(f"tektite.{_LAZY[name]}"), name)
    else:
        raise AttributeError(f"module 'tektite' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
