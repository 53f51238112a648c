// SPDX-License-Identifier: BSD-3-Clause
// The inner part of ace::Descriptor: one centre, all its functions and their gradients. Compiled once per
// instruction set, so it sees raw pointers only.
#pragma once

#include <cstdint>

#include "base/instruction_sets.hpp"

namespace tektite::ace {

/// The coupling of a product as the kernel reads it.
struct DesignCoupling {
    int rank = 0, n_functions = 0, n_terms = 0;
    const std::int32_t* m = nullptr;       ///< [n_terms][rank] m_t + l_t
    const double* coefficients = nullptr;  ///< [n_terms][n_functions]
};

/// One product. A shell is one (species, n, l); repeated factors share a shell.
struct DesignProduct {
    const DesignCoupling* coupling = nullptr;
    std::int64_t first_function = 0;
    const std::int32_t* shells = nullptr;  ///< [rank] shell of each factor, ascending
};

/// What a centre element needs. Shells are ordered by species.
struct DesignPlan {
    int n_elements = 0;
    int n_shells = 0;
    const std::int32_t* shell_begin = nullptr;   ///< [n_elements + 1]
    const std::int32_t* shell_radial = nullptr;  ///< [n_shells] row of the radial functions of its species
    const std::int32_t* shell_l = nullptr;       ///< [n_shells]
    const std::int32_t* shell_row =
        nullptr;  ///< [n_shells] first of its 2 l + 1 rows in `gradient`, by species
    const std::int32_t* shell_full = nullptr;  ///< [n_shells] first of its 2 l + 1 entries in `full`
    std::int64_t n_products = 0;
    const DesignProduct* products = nullptr;
    int l_max = 0;
    const double *legendre_a = nullptr, *legendre_b = nullptr, *legendre_slope = nullptr,
                 *legendre_diagonal = nullptr;
};

/// The edges of one centre to neighbours of one species, padded to a multiple of `design_padding` with edges
/// of direction z whose radial functions are zero.
struct DesignEdges {
    int n_edges = 0, n_padded = 0;
    const std::int32_t* neighbor = nullptr;                                          ///< [n_edges] atom
    const double *x = nullptr, *y = nullptr, *z = nullptr;                           ///< [n_padded] angstrom
    const double *ux = nullptr, *uy = nullptr, *uz = nullptr, *inverse_r = nullptr;  ///< [n_padded]
    const double *radial = nullptr, *radial_slope = nullptr;                         ///< [n_radial][n_padded]
};
inline constexpr int design_padding = 8;

/// Scratch, all aligned to 64 bytes.
struct DesignScratch {
    double* harmonics = nullptr;  ///< [2][lm_count][n_padded] and their gradients [2][lm_count][3][n_padded]
    double* full = nullptr;       ///< [entries][2] A for m = -l .. l
    double* const* gradient = nullptr;  ///< [n_elements] -> [rows][3][n_padded]
    double* adjoint = nullptr;          ///< [n_functions of a product][entries of its shells][2]
    double* sum = nullptr;              ///< [3][n_padded]
};

/// Where the results of this centre are added. Null: not wanted. Column = function.
struct DesignOutput {
    double* values = nullptr;  ///< [n_functions] B_k of this centre
    double* forces = nullptr;  ///< [n_functions][force_stride] -dB_k/dr, atom-major xyz
    std::int64_t force_stride = 0;
    double* virials = nullptr;  ///< [n_functions][6] xx yy zz yz xz xy of sum -r_a dB_k/dr_b
    std::int32_t center = 0;    ///< atom
};

/// Flops: A and gradients 12 (2l+1) n_radial an edge; products about 40 a term; gradients of the functions
/// 6 sum_shells (2l+1) an edge and function, which dominates.
using DesignKernel = void (*)(const DesignPlan&, const DesignEdges*, const DesignScratch&,
                              const DesignOutput&);

const DesignKernel& kernels(isa::baseline<DesignKernel>);
const DesignKernel& kernels(isa::avx2<DesignKernel>);
const DesignKernel& kernels(isa::avx512<DesignKernel>);

}  // namespace tektite::ace
