# SPDX-License-Identifier: BSD-3-Clause
"""SOAP straight from its definition: quadrature over the smeared density of every neighbour."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.polynomial.legendre import leggauss, legval
from scipy.linalg import cholesky, fractional_matrix_power, solve
from scipy.special import sph_harm_y


def _profile(l_max: int, alpha: float, distance: float, s: np.ndarray) -> np.ndarray:
    """(l_max + 1, s): coefficients of a Gaussian at `distance` in P_l, over 2 l + 1."""
    x, w = leggauss(160)
    density = np.exp(-alpha * (s[:, None] ** 2 + distance**2 - 2 * s[:, None] * distance * x))
    return np.array(
        [0.5 * density @ (w * legval(x, np.eye(l_max + 1)[k])) for k in range(l_max + 1)]
    )


def radial_coefficients(
    basis: str, n_max: int, l_max: int, cutoff: float, sigma: float, distance: float
) -> np.ndarray:
    """R_nl at a distance without the cutoff function, (n_max, l_max + 1)."""
    alpha = 0.5 / sigma**2
    x, w = leggauss(400)
    end = cutoff + 12 * sigma
    s, ds = 0.5 * end * (x + 1), 0.5 * end * w
    if basis == "equispaced_gaussian":
        last = cutoff + sigma * np.sqrt(20 * np.log(10))
        end = last + 8 * sigma
        s, ds = 0.5 * end * (x + 1), 0.5 * end * w
        places = last * np.arange(n_max) / n_max
        functions = np.exp(-alpha * (s - places[:, None]) ** 2)
        overlap = (functions * ds * s**2) @ functions.T
        # The profile is interpolated by the Gaussians, which are then orthonormalised.
        at_places = np.exp(-alpha * (places[:, None] - places) ** 2)
        return cholesky(overlap, lower=True).T @ solve(
            at_places, _profile(l_max, alpha, distance, places).T
        )
    out = np.empty((n_max, l_max + 1))
    profile = _profile(l_max, alpha, distance, s)
    places = np.linspace(1.0, cutoff, n_max)
    for k in range(l_max + 1):
        exponents = np.log(1e3 * places**k) / places**2
        functions = s**k * np.exp(-exponents[:, None] * s**2)
        far = 0.5 * 40 * (x + 1)
        wide = far**k * np.exp(-exponents[:, None] * far**2)
        overlap = (wide * 20 * w * far**2) @ wide.T
        functions = fractional_matrix_power(overlap, -0.5).real @ functions
        out[:, k] = 4 * np.pi * (functions * ds * s**2) @ profile[k]
    return out


def power_spectrum(
    atoms: Atoms,
    center: int,
    channels: list[list[str]],
    *,
    radial_basis: str = "equispaced_gaussian",
    n_max: int,
    l_max: int,
    cutoff: float,
    sigma: float,
    cutoff_transition_width: float,
    central_weight: float = 1.0,
    central_all_channels: bool = False,
    normalise: bool = True,
) -> np.ndarray:
    """Features of one atom by the formulas of docs/soap.md."""
    i, j, distances, vectors = neighbor_list("ijdD", atoms, cutoff)
    c = np.zeros((len(channels), n_max, l_max + 1, 2 * l_max + 1), dtype=complex)

    def add(channel: int, vector: np.ndarray, distance: float, weight: float) -> None:
        radial = radial_coefficients(radial_basis, n_max, l_max, cutoff, sigma, distance)
        polar = np.arccos(vector[2] / distance) if distance > 0 else 0.0
        azimuth = np.arctan2(vector[1], vector[0])
        for k in range(l_max + 1 if distance > 0 else 1):
            for m in range(-k, k + 1):
                c[channel, :, k, m + l_max] += (
                    weight * radial[:, k] * sph_harm_y(k, m, polar, azimuth)
                )

    for channel, members in enumerate(channels):
        if central_all_channels or atoms.symbols[center] in members:
            add(channel, np.zeros(3), 0.0, central_weight)
        for e in np.flatnonzero(i == center):
            if atoms.symbols[j[e]] in members:
                phase = np.pi * (distances[e] - cutoff + cutoff_transition_width)
                inside = distances[e] <= cutoff - cutoff_transition_width
                weight = 1.0 if inside else 0.5 + 0.5 * np.cos(phase / cutoff_transition_width)
                add(channel, vectors[e], distances[e], weight)
    c = c.reshape(len(channels) * n_max, l_max + 1, -1)
    p = []
    for a in range(len(c)):
        for b in range(a + 1):
            for k in range(l_max + 1):
                product = (c[a, k] @ c[b, k].conj()).real / np.sqrt(2 * k + 1)
                p.append(product if a == b else np.sqrt(2) * product)
    p = np.array(p)
    return p / np.linalg.norm(p) if normalise else p
