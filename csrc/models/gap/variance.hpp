// SPDX-License-Identifier: BSD-3-Clause
// Standard deviations of the energies of a block of centres.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned.hpp"
#include "models/gap/body_terms.hpp"
#include "models/gap/kernels/sparse_kernel.hpp"
#include "models/gap/parameters.hpp"

namespace tektite::gap {

/// The factors as the kernels read them, and the sparse points in double. Immutable.
struct VarianceTables {
    VarianceTables(const Parameters& parameters, std::size_t padded);
    std::size_t n_padded;  ///< sparse points of all terms, filled up to whole tiles
    AlignedVector<double> prior_factor, posterior_factor;
};

/// Sparse points of one SOAP term: see SparseView.
struct PackedPoints {
    explicit PackedPoints(const SoapTerm& term);
    int n_features = 0, n_tiles = 0;
    double zeta = 1;
    AlignedVector<double> points;
    std::vector<double> weights;
    [[nodiscard]] SparseView view() const {
        return {n_features, n_tiles, points.data(), weights.data(), zeta};
    }
};

/// What all kernels of a potential share.
struct SharedTerms {
    explicit SharedTerms(Parameters given);
    SharedTerms(const SharedTerms&) = delete;  // the terms refer to the parameters
    SharedTerms& operator=(const SharedTerms&) = delete;
    Parameters parameters;
    PairTerms pairs;
    TripletTerms triplets;
    std::vector<PackedPoints> points;          ///< one for each SOAP term
    std::unique_ptr<VarianceTables> variance;  ///< null: none
};

/// sqrt(k_ii - |A k|^2 + |B k|^2) of each centre, always in double: small differences of large numbers. One a
/// thread. Flops a centre with M sparse points: those of the covariances and 2 M^2.
class VarianceKernel {
public:
    VarianceKernel(const SharedTerms& terms, InstructionSet isa);
    /// Bytes of memory held now.
    [[nodiscard]] std::size_t memory() const;
    /// Writes deviations[block.n_centers], eV.
    void compute(const EdgeBlock& block, double* deviations);

private:
    const SharedTerms& terms_;
    const SparseKernels& kernels_;
    std::vector<std::unique_ptr<BlockDescriptor<double>>> descriptors_;
    AlignedVector<double> features_, covariances_, k_, prior_, squares_;
};

}  // namespace tektite::gap
