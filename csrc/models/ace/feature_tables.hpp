// SPDX-License-Identifier: BSD-3-Clause
// Everything that evaluating ACE functions as features needs, computed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "descriptors/ace_basis.hpp"
#include "models/ace/kernels/feature_views.hpp"
#include "models/ace/tables.hpp"
#include "models/ace/term_sources.hpp"

namespace tektite::ace {

/// Radial functions of rank 1 of one (centre, neighbour): feature and factor of each g_k, feature -1: none.
struct RankOne {
    std::vector<std::int32_t> feature;
    std::vector<double> factor;
};

/// Owns the tables in one precision.
template <typename T>
class FeatureTables {
public:
    FeatureTables(const Parameters& parameters, const Basis& basis);

    [[nodiscard]] const FeatureView<T>& view(int center) const {
        return features_[static_cast<std::size_t>(center)];
    }
    [[nodiscard]] int row_max() const { return views_.row_max(); }
    [[nodiscard]] int l_max() const { return views_.l_max(); }
    [[nodiscard]] std::size_t n_nodes_max() const { return static_cast<std::size_t>(views_.n_nodes_max()); }
    [[nodiscard]] std::size_t n_products_max() const { return n_products_max_; }
    [[nodiscard]] std::size_t n_rank_one_max() const { return static_cast<std::size_t>(n_rank_one_max_); }

private:
    struct Centers {
        Centers(const Parameters& p, const Basis& basis);
        TermSources sources;
        std::vector<CenterTables> tables;
        std::vector<std::vector<RankOne>> rank_one;  // [center][neighbour]
    };
    struct Entries {
        std::vector<std::int32_t> feature_begin, feature_product, product_begin, product_feature, rank_one;
        std::vector<T> feature_value, product_value;
    };

    static void fill(const ProductGraph& graph, const TermSources& sources, std::size_t first,
                     std::size_t n_features, Entries& e);

    Centers centers_;
    CenterViews<T> views_;
    std::vector<Entries> entries_;
    std::vector<CenterView<T>> center_views_;
    std::vector<FeatureView<T>> features_;
    std::size_t n_products_max_ = 0;
    int n_rank_one_max_ = 0;
};

}  // namespace tektite::ace
