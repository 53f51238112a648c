// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "cuda/neighbors/cell_grid.hpp"
#include "cuda/neighbors/device_list.hpp"
#include "cuda/runtime/launch.hpp"
#include "neighbors/images.hpp"
#include "neighbors/lattice.hpp"

namespace tektite::cuda {

namespace {

constexpr std::int64_t n_partial = 4096;

void check_species(std::span<const std::int32_t> species, int n_species) {
    for (std::size_t i = 0; i < species.size(); ++i)
        if (species[i] >= n_species)
            throw Error(ErrorCode::unknown_species, "atom " + std::to_string(i) + " has species index " +
                                                        std::to_string(species[i]) + "; the model knows " +
                                                        std::to_string(n_species) + " elements");
}

bool is_periodic(const Box& box) {
    return box.periodic[0] || box.periodic[1] || box.periodic[2];
}

std::size_t size(std::int64_t n) {
    return static_cast<std::size_t>(n);
}

/// F of x' = x F for the periodic vectors of two boxes; what is across them stays. Returns the norm of F - 1.
double deformation(const Box& from, const Box& to, double* F) {
    using Matrix = std::array<std::array<double, 3>, 3>;
    Matrix a{}, b{};
    std::size_t n = 0;
    const auto cross = [](const auto& u, const auto& v) {
        return std::array<double, 3>{u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                                     u[0] * v[1] - u[1] * v[0]};
    };
    for (std::size_t k = 0; k < 3; ++k)
        if (from.periodic[k]) {
            a[n] = from.cell[k];
            b[n++] = to.cell[k];
        }
    if (n == 1) {
        // The axis that is the furthest from the vector.
        std::size_t smallest = 0;
        for (std::size_t d = 1; d < 3; ++d)
            if (std::abs(a[0][d]) < std::abs(a[0][smallest])) smallest = d;
        std::array<double, 3> axis{};
        axis[smallest] = 1.0;
        a[1] = b[1] = cross(a[0], axis);
        ++n;
    }
    if (n == 2) a[2] = b[2] = cross(a[0], a[1]);
    double norm = 0;
    if (n > 0) {
        // The inverse of a has the columns a1 x a2, a2 x a0, a0 x a1 over the determinant.
        const Matrix columns{cross(a[1], a[2]), cross(a[2], a[0]), cross(a[0], a[1])};
        const double volume = a[0][0] * columns[0][0] + a[0][1] * columns[0][1] + a[0][2] * columns[0][2];
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t j = 0; j < 3; ++j) {
                // Of the difference: exactly 1 where the cell stays.
                double change = 0;
                for (std::size_t k = 0; k < 3; ++k) change += columns[k][i] / volume * (b[k][j] - a[k][j]);
                F[3 * i + j] = change + (i == j ? 1.0 : 0.0);
                norm += change * change;
            }
    } else {
        for (std::size_t k = 0; k < 9; ++k) F[k] = k % 4 == 0 ? 1.0 : 0.0;
    }
    return std::sqrt(norm);
}

}  // namespace

DeviceList::DeviceList(Context& context)
    : context_(context),
      algorithms_(context),
      positions_(context),
      sites_(context),
      before_(context),
      sorted_(context),
      shift_vectors_(context),
      squared_radii_(context),
      bounds_(context),
      species_(context),
      site_atoms_(context),
      site_shifts_(context),
      order_(context),
      sorted_species_(context),
      cell_begin_(context),
      centers_(context),
      counts_(context),
      neighbors_(context),
      shifts_(context),
      species_begin_(context),
      keys_(context),
      group_sizes_(context),
      group_begin_(context),
      moved_(context) {}

EdgeRows DeviceList::rows() const {
    return {centers_.data(),
            counts_.data(),
            group_begin_.data(),
            neighbors_.data(),
            from_host_ && shifted_ ? shifts_.data() : nullptr,
            shift_vectors_.data(),
            periodic_ ? sites_.data() : positions_.data(),
            periodic_ ? site_atoms_.data() : nullptr,
            species_.data()};
}

bool DeviceList::due(const OpenCluster& cluster, std::span<const double> cutoffs) {
    const auto n_atoms = static_cast<std::int64_t>(cluster.n_atoms());
    const bool same_kind = valid_ && !from_host_ && n_atoms == n_atoms_ && cluster.n_centers == n_centers_ &&
                           cluster.skin == skin_ && cluster.box.periodic == box_.periodic &&
                           cluster.list_number == list_number_ && std::ranges::equal(cutoffs, cutoffs_);
    if (!same_kind) return true;
    if (cluster.list_number != 0) return false;
    if (!std::ranges::equal(cluster.species, host_species_)) return true;
    const double allowed = find_moved(cluster.box, nullptr);
    if (allowed < 0) return true;
    std::int64_t moved = Problems::none;
    context_.download(&moved, moved_.data(), sizeof moved);
    return moved != Problems::none;
}

/// Looks for atoms that have moved so far, with the cell, that the list may lack a pair; tells `found`, or
/// moved_ if it is null. Returns how far they may; negative if the cell alone has changed too much.
///
/// A pair that was further apart than cutoff + skin is now further than (1 - e) (cutoff + skin) - 2 u, where
/// u is how far atoms have moved beyond the deformation F of the cell, and e the norm of F - 1, for F
/// shortens no vector by more.
double DeviceList::find_moved(const Box& box, std::int64_t* found) {
    FindMoved kernel{positions_.data(), before_.data(), species_.data(), {}, 0, found};
    const double e = deformation(box_, box, kernel.deformation);
    const double cutoff = cutoffs_.empty() ? 0.0 : *std::max_element(cutoffs_.begin(), cutoffs_.end());
    const double allowed = 0.5 * (skin_ - e * (cutoff + skin_));
    kernel.squared_distance = allowed >= 0 ? allowed * allowed : -1.0;  // -1: every atom is found
    if (found == nullptr) {
        if (!(allowed >= 0)) return allowed;
        moved_.upload(&Problems::none, 1);
        kernel.moved = moved_.data();
    }
    launch(context_, n_atoms_, kernel);
    return allowed;
}

void DeviceList::update(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems) {
    const auto n_atoms = static_cast<std::int64_t>(cluster.n_atoms());
    if (cluster.positions.size() != 3 * cluster.n_atoms())
        throw Error(ErrorCode::invalid_argument, "positions and species are of different sizes");
    if (n_atoms >= std::int64_t{1} << 31)
        throw Error(ErrorCode::invalid_argument, "more than 2^31 atoms on one device");
    if (cluster.n_centers < 0 || cluster.n_centers > n_atoms)
        throw Error(ErrorCode::invalid_argument, "n_centers is negative or above the number of atoms");
    if (!(cluster.skin >= 0) || !std::isfinite(cluster.skin))
        throw Error(ErrorCode::invalid_argument, "the skin is negative or not finite");
    positions_.upload(cluster.positions.data(), cluster.positions.size());
    if (due(cluster, cutoffs)) {
        valid_ = false;
        build(cluster, cutoffs, problems);
    } else {
        if (periodic_) place_sites(cluster.box);
        if (list_number_ != 0) find_moved(cluster.box, &problems->beyond_skin);
    }
}

void DeviceList::build(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems) {
    n_species_ = static_cast<int>(std::lround(std::sqrt(static_cast<double>(cutoffs.size()))));
    check_species(cluster.species, n_species_);
    ++n_builds_;
    from_host_ = false;
    n_atoms_ = static_cast<std::int64_t>(cluster.n_atoms());
    n_centers_ = cluster.n_centers;
    n_sites_ = n_atoms_;
    list_number_ = cluster.list_number;
    skin_ = cluster.skin;
    box_ = cluster.box;
    cutoffs_.assign(cutoffs.begin(), cutoffs.end());
    species_.upload(cluster.species.data(), cluster.species.size());
    const double cutoff = *std::max_element(cutoffs.begin(), cutoffs.end());
    periodic_ = is_periodic(box_);
    if (periodic_) {
        make_images(cluster, cutoff + skin_);
        place_sites(box_);
    }
    if (list_number_ == 0) host_species_.assign(cluster.species.begin(), cluster.species.end());
    before_.upload(cluster.positions.data(), cluster.positions.size());
    find_rows(cluster, cutoffs, problems);
    valid_ = true;
}

void DeviceList::make_images(const OpenCluster& cluster, double radius) {
    const ReducedLattice lattice = reduce_lattice(cluster.box);
    PeriodicImages images;
    Parallel parallel;
    images.build(cluster.positions, lattice, radius, parallel);
    n_sites_ = static_cast<std::int64_t>(images.n_points());
    std::vector<std::int32_t> atoms, shifts;
    atoms.reserve(size(n_sites_));
    shifts.reserve(3 * size(n_sites_));
    for (std::size_t p = 0; p < images.n_points(); ++p) {
        atoms.push_back(images.atom(p));
        const Integers3 offset = images.offset(p);
        for (std::size_t k = 0; k < 3; ++k) {
            std::int64_t s = 0;
            for (std::size_t v = 0; v < static_cast<std::size_t>(lattice.n); ++v)
                s += offset[v] * lattice.transform[v][k];
            shifts.push_back(static_cast<std::int32_t>(s));
        }
    }
    site_atoms_.upload(atoms.data(), atoms.size());
    site_shifts_.upload(shifts.data(), shifts.size());
}

void DeviceList::place_sites(const Box& box) {
    sites_.reserve(3 * size(n_sites_), 0.05);
    PlaceSites kernel{positions_.data(), site_atoms_.data(), site_shifts_.data(), {}, sites_.data()};
    for (std::size_t d = 0; d < 9; ++d) kernel.cell[d] = box.periodic[d / 3] ? box.cell[d / 3][d % 3] : 0.0;
    launch(context_, n_sites_, kernel);
}

/// False if there is no atom that the model sees.
bool DeviceList::make_grid(double radius, CellGrid& grid, Problems* problems) {
    const EdgeRows sites = rows();
    const std::int64_t n = std::min(n_sites_, n_partial);
    bounds_.reserve(6 * n_partial);
    launch(context_, n,
           FindBounds{sites.sites, sites.site_atoms, sites.species, n_sites_, n, bounds_.data(), problems});
    std::vector<double> bounds(6 * size(n));
    context_.download(bounds.data(), bounds_.data(), bounds.size() * sizeof(double));
    double width[3], low[3], high[3];
    for (std::size_t d = 0; d < 3; ++d) {
        const auto row = [&](std::size_t r) { return bounds.begin() + static_cast<std::ptrdiff_t>(r) * n; };
        low[d] = *std::min_element(row(d), row(d + 1));
        high[d] = *std::max_element(row(3 + d), row(4 + d));
        if (low[d] > high[d]) return false;
        width[d] = radius / CellGrid::reach * (1.0 + 1e-9);
    }
    // Atoms far apart: no more cells than a few for each site, for the memory of the ranges.
    const double most = 4.0 * static_cast<double>(n_sites_) + 64.0;
    const auto n_cells = [&](std::size_t d) { return std::floor((high[d] - low[d]) / width[d]) + 1.0; };
    while (n_cells(0) * n_cells(1) * n_cells(2) > std::min(most, 2e9)) {
        std::size_t widest = 0;
        for (std::size_t d = 1; d < 3; ++d)
            if (n_cells(d) > n_cells(widest)) widest = d;
        width[widest] *= 1.5;
    }
    for (std::size_t d = 0; d < 3; ++d) {
        grid.low[d] = low[d];
        grid.inverse_width[d] = 1.0 / width[d];
        grid.n[d] = static_cast<std::int32_t>(n_cells(d));
    }
    return true;
}

void DeviceList::find_rows(const OpenCluster& cluster, std::span<const double> cutoffs, Problems* problems) {
    const auto n_species = size(n_species_);
    row_begin_.assign(n_species + 1, 0);
    most_edges_ = 0;
    n_words_ = 0;
    if (n_atoms_ == 0) return;
    std::vector<double> squared(cutoffs.begin(), cutoffs.end());
    double largest = 0;
    for (double& c : squared) {
        largest = std::max(largest, c);
        c = c > 0 ? (c + skin_) * (c + skin_) : 0.0;
    }
    squared_radii_.upload(squared.data(), squared.size());
    CellGrid grid;
    if (!make_grid(std::max(largest + skin_, 1e-3), grid, problems)) return;

    const EdgeRows sites = rows();
    const std::size_t n = size(n_sites_);
    keys_.reserve(n, 0.05);
    order_.reserve(n, 0.05);
    launch(context_, n_sites_,
           AssignCells{grid, sites.sites, sites.site_atoms, sites.species, keys_.data(), order_.data()});
    const auto n_cells = static_cast<std::uint32_t>(grid.n_cells());
    algorithms_.sort(keys_.data(), order_.data(), n_sites_, std::bit_width(n_cells));
    cell_begin_.reserve(std::size_t{n_cells} + 1, 0.1);
    launch(context_, std::int64_t{n_cells} + 1, FindRanges{keys_.data(), n_sites_, cell_begin_.data()});
    sorted_.reserve(3 * n, 0.05);
    sorted_species_.reserve(n, 0.05);
    launch(context_, n_sites_,
           SortSites{sites.sites, sites.site_atoms, sites.species, order_.data(), sorted_.data(),
                     sorted_species_.data()});

    centers_.reserve(n, 0.05);
    launch(context_, n_sites_,
           CenterKeys{order_.data(), sites.species, cluster.n_centers, n_species_, keys_.data(),
                      centers_.data()});
    algorithms_.sort(keys_.data(), centers_.data(), n_sites_,
                     std::bit_width(static_cast<std::uint32_t>(n_species_)));
    species_begin_.reserve(n_species + 1);
    launch(context_, n_species_ + 1, FindRanges{keys_.data(), n_sites_, species_begin_.data()});
    std::vector<std::int32_t> begin(n_species + 1);
    context_.download(begin.data(), species_begin_.data(), begin.size() * sizeof(std::int32_t));
    row_begin_.assign(begin.begin(), begin.end());
    const std::int64_t n_rows = row_begin_.back();
    if (n_rows == 0) return;

    counts_.reserve(size(n_rows), 0.05);
    FindNeighbors search{grid,          cell_begin_.data(), sorted_.data(), sorted_species_.data(),
                         order_.data(), sites.sites,        sites.species,  squared_radii_.data(),
                         n_species_,    centers_.data(),    counts_.data(), nullptr,
                         nullptr};
    launch(context_, n_rows, search);
    const std::int64_t n_groups = (n_rows + row_group - 1) / row_group;
    group_sizes_.reserve(size(n_groups) + n_partial, 0.05);
    group_begin_.reserve(size(n_groups) + 1, 0.05);
    launch(context_, n_groups, SizeGroups{counts_.data(), n_rows, group_sizes_.data()});
    algorithms_.running_sum(group_sizes_.data(), group_begin_.data(), n_groups);
    const std::int64_t n_out = std::min(n_groups, n_partial);
    launch(context_, n_out,
           FindLargest{group_sizes_.data(), n_groups, n_out, group_sizes_.data() + n_groups});
    std::vector<std::int64_t> largest_groups(size(n_out));
    context_.download(largest_groups.data(), group_sizes_.data() + n_groups,
                      largest_groups.size() * sizeof(std::int64_t));
    context_.download(&n_words_, group_begin_.data() + n_groups, sizeof n_words_);
    most_edges_ =
        static_cast<int>(*std::max_element(largest_groups.begin(), largest_groups.end()) / row_group);
    neighbors_.reserve(size(n_words_), 0.05);
    search.group_begin = group_begin_.data();
    search.neighbors = neighbors_.data();
    launch(context_, n_rows, search);
}

void DeviceList::update(const Cluster& cluster, std::span<const double> cutoffs) {
    const auto n_species =
        static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(cutoffs.size()))));
    const auto n_atoms = cluster.n_atoms();
    if (cluster.positions.size() != 3 * n_atoms)
        throw Error(ErrorCode::invalid_argument, "positions and species are of different sizes");
    check_species(cluster.species, static_cast<int>(n_species));
    valid_ = false;
    from_host_ = true;
    periodic_ = false;
    n_atoms_ = n_sites_ = static_cast<std::int64_t>(n_atoms);
    n_species_ = static_cast<int>(n_species);
    ++n_builds_;
    positions_.upload(cluster.positions.data(), 3 * n_atoms);
    species_.upload(cluster.species.data(), n_atoms);

    row_begin_.assign(n_species + 1, 0);
    for (const std::int32_t i : cluster.centers)
        if (const std::int32_t s = cluster.species[static_cast<std::size_t>(i)]; s >= 0)
            ++row_begin_[static_cast<std::size_t>(s) + 1];
    for (std::size_t s = 0; s < n_species; ++s) row_begin_[s + 1] += row_begin_[s];
    const std::size_t n_rows = size(row_begin_.back());
    std::vector<std::int32_t> centers(n_rows), counts(n_rows);
    std::vector<std::int64_t> next(row_begin_.begin(), row_begin_.end() - 1);
    for (const std::int32_t i : cluster.centers) {
        const std::int32_t s = cluster.species[static_cast<std::size_t>(i)];
        if (s < 0) continue;
        const auto row = size(next[static_cast<std::size_t>(s)]++);
        centers[row] = i;
        counts[row] = cluster.neighbor_counts[static_cast<std::size_t>(i)];
    }
    std::vector<std::int64_t> group_begin{0};
    most_edges_ = 0;
    for (std::size_t row = 0; row < n_rows; row += row_group) {
        std::int32_t longest = 0;
        for (std::size_t r = row; r < std::min<std::size_t>(row + row_group, n_rows); ++r)
            longest = std::max(longest, counts[r]);
        most_edges_ = std::max<int>(most_edges_, longest);
        group_begin.push_back(group_begin.back() + longest * row_group);
    }
    n_words_ = group_begin.back();
    const bool shifted = !cluster.shift_rows.empty() && !cluster.shift_vectors.empty();
    std::vector<std::int32_t> neighbors(size(n_words_), 0), shifts(shifted ? size(n_words_) : 0, 0);
    for (std::size_t row = 0; row < n_rows; ++row) {
        const auto i = static_cast<std::size_t>(centers[row]);
        const std::size_t first = size(group_begin[row / row_group]) + row % row_group;
        for (std::size_t k = 0; k < static_cast<std::size_t>(counts[row]); ++k) {
            const std::int32_t j = cluster.neighbor_rows[i][k] & cluster.neighbor_mask;
            if (j < 0 || static_cast<std::size_t>(j) >= n_atoms)
                throw Error(ErrorCode::invalid_argument, "neighbour " + std::to_string(j) + " of atom " +
                                                             std::to_string(i) + " is not among the " +
                                                             std::to_string(n_atoms) + " atoms");
            neighbors[first + k * row_group] = j;
            if (shifted) shifts[first + k * row_group] = cluster.shift_rows[i][k];
        }
    }
    centers_.upload(centers.data(), n_rows);
    counts_.upload(counts.data(), n_rows);
    group_begin_.upload(group_begin.data(), group_begin.size());
    neighbors_.upload(neighbors.data(), neighbors.size());
    shifts_.upload(shifts.data(), shifts.size());
    shifted_ = shifted;
    if (shifted) shift_vectors_.upload(cluster.shift_vectors.data(), cluster.shift_vectors.size());
}

}  // namespace tektite::cuda
