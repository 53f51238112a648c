// SPDX-License-Identifier: BSD-3-Clause
// Distances, unit vectors and rows of radial tables (basis/radial_table.hpp) for registers full of edges.
//
// A Table has n_segments, start, inverse_width, first_bin, coefficients and cutoff, as in ace::BondView and
// soap::RadialView; a Scratch unit [n_steps][3][W] and inverse_r, position, inverse_width, bin, each
// [n_steps][W], as in ace::Scratch and soap::Scratch.
//
// Devices have a twin in cuda/terms/table_row.hpp, where a thread reads its own row.
#pragma once

#include "base/simd.hpp"

namespace tektite::TEKTITE_ISA {
namespace {

/// Distances, unit vectors and table positions of the steps [begin, end), all in double: 30 flops an edge.
/// edges: its x, y, z are [n_steps][stride], angstrom, of which W are read.
template <typename T, int W, typename Table, typename Edges, typename Scratch>
[[gnu::noinline]] void locate_edges(const Table& table, const Edges& edges, std::size_t stride,
                                    const Scratch& scratch, int begin, int end) {
    constexpr int WD = native_lanes<double> < W ? native_lanes<double> : W;
    using D = Vector<double, WD>;
    using I = Vector<std::int64_t, WD>;
    using R = Vector<T, WD>;
    const int zero_bin = table.first_bin[table.n_segments];
    for (std::size_t p = static_cast<std::size_t>(begin) * W; p < static_cast<std::size_t>(end) * W;
         p += WD) {
        const std::size_t step = p / W, lane = p % W, from = step * stride + lane;
        const D x = load<D>(edges.x + from), y = load<D>(edges.y + from), z = load<D>(edges.z + from);
        const D r2 = x * x + y * y + z * z;
        D r;
        for (int b = 0; b < WD; ++b) r[b] = __builtin_sqrt(r2[b]);
        const D inverse_r = 1.0 / r;
        D start = D{} + table.start[0], inverse_width = D{} + table.inverse_width[0];
        I first = I{} + table.first_bin[0];
        for (int s = 1; s < table.n_segments; ++s) {
            const I beyond = r >= table.start[s];
            start = beyond ? D{} + table.start[s] : start;
            inverse_width = beyond ? D{} + table.inverse_width[s] : inverse_width;
            first = beyond ? I{} + table.first_bin[s] : first;
        }
        const I outside = r >= table.cutoff;
        const D place = outside ? D{} : (r - start) * inverse_width;
        I bin = __builtin_convertvector(place, I);  // place >= 0: truncation is floor
        const D t = place - __builtin_convertvector(bin, D);
        bin = outside ? I{} + zero_bin : bin + first;
        // (r - start) / width may round up to the next segment's first bin; clamp to the last bin of all.
        bin = bin > zero_bin ? I{} + zero_bin : bin;
        store(scratch.bin + p, bin);
        T* unit = scratch.unit + step * 3 * W + lane;
        store(unit, __builtin_convertvector(x * inverse_r, R));
        store(unit + W, __builtin_convertvector(y * inverse_r, R));
        store(unit + 2 * W, __builtin_convertvector(z * inverse_r, R));
        store(scratch.inverse_r + p, __builtin_convertvector(inverse_r, R));
        store(scratch.position + p, __builtin_convertvector(t, R));
        store(scratch.inverse_width + p, __builtin_convertvector(inverse_width, R));
    }
}

/// Radial functions (and slopes) of one step, [row][W]: each lane's table row is read contiguously (6 loads,
/// 9 multiply-adds for W functions) and W rows are transposed in registers.
template <bool with_slope, typename T, int W, typename Table, typename Scratch>
void radial_rows(const Table& table, int row_length, int n_columns, const Scratch& scratch, int step, T* out,
                 T* out_slope) {
    using V = Vector<T, W>;
    const std::size_t row = static_cast<std::size_t>(row_length), p = static_cast<std::size_t>(step) * W;
    const T* rows[W];
    for (int b = 0; b < W; ++b)
        rows[b] = table.coefficients + static_cast<std::size_t>(scratch.bin[p + b]) * 6 * row;
    const T* t = scratch.position + p;
    const T* inverse_width = scratch.inverse_width + p;
    for (int column = 0; column < n_columns; column += W) {
        V value[W], slope[W];
#pragma GCC unroll 16
        for (int b = 0; b < W; ++b) {
            const T* c = rows[b] + column;
            const V s = V{} + t[b];
            V f = load<V>(c + 5 * row), df = f;
            f = f * s + load<V>(c + 4 * row);
            if constexpr (with_slope) df = df * s + f;
            f = f * s + load<V>(c + 3 * row);
            if constexpr (with_slope) df = df * s + f;
            f = f * s + load<V>(c + 2 * row);
            if constexpr (with_slope) df = df * s + f;
            f = f * s + load<V>(c + row);
            if constexpr (with_slope) slope[b] = (df * s + f) * inverse_width[b];
            value[b] = f * s + load<V>(c);
        }
        transpose<W>(value);
        if constexpr (with_slope) transpose<W>(slope);
#pragma GCC unroll 16
        for (int b = 0; b < W; ++b) {
            store(out + (column + b) * W, value[b]);
            if constexpr (with_slope) store(out_slope + (column + b) * W, slope[b]);
        }
    }
}

}  // namespace
}  // namespace tektite::TEKTITE_ISA
