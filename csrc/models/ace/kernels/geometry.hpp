// SPDX-License-Identifier: BSD-3-Clause
// Distances, unit vectors, table lookup and radial functions of a block.
#pragma once

#include "basis/kernels/table_lookup.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Distances, unit vectors and table positions of the steps [begin, end).
template <typename T, int W>
void locate_edges(const BondView<T>& bond, const BlockView& block, const Scratch<T>& scratch, int begin,
                  int end) {
    tektite::TEKTITE_ISA::locate_edges<T, W>(bond, block, W, scratch, begin, end);
}

/// Radial functions and slopes of one step.
template <typename T, int W>
void radial_rows(const BondView<T>& bond, const Scratch<T>& scratch, int step) {
    const std::size_t row = static_cast<std::size_t>(step) * static_cast<std::size_t>(scratch.row_max) * W;
    tektite::TEKTITE_ISA::radial_rows<true, T, W>(bond, bond.row, bond.n_columns, scratch, step,
                                                  scratch.radial + row, scratch.radial_slope + row);
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
