// SPDX-License-Identifier: BSD-3-Clause
// Which instruction set the kernels use.
#pragma once

#include <string>

#include "tektite/potential.hpp"

namespace tektite {

/// Resolves `automatic` to what TEKTITE_ISA names, or else to the best that both this build and this
/// processor have. Throws Error(unsupported) if what was asked for is missing here, Error(invalid_argument)
/// if TEKTITE_ISA is not one of baseline, avx2, avx512.
InstructionSet resolve_instruction_set(InstructionSet wanted);

/// "baseline", "AVX2" or "AVX-512".
std::string name_of(InstructionSet isa);

}  // namespace tektite
