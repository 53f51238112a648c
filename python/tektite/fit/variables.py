# SPDX-License-Identifier: BSD-3-Clause
"""The variables that an optimiser sees: parameters shifted, frozen and scaled.

In them the loss should be as round as possible. For coefficients of a density the triangular factor
of the linear fit does that: with U^T U the matrix of its normal equations, prior included, and
c = c_0 + σ U^-1 z, the loss of the linear model in units of σ² is |z - z_best|², so that a
quasi-Newton method finds the solution of the linear problem in one step, and z is measured in
standard deviations of the posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Transform(Protocol):
    """Variables z (n,) of one part of the parameters."""

    n: int

    def add(self, z: Array, parameters: Array) -> None:
        """Set this part of the parameters, which hold the start."""

    def pull_back(self, z: Array, gradient: Array) -> Array:
        """dL/dz (n,) from dL/dparameters."""


class Whitened:
    """parameters[indices] = start + scale U^-1 z, U upper triangular."""

    def __init__(self, indices: NDArray[np.int64], factor: Array, scale: float):
        self.n = len(indices)
        self._indices, self._factor, self._scale = indices, factor, scale

    def add(self, z: Array, parameters: Array) -> None:
        """See `Transform`."""
        parameters[self._indices] += self._scale * scipy.linalg.solve_triangular(self._factor, z)

    def pull_back(self, z: Array, gradient: Array) -> Array:
        """See `Transform`."""
        right = gradient[self._indices]
        return self._scale * scipy.linalg.solve_triangular(self._factor, right, trans="T")


class Scaled:
    """parameters[indices] = start + scale z."""

    def __init__(self, indices: NDArray[np.int64], scale: Array):
        self.n = len(indices)
        self._indices = indices
        self._scale = np.broadcast_to(scale, self.n)

    def add(self, z: Array, parameters: Array) -> None:
        """See `Transform`."""
        parameters[self._indices] += self._scale * z

    def pull_back(self, z: Array, gradient: Array) -> Array:
        """See `Transform`."""
        return self._scale * gradient[self._indices]


class Bounded:
    """parameters[indices] = low (high/low)^t, t = 1/(1 + exp(-(t_start + scale z)))."""

    def __init__(
        self, indices: NDArray[np.int64], start: Array, low: float, high: float, scale: Array
    ):
        self.n = len(indices)
        self._indices, self._low, self._ratio = indices, low, np.log(high / low)
        self._scale = scale
        t = np.clip(np.log(start / low) / self._ratio, 1e-3, 1 - 1e-3)
        self._start = np.log(t / (1 - t))

    def _place(self, z: Array) -> Array:
        return 1.0 / (1.0 + np.exp(-(self._start + self._scale * z)))

    def add(self, z: Array, parameters: Array) -> None:
        """See `Transform`."""
        parameters[self._indices] = self._low * np.exp(self._ratio * self._place(z))

    def pull_back(self, z: Array, gradient: Array) -> Array:
        """See `Transform`."""
        t = self._place(z)
        value = self._low * np.exp(self._ratio * t)
        return gradient[self._indices] * value * self._ratio * t * (1 - t) * self._scale


class Variables:
    """All variables together: z = 0 is the start.

    Attributes
    ----------
    n : int
        Their number.
    start : (P,)
        Parameters there.
    """

    def __init__(self, start: Array, transforms: Sequence[Transform]):
        self.start = np.array(start)
        self._transforms = [t for t in transforms if t.n]
        self.n = sum(t.n for t in self._transforms)

    def parameters(self, z: Array) -> Array:
        """Parameters (P,) at z."""
        parameters, begin = self.start.copy(), 0
        for t in self._transforms:
            t.add(z[begin : begin + t.n], parameters)
            begin += t.n
        return parameters

    def pull_back(self, z: Array, gradient: Array) -> Array:
        """dL/dz (n,) from dL/dparameters (P,)."""
        parts, begin = [], 0
        for t in self._transforms:
            parts.append(t.pull_back(z[begin : begin + t.n], gradient))
            begin += t.n
        return np.concatenate(parts) if parts else np.zeros(0)
