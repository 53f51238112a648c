// SPDX-License-Identifier: BSD-3-Clause
// What the ACE kernels see: plain pointers into tables that the potential owns, and scratch that a thread
// owns. T is double, or float in mixed precision.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instruction_sets.hpp"
#include "models/ace/embedding.hpp"

namespace tektite::ace {

/// Tables of one (centre, neighbour) pair of species. A row of radial functions holds, for l = 0 .. l_max,
/// the R_nl in use; then, for each density, the sum of all rank-1 functions; then, if core_column >= 0, the
/// core repulsion.
template <typename T>
struct BondView {
    int row;        ///< length of a table row
    int n_columns;  ///< columns in use
    int n_segments;
    const double* start;          ///< [n_segments]
    const double* inverse_width;  ///< [n_segments]
    const int* first_bin;         ///< [n_segments + 1]
    const T* coefficients;        ///< [n_bins + 1][6][row], the last bin zero
    double cutoff;
    int l_max;                ///< largest l in use, -1: none
    const int* n_radial;      ///< [l_max + 1]
    const int* first_column;  ///< [l_max + 1]
    const int* first_A;       ///< [l_max + 1]
    int density_column;       ///< first of n_density columns, -1: no rank-1 function
    int core_column;          ///< -1: no core repulsion
    double transition_start;  ///< "zbl": inner cutoff minus its width
    double transition_width;  ///< "zbl"
};

/// One row of the product graph; numbers as in ProductGraph::Row.
struct ProductRow {
    std::int32_t x, y, kept, conjugate, n_plain, n_conjugate, alone;
};

template <typename T>
struct CenterView {
    int n_elements;
    const BondView<T>* bonds;  ///< [n_elements]
    int l_max;                 ///< largest over the bonds
    const T* legendre_a;
    const T* legendre_b;
    const T* legendre_slope;
    const T* legendre_diagonal;
    int n_base;   ///< number of A
    int n_nodes;  ///< A and kept products
    int n_rows;
    const ProductRow* rows;
    const std::int32_t* others;
    const T* coefficients;
    std::size_t n_terms;
    std::size_t n_coefficients;  ///< sets of n_density
    int n_density;
    EmbeddingKind embedding;
    const double* prefactors;  ///< [n_density]
    const double* exponents;   ///< [n_density]
    double rho_core_cutoff, drho_core_cutoff;
    double isolated_energy;
    bool zbl;  ///< the smallest distance, not the core density, switches the products off
};

/// A block of centres, lanes = centres: see EdgeBlock.
struct BlockView {
    int n_steps;
    const int* species_begin;       ///< [n_elements + 1]
    const double *x, *y, *z;        ///< [n_steps][lanes]
    double *dE_dx, *dE_dy, *dE_dz;  ///< [n_steps][lanes]
};

/// Memory of one thread; all arrays 64-byte aligned. On a device: that of all threads, see base/lanes.hpp.
template <typename T>
struct Scratch {
    /// The radial functions of all steps are kept for the way back.
    static constexpr bool keeps_rows = true;
    T* nodes;           ///< [n_nodes][2][lanes] values
    T* adjoints;        ///< [n_nodes][2][lanes] dE/d(re, im)
    T* radial;          ///< [n_steps][row_max][lanes]
    T* radial_slope;    ///< [n_steps][row_max][lanes] derivatives
    T* unit;            ///< [n_steps][3][lanes]
    T* inverse_r;       ///< [n_steps][lanes]
    T* position;        ///< [n_steps][lanes] t in the bin
    T* inverse_width;   ///< [n_steps][lanes]
    std::int64_t* bin;  ///< [n_steps][lanes]
    T* harmonics;       ///< [tile][lm_count][2][lanes]
    int row_max;
};

/// The same with rows of radial functions for one tile of steps only ([tile_steps][row_max][stride]): on the
/// way back they are computed again, which costs a device less than reading them would.
template <typename T>
struct TileScratch : Scratch<T> {
    static constexpr bool keeps_rows = false;
};

/// How edges move: their rates, angstrom, [n_steps][lanes] each; zero for padding.
template <typename T>
struct MotionView {
    const T *x, *y, *z;
};

/// Scratch for dual numbers (value, then tangent: 2 [lanes] values of T in memory).
template <typename T>
struct MovingScratch {
    Scratch<T> plain;  ///< of the values
    Scratch<T> dual;   ///< unit, radial, harmonics and nodes as dual numbers; the rest is not used
    T* stretch;        ///< [n_steps][lanes] rates of the distances
};

/// Steps whose harmonics are held at once.
inline constexpr int tile_steps = 8;
/// Largest l that the kernels hold on the stack.
inline constexpr int l_max_limit = 15;
inline constexpr int n_density_limit = 16;

/// A committee of one centre element: other coefficients for the products of its graph. A member's densities
/// are neighbouring columns.
template <typename T>
struct CommitteeView {
    int n_members;
    int n_columns;                  ///< n_members * n_density
    const T* coefficients;          ///< [n_coefficients of the center][n_columns]
    const BondView<T>* base_bonds;  ///< [n_elements] columns: g_k; none where there is no rank-1 function
    const T* const* rank_one;       ///< [n_elements] coefficients of rank-1 functions: [n_base][n_columns]
};

/// Kernels of one instruction set.
struct KernelTable {
    int lanes_double, lanes_float;
    /// Writes energies[lanes] (E0 included), the gradients of the block and, where keep is not null,
    /// keep[lanes]: by how much the core cutoff scales the products.
    void (*compute_double)(const CenterView<double>&, const BlockView&, const Scratch<double>&,
                           double* energies, double* keep);
    void (*compute_float)(const CenterView<float>&, const BlockView&, const Scratch<float>&, double* energies,
                          double* keep);
    /// Writes the standard deviations of the members' energies, uncertainties[lanes], after compute() of the
    /// same block with the same scratch and what it wrote to keep. densities: [n_columns][lanes] scratch.
    void (*committee_double)(const CenterView<double>&, const CommitteeView<double>&, const BlockView&,
                             const Scratch<double>&, const double* keep, double* densities,
                             double* uncertainties);
    void (*committee_float)(const CenterView<float>&, const CommitteeView<float>&, const BlockView&,
                            const Scratch<float>&, const double* keep, double* densities,
                            double* uncertainties);
};

const KernelTable& kernels(isa::baseline<KernelTable>);
const KernelTable& kernels(isa::avx2<KernelTable>);
const KernelTable& kernels(isa::avx512<KernelTable>);

}  // namespace tektite::ace
