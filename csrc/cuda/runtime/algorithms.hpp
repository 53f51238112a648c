// SPDX-License-Identifier: BSD-3-Clause
// Sorting, running sums and sums in a fixed order. All pointers are to device memory.
#pragma once

#include <cstdint>

#include "cuda/runtime/context.hpp"

namespace tektite::cuda {

/// Algorithms with the memory that they need between calls.
class Algorithms {
public:
    explicit Algorithms(Context& context)
        : context_(context), temporary_(context), keys_(context), values_(context), partial_(context) {}

    /// Sorts (key, value) pairs by key, keeping the order of equal keys; keys below 2^bits.
    void sort(std::uint32_t* keys, std::int32_t* values, std::int64_t n, int bits);
    /// out[k] = sum of in[0 .. k), k <= n: n + 1 values.
    void running_sum(const std::int64_t* in, std::int64_t* out, std::int64_t n);
    /// For each of `width` columns, sum[column] += sum over k < n of values[column * stride + k]: always in
    /// the same order, so always the same bits.
    void add_sums(const double* values, std::int64_t stride, std::int64_t n, int width, double* sum);

private:
    Context& context_;
    DeviceArray<std::byte> temporary_;
    DeviceArray<std::uint32_t> keys_;
    DeviceArray<std::int32_t> values_;
    DeviceArray<double> partial_;
};

}  // namespace tektite::cuda
