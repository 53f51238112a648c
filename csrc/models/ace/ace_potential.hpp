// SPDX-License-Identifier: BSD-3-Clause
// The atomic cluster expansion as a Potential.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "models/ace/parameters.hpp"
#include "models/local_potential.hpp"

namespace tektite::ace {

/// Made from arrays of a .mlip. Throws Error(file_damaged | unsupported).
std::shared_ptr<const Potential> make_ace(const ModelFile& file, const std::string& prefix,
                                          const nlohmann::json& metadata);

/// Made from parameters in memory. minimum_distances: see ModelInfo (may be empty); metadata: JSON text.
/// Throws Error(unsupported) where the parameters go beyond the kernels' limits (l <= 15, 16 densities).
std::shared_ptr<const Potential> make_ace(const Parameters& parameters, std::vector<double> minimum_distances,
                                          const std::string& metadata);

}  // namespace tektite::ace
