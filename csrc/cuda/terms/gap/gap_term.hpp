// SPDX-License-Identifier: BSD-3-Clause
// Gaussian approximation potentials on a device: pairs, triplets and SOAP.
#pragma once

#include "cuda/terms/term.hpp"

namespace tektite::cuda {

/// From the arrays of a .mlip. Throws what gap::read_parameters() throws, and Error(unsupported) if there are
/// triplet terms, or descriptors that are no power spectra. Uncertainties are refused when they are asked
/// for.
std::unique_ptr<Term> make_gap_term(const ModelFile& file, const std::string& prefix,
                                    const nlohmann::json& metadata);

}  // namespace tektite::cuda
