# SPDX-License-Identifier: BSD-3-Clause
"""SOAP straight from its definition: quadrature over the smeared density of every neighbour."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.polynomial.legendre import leggauss, legval
from scipy.linalg import cholesky, fractional_matrix_power, solve
from scipy.special import sph_harm_y, spherical_in


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


def _panels(low: float, high: float, n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a quadrature in n panels."""
    x, w = leggauss(20)
    edges = np.linspace(low, high, n + 1)
    half = 0.5 * np.diff(edges)[:, None]
    return (0.5 * (edges[1:] + edges[:-1])[:, None] + half * x).ravel(), (half * w).ravel()


def turbo_radial(species, distance: float) -> np.ndarray:
    """Radial part of a neighbour in soap_turbo, (alpha_max,), by the formulas of docs/soap.md."""
    hard, n = species.cutoff_hard, species.alpha_max
    gaussian = species.basis == "poly3gauss"
    x, soft, own = distance / hard, species.cutoff_soft / hard, species.sigma_r / hard
    sigma = own + species.sigma_r_scaling * x
    k = np.arange(1, n + (not gaussian))[:, None]

    def functions(t):
        rows = (1 - t) ** (k + 2) * np.sqrt(2 * k + 5)
        if gaussian:
            rows = np.vstack([rows, np.sqrt(2 / own) / np.pi**0.25 * np.exp(-0.5 * (t / own) ** 2)])
        return rows

    t, w = _panels(0, 1)
    overlap = (functions(t) * w) @ functions(t).T
    if gaussian:
        overlap[-1, -1] = 1.0
    whole, w_whole = _panels(0, soft)
    damped, w_damped = _panels(soft, 1)
    far, w_far = _panels(0, x + 10 * sigma)

    def profile(t):
        return np.exp(-0.5 * ((t - x) / sigma) ** 2)

    filtered = np.exp(-0.5 * ((damped - soft) * species.filter / (1 - soft)) ** 2)
    projected = functions(whole) @ (w_whole * profile(whole))
    projected += functions(damped) @ (w_damped * filtered * profile(damped))
    if gaussian:  # this one is not damped
        projected[-1] = functions(far)[-1] @ (w_far * profile(far))
    amplitude = (1 + 2 * x**3 - 3 * x**2) ** species.amplitude_scaling / sigma
    amplitude *= {
        0: 1.0,
        1: x + np.sqrt(2 / np.pi) * sigma,
        2: x**2 + sigma**2 + np.sqrt(8 / np.pi) * sigma * x,
    }[species.radial_enhancement]
    orthonormal = fractional_matrix_power(overlap, -0.5).real
    return np.sqrt(hard) * amplitude * orthonormal @ projected


def turbo_central(species) -> np.ndarray:
    """What the centre adds to c_n00, (alpha_max,)."""
    if species.basis == "poly3":
        angular = np.sqrt(4 * np.pi) * species.cutoff_hard**2 / species.sigma_t**2
        return species.central_weight * angular * turbo_radial(species, 0.0)
    own = species.sigma_r / species.cutoff_hard
    k = np.arange(1, species.alpha_max)[:, None]
    t, w = _panels(0, 1)
    gaussian = np.sqrt(2 / own) / np.pi**0.25 * np.exp(-0.5 * (t / own) ** 2)
    rows = np.vstack([(1 - t) ** (k + 2) * np.sqrt(2 * k + 5), gaussian])
    overlap = (rows * w) @ rows.T
    overlap[-1, -1] = 1.0
    factor = {0: 1.0, 1: np.sqrt(2 / np.pi) * own, 2: own**2}[species.radial_enhancement]
    factor *= species.central_weight * np.sqrt(4 * np.pi) * np.pi**0.25
    factor *= np.sqrt(species.sigma_r / 2) * species.cutoff_hard**3
    factor /= species.sigma_t**2 * species.sigma_r
    return factor * fractional_matrix_power(overlap, -0.5).real @ overlap[:, -1]


def turbo_power_spectrum(
    atoms: Atoms, center: int, l_max: int, all_species, compressed: bool = False
) -> np.ndarray:
    """Features of soap_turbo of one atom."""
    reach = max(s.cutoff_hard for s in all_species)
    i, j, distances, vectors = neighbor_list("ijdD", atoms, reach)
    c = []
    for species in all_species:
        own = np.zeros((species.alpha_max, l_max + 1, 2 * l_max + 1), dtype=complex)
        if atoms.symbols[center] in species.elements:
            own[:, 0, l_max] += turbo_central(species)
        for e in np.flatnonzero((i == center) & (distances < species.cutoff_hard)):
            if atoms.symbols[j[e]] not in species.elements:
                continue
            sigma = species.sigma_t + species.sigma_t_scaling * distances[e]
            y = (distances[e] / sigma) ** 2
            angular = 4 * np.pi * (reach / sigma) ** 2
            radial = turbo_radial(species, distances[e])
            polar = np.arccos(vectors[e][2] / distances[e])
            azimuth = np.arctan2(vectors[e][1], vectors[e][0])
            for k in range(l_max + 1):
                weight = angular * np.exp(-y) * spherical_in(k, y)
                for m in range(-k, k + 1):
                    own[:, k, m + l_max] += weight * radial * sph_harm_y(k, m, polar, azimuth)
        c.append(own)
    first = np.concatenate([np.arange(s.alpha_max) == 0 for s in all_species])
    c = np.concatenate(c)
    p = []
    for a in range(len(c)):
        for b in range(a, len(c)):
            if not compressed or first[a] or first[b]:
                products = (c[a] * c[b].conj()).sum(axis=1).real
                p += list(products * (1 if a == b else np.sqrt(2)))
    return np.array(p) / np.linalg.norm(p)
