// SPDX-License-Identifier: BSD-3-Clause
// What kernels find wrong. They cannot throw: they leave the lowest number of each kind, so that the same
// input gives the same message, and the host looks at the end.
#pragma once

#include <cstdint>
#include <limits>

namespace tektite::cuda {

struct Problems {
    static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    std::int64_t position_not_finite = none;  ///< atom
    std::int64_t same_place = none;           ///< atom i * 2^32 + atom j
    std::int64_t force_too_large = none;      ///< atom: beyond what deterministic sums hold
    std::int64_t beyond_skin = none;          ///< atom: no error, a host may warn
};

}  // namespace tektite::cuda
