// SPDX-License-Identifier: BSD-3-Clause
// Families of models by name. A new family adds its folder and one line in registry.cpp.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tektite/model_file.hpp"

namespace tektite {

/// Makes a potential from the arrays of `file` whose names start with `prefix` and the metadata object
/// of that (sub)model.
using PotentialMaker = std::shared_ptr<const Potential> (*)(const ModelFile& file, const std::string& prefix,
                                                            const nlohmann::json& metadata);

/// What the metadata of a (sub)model say that is the same for all families: elements, cutoff, isolated-atom
/// energies, minimum distances. Throws Error(file_damaged) naming file and key.
ModelInfo read_model_info(const nlohmann::json& metadata, const std::string& path);

/// Throws Error(unsupported) naming the family and listing those that exist.
std::shared_ptr<const Potential> make_family(const std::string& family, const ModelFile& file,
                                             const std::string& prefix, const nlohmann::json& metadata);

}  // namespace tektite
