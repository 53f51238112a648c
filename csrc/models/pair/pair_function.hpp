// SPDX-License-Identifier: BSD-3-Clause
// Functions of a distance: values and derivatives of pair potentials, for CPU and GPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "base/host_device.hpp"

namespace tektite {

/// The screened nuclear repulsion of J. F. Ziegler, J. P. Biersack and U. Littmark, The Stopping and Range of
/// Ions in Solids (Pergamon, 1985): V(r) = (e^2/4 pi eps0) Z1 Z2 / r phi(r/a), a = 0.8854 a0/(Z1^0.23 +
/// Z2^0.23), times a switching function that is 1 below `inner` and 0 beyond `outer`, twice continuously
/// differentiable.
class ZblFunction {
public:
    ZblFunction() = default;
    ZblFunction(int z1, int z2, double inner, double outer);

    /// V in eV at r > 0 (angstrom); dV/dr (eV/angstrom) in `derivative`.
    TEKTITE_HOST_DEVICE double operator()(double r, double& derivative) const {
        constexpr double weights[] = {0.18175, 0.50986, 0.28022, 0.02817};
        constexpr double decays[] = {3.19980, 0.94229, 0.40290, 0.20162};
        if (r >= outer_) {
            derivative = 0;
            return 0;
        }
        double phi = 0, dphi = 0;
        for (int k = 0; k < 4; ++k) {
            const double decay = decays[k] * inverse_length_;
            const double term = weights[k] * std::exp(-decay * r);
            phi += term;
            dphi -= decay * term;
        }
        const double v = strength_ / r * phi;
        const double dv = strength_ / r * (dphi - phi / r);
        if (r <= inner_) {
            derivative = dv;
            return v;
        }
        const double width = outer_ - inner_;
        const double t = (r - inner_) / width;
        const double s = 1 - t * t * t * (10 - t * (15 - 6 * t));
        const double ds = -30 * t * t * (1 - t) * (1 - t) / width;
        derivative = dv * s + v * ds;
        return v * s;
    }

private:
    double strength_ = 0;        // eV angstrom
    double inverse_length_ = 0;  // 1/a
    double inner_ = 0, outer_ = 0;
};

/// A TableFunction whose polynomials somebody else owns.
struct TableView {
    double first = 0, last = 0, step = 1;
    double taylor[3] = {};
    const double* polynomials = nullptr;  ///< [n_intervals][6], in powers of (r - r_k)/step
    std::size_t n_intervals = 0;

    TEKTITE_HOST_DEVICE double operator()(double r, double& derivative) const {
        if (r >= last) {
            derivative = 0;
            return 0;
        }
        if (r < first) {
            const double d = r - first;
            derivative = taylor[1] + d * taylor[2];
            return taylor[0] + d * (taylor[1] + 0.5 * d * taylor[2]);
        }
        const double x = (r - first) / step;
        const auto place = static_cast<std::size_t>(x);
        const std::size_t k = place < n_intervals ? place : n_intervals - 1;
        const double t = x - static_cast<double>(k);
        const double* c = polynomials + 6 * k;
        derivative = (c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))) / step;
        return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
    }
};

/// V given with V' and V'' on a uniform grid; between the points the polynomial of degree five that has these
/// values at both ends (Hermite interpolation); zero from the last point on; below the first the Taylor
/// polynomial of second order. Twice continuously differentiable if all three are zero at the last point.
class TableFunction {
public:
    TableFunction() = default;
    /// values: [n_points][3] V, V', V'' in eV and angstrom; n_points >= 2, 0 < first < last.
    TableFunction(double first, double last, std::span<const double> values);

    double operator()(double r, double& derivative) const { return view()(r, derivative); }
    /// Valid as long as this object.
    [[nodiscard]] TableView view() const {
        TableView v = shape_;
        v.polynomials = polynomials_.data();
        return v;
    }

private:
    TableView shape_;
    std::vector<double> polynomials_;
};

}  // namespace tektite
