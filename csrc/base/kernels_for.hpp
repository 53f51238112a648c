// SPDX-License-Identifier: BSD-3-Clause
// Choice among kernels that were compiled once per instruction set, see base/instruction_sets.hpp.
#pragma once

#include <type_traits>

#include "base/instruction_sets.hpp"
#include "tektite/potential.hpp"

#if !defined(TEKTITE_HAVE_BASELINE)
#error "only the engine's own sources know for which instruction sets there are kernels"
#endif

namespace tektite {

/// The kernels for a resolved instruction set, see base/cpu.hpp.
template <typename Table>
const Table& kernels_for([[maybe_unused]] InstructionSet wanted) {
#if defined(TEKTITE_HAVE_AVX512)
    if (wanted == InstructionSet::avx512) return kernels(isa::avx512<Table>{});
#endif
#if defined(TEKTITE_HAVE_AVX2)
    if (wanted == InstructionSet::avx2) return kernels(isa::avx2<Table>{});
#endif
    return kernels(isa::baseline<Table>{});
}

/// The part of a table, in_double or in_float, for numbers of type T.
template <typename T, typename Table>
const auto& in_precision(const Table& table) {
    if constexpr (std::is_same_v<T, double>)
        return table.in_double;
    else
        return table.in_float;
}

}  // namespace tektite
