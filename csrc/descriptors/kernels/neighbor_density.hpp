// SPDX-License-Identifier: BSD-3-Clause
// The expansion of the neighbour density, c_{lm a} = sum over neighbours of
// R_nl(r) Y_lm, and the way back from dE/dc to dE/dr of every edge. Centres are
// in the lanes: V is a SIMD vector, or a plain number on a device; W is the
// stride of scratch (base/lanes.hpp).
//
// Flops an edge with N = n_max (l_max + 1)^2: 2 N forward, 4 N backward; the
// table rows take 10 forward and 18 backward for each R_nl. Rows are looked up
// again in the backward pass: that costs less than keeping values and slopes of
// all edges in the cache.
#pragma once

#include "base/lanes.hpp"
#include "base/static_count.hpp"
#include "basis/spherical_harmonics.hpp"
#include "descriptors/kernels/soap_views.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

/// Radial functions taken together: two accumulators each, plus harmonics, must
/// fit the registers.
inline constexpr int radial_tile = register_count == 32 ? 12 : 6;

/// The largest l as a constant where it is small (L >= 0), so that the loops
/// over (l, m) unroll.
template <int L>
TEKTITE_HOST_DEVICE TEKTITE_INLINE int largest_l(int l_max) {
    if (l_max > l_max_limit) __builtin_unreachable();  // refused when the descriptor is made
    return L >= 0 ? L : l_max;
}
template <int L>
inline constexpr int l_bound = L >= 0 ? L : l_max_limit;

/// The largest l for which there are loops of constant length.
inline constexpr int unrolled_l = 8;

/// Real harmonics of one step into out[(l_max + 1)^2][W].
template <int L, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE void harmonics_of_step(const SoapView<T>& view, const T* unit, T* out, Stride W) {
    const int l_max = largest_l<L>(view.l_max);
    V q[lm_count(l_bound<L>)], re[l_bound<L> + 1], im[l_bound<L> + 1];
    legendre<V, T>(l_max, view.legendre_a, view.legendre_b, view.legendre_diagonal, load<V>(unit + 2 * W), q);
    azimuthal_powers<V>(l_max, load<V>(unit), load<V>(unit + W), re, im);
    TEKTITE_UNROLL(16)
    for (int l = 0; l <= l_max; ++l) {
        store(out + l * l * W, q[lm_index(l, 0)]);
        TEKTITE_UNROLL(16)
        for (int m = 1; m <= l; ++m) {
            store(out + (l * l + 2 * m - 1) * W, q[lm_index(l, m)] * re[m]);
            store(out + (l * l + 2 * m) * W, q[lm_index(l, m)] * im[m]);
        }
    }
}

/// Adds `steps` edges to N neighbouring c of M harmonics. radial:
/// [step][stride][W] at the first n; harmonic: [step][stride][W] at the first
/// of M; c: [M][n_padded][W].
template <int N, int M, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE void accumulate(const T* radial, std::size_t radial_stride, const T* harmonic,
                                    std::size_t harmonic_stride, int steps, T* c, std::size_t c_stride,
                                    Stride W) {
    V sum[M][N];
    TEKTITE_UNROLL(2)
    for (int m = 0; m < M; ++m) TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) sum[m][n] = load<V>(c + m * c_stride + n * W);
    for (int k = 0; k < steps; ++k) {
        V y[M];
        TEKTITE_UNROLL(2)
        for (int m = 0; m < M; ++m) y[m] = load<V>(harmonic + m * W);
        TEKTITE_UNROLL(12)
        for (int n = 0; n < N; ++n) {
            const V r = load<V>(radial + n * W);
            TEKTITE_UNROLL(2)
            for (int m = 0; m < M; ++m) sum[m][n] += r * y[m];
        }
        radial += radial_stride;
        harmonic += harmonic_stride;
    }
    TEKTITE_UNROLL(2)
    for (int m = 0; m < M; ++m) TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) store(c + m * c_stride + n * W, sum[m][n]);
}

/// How many radial functions are taken together, so that the tiles of n_max are
/// equally full.
TEKTITE_HOST_DEVICE inline int balanced_tile(int n_max) {
    const int tiles = (n_max + radial_tile - 1) / radial_tile;
    return (n_max + tiles - 1) / tiles;
}

/// Forward: adds the edges [begin, end) of one neighbour species to c of its
/// channel. radial_of_step(step, out) writes a row of radial functions,
/// [row][W].
template <int L, typename V, typename T, typename RadialOfStep, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void forward_density(const SoapView<T>& view, const Scratch<T>& scratch, int species,
                                         int begin, int end, RadialOfStep&& radial_of_step, Stride W = {}) {
    const int channel = view.channel[species];
    const std::size_t radial_stride = static_cast<std::size_t>(view.row) * W;
    const int l_max = largest_l<L>(view.l_max), tile = balanced_tile(view.n_max);
    const std::size_t harmonic_stride = static_cast<std::size_t>((l_max + 1) * (l_max + 1)) * W;
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    for (int first_step = begin; first_step < end; first_step += tile_steps) {
        const int steps = end - first_step < tile_steps ? end - first_step : tile_steps;
        for (int k = 0; k < steps; ++k) {
            const int step = first_step + k;
            radial_of_step(step, scratch.radial + static_cast<std::size_t>(k) * radial_stride);
            harmonics_of_step<L, V>(view, scratch.unit + static_cast<std::size_t>(step) * 3 * W,
                                    scratch.harmonics + static_cast<std::size_t>(k) * harmonic_stride, W);
        }
        for (int first = 0; first < view.n_max; first += tile)
            with_count<radial_tile>(view.n_max - first < tile ? view.n_max - first : tile, [&](auto count) {
                constexpr int N = decltype(count)::value;
                for (int l = 0; l <= l_max; ++l) {
                    const T* r = scratch.radial + static_cast<std::size_t>(l * view.n_max + first) * W;
                    const T* y = scratch.harmonics + static_cast<std::size_t>(l * l) * W;
                    T* c = scratch.c + static_cast<std::size_t>(l * l) * c_stride +
                           static_cast<std::size_t>(channel * view.n_max + first) * W;
                    accumulate<N, 1, V>(r, radial_stride, y, harmonic_stride, steps, c, c_stride, W);
                    for (int m = 1; m <= 2 * l; m += 2)
                        accumulate<N, 2, V>(r, radial_stride, y + m * W, harmonic_stride, steps,
                                            c + static_cast<std::size_t>(m) * c_stride, c_stride, W);
                }
            });
    }
}

/// For N radial functions of one l: writes (or adds to) dE_dY[2 l + 1][lanes]
/// and returns sum_n dE/dR_n dR_n/dr.
template <int N, bool add, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE V contract_adjoint(const T* radial, const T* slope, const T* dE_dc, std::size_t c_stride,
                                       int l, const T* y, T* dE_dY, Stride W) {
    constexpr int lanes = scalar_count<V, T>;
    V dE_dR[N];
    TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) dE_dR[n] = V{};
    for (int m = 0; m <= 2 * l; ++m) {
        V even = add ? load<V>(dE_dY + m * lanes) : V{}, odd = V{};
        const V harmonic = load<V>(y + m * W);
        TEKTITE_UNROLL(12)
        for (int n = 0; n < N; ++n) {
            const V g = load<V>(dE_dc + n * W);
            (n % 2 == 0 ? even : odd) += g * load<V>(radial + n * W);
            dE_dR[n] += g * harmonic;
        }
        store(dE_dY + m * lanes, even + odd);
        dE_dc += c_stride;
    }
    V along = V{};
    TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) along += dE_dR[n] * load<V>(slope + n * W);
    return along;
}

/// Gradient with respect to r of sum_lm y_lm Y_lm(u) + (a function of r with
/// the derivative `along`), where y = dE_dY[(l_max + 1)^2][lanes]; q, re, im:
/// Legendre functions and azimuthal powers of u.
template <int L, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void harmonics_gradient(const SoapView<T>& view, const T* dE_dY,
                                                           const V* q, const V* re, const V* im,
                                                           const T* unit, V inverse_r, V along, V* out,
                                                           Stride W) {
    constexpr int lanes = scalar_count<V, T>;
    const int l_max = largest_l<L>(view.l_max);
    const V x = load<V>(unit), y = load<V>(unit + W), z = load<V>(unit + 2 * W);
    V gx = V{}, gy = V{}, gz = V{};
    TEKTITE_UNROLL(16)
    for (int m = 0; m <= l_max; ++m) {
        // Sums over l of Q_lm dE/dY_lm and of dQ_lm/dz dE/dY_lm.
        V plain_re = V{}, plain_im = V{}, sloped_re = V{}, sloped_im = V{};
        TEKTITE_UNROLL(16)
        for (int l = m; l <= l_max; ++l) {
            const int i = lm_index(l, m);
            const T* t = dE_dY + l * l * lanes;
            const V t_re = m == 0 ? load<V>(t) : load<V>(t + (2 * m - 1) * lanes);
            const V t_im = m == 0 ? V{} : load<V>(t + 2 * m * lanes);
            if (m > 0) {
                plain_re += q[i] * t_re;
                plain_im += q[i] * t_im;
            }
            if (m == l) continue;
            const V dq = view.legendre_slope[i] * q[i + 1];
            sloped_re += dq * t_re;
            if (m > 0) sloped_im += dq * t_im;
        }
        if (m == 0) {
            gz = sloped_re;
            continue;
        }
        gz += sloped_re * re[m] + sloped_im * im[m];
        const T factor = static_cast<T>(m);
        gx += factor * (plain_re * re[m - 1] + plain_im * im[m - 1]);
        gy += factor * (plain_im * re[m - 1] - plain_re * im[m - 1]);
    }
    // The harmonics depend on the unit vector: only the part across r survives.
    const V radial_part = along - (gx * x + gy * y + gz * z) * inverse_r;
    out[0] = gx * inverse_r + radial_part * x;
    out[1] = gy * inverse_r + radial_part * y;
    out[2] = gz * inverse_r + radial_part * z;
}

/// Backward: adds dE/dr_ij of the edges [begin, end) of one neighbour species.
/// radial_of_step(step) writes a row of radial functions and slopes to
/// scratch.radial and scratch.slope.
template <int L, typename V, typename T, typename RadialOfStep, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void backward_density(const SoapView<T>& view, const LanesView& edges,
                                          const Scratch<T>& scratch, int species, int begin, int end,
                                          RadialOfStep&& radial_of_step, Stride W = {}) {
    constexpr int lanes = scalar_count<V, T>;
    const int channel = view.channel[species];
    const int l_max = largest_l<L>(view.l_max), tile = balanced_tile(view.n_max);
    const std::size_t c_stride = static_cast<std::size_t>(view.n_padded) * W;
    alignas(64) T dE_dY[(l_bound<L> + 1) * (l_bound<L> + 1) * lanes];
    for (int step = begin; step < end; ++step) {
        const T* unit = scratch.unit + static_cast<std::size_t>(step) * 3 * W;
        radial_of_step(step);
        V q[lm_count(l_bound<L>)], re[l_bound<L> + 1], im[l_bound<L> + 1];
        legendre<V, T>(l_max, view.legendre_a, view.legendre_b, view.legendre_diagonal, load<V>(unit + 2 * W),
                       q);
        azimuthal_powers<V>(l_max, load<V>(unit), load<V>(unit + W), re, im);
        T* y = scratch.harmonics;
        TEKTITE_UNROLL(16)
        for (int l = 0; l <= l_max; ++l) {
            store(y + l * l * W, q[lm_index(l, 0)]);
            TEKTITE_UNROLL(16)
            for (int m = 1; m <= l; ++m) {
                store(y + (l * l + 2 * m - 1) * W, q[lm_index(l, m)] * re[m]);
                store(y + (l * l + 2 * m) * W, q[lm_index(l, m)] * im[m]);
            }
        }
        V along = V{};
        for (int first = 0; first < view.n_max; first += tile)
            with_count<radial_tile>(view.n_max - first < tile ? view.n_max - first : tile, [&](auto count) {
                constexpr int N = decltype(count)::value;
                for (int l = 0; l <= l_max; ++l) {
                    const std::size_t column = static_cast<std::size_t>(l * view.n_max + first) * W;
                    const T* g = scratch.dE_dc + static_cast<std::size_t>(l * l) * c_stride +
                                 static_cast<std::size_t>(channel * view.n_max + first) * W;
                    const T* harmonic = y + static_cast<std::size_t>(l * l) * W;
                    T* out = dE_dY + l * l * lanes;
                    along +=
                        first == 0
                            ? contract_adjoint<N, false, V>(scratch.radial + column, scratch.slope + column,
                                                            g, c_stride, l, harmonic, out, W)
                            : contract_adjoint<N, true, V>(scratch.radial + column, scratch.slope + column, g,
                                                           c_stride, l, harmonic, out, W);
                }
            });
        V gradient[3];
        harmonics_gradient<L, V>(view, dE_dY, q, re, im, unit,
                                 load<V>(scratch.inverse_r + static_cast<std::size_t>(step) * W), along,
                                 gradient, W);
        const std::size_t p = static_cast<std::size_t>(step) * edges.stride;
        add_to_doubles(edges.dE_dx + p, gradient[0]);
        add_to_doubles(edges.dE_dy + p, gradient[1]);
        add_to_doubles(edges.dE_dz + p, gradient[2]);
    }
}

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA
