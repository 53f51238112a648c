// SPDX-License-Identifier: BSD-3-Clause
// Complex spherical harmonics of unit vectors for m >= 0, shared by every descriptor and by CPU and GPU.
//
// Normalisation: Y_00 = 1, that is sqrt(4 pi) times the orthonormal Y_lm, with the Condon-Shortley phase, as
// in R. Drautz, Phys. Rev. B 99, 014104 (2019). Negative m: Y_l,-m = (-1)^m conj(Y_lm).
//
// Y_lm(x, y, z) = Q_lm(z) (x + i y)^m with Q_lm = (-1)^m sqrt((2l+1) (l-m)!/(l+m)!) d^m P_l(z)/dz^m,
// so that dQ_lm/dz = -sqrt((l-m)(l+m+1)) Q_l,m+1: the gradient needs no more functions than the value, and
// neither trigonometry nor square roots.
#pragma once

#include <cmath>
#include <vector>

#include "base/host_device.hpp"

namespace tektite {

/// Position of (l, m), 0 <= m <= l, in arrays over all of them.
TEKTITE_HOST_DEVICE constexpr int lm_index(int l, int m) {
    return l * (l + 1) / 2 + m;
}
TEKTITE_HOST_DEVICE constexpr int lm_count(int l_max) {
    return (l_max + 1) * (l_max + 2) / 2;
}

/// Coefficients of the recursions: arrays over lm_index.
///   Q_mm = diagonal[m];  Q_lm = a (z Q_l-1,m + b Q_l-2,m);  dQ_lm/dz = slope Q_l,m+1.
struct LegendreCoefficients {
    int l_max = 0;
    std::vector<double> a, b, slope, diagonal;

    explicit LegendreCoefficients(int l_max_)
        : l_max(l_max_),
          a(static_cast<std::size_t>(lm_count(l_max_))),
          b(a.size()),
          slope(a.size()),
          diagonal(static_cast<std::size_t>(l_max_) + 1) {
        double q = 1.0;
        for (int m = 0; m <= l_max; ++m) {
            if (m > 0) q *= -std::sqrt((2.0 * m + 1.0) / (2.0 * m));
            diagonal[static_cast<std::size_t>(m)] = q;
            for (int l = m; l <= l_max; ++l) {
                const auto i = static_cast<std::size_t>(lm_index(l, m));
                slope[i] = -std::sqrt(double(l - m) * double(l + m + 1));
                if (l == m) continue;
                a[i] = std::sqrt((4.0 * l * l - 1.0) / (double(l) * l - double(m) * m));
                b[i] = l == m + 1 ? 0.0
                                  : -std::sqrt(((l - 1.0) * (l - 1.0) - double(m) * m) /
                                               (4.0 * (l - 1.0) * (l - 1.0) - 1.0));
            }
        }
    }
};

/// Q_lm(z) for all 0 <= m <= l <= l_max into q[lm_index]. T: a floating-point or SIMD type; S: its scalar.
/// 2 multiply-adds a function.
template <typename T, typename S>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void legendre(int l_max, const S* a, const S* b, const S* diagonal, T z,
                                                 T* q) {
    TEKTITE_UNROLL(16)
    for (int m = 0; m <= l_max; ++m) {
        q[lm_index(m, m)] = T{} + diagonal[m];
        if (m < l_max) q[lm_index(m + 1, m)] = (a[lm_index(m + 1, m)] * diagonal[m]) * z;
        TEKTITE_UNROLL(16)
        for (int l = m + 2; l <= l_max; ++l) {
            const int i = lm_index(l, m);
            q[i] = a[i] * (z * q[lm_index(l - 1, m)] + b[i] * q[lm_index(l - 2, m)]);
        }
    }
}

/// Real and imaginary parts of (x + i y)^m for m = 0 .. m_max.
template <typename T>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void azimuthal_powers(int m_max, T x, T y, T* re, T* im) {
    re[0] = T{} + 1;
    im[0] = T{};
    TEKTITE_UNROLL(16)
    for (int m = 1; m <= m_max; ++m) {
        re[m] = re[m - 1] * x - im[m - 1] * y;
        im[m] = re[m - 1] * y + im[m - 1] * x;
    }
}

/// Values and gradients for one vector (x, y, z) of length r (angstrom): a plain reference form for
/// descriptors and tests. re, im: [lm_count]; gradient_re, gradient_im: [lm_count][3], derivatives with
/// respect to the vector (1/angstrom); the gradient arrays may be null.
inline void spherical_harmonics(const LegendreCoefficients& c, double x, double y, double z, double* re,
                                double* im, double* gradient_re, double* gradient_im) {
    const double r = std::sqrt(x * x + y * y + z * z);
    const double u[3] = {x / r, y / r, z / r};
    std::vector<double> q(static_cast<std::size_t>(lm_count(c.l_max)));
    std::vector<double> pr(static_cast<std::size_t>(c.l_max) + 1), pi(pr.size());
    legendre(c.l_max, c.a.data(), c.b.data(), c.diagonal.data(), u[2], q.data());
    azimuthal_powers(c.l_max, u[0], u[1], pr.data(), pi.data());
    for (int l = 0; l <= c.l_max; ++l)
        for (int m = 0; m <= l; ++m) {
            const auto i = static_cast<std::size_t>(lm_index(l, m));
            const auto mm = static_cast<std::size_t>(m);
            re[i] = q[i] * pr[mm];
            im[i] = q[i] * pi[mm];
            if (gradient_re == nullptr) continue;
            const double slope = m < l ? c.slope[i] * q[i + 1] : 0.0;
            const double lower_re = m > 0 ? m * pr[mm - 1] : 0.0, lower_im = m > 0 ? m * pi[mm - 1] : 0.0;
            const double gr[3] = {q[i] * lower_re, -q[i] * lower_im, slope * pr[mm]};
            const double gi[3] = {q[i] * lower_im, q[i] * lower_re, slope * pi[mm]};
            const double along_re = gr[0] * u[0] + gr[1] * u[1] + gr[2] * u[2];
            const double along_im = gi[0] * u[0] + gi[1] * u[1] + gi[2] * u[2];
            for (std::size_t d = 0; d < 3; ++d) {
                gradient_re[3 * i + d] = (gr[d] - along_re * u[d]) / r;
                gradient_im[3 * i + d] = (gi[d] - along_im * u[d]) / r;
            }
        }
}

}  // namespace tektite
