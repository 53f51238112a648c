// SPDX-License-Identifier: BSD-3-Clause
// Power spectrum p_abl = sum_m c_alm c_blm / sqrt(2 l + 1), b <= a, sqrt(2) off
// the diagonal; its reverse. The factors of l are contained in c. Centres are
// in the lanes; V and W as in neighbor_density.hpp.
//
// Flops with K coefficients for each (l, m): forward K^2 (l_max + 1)^2,
// backward twice as much.
#pragma once

#include <cmath>

#include "descriptors/kernels/neighbor_density.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

inline constexpr int tile = coefficient_tile;

/// sum over m of x[m][i] y[m][j] for i < N, j < tile, into sum[i][j].
template <int N, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void outer(const T* x, std::size_t x_stride, const T* y,
                                              std::size_t y_stride, int n_m, V (*sum)[tile], Stride W) {
    TEKTITE_UNROLL(4)
    for (int i = 0; i < N; ++i) TEKTITE_UNROLL(4)
    for (int j = 0; j < tile; ++j) sum[i][j] = V{};
    for (int m = 0; m < n_m; ++m) {
        V b[tile];
        TEKTITE_UNROLL(4)
        for (int j = 0; j < tile; ++j) b[j] = load<V>(y + j * W);
        TEKTITE_UNROLL(4)
        for (int i = 0; i < N; ++i) {
            const V a = load<V>(x + i * W);
            TEKTITE_UNROLL(4)
            for (int j = 0; j < tile; ++j) sum[i][j] += a * b[j];
        }
        x += x_stride;
        y += y_stride;
    }
}

/// Index of (a, b <= a, l = 0) in SoapView::position and scale.
TEKTITE_HOST_DEVICE TEKTITE_INLINE std::size_t component(int a, int b, int l_max) {
    return static_cast<std::size_t>(a * (a + 1) / 2 + b) * static_cast<std::size_t>(l_max + 1);
}

/// features: [n_features][stride].
template <typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void forward_power(const SoapView<T>& view, const Scratch<T>& scratch, T* features,
                                       std::size_t stride, Stride W = {}) {
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    V norm2 = V{};
    for (int l = 0; l <= view.l_max; ++l) {
        const T* c = scratch.c + static_cast<std::size_t>(l * l) * c_stride;
        for (int a0 = 0; a0 < view.n_padded; a0 += tile)
            for (int b0 = 0; b0 <= a0; b0 += tile) {
                V sum[tile][tile];
                outer<tile, V>(c + a0 * W, c_stride, c + b0 * W, c_stride, 2 * l + 1, sum, W);
                TEKTITE_UNROLL(4)
                for (int i = 0; i < tile; ++i) TEKTITE_UNROLL(4)
                for (int j = 0; j < tile; ++j) {
                    const int a = a0 + i, b = b0 + j;
                    if (b > a || a >= view.n_coefficients) continue;
                    const std::size_t k = component(a, b, view.l_max) + static_cast<std::size_t>(l);
                    if (view.position[k] < 0) continue;
                    const V p = sum[i][j] * view.scale[k];
                    norm2 += p * p;
                    store(features + static_cast<std::size_t>(view.position[k]) * stride, p);
                }
            }
    }
    V inverse = V{} + 1;
    if (view.normalise) {
        if constexpr (std::is_arithmetic_v<V>)
            inverse = norm2 > 0 ? T(1) / std::sqrt(norm2) : T(0);
        else
            for (int b = 0; b < scalar_count<V, T>; ++b)
                inverse[b] = norm2[b] > 0 ? 1 / __builtin_sqrt(norm2[b]) : T(0);
        for (std::size_t f = 0; f < static_cast<std::size_t>(view.n_features); ++f)
            store(features + f * stride, load<V>(features + f * stride) * inverse);
    }
    store(scratch.inverse_norm, inverse);
}

/// dE/dc of M harmonics for four neighbouring a: sum over b of symmetric[a][b]
/// c[m][b].
template <int M, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE void times_symmetric(const T* symmetric, int n_padded, int n, const T* c,
                                         std::size_t c_stride, T* out, Stride W) {
    V sum[tile][M];
    TEKTITE_UNROLL(4)
    for (int i = 0; i < tile; ++i) TEKTITE_UNROLL(4)
    for (int m = 0; m < M; ++m) sum[i][m] = V{};
    for (int b = 0; b < n; ++b) {
        V x[M];
        TEKTITE_UNROLL(4)
        for (int m = 0; m < M; ++m) x[m] = load<V>(c + m * c_stride + b * W);
        TEKTITE_UNROLL(4)
        for (int i = 0; i < tile; ++i) {
            const V s = load<V>(symmetric + (i * n_padded + b) * W);
            TEKTITE_UNROLL(4)
            for (int m = 0; m < M; ++m) sum[i][m] += s * x[m];
        }
    }
    TEKTITE_UNROLL(4)
    for (int m = 0; m < M; ++m) TEKTITE_UNROLL(4)
    for (int i = 0; i < tile; ++i) store(out + m * c_stride + i * W, sum[i][m]);
}

/// dE/dc from dE/dfeature.
template <typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void backward_power(const SoapView<T>& view, const Scratch<T>& scratch, const T* features,
                                        const T* adjoint, std::size_t stride, Stride W = {}) {
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    const int n = view.n_coefficients, n_padded = view.n_padded;
    const V inverse = load<V>(scratch.inverse_norm);
    V along = V{};  // of the unit vector p: only the part of the adjoint across it
                    // survives
    if (view.normalise) {
        for (std::size_t f = 0; f < static_cast<std::size_t>(view.n_features); ++f)
            along += load<V>(features + f * stride) * load<V>(adjoint + f * stride);
    }
    T* symmetric = scratch.symmetric;
    for (int a = n; a < n_padded; ++a)
        for (int b = 0; b < n_padded; ++b) store(symmetric + (a * n_padded + b) * W, V{});
    for (int l = 0; l <= view.l_max; ++l) {
        for (int a = 0; a < n; ++a)
            for (int b = 0; b <= a; ++b) {
                const std::size_t k = component(a, b, view.l_max) + static_cast<std::size_t>(l);
                V g = V{};
                if (view.position[k] >= 0) {
                    const std::size_t f = static_cast<std::size_t>(view.position[k]) * stride;
                    g = load<V>(adjoint + f) * inverse;
                    if (view.normalise) g -= load<V>(features + f) * (along * inverse);
                    g *= a == b ? 2 * view.scale[k] : view.scale[k];
                }
                store(symmetric + (a * n_padded + b) * W, g);
                if (a != b) store(symmetric + (b * n_padded + a) * W, g);
            }
        for (int m = 0; m < 2 * l + 1; m += tile) {
            const std::size_t from = static_cast<std::size_t>(l * l + m) * c_stride;
            with_count<tile>(2 * l + 1 - m < tile ? 2 * l + 1 - m : tile, [&](auto count) {
                for (int a = 0; a < n_padded; a += tile)
                    times_symmetric<decltype(count)::value, V>(symmetric + a * n_padded * W, n_padded, n,
                                                               scratch.c + from, c_stride,
                                                               scratch.dE_dc + from + a * W, W);
            });
        }
    }
}

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA
