// SPDX-License-Identifier: BSD-3-Clause
// Memory for large results, used again when Python has dropped them.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tektite::python {

/// The system clears fresh memory, which takes longer than to fill it with gradients. Two arrays are kept,
/// not one: in `result = f()` within a loop the last result is still held while the next one is made.
class ReusedArrays {
public:
    /// An array without values that begins on a cache line, in memory that nobody holds any more if there is
    /// some of at most twice the size. The interpreter's lock must be held.
    [[nodiscard]] pybind11::array_t<double> take(const std::vector<pybind11::ssize_t>& shape) {
        pybind11::ssize_t size = 1;
        for (const pybind11::ssize_t n : shape) size *= n;
        Memory& memory = choose(size + padding);
        auto* begin = memory->mutable_data();
        const auto past = reinterpret_cast<std::uintptr_t>(begin) / sizeof(double) % line;
        return pybind11::array_t<double>(shape, begin + (line - past) % line, *memory);
    }

private:
    using Memory = std::optional<pybind11::array_t<double>>;
    static constexpr std::size_t line = 8;  // doubles in a cache line
    static constexpr pybind11::ssize_t padding = line - 1;

    static bool is_held(const Memory& memory) { return memory && memory->ref_count() > 1; }

    /// Memory of at least this size that is not held, made if need be in place of memory that does not fit.
    Memory& choose(pybind11::ssize_t size) {
        for (Memory& memory : kept_)
            if (memory && !is_held(memory) && memory->size() >= size && memory->size() / 2 <= size)
                return memory;
        Memory* replaced = &kept_[next_];
        for (Memory& memory : kept_)
            if (!memory) replaced = &memory;
        for (Memory& memory : kept_)
            if (memory && !is_held(memory)) replaced = &memory;
        next_ = replaced == &kept_[0] ? 1 : 0;
        replaced->reset();
        *replaced = pybind11::array_t<double>(size);
        return *replaced;
    }

    Memory kept_[2];
    std::size_t next_ = 0;  // which to replace if both are held
};

}  // namespace tektite::python
