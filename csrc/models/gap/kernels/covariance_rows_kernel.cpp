// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/kernels/covariance_rows_kernel.hpp"

#include "base/simd.hpp"
#include "models/gap/kernels/tile_product.hpp"

namespace tektite::gap::TEKTITE_ISA {

namespace {

constexpr int W = native_lanes<double>;
using V = Vector<double, W>;

/// Registers of a panel: row_tile times as many sums must fit the registers.
constexpr int N = register_count == 32 ? 4 : 2;
constexpr int panel_width = N * W;

void products(const double* panel, int n_features, const double* rows, double* out, std::size_t stride) {
    V sum[row_tile][N];
    tile_product<row_tile>(rows, panel, panel_width, n_features, sum);
    for (int i = 0; i < row_tile; ++i)
        for (int v = 0; v < N; ++v) store(out + static_cast<std::size_t>(i) * stride + v * W, sum[i][v]);
}

/// out[k] += sign * values[k] for a part of a panel; rows of the caller are aligned in no way.
[[gnu::always_inline]] inline void add(const V* values, double sign, int n_columns, double* out) {
    if (n_columns == panel_width) {
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) {
            V x;
            __builtin_memcpy(&x, out + v * W, sizeof(V));
            x += sign * values[v];
            __builtin_memcpy(out + v * W, &x, sizeof(V));
        }
        return;
    }
    for (int k = 0; k < n_columns; ++k) out[k] += sign * values[k / W][k % W];
}

void add_edges(const double* panel, int n_features, const CenterEdges& edges, const double* slopes,
               int n_columns, double* forces, double* virial, std::size_t stride) {
    V slope[N], center[3][N] = {}, strain[6][N] = {};
    for (int v = 0; v < N; ++v) slope[v] = load<V>(slopes + v * W);
    const std::size_t tile_size = static_cast<std::size_t>(n_features) * row_tile;
    for (int first = 0; first < edges.n_edges; first += 2) {
        V sum[row_tile][N];
        tile_product<row_tile>(edges.gradients + static_cast<std::size_t>(first / 2) * tile_size, panel,
                               panel_width, n_features, sum);
        for (int e = first; e < first + 2 && e < edges.n_edges; ++e) {
            V(*g)[N] = sum + 3 * (e - first);
            const double* r = edges.vectors + 3 * e;
            double* out = forces + 3 * static_cast<std::size_t>(edges.neighbors[e]) * stride;
#pragma GCC unroll 3
            for (int c = 0; c < 3; ++c) {
#pragma GCC unroll 4
                for (int v = 0; v < N; ++v) {
                    g[c][v] *= slope[v];
                    center[c][v] += g[c][v];
                    strain[c][v] += r[c] * g[c][v];
                }
                add(g[c], 1.0, n_columns, out + static_cast<std::size_t>(c) * stride);
            }
#pragma GCC unroll 4
            for (int v = 0; v < N; ++v) {
                strain[3][v] += r[1] * g[2][v];
                strain[4][v] += r[0] * g[2][v];
                strain[5][v] += r[0] * g[1][v];
            }
        }
    }
    double* out = forces + 3 * static_cast<std::size_t>(edges.center) * stride;
    for (int c = 0; c < 3; ++c) add(center[c], -1.0, n_columns, out + static_cast<std::size_t>(c) * stride);
    for (int c = 0; c < 6; ++c) add(strain[c], 1.0, n_columns, virial + static_cast<std::size_t>(c) * stride);
}

constexpr CovarianceRowsKernels table{panel_width, products, add_edges};

}  // namespace
}  // namespace tektite::gap::TEKTITE_ISA

namespace tektite::gap {

const CovarianceRowsKernels& kernels(isa::TEKTITE_ISA<CovarianceRowsKernels>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::gap
