// SPDX-License-Identifier: BSD-3-Clause
// The derivative of the power spectrum along one edge. Centres are in the
// lanes.
#pragma once

#include "base/simd.hpp"
#include "descriptors/kernels/power_spectrum.hpp"
#include "descriptors/kernels/radial_lookup.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

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

/// gradient[3][n_features][W]: derivatives of the features with respect to r of
/// the edge in `step`.
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
                        outer<N, V>(scratch.dE_dc + (d * n_m * n_max + k0) * W,
                                    static_cast<std::size_t>(n_max) * W,
                                    scratch.c + static_cast<std::size_t>(l * l) * c_stride + b0 * W, c_stride,
                                    n_m, sum, OwnStride<V, T>{});
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
