// SPDX-License-Identifier: BSD-3-Clause
// Dual numbers: a value and its derivative along one direction, for scalars or SIMD vectors.
//
// Always inlined: a copy compiled for one instruction set must not be picked by the linker for another.
#pragma once

#include <type_traits>
#include <utility>

namespace tektite {

/// value + tangent e with e^2 = 0. In memory the tangent follows the value. Arithmetic with plain numbers
/// treats them as constants.
template <typename V>
struct [[gnu::may_alias]] Dual {
    V value, tangent;

    [[gnu::always_inline]] Dual& operator+=(const Dual& o) {
        value += o.value;
        tangent += o.tangent;
        return *this;
    }
    [[gnu::always_inline]] Dual& operator-=(const Dual& o) {
        value -= o.value;
        tangent -= o.tangent;
        return *this;
    }
};

/// Numbers that are constants beside a dual number.
template <typename S>
concept Constant = std::is_arithmetic_v<S>;

template <typename V>
[[gnu::always_inline]] inline Dual<V> operator-(const Dual<V>& a) {
    return {-a.value, -a.tangent};
}
template <typename V>
[[gnu::always_inline]] inline Dual<V> operator+(const Dual<V>& a, const Dual<V>& b) {
    return {a.value + b.value, a.tangent + b.tangent};
}
template <typename V>
[[gnu::always_inline]] inline Dual<V> operator-(const Dual<V>& a, const Dual<V>& b) {
    return {a.value - b.value, a.tangent - b.tangent};
}
template <typename V>
[[gnu::always_inline]] inline Dual<V> operator*(const Dual<V>& a, const Dual<V>& b) {
    return {a.value * b.value, a.value * b.tangent + a.tangent * b.value};
}
/// The constant in the type of V's elements.
template <typename V, Constant S>
[[gnu::always_inline]] inline auto element(S s) {
    if constexpr (std::is_arithmetic_v<V>)
        return static_cast<V>(s);
    else
        return static_cast<std::remove_cvref_t<decltype(std::declval<V&>()[0])>>(s);
}
template <typename V, Constant S>
[[gnu::always_inline]] inline Dual<V> operator+(const Dual<V>& a, S b) {
    return {a.value + element<V>(b), a.tangent};
}
template <typename V, Constant S>
[[gnu::always_inline]] inline Dual<V> operator*(S a, const Dual<V>& b) {
    return {element<V>(a) * b.value, element<V>(a) * b.tangent};
}

}  // namespace tektite
