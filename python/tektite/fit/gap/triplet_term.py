# SPDX-License-Identifier: BSD-3-Clause
"""Kernels of triplets (`angle_3b` of docs/file-format.md)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tektite.fit.dataset import Target
from tektite.fit.gap.config import Angle3bConfig
from tektite.fit.gap.pair_term import Edges, cutoff_function
from tektite.fit.gap.term import VOIGT, Rows, Term
from tektite.neighbors import neighbor_list
from tektite.similarity.selection import choose_farthest, choose_random

# Numbers held at once by the rows of a chunk of triplets, several times over: 16 MB.
_CHUNK = 2_000_000

# Sparse points of each kind of triplet are chosen from about this many.
_MOST_TRIPLETS = 20_000


@dataclasses.dataclass
class Triplets:
    """T triplets: atoms (T, 3): centre, j, k; vectors (T, 3, 3): i to j, i to k, j to k, angstrom.

    lengths: (T, 3), of the vectors.
    """

    atoms: NDArray[np.int64]
    vectors: NDArray[np.float64]
    lengths: NDArray[np.float64]

    def coordinates(self) -> NDArray[np.float64]:
        """(T, 3): r_ij + r_ik, (r_ij - r_ik)², r_jk."""
        first, second, third = self.lengths.T
        return np.stack([first + second, (first - second) ** 2, third], axis=1)

    def part(self, chosen: slice) -> Triplets:
        """Some of them."""
        return Triplets(self.atoms[chosen], self.vectors[chosen], self.lengths[chosen])


def find_triplets(
    species: NDArray[np.int32],
    edges: Edges,
    cutoff: float,
    center: int,
    neighbors: tuple[int, int],
) -> Triplets:
    """All unordered pairs of neighbours, of two given elements, of centres of a given element.

    edges: i, j, d, D of `tektite.neighbors.neighbor_list`, sorted by i and at least up to cutoff.
    """
    i, j, d, vectors = edges
    a, b = neighbors
    of_interest = (species[j] == a) | (species[j] == b)
    chosen = np.flatnonzero((species[i] == center) & of_interest & (d < cutoff))
    pairs = []
    begins = np.flatnonzero(np.diff(i[chosen], prepend=-1, append=-1))
    for begin, end in itertools.pairwise(begins):
        x, y = np.triu_indices(end - begin, 1)
        pairs.append(np.stack([chosen[begin + x], chosen[begin + y]], axis=1))
    both = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
    if a != b:
        both = both[species[j[both[:, 0]]] != species[j[both[:, 1]]]]
    first, second = both.T
    sides = np.stack([vectors[first], vectors[second], vectors[second] - vectors[first]], axis=1)
    return Triplets(
        np.stack([i[first], j[first], j[second]], axis=1),
        sides,
        np.linalg.norm(sides, axis=2),
    )


class TripletTerm(Term):
    """f(r_ij) f(r_ik) Σ_s weight_s exp(-½ Σ_d (x - x_s)_d²/theta_d²) for one kind of triplet.

    Attributes
    ----------
    center : int
        Index of the element of the centre.
    neighbors : (int, int)
        Those of its neighbours.
    points : (M, 3)
        x_s (see `Triplets.coordinates`).
    theta : (3,)
    """

    def __init__(
        self,
        config: Angle3bConfig,
        center: int,
        neighbors: tuple[int, int],
        points: NDArray[np.float64],
        theta: NDArray[np.float64],
    ):
        super().__init__("angle_3b", len(points))
        self.config = config
        self.center = center
        self.neighbors = neighbors
        self.points = points
        self.theta = theta

    @property
    def sparse_points(self) -> NDArray[np.float64]:
        """As in the model file, (M, 3)."""
        return self.points

    def prior_covariance(self) -> NDArray[np.float64]:
        """Covariance at the sparse points without cutoff functions, in units of delta²."""
        x = self.points / self.theta
        return np.exp(-0.5 * ((x[:, None] - x[None, :]) ** 2).sum(axis=2))

    def metadata(self, symbols: Sequence[str]) -> dict[str, Any]:
        """As in the model file, without delta."""
        return {
            "kind": "angle_3b",
            "center": symbols[self.center],
            "neighbors": [symbols[k] for k in self.neighbors],
            "cutoff": self.config.cutoff,
            "cutoff_transition_width": self.config.cutoff_transition_width,
            "theta": [float(t) for t in self.theta],
        }

    def add_rows(self, species: NDArray[np.int32], edges: Edges, rows: Rows) -> None:
        """Add this term's part of the rows of one frame; arguments as `PairTerm.add_rows`."""
        triplets = find_triplets(species, edges, self.config.cutoff, self.center, self.neighbors)
        step = max(1, _CHUNK // self.n_points)
        for begin in range(0, len(triplets.atoms), step):
            self._add(triplets.part(slice(begin, begin + step)), rows)

    def _add(self, triplets: Triplets, rows: Rows) -> None:
        first, second, _ = triplets.lengths.T
        width = self.config.cutoff_transition_width
        f1, df1 = cutoff_function(first, self.config.cutoff, width)
        f2, df2 = cutoff_function(second, self.config.cutoff, width)
        x = triplets.coordinates()
        slopes = [
            (x[:, d, None] - self.points[:, d]) / self.theta[d] ** 2 for d in range(3)
        ]  # minus the derivatives of log k
        exponent = sum(0.5 * s**2 * t**2 for s, t in zip(slopes, self.theta))
        k = np.exp(-exponent)
        both = (f1 * f2)[:, None]
        rows.energy += (f1 * f2) @ k
        if rows.forces is None:
            return
        assert rows.virial is not None
        kf = k * both
        along = slopes[1] * (2.0 * (first - second))[:, None]
        derivatives = (
            k * (df1 * f2)[:, None] - kf * (slopes[0] + along),
            k * (f1 * df2)[:, None] - kf * (slopes[0] - along),
            -kf * slopes[2],
        )
        n_atoms, _, n_points = rows.forces.shape
        ends = ((0, 1), (0, 2), (1, 2))
        numbers = np.arange(len(x))
        for side, (begin, end) in enumerate(ends):
            vectors = triplets.vectors[:, side]
            unit = vectors / triplets.lengths[:, side, None]
            place = 3 * triplets.atoms[:, [begin, end], None] + np.arange(3)
            values = np.stack([unit, -unit], axis=1)
            columns = np.broadcast_to(numbers[:, None, None], place.shape)
            scatter = csr_array(
                (values.ravel(), (place.ravel(), columns.ravel())), shape=(3 * n_atoms, len(x))
            )
            rows.forces += (scatter @ derivatives[side]).reshape(n_atoms, 3, n_points)
            for row, (alpha, beta) in zip(rows.virial, VOIGT):
                row -= (unit[:, alpha] * vectors[:, beta]) @ derivatives[side]


def _kinds(n_elements: int) -> Iterator[tuple[int, tuple[int, int]]]:
    for center in range(n_elements):
        for a in range(n_elements):
            for b in range(a, n_elements):
                yield center, (a, b)


def make_triplet_terms(
    config: Angle3bConfig, n_elements: int, targets: Iterable[Target], n_frames: int, seed: int
) -> list[TripletTerm]:
    """One term for each kind of triplet that the data have, with sparse points chosen.

    n_frames: number of targets.
    """
    found: dict[tuple[int, tuple[int, int]], list[NDArray[np.float64]]] = {}
    most = max(10, _MOST_TRIPLETS // n_frames)
    for number, target in enumerate(targets):
        edges = neighbor_list("ijdD", target.frame.atoms, config.cutoff, threads=1)
        for kind in _kinds(n_elements):
            x = find_triplets(target.species, edges, config.cutoff, *kind).coordinates()
            if len(x) > most:
                x = x[np.random.default_rng([seed, number]).choice(len(x), most, replace=False)]
            if len(x):
                found.setdefault(kind, []).append(x)
    terms = []
    for (center, neighbors), parts in sorted(found.items()):
        x = np.concatenate(parts)
        ranges = np.ptp(x, axis=0)
        theta = np.asarray(config.theta or np.where(ranges > 0, 0.5 * ranges, 1.0))
        if config.sparse_method == "farthest":
            chosen = choose_farthest(x / theta, config.n_sparse)
        else:
            rng = np.random.default_rng([seed, center, *neighbors])
            chosen = choose_random(x / theta, config.n_sparse, rng)
        terms.append(TripletTerm(config, center, neighbors, x[chosen], theta))
    return terms
