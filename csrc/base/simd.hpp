// SPDX-License-Identifier: BSD-3-Clause
// Fixed-width SIMD values through the vector extensions of GCC and Clang. Only for files under kernels/,
// which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

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
#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
inline constexpr int register_count = 32;
#elif defined(__AVX__)
inline constexpr int register_bytes = 32;
inline constexpr int register_count = 16;
#else
inline constexpr int register_bytes = 16;
inline constexpr int register_count = 16;
#endif
template <typename T>
inline constexpr int native_lanes = register_bytes / static_cast<int>(sizeof(T));

/// Scalars of type T that a vector (or a dual number of vectors) takes in memory.
template <typename V, typename T>
inline constexpr int scalar_count = static_cast<int>(sizeof(V) / sizeof(T));

template <typename V, typename T>
[[gnu::always_inline]] inline V load(const T* p) {
    if constexpr (requires(V v) { v.tangent; }) {
        // Part by part: as a whole, compilers copy dual numbers through memory.
        using Part = decltype(V::value);
        return V{*reinterpret_cast<const Part*>(p),
                 *reinterpret_cast<const Part*>(p + scalar_count<Part, T>)};
    } else {
        return *reinterpret_cast<const V*>(p);
    }
}
template <typename V, typename T>
[[gnu::always_inline]] inline void store(T* p, V v) {
    if constexpr (requires { v.tangent; }) {
        using Part = decltype(V::value);
        *reinterpret_cast<Part*>(p) = v.value;
        *reinterpret_cast<Part*>(p + scalar_count<Part, T>) = v.tangent;
    } else {
        *reinterpret_cast<V*>(p) = v;
    }
}

/// A constant to multiply values of type V with: in every lane of a vector, or (dual numbers) as it is.
template <typename V, typename T>
[[gnu::always_inline]] inline auto constant(T c) {
    if constexpr (requires(V v) { v.tangent; })
        return c;
    else
        return V{} + c;
}

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
