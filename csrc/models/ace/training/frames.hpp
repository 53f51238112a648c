// SPDX-License-Identifier: BSD-3-Clause
// A data set with its neighbour lists, made once and used in every step of a training.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "neighbors/system_batch.hpp"
#include "tektite/potential.hpp"

namespace tektite::ace::training {

/// Frames with their edges: 8 bytes an edge and some 50 an atom. Immutable.
class Frames {
public:
    /// positions: [offsets.back()][3] angstrom; species: [offsets.back()] indices of elements; frame f has
    /// the atoms offsets[f] .. offsets[f + 1].
    /// Throws Error(invalid_argument) on sizes that do not fit or a species outside 0 .. n_elements - 1
    /// (names frame and atom), and what SystemBatch::build throws.
    Frames(std::vector<double> positions, std::vector<std::int32_t> species,
           std::vector<std::int64_t> offsets, std::span<const Box> boxes, int n_elements, double cutoff,
           int n_threads);
    Frames(const Frames&) = delete;
    Frames& operator=(const Frames&) = delete;

    [[nodiscard]] std::size_t size() const { return offsets_.size() - 1; }
    [[nodiscard]] const std::vector<std::int64_t>& offsets() const { return offsets_; }
    [[nodiscard]] std::size_t n_atoms(std::size_t frame) const {
        return static_cast<std::size_t>(offsets_[frame + 1] - offsets_[frame]);
    }
    [[nodiscard]] std::int32_t frame_of(std::int32_t atom) const {
        return frame_of_[static_cast<std::size_t>(atom)];
    }
    [[nodiscard]] double cutoff() const { return cutoff_; }
    [[nodiscard]] int n_elements() const { return n_elements_; }
    [[nodiscard]] std::size_t n_edges() const { return batch_.n_edges(); }
    /// Bytes held.
    [[nodiscard]] std::size_t memory() const;
    /// All frames as one cluster without centres.
    [[nodiscard]] const Cluster& cluster() const { return cluster_; }

private:
    std::vector<double> positions_;
    std::vector<std::int32_t> species_, frame_of_;
    std::vector<std::int64_t> offsets_;
    int n_elements_;
    double cutoff_;
    SystemBatch batch_;
    Cluster cluster_;
};

}  // namespace tektite::ace::training
