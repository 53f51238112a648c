# SPDX-License-Identifier: BSD-3-Clause
"""What the terms of a GAP have in common."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Order of the components of virials, as ASE's: xx yy zz yz xz xy.
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclasses.dataclass
class Rows:
    """Covariances, in units of delta², of one frame's data with M sparse points.

    energy: (M,); forces: (n, 3, M), virial: (6, M), minus the derivative of the energy with respect
    to strain, in ASE's order; both None where not wanted.
    """

    energy: NDArray[np.float64]
    forces: NDArray[np.float64] | None
    virial: NDArray[np.float64] | None

    @staticmethod
    def zeros(n_atoms: int, n_points: int, derivatives: bool) -> Rows:
        """Rows to be added to."""
        return Rows(
            np.zeros(n_points),
            np.zeros((n_atoms, 3, n_points)) if derivatives else None,
            np.zeros((6, n_points)) if derivatives else None,
        )

    def columns(self, part: slice) -> Rows:
        """View of some columns."""
        return Rows(
            self.energy[part],
            None if self.forces is None else self.forces[:, :, part],
            None if self.virial is None else self.virial[:, part],
        )


class Term(abc.ABC):
    """One kernel expansion with sparse points of its own.

    Attributes
    ----------
    kind : str
        As in the model file. Terms of one kind share their delta.
    n_points : int
        M, number of sparse points.
    """

    def __init__(self, kind: str, n_points: int):
        self.kind = kind
        self.n_points = n_points

    @property
    @abc.abstractmethod
    def sparse_points(self) -> NDArray[np.float64]:
        """As in the model file, (M, D)."""

    @abc.abstractmethod
    def prior_covariance(self) -> NDArray[np.float64]:
        """Covariance of the sparse points in units of delta², (M, M); its diagonal is 1."""

    @abc.abstractmethod
    def metadata(self, symbols: Sequence[str]) -> dict[str, Any]:
        """As in the model file, without delta; symbols: the elements of the model."""
