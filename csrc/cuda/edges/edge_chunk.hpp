// SPDX-License-Identifier: BSD-3-Clause
// Centres that are computed together, one a thread, with their edges within the cutoff: the device's
// counterpart of neighbors/edge_block.hpp.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/edges/accumulator.hpp"
#include "cuda/edges/edge_rows.hpp"
#include "cuda/edges/problems.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

/// Arrays are [...][stride]: a thread's values are `stride` apart. Edges are sorted by the neighbour's
/// species; those of species s are the steps [species_begin[s], species_begin[s + 1]) of the thread.
struct EdgeChunk {
    std::int64_t first_row;  ///< thread t works on row first_row + t
    std::int64_t n_centers;  ///< threads
    std::int64_t stride;     ///< >= n_centers
    int center_species;
    int n_elements;
    int most_edges;                 ///< of a thread: extent of the edge arrays
    std::int32_t* species_begin;    ///< [n_elements + 1][stride]
    std::int32_t* neighbor;         ///< [most_edges][stride] sites
    double *x, *y, *z;              ///< [most_edges][stride] r_j - r_i, angstrom
    double *dE_dx, *dE_dy, *dE_dz;  ///< [most_edges][stride] dE_i/dr_ij, eV/angstrom: the model writes them
};

/// Bytes of an EdgeChunk for each centre.
inline std::size_t chunk_bytes(int n_elements, int most_edges) {
    return static_cast<std::size_t>(most_edges) * (6 * sizeof(double) + sizeof(std::int32_t)) +
           (static_cast<std::size_t>(n_elements) + 1) * sizeof(std::int32_t);
}

/// Fills a chunk with the edges that are shorter than the cutoffs. Threads: n_centers.
///
/// 8 flops an edge of the list; reads 4 bytes of the list and 24 of a position for each (twice with several
/// species), writes 28 for each edge within the cutoff.
struct GatherEdges {
    EdgeRows rows;
    EdgeChunk chunk;
    const std::int32_t*
        species_map;  ///< [species of the whole model] species of this one, < 0: unseen; or null
    const double* squared_cutoffs;  ///< [n_elements] for this centre species, angstrom^2; 0: no interaction
    Problems* problems;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const std::int64_t row = chunk.first_row + thread, first = rows.first(row);
        const std::int32_t count = rows.counts[row], i = rows.centers[row];
        const double* center = rows.sites + 3 * static_cast<std::int64_t>(i);
        const double x_i = center[0], y_i = center[1], z_i = center[2];
        std::int32_t* begin = chunk.species_begin + thread;
        const auto edge = [&](std::int32_t k, std::int32_t& site, double& x, double& y, double& z) {
            const std::int64_t place = first + k * row_group;
            site = rows.neighbors[place];
            const double* other = rows.sites + 3 * static_cast<std::int64_t>(site);
            x = other[0] - x_i;
            y = other[1] - y_i;
            z = other[2] - z_i;
            if (rows.shifts != nullptr) {
                const double* shift = rows.shift_vectors + 3 * static_cast<std::int64_t>(rows.shifts[place]);
                x = other[0] + shift[0] - x_i;
                y = other[1] + shift[1] - y_i;
                z = other[2] + shift[2] - z_i;
            }
            std::int32_t s = rows.species[rows.atom(site)];
            if (s >= 0 && species_map != nullptr) s = species_map[s];
            if (s < 0) return s;
            const double r2 = x * x + y * y + z * z;
            if (!(r2 > 0.0)) report(i, rows.atom(site), r2);
            return r2 < squared_cutoffs[s] ? s : -1;
        };
        for (int s = 0; s <= chunk.n_elements; ++s) begin[s * chunk.stride] = 0;
        std::int32_t site;
        double x, y, z;
        if (chunk.n_elements > 1) {
            // First how many of each species; begin[s + 1] counts species s, and then runs through its
            // places.
            for (std::int32_t k = 0; k < count; ++k) {
                const std::int32_t s = edge(k, site, x, y, z);
                if (s >= 0 && s + 2 <= chunk.n_elements) ++begin[(s + 2) * chunk.stride];
            }
            for (int s = 2; s <= chunk.n_elements; ++s)
                begin[s * chunk.stride] += begin[(s - 1) * chunk.stride];
        }
        for (std::int32_t k = 0; k < count; ++k) {
            const std::int32_t s = edge(k, site, x, y, z);
            if (s < 0) continue;
            const std::int64_t place = begin[(s + 1) * chunk.stride]++ * chunk.stride + thread;
            chunk.neighbor[place] = site;
            chunk.x[place] = x;
            chunk.y[place] = y;
            chunk.z[place] = z;
        }
    }

private:
    TEKTITE_HOST_DEVICE void report(std::int32_t i, std::int32_t j, double r2) const {
        if (r2 == 0.0) {
            const std::int64_t low = i < j ? i : j, high = i < j ? j : i;
            atomic_min(&problems->same_place, (low << 32) + high);
            return;
        }
        for (const std::int32_t atom : {i, j}) {
            const double* p = rows.sites + 3 * static_cast<std::int64_t>(atom);
            if (!(std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2])))
                atomic_min(&problems->position_not_finite, atom);
        }
    }
};

/// Turns dE_i/dr_ij of a chunk into forces and virials: the sign conventions are those of
/// tektite/potential.hpp. Threads: n_centers.
///
/// 3 flops an edge for forces, 12 more for the virial; reads 28 to 52 bytes an edge, and 3 atomic additions
/// to the neighbour's force (the centre's own sum takes 3 for all its edges).
struct ScatterEdges {
    EdgeRows rows;
    EdgeChunk chunk;
    Accumulator forces;               ///< [n_atoms][3], or without values
    Accumulator atom_virials;         ///< [n_atoms][9], or without values
    Accumulator atom_virials_halved;  ///< [n_atoms][6], or without values
    double* virials;                  ///< [9][stride] of each centre; or null
    const double* factors;            ///< [atom] of each centre's energy; or null

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const std::int64_t i = rows.centers[chunk.first_row + thread];
        const std::int32_t n = chunk.species_begin[chunk.n_elements * chunk.stride + thread];
        const double factor = factors != nullptr ? factors[i] : 1.0;
        const bool any_virial = virials != nullptr || atom_virials.wanted() || atom_virials_halved.wanted();
        double force[3] = {};
        double virial[9] = {};
        for (std::int32_t k = 0; k < n; ++k) {
            const std::int64_t p = k * chunk.stride + thread;
            const std::int64_t j = rows.atom(chunk.neighbor[p]);
            const double g[3] = {factor * chunk.dE_dx[p], factor * chunk.dE_dy[p], factor * chunk.dE_dz[p]};
            if (forces.wanted())
                for (int d = 0; d < 3; ++d) {
                    force[d] += g[d];
                    forces.add(3 * j + d, -g[d], j);
                }
            if (!any_virial) continue;
            const double r[3] = {chunk.x[p], chunk.y[p], chunk.z[p]};
            double w[9];
            for (int c = 0; c < 9; ++c) {
                w[c] = -r[c / 3] * g[c % 3];
                virial[c] += w[c];
            }
            if (atom_virials.wanted())
                for (int c = 0; c < 9; ++c) atom_virials.add(9 * j + c, w[c], j);
            if (atom_virials_halved.wanted()) {
                const double v[6] = {
                    w[0], w[4], w[8], 0.5 * (w[1] + w[3]), 0.5 * (w[2] + w[6]), 0.5 * (w[5] + w[7])};
                for (int c = 0; c < 6; ++c) {
                    atom_virials_halved.add(6 * i + c, 0.5 * v[c], i);
                    atom_virials_halved.add(6 * j + c, 0.5 * v[c], j);
                }
            }
        }
        if (forces.wanted())
            for (int d = 0; d < 3; ++d) forces.add(3 * i + d, force[d], i);
        if (virials != nullptr)
            for (int c = 0; c < 9; ++c) virials[c * chunk.stride + thread] = virial[c];
    }
};

}  // namespace tektite::cuda
