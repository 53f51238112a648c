# SPDX-License-Identifier: BSD-3-Clause
"""Sparse Gaussian processes against full ones, computed from their definition."""

from __future__ import annotations

import numpy as np
import pytest

from tektite.fit.gap.optimize import maximize_evidence, minimize_left_out_loss
from tektite.fit.gap.regression import (
    DataFactor,
    Hyperparameters,
    SparseGp,
    cholesky_with_jitter,
)
from tektite.fit.gap.rows import Block, BlockSum
from tektite.fit.least_squares import triangular_factor

LENGTHS = (0.5, 2.0)


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    return np.exp(-0.5 * (a[:, None] - b[None, :]) ** 2 / length**2)


class Problem:
    """Noisy values of a function of one variable that is the sum of two processes.

    Two kinds of data, 20 and 10 of them, with different noise.
    """

    def __init__(self, n_sparse: int | None = None):
        rng = np.random.default_rng(3)
        self.x = rng.uniform(0, 5, 30)
        self.y = np.sin(2 * self.x) + 0.3 * rng.normal(size=30)
        self.sigma = rng.uniform(0.1, 0.3, 30)
        self.points = self.x if n_sparse is None else self.x[:n_sparse]
        self.new = rng.uniform(-1, 6, 7)
        self.hyperparameters = Hyperparameters(np.array([1.3, 0.7]), np.array([1.0, 1.2]))
        self.jitter = 1e-12
        factors = [
            cholesky_with_jitter(_kernel(self.points, self.points, c), self.jitter)[0]
            for c in LENGTHS
        ]
        self.rows = np.hstack(
            [*(_kernel(self.x, self.points, c) for c in LENGTHS), self.y[:, None]]
        )
        self.rows /= self.sigma[:, None]
        self.data = [
            DataFactor(self.rows[part], len(self.rows[part]), np.log(self.sigma[part]).sum())
            for part in (slice(0, 20), slice(20, 30))
        ]
        self.regression = SparseGp(self.data, factors, [0, 1])

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Prior covariance of the process."""
        return sum(d**2 * _kernel(a, b, c) for d, c in zip(self.hyperparameters.deltas, LENGTHS))

    def noise(self) -> np.ndarray:
        """Variance of the noise of each value."""
        return (self.sigma * np.repeat(self.hyperparameters.scales, (20, 10))) ** 2

    def with_points(self, a: np.ndarray) -> np.ndarray:
        """Covariance with all sparse points of both processes, (len(a), M)."""
        return np.hstack(
            [
                d**2 * _kernel(a, self.points, c)
                for d, c in zip(self.hyperparameters.deltas, LENGTHS)
            ]
        )

    def predict(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance by the formulas of the model file."""
        solution = self.regression.solve(self.hyperparameters)
        k = self.with_points(a)
        variance = np.diag(self.covariance(a, a)).copy()
        variance -= ((k @ solution.prior_factor.T) ** 2).sum(axis=1)
        variance += ((k @ solution.posterior_factor.T) ** 2).sum(axis=1)
        return k @ solution.weights, variance


def test_all_points_sparse_is_the_full_process() -> None:
    p = Problem()
    mean, variance = p.predict(p.new)
    k = p.covariance(p.new, p.x)
    inverse = np.linalg.inv(p.covariance(p.x, p.x) + np.diag(p.noise()))
    np.testing.assert_allclose(mean, k @ inverse @ p.y, atol=1e-7)
    full = np.diag(p.covariance(p.new, p.new)) - np.einsum("ij,jk,ik->i", k, inverse, k)
    np.testing.assert_allclose(variance, full, atol=1e-8)
    solution = p.regression.solve(p.hyperparameters)
    _, logarithm = np.linalg.slogdet(np.linalg.inv(inverse))
    evidence = -0.5 * (p.y @ inverse @ p.y + logarithm + 30 * np.log(2 * np.pi))
    assert solution.log_evidence == pytest.approx(evidence, abs=1e-6)


def test_few_points_is_the_model_it_claims() -> None:
    """p(y | f_M) = N(K_NM K_MM^-1 f_M, noise), p(f_M) = N(0, K_MM), by dense algebra."""
    p = Problem(n_sparse=6)
    prior = np.zeros((12, 12))
    for k, (d, c) in enumerate(zip(p.hyperparameters.deltas, LENGTHS)):
        part = slice(6 * k, 6 * k + 6)
        prior[part, part] = d**2 * _kernel(p.points, p.points, c)
    rows, noise = p.with_points(p.x), p.noise()
    normal = prior + rows.T @ (rows / noise[:, None])
    solution = p.regression.solve(p.hyperparameters)
    weights = np.linalg.solve(normal, rows.T @ (p.y / noise))
    np.testing.assert_allclose(solution.weights, weights, rtol=1e-5, atol=1e-6)
    scale = np.sqrt(np.diag(normal))
    expected = np.eye(12)
    product = solution.posterior_factor.T @ solution.posterior_factor @ normal
    np.testing.assert_allclose(product * scale[None, :] / scale[:, None], expected, atol=1e-5)
    assert np.all(np.triu(solution.posterior_factor, 1) == 0)
    assert np.all(np.triu(solution.prior_factor, 1) == 0)
    total = rows @ np.linalg.solve(prior, rows.T) + np.diag(noise)
    _, logarithm = np.linalg.slogdet(total)
    evidence = -0.5 * (p.y @ np.linalg.solve(total, p.y) + logarithm + 30 * np.log(2 * np.pi))
    assert solution.log_evidence == pytest.approx(evidence, abs=1e-5)
    determined = np.trace(np.linalg.solve(normal, normal - prior))
    assert solution.effective == pytest.approx(determined, abs=1e-4)


def test_both_ways_to_the_evidence_agree() -> None:
    p = Problem(n_sparse=9)
    solution = p.regression.solve(p.hyperparameters)
    assert p.regression.log_evidence(p.hyperparameters) == pytest.approx(
        solution.log_evidence, abs=1e-6
    )


def test_left_out_loss_is_its_definition() -> None:
    p = Problem(n_sparse=8)
    scales = np.ones(2)
    p.hyperparameters.scales = scales
    loss = 0.0
    for mine, others in ((slice(0, 20), slice(20, 30)), (slice(20, 30), slice(0, 20))):
        rows = p.with_points(p.x)
        prior = np.zeros((16, 16))
        for k, (d, c) in enumerate(zip(p.hyperparameters.deltas, LENGTHS)):
            prior[8 * k : 8 * k + 8, 8 * k : 8 * k + 8] = d**2 * _kernel(p.points, p.points, c)
        noise = p.sigma**2
        normal = prior + rows[others].T @ (rows[others] / noise[others, None])
        weights = np.linalg.solve(normal, rows[others].T @ (p.y[others] / noise[others]))
        loss += (((rows[mine] @ weights - p.y[mine]) / p.sigma[mine]) ** 2).sum()
    assert p.regression.left_out_loss(p.hyperparameters, [[0], [1]]) == pytest.approx(
        loss, rel=1e-5
    )


def test_optima_beat_their_surroundings() -> None:
    p = Problem(n_sparse=10)
    best, value = maximize_evidence(p.regression, p.hyperparameters.deltas, [0, 0])
    assert best.scales[0] == best.scales[1]
    assert value == pytest.approx(p.regression.log_evidence(best))
    for factor in (0.8, 1.25):
        for k in range(2):
            deltas = best.deltas.copy()
            deltas[k] *= factor
            other = Hyperparameters(deltas, best.scales)
            assert p.regression.log_evidence(other) < value + 0.06
        other = Hyperparameters(best.deltas, best.scales * factor)
        assert p.regression.log_evidence(other) < value
    best, loss = minimize_left_out_loss(p.regression, p.hyperparameters.deltas, [[0], [1]])
    assert 2 * loss <= p.regression.left_out_loss(
        Hyperparameters(p.hyperparameters.deltas, np.ones(2)), [[0], [1]]
    )


def test_jitter_is_raised_and_told() -> None:
    twice = np.ones((2, 2))
    factor, jitter = cholesky_with_jitter(twice, 1e-20)
    assert 1e-17 < jitter < 1e-14
    np.testing.assert_allclose(factor @ factor.T, twice, atol=1e-10)
    with pytest.raises(ValueError, match="choose fewer"):
        cholesky_with_jitter(-twice, 1e-8)


@pytest.mark.parametrize("sizes", [[3], [40, 1, 2], [9, 9, 9, 30]])
def test_rows_in_blocks(sizes: list[int]) -> None:
    """Rows and factors of rows in any order have the normal matrix of all rows."""
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 6)) for n in sizes]
    collected = BlockSum(6)
    for block in rows:
        matrix = triangular_factor(np.asfortranarray(block.copy())) if len(block) > 6 else block
        collected.add(Block(matrix, len(block), 0.5))
    result = collected.result()
    assert result is not None and result.n_rows == sum(sizes)
    assert result.log_sigmas == 0.5 * len(sizes)
    everything = np.concatenate(rows)
    np.testing.assert_allclose(
        result.matrix.T @ result.matrix, everything.T @ everything, atol=1e-10
    )
    assert BlockSum(6).result() is None


def test_evidence_of_extreme_hyperparameters() -> None:
    """Far from the optimum, where the normal equations have no digit left, it is still exact."""
    p = Problem(n_sparse=9)
    for scale in (1.0, 1e-3, 1e-6):
        extreme = Hyperparameters(np.array([1e4, 1e2]), np.full(2, scale))
        expected = p.regression.solve(extreme).log_evidence
        assert p.regression.log_evidence(extreme) == pytest.approx(expected, rel=1e-8)
        assert np.isfinite(p.regression.left_out_loss(extreme, [[0], [1]]))
