// SPDX-License-Identifier: BSD-3-Clause
// The embedding functions of embedding.hpp with the derivatives that training needs. Always inlined: a copy
// compiled for one instruction set must not be picked by the linker for another.
#pragma once

#include <cmath>

#include "models/ace/embedding.hpp"

namespace tektite::ace::training {

/// F(rho; m) and derivatives, the last index being that of the exponent m.
struct EmbeddingDerivatives {
    double f, f_rho, f_rho_rho, f_m, f_rho_m;
};

/// ln m / (m - 1) and its derivative, also around m = 1.
[[gnu::always_inline]] inline void log_ratio(double m, double& value, double& slope) {
    const double d = m - 1.0;
    if (std::fabs(d) < 1e-3) {
        value = 1.0 - d * (1.0 / 2 - d * (1.0 / 3 - d * (1.0 / 4 - d / 5)));
        slope = -1.0 / 2 + d * (2.0 / 3 - d * (3.0 / 4 - d * (4.0 / 5 - d * 5.0 / 6)));
        return;
    }
    value = std::log(m) / d;
    slope = (1.0 / m - value) / d;
}

/// Both kinds are odd in rho; `a` is |rho|. Where F is made linear (FinnisSinclair at its origin), the
/// second derivative is zero.
[[gnu::always_inline]] inline EmbeddingDerivatives embedding_derivatives(EmbeddingKind kind, double rho,
                                                                         double m) {
    const double a = std::fabs(rho), sign = std::signbit(rho) ? -1.0 : 1.0;
    if (kind == EmbeddingKind::finnis_sinclair_shifted_scaled) {
        // F = u^m - y e^-a with u = x e^-a + a, x = exp(-L), y = exp(-m L), L = ln m / (m - 1).
        double ratio, ratio_slope;
        log_ratio(m, ratio, ratio_slope);
        const double decay = std::exp(-a);
        const double x = std::exp(-ratio) * decay, y = std::exp(-m * ratio) * decay;
        const double x_m = -ratio_slope * x, y_m = -(ratio + m * ratio_slope) * y;
        const double u = x + a, u_a = 1.0 - x, log_u = std::log(u);
        const double power = std::pow(u, m), power_1 = power / u;
        EmbeddingDerivatives out;
        out.f = sign * (power - y);
        out.f_rho = m * power_1 * u_a + y;
        out.f_rho_rho = sign * (m * (m - 1.0) * power_1 / u * u_a * u_a + m * power_1 * x - y);
        out.f_m = sign * (power * log_u + m * power_1 * x_m - y_m);
        out.f_rho_m =
            power_1 * u_a + m * power_1 * (log_u + (m - 1.0) * x_m / u) * u_a - m * power_1 * x_m + y_m;
        return out;
    }
    constexpr double w = 1.0e6;
    const double log_w = std::log(w), origin_slope = std::pow(1.0 / w, m - 1.0);
    if (a <= 1e-10)
        return {origin_slope * rho, origin_slope, 0.0, -log_w * origin_slope * rho, -log_w * origin_slope};
    const double cube = w * a * w * a * w * a;
    const double g = cube > 30.0 ? 0.0 : std::exp(-cube);
    const double g_a = -3.0 * w * w * w * a * a * g;
    const double g_aa = -(6.0 - 9.0 * cube) * w * w * w * a * g;
    const double log_a = std::log(a), power = std::pow(a, m), power_1 = power / a;
    EmbeddingDerivatives out;
    out.f = sign * ((1.0 - g) * power + origin_slope * g * a);
    out.f_rho = (1.0 - g) * m * power_1 - g_a * power + origin_slope * (g_a * a + g);
    out.f_rho_rho = sign * ((1.0 - g) * m * (m - 1.0) * power_1 / a - 2.0 * g_a * m * power_1 - g_aa * power +
                            origin_slope * (g_aa * a + 2.0 * g_a));
    out.f_m = sign * ((1.0 - g) * power * log_a - log_w * origin_slope * g * a);
    out.f_rho_m =
        (1.0 - g) * power_1 * (1.0 + m * log_a) - g_a * power * log_a - log_w * origin_slope * (g_a * a + g);
    return out;
}

}  // namespace tektite::ace::training
