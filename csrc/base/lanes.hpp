// SPDX-License-Identifier: BSD-3-Clause
// Values of one quantity for several centres at once, so that one
// implementation of a kernel serves SIMD registers and the threads of a device.
//
// V is what a thread computes with: a SIMD vector with a centre in each lane, a
// dual number of such, or (on a device, where a centre is a thread) a plain
// number. In scratch memory quantities are [quantity][stride]: the stride is
// the number of lanes where a thread has its own scratch, and the number of
// threads on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"

namespace tektite {

/// Registers that tiles of accumulators are cut for.
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

/// Scalars of type T that a vector (or a dual number of vectors) takes in
/// memory.
template <typename V, typename T>
inline constexpr int scalar_count = static_cast<int>(sizeof(V) / sizeof(T));

/// The stride of scratch that belongs to one thread alone. A device passes a
/// std::size_t instead.
template <typename V, typename T>
using OwnStride = std::integral_constant<std::size_t, scalar_count<V, T>>;

template <typename V, typename T>
TEKTITE_HOST_DEVICE TEKTITE_INLINE V load(const T* p) {
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
TEKTITE_HOST_DEVICE TEKTITE_INLINE void store(T* p, V v) {
    if constexpr (requires { v.tangent; }) {
        using Part = decltype(V::value);
        *reinterpret_cast<Part*>(p) = v.value;
        *reinterpret_cast<Part*>(p + scalar_count<Part, T>) = v.tangent;
    } else {
        *reinterpret_cast<V*>(p) = v;
    }
}

/// A constant to multiply values of type V with: in every lane of a vector, or
/// (dual numbers) as it is.
template <typename V, typename T>
TEKTITE_HOST_DEVICE TEKTITE_INLINE auto constant(T c) {
    if constexpr (requires(V v) { v.tangent; })
        return c;
    else
        return V{} + c;
}

template <typename T, int W>
struct VectorOf;  // base/simd.hpp

/// Adds values to a sum kept in double. sum: [lanes].
template <typename T, typename V>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void add_in_double(double* sum, V values) {
    if constexpr (std::is_arithmetic_v<V>) {
        *sum += static_cast<double>(values);
    } else if constexpr (sizeof(T) == sizeof(double)) {
        store(sum, load<V>(sum) + values);
    } else {
#if !defined(__CUDACC__)  // which knows no SIMD vectors
        using D = typename VectorOf<double, scalar_count<V, T>>::type;
        store(sum, load<D>(sum) + __builtin_convertvector(values, D));
#endif
    }
}

/// Writes values as doubles. out: [lanes].
template <typename V>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void store_in_double(double* out, V values) {
    if constexpr (std::is_arithmetic_v<V>) {
        *out = static_cast<double>(values);
    } else {
        constexpr int lanes = static_cast<int>(sizeof(V) / sizeof(values[0]));
        for (int b = 0; b < lanes; ++b) out[b] = static_cast<double>(values[b]);
    }
}

/// Adds values to doubles. out: [lanes].
template <typename V>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void add_to_doubles(double* out, V values) {
    if constexpr (std::is_arithmetic_v<V>) {
        *out += static_cast<double>(values);
    } else {
        constexpr int lanes = static_cast<int>(sizeof(V) / sizeof(values[0]));
        for (int b = 0; b < lanes; ++b) out[b] += static_cast<double>(values[b]);
    }
}

}  // namespace tektite
