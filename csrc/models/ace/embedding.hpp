// SPDX-License-Identifier: BSD-3-Clause
// Embedding functions of ACE and their derivatives, shared by CPU and GPU. Always inlined: a copy compiled
// for one instruction set must not be picked by the linker for another.
#pragma once

#include <cmath>

#include "base/host_device.hpp"

namespace tektite::ace {

enum class EmbeddingKind : int { finnis_sinclair = 0, finnis_sinclair_shifted_scaled = 1 };

/// F(rho; m) and dF/drho as pacemaker defines them (Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021),
/// and A. Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022)).
///
/// FinnisSinclair: sign(rho) [(1 - g) a^m + w^(1-m) g a] with a = |rho|, g = exp(-(w a)^3), w = 1e6: a power
/// with its origin made linear. FinnisSinclairShiftedScaled: sign(rho) [(x_0 e^-a + a)^m - y_0 e^-a] with x_0
/// = (1/m)^((1/m)/(1 - 1/m)), y_0 = (1/m)^(1/(1 - 1/m)): slope 1 at the origin, a^m far from it. Linear if m
/// = 1.
TEKTITE_HOST_DEVICE TEKTITE_INLINE void embedding(EmbeddingKind kind, double rho, double exponent, double& f,
                                                  double& df) {
    const double a = std::fabs(rho), sign = std::signbit(rho) ? -1.0 : 1.0;
    if (kind == EmbeddingKind::finnis_sinclair_shifted_scaled) {
        if (std::fabs(exponent - 1.0) < 1e-10) {
            f = rho;
            df = 1.0;
            return;
        }
        const double inverse = 1.0 / exponent, decay = std::exp(-a);
        const double x = std::pow(inverse, inverse / (1.0 - inverse)) * decay;
        const double y = std::pow(inverse, 1.0 / (1.0 - inverse)) * decay;
        const double power = std::pow(x + a, exponent);
        f = sign * (power - y);
        df = y + exponent * (1.0 - x) * power / (x + a);
        return;
    }
    constexpr double w = 1.0e6;
    const double origin_slope = std::pow(1.0 / w, exponent - 1.0);
    if (a <= 1e-10) {
        f = origin_slope * rho;
        df = origin_slope;
        return;
    }
    const double cube = w * a * w * a * w * a;
    const double g = cube > 30.0 ? 0.0 : std::exp(-cube), dg = -3.0 * w * w * w * a * a * g;
    const double power = std::pow(a, exponent);
    f = sign * ((1.0 - g) * power + origin_slope * g * a);
    df = exponent * power / a * (1.0 - g) - power * dg + origin_slope * (dg * a + g);
}

}  // namespace tektite::ace
