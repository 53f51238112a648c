// SPDX-License-Identifier: BSD-3-Clause
// Distances, unit vectors, table lookup and radial functions of a block.
#pragma once

#include "base/simd.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Distances, unit vectors and table positions of the steps [begin, end), all in double: 30 flops an edge.
template <typename T, int W>
[[gnu::noinline]] void locate_edges(const BondView<T>& bond, const BlockView& block,
                                    const Scratch<T>& scratch, int begin, int end) {
    constexpr int WD = native_lanes<double> < W ? native_lanes<double> : W;
    using D = Vector<double, WD>;
    using I = Vector<std::int64_t, WD>;
    const int zero_bin = bond.first_bin[bond.n_segments];
    for (std::size_t p = static_cast<std::size_t>(begin) * W; p < static_cast<std::size_t>(end) * W;
         p += WD) {
        const D x = load<D>(block.x + p), y = load<D>(block.y + p), z = load<D>(block.z + p);
        const D r2 = x * x + y * y + z * z;
        D r;
        for (int b = 0; b < WD; ++b) r[b] = __builtin_sqrt(r2[b]);
        const D inverse_r = 1.0 / r;
        D start = D{} + bond.start[0], inverse_width = D{} + bond.inverse_width[0];
        I first = I{} + bond.first_bin[0];
        for (int s = 1; s < bond.n_segments; ++s) {
            const I beyond = r >= bond.start[s];
            start = beyond ? D{} + bond.start[s] : start;
            inverse_width = beyond ? D{} + bond.inverse_width[s] : inverse_width;
            first = beyond ? I{} + bond.first_bin[s] : first;
        }
        const I outside = r >= bond.cutoff;
        const D place = outside ? D{} : (r - start) * inverse_width;
        I bin = __builtin_convertvector(place, I);  // place >= 0: truncation is floor
        const D t = place - __builtin_convertvector(bin, D);
        bin = outside ? I{} + zero_bin : bin + first;
        // (r - start) / width may round up to the next segment's first bin; clamp to the last bin of all.
        bin = bin > zero_bin ? I{} + zero_bin : bin;
        store(scratch.bin + p, bin);
        const std::size_t step = p / W, lane = p % W;
        T* unit = scratch.unit + step * 3 * W + lane;
        for (int b = 0; b < WD; ++b) {
            unit[b] = static_cast<T>(x[b] * inverse_r[b]);
            unit[W + b] = static_cast<T>(y[b] * inverse_r[b]);
            unit[2 * W + b] = static_cast<T>(z[b] * inverse_r[b]);
            scratch.inverse_r[p + b] = static_cast<T>(inverse_r[b]);
            scratch.position[p + b] = static_cast<T>(t[b]);
            scratch.inverse_width[p + b] = static_cast<T>(inverse_width[b]);
        }
    }
}

/// Radial functions and slopes of one step: each lane's table row is read contiguously (6 loads, 9
/// multiply-adds for W functions) and W rows are transposed in registers.
template <typename T, int W>
void radial_rows(const BondView<T>& bond, const Scratch<T>& scratch, int step) {
    using V = Vector<T, W>;
    const std::size_t row = static_cast<std::size_t>(bond.row);
    const std::size_t p = static_cast<std::size_t>(step) * W;
    const T* rows[W];
    for (int b = 0; b < W; ++b)
        rows[b] = bond.coefficients + static_cast<std::size_t>(scratch.bin[p + b]) * 6 * row;
    const T* t = scratch.position + p;
    const T* inverse_width = scratch.inverse_width + p;
    T* out = scratch.radial + static_cast<std::size_t>(step) * scratch.row_max * W;
    T* out_slope = scratch.radial_slope + static_cast<std::size_t>(step) * scratch.row_max * W;
    for (int column = 0; column < bond.n_columns; column += W) {
        V value[W], slope[W];
#pragma GCC unroll 16
        for (int b = 0; b < W; ++b) {
            const T* c = rows[b] + column;
            const V s = V{} + t[b];
            const V c5 = load<V>(c + 5 * row), c4 = load<V>(c + 4 * row), c3 = load<V>(c + 3 * row);
            const V c2 = load<V>(c + 2 * row), c1 = load<V>(c + row), c0 = load<V>(c);
            // Horner for value and derivative together.
            V f = c5, df = c5;
            f = f * s + c4;
            df = df * s + f;
            f = f * s + c3;
            df = df * s + f;
            f = f * s + c2;
            df = df * s + f;
            f = f * s + c1;
            df = df * s + f;
            value[b] = f * s + c0;
            slope[b] = df * inverse_width[b];
        }
        transpose<W>(value);
        transpose<W>(slope);
#pragma GCC unroll 16
        for (int b = 0; b < W; ++b) {
            store(out + (column + b) * W, value[b]);
            store(out_slope + (column + b) * W, slope[b]);
        }
    }
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
