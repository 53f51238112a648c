// SPDX-License-Identifier: BSD-3-Clause
// What the kernel of parameter gradients sees: plain pointers into tables of the model and of a thread.
//
// Dual numbers (value, then tangent) take 2 [lanes] doubles in memory.
#pragma once

#include <cstddef>

#include "base/instruction_sets.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::training {

/// The radial functions of one (neighbour species, l) as combinations of the g_k:
/// A_nlm = sum_k coefficients[n][k] B_klm with B_klm = sum over neighbours of g_k(r) Y_lm.
struct RadialMap {
    int l;
    int n_radial;                ///< R_nl in use
    int n_base;                  ///< g_k
    int first_A;                 ///< A number: first_A + m * n_radial + n
    int first_B;                 ///< B number: first_B + m * n_base + k
    const double* coefficients;  ///< [n_radial][n_base]
    std::size_t gradient;        ///< where its part of GradientSums::radial begins
};

/// Rank-1 functions of one neighbour species: rho_p += sum_k coefficients[k][p] B_k00.
struct RankOneMap {
    int n_base;
    int first_B;
    const double* coefficients;  ///< [n_base][n_density]
    std::size_t gradient;        ///< where its part of GradientSums::rank_one begins
};

struct TrainingView {
    const CenterView<double>* center;    ///< product graph, coefficients and embedding
    const BondView<double>* base_bonds;  ///< [n_elements] columns: g_k; "A" numbers: those of B
    int n_B;
    int n_radial_maps;
    const RadialMap* radial_maps;
    int n_rank_one_maps;
    const RankOneMap* rank_one_maps;
    bool radial_wanted;  ///< derivatives with respect to the coefficients of R_nl
};

/// A block of centres and, for each edge, the direction in which it moves.
struct TrainingBlock {
    BlockView edges;  ///< its dE_d* are not used
    int n_centers;    ///< lanes in use
    MotionView<double> motion;
    const double* energy_weight;  ///< [lanes] factor of the energy; zero for unused lanes
};

struct TrainingScratch {
    MovingScratch<double> moving;  ///< of BondView `base_bonds`; its dual nodes: B
    double* nodes;                 ///< [n_nodes][2] dual: A and kept products
    double* adjoints;              ///< [n_nodes][2] dual
};

/// Sums, lane by lane: with s = sum_i energy_weight E_i + D E_i, D being the derivative along
/// the tangents, ds/d(parameter); added to. All [...][lanes] except the last two.
struct GradientSums {
    double* coefficients;  ///< [n_coefficients][n_density] of the product graph
    double* radial;        ///< see RadialMap::gradient
    double* rank_one;      ///< see RankOneMap::gradient
    double* prefactors;    ///< [n_density]
    double* exponents;     ///< [n_density]
};

/// Kernels of one instruction set.
struct KernelTable {
    int lanes;
    void (*add_gradient)(const TrainingView&, const TrainingBlock&, const TrainingScratch&,
                         const GradientSums&);
};

const KernelTable& kernels(isa::baseline<KernelTable>);
const KernelTable& kernels(isa::avx2<KernelTable>);
const KernelTable& kernels(isa::avx512<KernelTable>);

}  // namespace tektite::ace::training
