// SPDX-License-Identifier: BSD-3-Clause
#include "models/edge_block.hpp"

#include <cmath>
#include <string>

namespace tektite {

namespace {

/// Far outside any cutoff, but small enough that squares and products stay finite in float.
constexpr double pad_distance = 1.0e6;

struct Edge {
    std::int32_t neighbor;
    std::int32_t species;
    double x, y, z;
};

/// Kept between calls: a thread gathers its blocks one after the other.
thread_local std::vector<Edge> scratch;

[[noreturn]] void refuse(const Cluster& cluster, std::int32_t i, std::int32_t j, double r2) {
    const auto name = [](std::int32_t atom) { return std::to_string(atom); };
    for (std::int32_t atom : {i, j})
        for (int d = 0; d < 3; ++d)
            if (!std::isfinite(cluster.positions[3 * static_cast<std::size_t>(atom) + static_cast<std::size_t>(d)]))
                throw Error(ErrorCode::not_finite, "the position of atom " + name(atom) + " is not finite");
    if (r2 == 0.0)
        throw Error(ErrorCode::invalid_argument,
                    "atoms " + name(i) + " and " + name(j) + " are at the same place: move or delete one of them");
    throw Error(ErrorCode::not_finite, "the distance between atoms " + name(i) + " and " + name(j) + " is not finite");
}

}  // namespace

std::size_t EdgeBlock::memory() const {
    return neighbor.capacity() * sizeof(std::int32_t) + 6 * x.capacity() * sizeof(double) +
           (species_begin.capacity() + counts.capacity()) * sizeof(int);
}

void gather_edges(const Cluster& cluster, std::span<const std::int32_t> centers, int center_species,
                  std::span<const double> squared_cutoffs, EdgeBlock& block) {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const std::size_t n_species = squared_cutoffs.size();
    block.n_centers = static_cast<int>(centers.size());
    block.centers = centers;
    block.center_species = center_species;
    block.counts.assign(n_species * lanes, 0);
    block.species_begin.assign(n_species + 1, 0);

    // One pass over the rows: cutoff test and compaction, lane after lane.
    std::size_t total = 0;
    for (const std::int32_t i : centers) total += static_cast<std::size_t>(cluster.neighbor_counts[static_cast<std::size_t>(i)]);
    if (scratch.size() < total + 1) scratch.resize(total + 1);
    Edge* out = scratch.data();
    const double* positions = cluster.positions.data();
    const std::int32_t* species_of = cluster.species.data();
    const bool shifted = !cluster.shift_rows.empty();
    std::size_t lane_begin[65];  // lanes <= 64
    for (std::size_t b = 0; b < centers.size(); ++b) {
        lane_begin[b] = static_cast<std::size_t>(out - scratch.data());
        const std::int32_t i = centers[b];
        const auto ii = static_cast<std::size_t>(i);
        const double xi = positions[3 * ii], yi = positions[3 * ii + 1], zi = positions[3 * ii + 2];
        const std::int32_t* row = cluster.neighbor_rows[ii];
        const std::int32_t* shift_row = shifted ? cluster.shift_rows[ii] : nullptr;
        const std::int32_t n = cluster.neighbor_counts[ii];
        for (std::int32_t k = 0; k < n; ++k) {
            const std::int32_t j = row[k] & cluster.neighbor_mask;
            const double* rj = positions + 3 * static_cast<std::size_t>(j);
            double x = rj[0] - xi, y = rj[1] - yi, z = rj[2] - zi;
            if (shifted) {
                const double* s = cluster.shift_vectors.data() + 3 * static_cast<std::size_t>(shift_row[k]);
                x += s[0];
                y += s[1];
                z += s[2];
            }
            const double r2 = x * x + y * y + z * z;
            const std::int32_t species = species_of[j];
            if (!(r2 > 0.0)) refuse(cluster, i, j, r2);
            const bool inside = species >= 0 && r2 < squared_cutoffs[static_cast<std::size_t>(species < 0 ? 0 : species)];
            *out = {j, species, x, y, z};
            out += inside;
            if (inside) ++block.counts[static_cast<std::size_t>(species) * lanes + b];
        }
    }
    lane_begin[centers.size()] = static_cast<std::size_t>(out - scratch.data());

    for (std::size_t s = 0; s < n_species; ++s) {
        int steps = 0;
        for (std::size_t b = 0; b < lanes; ++b) steps = std::max(steps, block.counts[s * lanes + b]);
        block.species_begin[s + 1] = block.species_begin[s] + steps;
    }
    block.n_steps = block.species_begin[n_species];
    const std::size_t size = static_cast<std::size_t>(block.n_steps) * lanes;
    if (block.neighbor.size() < size) {
        block.neighbor.resize(size);
        for (auto* a : {&block.x, &block.y, &block.z, &block.dE_dx, &block.dE_dy, &block.dE_dz}) a->resize(size);
    }
    for (std::size_t b = 0; b < lanes; ++b) {
        if (n_species == 1) {
            std::size_t p = b;
            if (b < centers.size())
                for (const Edge *e = scratch.data() + lane_begin[b], *end = scratch.data() + lane_begin[b + 1]; e != end;
                     ++e, p += lanes) {
                    block.neighbor[p] = e->neighbor;
                    block.x[p] = e->x;
                    block.y[p] = e->y;
                    block.z[p] = e->z;
                }
        } else if (b < centers.size()) {
            std::vector<int>& next = block.species_begin;  // advanced here, restored below
            std::size_t filled[128];
            for (std::size_t s = 0; s < n_species; ++s) filled[s] = static_cast<std::size_t>(next[s]);
            for (const Edge *e = scratch.data() + lane_begin[b], *end = scratch.data() + lane_begin[b + 1]; e != end;
                 ++e) {
                const std::size_t p = filled[static_cast<std::size_t>(e->species)]++ * lanes + b;
                block.neighbor[p] = e->neighbor;
                block.x[p] = e->x;
                block.y[p] = e->y;
                block.z[p] = e->z;
            }
        }
        for (std::size_t s = 0; s < n_species; ++s)
            for (int k = block.species_begin[s] + block.counts[s * lanes + b]; k < block.species_begin[s + 1]; ++k) {
                const std::size_t p = static_cast<std::size_t>(k) * lanes + b;
                block.neighbor[p] = -1;
                block.x[p] = block.y[p] = 0.0;
                block.z[p] = pad_distance;
            }
    }
}

void scatter_edges(const EdgeBlock& block, const Results& results) {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const auto n_centers = static_cast<std::size_t>(block.n_centers);
    const std::size_t n_species = block.species_begin.size() - 1;
    double* forces = results.forces.empty() ? nullptr : results.forces.data();
    double* atom_virials = results.atom_virials.empty() ? nullptr : results.atom_virials.data();
    double* halved = results.atom_virials_halved.empty() ? nullptr : results.atom_virials_halved.data();
    double virial[9] = {};
    for (std::size_t b = 0; b < n_centers; ++b) {
        const auto i = static_cast<std::size_t>(block.centers[b]);
        double fx = 0, fy = 0, fz = 0;
        for (std::size_t s = 0; s < n_species; ++s) {
            const auto begin = static_cast<std::size_t>(block.species_begin[s]);
            const std::size_t end = begin + static_cast<std::size_t>(block.counts[s * lanes + b]);
            for (std::size_t p = begin * lanes + b; p < end * lanes; p += lanes) {
                const auto j = static_cast<std::size_t>(block.neighbor[p]);
                const double gx = block.dE_dx[p], gy = block.dE_dy[p], gz = block.dE_dz[p];
                if (forces != nullptr) {
                    fx += gx;
                    fy += gy;
                    fz += gz;
                    forces[3 * j] -= gx;
                    forces[3 * j + 1] -= gy;
                    forces[3 * j + 2] -= gz;
                }
                if (results.virial == nullptr && atom_virials == nullptr && halved == nullptr) continue;
                const double x = block.x[p], y = block.y[p], z = block.z[p];
                const double w[9] = {-x * gx, -x * gy, -x * gz, -y * gx, -y * gy, -y * gz, -z * gx, -z * gy, -z * gz};
                for (std::size_t c = 0; c < 9; ++c) virial[c] += w[c];
                if (atom_virials != nullptr)
                    for (std::size_t c = 0; c < 9; ++c) atom_virials[9 * j + c] += w[c];
                if (halved != nullptr) {
                    const double v[6] = {w[0], w[4], w[8], 0.5 * (w[1] + w[3]), 0.5 * (w[2] + w[6]), 0.5 * (w[5] + w[7])};
                    for (std::size_t c = 0; c < 6; ++c) {
                        halved[6 * i + c] += 0.5 * v[c];
                        halved[6 * j + c] += 0.5 * v[c];
                    }
                }
            }
        }
        if (forces != nullptr) {
            forces[3 * i] += fx;
            forces[3 * i + 1] += fy;
            forces[3 * i + 2] += fz;
        }
    }
    if (results.virial != nullptr)
        for (std::size_t c = 0; c < 9; ++c) results.virial[c] += virial[c];
}

}  // namespace tektite
