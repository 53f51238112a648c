# SPDX-License-Identifier: BSD-3-Clause
"""Kernels of pairs (`distance_2b` of docs/file-format.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite.fit.gap.config import Distance2bConfig
from tektite.fit.gap.term import VOIGT, Rows, Term

# i, j, d, D of `tektite.neighbors.neighbor_list`.
Edges = tuple[NDArray, NDArray, NDArray, NDArray]


def cutoff_function(
    r: NDArray[np.float64], cutoff: float, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """f(r) and f'(r): 1 below cutoff - width, half a period of a cosine, 0 from the cutoff on."""
    t = np.clip((r - cutoff + width) / width, 0.0, 1.0) * np.pi
    return 0.5 * (1.0 + np.cos(t)), -0.5 * np.pi / width * np.sin(t)


class PairTerm(Term):
    """V(r) = f(r) Σ_s weight_s exp(-(r - r_s)²/2θ²) for the pairs of two elements.

    Attributes
    ----------
    elements : (int, int)
        Indices of the two elements.
    distances : (M,)
        r_s, angstrom.
    """

    def __init__(
        self, config: Distance2bConfig, elements: tuple[int, int], distances: NDArray[np.float64]
    ):
        super().__init__("distance_2b", len(distances))
        self.config = config
        self.elements = elements
        self.distances = distances

    @property
    def sparse_points(self) -> NDArray[np.float64]:
        """As in the model file, (M, 1)."""
        return self.distances[:, None]

    def prior_covariance(self) -> NDArray[np.float64]:
        """Covariance of V at the sparse points without cutoff function, in units of delta²."""
        x = self.distances / self.config.theta
        return np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2)

    def metadata(self, symbols: Sequence[str]) -> dict[str, Any]:
        """As in the model file, without delta."""
        return {
            "kind": "distance_2b",
            "elements": [symbols[k] for k in self.elements],
            "cutoff": self.config.cutoff,
            "cutoff_transition_width": self.config.cutoff_transition_width,
            "theta": self.config.theta,
        }

    def add_rows(
        self,
        species: NDArray[np.int32],
        edges: Edges,
        rows: Rows,
    ) -> None:
        """Add this term's part of the rows of one frame.

        species: (n,); edges: i, j, d, D of `tektite.neighbors.neighbor_list`, sorted by i and at
        least up to the cutoff; rows: the columns of this term.
        """
        i, j, d, vectors = edges
        a, b = self.elements
        pair = (species[i] == a) & (species[j] == b) | (species[i] == b) & (species[j] == a)
        chosen = pair & (d < self.config.cutoff)
        i, d, vectors = i[chosen], d[chosen], vectors[chosen]
        if len(d) == 0:
            return
        f, df = cutoff_function(d, self.config.cutoff, self.config.cutoff_transition_width)
        x = (d[:, None] - self.distances) / self.config.theta
        k = np.exp(-0.5 * x**2)
        # Every pair is there in both directions.
        rows.energy += 0.5 * (f @ k)
        if rows.forces is None:
            return
        dv = df[:, None] * k - f[:, None] * k * x / self.config.theta
        unit = vectors / d[:, None]
        first = np.flatnonzero(np.diff(i, prepend=-1))
        rows.forces[i[first]] += np.add.reduceat(unit[:, :, None] * dv[:, None, :], first, axis=0)
        for row, (alpha, beta) in zip(rows.virial, VOIGT):
            row -= 0.5 * ((unit[:, alpha] * vectors[:, beta]) @ dv)


def make_pair_terms(
    config: Distance2bConfig, n_elements: int, minimum: NDArray[np.float64]
) -> list[PairTerm]:
    """One term for each pair of elements that the data have within the cutoff.

    minimum: (n_elements, n_elements), the smallest distance of each pair, angstrom; 0: none.
    """
    terms = []
    for a in range(n_elements):
        for b in range(a, n_elements):
            if 0 < minimum[a, b] < config.cutoff:
                distances = np.linspace(minimum[a, b], config.cutoff, config.n_sparse + 1)[:-1]
                terms.append(PairTerm(config, (a, b), distances))
    return terms
