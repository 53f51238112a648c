# SPDX-License-Identifier: BSD-3-Clause
"""Bayesian linear regression from triangular factors."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tektite.fit.least_squares import combine


@dataclasses.dataclass
class Solution:
    """Result of a regression.

    coefficients: (K,). free: (n_free,), those without a prior. strength: lambda of
    ||X c - y||^2 + lambda sum (c / size)^2. noise: standard
    deviation of the weighted residuals, from the evidence. effective: number of coefficients that
    the data determine (MacKay's gamma). log_evidence: of the data given the strength.
    posterior_factor: (K, K) lower triangular, L L^T being the covariance of the coefficients; None
    if not wanted. n_rows: number of data. at_bound: the strength was searched for and found at the
    end of the range in which it makes a difference.
    """

    coefficients: NDArray[np.float64]
    free: NDArray[np.float64]
    strength: float
    noise: float
    effective: float
    log_evidence: float
    n_rows: int
    posterior_factor: NDArray[np.float64] | None = None
    at_bound: bool = False


class _Ridge:
    """||X c - y||^2 + lambda ||c / size||^2 for all lambda, by the singular values of X size.

    The first columns, those beyond len(sizes), have no prior. With R = [[R00, R01], [0, R11]] they
    make the first rows of the residual zero whatever the others are, so the problem is that of R11.
    """

    def __init__(self, factor: NDArray[np.float64], sizes: NDArray[np.float64], n_rows: int):
        self.sizes = sizes
        self.n_free = len(factor) - 1 - len(sizes)
        self.n_rows = n_rows - self.n_free
        self.free_rows = factor[: self.n_free]
        rest = factor[self.n_free :, self.n_free :]
        u, self.s, self.vt = scipy.linalg.svd(rest[:-1, :-1] * sizes, full_matrices=False)
        self.z = u.T @ rest[:-1, -1]
        self.outside = float(rest[-1, -1] ** 2)

    def coefficients(self, strength: float) -> NDArray[np.float64]:
        """All coefficients, the free ones first."""
        penalised = self.sizes * (self.vt.T @ (self.s * self.z / (self.s**2 + strength)))
        right = self.free_rows[:, -1] - self.free_rows[:, self.n_free : -1] @ penalised
        free = scipy.linalg.solve_triangular(self.free_rows[:, : self.n_free], right)
        return np.concatenate([free, penalised])

    def misfit(self, strength: float) -> float:
        """||X c - y||^2 + lambda ||c / size||^2 at its minimum."""
        return self.outside + float((self.z**2 * strength / (self.s**2 + strength)).sum())

    def bounds(self) -> tuple[float, float]:
        """Logarithms of the smallest and largest strength that make a difference."""
        largest = max(float(self.s[0] ** 2), np.finfo(float).tiny)
        return float(np.log(largest * 1e-20)), float(np.log(largest * 10.0))

    def log_evidence(self, strength: float) -> float:
        """Logarithm of the marginal likelihood, with the best noise for this strength.

        D. J. C. MacKay, Neural Comput. 4, 415 (1992), eq. 4.4 with alpha = lambda beta and
        beta = N / misfit.
        """
        misfit = max(self.misfit(strength), np.finfo(float).tiny)
        return 0.5 * float(
            len(self.s) * np.log(strength)
            - np.log(self.s**2 + strength).sum()
            - self.n_rows * (np.log(2.0 * np.pi * misfit / self.n_rows) + 1.0)
        )


def _minimize(function, bounds: tuple[float, float], n_grid: int = 121) -> float:
    """Minimum of a function of one variable: grid, then Brent's method around the best point."""
    grid = np.linspace(*bounds, n_grid)
    values = [function(x) for x in grid]
    k = int(np.argmin(values))
    around = (grid[max(k - 1, 0)], grid[min(k + 1, n_grid - 1)])
    refined = minimize_scalar(function, bounds=around, method="bounded", options={"xatol": 1e-4})
    return float(refined.x) if refined.fun < values[k] else float(grid[k])


def _finish(ridge: _Ridge, strength: float, with_posterior: bool) -> Solution:
    noise_squared = ridge.misfit(strength) / ridge.n_rows
    weights = ridge.s**2 / (ridge.s**2 + strength)
    factor = None
    if with_posterior:
        # Covariance = noise^2 size V (s^2 + lambda)^-1 V^T size; its Cholesky factor from a QR
        # decomposition of the square root, which keeps it positive.
        root = ridge.vt / np.sqrt(ridge.s**2 + strength)[:, None] * ridge.sizes
        triangle = np.linalg.qr(np.sqrt(noise_squared) * root, mode="r")
        factor = (triangle * np.where(np.diag(triangle) < 0, -1.0, 1.0)[:, None]).T.copy()
    coefficients = ridge.coefficients(strength)
    return Solution(
        coefficients=coefficients[ridge.n_free :],
        free=coefficients[: ridge.n_free],
        strength=strength,
        noise=float(np.sqrt(noise_squared)),
        effective=float(weights.sum()),
        log_evidence=ridge.log_evidence(strength),
        n_rows=ridge.n_rows + ridge.n_free,
        posterior_factor=factor,
    )


def posterior_draws(
    factor: NDArray[np.float64],
    sizes: NDArray[np.float64],
    n_rows: int,
    strength: float,
    noise: float,
    normal: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Deviations from the mean of coefficients drawn from a posterior of given noise, (K, n).

    factor, sizes, n_rows: as for `solve_fixed`, but the right-hand side does not matter; normal:
    (K, n) independent normal random numbers.
    """
    ridge = _Ridge(factor, sizes, n_rows)
    scaled = normal / np.sqrt(ridge.s**2 + strength)[:, None]
    return noise * ridge.sizes[:, None] * (ridge.vt.T @ scaled)


def solve_fixed(
    factor: NDArray[np.float64],
    sizes: NDArray[np.float64],
    n_rows: int,
    strength: float,
    with_posterior: bool = False,
) -> Solution:
    """Ridge regression of given strength.

    factor: see `TriangularFactor`; sizes: (K,) expected sizes of the last K coefficients, those
    before them being without a prior.
    """
    return _finish(_Ridge(factor, sizes, n_rows), strength, with_posterior)


def solve_evidence(
    factor: NDArray[np.float64],
    sizes: NDArray[np.float64],
    n_rows: int,
    with_posterior: bool = False,
) -> Solution:
    """Ridge regression of the strength with the largest evidence; arguments as `solve_fixed`."""
    ridge = _Ridge(factor, sizes, n_rows)
    best = _minimize(lambda x: -ridge.log_evidence(np.exp(x)), ridge.bounds())
    solution = _finish(ridge, float(np.exp(best)), with_posterior)
    solution.at_bound = _at_bound(best, ridge.bounds())
    return solution


def _at_bound(value: float, bounds: tuple[float, float]) -> bool:
    return min(value - bounds[0], bounds[1] - value) < 0.01 * (bounds[1] - bounds[0])


def solve_cross_validation(
    factors: list[NDArray[np.float64]],
    sizes: NDArray[np.float64],
    n_rows: int,
    with_posterior: bool = False,
) -> Solution:
    """Ridge regression of the strength with the smallest loss on left-out parts.

    factors: one for each part of the data. The strength is chosen with every part left out once
    and then used with all of them; n_rows is their total.
    """
    ridges = [
        _Ridge(combine([f for j, f in enumerate(factors) if j != k]), sizes, n_rows)
        for k in range(len(factors))
    ]

    def loss(x: float) -> float:
        total = 0.0
        for ridge, factor in zip(ridges, factors):
            residual = factor @ np.append(ridge.coefficients(np.exp(x)), -1.0)
            total += float(residual @ residual)
        return total

    bounds = (min(r.bounds()[0] for r in ridges), max(r.bounds()[1] for r in ridges))
    best = _minimize(loss, bounds)
    ridge = _Ridge(combine(factors), sizes, n_rows)
    solution = _finish(ridge, float(np.exp(best)), with_posterior)
    solution.at_bound = _at_bound(best, bounds)
    return solution
