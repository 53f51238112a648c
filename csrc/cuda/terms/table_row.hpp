// SPDX-License-Identifier: BSD-3-Clause
// Radial tables (basis/radial_table.hpp) looked up by one thread for one edge.
//
// The twins of locate_edges() and radial_rows() of the CPU kernels, which work on registers full of edges and
// transpose table rows: here a thread reads its own row, four columns at a time, and there is nothing to
// transpose.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"

namespace tektite::cuda {

/// Where a distance lies in a table.
template <typename T>
struct TablePlace {
    std::int32_t bin;
    T position;       ///< t in the bin
    T inverse_width;  ///< dt/dr, 1/angstrom
};

/// Table: n_segments, start, inverse_width, first_bin, cutoff as in ace::BondView and soap::RadialView. In
/// double: a distance in float would lose digits of t.
template <typename T, typename Table>
TEKTITE_HOST_DEVICE inline TablePlace<T> locate(const Table& table, double r) {
    const int zero_bin = table.first_bin[table.n_segments];
    if (!(r < table.cutoff)) return {zero_bin, T{}, static_cast<T>(table.inverse_width[0])};
    int segment = 0;
    for (int s = 1; s < table.n_segments; ++s)
        if (r >= table.start[s]) segment = s;
    const double place = (r - table.start[segment]) * table.inverse_width[segment];
    const auto whole = static_cast<std::int32_t>(place);  // place >= 0: truncation is floor
    // (r - start) / width may round up to the next segment's first bin; clamp to the last bin of all.
    const std::int32_t bin = table.first_bin[segment] + whole;
    return {bin > zero_bin ? zero_bin : bin, static_cast<T>(place - whole),
            static_cast<T>(table.inverse_width[segment])};
}

/// Four neighbouring values, read at once.
template <typename T>
struct alignas(16) Four {
    T v[4];
};

/// Four neighbouring functions (and slopes) of a table row. coefficients: of the first of them, in the row's
/// bin. 40 flops, 72 with slopes; 96 (float) or 192 bytes.
template <bool with_slope, typename T>
TEKTITE_HOST_DEVICE inline void table_four(const T* coefficients, int row, T position, T inverse_width,
                                           Four<T>& out, Four<T>& out_slope) {
    Four<T> f = *reinterpret_cast<const Four<T>*>(coefficients + 5 * row), df{};
    if constexpr (with_slope) df = f;
    TEKTITE_UNROLL(4)
    for (int order = 4; order >= 1; --order) {
        const Four<T> next = *reinterpret_cast<const Four<T>*>(coefficients + order * row);
        TEKTITE_UNROLL(4)
        for (int k = 0; k < 4; ++k) {
            f.v[k] = f.v[k] * position + next.v[k];
            if constexpr (with_slope) df.v[k] = df.v[k] * position + f.v[k];
        }
    }
    const Four<T> last = *reinterpret_cast<const Four<T>*>(coefficients);
    TEKTITE_UNROLL(4)
    for (int k = 0; k < 4; ++k) {
        out.v[k] = f.v[k] * position + last.v[k];
        if constexpr (with_slope) out_slope.v[k] = df.v[k] * inverse_width;
    }
}

/// Functions (and slopes) of one table row: out[column * stride]. 10 flops a column, 18 with slopes; 24
/// (float) or 48 bytes. Columns are written up to the next multiple of four.
template <bool with_slope, typename T>
TEKTITE_HOST_DEVICE inline void table_row(const T* coefficients, int row, int n_columns, TablePlace<T> at,
                                          T* out, T* out_slope, std::size_t stride) {
    const T* c = coefficients + static_cast<std::size_t>(at.bin) * 6 * static_cast<std::size_t>(row);
    for (int column = 0; column < n_columns; column += 4) {
        Four<T> f, df;
        table_four<with_slope>(c + column, row, at.position, at.inverse_width, f, df);
        TEKTITE_UNROLL(4)
        for (int k = 0; k < 4; ++k) {
            out[static_cast<std::size_t>(column + k) * stride] = f.v[k];
            if constexpr (with_slope) out_slope[static_cast<std::size_t>(column + k) * stride] = df.v[k];
        }
    }
}

}  // namespace tektite::cuda
