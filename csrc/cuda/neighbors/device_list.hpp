// SPDX-License-Identifier: BSD-3-Clause
// Neighbour lists on the device: from atoms and ghosts, from a periodic box, or from a host's edges.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/edges/edge_rows.hpp"
#include "cuda/edges/problems.hpp"
#include "cuda/runtime/algorithms.hpp"
#include "cuda/runtime/context.hpp"
#include "tektite/device_potential.hpp"

namespace tektite::cuda {

struct CellGrid;

/// Keeps positions, species and rows of neighbours on the device.
///
/// Memory in bytes, each site (atom, ghost or periodic image): positions 24, species 4, sorted copy 28, keys
/// and orders 24, positions when the list was made 24; periodic boxes: 40 more.
/// Each edge of the list, skin included: 4, times the unevenness of groups of 32 rows.
class DeviceList {
public:
    explicit DeviceList(Context& context);

    /// cutoffs: [n_species][n_species], centre first, angstrom; 0: no interaction. Makes the list or, where
    /// the old one still holds (see OpenCluster::list_number), takes over the positions. Problems with
    /// positions are left in `problems` (device memory). Throws Error(invalid_argument),
    /// Error(unknown_species), DeviceMemoryError.
    void update(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems);
    /// The edges of a host.
    void update(const Cluster& cluster, std::span<const double> cutoffs);

    [[nodiscard]] EdgeRows rows() const;
    [[nodiscard]] std::int64_t n_atoms() const { return n_atoms_; }
    /// Rows of the centres of one species: [row_begin(s), row_begin(s + 1)).
    [[nodiscard]] std::int64_t row_begin(int species) const {
        return row_begin_[static_cast<std::size_t>(species)];
    }
    [[nodiscard]] std::int64_t n_rows() const { return row_begin_.empty() ? 0 : row_begin_.back(); }
    /// Length of the longest row.
    [[nodiscard]] int most_edges() const { return most_edges_; }
    /// Words that the rows take; times that a list was made.
    [[nodiscard]] std::int64_t n_words() const { return n_words_; }
    [[nodiscard]] std::int64_t n_builds() const { return n_builds_; }
    /// The list is made anew at the next update.
    void forget() { valid_ = false; }

private:
    [[nodiscard]] bool due(const OpenCluster& cluster, std::span<const double> cutoffs);
    double find_moved(const Box& box, std::int64_t* found);
    void build(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems);
    void make_images(const OpenCluster& cluster, double radius);
    void place_sites(const Box& box);
    void find_rows(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems);
    [[nodiscard]] bool make_grid(double radius, CellGrid& grid, Problems* problems);

    Context& context_;
    Algorithms algorithms_;
    DeviceArray<double> positions_, sites_, before_, sorted_, shift_vectors_, squared_radii_, bounds_;
    DeviceArray<std::int32_t> species_, site_atoms_, site_shifts_, order_, sorted_species_, cell_begin_,
        centers_, counts_, neighbors_, shifts_, species_begin_;
    DeviceArray<std::uint32_t> keys_;
    DeviceArray<std::int64_t> group_sizes_, group_begin_, moved_;

    bool valid_ = false, from_host_ = false, shifted_ = false, periodic_ = false;
    std::int64_t n_atoms_ = 0, n_sites_ = 0, n_centers_ = 0, n_words_ = 0, n_builds_ = 0, list_number_ = 0;
    int n_species_ = 0, most_edges_ = 0;
    std::vector<std::int64_t> row_begin_;
    std::vector<std::int32_t> host_species_;  // of the last list, where it decides itself
    std::vector<double> cutoffs_;
    Box box_;
    double skin_ = 0;
};

}  // namespace tektite::cuda
