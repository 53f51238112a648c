// SPDX-License-Identifier: BSD-3-Clause
// Fixed-width SIMD values through the vector extensions of GCC and Clang. Only for files under kernels/,
// which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/lanes.hpp"

namespace tektite {

template <typename T, int W>
struct VectorOf {
    typedef T type __attribute__((vector_size(W * sizeof(T)), may_alias));
};
/// W values of type T in one (or several) registers; arithmetic, comparison and `mask ? a : b` work
/// elementwise.
template <typename T, int W>
using Vector = typename VectorOf<T, W>::type;

/// Lanes of a full register for type T with this translation unit's flags.
template <typename T>
inline constexpr int native_lanes = register_bytes / static_cast<int>(sizeof(T));

namespace detail {

/// One stage of the transposition: exchanges the off-diagonal h x h blocks of rows i and i + h.
template <int H, typename V, int... lane>
[[gnu::always_inline]] inline void exchange(V& a, V& b, std::integer_sequence<int, lane...>) {
    constexpr int W = sizeof...(lane);
    const V low = __builtin_shufflevector(a, b, ((lane & H) == 0 ? lane : W + lane - H)...);
    const V high = __builtin_shufflevector(a, b, ((lane & H) == 0 ? lane + H : W + lane)...);
    a = low;
    b = high;
}

template <int W, int H, typename V>
[[gnu::always_inline]] inline void transpose_stage(V* rows) {
    if constexpr (H > 0) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i)
            if ((i & H) == 0) exchange<H>(rows[i], rows[i + H], std::make_integer_sequence<int, W>{});
        transpose_stage<W, H / 2>(rows);
    }
}

}  // namespace detail

/// Transposes a W x W block held in W registers; log2(W) shuffles a register.
template <int W, typename V>
[[gnu::always_inline]] inline void transpose(V* rows) {
    detail::transpose_stage<W, W / 2>(rows);
}

}  // namespace tektite
