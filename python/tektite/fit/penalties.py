# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on the parameters of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tektite import _core
from tektite.fit.training_config import PenaltyConfig, SmoothnessConfig

Array = NDArray[np.float64]

# Where |x| is rounded, in units of x: far below what matters, but L-BFGS wants a derivative.
_ROUNDED = 1e-3


def _absolute(x: Array) -> tuple[Array, Array]:
    """sqrt(x² + d²) - d with d = 1e-3, and its derivative."""
    size = np.sqrt(x**2 + _ROUNDED**2)
    return size - _ROUNDED, x / size


class Smoothness:
    """a ∫ r² |R| dr + b ∫ |R'| dr + c ∫ |R''| dr, summed over bonds and n, l.

    By the midpoint rule on a grid from 0.5 angstrom to the cutoff; |x| is rounded within 1e-3 of 0.
    Derivatives of the base functions g_k are exact, second ones differences of those.
    """

    def __init__(
        self, bonds: Sequence[dict[str, Any]], config: SmoothnessConfig, n_grid: int = 200
    ):
        self._terms: list[list[tuple[Array, Array]]] = []
        for bond in bonds:
            edges = np.linspace(0.5, bond["cutoff"], n_grid + 1)
            r, step = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
            g, slope = _core.radial_functions(bond, r)
            low, high = (_core.radial_functions(bond, r + s * step / 4)[1] for s in (-1, 1))
            curvature = (high - low) / (step / 2)
            self._terms.append(
                [
                    (weight * step * factor, values)
                    for weight, factor, values in (
                        (config.amplitude, r**2, g),
                        (config.slope, np.ones_like(r), slope),
                        (config.curvature, np.ones_like(r), curvature),
                    )
                    if weight > 0
                ]
            )

    def __call__(self, radial: Sequence[Array]) -> tuple[float, list[Array]]:
        """Value, and gradients with respect to the coefficients (n_max, l_max + 1, n_base)."""
        total, gradients = 0.0, []
        for coefficients, terms in zip(radial, self._terms):
            gradient = np.zeros_like(coefficients)
            for weights, base in terms:
                value, slope = _absolute(coefficients @ base.T)
                total += float((value * weights).sum())
                gradient += (slope * weights) @ base
            gradients.append(gradient)
        return total, gradients


class Penalties:
    """L2 and L1 on coefficients, L2 on changes of radial coefficients, smoothness; in units of σ².

    Parameters
    ----------
    config : PenaltyConfig
        Strengths.
    coefficients : (m,) indices
        Of linear coefficients in the vector of parameters; with widths (m,) of their prior and
        `center` (m,), where they are drawn to.
    radial : list of slices
        Of each bond's radial coefficients, which are drawn to `radial_start`.
    smoothness : Smoothness or None
        With the shape (n_max, l_max + 1, n_base) of radial coefficients.
    """

    def __init__(
        self,
        config: PenaltyConfig,
        coefficients: NDArray[np.int64],
        widths: Array,
        center: Array,
        radial: Sequence[slice],
        radial_start: Array,
        smoothness: Smoothness | None = None,
        radial_shape: tuple[int, int, int] | None = None,
        noise: float = 1.0,
    ):
        self._config, self._coefficients = config, coefficients
        self._widths, self._center = widths, center
        self._radial, self._radial_start = list(radial), radial_start
        self._smoothness, self._shape, self._noise = smoothness, radial_shape, noise

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """Value, and gradient with respect to all parameters."""
        gradient = np.zeros_like(parameters)
        c = (parameters[self._coefficients] - self._center) / self._widths
        value = self._config.l2 * float(c @ c)
        slope = 2 * self._config.l2 * c
        if self._config.l1 > 0:
            absolute, sign = _absolute(c)
            value += self._config.l1 * float(absolute.sum())
            slope = slope + self._config.l1 * sign
        gradient[self._coefficients] = slope / self._widths
        for place in self._radial:
            change = (parameters[place] - self._radial_start[place]) / self._config.radial_width
            value += float(change @ change)
            gradient[place] += 2 * change / self._config.radial_width
        if self._smoothness is not None and self._shape is not None:
            parts = [parameters[place].reshape(self._shape) for place in self._radial]
            extra, slopes = self._smoothness(parts)
            # The smoothness is given in units of the loss, everything here is in units of σ².
            value += extra / self._noise**2
            for place, part in zip(self._radial, slopes):
                gradient[place] += part.ravel() / self._noise**2
        return value, gradient
