// SPDX-License-Identifier: BSD-3-Clause
// The sum of several models, each of which may know only some of the elements.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tektite/model_file.hpp"

namespace tektite {

/// Energies, gradients and isolated-atom energies of the children add up. Atoms whose element a child lacks
/// do not exist for that child. Uncertainties add in quadrature over the children that have one (their errors
/// are taken as independent; children without one as exact).
class SumPotential final : public Potential {
public:
    /// `info` needs elements only; the rest is put together from the children. Throws Error(file_damaged) if
    /// the children and the elements do not fit together.
    SumPotential(ModelInfo info, std::vector<std::shared_ptr<const Potential>> children,
                 const std::string& path);

    [[nodiscard]] const ModelInfo& info() const override { return info_; }
    [[nodiscard]] std::unique_ptr<Workspace> make_workspace(const EvaluationOptions&) const override;
    void evaluate(const Cluster&, const Results&, Workspace&, Exchange* exchange = nullptr) const override;

private:
    struct Child {
        std::shared_ptr<const Potential> potential;
        std::vector<std::int32_t> species;  ///< [n_elements] index in the child, -1: unseen
        bool same_species = false;          ///< species is the identity
    };
    ModelInfo info_;
    std::vector<Child> children_;
};

/// Family "sum" of a model file (docs/file-format.md).
std::shared_ptr<const Potential> make_sum(const ModelFile& file, const std::string& prefix,
                                          const nlohmann::json& metadata);

}  // namespace tektite
