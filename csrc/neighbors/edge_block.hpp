// SPDX-License-Identifier: BSD-3-Clause
// A block of centres of one species with their edges, one centre a SIMD lane.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "tektite/potential.hpp"

namespace tektite {

/// Edges of up to `lanes` centres of one species. Edge arrays are [n_steps][lanes]: step k holds the k-th
/// edge of each lane. Edges are ordered by the neighbour's species; all edges of species s lie in the steps
/// [species_begin[s], species_begin[s + 1]), and lane b fills the first count(s, b) of them. The rest is
/// padding: neighbor = -1, r = (0, 0, pad_distance) beyond every cutoff; its gradient is ignored.
struct EdgeBlock {
    int lanes = 1;
    int n_centers = 0;  ///< lanes in use; the rest has no edges
    int center_species = 0;
    std::span<const std::int32_t> centers;  ///< [n_centers] atom indices
    int n_steps = 0;
    std::vector<int> species_begin;        ///< [n_elements + 1]
    std::vector<int> counts;               ///< [n_elements][lanes]
    AlignedVector<std::int32_t> neighbor;  ///< [n_steps][lanes] atom index, -1: padding
    AlignedVector<double> x, y, z;         ///< [n_steps][lanes] r_j + shift - r_i, angstrom
    AlignedVector<double> dE_dx, dE_dy,
        dE_dz;  ///< [n_steps][lanes] dE_i/dr_ij, eV/angstrom: the kernel writes them

    /// Work space of gather_edges: the edges lane by lane.
    AlignedVector<double> lane_x, lane_y, lane_z;
    AlignedVector<std::int32_t> lane_neighbor, lane_species;
    std::vector<double> limits;

    [[nodiscard]] int count(int species, int lane) const {
        return counts[static_cast<std::size_t>(species) * static_cast<std::size_t>(lanes) +
                      static_cast<std::size_t>(lane)];
    }
    [[nodiscard]] std::size_t memory() const;
};

/// Fills `block` with the edges of `centers` (all of species `center_species`) that are shorter than
/// squared_cutoffs[neighbour species] ([n_elements], angstrom^2; 0: no interaction).
/// isa: a resolved one, see base/cpu.hpp; the result does not depend on it.
/// Throws Error(not_finite) naming the atom if a distance is NaN and Error(invalid_argument) naming both
/// atoms if two coincide.
void gather_edges(const Cluster& cluster, std::span<const std::int32_t> centers, int center_species,
                  std::span<const double> squared_cutoffs, InstructionSet isa, EdgeBlock& block);

/// The one place where dE_i/dr_ij becomes forces and virials (sign conventions in tektite/potential.hpp).
/// `forces` etc. are those of `results`, or private buffers of a thread of the same shape.
void scatter_edges(const EdgeBlock& block, const Results& results);

}  // namespace tektite
