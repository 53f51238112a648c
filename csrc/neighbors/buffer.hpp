// SPDX-License-Identifier: BSD-3-Clause
// Memory that grows, keeps its size between uses, and is not filled with zeros first as a std::vector is.
#pragma once

#include <cstddef>
#include <memory>

namespace tektite {

template <typename T>
class Buffer {
public:
    /// Makes room for n values; what was there is lost if it has to grow.
    void resize(std::size_t n) {
        if (n > capacity_) {
            values_.reset();
            values_ = std::make_unique_for_overwrite<T[]>(n);
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
    std::unique_ptr<T[]> values_;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tektite
