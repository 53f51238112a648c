// SPDX-License-Identifier: BSD-3-Clause
// std::vector whose data start on a cache line, as SIMD loads want them.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace tektite {

template <typename T, std::size_t alignment = 64>
struct AlignedAllocator {
    using value_type = T;
    template <typename U>
    struct rebind {
        using other = AlignedAllocator<U, alignment>;
    };
    AlignedAllocator() = default;
    template <typename U>
    explicit(false) AlignedAllocator(const AlignedAllocator<U, alignment>&) noexcept {}
    T* allocate(std::size_t n) {
        return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{alignment}));
    }
    void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t{alignment}); }
    template <typename U>
    bool operator==(const AlignedAllocator<U, alignment>&) const noexcept {
        return true;
    }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace tektite
