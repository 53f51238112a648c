// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/runtime/algorithms.hpp"
#include "cuda/runtime/fixed_order_sum.hpp"
#include "cuda/runtime/launch.hpp"

#if defined(__CUDACC__)
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#else
#include <algorithm>
#include <numeric>
#include <vector>
#endif

namespace tektite::cuda {

#if defined(__CUDACC__)

namespace {

void check(cudaError_t status) {
    if (status != cudaSuccess)
        throw Error(ErrorCode::internal, std::string("the device failed: ") + cudaGetErrorString(status));
}

}  // namespace

void Algorithms::sort(std::uint32_t* keys, std::int32_t* values, std::int64_t n, int bits) {
    if (n == 0) return;
    keys_.reserve(static_cast<std::size_t>(n), 0.05);
    values_.reserve(static_cast<std::size_t>(n), 0.05);
    const auto stream = static_cast<cudaStream_t>(context_.stream());
    cub::DoubleBuffer<std::uint32_t> both_keys(keys, keys_.data());
    cub::DoubleBuffer<std::int32_t> both_values(values, values_.data());
    std::size_t bytes = 0;
    check(cub::DeviceRadixSort::SortPairs(nullptr, bytes, both_keys, both_values, n, 0, bits, stream));
    temporary_.reserve(bytes);
    check(cub::DeviceRadixSort::SortPairs(temporary_.data(), bytes, both_keys, both_values, n, 0, bits,
                                          stream));
    const auto copy = [&](void* to, const void* from, std::size_t size) {
        check(cudaMemcpyAsync(to, from, size, cudaMemcpyDeviceToDevice, stream));
    };
    if (both_keys.Current() != keys)
        copy(keys, both_keys.Current(), static_cast<std::size_t>(n) * sizeof(std::uint32_t));
    if (both_values.Current() != values)
        copy(values, both_values.Current(), static_cast<std::size_t>(n) * sizeof(std::int32_t));
}

void Algorithms::running_sum(const std::int64_t* in, std::int64_t* out, std::int64_t n) {
    context_.clear(out, sizeof(std::int64_t));
    if (n == 0) return;
    const auto stream = static_cast<cudaStream_t>(context_.stream());
    std::size_t bytes = 0;
    check(cub::DeviceScan::InclusiveSum(nullptr, bytes, in, out + 1, n, stream));
    temporary_.reserve(bytes);
    check(cub::DeviceScan::InclusiveSum(temporary_.data(), bytes, in, out + 1, n, stream));
}

#else

void Algorithms::sort(std::uint32_t* keys, std::int32_t* values, std::int64_t n, int) {
    std::vector<std::pair<std::uint32_t, std::int32_t> > pairs;
    for (std::int64_t k = 0; k < n; ++k) pairs.emplace_back(keys[k], values[k]);
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::int64_t k = 0; k < n; ++k) {
        keys[k] = pairs[static_cast<std::size_t>(k)].first;
        values[k] = pairs[static_cast<std::size_t>(k)].second;
    }
}

void Algorithms::running_sum(const std::int64_t* in, std::int64_t* out, std::int64_t n) {
    out[0] = 0;
    std::partial_sum(in, in + n, out + 1);
}

#endif

void Algorithms::add_sums(const double* values, std::int64_t stride, std::int64_t n, int width, double* sum) {
    // Three passes: none has a thread that adds more than some hundred values of a million.
    constexpr std::int64_t most[2] = {8192, 64};
    partial_.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(most[0] + most[1]));
    double* first = partial_.data();
    double* second = first + width * most[0];
    const std::int64_t n_first = n < most[0] ? n : most[0], n_second = n_first < most[1] ? n_first : most[1];
    if (n == 0) return;
    launch(context_, width * n_first, PartialSums{values, stride, n, n_first, first});
    launch(context_, width * n_second, PartialSums{first, n_first, n_first, n_second, second});
    launch(context_, width, AddSums{second, n_second, sum});
}

}  // namespace tektite::cuda
