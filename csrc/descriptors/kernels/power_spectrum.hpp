// SPDX-License-Identifier: BSD-3-Clause
// Power spectrum p_abl = sum_m c_alm c_blm / sqrt(2 l + 1), b <= a, sqrt(2) off the diagonal; its reverse,
// and its derivative along one edge. The factors of l are contained in c. Centres are in the lanes.
//
// Flops with K coefficients for each (l, m): forward K^2 (l_max + 1)^2, backward twice as much.
#pragma once

#include "descriptors/kernels/neighbor_density.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

inline constexpr int tile = coefficient_tile;

/// sum over m of x[m][i] y[m][j] for i < N, j < tile, into sum[i][j].
template <int N, typename T, int W>
[[gnu::always_inline]] inline void outer(const T* x, std::size_t x_stride, const T* y, std::size_t y_stride,
                                         int n_m, Vector<T, W> (*sum)[tile]) {
    using V = Vector<T, W>;
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < tile; ++j) sum[i][j] = V{};
    for (int m = 0; m < n_m; ++m) {
        V b[tile];
#pragma GCC unroll 4
        for (int j = 0; j < tile; ++j) b[j] = load<V>(y + j * W);
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) {
            const V a = load<V>(x + i * W);
#pragma GCC unroll 4
            for (int j = 0; j < tile; ++j) sum[i][j] += a * b[j];
        }
        x += x_stride;
        y += y_stride;
    }
}

/// Index of (a, b <= a, l = 0) in SoapView::position and scale.
[[gnu::always_inline]] inline std::size_t component(int a, int b, int l_max) {
    return static_cast<std::size_t>(a * (a + 1) / 2 + b) * static_cast<std::size_t>(l_max + 1);
}

template <typename T, int W>
void forward_power(const SoapView<T>& view, const Scratch<T>& scratch, T* features, std::size_t stride) {
    using V = Vector<T, W>;
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    V norm2 = V{};
    for (int l = 0; l <= view.l_max; ++l) {
        const T* c = scratch.c + static_cast<std::size_t>(l * l) * c_stride;
        for (int a0 = 0; a0 < view.n_padded; a0 += tile)
            for (int b0 = 0; b0 <= a0; b0 += tile) {
                V sum[tile][tile];
                outer<tile, T, W>(c + a0 * W, c_stride, c + b0 * W, c_stride, 2 * l + 1, sum);
#pragma GCC unroll 4
                for (int i = 0; i < tile; ++i)
#pragma GCC unroll 4
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
        for (int b = 0; b < W; ++b) inverse[b] = norm2[b] > 0 ? 1 / __builtin_sqrt(norm2[b]) : T(0);
        for (std::size_t f = 0; f < static_cast<std::size_t>(view.n_features); ++f)
            store(features + f * stride, load<V>(features + f * stride) * inverse);
    }
    store(scratch.inverse_norm, inverse);
}

/// dE/dc of M harmonics for four neighbouring a: sum over b of symmetric[a][b] c[m][b].
template <int M, typename T, int W>
void times_symmetric(const T* symmetric, int n_padded, int n, const T* c, std::size_t c_stride, T* out) {
    using V = Vector<T, W>;
    V sum[tile][M];
#pragma GCC unroll 4
    for (int i = 0; i < tile; ++i)
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) sum[i][m] = V{};
    for (int b = 0; b < n; ++b) {
        V x[M];
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) x[m] = load<V>(c + m * c_stride + b * W);
#pragma GCC unroll 4
        for (int i = 0; i < tile; ++i) {
            const V s = load<V>(symmetric + (i * n_padded + b) * W);
#pragma GCC unroll 4
            for (int m = 0; m < M; ++m) sum[i][m] += s * x[m];
        }
    }
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int i = 0; i < tile; ++i) store(out + m * c_stride + i * W, sum[i][m]);
}

/// dE/dc from dE/dfeature.
template <typename T, int W>
void backward_power(const SoapView<T>& view, const Scratch<T>& scratch, const T* features, const T* adjoint,
                    std::size_t stride) {
    using V = Vector<T, W>;
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    const int n = view.n_coefficients, n_padded = view.n_padded;
    const V inverse = load<V>(scratch.inverse_norm);
    V along = V{};  // of the unit vector p: only the part of the adjoint across it survives
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
                    times_symmetric<decltype(count)::value, T, W>(symmetric + a * n_padded * W, n_padded, n,
                                                                  scratch.c + from, c_stride,
                                                                  scratch.dE_dc + from + a * W);
            });
        }
    }
}

/// Derivatives of real harmonics of one l with respect to r: out[3][2 l + 1].
template <typename T, int W>
void harmonics_derivatives(const SoapView<T>& view, int l, const T* unit, Vector<T, W> inverse_r,
                           const Vector<T, W>* q, const Vector<T, W>* re, const Vector<T, W>* im,
                           Vector<T, W> (*out)[2 * l_max_limit + 1]) {
    using V = Vector<T, W>;
    const V u[3] = {load<V>(unit), load<V>(unit + W), load<V>(unit + 2 * W)};
    for (int m = 0; m <= l; ++m) {
        const int i = lm_index(l, m);
        const T factor = static_cast<T>(m);
        const V slope = m < l ? view.legendre_slope[i] * q[i + 1] : V{};
        const V lower_re = m > 0 ? factor * q[i] * re[m - 1] : V{};
        const V lower_im = m > 0 ? factor * q[i] * im[m - 1] : V{};
        const V real[3] = {lower_re, -lower_im, slope * re[m]};
        const V imaginary[3] = {lower_im, lower_re, slope * im[m]};
        const V along_re = real[0] * u[0] + real[1] * u[1] + real[2] * u[2];
        const V along_im = imaginary[0] * u[0] + imaginary[1] * u[1] + imaginary[2] * u[2];
        for (int d = 0; d < 3; ++d) {
            out[d][m == 0 ? 0 : 2 * m - 1] = (real[d] - along_re * u[d]) * inverse_r;
            if (m > 0) out[d][2 * m] = (imaginary[d] - along_im * u[d]) * inverse_r;
        }
    }
}

/// gradient[3][n_features][W]: derivatives of the features with respect to r of the edge in `step`.
template <typename T, int W>
void power_edge_gradient(const SoapView<T>& view, const Scratch<T>& scratch, const T* features,
                         std::size_t stride, int species, int step, T* gradient) {
    using V = Vector<T, W>;
    const int l_max = view.l_max, n_max = view.n_max, n = view.n_coefficients, n_padded = view.n_padded;
    const int first = view.channel[species] * n_max;
    const std::size_t c_stride = static_cast<std::size_t>(n_padded) * W;
    const std::size_t n_features = static_cast<std::size_t>(view.n_features);
    const T* unit = scratch.unit + static_cast<std::size_t>(step) * 3 * W;
    radial_rows<true, T, W>(view.radial[species], view.row, view.n_columns, scratch, step, scratch.radial,
                            scratch.slope);
    V q[lm_count(l_max_limit)], re[l_max_limit + 1], im[l_max_limit + 1];
    legendre<V, T>(l_max, view.legendre_a, view.legendre_b, view.legendre_diagonal, load<V>(unit + 2 * W), q);
    azimuthal_powers<V>(l_max, load<V>(unit), load<V>(unit + W), re, im);
    const V inverse_r = load<V>(scratch.inverse_r + static_cast<std::size_t>(step) * W);
    const std::size_t direction = static_cast<std::size_t>(n_max) * static_cast<std::size_t>(n_padded) * W;
    for (int l = 0; l <= l_max; ++l) {
        const int n_m = 2 * l + 1;
        V derivative[3][2 * l_max_limit + 1];
        harmonics_derivatives<T, W>(view, l, unit, inverse_r, q, re, im, derivative);
        for (int d = 0; d < 3; ++d) {
            const V u = load<V>(unit + d * W);
            for (int m = 0; m < n_m; ++m) {
                const int order = (m + 1) / 2;
                const V y = q[lm_index(l, order)] * (m % 2 == 1 || m == 0 ? re[order] : im[order]);
                for (int k = 0; k < n_max; ++k)
                    store(scratch.dE_dc + ((d * n_m + m) * n_max + k) * W,
                          load<V>(scratch.slope + (l * n_max + k) * W) * (y * u) +
                              load<V>(scratch.radial + (l * n_max + k) * W) * derivative[d][m]);
            }
            // symmetric[d][k][b] = sum over m of dc_k c_b.
            for (int k0 = 0; k0 < n_max; k0 += tile)
                with_count<tile>(n_max - k0 < tile ? n_max - k0 : tile, [&](auto count) {
                    constexpr int N = decltype(count)::value;
                    for (int b0 = 0; b0 < n_padded; b0 += tile) {
                        V sum[N][tile];
                        outer<N, T, W>(scratch.dE_dc + (d * n_m * n_max + k0) * W,
                                       static_cast<std::size_t>(n_max) * W,
                                       scratch.c + static_cast<std::size_t>(l * l) * c_stride + b0 * W,
                                       c_stride, n_m, sum);
                        for (int i = 0; i < N; ++i)
                            for (int j = 0; j < tile; ++j)
                                store(scratch.symmetric + static_cast<std::size_t>(d) * direction +
                                          ((k0 + i) * n_padded + b0 + j) * W,
                                      sum[i][j]);
                    }
                });
            const T* pairs = scratch.symmetric + static_cast<std::size_t>(d) * direction;
            T* out = gradient + static_cast<std::size_t>(d) * n_features * W;
            for (int a = 0; a < n; ++a)
                for (int b = 0; b <= a; ++b) {
                    const std::size_t k = component(a, b, l_max) + static_cast<std::size_t>(l);
                    if (view.position[k] < 0) continue;
                    V value = V{};
                    if (a >= first && a < first + n_max)
                        value += load<V>(pairs + ((a - first) * n_padded + b) * W);
                    if (b >= first && b < first + n_max)
                        value += load<V>(pairs + ((b - first) * n_padded + a) * W);
                    store(out + static_cast<std::size_t>(view.position[k]) * W, value * view.scale[k]);
                }
        }
    }
    if (!view.normalise) return;
    const V inverse = load<V>(scratch.inverse_norm);
    for (int d = 0; d < 3; ++d) {
        T* out = gradient + static_cast<std::size_t>(d) * n_features * W;
        V along = V{};
        for (std::size_t f = 0; f < n_features; ++f)
            along += load<V>(features + f * stride) * load<V>(out + f * W);
        for (std::size_t f = 0; f < n_features; ++f)
            store(out + f * W,
                  load<V>(out + f * W) * inverse - load<V>(features + f * stride) * (along * inverse));
    }
}

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA
