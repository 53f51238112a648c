// SPDX-License-Identifier: BSD-3-Clause
// Gaussian approximation potentials: kernel expansions over sparse points.
//
// A. P. Bartok, M. C. Payne, R. Kondor, G. Csanyi, Phys. Rev. Lett. 104, 136403 (2010); A. P. Bartok, G.
// Csanyi, Int. J. Quantum Chem. 115, 1051 (2015).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tektite/model_file.hpp"

namespace tektite::gap {

/// Family "gap" of a model file (docs/file-format.md). Throws Error(file_damaged) naming the array or key.
std::shared_ptr<const Potential> make_gap(const ModelFile& file, const std::string& prefix,
                                          const nlohmann::json& metadata);

}  // namespace tektite::gap
