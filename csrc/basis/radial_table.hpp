// SPDX-License-Identifier: BSD-3-Clause
// Piecewise quintic tables of many radial functions at once, refined until they are as good as exact.
#pragma once

#include <functional>
#include <vector>

#include "base/aligned.hpp"

namespace tektite {

/// All functions of one (centre, neighbour) pair side by side, so that the row of one distance is contiguous.
///
/// Within a segment [start, next start) the bins are equal; segments end where a higher derivative of the
/// functions jumps. In bin b, with t in [0, 1) the position inside it, f(t) = c0 + t (c1 + t (c2 + ... t
/// c5)), the quintic that matches value, slope and curvature at both ends (error h^6/46080 max |f^(6)|, slope
/// continuous to second order); the slope is the exact derivative of that polynomial.
struct RadialTable {
    static constexpr int max_segments = 6;
    static constexpr int order = 6;  ///< coefficients a function and bin

    int n_functions = 0;
    int row = 0;  ///< n_functions rounded up to the padding asked for
    int n_segments = 0;
    double start[max_segments + 1] = {};  ///< ascending; start[n_segments] = cutoff
    double inverse_width[max_segments] = {};
    int first_bin[max_segments + 1] = {};
    /// [n_bins + 1][order][row]; the last bin is all zero, for padding and r >= cutoff.
    AlignedVector<double> coefficients;

    [[nodiscard]] int n_bins() const { return first_bin[n_segments]; }
};

/// Writes value and derivative of every function at r.
using RadialFunctions = std::function<void(double r, double* value, double* derivative)>;

/// How fine a table is, and how wide its rows are.
struct TableOptions {
    double value_tolerance = 3e-10;
    double slope_tolerance = 4e-9;
    int row_padding = 8;
};

/// Tabulates `functions` on (0, cutoff). Bins are made smaller until, at probe points, every function and its
/// slope are within the tolerances of the exact ones, relative to the function's own largest magnitude beyond
/// 0.7 angstrom (or its local magnitude where that is larger), or there are 1024 bins in the segment. Below
/// 0.05 angstrom the functions are continued linearly. Throws Error(file_damaged) if one is not finite.
RadialTable tabulate(int n_functions, const RadialFunctions& functions, double cutoff,
                     const std::vector<double>& breakpoints, const TableOptions& options);

}  // namespace tektite
