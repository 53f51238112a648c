// SPDX-License-Identifier: BSD-3-Clause
// Neural networks on a descriptor as a Potential.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tektite/model_file.hpp"
#include "tektite/potential.hpp"

namespace tektite::neural {

/// E_i = E0 + mean over the members of f(p_i) - f(p of an atom without neighbours), f being the network of
/// the atom's element; the uncertainty is the standard deviation over the members (with n - 1), where there
/// are several. Arrays and keys: family "neural" in docs/file-format.md. Throws Error(file_damaged |
/// unsupported).
std::shared_ptr<const Potential> make_neural(const ModelFile& file, const std::string& prefix,
                                             const nlohmann::json& metadata);

}  // namespace tektite::neural
