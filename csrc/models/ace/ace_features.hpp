// SPDX-License-Identifier: BSD-3-Clause
// ACE functions as a block descriptor: what readouts other than a linear one are put on.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019).
#pragma once

#include <memory>
#include <vector>

#include "descriptors/ace_basis.hpp"
#include "descriptors/block_descriptor.hpp"
#include "models/ace/parameters.hpp"

namespace tektite::ace {

template <typename T>
class FeatureTables;

/// Feature k of a centre is function k of those of its element in a Basis; all elements have equally many.
class Features final : public tektite::Descriptor {
public:
    /// bonds: [n_elements][n_elements], centre first; their core repulsions are not used.
    /// Throws Error(invalid_argument) if they do not fit the basis.
    Features(std::vector<Bond> bonds, std::shared_ptr<const Basis> basis);
    ~Features() override;

    [[nodiscard]] const Basis& basis() const { return *basis_; }
    [[nodiscard]] const std::vector<Bond>& bonds() const { return parameters_.bonds; }
    [[nodiscard]] int n_elements() const override { return basis_->n_elements(); }
    [[nodiscard]] int n_features() const override { return basis_->n_functions() / basis_->n_elements(); }
    /// The largest over the centres.
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }
    /// In the precision T: double or float.
    template <typename T>
    [[nodiscard]] const FeatureTables<T>& tables() const;
    [[nodiscard]] std::unique_ptr<BlockDescriptor<double>> make_double(InstructionSet isa) const override;
    [[nodiscard]] std::unique_ptr<BlockDescriptor<float>> make_float(InstructionSet isa) const override;

private:
    std::shared_ptr<const Basis> basis_;
    Parameters parameters_;
    std::vector<double> cutoffs_;
    std::shared_ptr<const FeatureTables<double>> double_tables_;
    std::shared_ptr<const FeatureTables<float>> float_tables_;
};

template <>
const FeatureTables<double>& Features::tables<double>() const;
template <>
const FeatureTables<float>& Features::tables<float>() const;

}  // namespace tektite::ace
