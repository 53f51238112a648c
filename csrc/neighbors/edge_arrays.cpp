// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/edge_arrays.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace tektite {

namespace {

constexpr std::size_t atoms_per_thread = 500;

/// Vector of the pair (i, j, shift), rounded as numpy rounds r[j] - r[i] + S @ cell.
inline void pair_vector(const double* r_i, const double* r_j, const double* shift, double* vector) {
    for (std::size_t c = 0; c < 3; ++c) vector[c] = (r_j[c] - r_i[c]) + shift[c];
}

bool all_equal(std::span<const std::int32_t> values, std::int32_t value) {
    std::int32_t differences = 0;
    for (std::int32_t v : values) differences |= v ^ value;
    return differences == 0;
}

}  // namespace

void write_edges(const NeighborList& list, std::span<const double> positions, bool self_pairs,
                 const EdgeArrays& arrays, Parallel& parallel) {
    const std::size_t n = list.n_atoms();
    const std::span<const std::int32_t> counts = list.counts();
    const auto table = list.shift_table();
    // Most atoms of a large system are far from the faces of the cell. -1 if no pair stays in the cell.
    const auto found = std::find(table.begin(), table.end(), std::array<std::int32_t, 3>{});
    const std::int32_t zero = found == table.end() ? -1 : static_cast<std::int32_t>(found - table.begin());
    const double* vectors = list.shift_vectors().data();
    const double* r = positions.data();

    // Where the ranges of atoms of the threads begin in the arrays.
    std::vector<std::size_t> starts(static_cast<std::size_t>(parallel.n_threads()) + 1, 0);
    parallel.ranges(n, atoms_per_thread, [&](int thread, std::size_t begin, std::size_t end) {
        starts[static_cast<std::size_t>(thread) + 1] =
            std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(begin),
                            counts.begin() + static_cast<std::ptrdiff_t>(end), std::size_t{0}) +
            (self_pairs ? end - begin : 0);
    });
    std::partial_sum(starts.begin(), starts.end(), starts.begin());

    parallel.ranges(n, atoms_per_thread, [&](int thread, std::size_t begin, std::size_t end) {
        std::size_t at = starts[static_cast<std::size_t>(thread)];
        for (std::size_t i = begin; i < end; ++i) {
            if (self_pairs) {
                if (arrays.i != nullptr) arrays.i[at] = static_cast<std::int64_t>(i);
                if (arrays.j != nullptr) arrays.j[at] = static_cast<std::int64_t>(i);
                if (arrays.S != nullptr) std::fill_n(arrays.S + 3 * at, 3, 0);
                if (arrays.D != nullptr) std::fill_n(arrays.D + 3 * at, 3, 0.0);
                if (arrays.d != nullptr) arrays.d[at] = 0;
                ++at;
            }
            const std::span<const std::int32_t> row = list.neighbors(i), shifts = list.shifts(i);
            if (arrays.i != nullptr) std::fill_n(arrays.i + at, row.size(), static_cast<std::int64_t>(i));
            if (arrays.j != nullptr) std::copy(row.begin(), row.end(), arrays.j + at);
            if (arrays.S != nullptr) {
                if (all_equal(shifts, zero))
                    std::fill_n(arrays.S + 3 * at, 3 * row.size(), 0);
                else
                    for (std::size_t k = 0; k < row.size(); ++k)
                        std::copy_n(table[static_cast<std::size_t>(shifts[k])].data(), 3,
                                    arrays.S + 3 * (at + k));
            }
            if (arrays.D != nullptr || arrays.d != nullptr)
                for (std::size_t k = 0; k < row.size(); ++k) {
                    double vector[3];
                    pair_vector(r + 3 * i, r + 3 * static_cast<std::size_t>(row[k]),
                                vectors + 3 * static_cast<std::size_t>(shifts[k]), vector);
                    if (arrays.D != nullptr) std::copy_n(vector, 3, arrays.D + 3 * (at + k));
                    if (arrays.d != nullptr)
                        arrays.d[at + k] =
                            std::sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]);
                }
            at += row.size();
        }
    });
}

}  // namespace tektite
