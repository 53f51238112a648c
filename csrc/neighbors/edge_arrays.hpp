// SPDX-License-Identifier: BSD-3-Clause
// A neighbour list as flat arrays, one entry a pair, sorted by i.
#pragma once

#include <cstdint>
#include <span>

#include "neighbors/parallel.hpp"
#include "tektite/neighbor_list.hpp"

namespace tektite {

/// Where to write; null: not wanted. Rows of atom i follow those of i - 1.
struct EdgeArrays {
    std::int64_t* i = nullptr;  ///< [n]
    std::int64_t* j = nullptr;  ///< [n]
    double* d = nullptr;        ///< [n] |D|, angstrom
    double* D = nullptr;        ///< [n][3] r_j - r_i + S.cell, angstrom
    std::int32_t* S = nullptr;  ///< [n][3]
};

/// Writes the n = list.n_edges() pairs of a list; with self_pairs, each row begins with (i, i, S = 0) and
/// n = list.n_edges() + list.n_atoms(). positions: [n_atoms][3] angstrom, those that the list was built for
/// (or updated to).
void write_edges(const NeighborList& list, std::span<const double> positions, bool self_pairs,
                 const EdgeArrays& arrays, Parallel& parallel);

}  // namespace tektite
