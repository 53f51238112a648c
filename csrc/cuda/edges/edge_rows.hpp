// SPDX-License-Identifier: BSD-3-Clause
// Neighbours of all centres as they lie in device memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/host_device.hpp"

namespace tektite::cuda {

/// Rows of one group lie side by side, so that threads that walk neighbouring rows read neighbouring words.
inline constexpr std::int64_t row_group = 32;

/// Row r belongs to centre centers[r]; its k-th neighbour is neighbors[group_begin[r / row_group] + k *
/// row_group
/// + r % row_group]. Rows are sorted by the species of the centre. A neighbour is the number of a site: an
/// atom or a periodic image of one.
struct EdgeRows {
    const std::int32_t* centers;      ///< [n_rows] atoms
    const std::int32_t* counts;       ///< [n_rows]
    const std::int64_t* group_begin;  ///< [n_groups]
    const std::int32_t* neighbors;    ///< sites
    const std::int32_t* shifts;       ///< as neighbors: rows of shift_vectors; or null
    const double* shift_vectors;      ///< [n_shifts][3], angstrom; or null
    const double* sites;              ///< [n_sites][3], angstrom; sites below n_atoms are the atoms
    const std::int32_t* site_atoms;   ///< [n_sites] the atom that a site is an image of; or null: itself
    const std::int32_t* species;      ///< [n_atoms]

    [[nodiscard]] TEKTITE_HOST_DEVICE std::int64_t first(std::int64_t row) const {
        return group_begin[row / row_group] + row % row_group;
    }
    [[nodiscard]] TEKTITE_HOST_DEVICE std::int32_t atom(std::int32_t site) const {
        return site_atoms != nullptr ? site_atoms[site] : site;
    }
};

}  // namespace tektite::cuda
