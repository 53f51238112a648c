// SPDX-License-Identifier: BSD-3-Clause
// ACE functions one by one, as features of a readout, and the way back; one centre a thread. A and the way
// back from A to edges are those of AceEdgesStage.
//
// For each centre with E edges, T terms in R rows of the product graph, P products, F entries of the features
// (one for each product of each feature), r rank-1 functions, b = bytes of T; counted, not measured:
//   AceFeatures      4 T + 2 F flops and 12 E r; b (2 T + 10 R + 2 F + 6 E r) bytes
//   AceFeaturesBack  8 T + 2 F flops; b (6 T + 10 R + P + F) bytes
//   AceRankOneBack   18 E r flops; b 6 E r + 48 E bytes
#pragma once

#include "cuda/terms/ace/ace_kernels.hpp"
#include "models/ace/kernels/feature_views.hpp"

namespace tektite::cuda {

/// One function (and its slope) of a table: 10 and 8 flops.
template <typename T>
TEKTITE_HOST_DEVICE inline void table_one(const ace::BondView<T>& bond, int column, TablePlace<T> at,
                                          T& value, T& slope) {
    const T* c = bond.coefficients + static_cast<std::int64_t>(at.bin) * 6 * bond.row + column;
    T f = c[5 * bond.row], df = f;
    for (int order = 4; order >= 1; --order) {
        f = f * at.position + c[order * bond.row];
        df = df * at.position + f;
    }
    value = f * at.position + c[0];
    slope = df * at.inverse_width;
}

/// Calls action(edge p, unit vector and place, species, column of the first rank-1 function) for every edge
/// whose species has such functions.
template <typename T, typename Action>
TEKTITE_HOST_DEVICE void for_each_rank_one_edge(const EdgeChunk& chunk, const ace::FeatureView<T>& view,
                                                std::int64_t thread, Action&& action) {
    const ace::CenterView<T>& center = *view.center;
    for (int s = 0; s < center.n_elements; ++s) {
        const ace::BondView<T> bond = center.bonds[s];
        if (bond.density_column < 0) continue;
        const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
        for (int step = chunk.species_begin[s * chunk.stride + thread]; step < end; ++step) {
            const std::int64_t p = step * chunk.stride + thread;
            action(p, ace_edge<T>(chunk, bond, p), bond, view.rank_one + s * center.n_density);
        }
    }
}

/// Features of a centre, after A. view.center: with the rank-1 functions as densities.
template <typename T>
struct AceFeatures {
    EdgeChunk chunk;
    ace::FeatureView<T> view;
    AceScratch<T> scratch;
    T* features;  ///< [n_features][stride]

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        for (int f = 0; f < view.n_features; ++f) features[f * chunk.stride + thread] = T{};
        int i = 0;
        ace::device::for_each_product<T>(
            *view.center, mine.nodes,
            [&](T value) {
                for (std::int32_t k = view.product_begin[i]; k < view.product_begin[i + 1]; ++k)
                    features[view.product_feature[k] * chunk.stride + thread] +=
                        view.product_value[k] * value;
                ++i;
            },
            stride);
        const int n = view.center->n_density;
        for_each_rank_one_edge(chunk, view, thread,
                               [&](std::int64_t, const AceEdge<T>& edge, const ace::BondView<T>& bond,
                                   const std::int32_t* feature) {
                                   for (int k = 0; k < n; ++k) {
                                       if (feature[k] < 0) continue;
                                       T value, slope;
                                       table_one(bond, bond.density_column + k, edge.place, value, slope);
                                       features[feature[k] * chunk.stride + thread] += value;
                                   }
                               });
    }
};

/// Adjoints of A from dE/dfeatures, after AceFeatures.
template <typename T>
struct AceFeaturesBack {
    EdgeChunk chunk;
    ace::FeatureView<T> view;
    AceScratch<T> scratch;
    const T* adjoint;  ///< [n_features][stride]
    T* products;       ///< [n_products][stride] scratch: dE/dproduct

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const ace::TileScratch<T> mine = own(scratch.tile, thread);
        for (int i = 0; i < view.n_products; ++i) {
            T sum{};
            for (std::int32_t k = view.product_begin[i]; k < view.product_begin[i + 1]; ++k)
                sum += view.product_value[k] * adjoint[view.product_feature[k] * chunk.stride + thread];
            products[i * chunk.stride + thread] = sum;
        }
        for (int k = 0; k < 2 * view.center->n_nodes; ++k)
            mine.adjoints[static_cast<std::size_t>(k) * stride] = T{};
        ace::device::backward_products<-1, T>(*view.center, static_cast<const T*>(mine.nodes), mine.adjoints,
                                              static_cast<const T*>(products + thread),
                                              ace::device::NoCoefficientGradient{}, stride);
    }
};

/// Adds the rank-1 functions' part of dE/dr of all edges, after AceEdgesStage::backward().
template <typename T>
struct AceRankOneBack {
    EdgeChunk chunk;
    ace::FeatureView<T> view;
    const T* adjoint;  ///< [n_features][stride]

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const int n = view.center->n_density;
        for_each_rank_one_edge(chunk, view, thread,
                               [&](std::int64_t p, const AceEdge<T>& edge, const ace::BondView<T>& bond,
                                   const std::int32_t* feature) {
                                   T along{};
                                   for (int k = 0; k < n; ++k) {
                                       if (feature[k] < 0) continue;
                                       T value, slope;
                                       table_one(bond, bond.density_column + k, edge.place, value, slope);
                                       along += adjoint[feature[k] * chunk.stride + thread] * slope;
                                   }
                                   chunk.dE_dx[p] += static_cast<double>(along * edge.unit[0]);
                                   chunk.dE_dy[p] += static_cast<double>(along * edge.unit[1]);
                                   chunk.dE_dz[p] += static_cast<double>(along * edge.unit[2]);
                               });
    }
};

}  // namespace tektite::cuda
