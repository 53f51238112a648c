// SPDX-License-Identifier: BSD-3-Clause
#include "models/pair/pair_function.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"

namespace tektite {

ZblFunction::ZblFunction(int z1, int z2, double inner, double outer)
    : strength_(units::coulomb * z1 * z2),
      inverse_length_((std::pow(z1, 0.23) + std::pow(z2, 0.23)) / (0.8854 * units::bohr)),
      inner_(inner),
      outer_(outer) {}

double ZblFunction::operator()(double r, double& derivative) const {
    static constexpr double weights[] = {0.18175, 0.50986, 0.28022, 0.02817};
    static constexpr double decays[] = {3.19980, 0.94229, 0.40290, 0.20162};
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

TableFunction::TableFunction(double first, double last, std::span<const double> values)
    : first_(first), last_(last) {
    const std::size_t n_intervals = values.size() / 3 - 1;
    step_ = (last - first) / static_cast<double>(n_intervals);
    for (std::size_t d = 0; d < 3; ++d) taylor_[d] = values[d];
    polynomials_.resize(6 * n_intervals);
    const double h = step_, h2 = step_ * step_;
    for (std::size_t k = 0; k < n_intervals; ++k) {
        const double* a = &values[3 * k];
        const double* b = a + 3;
        double* c = &polynomials_[6 * k];
        c[0] = a[0];
        c[1] = a[1] * h;
        c[2] = 0.5 * a[2] * h2;
        // What value, slope and curvature at the end still lack, to be given by t^3, t^4 and t^5.
        const double value = b[0] - (c[0] + c[1] + c[2]);
        const double slope = b[1] * h - (c[1] + 2 * c[2]);
        const double curvature = b[2] * h2 - 2 * c[2];
        c[3] = 10 * value - 4 * slope + 0.5 * curvature;
        c[4] = -15 * value + 7 * slope - curvature;
        c[5] = 6 * value - 3 * slope + 0.5 * curvature;
    }
}

double TableFunction::operator()(double r, double& derivative) const {
    if (r >= last_) {
        derivative = 0;
        return 0;
    }
    if (r < first_) {
        const double d = r - first_;
        derivative = taylor_[1] + d * taylor_[2];
        return taylor_[0] + d * (taylor_[1] + 0.5 * d * taylor_[2]);
    }
    const double x = (r - first_) / step_;
    const auto last_interval = polynomials_.size() / 6 - 1;
    const auto k = std::min(static_cast<std::size_t>(x), last_interval);
    const double t = x - static_cast<double>(k);
    const double* c = &polynomials_[6 * k];
    derivative = (c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))) / step_;
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
}

}  // namespace tektite
