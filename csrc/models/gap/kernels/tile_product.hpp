// SPDX-License-Identifier: BSD-3-Clause
// The product that all kernels over sparse points share: a tile of rows times registers of lanes.
#pragma once

#include "base/simd.hpp"

namespace tektite::gap::TEKTITE_ISA {
namespace {

/// sum[i][v] = sum over k < n of rows[k][i] x[k][v] for a tile of R rows and N registers. rows: [n][R];
/// x: [n][stride], aligned.
template <int R, int N, typename V>
[[gnu::always_inline]] inline void tile_product(const double* rows, const double* x, std::size_t stride,
                                                int n, V (*sum)[N]) {
    constexpr int W = scalar_count<V, double>;
#pragma GCC unroll 6
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) sum[i][v] = V{};
    for (int k = 0; k < n; ++k) {
        V y[N];
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) y[v] = load<V>(x + v * W);
#pragma GCC unroll 6
        for (int i = 0; i < R; ++i) {
            const V r = V{} + rows[i];
#pragma GCC unroll 4
            for (int v = 0; v < N; ++v) sum[i][v] += r * y[v];
        }
        rows += R;
        x += stride;
    }
}

}  // namespace
}  // namespace tektite::gap::TEKTITE_ISA
