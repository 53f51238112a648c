// SPDX-License-Identifier: BSD-3-Clause
// Which kernels write blocks of centres as rows.
#pragma once

#include "descriptors/kernels/lanes_to_rows.hpp"
#include "tektite/potential.hpp"

namespace tektite::rows {

/// isa: a resolved one (base/cpu.hpp). T: double or float.
template <typename T>
[[nodiscard]] const Kernels<T>& kernels(InstructionSet isa);

}  // namespace tektite::rows
