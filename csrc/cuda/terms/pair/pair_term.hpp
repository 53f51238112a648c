// SPDX-License-Identifier: BSD-3-Clause
// Pair potentials on a device.
#pragma once

#include "cuda/terms/term.hpp"

namespace tektite::cuda {

/// Kinds "zbl" and "table". Throws like make_pair_potential().
std::unique_ptr<Term> make_pair_term(const ModelFile& file, const std::string& prefix,
                                     const nlohmann::json& metadata);

}  // namespace tektite::cuda
