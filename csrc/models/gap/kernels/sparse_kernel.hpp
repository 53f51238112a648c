// SPDX-License-Identifier: BSD-3-Clause
// Kernel expansions over sparse points as two matrix products, for a block of centres (the lanes).
//
// Everything is double, in mixed precision too: the weights of a GAP are large and of both signs, and their
// sum would keep few digits of an overlap in float.
//
// Flops a centre with M sparse points and D features: 2 M D for the energy and 2 M D for its gradient; the
// powers take about 5 M. Both products are blocked so that sparse points come from the second-level cache
// once for all registers of the block, and 24 (AVX-512) or 12 sums are held in registers.
#pragma once

#include <cstddef>

#include "base/instruction_sets.hpp"

namespace tektite::gap {

/// Sparse points (and rows of other matrices) are interleaved by so many.
inline constexpr int sparse_tile = 6;
/// Tiles of sparse points between the two products.
inline constexpr int tiles_together = 4;
/// Registers of lanes that a block may have.
inline constexpr int registers_together = 4;

/// E = sum_s weights[s] (p . p_s)^zeta.
struct SparseView {
    int n_features;
    int n_tiles;            ///< of sparse points; the last is filled up with zeros
    const double* points;   ///< [n_tiles][n_features][sparse_tile]
    const double* weights;  ///< [n_tiles * sparse_tile] delta^2 alpha_s
    double zeta;
};

/// A lower triangular matrix, rows interleaved: tile k holds (k + 1) * sparse_tile columns.
struct TriangularView {
    int n_tiles;
    const double* rows;  ///< for each tile [(tile + 1) * sparse_tile][sparse_tile]
};

struct SparseKernels {
    int lanes;  ///< of a register
    /// Writes energies[n_registers * lanes] and adjoint[n_features][stride] = dE/dfeature. work:
    /// [tiles_together * sparse_tile][stride].
    void (*predict)(const SparseView&, const double* features, std::size_t stride, int n_registers,
                    double* work, double* energies, double* adjoint);
    /// Writes covariances[n_tiles * sparse_tile][stride] = scale (p . p_s)^zeta.
    void (*covariance)(const SparseView&, double scale, const double* features, std::size_t stride,
                       int n_registers, double* covariances);
    /// Writes squares[n_registers * lanes] = |A x|^2 for x[n_tiles * sparse_tile][stride].
    void (*triangular)(const TriangularView&, const double* x, std::size_t stride, int n_registers,
                       double* squares);
};

const SparseKernels& kernels(isa::baseline<SparseKernels>);
const SparseKernels& kernels(isa::avx2<SparseKernels>);
const SparseKernels& kernels(isa::avx512<SparseKernels>);

}  // namespace tektite::gap
