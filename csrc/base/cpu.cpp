// SPDX-License-Identifier: BSD-3-Clause
#include "base/cpu.hpp"

#include <cstdlib>

namespace tektite {

namespace {

bool available(InstructionSet isa) {
    switch (isa) {
        case InstructionSet::baseline:
            return true;
        case InstructionSet::avx2:
#if defined(TEKTITE_HAVE_AVX2)
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
            return false;
#endif
        case InstructionSet::avx512:
#if defined(TEKTITE_HAVE_AVX512)
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
            return false;
#endif
        default:
            return false;
    }
}

}  // namespace

std::string name_of(InstructionSet isa) {
    switch (isa) {
        case InstructionSet::baseline:
            return "baseline";
        case InstructionSet::avx2:
            return "AVX2";
        case InstructionSet::avx512:
            return "AVX-512";
        default:
            return "automatic";
    }
}

InstructionSet resolve_instruction_set(InstructionSet wanted) {
    if (wanted == InstructionSet::automatic) {
        if (const char* text = std::getenv("TEKTITE_ISA"); text != nullptr && *text != '\0') {
            const std::string name = text;
            if (name == "baseline")
                wanted = InstructionSet::baseline;
            else if (name == "avx2")
                wanted = InstructionSet::avx2;
            else if (name == "avx512")
                wanted = InstructionSet::avx512;
            else
                throw Error(ErrorCode::invalid_argument,
                            "TEKTITE_ISA is '" + name + "'; it must be baseline, avx2 or avx512");
        } else {
            if (available(InstructionSet::avx512)) return InstructionSet::avx512;
            if (available(InstructionSet::avx2)) return InstructionSet::avx2;
            return InstructionSet::baseline;
        }
    }
    if (!available(wanted))
        throw Error(ErrorCode::unsupported, "the instruction set " + name_of(wanted) +
                                                " is not available on this processor or in this build");
    return wanted;
}

}  // namespace tektite
