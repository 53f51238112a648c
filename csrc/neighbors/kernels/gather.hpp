// SPDX-License-Identifier: BSD-3-Clause
// Distance test and compaction of neighbour rows, once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instruction_sets.hpp"

namespace tektite::edges {

/// Plain pointers into a Cluster, for one block of centres.
struct GatherInput {
    const double* positions;
    const std::int32_t* species;
    const std::int32_t* const* neighbor_rows;  ///< by atom
    const std::int32_t* neighbor_counts;       ///< by atom
    std::int32_t neighbor_mask;
    const std::int32_t* const* shift_rows;  ///< by atom, or null
    const double* shift_vectors;
    const std::int32_t* centers;
    int n_centers;
    const double* squared_cutoffs;  ///< [n_species + 1]; entry s + 1 belongs to species s, entry 0 is 0
    int n_species;
};

/// The edges of each lane inside the cutoffs, one lane after the other with `stride` places each; whole
/// registers are written, so stride must exceed the longest row by at least 16.
struct CompactEdges {
    std::size_t stride;
    double *x, *y, *z;       ///< [lanes][stride]
    std::int32_t* neighbor;  ///< [lanes][stride]
    std::int32_t* species;   ///< [lanes][stride]; written if n_species > 1
    std::int32_t* count;     ///< [lanes]
};

struct KernelTable {
    /// Returns false if some distance to an atom that the model sees is zero or not a number.
    bool (*compact)(const GatherInput& input, const CompactEdges& out);
    /// Writes [n_steps][lanes] from lanes of one species, filling up with padding (neighbour -1, z = pad).
    void (*interleave)(const CompactEdges& edges, int lanes, int n_steps, double pad, double* x, double* y,
                       double* z, std::int32_t* neighbor);
};

const KernelTable& kernels(isa::baseline<KernelTable>);
const KernelTable& kernels(isa::avx2<KernelTable>);
const KernelTable& kernels(isa::avx512<KernelTable>);

}  // namespace tektite::edges
