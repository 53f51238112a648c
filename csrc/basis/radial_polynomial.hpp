// SPDX-License-Identifier: BSD-3-Clause
// Radial functions for fits: orthogonal polynomials in a transformed distance under a smooth envelope.
//
// The distance is transformed as by Agnesi's curve, generalised to two exponents (W. C. Witt et al., J. Chem.
// Phys. 159, 164101 (2023), section II D):
//   x(r) = 1 / (1 + a u^q / (1 + u^(q - p))),  u = r / r_0,
// which is flat below r_0, steepest near it and falls as u^-p; p = q = 1 is x = 1 / (1 + a u / 2).
// y(r) maps [inner, cutoff] on [-1, 1]. Then, with s the exponent of the envelope,
//   g_k(r) = sqrt(2k + 2s + 1) ((1 - y) / 2)^s P_k^(2s, 0)(y),
// Jacobi polynomials, so that the mean of g_j g_k over y is the identity. g_k has ceil(s) - 1 continuous
// derivatives at the cutoff: s = 3 makes the energy twice continuously differentiable.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tektite/error.hpp"

namespace tektite {

/// x(r) above and its derivative; all lengths in angstrom.
inline void agnesi_transform(double r, double r_0, double p, double q, double a, double& x, double& dx_dr) {
    const double u = r / r_0;
    const double power = std::pow(u, q - 1.0), ratio = std::pow(u, q - p), denominator = 1.0 + ratio;
    const double h = power * u / denominator;
    const double dh = (q * power - (q - p) * power * ratio / denominator) / (denominator * r_0);
    x = 1.0 / (1.0 + a * h);
    dx_dr = -a * dh * x * x;
}

/// The prefactor a for which x(r) is steepest at r = r_0 (its second derivative vanishes there).
/// Throws Error(invalid_argument) where no positive a does that (p = q = 1, for example).
inline double agnesi_prefactor(double p, double q) {
    // h = u^q / (1 + u^(q-p)) at u = 1; x'' = 0 there is a = h'' / (2 h'^2 - h h'').
    const double d = q - p, h = 0.5, dh = 0.5 * q - 0.25 * d;
    const double d2h = 0.5 * q * (q - 1.0) - 0.5 * q * d - 0.25 * d * (d - 1.0) + 0.25 * d * d;
    const double a = d2h / (2.0 * dh * dh - h * d2h);
    if (!(a > 0.0) || !std::isfinite(a))
        throw Error(ErrorCode::invalid_argument, "the radial transform with p = " + std::to_string(p) +
                                                     ", q = " + std::to_string(q) +
                                                     " has no prefactor: give q > 1 or a");
    return a;
}

/// Throws Error(invalid_argument) unless parameters = {r_0, p, q, a, envelope, inner} make sense for the
/// cutoff.
inline void check_polynomial_radial_basis(const std::vector<double>& parameters, double cutoff) {
    const auto fail = [](const std::string& what) {
        throw Error(ErrorCode::invalid_argument, "radial basis Polynomial: " + what);
    };
    if (parameters.size() != 6) fail("needs 6 parameters r_0, p, q, a, envelope, inner");
    const double r_0 = parameters[0], p = parameters[1], q = parameters[2], a = parameters[3];
    if (!(r_0 > 0.0)) fail("r_0 must be positive");
    if (!(p > 0.0) || !(q >= p) || !(q >= 1.0)) fail("needs 0 < p <= q and q >= 1");
    if (!(a > 0.0)) fail("a must be positive");
    if (!(parameters[4] >= 2.0)) fail("envelope must be at least 2 (forces continuous at the cutoff)");
    if (!(parameters[5] >= 0.0) || !(parameters[5] < cutoff)) fail("inner must lie between 0 and the cutoff");
}

/// Writes g[k] and dg[k] = dg_k/dr (1/angstrom), k < n_base, at 0 < r < cutoff (angstrom); zero from the
/// cutoff on. parameters: {r_0, p, q, a, envelope, inner}, checked by check_polynomial_radial_basis.
inline void polynomial_radial_basis(const std::vector<double>& parameters, int n_base, double cutoff,
                                    double r, double* g, double* dg) {
    if (r >= cutoff) {
        std::fill_n(g, n_base, 0.0);
        std::fill_n(dg, n_base, 0.0);
        return;
    }
    const double r_0 = parameters[0], p = parameters[1], q = parameters[2], a = parameters[3];
    const double s = parameters[4], inner = parameters[5];
    double x, dx, x_cut, x_inner = 1.0, unused;
    agnesi_transform(r, r_0, p, q, a, x, dx);
    agnesi_transform(cutoff, r_0, p, q, a, x_cut, unused);
    if (inner > 0.0) agnesi_transform(inner, r_0, p, q, a, x_inner, unused);
    const double t = (x - x_cut) / (x_inner - x_cut);  // (1 - y) / 2
    const double y = 1.0 - 2.0 * t, dy = -2.0 * dx / (x_inner - x_cut);
    const double slope = std::pow(t, s - 1.0), envelope = slope * t, denvelope = -0.5 * s * slope;
    const double alpha = 2.0 * s;
    double value = 1.0, dvalue = 0.0, previous = 0.0, dprevious = 0.0;  // P_k, dP_k/dy
    for (int k = 0; k < n_base; ++k) {
        const double norm = std::sqrt(2.0 * k + alpha + 1.0);
        g[k] = norm * envelope * value;
        dg[k] = norm * (denvelope * value + envelope * dvalue) * dy;
        const double n = k + 1.0, m = 2.0 * n + alpha;
        double c1, c0, c2;  // P_n = (c1 y + c0) P_(n-1) - c2 P_(n-2)
        if (k == 0) {
            c1 = 0.5 * (alpha + 2.0);
            c0 = 0.5 * alpha;
            c2 = 0.0;
        } else {
            const double c = 2.0 * n * (n + alpha) * (m - 2.0);
            c1 = (m - 1.0) * m * (m - 2.0) / c;
            c0 = (m - 1.0) * alpha * alpha / c;
            c2 = 2.0 * (n + alpha - 1.0) * (n - 1.0) * m / c;
        }
        const double next = (c1 * y + c0) * value - c2 * previous;
        const double dnext = c1 * value + (c1 * y + c0) * dvalue - c2 * dprevious;
        previous = value;
        dprevious = dvalue;
        value = next;
        dvalue = dnext;
    }
}

}  // namespace tektite
