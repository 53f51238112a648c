// SPDX-License-Identifier: BSD-3-Clause
// The closest pair of each two species, for hosts that warn when atoms come closer than the training data.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/edges/edge_rows.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

/// Squared distance in units of 2^-21 angstrom^2 (upper 32 bits, up to 1024 angstrom^2) and atom of the
/// centre: the smallest key is the closest pair.
inline constexpr double squared_distance_units = 2097152.0;  // 2^21
inline constexpr std::int64_t no_pair = INT64_MAX;

/// keys[species of centre * n_species + species of neighbour] = the smallest key of such an edge. Threads:
/// rows.
///
/// Reads 28 bytes an edge of the list and writes next to nothing: most edges are not the closest so far.
struct FindClosestPairs {
    EdgeRows rows;
    int n_species;
    std::int64_t* keys;  ///< [n_species][n_species], no_pair before

    TEKTITE_HOST_DEVICE void operator()(std::int64_t row) const {
        const std::int32_t i = rows.centers[row];
        const double* center = rows.sites + 3 * static_cast<std::int64_t>(i);
        std::int64_t* own = keys + static_cast<std::int64_t>(rows.species[i]) * n_species;
        const std::int64_t first = rows.first(row);
        for (std::int32_t k = 0; k < rows.counts[row]; ++k) {
            const std::int32_t site = rows.neighbors[first + k * row_group];
            const std::int32_t s = rows.species[rows.atom(site)];
            if (s < 0) continue;
            const double* other = rows.sites + 3 * static_cast<std::int64_t>(site);
            double r2 = 0;
            for (int d = 0; d < 3; ++d) {
                double x = other[d] - center[d];
                if (rows.shifts != nullptr)
                    x +=
                        rows.shift_vectors[3 * static_cast<std::int64_t>(rows.shifts[first + k * row_group]) +
                                           d];
                r2 += x * x;
            }
            if (!(r2 < 1023.0)) continue;
            const std::int64_t key = (static_cast<std::int64_t>(r2 * squared_distance_units) << 32) + i;
            if (key < own[s]) atomic_min(own + s, key);
        }
    }
};

}  // namespace tektite::cuda
