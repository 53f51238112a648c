// SPDX-License-Identifier: BSD-3-Clause
// Memory that grows, keeps its size between uses, and is not filled with zeros first as a std::vector is.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tektite {

template <typename T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    /// Makes room for n values; what was there is lost if it has to grow.
    void resize(std::size_t n) {
        if (n > capacity_) {
            values_.reset();
            capacity_ = size_ = 0;
            values_.reset(allocate(n * sizeof(T)));
            capacity_ = n;
        }
        size_ = n;
    }
    [[nodiscard]] T* data() { return values_.get(); }
    [[nodiscard]] const T* data() const { return values_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] T& operator[](std::size_t i) { return values_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const { return values_[i]; }
    /// Bytes held.
    [[nodiscard]] std::size_t memory() const { return capacity_ * sizeof(T); }

private:
    // Where the system offers it, large buffers lie on large pages: a fresh list is touched once, and page
    // faults would take longer than filling it.
    static constexpr std::size_t large_page = std::size_t{2} << 20;
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    static T* allocate(std::size_t bytes) {
        const bool large = bytes >= 2 * large_page;
        const std::size_t alignment = large ? large_page : 64;
        void* p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        if (p == nullptr) throw std::bad_alloc();
#if defined(__linux__)
        if (large) ::madvise(p, bytes, MADV_HUGEPAGE);
#endif
        return static_cast<T*>(p);
    }
    std::unique_ptr<T[], Free> values_;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tektite
