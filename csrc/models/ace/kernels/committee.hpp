// SPDX-License-Identifier: BSD-3-Clause
// Energies of the members of a committee from the products that the model itself has computed.
//
// A product costs 4 multiply-adds, once for every committee_tile columns, and one for each column.
#pragma once

#include <cmath>

#include "base/simd.hpp"
#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/products.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Columns taken together: their sums must fit the registers.
inline constexpr int committee_tile = register_count == 32 ? 16 : 8;

/// Products between two additions to the sums in double.
inline constexpr int products_per_partial_sum = 64;

/// Adds N columns, from `first`, of all products to densities[N][W].
template <int N, typename V, typename T>
[[gnu::noinline]] void add_products(const CenterView<T>& center, const CommitteeView<T>& committee, T* nodes,
                                    int first, double* densities) {
    constexpr int W = scalar_count<V, T>;
    V sums[N] = {};
    const auto flush = [&] {
        for (int i = 0; i < N; ++i) {
            add_in_double<T>(densities + i * W, sums[i]);
            sums[i] = V{};
        }
    };
    const T* c = committee.coefficients + first;
    int n_products = 0;
    for_each_product<V>(center, nodes, [&](V product) __attribute__((always_inline)) {
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) sums[i] += c[i] * product;
        c += committee.n_columns;
        if constexpr (sizeof(T) < sizeof(double))
            if (++n_products % products_per_partial_sum == 0) flush();
    });
    flush();
}

/// Adds the rank-1 functions of all edges.
template <typename T, int W>
void add_rank_one(const CenterView<T>& center, const CommitteeView<T>& committee, const BlockView& block,
                  const Scratch<T>& scratch, double* densities) {
    using V = Vector<T, W>;
    for (int s = 0; s < center.n_elements; ++s) {
        const BondView<T>& bond = committee.base_bonds[s];
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end || bond.n_columns == 0) continue;
        locate_edges<T, W>(bond, block, scratch, begin, end);
        for (int step = begin; step < end; ++step) radial_rows<T, W>(bond, scratch, step);
        const T* c = committee.rank_one[s];
        for (int k = 0; k < bond.n_columns; ++k, c += committee.n_columns) {
            V sum = V{};
            for (int step = begin; step < end; ++step)
                sum += load<V>(scratch.radial +
                               (static_cast<std::size_t>(step) * static_cast<std::size_t>(scratch.row_max) +
                                static_cast<std::size_t>(k)) *
                                   W);
            for (int i = 0; i < committee.n_columns; ++i)
                add_in_double<T>(densities + static_cast<std::ptrdiff_t>(i) * W, c[i] * sum);
        }
    }
}

/// Sample standard deviation of the members' energies.
template <typename T, int W>
void deviations(const CenterView<T>& center, const CommitteeView<T>& committee, const BlockView& block,
                const Scratch<T>& scratch, const double* keep, double* densities, double* uncertainties) {
    using V = Vector<T, W>;
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(committee.n_columns) * W; ++i)
        densities[i] = 0.0;
    for (int first = 0; first < committee.n_columns; first += committee_tile) {
        const int left = committee.n_columns - first;
        with_count<committee_tile>(left < committee_tile ? left : committee_tile, [&](auto n) {
            add_products<decltype(n)::value, V>(center, committee, scratch.nodes, first,
                                                densities + static_cast<std::ptrdiff_t>(first) * W);
        });
    }
    add_rank_one<T, W>(center, committee, block, scratch, densities);
    for (int b = 0; b < W; ++b) {
        // Welford's recursion: no cancellation between large sums.
        double mean = 0.0, squares = 0.0;
        for (int member = 0; member < committee.n_members; ++member) {
            double energy = 0.0;
            for (int p = 0; p < center.n_density; ++p) {
                const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(member) * center.n_density + p;
                double f, df;
                embedding(center.embedding, densities[column * W + b], center.exponents[p], f, df);
                energy += center.prefactors[p] * f;
            }
            const double delta = energy - mean;
            mean += delta / (member + 1);
            squares += delta * (energy - mean);
        }
        uncertainties[b] = keep[b] * std::sqrt(squares / (committee.n_members - 1));
    }
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
