// SPDX-License-Identifier: BSD-3-Clause
#include "models/pair/pair_function.hpp"

#include <cmath>

#include "base/units.hpp"

namespace tektite {

ZblFunction::ZblFunction(int z1, int z2, double inner, double outer)
    : strength_(units::coulomb * z1 * z2),
      inverse_length_((std::pow(z1, 0.23) + std::pow(z2, 0.23)) / (0.8854 * units::bohr)),
      inner_(inner),
      outer_(outer) {}

TableFunction::TableFunction(double first, double last, std::span<const double> values) {
    const std::size_t n_intervals = values.size() / 3 - 1;
    shape_.first = first;
    shape_.last = last;
    shape_.step = (last - first) / static_cast<double>(n_intervals);
    shape_.n_intervals = n_intervals;
    for (std::size_t d = 0; d < 3; ++d) shape_.taylor[d] = values[d];
    polynomials_.resize(6 * n_intervals);
    const double h = shape_.step, h2 = h * h;
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

}  // namespace tektite
