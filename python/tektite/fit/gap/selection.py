# SPDX-License-Identifier: BSD-3-Clause
"""Choice of some of many descriptors: leverage scores (CUR), farthest points, at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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


def _without_copies(
    features: NDArray[np.float64], order: NDArray[np.intp], n: int, tolerance: float
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
    return _without_copies(features, np.argsort(-keys), n, tolerance)


def choose_cur(
    features: NDArray[np.float64], n: int, rng: np.random.Generator, tolerance: float = 1e-6
) -> NDArray[np.intp]:
    """Draw n different rows in proportion to their leverage; see `choose_random`."""
    return choose_random(features, n, rng, leverage_scores(features), tolerance)


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
