# SPDX-License-Identifier: BSD-3-Clause
"""Least squares with many rows: rows come in blocks and only triangular factors are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack


def triangular_factor(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of the QR decomposition of rows (m, n), which are overwritten; (n, n), upper triangular.

    Rows in Fortran order are not copied.
    """
    m, n = rows.shape
    factor = np.zeros((n, n), order="F")
    if m == 0:
        return factor
    # Without this much workspace LAPACK falls back to its unblocked, several times slower form.
    packed, _, _, info = lapack.dgeqrf(rows, lwork=128 * n, overwrite_a=1)
    if info != 0:
        raise RuntimeError(f"LAPACK dgeqrf failed with {info}")
    factor[: min(m, n)] = np.triu(packed[:n])
    return factor


def combine(factors: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the triangular factor of the rows of several ones together; they stay as they are."""
    result = np.array(factors[0], order="F")
    n = len(result)
    for factor in factors[1:]:
        result, _, _, info = lapack.dtpqrt(
            n, min(n, 64), result, np.array(factor, order="F"), overwrite_a=1, overwrite_b=1
        )
        if info != 0:
            raise RuntimeError(f"LAPACK dtpqrt failed with {info}")
    return result


class TriangularFactor:
    """R of the QR decomposition of [X y], updated block by block.

    ||X c - y||^2 = ||R [c; -1]||^2 for every c, with the accuracy of an orthogonal decomposition of
    the whole matrix (the normal equations would square its condition number), in the memory of
    two (K + 1, K + 1) matrices for K columns, however many rows there are.

    Attributes
    ----------
    n_rows : int
        Rows so far.
    """

    def __init__(self, n_columns: int):
        self.n_rows = 0
        self._factor = np.zeros((n_columns + 1, n_columns + 1), order="F")

    def add(self, factor: NDArray[np.float64], n_rows: int) -> None:
        """Add n_rows rows, given by their triangular factor."""
        self._factor = combine([self._factor, factor]) if self.n_rows else factor
        self.n_rows += n_rows

    def matrix(self) -> NDArray[np.float64]:
        """R, (K + 1, K + 1), upper triangular; the last column belongs to the right-hand side."""
        return self._factor
