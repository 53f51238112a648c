// SPDX-License-Identifier: BSD-3-Clause
// From blocks with a centre in each lane to rows of doubles, as hosts want them.
#pragma once

#include <cstddef>

#include "base/instruction_sets.hpp"

namespace tektite::rows {

template <typename T>
struct Kernels {
    /// Copies values[n][lanes] to rows[lane][n]; nullptr: not that lane. lanes: those of one register
    /// (BlockDescriptor::lanes). past_caches: whole cache lines go to memory without being read into a cache
    /// first, for results that are too large to stay there; other threads see them after finish().
    /// Bytes moved a value of a row: 8 past the caches, 16 otherwise (a line is read before it is written).
    void (*write)(const T* values, std::size_t n, double* const* rows, bool past_caches);
    /// Waits until what this thread has written past the caches is in memory.
    void (*finish)();
};

const Kernels<double>& kernels(isa::baseline<Kernels<double>>);
const Kernels<double>& kernels(isa::avx2<Kernels<double>>);
const Kernels<double>& kernels(isa::avx512<Kernels<double>>);
const Kernels<float>& kernels(isa::baseline<Kernels<float>>);
const Kernels<float>& kernels(isa::avx2<Kernels<float>>);
const Kernels<float>& kernels(isa::avx512<Kernels<float>>);

}  // namespace tektite::rows
