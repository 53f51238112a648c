// SPDX-License-Identifier: BSD-3-Clause
// What the SOAP kernels see: plain pointers into tables that the descriptor owns, and scratch that a thread
// owns. T is double, or float in mixed precision.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instruction_sets.hpp"

namespace tektite::soap {

/// A RadialTable in the precision of the kernel: rows of all R_nl, [l_max + 1][n_max].
template <typename T>
struct RadialView {
    int n_segments;
    const double* start;          ///< [n_segments]
    const double* inverse_width;  ///< [n_segments]
    const int* first_bin;         ///< [n_segments + 1]
    const T* coefficients;        ///< [n_bins + 1][6][row], the last bin zero
    double cutoff;
};

/// Coefficients of the expansion c_a are numbered a = channel * n_max + n < n_coefficients, padded with zeros
/// to a multiple of `coefficient_tile`. Harmonics are real: component 0 of l is m = 0, components 2m - 1 and
/// 2m are sqrt(2) times the real and imaginary parts of Y_lm.
/// A component a, b <= a, l of the power spectrum is scale * sum over harmonics of c_a c_b and becomes the
/// feature `position`; both are indexed by (a (a + 1)/2 + b) (l_max + 1) + l.
template <typename T>
struct SoapView {
    const RadialView<T>* radial;  ///< [n_elements] all with the same rows; not read where channel is -1
    int row, n_columns;           ///< of the tables
    int n_max, l_max;
    int n_coefficients, n_padded;
    int n_features;
    const int* channel;   ///< [n_elements] of each neighbour species; -1: not seen
    const int* position;  ///< -1: not a feature
    const T* scale;
    const T* legendre_a;
    const T* legendre_b;
    const T* legendre_slope;
    const T* legendre_diagonal;
    bool normalise;
};

/// W lanes of an EdgeBlock: the edge arrays are [n_steps][stride] and begin at the first of the lanes.
struct LanesView {
    int n_elements;
    const int* species_begin;  ///< [n_elements] first step of each neighbour species
    const int* species_end;    ///< [n_elements] end of the steps that any of these lanes fills
    std::size_t stride;
    const double *x, *y, *z;
    double *dE_dx, *dE_dy, *dE_dz;
};

/// Memory of W lanes that backward needs from forward, and work space; all arrays 64-byte aligned.
template <typename T>
struct Scratch {
    T* c;               ///< [(l_max + 1)^2][n_padded][W]
    T* unit;            ///< [n_steps][3][W]
    T* inverse_r;       ///< [n_steps][W]
    T* position;        ///< [n_steps][W] t in the bin
    T* inverse_width;   ///< [n_steps][W]
    std::int64_t* bin;  ///< [n_steps][W]
    T* inverse_norm;    ///< [W]

    T* dE_dc;      ///< like c
    T* radial;     ///< [tile_steps][row][W]
    T* slope;      ///< [row][W]
    T* harmonics;  ///< [tile_steps][(l_max + 1)^2][W]
    T* symmetric;  ///< [n_padded][n_padded][W]
    T* edge_sums;  ///< [n_padded][4][W] of an edge: c times its harmonics and their derivatives
};

/// Steps whose harmonics are held at once.
inline constexpr int tile_steps = 8;
inline constexpr int coefficient_tile = 4;
/// Largest l that the kernels hold on the stack.
inline constexpr int l_max_limit = 15;

template <typename T>
struct Kernels {
    int lanes;  ///< W
    /// Features of W centres: features[f * feature_stride + lane]. central: [n_coefficients] what the centre
    /// itself adds to c for l = 0.
    void (*forward)(const SoapView<T>&, const LanesView&, const Scratch<T>&, const T* central, T* features,
                    std::size_t feature_stride);
    /// Adds dE/dr_ij for the adjoint dE/dfeature, after forward with the same scratch and features.
    void (*backward)(const SoapView<T>&, const LanesView&, const Scratch<T>&, const T* features,
                     const T* adjoint, std::size_t feature_stride);
    /// The gradient of every feature with respect to r_ij of the edge in step `step` (of neighbours of
    /// `species`), after forward: gradient[3][n_features][W].
    void (*edge_gradient)(const SoapView<T>&, const Scratch<T>&, const T* features,
                          std::size_t feature_stride, int species, int step, T* gradient);
};

struct KernelTable {
    Kernels<double> in_double;
    Kernels<float> in_float;
};

const KernelTable& kernels(isa::baseline<KernelTable>);
const KernelTable& kernels(isa::avx2<KernelTable>);
const KernelTable& kernels(isa::avx512<KernelTable>);

}  // namespace tektite::soap
