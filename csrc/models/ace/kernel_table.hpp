// SPDX-License-Identifier: BSD-3-Clause
// The ACE kernels of an instruction set.
#pragma once

#include "models/ace/kernels/views.hpp"
#include "tektite/potential.hpp"

namespace tektite::ace {

/// isa: a resolved one, see base/cpu.hpp.
const KernelTable& kernel_table(InstructionSet isa);

}  // namespace tektite::ace
