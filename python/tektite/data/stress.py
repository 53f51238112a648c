# SPDX-License-Identifier: BSD-3-Clause
"""Stress and virial conventions."""

from __future__ import annotations

import numpy as np
from ase.units import GPa
from numpy.typing import ArrayLike, NDArray

STRESS_CONVENTIONS = {
    "ase": "eV/Å^3, positive in tension; 6 values xx yy zz yz xz xy, or 9",
    "virial": "eV, -V times ASE's stress (QUIP's 'virial'); 6 values xx yy zz yz xz xy, or 9",
    "vasp-kbar": "kbar as VASP prints it, positive in compression; 6 values xx yy zz xy yz zx",
    "kbar-xz-yz": "as vasp-kbar, but in the order xx yy zz xy xz yz",
    "gpa": "GPa, positive in tension; 6 values xx yy zz yz xz xy, or 9",
}

_VOIGT_FROM_KBAR = {"vasp-kbar": [0, 1, 2, 4, 5, 3], "kbar-xz-yz": [0, 1, 2, 5, 4, 3]}


def convert_stress(values: ArrayLike, convention: str, volume: float) -> NDArray[np.float64]:
    """Convert a stress to ASE's form.

    Parameters
    ----------
    values : array_like
        6 or 9 numbers (or a 3 x 3 matrix) in the given convention.
    convention : str
        A key of `STRESS_CONVENTIONS`, where each is described.
    volume : float
        Volume of the cell, angstrom^3 (used by ``virial``).

    Returns
    -------
    (6,) float64: xx yy zz yz xz xy, eV/angstrom^3, positive in tension.

    Raises
    ------
    ValueError
        Unknown convention, or a number of values that it does not have.
    """
    if convention not in STRESS_CONVENTIONS:
        raise ValueError(
            f"unknown stress convention '{convention}'; known: {', '.join(STRESS_CONVENTIONS)}"
        )
    stress = np.asarray(values, dtype=np.float64).ravel()
    if convention in _VOIGT_FROM_KBAR:
        if stress.size != 6:
            raise ValueError(f"convention '{convention}' needs 6 values, got {stress.size}")
        return -0.1 * GPa * stress[_VOIGT_FROM_KBAR[convention]]
    if stress.size == 9:
        full = stress.reshape(3, 3)
        full = 0.5 * (full + full.T)
        stress = full[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    elif stress.size != 6:
        raise ValueError(f"a stress has 6 or 9 values, got {stress.size}")
    factors = {"ase": 1.0, "virial": -1.0 / volume if volume > 0 else np.nan, "gpa": GPa}
    return factors[convention] * stress
