// SPDX-License-Identifier: BSD-3-Clause
// Pair potentials: E = 1/2 sum_ij V(r_ij).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tektite/model_file.hpp"

namespace tektite {

/// Family "pair" of a model file (docs/file-format.md): kind "zbl" or "table".
/// Throws Error(file_damaged) naming the array or key; Error(unsupported) for another kind.
std::shared_ptr<const Potential> make_pair_potential(const ModelFile& file, const std::string& prefix,
                                                     const nlohmann::json& metadata);

}  // namespace tektite
