// SPDX-License-Identifier: BSD-3-Clause
// Covariances of energies and forces with all sparse points of a SOAP term, as a fit needs them: products of
// power spectra and of their gradients with the sparse points, which are the lanes here.
//
// Flops a centre with m neighbours, M sparse points and D features: 6 m M D; what is done with a product of
// two edges (scaling it, adding it to the rows of two atoms and of the virial) takes a part of 1/D of that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instruction_sets.hpp"

namespace tektite::gap {

/// Rows of the left factor are interleaved by so many: those of two edges.
inline constexpr int row_tile = 6;

/// The edges of one centre, or some of them.
struct CenterEdges {
    std::int32_t center;
    int n_edges;
    const std::int32_t* neighbors;  ///< [n_edges]
    const double* vectors;          ///< [n_edges][3] r_ij, angstrom
    const double* gradients;  ///< [(n_edges + 1)/2][n_features][row_tile] dp/dr_ij of two edges; see row_tile
};

struct CovarianceRowsKernels {
    /// Sparse points of a panel, in which they come as [n_features][panel].
    int panel;
    /// products[row_tile][stride], `panel` of each: rows[n_features][row_tile] times the panel.
    void (*products)(const double* panel, int n_features, const double* rows, double* products,
                     std::size_t stride);
    /// Adds slope_s (dp/dr_ij . p_s) to row 3 j + c of forces[][stride], subtracts it from row 3 i + c, and
    /// adds r_ij times it to virial[6][stride] (xx yy zz yz xz xy), for the first n_columns of a panel.
    void (*add_edges)(const double* panel, int n_features, const CenterEdges& edges, const double* slopes,
                      int n_columns, double* forces, double* virial, std::size_t stride);
};

const CovarianceRowsKernels& kernels(isa::baseline<CovarianceRowsKernels>);
const CovarianceRowsKernels& kernels(isa::avx2<CovarianceRowsKernels>);
const CovarianceRowsKernels& kernels(isa::avx512<CovarianceRowsKernels>);

}  // namespace tektite::gap
