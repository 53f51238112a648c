# SPDX-License-Identifier: BSD-3-Clause
"""Functions of the atomic cluster expansion: environments of atoms as vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite import _core
from tektite.features import AtomFeatures
from tektite.threads import default_threads


class ACE(AtomFeatures):
    """All independent ACE functions within limits, as features of every atom.

    R. Drautz, Phys. Rev. B 99, 014104 (2019). Features of atoms of different elements are different
    functions, equally many for each element; `tektite.fit.model.LinearAce` has the same functions.

    Parameters
    ----------
    elements : sequence of str
        Chemical symbols; all atoms must be of these.
    bonds : list of dict
        Radial functions of each ordered pair of elements, as from
        `tektite.fit.radial.make_bonds`.
    n_max, l_max : sequence of int
        Number of radial functions and highest degree of the spherical harmonics for rank 1 (l_max
        0), 2, ...
    max_degree : sequence of float, optional
        Limit of sum (n + l_weight l) over the factors, for each rank; None: no limit.
    l_weight : float
        Weight of l in it.
    precision : str
        "double" or "mixed" (float32 inside).
    threads : int, optional
        Default: see `tektite.threads.default_threads`.
    instruction_set : str
        "automatic", "baseline", "avx2" or "avx512".

    Raises
    ------
    ValueError
        A parameter has no meaning, or the bonds do not fit; the message says which.
    UnsupportedError
        The processor lacks the instruction set.
    """

    def __init__(
        self,
        elements: str | Sequence[str],
        bonds: Sequence[Mapping[str, Any]],
        n_max: Sequence[int],
        l_max: Sequence[int],
        max_degree: Sequence[float] | None = None,
        l_weight: float = 1.0,
        *,
        precision: str = "double",
        threads: int | None = None,
        instruction_set: str = "automatic",
    ):
        super().__init__(elements)
        self.bonds = [dict(bond) for bond in bonds]
        self.limits: dict[str, Any] = {
            "n_max": [int(n) for n in n_max],
            "l_max": [int(n) for n in l_max],
            "l_weight": float(l_weight),
        }
        if max_degree is not None:
            self.limits["max_degree"] = [float(d) for d in max_degree]
        self.basis = _core.AceBasis(len(self.elements), **self.limits)
        self._engine = _core.ace_calculator(
            self.bonds,
            self.basis,
            precision,
            default_threads() if threads is None else int(threads),
            instruction_set,
        )
        self.cutoff = self._engine.cutoff

    def __repr__(self) -> str:
        return (
            f"ACE([{', '.join(self.elements)}], cutoff={self.cutoff:g}, "
            f"n_max={self.limits['n_max']}, l_max={self.limits['l_max']}): "
            f"{self.n_features} features"
        )

    def model_contents(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """See `AtomFeatures.model_contents`."""
        parts = [np.ravel(bond["coefficients"]).astype(np.float64) for bond in self.bonds]
        bonds = [{k: v for k, v in bond.items() if k != "coefficients"} for bond in self.bonds]
        arrays = {
            "descriptor.bonds.coefficients": np.concatenate(parts),
            "descriptor.bonds.offsets": np.cumsum([0, *(len(p) for p in parts)], dtype=np.int64),
        }
        return {"kind": "ace", **self.limits, "bonds": bonds}, arrays
