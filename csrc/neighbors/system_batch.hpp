// SPDX-License-Identifier: BSD-3-Clause
// Many systems side by side as one cluster, so that small systems fill the lanes and threads of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "neighbors/parallel.hpp"
#include "tektite/neighbor_list.hpp"

namespace tektite {

/// The atoms of n systems one after another; no edge joins two systems. Memory is kept between builds.
class SystemBatch {
public:
    /// positions: [offsets.back()][3] angstrom; system s has the atoms offsets[s] .. offsets[s + 1]
    /// (offsets.size() = boxes.size() + 1, ascending from 0). The rows do not depend on n_threads.
    /// Throws Error(invalid_argument) on sizes that do not fit; what NeighborList::build throws, with the
    /// number of the system before the message (the atom is counted within the system).
    void build(std::span<const double> positions, std::span<const std::int64_t> offsets,
               std::span<const Box> boxes, double cutoff, int n_threads = 1);

    [[nodiscard]] std::size_t n_atoms() const { return counts_.size(); }
    [[nodiscard]] std::size_t n_edges() const;
    /// Bytes held now.
    [[nodiscard]] std::size_t memory() const;
    /// Fills the edge part of a Cluster (rows, counts, shifts); the rest is the caller's. The spans point
    /// into this object. Neighbours are numbered over the whole batch.
    void attach(Cluster& cluster) const;

private:
    /// Systems that one thread builds.
    struct Part {
        NeighborList list;
        std::vector<std::int32_t> neighbors, shifts;
        std::vector<double> shift_vectors;
        std::size_t first_atom = 0, last_atom = 0;
    };
    void build_part(Part& part, std::size_t first, std::size_t last, std::span<const double> positions,
                    std::span<const std::int64_t> offsets, std::span<const Box> boxes, double cutoff);

    Parallel parallel_;
    std::vector<Part> parts_;
    std::vector<std::int32_t> counts_;
    std::vector<const std::int32_t*> neighbor_rows_, shift_rows_;
    std::vector<double> shift_vectors_;
};

}  // namespace tektite
