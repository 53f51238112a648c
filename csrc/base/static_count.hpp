// SPDX-License-Identifier: BSD-3-Clause
// Numbers that are known at run time only, handed on as constants, so that the loops over them unroll.
#pragma once

#include <type_traits>

#include "base/host_device.hpp"

namespace tektite {

/// Calls action with std::integral_constant of n in 1 .. N.
template <int N, typename Action>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void with_count(int n, Action&& action) {
    if constexpr (N > 0) {
        if (n == N)
            action(std::integral_constant<int, N>{});
        else
            with_count<N - 1>(n, action);
    }
}

/// Calls action with std::integral_constant of l_max in 0 .. L, of -1 beyond (and where l_max is negative).
template <int L, typename Action>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void with_largest_l(int l_max, Action&& action) {
    if constexpr (L >= 0) {
        if (l_max == L)
            action(std::integral_constant<int, L>{});
        else
            with_largest_l<L - 1>(l_max, action);
    } else {
        action(std::integral_constant<int, -1>{});
    }
}

}  // namespace tektite
