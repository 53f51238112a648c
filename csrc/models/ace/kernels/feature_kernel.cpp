// SPDX-License-Identifier: BSD-3-Clause
// ACE functions as features of a block of centres, the way back, and directional derivatives; compiled once
// per instruction set.
//
// Forward as in an energy, but every product is written out (4 multiply-adds) and then combined into
// features; backward with a weight for each product and lane (6); a directional derivative by dual numbers.
#include <cstring>

#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/feature_views.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/moving_edges.hpp"
#include "models/ace/kernels/products.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

template <typename T>
inline constexpr int lanes = native_lanes<T>;

/// out[feature] = sum of value times products, [n_products][W].
template <typename T, int W>
void combine_products(const FeatureView<T>& view, const T* products, T* out, int stride) {
    using V = Vector<T, W>;
    for (int f = 0; f < view.n_features; ++f) {
        V sum = V{};
        for (std::int32_t i = view.feature_begin[f]; i < view.feature_begin[f + 1]; ++i)
            sum += view.feature_value[i] *
                   load<V>(products + static_cast<std::ptrdiff_t>(view.feature_product[i]) * W);
        store(out + static_cast<std::ptrdiff_t>(f) * stride, sum);
    }
}

/// Adds the rank-1 functions of the steps [begin, end), neighbours of `species`, weighted by
/// factor(step) ([W]), from `radial` ([n_steps][row_max][W]).
template <typename T, int W, typename Factor>
void add_rank_one(const FeatureView<T>& view, const T* radial, int row_max, int species, int begin, int end,
                  Factor&& factor, T* out, int stride) {
    using V = Vector<T, W>;
    const CenterView<T>& center = *view.center;
    const int column = center.bonds[species].density_column;
    for (int p = 0; p < center.n_density; ++p) {
        const std::int32_t feature = view.rank_one[species * center.n_density + p];
        if (feature < 0) continue;
        V sum = V{};
        for (int step = begin; step < end; ++step)
            sum += factor(step) *
                   load<V>(radial + (static_cast<std::ptrdiff_t>(step) * row_max + column + p) * W);
        T* place = out + static_cast<std::ptrdiff_t>(feature) * stride;
        store(place, load<V>(place) + sum);
    }
}

template <typename T>
void forward(const FeatureView<T>& view, const BlockView& block, const FeatureScratch<T>& scratch,
             T* features, int stride) {
    constexpr int W = lanes<T>;
    using V = Vector<T, W>;
    const CenterView<T>& center = *view.center;
    const Scratch<T>& plain = scratch.moving.plain;
    std::memset(plain.nodes, 0, static_cast<std::size_t>(center.n_base) * 2 * W * sizeof(T));
    for (int s = 0; s < center.n_elements; ++s) {
        const BondView<T>& bond = center.bonds[s];
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end) continue;
        locate_edges<T, W>(bond, block, plain, begin, end);
        with_largest_l<unrolled_l>(bond.l_max, [&](auto l) {
            forward_base<decltype(l)::value, V>(center, bond, plain, begin, end,
                                                [&](int step) { radial_rows<T, W>(bond, plain, step); });
        });
    }
    T* product = scratch.products;
    for_each_product<V>(center, plain.nodes, [&](V value) __attribute__((always_inline)) {
        store(product, value);
        product += W;
    });
    combine_products<T, W>(view, scratch.products, features, stride);
    for (int s = 0; s < center.n_elements; ++s)
        if (center.bonds[s].density_column >= 0)
            add_rank_one<T, W>(
                view, plain.radial, plain.row_max, s, block.species_begin[s], block.species_begin[s + 1],
                [](int) { return V{} + T{1}; }, features, stride);
}

template <typename T>
void backward(const FeatureView<T>& view, const BlockView& block, const FeatureScratch<T>& scratch,
              const T* adjoint, int stride) {
    constexpr int W = lanes<T>;
    using V = Vector<T, W>;
    const CenterView<T>& center = *view.center;
    const Scratch<T>& plain = scratch.moving.plain;
    for (int i = 0; i < view.n_products; ++i) {
        V sum = V{};
        for (std::int32_t k = view.product_begin[i]; k < view.product_begin[i + 1]; ++k)
            sum += view.product_value[k] *
                   load<V>(adjoint + static_cast<std::ptrdiff_t>(view.product_feature[k]) * stride);
        store(scratch.products + static_cast<std::ptrdiff_t>(i) * W, sum);
    }
    std::memset(plain.adjoints, 0, static_cast<std::size_t>(center.n_nodes) * 2 * W * sizeof(T));
    backward_products<-1, V>(center, static_cast<const T*>(plain.nodes), plain.adjoints,
                             static_cast<const T*>(scratch.products));
    alignas(64) const T no_core[W] = {};
    for (int s = 0; s < center.n_elements; ++s) {
        const BondView<T>& bond = center.bonds[s];
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end) continue;
        for (int p = 0; p < center.n_density; ++p) {
            const std::int32_t feature = view.rank_one[s * center.n_density + p];
            store(scratch.rank_one + p * W,
                  feature < 0 ? V{} : load<V>(adjoint + static_cast<std::ptrdiff_t>(feature) * stride));
        }
        with_largest_l<unrolled_l>(bond.l_max, [&](auto l) {
            backward_base<decltype(l)::value, V>(center, bond, block, plain, scratch.rank_one, no_core, begin,
                                                 end, KeptRows{});
        });
    }
}

template <typename T>
void tangents(const FeatureView<T>& view, const BlockView& block, const FeatureScratch<T>& scratch,
              const MotionView<T>& motion, int species, int first, int last, T* out, int stride) {
    constexpr int W = lanes<T>;
    using V = Vector<T, W>;
    using D = Dual<V>;
    const CenterView<T>& center = *view.center;
    const Scratch<T>& plain = scratch.moving.plain;
    const std::size_t size = static_cast<std::size_t>(center.n_base) * 2 * sizeof(D);
    std::memset(scratch.moving.dual.nodes, 0, size);
    for (int s = 0; s < center.n_elements; ++s) {
        const int begin = species < 0 ? block.species_begin[s] : first;
        const int end = species < 0 ? block.species_begin[s + 1] : last;
        if (begin < end && (species < 0 || s == species))
            forward_moving_edges<T, W>(center, center.bonds[s], motion, scratch.moving, begin, end);
    }
    // Values from forward(): single edges have given only their own part.
    for (int i = 0; i < 2 * center.n_base; ++i)
        store(scratch.dual_nodes + static_cast<std::ptrdiff_t>(i) * 2 * W,
              D{load<V>(plain.nodes + static_cast<std::ptrdiff_t>(i) * W),
                load<D>(scratch.moving.dual.nodes + static_cast<std::ptrdiff_t>(i) * 2 * W).tangent});
    T* product = scratch.products;
    for_each_product<D>(center, scratch.dual_nodes, [&](D value) __attribute__((always_inline)) {
        store(product, value.tangent);
        product += W;
    });
    combine_products<T, W>(view, scratch.products, out, stride);
    for (int s = 0; s < center.n_elements; ++s) {
        if (center.bonds[s].density_column < 0 || (species >= 0 && s != species)) continue;
        const int begin = species < 0 ? block.species_begin[s] : first;
        const int end = species < 0 ? block.species_begin[s + 1] : last;
        add_rank_one<T, W>(
            view, plain.radial_slope, plain.row_max, s, begin, end,
            [&](int step) { return load<V>(scratch.moving.stretch + static_cast<std::ptrdiff_t>(step) * W); },
            out, stride);
    }
}

constexpr FeatureKernelTable table{{lanes<double>, forward<double>, backward<double>, tangents<double>},
                                   {lanes<float>, forward<float>, backward<float>, tangents<float>}};

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA

namespace tektite::ace {

const FeatureKernelTable& kernels(isa::TEKTITE_ISA<FeatureKernelTable>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::ace
