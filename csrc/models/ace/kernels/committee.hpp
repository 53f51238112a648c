// SPDX-License-Identifier: BSD-3-Clause
// Energies of the members of a committee from the products that the model itself has computed.
//
// A product costs 4 multiply-adds, once for every committee_tile columns, and one for each column.
#pragma once

#include <cmath>

#include "base/lanes.hpp"
#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/products.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Columns taken together: their sums must fit the registers.
inline constexpr int committee_tile = register_count == 32 ? 16 : 8;

/// Products between two additions to the sums in double.
inline constexpr int products_per_partial_sum = 64;

/// Adds N columns, from `first`, of all products to densities[N][W].
template <int N, typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_NOINLINE TEKTITE_HOST_DEVICE void add_products(const CenterView<T>& center,
                                                       const CommitteeView<T>& committee, T* nodes, int first,
                                                       double* densities, Stride W = {}) {
    V sums[N] = {};
    const auto flush = [&] {
        for (int i = 0; i < N; ++i) {
            add_in_double<T>(densities + i * W, sums[i]);
            sums[i] = V{};
        }
    };
    const T* c = committee.coefficients + first;
    int n_products = 0;
    const auto add = [&](V product) TEKTITE_INLINE_LAMBDA {
        TEKTITE_UNROLL(16)
        for (int i = 0; i < N; ++i) sums[i] += c[i] * product;
        c += committee.n_columns;
        if constexpr (sizeof(T) < sizeof(double))
            if (++n_products % products_per_partial_sum == 0) flush();
    };
    for_each_product<V>(center, nodes, add, W);
    flush();
}

/// All columns of all products, some at a time: adds to densities[n_columns][W].
template <typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void add_all_products(const CenterView<T>& center, const CommitteeView<T>& committee,
                                          T* nodes, double* densities, Stride W = {}) {
    for (int first = 0; first < committee.n_columns; first += committee_tile) {
        const int left = committee.n_columns - first;
        with_count<committee_tile>(left < committee_tile ? left : committee_tile, [&](auto n) {
            add_products<decltype(n)::value, V>(center, committee, nodes, first,
                                                densities + static_cast<std::size_t>(first) * W, W);
        });
    }
}

/// Sample standard deviation of the members' energies of one centre. densities: [n_columns], `stride` apart.
template <typename T>
TEKTITE_HOST_DEVICE double member_deviation(const CenterView<T>& center, const CommitteeView<T>& committee,
                                            const double* densities, std::size_t stride) {
    // Welford's recursion: no cancellation between large sums.
    double mean = 0.0, squares = 0.0;
    for (int member = 0; member < committee.n_members; ++member) {
        double energy = 0.0;
        for (int p = 0; p < center.n_density; ++p) {
            const auto column = static_cast<std::size_t>(member * center.n_density + p);
            double f, df;
            embedding(center.embedding, densities[column * stride], center.exponents[p], f, df);
            energy += center.prefactors[p] * f;
        }
        const double delta = energy - mean;
        mean += delta / (member + 1);
        squares += delta * (energy - mean);
    }
    return std::sqrt(squares / (committee.n_members - 1));
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
