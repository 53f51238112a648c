// SPDX-License-Identifier: BSD-3-Clause
// Kernels whose threads share memory: functors of blocks, struct K { ...; TEKTITE_HOST_DEVICE void
// operator()(const Block& block) const; }, written as a sequence of parallel loops, block.each(n, action).
//
// Each loop ends with a barrier, so that a loop may read what earlier loops have written. The iterations of
// one loop must not depend on each other. Variables outside of the loops are those of the block: every thread
// computes the same.
//
// On the host, where tests run them, the iterations of a loop run one after another, upwards in one block and
// downwards in the next: a loop whose iterations depend on each other gives other numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <typeinfo>
#include <vector>

#include "base/host_device.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

class Block {
public:
    std::int64_t index;  ///< of this block
    int n_threads;       ///< a multiple of 32
    std::byte* shared;   ///< aligned to 16 bytes; undefined at first

    /// action(0) ... action(n - 1) in any order, by all threads, then a barrier. All threads call it with the
    /// same n.
    template <typename Action>
    TEKTITE_HOST_DEVICE void each(int n, Action&& action) const {
#if defined(__CUDA_ARCH__)
        for (int i = static_cast<int>(threadIdx.x); i < n; i += n_threads) action(i);
        __syncthreads();
#else
        for (int i = 0; i < n; ++i) action(index % 2 == 0 ? i : n - 1 - i);
#endif
    }
};

/// Cuts the shared memory of a block into arrays. Without memory it only counts.
class SharedLayout {
public:
    TEKTITE_HOST_DEVICE explicit SharedLayout(std::byte* memory = nullptr) : memory_(memory) {}
    template <typename T>
    TEKTITE_HOST_DEVICE T* take(std::size_t n) {
        T* array = memory_ != nullptr ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
        used_ += (n * sizeof(T) + 15) / 16 * 16;
        return array;
    }
    [[nodiscard]] TEKTITE_HOST_DEVICE std::size_t used() const { return used_; }

private:
    std::byte* memory_;
    std::size_t used_ = 0;
};

/// Blocks of bytes of shared memory that a multiprocessor holds at once, as far as the memory goes: 1 kB of
/// each is the system's (CUDA C++ Programming Guide, compute capabilities 8.0 and 9.0).
inline int resident_blocks(const Context& context, std::size_t bytes) {
    return static_cast<int>(context.shared_memory_of_multiprocessor() / (bytes + 1024));
}

#if defined(__CUDACC__)

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::most_threads) run_blocks(const __grid_constant__ Kernel kernel) {
    extern __shared__ __align__(16) std::byte shared_memory[];
    kernel(Block{static_cast<std::int64_t>(blockIdx.x), static_cast<int>(blockDim.x), shared_memory});
}

/// More shared memory than any kernel may have without asking. Throws Error(internal) with the driver's
/// message.
void allow_shared_memory(const void* kernel, std::size_t bytes);

/// kernel(block 0) ... kernel(block n_blocks - 1), in any order, after all earlier work of the context.
/// n_threads: of each block, a multiple of 32, at most Kernel::most_threads. n_items: for the kernel's times.
template <typename Kernel>
void launch_blocks(Context& context, std::int64_t n_blocks, int n_threads, std::size_t shared_bytes,
                   std::int64_t n_items, const Kernel& kernel) {
    if (n_blocks == 0) return;
    allow_shared_memory(reinterpret_cast<const void*>(&run_blocks<Kernel>), shared_bytes);
    context.kernel_begins();
    run_blocks<<<static_cast<unsigned>(n_blocks), static_cast<unsigned>(n_threads), shared_bytes,
                 static_cast<cudaStream_t>(context.stream())>>>(kernel);
    check_launch();
    context.kernel_ends(typeid(Kernel), n_items);
}

#else

template <typename Kernel>
void launch_blocks(Context& context, std::int64_t n_blocks, int n_threads, std::size_t shared_bytes,
                   std::int64_t n_items, const Kernel& kernel) {
    if (n_blocks == 0) return;
    if (n_threads % 32 != 0 || n_threads > Kernel::most_threads || shared_bytes > context.shared_memory())
        throw Error(ErrorCode::internal, "a kernel asks for more threads or memory than a block may have");
    context.kernel_begins();
    // Bytes that make NaN, for each block anew: what is read must have been written. Those behind the end
    // must stay as they are.
    constexpr std::size_t behind = 256;
    std::vector<std::byte> memory(shared_bytes + behind + 16);
    auto* shared =
        reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(memory.data()) + 15) / 16 * 16);
    for (std::int64_t block = 0; block < n_blocks; ++block) {
        std::fill(memory.begin(), memory.end(), std::byte{0xff});
        kernel(Block{block, n_threads, shared});
        for (std::size_t k = 0; k < behind; ++k)
            if (shared[shared_bytes + k] != std::byte{0xff})
                throw Error(ErrorCode::internal, "a kernel wrote behind its shared memory");
    }
    context.kernel_ends(typeid(Kernel), n_items);
}

#endif

}  // namespace tektite::cuda
