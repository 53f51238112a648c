// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "cuda/terms/ace/device_tables.hpp"
#include "cuda/terms/ace/feature_kernels.hpp"
#include "cuda/terms/ace/feature_stage.hpp"
#include "models/ace/feature_tables.hpp"

namespace tektite::cuda {

namespace {

template <typename T>
ace::FeatureView<T> put(Tables& tables, const ace::FeatureView<T>& host,
                        const ace::CenterView<T>& device_center) {
    ace::FeatureView<T> view = host;
    const auto n_products = static_cast<std::size_t>(host.n_products);
    const auto n_entries = static_cast<std::size_t>(host.product_begin[host.n_products]);
    const auto n_rank_one =
        static_cast<std::size_t>(host.center->n_elements) * static_cast<std::size_t>(host.center->n_density);
    view.center = tables.put(&device_center, 1);
    view.product_begin = tables.put(host.product_begin, n_products + 1);
    view.product_feature = tables.put(host.product_feature, n_entries);
    view.product_value = tables.put(host.product_value, n_entries);
    view.rank_one = tables.put(host.rank_one, n_rank_one);
    view.feature_begin = view.feature_product = nullptr;  // features are added up product by product
    view.feature_value = nullptr;
    return view;
}

}  // namespace

template <typename T>
AceFeatureStage<T>::AceFeatureStage(Context& context, Tables& tables, const ace::Features& descriptor)
    : context_(&context), edges_(context), n_features_(descriptor.n_features()) {
    for (int c = 0; c < descriptor.n_elements(); ++c) {
        const ace::FeatureView<T>& host = descriptor.tables<T>().view(c);
        // On the way to A and back there are no densities: a host's view without the rank-1 functions.
        ace::CenterView<T> center = *host.center;
        center.n_density = 1;
        std::vector<ace::BondView<T>> bonds(center.bonds, center.bonds + center.n_elements);
        for (ace::BondView<T>& bond : bonds) bond.density_column = -1;
        center.bonds = bonds.data();
        const ace::CenterView<T> on_device = cuda::put(tables, center);
        edges_.add(tables, center, on_device);
        // In the features they are densities; all else is the same.
        ace::CenterView<T> with_rank_one = on_device;
        with_rank_one.n_density = host.center->n_density;
        std::vector<ace::BondView<T>> all_bonds;
        for (int s = 0; s < center.n_elements; ++s)
            all_bonds.push_back(cuda::put(tables, host.center->bonds[s]));
        with_rank_one.bonds = tables.put(all_bonds.data(), all_bonds.size());
        views_.push_back(put(tables, host, with_rank_one));
        n_nodes_ = std::max(n_nodes_, center.n_nodes);
        n_products_ = std::max(n_products_, host.n_products);
    }
}

template <typename T>
void AceFeatureStage<T>::lay_out(Arena& arena, std::int64_t stride, int most_edges) {
    const auto n = static_cast<std::size_t>(stride);
    edges_.lay_out(arena, stride, most_edges, n_nodes_, n_nodes_, 0, scratch_);
    products_ = arena.take<T>(static_cast<std::size_t>(n_products_) * n);
    features_ = arena.take<T>(static_cast<std::size_t>(n_features_) * n);
    adjoint_ = arena.take<T>(static_cast<std::size_t>(n_features_) * n);
}

template <typename T>
void AceFeatureStage<T>::forward(const EdgeChunk& chunk) const {
    const ace::FeatureView<T>& view = views_[static_cast<std::size_t>(chunk.center_species)];
    edges_.forward(chunk, scratch_);
    launch(*context_, chunk.n_centers, AceFeatures<T>{chunk, view, scratch_, features_});
}

template <typename T>
void AceFeatureStage<T>::backward(const EdgeChunk& chunk) const {
    const ace::FeatureView<T>& view = views_[static_cast<std::size_t>(chunk.center_species)];
    launch(*context_, chunk.n_centers, AceFeaturesBack<T>{chunk, view, scratch_, adjoint_, products_});
    edges_.backward(chunk, scratch_);
    launch(*context_, chunk.n_centers, AceRankOneBack<T>{chunk, view, adjoint_});
}

template class AceFeatureStage<double>;
template class AceFeatureStage<float>;

}  // namespace tektite::cuda
