# SPDX-License-Identifier: BSD-3-Clause
"""BFGS for variables that are scaled beforehand.

That of scipy multiplies full matrices in every iteration, n³ operations; the same update takes n²
(J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed. (2006), eq. 6.17).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg.blas
from numpy.typing import NDArray
from scipy.optimize import line_search

Array = NDArray[np.float64]


class InverseHessian:
    """Estimate H of the inverse of the second derivatives, (n, n), from steps and gradients.

    It begins as a multiple of the identity: in variables in which the loss is round that is nearly
    right, and is not scaled by what the first step happened to see.
    """

    def __init__(self, n: int, scale: float):
        self._matrix = np.asfortranarray(scale * np.eye(n))

    def times(self, vector: Array) -> Array:
        """H vector."""
        return scipy.linalg.blas.dsymv(1.0, self._matrix, vector, lower=0)

    def update(self, step: Array, change: Array) -> None:
        """Learn that `step` changed the gradient by `change`; nothing if the curvature is not
        positive.
        """
        product = float(step @ change)
        if product <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            return
        across = self.times(change)
        factor = (1.0 + float(change @ across) / product) / product
        # H += factor s s^T - (s (Hy)^T + (Hy) s^T) / (s y), in the upper triangle.
        self._matrix = scipy.linalg.blas.dsyr2(
            -1.0 / product, step, across, a=self._matrix, lower=0, overwrite_a=1
        )
        self._matrix = scipy.linalg.blas.dsyr(factor, step, a=self._matrix, lower=0, overwrite_a=1)


def minimize_bfgs(
    function: Callable[[Array], tuple[float, Array]],
    start: Array,
    n_iterations: int,
    callback: Callable[[Array], None],
    scale: float = 0.5,
) -> str:
    """Minimise a function given with its gradient; returns why it ended.

    The line search is that of scipy (strong Wolfe conditions). When it fails, H begins anew, once
    in a row. callback: told of every accepted point; may raise to end.
    """
    x, hessian = np.array(start), InverseHessian(len(start), scale)
    value, gradient = function(x)
    before: float | None = None
    answers: dict[bytes, tuple[float, Array]] = {}
    fresh = True

    def asked(z: Array) -> tuple[float, Array]:
        key = z.tobytes()
        if key not in answers:
            answers[key] = function(z)
        return answers[key]

    iteration = 0
    while iteration < n_iterations:
        direction = -hessian.times(gradient)
        answers.clear()
        answers[x.tobytes()] = (value, gradient)
        length, *_ = line_search(
            lambda z: asked(z)[0],
            lambda z: asked(z)[1],
            x,
            direction,
            gradient,
            value,
            before,
            maxiter=20,
        )
        if length is None:
            if fresh:
                return "the line search finds nothing better"
            hessian, fresh, before = InverseHessian(len(x), scale), True, None
            continue
        new = x + length * direction
        new_value, new_gradient = asked(new)
        hessian.update(new - x, new_gradient - gradient)
        x, before, value, gradient, fresh = new, value, new_value, new_gradient, False
        iteration += 1
        callback(x)
    return "all iterations done"
