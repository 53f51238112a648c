// SPDX-License-Identifier: BSD-3-Clause
// The derivative of the power spectrum along one edge. Centres are in the
// lanes.
//
// An edge adds R_al(r) Y_lm(u) to c of its channel, so that with
//   s_bl = sum_m Y_lm c_blm   and   t_bl = sum_m dY_lm/dr c_blm
// sum_m dc_alm/dr c_blm = R'_al s_bl u + R_al t_bl: the sum over m is done once
// for every b and not for every pair.
//
// Flops an edge with K coefficients, N = n_max of them in the channel of the
// edge, P = (a, b) with one of those: 8 K (l_max + 1)^2 for s and t, 16 P (l_max + 1)
// for pairs, 9 n_features and two passes over the gradient for the norm.
#pragma once

#include <algorithm>

#include "base/simd.hpp"
#include "descriptors/kernels/power_spectrum.hpp"
#include "descriptors/kernels/radial_lookup.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

/// Real harmonics of one l and their derivatives with respect to r: out[2 l + 1][4][W], the value first.
template <typename T, int W>
void harmonics_and_derivatives(const SoapView<T>& view, int l, const Vector<T, W>* u, Vector<T, W> inverse_r,
                               const Vector<T, W>* q, const Vector<T, W>* re, const Vector<T, W>* im,
                               T* out) {
    using V = Vector<T, W>;
    const auto write = [&](int component, V value, const V(&slope)[3]) {
        T* to = out + component * 4 * W;
        const V along = slope[0] * u[0] + slope[1] * u[1] + slope[2] * u[2];
        store(to, value);
        for (int d = 0; d < 3; ++d) store(to + (d + 1) * W, (slope[d] - along * u[d]) * inverse_r);
    };
    for (int m = 0; m <= l; ++m) {
        const int i = lm_index(l, m);
        const T factor = static_cast<T>(m);
        const V slope = m < l ? view.legendre_slope[i] * q[i + 1] : V{};
        const V lower_re = m > 0 ? factor * q[i] * re[m - 1] : V{};
        const V lower_im = m > 0 ? factor * q[i] * im[m - 1] : V{};
        write(m == 0 ? 0 : 2 * m - 1, q[i] * re[m], {lower_re, -lower_im, slope * re[m]});
        if (m > 0) write(2 * m, q[i] * im[m], {lower_im, lower_re, slope * im[m]});
    }
}

/// gradient[3][n_features][W] of the features before they are normalised; returns in along[3] the products of
/// features[n_features][stride] with them.
template <typename T, int W>
void component_gradients(const SoapView<T>& view, const Scratch<T>& scratch, const T* features,
                         std::size_t stride, int species, int step, T* gradient, Vector<T, W>* along) {
    using V = Vector<T, W>;
    const int l_max = view.l_max, n_max = view.n_max, n = view.n_coefficients;
    const int first = view.channel[species] * n_max, last = first + n_max;
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    const std::size_t direction = static_cast<std::size_t>(view.n_features) * W;
    const T* unit = scratch.unit + static_cast<std::size_t>(step) * 3 * W;
    const V u[3] = {load<V>(unit), load<V>(unit + W), load<V>(unit + 2 * W)};
    const V inverse_r = load<V>(scratch.inverse_r + static_cast<std::size_t>(step) * W);
    V q[lm_count(l_max_limit)], re[l_max_limit + 1], im[l_max_limit + 1];
    legendre<V, T>(l_max, view.legendre_a, view.legendre_b, view.legendre_diagonal, u[2], q);
    azimuthal_powers<V>(l_max, u[0], u[1], re, im);
    V sum_along[3] = {};
    for (int l = 0; l <= l_max; ++l) {
        alignas(64) T harmonics[(2 * l_max_limit + 1) * 4 * W];
        harmonics_and_derivatives<T, W>(view, l, u, inverse_r, q, re, im, harmonics);
        T* sums = scratch.edge_sums;
        for (int b0 = 0; b0 < view.n_padded; b0 += tile) {
            V sum[4][tile];
            outer<4, V>(harmonics, std::size_t{4} * W,
                        scratch.c + static_cast<std::size_t>(l * l) * c_stride + b0 * W, c_stride, 2 * l + 1,
                        sum, OwnStride<V, T>{});
            for (int j = 0; j < tile; ++j)
                for (int i = 0; i < 4; ++i) store(sums + ((b0 + j) * 4 + i) * W, sum[i][j]);
        }
        const T* radial = scratch.radial + l * n_max * W;
        const T* slope = scratch.slope + l * n_max * W;
        // Pairs of a with b in [begin, end); which of the two the edge adds to is known.
        const auto pairs = [&](auto a_moves, auto b_moves, int a, int begin, int end) {
            const T* sums_a = sums + a * 4 * W;
            V value_a = V{}, slope_a = V{};
            if constexpr (a_moves.value) {
                value_a = load<V>(radial + (a - first) * W);
                slope_a = load<V>(slope + (a - first) * W);
            }
            const V s_a = load<V>(sums_a);
            const V t_a[3] = {load<V>(sums_a + W), load<V>(sums_a + 2 * W), load<V>(sums_a + 3 * W)};
            for (int b = begin; b < end; ++b) {
                const std::size_t k = component(a, b, l_max) + static_cast<std::size_t>(l);
                if (view.position[k] < 0) continue;
                const auto position = static_cast<std::size_t>(view.position[k]);
                const T* sums_b = sums + b * 4 * W;
                V value_b = V{}, radially = V{};
                if constexpr (a_moves.value) radially = slope_a * load<V>(sums_b);
                if constexpr (b_moves.value) {
                    value_b = load<V>(radial + (b - first) * W);
                    radially += load<V>(slope + (b - first) * W) * s_a;
                }
                const T scale = view.scale[k];
                const V feature = load<V>(features + position * stride);
                for (int d = 0; d < 3; ++d) {
                    V value = radially * u[d];
                    if constexpr (a_moves.value) value += value_a * load<V>(sums_b + (d + 1) * W);
                    if constexpr (b_moves.value) value += value_b * t_a[d];
                    value *= scale;
                    sum_along[d] += feature * value;
                    store(gradient + static_cast<std::size_t>(d) * direction + position * W, value);
                }
            }
        };
        constexpr std::true_type moves;
        constexpr std::false_type rests;
        for (int a = 0; a < n; ++a) {
            const int begin = std::min(first, a + 1), end = std::min(last, a + 1);
            if (a >= first && a < last) {
                pairs(moves, rests, a, 0, begin);
                pairs(moves, moves, a, begin, end);
            } else {
                pairs(rests, rests, a, 0, begin);
                pairs(rests, moves, a, begin, end);
                pairs(rests, rests, a, end, a + 1);
            }
        }
    }
    for (int d = 0; d < 3; ++d) along[d] = sum_along[d];
}

/// gradient[3][n_features][W]: derivatives of the features with respect to r of
/// the edge in `step`.
template <typename T, int W>
void power_edge_gradient(const SoapView<T>& view, const Scratch<T>& scratch, const T* features,
                         std::size_t stride, int species, int step, T* gradient) {
    using V = Vector<T, W>;
    radial_rows<true, T, W>(view.radial[species], view.row, view.n_columns, scratch, step, scratch.radial,
                            scratch.slope);
    V along[3];
    component_gradients<T, W>(view, scratch, features, stride, species, step, gradient, along);
    if (!view.normalise) return;
    const auto n_features = static_cast<std::size_t>(view.n_features);
    const V inverse = load<V>(scratch.inverse_norm);
    for (int d = 0; d < 3; ++d) {
        T* out = gradient + static_cast<std::size_t>(d) * n_features * W;
        const V part = along[d] * inverse;
        for (std::size_t f = 0; f < n_features; ++f)
            store(out + f * W, load<V>(out + f * W) * inverse - load<V>(features + f * stride) * part);
    }
}

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA
