// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/lanes_to_rows.hpp"

#include "base/kernels_for.hpp"

namespace tektite::rows {

template <>
const Kernels<double>& kernels<double>(InstructionSet isa) {
    return kernels_for<Kernels<double>>(isa);
}

template <>
const Kernels<float>& kernels<float>(InstructionSet isa) {
    return kernels_for<Kernels<float>>(isa);
}

}  // namespace tektite::rows
