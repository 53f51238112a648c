// SPDX-License-Identifier: BSD-3-Clause
// Centres of a cluster grouped by species and cut into blocks for the SIMD lanes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tektite/potential.hpp"

namespace tektite {

/// The centres whose species is not negative, sorted by species (in the order of the cluster within one).
/// Memory is kept between builds.
class CenterBlocks {
public:
    /// Throws Error(unknown_species) naming an atom whose species is n_species or more.
    void build(const Cluster& cluster, int n_species, int lanes);

    [[nodiscard]] int size() const { return static_cast<int>(begin_.size()) - 1; }
    /// Atom indices of block b: at most `lanes`, all of one species.
    [[nodiscard]] std::span<const std::int32_t> operator[](int b) const {
        const auto first = static_cast<std::size_t>(begin_[static_cast<std::size_t>(b)]);
        const auto last = static_cast<std::size_t>(begin_[static_cast<std::size_t>(b) + 1]);
        return {order_.data() + first, last - first};
    }
    /// Bytes held now.
    [[nodiscard]] std::size_t memory() const {
        return (order_.capacity() + begin_.capacity() + species_begin_.capacity()) * sizeof(std::int32_t);
    }

private:
    std::vector<std::int32_t> order_;          // centres
    std::vector<std::int32_t> begin_{0};       // blocks in order_
    std::vector<std::int32_t> species_begin_;  // while building
};

}  // namespace tektite
