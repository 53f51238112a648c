// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/center_blocks.hpp"

#include <string>

namespace tektite {

void CenterBlocks::build(const Cluster& cluster, int n_species, int lanes) {
    const auto n = static_cast<std::size_t>(n_species);
    std::vector<std::int32_t>& begin = species_begin_;  // [n + 1]; shifted by one while counting and filling
    begin.assign(n + 2, 0);
    for (const std::int32_t i : cluster.centers) {
        const std::int32_t s = cluster.species[static_cast<std::size_t>(i)];
        if (s >= n_species)
            throw Error(ErrorCode::unknown_species, "atom " + std::to_string(i) + " has species index " +
                                                        std::to_string(s) + "; the model knows " +
                                                        std::to_string(n_species) + " elements");
        if (s >= 0) ++begin[static_cast<std::size_t>(s) + 2];
    }
    for (std::size_t s = 2; s < n + 2; ++s) begin[s] += begin[s - 1];
    order_.resize(static_cast<std::size_t>(begin[n + 1]));
    for (const std::int32_t i : cluster.centers) {
        const std::int32_t s = cluster.species[static_cast<std::size_t>(i)];
        if (s >= 0) order_[static_cast<std::size_t>(begin[static_cast<std::size_t>(s) + 1]++)] = i;
    }
    begin_.clear();
    for (std::size_t s = 0; s < n; ++s)
        for (std::int32_t c = begin[s]; c < begin[s + 1]; c += lanes) begin_.push_back(c);
    begin_.push_back(static_cast<std::int32_t>(order_.size()));
}

}  // namespace tektite
