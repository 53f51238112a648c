// SPDX-License-Identifier: BSD-3-Clause
// Neural networks on SOAP on a device.
#pragma once

#include "cuda/terms/term.hpp"

namespace tektite::cuda {

/// From the arrays of a .mlip. Throws what neural::read_parameters() throws,
/// and Error(unsupported) if the descriptor is no power spectrum.
std::unique_ptr<Term> make_neural_term(const ModelFile& file, const std::string& prefix,
                                       const nlohmann::json& metadata);

}  // namespace tektite::cuda
