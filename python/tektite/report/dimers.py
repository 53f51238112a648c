# SPDX-License-Identifier: BSD-3-Clause
"""Energy curves of dimers: what a model makes of two atoms, down to distances without data."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tektite.evaluation import evaluate
from tektite.potential import Potential


def dimer_curves(
    potential: Potential, closest: float = 0.5, n_points: int = 200
) -> dict[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Distances (n_points,), angstrom, and energies, eV, of a dimer of each pair of elements.

    Energies are relative to the two isolated atoms. Distances go from `closest` to the cutoff.
    """
    curves = {}
    isolated = potential.isolated_energies
    r = np.linspace(closest, potential.cutoff, n_points)
    for k, first in enumerate(potential.elements):
        for second in potential.elements[k:]:
            systems = (Atoms([first, second], [[0, 0, 0], [0, 0, d]]) for d in r)
            energies = evaluate(systems, potential, threads=1).energies
            curves[first, second] = (r, energies - isolated[first] - isolated[second])
    return curves
