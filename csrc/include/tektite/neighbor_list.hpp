// SPDX-License-Identifier: BSD-3-Clause
// Neighbour lists by cell lists, O(N), for any cell and any mixture of periodic and free directions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tektite/potential.hpp"

namespace tektite {

/// The box of a system. Rows of `cell` are the lattice vectors (angstrom). A direction that is not
/// periodic may have a zero vector. Left-handed cells are allowed.
struct Box {
    std::array<std::array<double, 3>, 3> cell{};
    std::array<bool, 3> periodic{};
};

/// All ordered pairs (i, j, S) with 0 < |r_j + S.cell - r_i| < cutoff (i = j only with S != 0), in rows by i.
/// Memory is kept between builds. Positions need not lie in the box; shifts S refer to the positions
/// as given, as in ASE.
class NeighborList {
public:
    /// Builds the list. positions: [n][3] angstrom. n_threads >= 1. Within a row the order is
    /// deterministic and does not depend on n_threads.
    /// Throws Error(invalid_argument): cutoff not positive or not finite, periodic direction with a zero
    /// or linearly dependent vector; Error(not_finite): names the first atom with a non-finite position.
    void build(std::span<const double> positions, const Box& box, double cutoff, int n_threads = 1);

    /// Verlet skin: builds with cutoff + skin and afterwards rebuilds only when an atom may have moved by
    /// more than skin/2 (changes of the cell are accounted for exactly or force a rebuild), else only
    /// updates shift_vectors() for the present cell. Returns true if it rebuilt.
    bool update(std::span<const double> positions, const Box& box, double cutoff, double skin,
                int n_threads = 1);

    [[nodiscard]] std::size_t n_atoms() const { return first_.empty() ? 0 : first_.size() - 1; }
    [[nodiscard]] std::size_t n_edges() const { return neighbors_.size(); }
    [[nodiscard]] std::span<const std::int64_t> first() const { return first_; }  ///< [n+1]
    [[nodiscard]] std::span<const std::int32_t> neighbors() const { return neighbors_; }  ///< [n_edges] j
    [[nodiscard]] std::span<const std::int32_t> shifts() const { return shifts_; }  ///< [n_edges] shift index
    /// [n_shifts][3] integer S of each shift index.
    [[nodiscard]] std::span<const std::array<std::int32_t, 3>> shift_table() const { return shift_table_; }
    /// [n_shifts][3] S.cell in angstrom.
    [[nodiscard]] std::span<const double> shift_vectors() const { return shift_vectors_; }

    /// Fills the edge part of a Cluster (rows, counts, shifts); the rest is the caller's. The spans point
    /// into this object.
    void attach(Cluster& cluster) const;

private:
    std::vector<std::int64_t> first_;
    std::vector<std::int32_t> neighbors_, shifts_;
    std::vector<std::array<std::int32_t, 3>> shift_table_;
    std::vector<double> shift_vectors_;
    std::vector<const std::int32_t*> neighbor_rows_, shift_rows_;
    std::vector<std::int32_t> counts_;
    std::vector<double> reference_positions_;
    Box reference_box_;
    double reference_cutoff_ = 0, reference_skin_ = 0;
};

}  // namespace tektite
