// SPDX-License-Identifier: BSD-3-Clause
// Sums whose result does not depend on which thread comes first.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace tektite::cuda {

/// One pass: column c of [width][stride] to n_out partial sums, out[c * n_out + t] = sum over k = t, t +
/// n_out, t + 2 n_out ... of values. Threads: width * n_out.
struct PartialSums {
    const double* values;
    std::int64_t stride, n;
    std::int64_t n_out;
    double* out;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const double* column = values + thread / n_out * stride;
        double sum = 0.0;
        for (std::int64_t k = thread % n_out; k < n; k += n_out) sum += column[k];
        out[thread] = sum;
    }
};

/// The last pass: sum[c] += values[c][0] + ... + values[c][n - 1]. Threads: width.
struct AddSums {
    const double* values;
    std::int64_t n;
    double* sum;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        double total = 0.0;
        for (std::int64_t k = 0; k < n; ++k) total += values[thread * n + k];
        sum[thread] += total;
    }
};

}  // namespace tektite::cuda
