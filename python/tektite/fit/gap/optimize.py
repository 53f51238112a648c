# SPDX-License-Identifier: BSD-3-Clause
"""Choice of delta and sigma: largest marginal likelihood, or smallest loss on left-out frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tektite.fit.gap.regression import Hyperparameters, SparseGp

# Natural logarithms: what is a factor of 100 away from the configuration's value is not sought.
_RANGE = np.log(100.0)


def _minimize(
    function: Callable[[NDArray[np.float64]], float], n: int, advance: Callable[[], None]
) -> tuple[NDArray[np.float64], float]:
    """Minimum over n logarithms near 0, by the method of Nelder and Mead."""
    from scipy.optimize import minimize  # slow to import, and fixed hyperparameters need it not

    def counted(x: NDArray[np.float64]) -> float:
        advance()
        return function(x)

    simplex = np.vstack([np.zeros(n), 0.7 * np.eye(n)])
    options = {"initial_simplex": simplex, "xatol": 0.02, "fatol": 0.05, "maxfev": 60 * n}
    result = minimize(
        counted, np.zeros(n), method="Nelder-Mead", bounds=[(-_RANGE, _RANGE)] * n, options=options
    )
    return result.x, float(result.fun)


def maximize_evidence(
    regression: SparseGp,
    deltas: NDArray[np.float64],
    kinds: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> tuple[Hyperparameters, float]:
    """Factors on every delta, and on the sigmas of every kind of data, of the largest evidence.

    deltas: start, (blocks,). kinds: for each of the regression's data which scale it has, from 0.
    Returns hyperparameters and the logarithm of the marginal likelihood.
    """
    kinds_array = np.asarray(kinds)
    n_deltas = len(deltas)

    def unpack(x: NDArray[np.float64]) -> Hyperparameters:
        return Hyperparameters(deltas * np.exp(x[:n_deltas]), np.exp(x[n_deltas:])[kinds_array])

    best, value = _minimize(
        lambda x: -regression.log_evidence(unpack(x)),
        n_deltas + 1 + int(kinds_array.max()),
        advance,
    )
    return unpack(best), -value


def minimize_left_out_loss(
    regression: SparseGp,
    deltas: NDArray[np.float64],
    parts: Sequence[Sequence[int]],
    advance: Callable[[], None] = lambda: None,
) -> tuple[Hyperparameters, float]:
    """Factors on every delta of the smallest loss on left-out parts.

    A common factor on delta and sigma changes nothing, so that the sigmas stay. The factors and
    loss are returned as by `maximize_evidence`; parts: see `SparseGp.left_out_loss`.
    """
    scales = np.ones(len(regression.data))

    def unpack(x: NDArray[np.float64]) -> Hyperparameters:
        return Hyperparameters(deltas * np.exp(x), scales)

    best, value = _minimize(
        lambda x: 0.5 * regression.left_out_loss(unpack(x), parts), len(deltas), advance
    )
    return unpack(best), value
