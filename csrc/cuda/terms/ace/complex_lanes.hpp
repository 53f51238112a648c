// SPDX-License-Identifier: BSD-3-Clause
// Complex numbers of neighbouring centres, 16 bytes of which a thread reads from shared memory at once.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace tektite::cuda {

template <typename T>
struct alignas(2 * sizeof(T)) Complex {
    T re, im;
};

/// Centres that a thread computes together: two in float, one in double.
template <typename T>
inline constexpr int lane_centers = 16 / static_cast<int>(sizeof(Complex<T>));

template <typename T>
struct alignas(16) ComplexLanes {
    Complex<T> v[lane_centers<T>];
};

/// Neighbouring numbers that are read at once.
template <typename T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Few {
    T v[N];
};

}  // namespace tektite::cuda
