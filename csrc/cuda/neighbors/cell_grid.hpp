// SPDX-License-Identifier: BSD-3-Clause
// Sites sorted into cells, and the kernels that sort them and look for neighbours.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/edges/edge_rows.hpp"
#include "cuda/edges/problems.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

/// Cells are at least half of the search radius wide: neighbours lie within `reach` = 2 cells. A range of
/// cells along x is one range of sorted sites.
struct CellGrid {
    static constexpr int reach = 2;
    double low[3];            ///< corner, angstrom
    double inverse_width[3];  ///< 1/angstrom
    std::int32_t n[3];        ///< cells

    [[nodiscard]] TEKTITE_HOST_DEVICE std::int32_t place(int d, double x) const {
        const double c = (x - low[d]) * inverse_width[d];
        return c <= 0 ? 0 : c >= n[d] ? n[d] - 1 : static_cast<std::int32_t>(c);
    }
    [[nodiscard]] TEKTITE_HOST_DEVICE std::uint32_t cell(const double* x) const {
        return static_cast<std::uint32_t>((place(2, x[2]) * n[1] + place(1, x[1])) * n[0] + place(0, x[0]));
    }
    [[nodiscard]] TEKTITE_HOST_DEVICE std::int32_t n_cells() const { return n[0] * n[1] * n[2]; }
};

/// Sites of periodic boxes: atom + S.cell. Threads: n_sites. 24 bytes read, 24 written, 18 flops a site.
struct PlaceSites {
    const double* positions;         ///< [n_atoms][3]
    const std::int32_t* site_atoms;  ///< [n_sites]
    const std::int32_t* shifts;      ///< [n_sites][3] S
    double cell[9];
    double* sites;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t p) const {
        const double* x = positions + 3 * static_cast<std::int64_t>(site_atoms[p]);
        const std::int32_t* s = shifts + 3 * p;
        for (int d = 0; d < 3; ++d)
            sites[3 * p + d] = x[d] + (s[0] * cell[d] + s[1] * cell[3 + d] + s[2] * cell[6 + d]);
    }
};

/// Lowest and highest coordinates of every n_out-th site: out[6][n_out]. Threads: n_out.
struct FindBounds {
    const double* sites;
    const std::int32_t* site_atoms;  ///< or null
    const std::int32_t* species;     ///< [n_atoms]; sites of unseen atoms are left out
    std::int64_t n_sites, n_out;
    double* out;
    Problems* problems;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        double low[3] = {1e300, 1e300, 1e300}, high[3] = {-1e300, -1e300, -1e300};
        for (std::int64_t p = thread; p < n_sites; p += n_out) {
            const std::int64_t atom = site_atoms != nullptr ? site_atoms[p] : p;
            if (species[atom] < 0) continue;
            for (int d = 0; d < 3; ++d) {
                const double x = sites[3 * p + d];
                if (!(x >= -1e15 && x <= 1e15)) {
                    atomic_min(&problems->position_not_finite, atom);
                    continue;
                }
                low[d] = x < low[d] ? x : low[d];
                high[d] = x > high[d] ? x : high[d];
            }
        }
        for (int d = 0; d < 3; ++d) {
            out[d * n_out + thread] = low[d];
            out[(3 + d) * n_out + thread] = high[d];
        }
    }
};

/// The cell of each site, and n_cells for sites of atoms that the model does not see. Threads: n_sites.
struct AssignCells {
    CellGrid grid;
    const double* sites;
    const std::int32_t* site_atoms;
    const std::int32_t* species;
    std::uint32_t* keys;
    std::int32_t* order;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t p) const {
        const std::int64_t atom = site_atoms != nullptr ? site_atoms[p] : p;
        keys[p] = species[atom] < 0 ? static_cast<std::uint32_t>(grid.n_cells()) : grid.cell(sites + 3 * p);
        order[p] = static_cast<std::int32_t>(p);
    }
};

/// begin[c] = first k with keys[k] >= c, for sorted keys. Threads: one more than there are values of c.
struct FindRanges {
    const std::uint32_t* keys;
    std::int64_t n;
    std::int32_t* begin;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t c) const {
        std::int64_t low = 0, high = n;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            if (keys[middle] < static_cast<std::uint32_t>(c))
                low = middle + 1;
            else
                high = middle;
        }
        begin[c] = static_cast<std::int32_t>(low);
    }
};

/// Positions and species in the order of the cells. Threads: number of sites.
struct SortSites {
    const double* sites;
    const std::int32_t* site_atoms;
    const std::int32_t* species;
    const std::int32_t* order;
    double* sorted;                ///< [n][3]
    std::int32_t* sorted_species;  ///< [n]

    TEKTITE_HOST_DEVICE void operator()(std::int64_t k) const {
        const std::int64_t p = order[k];
        for (int d = 0; d < 3; ++d) sorted[3 * k + d] = sites[3 * p + d];
        sorted_species[k] = species[site_atoms != nullptr ? site_atoms[p] : p];
    }
};

/// Keys that sort sites, in the order of the cells, by species of the centres; n_species for what is no
/// centre. Threads: n_sites.
struct CenterKeys {
    const std::int32_t* order;
    const std::int32_t* species;
    std::int64_t n_centers;
    int n_species;
    std::uint32_t* keys;
    std::int32_t* centers;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t k) const {
        const std::int32_t p = order[k];
        centers[k] = p;
        keys[k] = static_cast<std::uint32_t>(p < n_centers && species[p] >= 0 ? species[p] : n_species);
    }
};

/// The neighbours of one row: counts them, or writes them. Threads: n_rows. Every site in the (2 reach + 1)^3
/// cells around the centre is looked at: 15.6 volumes of the radius cubed, of which 4.2 are the sphere;
/// 28 bytes (shared with the threads next door) and 8 flops each.
struct FindNeighbors {
    CellGrid grid;
    const std::int32_t* cell_begin;
    const double* sorted;
    const std::int32_t* sorted_species;
    const std::int32_t* order;
    const double* sites;
    const std::int32_t* species;
    const double* squared_radii;  ///< [n_species][n_species], centre first, angstrom^2; 0: no interaction
    int n_species;
    const std::int32_t* centers;
    std::int32_t* counts;
    const std::int64_t* group_begin;  ///< null: only count
    std::int32_t* neighbors;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t row) const {
        const std::int32_t i = centers[row];
        const double* x = sites + 3 * static_cast<std::int64_t>(i);
        const double* radii = squared_radii + static_cast<std::int64_t>(species[i]) * n_species;
        const auto clamp = [](std::int32_t v, std::int32_t n) { return v < 0 ? 0 : v >= n ? n - 1 : v; };
        std::int32_t low[3], high[3];
        for (int d = 0; d < 3; ++d) {
            const std::int32_t c = grid.place(d, x[d]);
            low[d] = clamp(c - CellGrid::reach, grid.n[d]);
            high[d] = clamp(c + CellGrid::reach, grid.n[d]);
        }
        const std::int64_t first =
            group_begin != nullptr ? group_begin[row / row_group] + row % row_group : 0;
        std::int32_t count = 0;
        for (std::int32_t cz = low[2]; cz <= high[2]; ++cz)
            for (std::int32_t cy = low[1]; cy <= high[1]; ++cy) {
                const std::int32_t line = (cz * grid.n[1] + cy) * grid.n[0];
                const std::int32_t end = cell_begin[line + high[0] + 1];
                for (std::int32_t k = cell_begin[line + low[0]]; k < end; ++k) {
                    const double dx = sorted[3 * static_cast<std::int64_t>(k)] - x[0];
                    const double dy = sorted[3 * static_cast<std::int64_t>(k) + 1] - x[1];
                    const double dz = sorted[3 * static_cast<std::int64_t>(k) + 2] - x[2];
                    if (!(dx * dx + dy * dy + dz * dz < radii[sorted_species[k]])) continue;
                    const std::int32_t site = order[k];
                    if (site == i) continue;
                    if (group_begin != nullptr) neighbors[first + count * row_group] = site;
                    ++count;
                }
            }
        counts[row] = count;
    }
};

/// Words that each group of rows takes, and the longest row of each. Threads: n_groups.
struct SizeGroups {
    const std::int32_t* counts;
    std::int64_t n_rows;
    std::int64_t* sizes;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t group) const {
        std::int64_t longest = 0;
        for (std::int64_t row = group * row_group; row < (group + 1) * row_group && row < n_rows; ++row)
            longest = counts[row] > longest ? counts[row] : longest;
        sizes[group] = longest * row_group;
    }
};

/// Largest of every n_out-th value. Threads: n_out.
struct FindLargest {
    const std::int64_t* values;
    std::int64_t n, n_out;
    std::int64_t* out;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        std::int64_t largest = 0;
        for (std::int64_t k = thread; k < n; k += n_out) largest = values[k] > largest ? values[k] : largest;
        out[thread] = largest;
    }
};

/// The first atom that is further than a distance from where it was, moved with the cell. Threads: n_atoms.
struct FindMoved {
    const double *positions, *before;
    const std::int32_t* species;
    double deformation[9];  ///< a row x of `before` has come to x deformation
    double squared_distance;
    std::int64_t* moved;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t atom) const {
        if (species[atom] < 0) return;
        double r2 = 0;
        for (int d = 0; d < 3; ++d) {
            double u = positions[3 * atom + d];
            for (int e = 0; e < 3; ++e) u -= before[3 * atom + e] * deformation[3 * e + d];
            r2 += u * u;
        }
        // What is not a number has moved, too.
        if (!(r2 <= squared_distance)) atomic_min(moved, atom);
    }
};

}  // namespace tektite::cuda
