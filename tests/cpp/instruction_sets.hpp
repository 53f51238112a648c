// SPDX-License-Identifier: BSD-3-Clause
// The instruction sets whose kernels can be compared on this processor.
#pragma once

#include <vector>

#include "base/cpu.hpp"
#include "check.hpp"

namespace tektite::test {

/// Those that this processor and this build have; the baseline is the first.
inline std::vector<InstructionSet> instruction_sets() {
    std::vector<InstructionSet> found;
    for (const InstructionSet isa : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512})
        try {
            found.push_back(resolve_instruction_set(isa));
        } catch (const Error& error) {
            check(error.code() == ErrorCode::unsupported && isa != InstructionSet::baseline, error.what());
        }
    return found;
}

}  // namespace tektite::test
