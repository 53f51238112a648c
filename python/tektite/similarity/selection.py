# SPDX-License-Identifier: BSD-3-Clause
"""Choice of some of many descriptors: clusters, leverage scores (CUR), farthest, at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# Numbers of one block of distances: 32 MB.
_BLOCK = 4_000_000


def leverage_scores(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leverage of each row of features (N, D), (N,): their sum is the rank that was used.

    Squared rows of the left singular vectors that belong to the larger half of the singular values
    above 1e-7 of the largest (M. W. Mahoney and P. Drineas, PNAS 106, 697 (2009), eq. 3; half the
    rank, as gap_fit does).
    """
    # The Gram matrix of D columns squares singular values; those that are used are large.
    values, vectors = np.linalg.eigh(features.T @ features)
    rank = max(1, int(np.count_nonzero(values > values[-1] * 1e-14) // 2))
    projected = features @ (vectors[:, -rank:] / np.sqrt(values[-rank:]))
    return np.einsum("ij,ij->i", projected, projected)


def without_copies(
    features: NDArray[np.float64], order: NDArray[np.intp], n: int, tolerance: float = 1e-6
) -> NDArray[np.intp]:
    """First n of `order` none of which is within `tolerance` of one before it."""
    kept = np.zeros(0, dtype=np.intp)
    begin = 0
    while len(kept) < n and begin < len(order):
        chunk = order[begin : begin + n]
        begin += len(chunk)
        candidates = np.concatenate([kept, chunk])
        x = features[candidates]
        squares = np.einsum("ij,ij->i", x, x)
        far = squares[:, None] + squares[None, :] - 2.0 * (x @ x.T) > tolerance**2
        far[np.triu_indices(len(x))] = True
        # A copy of a copy is a copy of the first one too, so that one pass is enough.
        kept = candidates[far.all(axis=1)][:n]
    return kept


def choose_random(
    features: NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
    weights: NDArray[np.float64] | None = None,
    tolerance: float = 1e-6,
) -> NDArray[np.intp]:
    """Draw n different rows of features (N, D) without replacement; indices in the order drawn.

    weights: (N,), probabilities up to a factor; None: equal. Rows closer to a chosen one than
    `tolerance` are passed over, so there may be fewer than n.
    """
    keys = rng.gumbel(size=len(features))
    if weights is not None:
        keys += np.log(np.maximum(weights, np.finfo(float).tiny))
    return without_copies(features, np.argsort(-keys), n, tolerance)


def choose_cur(
    features: NDArray[np.float64], n: int, rng: np.random.Generator, tolerance: float = 1e-6
) -> NDArray[np.intp]:
    """Draw n different rows in proportion to their leverage; see `choose_random`."""
    return choose_random(features, n, rng, leverage_scores(features), tolerance)


def _nearest(
    features: NDArray[np.float64], centers: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Index of the nearest center of each row (N,), and the square of its distance (N,)."""
    nearest = np.empty(len(features), dtype=np.intp)
    squares = np.empty(len(features))
    lengths = np.einsum("ij,ij->i", centers, centers)
    step = max(1, _BLOCK // len(centers))
    for begin in range(0, len(features), step):
        x = features[begin : begin + step]
        distances = lengths - 2.0 * (x @ centers.T)
        chosen = distances.argmin(axis=1)
        nearest[begin : begin + step] = chosen
        squares[begin : begin + step] = distances[range(len(x)), chosen]
    return nearest, squares + np.einsum("ij,ij->i", features, features)


def choose_k_means(
    features: NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
    tolerance: float = 1e-6,
    iterations: int = 8,
) -> NDArray[np.intp]:
    """Rows of features (N, D) nearest to the means of n clusters, ascending.

    Landmarks of clusters make the error of a low-rank kernel small, which is bounded by that of
    the quantisation (K. Zhang, I. W. Tsang, J. T. Kwok, Proc. 25th ICML, 1232 (2008)). Clusters
    are those of Lloyd's method after a few iterations from n rows drawn at random; where clusters
    run empty or share their nearest row, rows far from all chosen ones fill up. See
    `choose_random` for `tolerance`. Work: 2 N n D flops an iteration.
    """
    start = choose_random(features, n, rng, tolerance=tolerance)
    if len(start) < n or len(start) == len(features):
        return np.sort(start)
    centers = features[start]
    numbers = np.arange(len(features))
    for _ in range(iterations):
        nearest, _ = _nearest(features, centers)
        members = csr_array((np.ones(len(features)), (nearest, numbers)), (n, len(features)))
        sizes = members.sum(axis=1)
        filled = sizes > 0
        centers[filled] = (members @ features)[filled] / sizes[filled, None]
    nearest, squares = _nearest(features, centers)
    order = np.lexsort((squares, nearest))
    first = order[np.unique(nearest[order], return_index=True)[1]]
    chosen = without_copies(features, first, n, tolerance)
    if len(chosen) < n:
        _, squares = _nearest(features, features[chosen])
        rest = np.argsort(-squares, kind="stable")
        chosen = without_copies(features, np.concatenate([chosen, rest]), n, tolerance)
    return np.sort(chosen)


def choose_farthest(
    features: NDArray[np.float64], n: int, first: int = 0, tolerance: float = 1e-6
) -> NDArray[np.intp]:
    """Rows of features (N, D), each the one farthest from all before; starts with row `first`.

    Ends before n if every row is within `tolerance` of a chosen one.
    """
    squares = np.einsum("ij,ij->i", features, features)
    distance = np.full(len(features), np.inf)
    chosen: list[int] = []
    current = first
    while len(chosen) < min(n, len(features)):
        chosen.append(current)
        new = squares + squares[current] - 2.0 * (features @ features[current])
        np.minimum(distance, new, out=distance)
        distance[current] = -np.inf
        current = int(np.argmax(distance))
        if distance[current] <= tolerance**2:
            break
    return np.array(chosen, dtype=np.intp)
