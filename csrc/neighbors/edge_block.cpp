// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/edge_block.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/kernels_for.hpp"
#include "neighbors/kernels/gather.hpp"

namespace tektite {

namespace {

/// Far outside any cutoff, but small enough that squares and products stay finite in float.
constexpr double pad_distance = 1.0e6;
constexpr std::size_t max_lanes = 64;
constexpr std::size_t max_species = 128;

/// Finds the first impossible distance of the centres and says which atoms it concerns.
[[noreturn]] void refuse(const Cluster& cluster, std::span<const std::int32_t> centers) {
    const auto position = [&](std::size_t atom, std::size_t d) { return cluster.positions[3 * atom + d]; };
    for (const std::int32_t center : centers) {
        const auto i = static_cast<std::size_t>(center);
        for (std::int32_t k = 0; k < cluster.neighbor_counts[i]; ++k) {
            const auto j = static_cast<std::size_t>(cluster.neighbor_rows[i][k] & cluster.neighbor_mask);
            if (cluster.species[j] < 0) continue;
            double r2 = 0;
            for (std::size_t d = 0; d < 3; ++d) {
                double delta = position(j, d) - position(i, d);
                if (!cluster.shift_rows.empty())
                    delta +=
                        cluster.shift_vectors[3 * static_cast<std::size_t>(cluster.shift_rows[i][k]) + d];
                r2 += delta * delta;
            }
            if (r2 == 0.0)
                throw Error(ErrorCode::invalid_argument,
                            "atoms " + std::to_string(i) + " and " + std::to_string(j) +
                                " are at the same place: move or delete one of them");
            for (const std::size_t atom : {i, j})
                for (std::size_t d = 0; d < 3; ++d)
                    if (!std::isfinite(position(atom, d)))
                        throw Error(ErrorCode::not_finite,
                                    "the position of atom " + std::to_string(atom) + " is not finite");
        }
    }
    throw Error(ErrorCode::not_finite, "a distance between atoms is not finite");
}

}  // namespace

std::size_t EdgeBlock::memory() const {
    return neighbor.capacity() * sizeof(std::int32_t) + 6 * x.capacity() * sizeof(double) +
           lane_x.capacity() * (3 * sizeof(double) + 2 * sizeof(std::int32_t)) +
           (species_begin.capacity() + counts.capacity()) * sizeof(int);
}

void gather_edges(const Cluster& cluster, std::span<const std::int32_t> centers, int center_species,
                  std::span<const double> squared_cutoffs, InstructionSet isa, EdgeBlock& block) {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const std::size_t n_species = squared_cutoffs.size();
    const edges::KernelTable& kernels = kernels_for<edges::KernelTable>(isa);
    block.n_centers = static_cast<int>(centers.size());
    block.centers = centers;
    block.center_species = center_species;
    block.counts.assign(n_species * lanes, 0);
    block.species_begin.assign(n_species + 1, 0);
    block.limits.assign(1, 0.0);
    block.limits.insert(block.limits.end(), squared_cutoffs.begin(), squared_cutoffs.end());

    std::size_t longest = 0;
    for (const std::int32_t i : centers)
        longest =
            std::max(longest, static_cast<std::size_t>(cluster.neighbor_counts[static_cast<std::size_t>(i)]));
    const std::size_t stride = (longest + 31) / 16 * 16;
    if (block.lane_x.size() < stride * lanes) {
        for (auto* a : {&block.lane_x, &block.lane_y, &block.lane_z}) a->resize(stride * lanes);
        for (auto* a : {&block.lane_neighbor, &block.lane_species}) a->resize(stride * lanes);
    }
    std::int32_t counts[max_lanes] = {};
    const edges::GatherInput input{cluster.positions.data(),
                                   cluster.species.data(),
                                   cluster.neighbor_rows.data(),
                                   cluster.neighbor_counts.data(),
                                   cluster.neighbor_mask,
                                   cluster.shift_rows.empty() ? nullptr : cluster.shift_rows.data(),
                                   cluster.shift_vectors.data(),
                                   centers.data(),
                                   block.n_centers,
                                   block.limits.data(),
                                   static_cast<int>(n_species)};
    const edges::CompactEdges compact{stride,
                                      block.lane_x.data(),
                                      block.lane_y.data(),
                                      block.lane_z.data(),
                                      block.lane_neighbor.data(),
                                      block.lane_species.data(),
                                      counts};
    if (!kernels.compact(input, compact)) refuse(cluster, centers);

    if (n_species == 1)
        std::copy_n(counts, lanes, block.counts.begin());
    else
        for (std::size_t b = 0; b < centers.size(); ++b)
            for (std::size_t p = b * stride; p < b * stride + static_cast<std::size_t>(counts[b]); ++p)
                ++block.counts[static_cast<std::size_t>(block.lane_species[p]) * lanes + b];
    for (std::size_t s = 0; s < n_species; ++s)
        block.species_begin[s + 1] =
            block.species_begin[s] +
            *std::max_element(block.counts.begin() + static_cast<std::ptrdiff_t>(s * lanes),
                              block.counts.begin() + static_cast<std::ptrdiff_t>((s + 1) * lanes));
    block.n_steps = block.species_begin[n_species];
    const std::size_t size = static_cast<std::size_t>(block.n_steps) * lanes;
    if (block.neighbor.size() < size) {
        block.neighbor.resize(size);
        for (auto* a : {&block.x, &block.y, &block.z, &block.dE_dx, &block.dE_dy, &block.dE_dz})
            a->resize(size);
    }
    if (n_species == 1) {
        kernels.interleave(compact, block.lanes, block.n_steps, pad_distance, block.x.data(), block.y.data(),
                           block.z.data(), block.neighbor.data());
        return;
    }
    std::fill_n(block.neighbor.begin(), size, -1);
    std::fill_n(block.x.begin(), size, 0.0);
    std::fill_n(block.y.begin(), size, 0.0);
    std::fill_n(block.z.begin(), size, pad_distance);
    int next[max_species];
    for (std::size_t b = 0; b < centers.size(); ++b) {
        std::copy_n(block.species_begin.begin(), n_species, next);
        for (std::size_t from = b * stride; from < b * stride + static_cast<std::size_t>(counts[b]); ++from) {
            const std::size_t to = static_cast<std::size_t>(next[block.lane_species[from]]++) * lanes + b;
            block.neighbor[to] = block.lane_neighbor[from];
            block.x[to] = block.lane_x[from];
            block.y[to] = block.lane_y[from];
            block.z[to] = block.lane_z[from];
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
                const double w[9] = {-x * gx, -x * gy, -x * gz, -y * gx, -y * gy,
                                     -y * gz, -z * gx, -z * gy, -z * gz};
                for (std::size_t c = 0; c < 9; ++c) virial[c] += w[c];
                if (atom_virials != nullptr)
                    for (std::size_t c = 0; c < 9; ++c) atom_virials[9 * j + c] += w[c];
                if (halved != nullptr) {
                    const double v[6] = {
                        w[0], w[4], w[8], 0.5 * (w[1] + w[3]), 0.5 * (w[2] + w[6]), 0.5 * (w[5] + w[7])};
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
