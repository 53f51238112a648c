// SPDX-License-Identifier: BSD-3-Clause
// A_{s n l m} = sum over neighbours of R_nl(r) Y_lm, and the way back from dE/dA to dE/dr of every edge.
//
// Flops an edge with N = number of complex A of the neighbour's species: 4 N forward, 8 N backward, plus some
// 12 a harmonic. Everything runs with centres in the lanes. V is a SIMD vector, (forward, in training) a dual
// number of such, or a plain number on a device. W is the stride of scratch (base/lanes.hpp).
#pragma once

#include "base/lanes.hpp"
#include "base/static_count.hpp"
#include "basis/spherical_harmonics.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Radial functions taken together: two accumulators each, plus harmonics, must fit the registers.
inline constexpr int radial_tile = register_count == 32 ? 12 : 6;
/// The same for values of type V: dual numbers take two registers each.
template <typename V>
inline constexpr int radial_tile_of = sizeof(V) > register_bytes ? radial_tile / 2 : radial_tile;

/// The largest l as a constant where it is small (L >= 0), so that the loops over (l, m) unroll, else from
/// the bond.
template <int L>
TEKTITE_HOST_DEVICE TEKTITE_INLINE int largest_l(int l_max) {
    if (l_max > l_max_limit) __builtin_unreachable();  // refused when the model is loaded
    return L >= 0 ? L : l_max;
}
template <int L>
inline constexpr int l_bound = L >= 0 ? L : l_max_limit;

/// Y_lm of one step into out[lm][2][W].
template <int L, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE void harmonics_of_step(const CenterView<T>& center, int bond_l_max,
                                           const Scratch<T>& scratch, int step, T* out, Stride W) {
    const int l_max = largest_l<L>(bond_l_max);
    const T* unit = scratch.unit + static_cast<std::size_t>(step) * 3 * W;
    V q[lm_count(l_bound<L>)], re[l_bound<L> + 1], im[l_bound<L> + 1];
    legendre<V, T>(l_max, center.legendre_a, center.legendre_b, center.legendre_diagonal,
                   load<V>(unit + 2 * W), q);
    azimuthal_powers<V>(l_max, load<V>(unit), load<V>(unit + W), re, im);
    TEKTITE_UNROLL(16)
    for (int l = 0; l <= l_max; ++l) TEKTITE_UNROLL(16)
    for (int m = 0; m <= l; ++m) {
        const int i = lm_index(l, m);
        store(out + 2 * i * W, q[i] * re[m]);
        if (m > 0) store(out + (2 * i + 1) * W, q[i] * im[m]);
    }
}

/// Adds `steps` edges to N neighbouring A of one (l, m). radial: [step][row_max][W] at the first n; harmonic:
/// [step] [stride][W]; A: [N][2][W].
template <int N, bool complex, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE void accumulate(const T* radial, std::size_t radial_stride, const T* harmonic,
                                    std::size_t harmonic_stride, int steps, T* A, Stride W) {
    V re[N], im[N];
    TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) {
        re[n] = load<V>(A + 2 * n * W);
        if constexpr (complex) im[n] = load<V>(A + (2 * n + 1) * W);
    }
    for (int k = 0; k < steps; ++k) {
        const V y_re = load<V>(harmonic);
        V y_im = V{};
        if constexpr (complex) y_im = load<V>(harmonic + W);
        TEKTITE_UNROLL(12)
        for (int n = 0; n < N; ++n) {
            const V r = load<V>(radial + n * W);
            re[n] += r * y_re;
            if constexpr (complex) im[n] += r * y_im;
        }
        radial += radial_stride;
        harmonic += harmonic_stride;
    }
    TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) {
        store(A + 2 * n * W, re[n]);
        if constexpr (complex) store(A + (2 * n + 1) * W, im[n]);
    }
}

/// Forward: adds the edges of all steps of one neighbour species to A. radial_of_step(step) fills in
/// scratch.radial: its row `step`, or, in TileScratch, the row of the step within its tile.
template <int L, typename V, typename T, typename ScratchOf, typename RadialOfStep,
          typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void forward_base(const CenterView<T>& center, const BondView<T>& bond,
                                      const ScratchOf& scratch, int begin, int end,
                                      RadialOfStep&& radial_of_step, Stride W = {}) {
    const std::size_t radial_stride = static_cast<std::size_t>(scratch.row_max) * W;
    const std::size_t harmonic_stride = static_cast<std::size_t>(lm_count(bond.l_max)) * 2 * W;
    for (int tile = begin; tile < end; tile += tile_steps) {
        const int steps = end - tile < tile_steps ? end - tile : tile_steps;
        for (int k = 0; k < steps; ++k) {
            if constexpr (ScratchOf::keeps_rows)
                radial_of_step(tile + k);
            else
                radial_of_step(tile + k, k);
            if (bond.l_max >= 0)
                harmonics_of_step<L, V>(center, bond.l_max, scratch, tile + k,
                                        scratch.harmonics + static_cast<std::size_t>(k) * harmonic_stride, W);
        }
        const T* radial =
            scratch.radial + (ScratchOf::keeps_rows ? static_cast<std::size_t>(tile) * radial_stride : 0);
        for (int l = 0; l <= bond.l_max; ++l)
            for (int first = 0; first < bond.n_radial[l]; first += radial_tile_of<V>) {
                const int left = bond.n_radial[l] - first;
                const int n = left < radial_tile_of<V> ? left : radial_tile_of<V>;
                const T* r = radial + static_cast<std::size_t>(bond.first_column[l] + first) * W;
                with_count<radial_tile_of<V>>(n, [&](auto count) {
                    constexpr int N = decltype(count)::value;
                    for (int m = 0; m <= l; ++m) {
                        const T* y = scratch.harmonics + static_cast<std::size_t>(2 * lm_index(l, m)) * W;
                        T* A =
                            scratch.nodes +
                            static_cast<std::size_t>(bond.first_A[l] + m * bond.n_radial[l] + first) * 2 * W;
                        if (m == 0)
                            accumulate<N, false, V>(r, radial_stride, y, harmonic_stride, steps, A, W);
                        else
                            accumulate<N, true, V>(r, radial_stride, y, harmonic_stride, steps, A, W);
                    }
                });
            }
    }
}

/// For N radial functions of one l: writes (or adds to) dE_dY[m][2][W] and returns sum_n dE/dR_n dR_n/dr.
/// y and dE_dY are [2 (l + 1)][lanes].
template <int N, bool add, typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE V contract_adjoint(const T* radial, const T* slope, const T* adjoint,
                                       std::size_t m_stride, int l, const T* y, T* dE_dY, Stride W) {
    constexpr int lanes = scalar_count<V, T>;
    V dE_dR[N];
    {
        const V y_re = load<V>(y);
        V sum = add ? load<V>(dE_dY) : V{};
        TEKTITE_UNROLL(12)
        for (int n = 0; n < N; ++n) {
            const V g = load<V>(adjoint + 2 * n * W);
            sum += g * load<V>(radial + n * W);
            dE_dR[n] = g * y_re;
        }
        store(dE_dY, sum);
    }
    for (int m = 1; m <= l; ++m) {
        adjoint += m_stride;
        T* out = dE_dY + 2 * m * lanes;
        V sum_re = add ? load<V>(out) : V{}, sum_im = add ? load<V>(out + lanes) : V{};
        const V y_re = load<V>(y + 2 * m * lanes), y_im = load<V>(y + (2 * m + 1) * lanes);
        TEKTITE_UNROLL(12)
        for (int n = 0; n < N; ++n) {
            const V g_re = load<V>(adjoint + 2 * n * W), g_im = load<V>(adjoint + (2 * n + 1) * W);
            const V r = load<V>(radial + n * W);
            sum_re += g_re * r;
            sum_im += g_im * r;
            dE_dR[n] += g_re * y_re;
            dE_dR[n] += g_im * y_im;
        }
        store(out, sum_re);
        store(out + lanes, sum_im);
    }
    V along = V{};
    TEKTITE_UNROLL(12)
    for (int n = 0; n < N; ++n) along += dE_dR[n] * load<V>(slope + n * W);
    return along;
}

template <typename V, typename T, typename Stride>
using Contraction = V (*)(const T*, const T*, const T*, std::size_t, int, const T*, T*, Stride);

/// contract_adjoint by the number of radial functions.
template <bool add, typename V, typename T, typename Stride>
Contraction<V, T, Stride> contraction(int n) {
    Contraction<V, T, Stride> found = nullptr;
    with_count<radial_tile>(
        n, [&](auto count) { found = contract_adjoint<decltype(count)::value, add, V, T, Stride>; });
    return found;
}

/// Backward: dE/dr_ij of the edges [begin, end) of one neighbour species. dE_drho: [n_density][lanes];
/// dE_dcore: [lanes]. radial_of_step(step) fills in row 0 of a TileScratch and is not called for a Scratch.
template <int L, typename V, typename T, typename ScratchOf, typename RadialOfStep,
          typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void backward_base(const CenterView<T>& center, const BondView<T>& bond,
                                       const BlockView& block, const ScratchOf& scratch, const T* dE_drho,
                                       const T* dE_dcore, int begin, int end, RadialOfStep&& radial_of_step,
                                       Stride W = {}) {
    constexpr int lanes = scalar_count<V, T>;
    // Where the functions are called through pointers: on a device a call could not be inlined, a switch can.
    constexpr bool by_pointer = lanes > 1;
    const std::size_t radial_stride = static_cast<std::size_t>(scratch.row_max) * W;
    const int l_max = largest_l<L>(bond.l_max);
    [[maybe_unused]] Contraction<V, T, Stride> first_tile[by_pointer ? l_bound<L> + 1 : 1];
    if constexpr (by_pointer)
        for (int l = 0; l <= l_max; ++l)
            first_tile[l] = contraction<false, V, T, Stride>(bond.n_radial[l] < radial_tile ? bond.n_radial[l]
                                                                                            : radial_tile);
    alignas(64) T harmonic[2 * (l_bound<L> + 1) * lanes];
    alignas(64) T dE_dY[2 * (l_bound<L> + 1) * lanes] = {};
    for (int step = begin; step < end; ++step) {
        const T* unit = scratch.unit + static_cast<std::size_t>(step) * 3 * W;
        const V x = load<V>(unit), y = load<V>(unit + W), z = load<V>(unit + 2 * W);
        if constexpr (!ScratchOf::keeps_rows) radial_of_step(step);
        const std::size_t row = ScratchOf::keeps_rows ? static_cast<std::size_t>(step) * radial_stride : 0;
        const T* radial = scratch.radial + row;
        const T* slope = scratch.radial_slope + row;
        V along = V{};
        if (bond.density_column >= 0)
            for (int p = 0; p < center.n_density; ++p)
                along += load<V>(dE_drho + p * lanes) * load<V>(slope + (bond.density_column + p) * W);
        if (bond.core_column >= 0) along += load<V>(dE_dcore) * load<V>(slope + bond.core_column * W);

        V gx = V{}, gy = V{}, gz = V{};
        if (l_max >= 0) {
            V q[lm_count(l_bound<L>)], re[l_bound<L> + 1], im[l_bound<L> + 1];
            legendre<V, T>(l_max, center.legendre_a, center.legendre_b, center.legendre_diagonal, z, q);
            azimuthal_powers<V>(l_max, x, y, re, im);
            // Per m: sum over l of Q_lm dE/dY_lm and of dQ_lm/dz dE/dY_lm.
            V plain_re[l_bound<L> + 1], plain_im[l_bound<L> + 1], sloped_re[l_bound<L> + 1],
                sloped_im[l_bound<L> + 1];
            TEKTITE_UNROLL(16)
            for (int m = 0; m <= l_max; ++m) plain_re[m] = plain_im[m] = sloped_re[m] = sloped_im[m] = V{};
            TEKTITE_UNROLL(16)
            for (int l = 0; l <= l_max; ++l) {
                const int n_radial = bond.n_radial[l];
                if (n_radial == 0) continue;
                TEKTITE_UNROLL(16)
                for (int m = 0; m <= l; ++m) {
                    store(harmonic + 2 * m * lanes, q[lm_index(l, m)] * re[m]);
                    store(harmonic + (2 * m + 1) * lanes, q[lm_index(l, m)] * im[m]);
                }
                const std::size_t m_stride = static_cast<std::size_t>(n_radial) * 2 * W;
                const std::size_t column = static_cast<std::size_t>(bond.first_column[l]) * W;
                const T* adjoint = scratch.adjoints + static_cast<std::size_t>(bond.first_A[l]) * 2 * W;
                if constexpr (by_pointer) {
                    along += first_tile[l](radial + column, slope + column, adjoint, m_stride, l, harmonic,
                                           dE_dY, W);
                    for (int n = radial_tile; n < n_radial; n += radial_tile) {
                        const std::size_t more = column + static_cast<std::size_t>(n) * W;
                        along += contraction<true, V, T, Stride>(n_radial - n < radial_tile ? n_radial - n
                                                                                            : radial_tile)(
                            radial + more, slope + more, adjoint + static_cast<std::size_t>(n) * 2 * W,
                            m_stride, l, harmonic, dE_dY, W);
                    }
                } else {
                    for (int i = 0; i < 2 * (l + 1); ++i) dE_dY[i] = T{};
                    for (int n = 0; n < n_radial; n += radial_tile)
                        with_count<radial_tile>(
                            n_radial - n < radial_tile ? n_radial - n : radial_tile, [&](auto count) {
                                const std::size_t more = column + static_cast<std::size_t>(n) * W;
                                along += contract_adjoint<decltype(count)::value, true, V>(
                                    radial + more, slope + more,
                                    adjoint + static_cast<std::size_t>(n) * 2 * W, m_stride, l, harmonic,
                                    dE_dY, W);
                            });
                }
                TEKTITE_UNROLL(16)
                for (int m = 0; m <= l; ++m) {
                    const int i = lm_index(l, m);
                    const V t_re = load<V>(dE_dY + 2 * m * lanes),
                            t_im = load<V>(dE_dY + (2 * m + 1) * lanes);
                    if (m > 0) {
                        plain_re[m] += q[i] * t_re;
                        plain_im[m] += q[i] * t_im;
                    }
                    if (m == l) continue;
                    const V dq = center.legendre_slope[i] * q[i + 1];
                    sloped_re[m] += dq * t_re;
                    if (m > 0) sloped_im[m] += dq * t_im;
                }
            }
            gz = sloped_re[0];
            TEKTITE_UNROLL(16)
            for (int m = 1; m <= l_max; ++m) {
                gz += sloped_re[m] * re[m] + sloped_im[m] * im[m];
                const T factor = static_cast<T>(m);
                gx += factor * (plain_re[m] * re[m - 1] + plain_im[m] * im[m - 1]);
                gy += factor * (plain_im[m] * re[m - 1] - plain_re[m] * im[m - 1]);
            }
        }
        // The harmonics depend on the unit vector: only the part across r survives.
        const V inverse_r = load<V>(scratch.inverse_r + static_cast<std::size_t>(step) * W);
        const V radial_part = along - (gx * x + gy * y + gz * z) * inverse_r;
        const V out_x = gx * inverse_r + radial_part * x, out_y = gy * inverse_r + radial_part * y,
                out_z = gz * inverse_r + radial_part * z;
        const std::size_t p = static_cast<std::size_t>(step) * W;
        store_in_double(block.dE_dx + p, out_x);
        store_in_double(block.dE_dy + p, out_y);
        store_in_double(block.dE_dz + p, out_z);
    }
}

/// For backward_base() with a Scratch: it holds the rows of all steps.
struct KeptRows {
    void operator()(int) const {}
};

/// The largest l for which there are loops of constant length.
inline constexpr int unrolled_l = 7;

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
