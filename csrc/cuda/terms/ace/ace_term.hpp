// SPDX-License-Identifier: BSD-3-Clause
// The atomic cluster expansion on a device.
#pragma once

#include "cuda/terms/term.hpp"

namespace tektite::cuda {

/// From the arrays of a .mlip; the same tables as on the CPU. Throws Error(file_damaged | unsupported).
std::unique_ptr<Term> make_ace_term(const ModelFile& file, const std::string& prefix,
                                    const nlohmann::json& metadata);

}  // namespace tektite::cuda
