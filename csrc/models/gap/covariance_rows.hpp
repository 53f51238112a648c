// SPDX-License-Identifier: BSD-3-Clause
// Covariances of a structure's energy, forces and virial with the sparse points of a SOAP term: the rows of a
// fit. Sparse points are the lanes; inference, which needs only a weighted sum over them, has centres there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "descriptors/block_descriptor.hpp"
#include "models/gap/kernels/covariance_rows_kernel.hpp"
#include "neighbors/center_blocks.hpp"

namespace tektite::gap {

/// Where CovarianceRows::add() adds, for M sparse points. Rows lie `stride` numbers apart.
struct CovarianceOutput {
    double* energy = nullptr;  ///< [M]
    double* forces =
        nullptr;  ///< [n_atoms][3][M], minus the derivative with respect to the position; or null
    double* virial = nullptr;  ///< [6][M], minus the derivative with respect to strain: xx yy zz yz xz xy
    std::size_t stride = 0;
};

/// Owns its memory, kept between calls; one call at a time.
class CovarianceRows {
public:
    /// points[M][D]: sparse points of the kernel (p . p_s)^zeta. Throws Error(invalid_argument) if their
    /// number does not fit the descriptor or zeta is below 1, Error(unsupported) as resolve_instruction_set.
    CovarianceRows(std::shared_ptr<const Descriptor> descriptor, std::span<const double> points, double zeta,
                   InstructionSet wanted);
    [[nodiscard]] std::size_t n_points() const { return n_points_; }

    /// Adds sum over centres of `element` of (p_i . p_s)^zeta and, where out.forces is not null, of its
    /// derivatives. Throws what gather_edges throws.
    void add(const Cluster& cluster, int element, const CovarianceOutput& out);

private:
    struct Lane {
        AlignedVector<double> gradients;
        std::vector<double> vectors;
        std::vector<std::int32_t> neighbors;
    };
    void multiply_features(int n_centers, double* energy);
    void collect_edges(int first_step, int last_step, int species);
    void add_collected(const CovarianceOutput& out);

    std::shared_ptr<const Descriptor> descriptor_;
    InstructionSet isa_;
    const CovarianceRowsKernels& kernels_;
    std::unique_ptr<BlockDescriptor<double>> block_descriptor_;
    std::size_t n_features_, n_points_, n_padded_;
    double zeta_;
    AlignedVector<double> points_;  // [n_panels][n_features][panel]
    CenterBlocks blocks_;
    EdgeBlock block_;
    std::vector<double> squared_cutoffs_;
    AlignedVector<double> features_, rows_, slopes_, gradient_;
    std::vector<Lane> lanes_;
    std::vector<double*> targets_;  // where each lane's next gradient goes
};

}  // namespace tektite::gap
