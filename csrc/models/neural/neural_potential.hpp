// SPDX-License-Identifier: BSD-3-Clause
// Neural networks on a descriptor as a Potential.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "descriptors/block_descriptor.hpp"
#include "models/neural/network.hpp"
#include "tektite/model_file.hpp"
#include "tektite/potential.hpp"

namespace tektite::neural {

/// What a file says of a model.
struct Parameters {
    ModelInfo info;
    std::shared_ptr<const Descriptor> descriptor;
    std::vector<Network> networks;  ///< [n_members][n_elements]
};

/// Throws like make_neural().
Parameters read_parameters(const ModelFile& file, const std::string& prefix, const nlohmann::json& metadata);

/// E_i = E0 + mean over the members of f(p_i) - f(p of an atom without
/// neighbours), f being the network of the atom's element; the uncertainty is
/// the standard deviation over the members (with n - 1), where there are
/// several. Arrays and keys: family "neural" in docs/file-format.md. Throws
/// Error(file_damaged | unsupported).
std::shared_ptr<const Potential> make_neural(const ModelFile& file, const std::string& prefix,
                                             const nlohmann::json& metadata);

}  // namespace tektite::neural
