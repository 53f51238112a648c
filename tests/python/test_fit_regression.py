# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from tektite.fit.least_squares import TriangularFactor, combine, triangular_factor
from tektite.fit.regression import solve_cross_validation, solve_evidence, solve_fixed


def problem(n_rows: int, n_columns: int, noise: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-2, 1, size=n_columns)
    x = rng.normal(size=(n_rows, n_columns)) @ np.linalg.qr(rng.normal(size=(n_columns,) * 2))[0]
    x *= 10.0 ** -np.linspace(0, 3, n_columns)
    truth = sizes * rng.normal(size=n_columns)
    return x, x @ truth + noise * rng.normal(size=n_rows), sizes, truth


def factor_of(x, y) -> TriangularFactor:
    factor = TriangularFactor(x.shape[1])
    rng = np.random.default_rng(1)
    begin = 0
    while begin < len(y):
        end = min(len(y), begin + int(rng.integers(1, 40)))
        rows = np.asfortranarray(np.column_stack([x[begin:end], y[begin:end]]))
        factor.add(triangular_factor(rows), end - begin)
        begin = end
    return factor


def test_triangular_factor_is_that_of_all_rows() -> None:
    x, y, _, _ = problem(500, 20, 0.1)
    factor = factor_of(x, y)
    r = factor.matrix()
    assert factor.n_rows == 500
    assert np.all(np.tril(r, -1) == 0)
    np.testing.assert_allclose(r[:-1, :-1].T @ r[:-1, :-1], x.T @ x, rtol=1e-12, atol=1e-12)
    c = np.random.default_rng(3).normal(size=20)
    assert np.linalg.norm(r @ np.append(c, -1.0)) == pytest.approx(
        np.linalg.norm(x @ c - y), rel=1e-12
    )
    halves = [factor_of(x[s], y[s]).matrix() for s in (slice(0, 7), slice(7, 500))]
    before = [h.copy() for h in halves]
    np.testing.assert_allclose(np.abs(combine(halves)), np.abs(r), rtol=1e-8, atol=1e-10)
    assert all(np.array_equal(a, b) for a, b in zip(before, halves))
    assert np.all(triangular_factor(np.zeros((0, 4))) == 0)


def test_columns_without_prior() -> None:
    """They come first, and are what least squares gives for them together with the ridge."""
    x, y, sizes, _ = problem(200, 10, 0.1)
    constant = np.ones((200, 1))
    y = y + 7.0
    solution = solve_fixed(factor_of(np.hstack([constant, x]), y).matrix(), sizes, 200, 0.5)
    both = np.hstack([constant, x])
    penalty = np.diag(np.concatenate([[0.0], 0.5 * sizes**-2.0]))
    expected = np.linalg.solve(both.T @ both + penalty, both.T @ y)
    np.testing.assert_allclose(solution.free, expected[:1], rtol=1e-9)
    np.testing.assert_allclose(solution.coefficients, expected[1:], rtol=1e-8)
    evidence = solve_evidence(factor_of(both, y).matrix(), sizes, 200)
    assert evidence.free == pytest.approx([7.0], abs=0.1)
    parts = [factor_of(both[k::3], y[k::3]).matrix() for k in range(3)]
    assert solve_cross_validation(parts, sizes, 200).free == pytest.approx([7.0], abs=0.1)


def test_fixed_strength_solves_the_normal_equations() -> None:
    x, y, sizes, _ = problem(200, 12, 0.1)
    solution = solve_fixed(factor_of(x, y).matrix(), sizes, 200, 0.7)
    expected = np.linalg.solve(x.T @ x + 0.7 * np.diag(sizes**-2.0), x.T @ y)
    np.testing.assert_allclose(solution.coefficients, expected, rtol=1e-9)


def test_evidence_is_the_marginal_likelihood() -> None:
    x, y, sizes, _ = problem(40, 8, 0.3)
    solution = solve_evidence(factor_of(x, y).matrix(), sizes, len(y))

    def log_likelihood(strength: float, noise: float) -> float:
        prior = noise**2 / strength
        covariance = noise**2 * np.eye(len(y)) + prior * (x * sizes) @ (x * sizes).T
        return scipy.stats.multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)

    best = log_likelihood(solution.strength, solution.noise)
    assert solution.log_evidence == pytest.approx(best, rel=1e-9)
    for strength, noise in ((1.1, 1.0), (0.9, 1.0), (1.0, 1.05), (1.0, 0.95)):
        assert log_likelihood(solution.strength * strength, solution.noise * noise) < best


def test_evidence_finds_noise_and_prior() -> None:
    strengths = []
    for seed in range(8):
        x, y, sizes, _ = problem(1000, 60, 0.25, seed)
        solution = solve_evidence(factor_of(x, y).matrix(), sizes, len(y))
        assert solution.noise == pytest.approx(0.25, rel=0.1)
        assert 0 < solution.effective < 60
        strengths.append(solution.strength)
    # noise^2 / prior^2, within what 8 x 40 effective coefficients can tell
    assert np.exp(np.mean(np.log(strengths))) == pytest.approx(0.25**2, rel=0.25)


def test_posterior_is_the_inverse_of_the_curvature() -> None:
    x, y, sizes, _ = problem(100, 10, 0.2)
    solution = solve_evidence(factor_of(x, y).matrix(), sizes, len(y), with_posterior=True)
    curvature = (x.T @ x + solution.strength * np.diag(sizes**-2.0)) / solution.noise**2
    root = solution.posterior_factor
    assert np.all(np.triu(root, 1) == 0) and np.all(np.diag(root) > 0)
    np.testing.assert_allclose(root @ root.T @ curvature, np.eye(10), atol=1e-8)


def test_cross_validation_and_evidence_agree_where_both_have_data_enough() -> None:
    x, y, sizes, truth = problem(300, 80, 0.5, seed=7)
    parts = [factor_of(x[k::5], y[k::5]).matrix() for k in range(5)]
    by_parts = solve_cross_validation(parts, sizes, len(y))
    by_evidence = solve_evidence(combine(parts), sizes, len(y))
    new, _, _, _ = problem(2000, 80, 0.0, seed=8)

    def error(coefficients) -> float:
        return float(np.sqrt(np.mean((new @ (coefficients - truth)) ** 2)))

    whole = combine(parts)
    on_grid = [
        error(solve_fixed(whole, sizes, len(y), strength).coefficients)
        for strength in 10.0 ** np.arange(-6.0, 5.0, 0.25)
    ]
    assert error(by_parts.coefficients) < 1.15 * min(on_grid)
    assert error(by_evidence.coefficients) < 1.15 * min(on_grid)
    # Without a prior that says something the fit is worse: the choice matters here.
    assert max(on_grid) > 1.5 * min(on_grid)


def test_fewer_rows_than_columns() -> None:
    x, y, sizes, _ = problem(15, 40, 0.01)
    factor = factor_of(x, y)
    solution = solve_evidence(factor.matrix(), sizes, factor.n_rows, with_posterior=True)
    assert np.all(np.isfinite(solution.coefficients))
    assert solution.effective < 15.001
    assert np.linalg.norm(x @ solution.coefficients - y) < 0.5 * np.linalg.norm(y)
    assert np.all(np.isfinite(solution.posterior_factor))
