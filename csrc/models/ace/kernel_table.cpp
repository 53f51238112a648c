// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/kernel_table.hpp"

namespace tektite::ace {

const KernelTable& kernel_table(InstructionSet isa) {
#if defined(TEKTITE_HAVE_AVX512)
    if (isa == InstructionSet::avx512) return avx512::kernels();
#endif
#if defined(TEKTITE_HAVE_AVX2)
    if (isa == InstructionSet::avx2) return avx2::kernels();
#endif
    static_cast<void>(isa);
    return baseline::kernels();
}

}  // namespace tektite::ace
