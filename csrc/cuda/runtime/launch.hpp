// SPDX-License-Identifier: BSD-3-Clause
// Kernels are functors, struct K { ...; TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const; },
// which know nothing of each other: no shared memory, no barriers. (Those that share memory: block.hpp.) The
// same functors run on a device (compiled by nvcc) and, in tests, one after another on the host.
#pragma once

#include <cstdint>
#include <typeinfo>

#include "base/host_device.hpp"
#include "cuda/runtime/context.hpp"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#endif

namespace tektite::cuda {

#if defined(__CUDACC__)

inline constexpr int threads_per_block = 128;

template <typename Kernel>
__global__ void __launch_bounds__(threads_per_block)
    run_kernel(std::int64_t n, const __grid_constant__ Kernel kernel) {
    const std::int64_t thread =
        static_cast<std::int64_t>(blockIdx.x) * threads_per_block + static_cast<std::int64_t>(threadIdx.x);
    if (thread < n) kernel(thread);
}

/// Throws Error(internal) with the driver's message if the last launch failed.
void check_launch();

/// kernel(0) ... kernel(n - 1), in any order, after all earlier work of the context.
template <typename Kernel>
void launch(Context& context, std::int64_t n, const Kernel& kernel) {
    if (n == 0) return;
    context.kernel_begins();
    const auto blocks = static_cast<unsigned>((n + threads_per_block - 1) / threads_per_block);
    run_kernel<<<blocks, threads_per_block, 0, static_cast<cudaStream_t>(context.stream())>>>(n, kernel);
    check_launch();
    context.kernel_ends(typeid(Kernel), n);
}

#else

template <typename Kernel>
void launch(Context& context, std::int64_t n, const Kernel& kernel) {
    if (n == 0) return;
    context.kernel_begins();
    for (std::int64_t thread = 0; thread < n; ++thread) kernel(thread);
    context.kernel_ends(typeid(Kernel), n);
}

#endif

/// *sum += value, by any number of threads at once.
TEKTITE_HOST_DEVICE inline void atomic_add(double* sum, double value) {
#if defined(__CUDA_ARCH__)
    ::atomicAdd(sum, value);
#else
    *sum += value;
#endif
}
TEKTITE_HOST_DEVICE inline void atomic_add(std::int64_t* sum, std::int64_t value) {
#if defined(__CUDA_ARCH__)
    // Two's complement: the same bits as a signed addition.
    ::atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(value));
#else
    *sum += value;
#endif
}
/// *smallest = min(*smallest, value), by any number of threads at once.
TEKTITE_HOST_DEVICE inline void atomic_min(std::int64_t* smallest, std::int64_t value) {
#if defined(__CUDA_ARCH__)
    ::atomicMin(reinterpret_cast<long long*>(smallest), static_cast<long long>(value));
#else
    if (value < *smallest) *smallest = value;
#endif
}

}  // namespace tektite::cuda
