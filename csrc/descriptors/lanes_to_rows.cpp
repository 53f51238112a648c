// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/lanes_to_rows.hpp"

namespace tektite::rows {

template <>
const Kernels<double>& kernels<double>(InstructionSet isa) {
#if defined(TEKTITE_HAVE_AVX512)
    if (isa == InstructionSet::avx512) return avx512::kernels_double();
#endif
#if defined(TEKTITE_HAVE_AVX2)
    if (isa == InstructionSet::avx2) return avx2::kernels_double();
#endif
    static_cast<void>(isa);
    return baseline::kernels_double();
}

template <>
const Kernels<float>& kernels<float>(InstructionSet isa) {
#if defined(TEKTITE_HAVE_AVX512)
    if (isa == InstructionSet::avx512) return avx512::kernels_float();
#endif
#if defined(TEKTITE_HAVE_AVX2)
    if (isa == InstructionSet::avx2) return avx2::kernels_float();
#endif
    static_cast<void>(isa);
    return baseline::kernels_float();
}

}  // namespace tektite::rows
