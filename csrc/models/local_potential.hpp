// SPDX-License-Identifier: BSD-3-Clause
// Base of all models whose energy is a sum over centres of a function of the edges within the cutoff.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "neighbors/edge_block.hpp"
#include "tektite/potential.hpp"

namespace tektite {

/// Computes blocks of centres; owns its scratch; one a thread.
class BlockKernel {
public:
    virtual ~BlockKernel() = default;
    /// Centres computed together.
    [[nodiscard]] virtual int lanes() const = 0;
    /// Instruction set and precision, for logs.
    [[nodiscard]] virtual std::string description() const = 0;
    /// Bytes of scratch held now.
    [[nodiscard]] virtual std::size_t memory() const = 0;
    /// Writes energies[b] (eV) for b < block.n_centers and block.dE_d* for every edge that is not padding;
    /// uncertainties[b] (eV) if the pointer is not null and the model has them.
    virtual void compute(EdgeBlock& block, double* energies, double* uncertainties) = 0;
};

/// Groups the centres by species into blocks, spreads them over threads and turns gradients into results.
class LocalPotential : public Potential {
public:
    [[nodiscard]] std::unique_ptr<Workspace> make_workspace(const EvaluationOptions&) const final;
    void evaluate(const Cluster&, const Results&, Workspace&, Exchange* exchange = nullptr) const final;

protected:
    [[nodiscard]] virtual std::unique_ptr<BlockKernel> make_kernel(const EvaluationOptions&) const = 0;
    /// [n_elements][n_elements] cutoff of each (centre, neighbour) pair, angstrom.
    [[nodiscard]] virtual const std::vector<double>& cutoffs() const = 0;
};

}  // namespace tektite
