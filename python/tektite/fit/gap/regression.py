# SPDX-License-Identifier: BSD-3-Clause
"""Sparse Gaussian-process regression from triangular factors.

Energies of atoms (and pairs) have the prior covariance δ_t² k_t for each kind t of term; data y are
sums and derivatives of them with independent deviations Σ = diag(σ²). With the covariances K_MM of
the M sparse points and K_NM of the N data with them, the model is that f at the sparse points has
its prior and everything else is its conditional mean (deterministic training conditional;
J. Quiñonero-Candela and C. E. Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005), section 5):

    p(f_M) = N(0, K_MM),    p(y | f_M) = N(K_NM K_MM⁻¹ f_M, Σ).

Hence, with f_M = K_MM α, the logarithm of p(y | α) p(α) is, up to a constant,

    -½ |Σ^-½ (K_NM α - y)|² - ½ αᵀ K_MM α,

a least-squares problem whose rows are [Σ^-½ K_NM; Lᵀ], L Lᵀ = K_MM (L. Foster et al., J. Mach.
Learn. Res. 10, 857 (2009)). Its solution is the mean of α and the inverse of its normal matrix,
C = (K_MM + K_MN Σ⁻¹ K_NM)⁻¹, the covariance. In the variables u = Lᵀ α the rows are
[Σ^-½ K_NM L^-T; 1], whose condition the unit matrix bounds; that is what is solved here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from tektite.fit.least_squares import triangular_factor

LARGEST_JITTER = 1e-3

# Up to this condition the normal equations leave errors below 0.1 in |...|² of up to 1e6.
_LARGEST_CONDITION = 1e9


def cholesky_with_jitter(
    covariance: NDArray[np.float64], jitter: float
) -> tuple[NDArray[np.float64], float]:
    """L, lower triangular, of covariance + jitter·1, and the jitter that was needed.

    Raises
    ------
    ValueError
        Not even a jitter of 1e-3 makes the matrix positive definite.
    """
    while True:
        try:
            shifted = covariance + jitter * np.eye(len(covariance))
            return scipy.linalg.cholesky(shifted, lower=True), jitter
        except scipy.linalg.LinAlgError:
            jitter *= 10.0
            if jitter > LARGEST_JITTER:
                raise ValueError(
                    "the covariance of the sparse points is not positive definite: choose fewer"
                ) from None


@dataclasses.dataclass
class DataFactor:
    """Data of one kind (energies, forces or virials) or of one part of them.

    matrix: (m, M + 1), any rows with the same normal matrix as Σ^-½ [K_NM y]; covariances in units
    of delta². n_rows: number of data. log_sigmas: Σ log σ over them.
    """

    matrix: NDArray[np.float64]
    n_rows: int
    log_sigmas: float


@dataclasses.dataclass
class Hyperparameters:
    """deltas: eV, one for each block; scales: factors on the sigmas, one for each DataFactor."""

    deltas: NDArray[np.float64]
    scales: NDArray[np.float64]


@dataclasses.dataclass
class GapSolution:
    """Result of a regression.

    weights: (M,), α. prior_factor: A, lower triangular, Aᵀ A = K_MM⁻¹. posterior_factor: B, lower
    triangular, Bᵀ B = C. misfit: |Σ^-½ (K_NM α - y)|² + αᵀ K_MM α. effective: number of parameters
    that the data determine, trace of C K_MN Σ⁻¹ K_NM.
    """

    weights: NDArray[np.float64]
    prior_factor: NDArray[np.float64]
    posterior_factor: NDArray[np.float64]
    hyperparameters: Hyperparameters
    misfit: float
    effective: float
    log_evidence: float
    n_rows: int


class SparseGp:
    """The regression for any delta and sigma, once rows and covariances are known.

    Parameters
    ----------
    data : sequence of DataFactor
        Not changed.
    factors : sequence of (M_t, M_t)
        L of each term's K_MM in units of delta², jitter included; terms have no covariance with one
        another.
    blocks : sequence of int
        For each term the index of its delta.
    """

    def __init__(
        self,
        data: Sequence[DataFactor],
        factors: Sequence[NDArray[np.float64]],
        blocks: Sequence[int],
    ):
        self.data = list(data)
        self.factors = list(factors)
        sizes = [len(f) for f in factors]
        self.blocks = np.repeat(np.asarray(blocks, dtype=int), sizes)
        ends = np.cumsum(sizes)
        self.parts = [slice(end - size, end) for end, size in zip(ends, sizes)]
        self.whitened = []
        for factor in self.data:
            matrix = np.array(factor.matrix, order="F")
            for part, triangle in zip(self.parts, self.factors):
                matrix[:, part] = scipy.linalg.solve_triangular(
                    triangle, matrix[:, part].T, lower=True
                ).T
            self.whitened.append(matrix)
        self._normal: list[NDArray[np.float64]] | None = None

    @property
    def n_points(self) -> int:
        """Number of sparse points of all terms."""
        return len(self.blocks)

    def _scaled(self, k: int, hyperparameters: Hyperparameters) -> NDArray[np.float64]:
        """Whitened rows of data k with delta and sigma, (m, M + 1)."""
        scale = np.append(hyperparameters.deltas[self.blocks], 1.0) / hyperparameters.scales[k]
        return self.whitened[k] * scale

    def _log_evidence(
        self, hyperparameters: Hyperparameters, misfit: float, log_determinant: float
    ) -> float:
        logarithms = sum(
            d.log_sigmas + d.n_rows * np.log(s) for d, s in zip(self.data, hyperparameters.scales)
        )
        n_rows = sum(d.n_rows for d in self.data)
        return -0.5 * (misfit + log_determinant + n_rows * np.log(2.0 * np.pi)) - float(logarithms)

    def _normal_equations(
        self, hyperparameters: Hyperparameters, chosen: Sequence[int]
    ) -> NDArray[np.float64]:
        """[1 + Wᵀ W, Wᵀ z; zᵀ W, zᵀ z] of some of the data, (M + 1, M + 1)."""
        if self._normal is None:
            self._normal = [w.T @ w for w in self.whitened]
        total = sum(self._normal[k] / hyperparameters.scales[k] ** 2 for k in chosen)
        scale = np.append(hyperparameters.deltas[self.blocks], 1.0)
        total = total * scale[:, None] * scale[None, :]
        n = self.n_points
        total[np.arange(n), np.arange(n)] += 1.0
        return total

    def _factorise(
        self, hyperparameters: Hyperparameters, chosen: Sequence[int]
    ) -> NDArray[np.float64]:
        """R of [W z; 1 0] for some of the data, (M + 1, M + 1), upper triangular, by QR."""
        n = self.n_points
        rows = [self._scaled(k, hyperparameters) for k in chosen]
        return triangular_factor(np.asfortranarray(np.concatenate([*rows, np.eye(n, n + 1)])))

    def _factorise_fast(
        self, hyperparameters: Hyperparameters, chosen: Sequence[int]
    ) -> NDArray[np.float64]:
        """The same but for signs, from the normal equations wherever their condition allows."""
        n = self.n_points
        total = self._normal_equations(hyperparameters, chosen)
        if np.diag(total)[:n].max() > _LARGEST_CONDITION:
            return self._factorise(hyperparameters, chosen)
        factor = np.zeros_like(total)
        factor[:n, :n] = scipy.linalg.cholesky(total[:n, :n])
        factor[:n, n] = scipy.linalg.solve_triangular(factor[:n, :n], total[:n, n], trans="T")
        factor[n, n] = np.sqrt(max(float(total[n, n] - factor[:n, n] @ factor[:n, n]), 0.0))
        return factor

    def log_evidence(self, hyperparameters: Hyperparameters) -> float:
        """Logarithm of the marginal likelihood, for optimisation.

        With Q = K_NM K_MM⁻¹ K_MN, log N(y; 0, Q + Σ); det(Q + Σ) = det Σ · det(1 + Wᵀ W).
        """
        factor = self._factorise_fast(hyperparameters, range(len(self.data)))
        n = self.n_points
        logarithm = 2.0 * float(np.log(np.abs(np.diag(factor)[:n])).sum())
        return self._log_evidence(hyperparameters, float(factor[n, n] ** 2), logarithm)

    def left_out_loss(
        self, hyperparameters: Hyperparameters, parts: Sequence[Sequence[int]]
    ) -> float:
        """Σ over parts of |Σ^-½ (K_NM α - y)|² over a part with α from all others.

        parts: indices of data. Sigmas are those of the data, without scales, in the loss.
        """
        n, loss = self.n_points, 0.0
        scale = np.append(hyperparameters.deltas[self.blocks], 1.0)
        everything = [k for part in parts for k in part]
        for part in parts:
            others = [k for k in everything if k not in part]
            factor = self._factorise_fast(hyperparameters, others)
            u = scipy.linalg.solve_triangular(factor[:n, :n], factor[:n, n])
            for k in part:
                residual = self.whitened[k] @ (scale * np.append(u, -1.0))
                loss += float(residual @ residual)
        return loss

    def solve(self, hyperparameters: Hyperparameters) -> GapSolution:
        """Mean and covariance of the weights, by QR decomposition."""
        n = self.n_points
        triangle = self._factorise(hyperparameters, range(len(self.data)))
        signs = np.where(np.diag(triangle)[:n] < 0, -1.0, 1.0)
        r, z = triangle[:n, :n] * signs[:, None], triangle[:n, n] * signs
        misfit = float(triangle[n, n] ** 2)
        u = scipy.linalg.solve_triangular(r, z)
        inverse = scipy.linalg.solve_triangular(r, np.eye(n), trans="T")  # R^-T, lower
        prior = np.zeros((n, n))
        for part, factor in zip(self.parts, self.factors):
            delta = hyperparameters.deltas[self.blocks[part]]
            prior[part, part] = scipy.linalg.solve_triangular(
                factor, np.diag(1.0 / delta), lower=True
            )
        return GapSolution(
            weights=prior.T @ u,
            prior_factor=prior,
            posterior_factor=np.tril(inverse @ prior),
            hyperparameters=hyperparameters,
            misfit=misfit,
            effective=float(n - (inverse**2).sum()),
            log_evidence=self._log_evidence(
                hyperparameters, misfit, 2.0 * float(np.log(np.diag(r)).sum())
            ),
            n_rows=sum(d.n_rows for d in self.data),
        )
