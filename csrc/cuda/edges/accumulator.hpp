// SPDX-License-Identifier: BSD-3-Clause
// Sums to which many threads add: in double, or, for the same bits in whatever order they come, as integers.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda/edges/problems.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

/// Fixed point: integers in units of 2^-42 (2.3e-13 eV/angstrom or eV). Integer addition is associative, so
/// the order does not matter. A sum may reach 2^21 (2.1e6); a single contribution beyond 2^15 is reported, so
/// that 64 of the largest still fit. Rounding a contribution costs at most 1.2e-13, those of 200 edges 2e-11
/// at the very most and 2e-12 typically.
inline constexpr double fixed_point_units = 4398046511104.0;  // 2^42
inline constexpr double fixed_point_largest = 32768.0;        // 2^15

struct Accumulator {
    double* values = nullptr;          ///< null: not wanted
    std::int64_t* integers = nullptr;  ///< the same memory, where sums are deterministic; else null
    Problems* problems = nullptr;

    [[nodiscard]] TEKTITE_HOST_DEVICE bool wanted() const { return values != nullptr; }

    /// atom: for the message, if the value is too large.
    TEKTITE_HOST_DEVICE void add(std::int64_t k, double value, std::int64_t atom) const {
        if (integers == nullptr) {
            atomic_add(values + k, value);
            return;
        }
        if (!(std::fabs(value) <= fixed_point_largest)) {
            atomic_min(&problems->force_too_large, atom);
            return;
        }
        atomic_add(integers + k, static_cast<std::int64_t>(std::rint(value * fixed_point_units)));
    }
};

/// Integers to doubles, in place. Threads: number of values.
struct FromFixedPoint {
    double* values;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t k) const {
        values[k] =
            static_cast<double>(reinterpret_cast<const std::int64_t*>(values)[k]) * (1.0 / fixed_point_units);
    }
};

}  // namespace tektite::cuda
