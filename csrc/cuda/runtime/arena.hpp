// SPDX-License-Identifier: BSD-3-Clause
// One piece of device memory cut into arrays, and tables that stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "cuda/runtime/context.hpp"

namespace tektite::cuda {

/// Hands out arrays one after another. Without memory it only counts: the same code lays out and measures.
class Arena {
public:
    Arena() = default;
    explicit Arena(std::byte* memory) : memory_(memory) {}

    template <typename T>
    T* take(std::size_t n) {
        T* array = memory_ != nullptr ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
        used_ += (n * sizeof(T) + 255) / 256 * 256;
        return array;
    }
    [[nodiscard]] std::size_t used() const { return used_; }

private:
    std::byte* memory_ = nullptr;
    std::size_t used_ = 0;
};

/// Arrays that are uploaded once.
class Tables {
public:
    explicit Tables(Context& context) : context_(context) {}

    /// A copy on the device; null if there are no values.
    template <typename T>
    const T* put(const T* values, std::size_t n) {
        if (n == 0 || values == nullptr) return nullptr;
        DeviceArray<std::byte>& array = arrays_.emplace_back(context_);
        array.upload(reinterpret_cast<const std::byte*>(values), n * sizeof(T));
        return reinterpret_cast<const T*>(array.data());
    }

private:
    Context& context_;
    std::list<DeviceArray<std::byte>> arrays_;
};

}  // namespace tektite::cuda
