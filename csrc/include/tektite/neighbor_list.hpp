// SPDX-License-Identifier: BSD-3-Clause
// Neighbour lists by cell lists, O(N), for any cell and any mixture of periodic and free directions.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "tektite/potential.hpp"

namespace tektite {

/// The box of a system. Rows of `cell` are the lattice vectors (angstrom). A direction that is not
/// periodic may have a zero vector. Left-handed cells are allowed.
struct Box {
    std::array<std::array<double, 3>, 3> cell{};
    std::array<bool, 3> periodic{};
};

/// All ordered pairs (i, j, S) with |r_j - r_i + S.cell| < cutoff, in rows by i, without the pairs of an atom
/// with itself (i = j and S = 0). Two atoms on the same place are a pair of distance 0; a pair whose
/// distance, as rounded in double precision, equals the cutoff is none (both as in ASE). With (i, j, S) there
/// is always (j, i, -S). Positions need not lie in the box; the shifts S refer to the positions as given, as
/// in ASE, and are zero along free directions. Memory is kept between builds.
class NeighborList {
public:
    NeighborList();
    ~NeighborList();
    NeighborList(NeighborList&&) noexcept;
    NeighborList& operator=(NeighborList&&) noexcept;

    /// Builds the list. positions: [n][3] angstrom. n_threads >= 1. The list and its order do not depend on
    /// n_threads or on the instruction set (TEKTITE_ISA). After an exception the list is empty. Throws
    /// Error(invalid_argument): cutoff not positive or not finite, n_threads < 1, size of positions not a
    /// multiple of 3, periodic direction with a zero or linearly dependent vector, an atom more than 1e15
    /// angstrom or 1e9 cells away, more than 2e9 atoms and images; Error(not_finite): names the first atom
    /// with a non-finite position; Error(out_of_memory).
    void build(std::span<const double> positions, const Box& box, double cutoff, int n_threads = 1);

    /// Verlet skin: builds with cutoff + skin (angstrom, skin >= 0) and afterwards rebuilds only when a pair
    /// that is not listed may have come within the cutoff, else only updates shift_vectors() for the present
    /// cell. Returns true if it rebuilt.
    ///
    /// With F the affine map from the cell of the last build to the present one, sigma its smallest singular
    /// value and u_i = r_i - r_i(last build).F, no unlisted pair is closer than sigma (cutoff + skin) - |u_i|
    /// - |u_j|: the list holds as long as the two largest |u| add up to no more than that less the cutoff
    /// (skin, if the cell is unchanged). Atoms that were wrapped into the cell by the caller in between count
    /// as moved.
    bool update(std::span<const double> positions, const Box& box, double cutoff, double skin,
                int n_threads = 1);

    [[nodiscard]] std::size_t n_atoms() const;
    [[nodiscard]] std::size_t n_edges() const;
    /// Neighbours of each atom: [n_atoms].
    [[nodiscard]] std::span<const std::int32_t> counts() const;
    /// Neighbours j of atom i. Rows lie in memory in an order of space, not of i; within a row, neighbours
    /// that are close to each other in space tend to follow each other.
    [[nodiscard]] std::span<const std::int32_t> neighbors(std::size_t i) const;
    /// Shift index of each neighbour of atom i: a row of shift_table() and shift_vectors().
    [[nodiscard]] std::span<const std::int32_t> shifts(std::size_t i) const;
    /// [n_shifts] integer S of each shift index. May contain shifts that no pair has.
    [[nodiscard]] std::span<const std::array<std::int32_t, 3>> shift_table() const;
    /// [n_shifts][3] S.cell in angstrom.
    [[nodiscard]] std::span<const double> shift_vectors() const;
    /// Bytes held now.
    [[nodiscard]] std::size_t memory() const;

    /// Fills the edge part of a Cluster (rows, counts, shifts); the rest is the caller's. The spans point
    /// into this object.
    void attach(Cluster& cluster) const;

private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace tektite
