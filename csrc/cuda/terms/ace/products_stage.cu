// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <type_traits>

#include "cuda/terms/ace/products_stage.hpp"

namespace tektite::cuda {

namespace {

template <typename Action>
void with_compiled_densities(int n_density, Action&& action) {
    switch (n_density) {
        case 1:
            return action(std::integral_constant<int, 1>{});
        case 2:
            return action(std::integral_constant<int, 2>{});
        default:
            return action(std::integral_constant<int, 0>{});
    }
}

}  // namespace

template <typename T>
void AceProductsStage<T>::add(Tables& tables, const ace::CenterView<T>& host,
                              const ace::CenterView<T>& device, const PairedLists* lists) {
    Species species{device};
    if (lists != nullptr) {
        PairedView<T>& v = species.view;
        v.n_base = lists->n_base;
        v.n_stored = lists->n_stored;
        v.n_slots = lists->n_slots;
        v.n_levels = static_cast<int>(lists->level_begin.size()) - 1;
        v.n_pair_pieces = static_cast<int>(lists->pair_pieces.size());
        v.n_pair_entries = static_cast<std::int64_t>(lists->pair_others.size());
        v.n_pair_extras = static_cast<int>(lists->pair_extras.size());
        v.n_child_extras = static_cast<int>(lists->child_extras.size());
        plan(species);
        if (species.log2_lanes >= 0) put_lists(tables, host, *lists, v);
    }
    n_nodes_ = std::max(n_nodes_, species.log2_lanes < 0 ? host.n_nodes : host.n_base);
    species_.push_back(species);
}

/// Eight or four centres of a block, where two blocks find place on a multiprocessor and one can go on while
/// the other waits at a barrier; else as many as fit: the lists are read once for all centres of a block.
template <typename T>
void AceProductsStage<T>::plan(Species& species) const {
    for (const bool two : {true, false})
        for (int log2_lanes = 3; log2_lanes >= 0; --log2_lanes) {
            const int n_centers = lane_centers<T> << log2_lanes;
            if (n_centers > 8 || (two && n_centers < 4)) continue;
            for (const int n_threads : {512, 256}) {
                if (two && n_threads == 512) continue;
                const std::size_t bytes =
                    ProductsMemory<T>(nullptr, species.view, species.center.n_density, n_centers, n_threads)
                        .bytes;
                if (bytes > context_->shared_memory() || (two && resident_blocks(*context_, bytes) < 2))
                    continue;
                species.log2_lanes = log2_lanes;
                species.n_threads = n_threads;
                species.bytes = bytes;
                return;
            }
        }
}

template <typename T>
void AceProductsStage<T>::put_lists(Tables& tables, const ace::CenterView<T>& host, const PairedLists& lists,
                                    PairedView<T>& v) const {
    const auto put_all = [&](const auto& values) { return tables.put(values.data(), values.size()); };
    v.products = put_all(lists.products);
    v.level_begin = put_all(lists.level_begin);
    v.pair_pieces = put_all(lists.pair_pieces);
    v.pair_others = put_all(lists.pair_others);
    v.pair_extras = put_all(lists.pair_extras);
    v.child_pieces = put_all(lists.child_pieces);
    v.child_begin = put_all(lists.child_begin);
    v.child_terms = put_all(lists.child_terms);
    v.child_extras = put_all(lists.child_extras);
    const auto n_density = static_cast<std::size_t>(host.n_density);
    std::vector<T> coefficients;
    for (std::size_t p = 0; p < n_density; ++p)
        for (std::size_t k = 0; k < lists.pair_coefficients.size(); ++k) {
            const std::int32_t set = lists.pair_coefficients[k];
            coefficients.push_back(
                set < 0 ? T{}
                        : static_cast<T>(lists.pair_weights[k]) *
                              host.coefficients[static_cast<std::size_t>(set) * n_density + p]);
        }
    v.pair_coefficients = put_all(coefficients);
}

template <typename T>
void AceProductsStage<T>::compute(const EdgeChunk& chunk, const AceScratch<T>& scratch,
                                  double* energies) const {
    const Species& s = species_[static_cast<std::size_t>(chunk.center_species)];
    if (s.log2_lanes < 0) {
        with_compiled_densities(s.center.n_density, [&](auto n) {
            launch(*context_, chunk.n_centers,
                   AceProducts<T, decltype(n)::value>{chunk, s.center, scratch, energies});
        });
        return;
    }
    const std::int64_t n_centers = std::int64_t{lane_centers<T>} << s.log2_lanes;
    const auto run = [&](auto together) {
        launch_blocks(*context_, (chunk.n_centers + n_centers - 1) / n_centers, s.n_threads, s.bytes,
                      chunk.n_centers,
                      AceBlockProducts<T, decltype(together)::value>{chunk, s.center, scratch, s.view,
                                                                     energies, s.log2_lanes});
    };
    if (s.center.n_density % 2 == 0)
        run(std::integral_constant<int, 2>{});
    else
        run(std::integral_constant<int, 1>{});
}

template class AceProductsStage<double>;
template class AceProductsStage<float>;

}  // namespace tektite::cuda
