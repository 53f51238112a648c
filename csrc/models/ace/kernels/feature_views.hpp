// SPDX-License-Identifier: BSD-3-Clause
// What the kernels of ACE as a descriptor see.
#pragma once

#include <cstdint>

#include "base/instruction_sets.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace {

/// Features of the centres of one element: combinations of products, and sums of single radial functions.
template <typename T>
struct FeatureView {
    const CenterView<T>* center;  ///< n_density: radial functions of rank 1, at each bond's density_column
    int n_features;
    int n_products;
    const std::int32_t* feature_begin;    ///< [n_features + 1] entries of each feature
    const std::int32_t* feature_product;  ///< [n_entries]
    const T* feature_value;               ///< [n_entries]
    const std::int32_t* product_begin;    ///< [n_products + 1] the same, product by product
    const std::int32_t* product_feature;  ///< [n_entries]
    const T* product_value;               ///< [n_entries]
    const std::int32_t* rank_one;         ///< [n_elements][n_density] feature, -1: none
};

template <typename T>
struct FeatureScratch {
    MovingScratch<T> moving;
    T* products;    ///< [n_products][2][lanes]
    T* dual_nodes;  ///< [n_nodes][2][2][lanes]
    T* rank_one;    ///< [n_density][lanes]
};

/// Features and adjoints are [n_features][stride]; the lanes of the block are the first of each row.
template <typename T>
struct FeatureKernels {
    int lanes;
    /// Writes the features.
    void (*forward)(const FeatureView<T>&, const BlockView&, const FeatureScratch<T>&, T* features,
                    int stride);
    /// Writes dE/dr of every edge from dE/dfeatures, after forward() with the same scratch.
    void (*backward)(const FeatureView<T>&, const BlockView&, const FeatureScratch<T>&, const T* adjoint,
                     int stride);
    /// Writes the rates of the features when edges move, after forward() with the same scratch. first, last:
    /// only these steps, all neighbours of `species`; species -1: all edges.
    void (*tangents)(const FeatureView<T>&, const BlockView&, const FeatureScratch<T>&,
                     const MotionView<T>& motion, int species, int first, int last, T* tangents, int stride);
};

struct FeatureKernelTable {
    FeatureKernels<double> in_double;
    FeatureKernels<float> in_float;
};

const FeatureKernelTable& kernels(isa::baseline<FeatureKernelTable>);
const FeatureKernelTable& kernels(isa::avx2<FeatureKernelTable>);
const FeatureKernelTable& kernels(isa::avx512<FeatureKernelTable>);

}  // namespace tektite::ace
