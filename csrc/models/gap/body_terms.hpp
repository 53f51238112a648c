// SPDX-License-Identifier: BSD-3-Clause
// Pair and triplet terms of a GAP: energies, gradients, and what the variance needs of them.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "basis/radial_table.hpp"
#include "models/gap/kernels/triplet_kernel.hpp"
#include "models/gap/parameters.hpp"
#include "neighbors/edge_block.hpp"

namespace tektite::gap {

/// All pair terms; V is tabulated once (piecewise quintic, as exact as the sum itself). Immutable.
class PairTerms {
public:
    PairTerms(const std::vector<PairTerm>& terms, std::size_t n_elements);

    /// Adds halves of V to energies[lane] and dE_i/dr_ij to the block.
    void add(EdgeBlock& block, double* energies) const;
    /// Writes the covariances with every sparse point of the terms, k[first_sparse + s][lanes], and adds the
    /// prior variance of each lane.
    void covariance(const EdgeBlock& block, double* k, double* prior) const;

    /// The table of V of a term.
    [[nodiscard]] const RadialTable& table(std::size_t term) const { return tables_[term].table; }

private:
    struct Table {
        RadialTable table;
        double cutoff;
    };
    [[nodiscard]] const std::vector<std::size_t>& of(int center, int neighbor) const {
        return of_pair_[static_cast<std::size_t>(center) * n_elements_ + static_cast<std::size_t>(neighbor)];
    }

    const std::vector<PairTerm>& terms_;
    std::size_t n_elements_;
    std::vector<Table> tables_;                      // one a term
    std::vector<std::vector<std::size_t>> of_pair_;  // [centre][neighbour] terms
};

/// An edge of a centre within a triplet term's cutoff: its place in the block, length, f(r) and df/dr.
struct TripletEdge {
    std::size_t p;
    double r, f, df;
};

/// All triplet terms, summed as they are defined. Immutable.
class TripletTerms {
public:
    explicit TripletTerms(const std::vector<TripletTerm>& terms);

    /// Adds energies[lane] and dE_i/dr_ij to the block. kernel: of an instruction set; edges: work space.
    void add(EdgeBlock& block, TripletKernel kernel, std::vector<TripletEdge>& edges, double* energies) const;
    /// As PairTerms::covariance().
    void covariance(const EdgeBlock& block, double* k, double* prior) const;

private:
    /// Sparse points as TripletView has them.
    struct Points {
        int n_padded = 0;
        AlignedVector<double> x[3], weights;
    };
    const std::vector<TripletTerm>& terms_;
    std::vector<Points> points_;
};

}  // namespace tektite::gap
