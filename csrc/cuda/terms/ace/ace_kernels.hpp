// SPDX-License-Identifier: BSD-3-Clause
// The stages of an ACE chunk, one centre a thread, through the headers of models/ace/kernels. They run where
// the blocks of block_edges.hpp and block_products.hpp lack shared memory; the committee's always.
//
// Flops and bytes for each centre with E edges, N complex A of a neighbour species, H pairs (l, m >= 0), C
// table columns, T terms in R rows of the product graph, n densities, b = bytes of T (4 in mixed, 8 in
// double); counted, not measured, before any cache:
//   AceForward    E (30 (double) + 10 C + 12 H + 4 N) flops; b E (7 C + 4 H + 1.5 N) bytes
//   AceProducts   (2 + n) 2 T forward and (4 + n) 2 T backward flops; b (8 T + 20 R) bytes
//   AceBackward   E (30 (double) + 18 C + 12 H + 8 N) flops; b E (9 C + 3 N) bytes
#pragma once

#include <cmath>

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/terms/table_row.hpp"

#define TEKTITE_ISA device
#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/committee.hpp"
#include "models/ace/kernels/embed.hpp"
#include "models/ace/kernels/products.hpp"

namespace tektite::cuda {

/// Scratch of all threads of a chunk, and what the stages hand on.
template <typename T>
struct AceScratch {
    ace::TileScratch<T> tile;
    double* densities;      ///< [n_density + 1][stride] densities, then the core's
    T* dE_ddensities;       ///< [n_density + 1][stride]
    double* dE_ddistance;   ///< [stride] "zbl"
    std::int32_t* nearest;  ///< [stride] "zbl": step of the nearest edge, -1: none
    double* keep;           ///< [stride] by how much the core cutoff scales the products
    double* committee;      ///< [n_columns][stride]
};

/// Bins, positions and unit vectors of an edge are found anew in each stage from its vector: 30 flops instead
/// of 28 bytes.
template <typename T>
struct AceEdge {
    TablePlace<T> place;
    T unit[3];
    T inverse_r;
};

template <typename T, typename Bond>
TEKTITE_HOST_DEVICE inline AceEdge<T> ace_edge(const EdgeChunk& chunk, const Bond& bond, std::int64_t p) {
    const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
    const double r = std::sqrt(x * x + y * y + z * z), inverse_r = 1.0 / r;
    return {locate<T>(bond, r),
            {static_cast<T>(x * inverse_r), static_cast<T>(y * inverse_r), static_cast<T>(z * inverse_r)},
            static_cast<T>(inverse_r)};
}

/// The scratch of one thread.
template <typename T>
TEKTITE_HOST_DEVICE inline ace::TileScratch<T> own(const ace::TileScratch<T>& all, std::int64_t thread) {
    ace::TileScratch<T> s = all;
    s.nodes += thread;
    s.adjoints += thread;
    s.radial += thread;
    s.radial_slope += thread;
    s.unit += thread;
    s.inverse_r += thread;
    s.harmonics += thread;
    return s;
}

/// The edges of one thread as the shared kernels see them.
inline TEKTITE_HOST_DEVICE ace::BlockView own(const EdgeChunk& chunk, std::int64_t thread) {
    return {chunk.most_edges, chunk.species_begin + thread, chunk.x + thread,     chunk.y + thread,
            chunk.z + thread, chunk.dE_dx + thread,         chunk.dE_dy + thread, chunk.dE_dz + thread};
}

/// A, the densities of rank-1 functions and the core's. L: the largest l, of all bonds; -1: of each bond.
template <typename T, int L>
struct AceForward {
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        for (int k = 0; k < 2 * center.n_base; ++k) mine.nodes[static_cast<std::size_t>(k) * stride] = T{};
        double* densities = scratch.densities + thread;
        for (int p = 0; p <= center.n_density; ++p) densities[static_cast<std::size_t>(p) * stride] = 0.0;
        for (int s = 0; s < center.n_elements; ++s) {
            const int begin = chunk.species_begin[s * chunk.stride + thread];
            const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            if (begin == end) continue;
            const ace::BondView<T> bond = center.bonds[s];
            const auto row = [&](int step, int k) {
                const AceEdge<T> edge = ace_edge<T>(chunk, bond, step * chunk.stride + thread);
                const std::size_t at = static_cast<std::size_t>(step) * stride;
                for (std::size_t d = 0; d < 3; ++d) mine.unit[3 * at + d * stride] = edge.unit[d];
                mine.inverse_r[at] = edge.inverse_r;
                T* radial = mine.radial + static_cast<std::size_t>(k * mine.row_max) * stride;
                table_row<false>(bond.coefficients, bond.row, bond.n_columns, edge.place, radial,
                                 static_cast<T*>(nullptr), stride);
                if (bond.density_column >= 0)
                    for (int p = 0; p < center.n_density; ++p)
                        densities[static_cast<std::size_t>(p) * stride] += static_cast<double>(
                            radial[static_cast<std::size_t>(bond.density_column + p) * stride]);
                if (bond.core_column >= 0)
                    densities[static_cast<std::size_t>(center.n_density) * stride] +=
                        static_cast<double>(radial[static_cast<std::size_t>(bond.core_column) * stride]);
            };
            ace::device::forward_base<L, T>(center, bond, mine, begin, end, row, stride);
        }
    }
};

/// From the densities of one centre to its energy, and what the way back needs of them. rho, dE_drho:
/// [n_density].
template <typename T>
TEKTITE_HOST_DEVICE void embed_center(const EdgeChunk& chunk, const ace::CenterView<T>& center,
                                      const AceScratch<T>& scratch, std::int64_t thread, const double* rho,
                                      T* dE_drho, double* energies) {
    const double core = scratch.densities[center.n_density * chunk.stride + thread];
    double distance = 0, dE_ddistance = 0, keep;
    std::ptrdiff_t nearest = -1;
    if (center.zbl)
        ace::device::nearest_edges<T, 1>(center, own(chunk, thread), &distance, &nearest, chunk.stride,
                                         chunk.stride);
    T dE_dcore;
    ace::device::embed<T, 1>(center, rho, &core, &distance, dE_drho, &dE_dcore, &dE_ddistance,
                             energies + thread, &keep);
    for (int p = 0; p < center.n_density; ++p) scratch.dE_ddensities[p * chunk.stride + thread] = dE_drho[p];
    scratch.dE_ddensities[center.n_density * chunk.stride + thread] = dE_dcore;
    scratch.keep[thread] = keep;
    scratch.dE_ddistance[thread] = dE_ddistance;
    scratch.nearest[thread] = nearest < 0 ? -1 : static_cast<std::int32_t>(nearest / chunk.stride);
}

/// Densities, energy and the adjoints of A. ND: number of densities; 0: any.
template <typename T, int ND>
struct AceProducts {
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;
    double* energies;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        double rho[ND > 0 ? ND : ace::n_density_limit];
        for (int p = 0; p < center.n_density; ++p) rho[p] = scratch.densities[p * chunk.stride + thread];
        ace::device::forward_products<ND, T>(center, mine.nodes, rho, stride);

        T dE_drho[ND > 0 ? ND : ace::n_density_limit];
        embed_center(chunk, center, scratch, thread, rho, dE_drho, energies);
        for (int k = 0; k < 2 * center.n_nodes; ++k)
            mine.adjoints[static_cast<std::size_t>(k) * stride] = T{};
        ace::device::backward_products<ND, T>(center, mine.nodes, mine.adjoints, dE_drho,
                                              ace::device::NoCoefficientGradient{}, stride);
    }
};

/// dE/dr of every edge.
template <typename T, int L>
struct AceBackward {
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        const ace::BlockView block = own(chunk, thread);
        T dE_drho[ace::n_density_limit];
        for (int p = 0; p < center.n_density; ++p)
            dE_drho[p] = scratch.dE_ddensities[p * chunk.stride + thread];
        const T dE_dcore = scratch.dE_ddensities[center.n_density * chunk.stride + thread];
        for (int s = 0; s < center.n_elements; ++s) {
            const int begin = chunk.species_begin[s * chunk.stride + thread];
            const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            if (begin == end) continue;
            const ace::BondView<T> bond = center.bonds[s];
            const auto row = [&](int step) {
                const AceEdge<T> edge = ace_edge<T>(chunk, bond, step * chunk.stride + thread);
                table_row<true>(bond.coefficients, bond.row, bond.n_columns, edge.place, mine.radial,
                                mine.radial_slope, stride);
            };
            ace::device::backward_base<L, T>(center, bond, block, mine, dE_drho, &dE_dcore, begin, end, row,
                                             stride);
            const std::int32_t step = scratch.nearest[thread];
            if (!center.zbl || !(bond.transition_width > 0) || step < begin || step >= end) continue;
            const std::int64_t p = step * chunk.stride + thread;
            const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
            const double slope =
                scratch.dE_ddistance[thread] / (bond.transition_width * std::sqrt(x * x + y * y + z * z));
            chunk.dE_dx[p] += slope * x;
            chunk.dE_dy[p] += slope * y;
            chunk.dE_dz[p] += slope * z;
        }
    }
};

/// Standard deviation of the members' energies, after AceProducts.
template <typename T>
struct AceCommittee {
    EdgeChunk chunk;
    ace::CenterView<T> center;
    ace::CommitteeView<T> committee;
    AceScratch<T> scratch;
    double* uncertainties;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        double* densities = scratch.committee + thread;
        for (int i = 0; i < committee.n_columns; ++i) densities[static_cast<std::size_t>(i) * stride] = 0.0;
        ace::device::add_all_products<T>(center, committee, mine.nodes, densities, stride);
        for (int s = 0; s < center.n_elements; ++s) {
            const ace::BondView<T> bond = committee.base_bonds[s];
            const int begin = chunk.species_begin[s * chunk.stride + thread];
            const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            if (begin == end || bond.n_columns == 0) continue;
            // Sums of the g_k over the edges in the place of slopes.
            T *sums = mine.radial_slope, *radial = mine.radial;
            for (int k = 0; k < bond.n_columns; ++k) sums[static_cast<std::size_t>(k) * stride] = T{};
            for (int step = begin; step < end; ++step) {
                const AceEdge<T> edge = ace_edge<T>(chunk, bond, step * chunk.stride + thread);
                table_row<false>(bond.coefficients, bond.row, bond.n_columns, edge.place, radial,
                                 static_cast<T*>(nullptr), stride);
                for (int k = 0; k < bond.n_columns; ++k)
                    sums[static_cast<std::size_t>(k) * stride] +=
                        radial[static_cast<std::size_t>(k) * stride];
            }
            const T* c = committee.rank_one[s];
            for (int k = 0; k < bond.n_columns; ++k, c += committee.n_columns) {
                const T sum = sums[static_cast<std::size_t>(k) * stride];
                for (int i = 0; i < committee.n_columns; ++i)
                    densities[static_cast<std::size_t>(i) * stride] += static_cast<double>(c[i] * sum);
            }
        }
        uncertainties[thread] =
            scratch.keep[thread] * ace::device::member_deviation(center, committee, densities, stride);
    }
};

}  // namespace tektite::cuda
