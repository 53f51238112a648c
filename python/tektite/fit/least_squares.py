# SPDX-License-Identifier: BSD-3-Clause
"""Least squares with many rows: rows come in pieces and only triangular factors are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack


class TriangularFactor:
    """R of the QR decomposition of [X y], updated piece by piece.

    ||X c - y||^2 = ||R [c; -1]||^2 for every c, with the accuracy of an orthogonal decomposition of
    the whole matrix (the normal equations would square its condition number). Memory: about
    (2 K + `buffer_rows`) K numbers for K columns, however many rows there are.

    Attributes
    ----------
    n_rows : int
        Rows so far.
    """

    def __init__(self, n_columns: int, buffer_rows: int | None = None):
        self.n_columns = n_columns
        self.n_rows = 0
        self._size = n_columns + 1
        capacity = self._size + (buffer_rows or max(2 * self._size, 2048))
        self._stack = np.zeros((capacity, self._size), order="F")
        self._filled = 0

    def add(self, rows: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Add rows, given as columns of (K, m), with right-hand sides (m,)."""
        begin, m = 0, len(values)
        while begin < m:
            if self._filled == len(self._stack):
                self._reduce()
            end = min(m, begin + len(self._stack) - self._filled)
            place = slice(self._filled, self._filled + end - begin)
            self._stack[place, :-1] = rows[:, begin:end].T
            self._stack[place, -1] = values[begin:end]
            self._filled += end - begin
            begin = end
        self.n_rows += m

    def matrix(self) -> NDArray[np.float64]:
        """R, (K + 1, K + 1), upper triangular; the last column belongs to the right-hand side."""
        self._reduce()
        return np.triu(self._stack[: self._size]).copy()

    def _reduce(self) -> None:
        if self._filled == 0:
            return
        block = self._stack[: max(self._filled, 1)]
        packed, _, _, info = lapack.dgeqrf(block)
        if info != 0:
            raise RuntimeError(f"LAPACK dgeqrf failed with {info}")
        kept = min(self._filled, self._size)
        self._stack[:kept] = np.triu(packed[:kept])
        self._stack[kept : self._filled] = 0.0
        self._filled = kept


def combine(factors: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the triangular factor of the rows of several ones together."""
    if len(factors) == 1:
        return factors[0]
    size = factors[0].shape[1]
    packed, _, _, info = lapack.dgeqrf(np.asfortranarray(np.concatenate(factors)))
    if info != 0:
        raise RuntimeError(f"LAPACK dgeqrf failed with {info}")
    return np.triu(packed[:size])
