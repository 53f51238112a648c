// SPDX-License-Identifier: BSD-3-Clause
#include "basis/spherical_bessel.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace tektite {

void scaled_bessel(int l_max, double x, double* value, double* slope) {
    const auto n = static_cast<std::size_t>(l_max) + 2;
    std::vector<double> i(n);
    if (x < 0.1) {
        double power = std::exp(-x);  // x^l / (2l+1)!! exp(-x)
        for (std::size_t l = 0; l < n; ++l) {
            if (l > 0) power *= x / (2.0 * static_cast<double>(l) + 1.0);
            double term = 1.0, sum = 1.0;
            for (int k = 1; k < 8; ++k) {
                term *= 0.5 * x * x / (k * (2.0 * static_cast<double>(l) + 2.0 * k + 1.0));
                sum += term;
            }
            i[l] = power * sum;
        }
    } else {
        const int top = static_cast<int>(std::sqrt((l_max + 1.0) * (l_max + 1.0) + 45.0 * x)) + 20;
        double above = 0.0, here = 1e-280;
        for (int l = top; l >= 0; --l) {
            if (l < static_cast<int>(n)) i[static_cast<std::size_t>(l)] = here;
            const double below = above + (2.0 * l + 1.0) / x * here;
            above = here;
            here = below;
            if (here > 1e200) {
                above *= 1e-250;
                here *= 1e-250;
                for (std::size_t k = static_cast<std::size_t>(l); k < n; ++k) i[k] *= 1e-250;
            }
        }
        const double scale = -std::expm1(-2.0 * x) / (2.0 * x) / i[0];
        for (double& v : i) v *= scale;
    }
    for (std::size_t l = 0; l + 1 < n; ++l) {
        value[l] = i[l];
        slope[l] = l == 0 ? i[1]
                          : (static_cast<double>(l) * i[l - 1] + (static_cast<double>(l) + 1.0) * i[l + 1]) /
                                (2.0 * static_cast<double>(l) + 1.0);
    }
}

}  // namespace tektite
