// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/feature_tables.hpp"

#include <algorithm>
#include <map>

#include "basis/ace_radial.hpp"

namespace tektite::ace {

namespace {

/// [n_elements] of one centre, all of the same length.
std::vector<RankOne> rank_one_functions(const Parameters& p, const TermSources& sources, int center,
                                        std::size_t first_function) {
    std::vector<RankOne> out(p.elements.size());
    const Functions& f = p.functions;
    std::size_t longest = 0;
    for (std::size_t k = 0, factor = 0, term = 0; k < f.rank.size(); ++k) {
        if (f.rank[k] == 1 && f.center[k] == center) {
            RankOne& entry = out[static_cast<std::size_t>(f.species[factor])];
            const auto n = static_cast<std::size_t>(f.n[factor]);
            if (entry.feature.size() <= n) {
                entry.feature.resize(n + 1, -1);
                entry.factor.resize(n + 1, 0.0);
            }
            const std::size_t source = sources.begin[term];
            entry.feature[n] = static_cast<std::int32_t>(sources.function[source] - first_function);
            entry.factor[n] = sources.value[source];
            longest = std::max(longest, n + 1);
        }
        factor += static_cast<std::size_t>(f.rank[k]);
        term += static_cast<std::size_t>(f.n_terms[k]);
    }
    for (RankOne& entry : out) {
        entry.feature.resize(longest, -1);
        entry.factor.resize(longest, 0.0);
    }
    return out;
}

/// Puts the functions of rank 1 into the columns of a bond's radial table, one by one.
void separate_rank_one(const Bond& bond, const AtomicBase& base, int neighbor, const RankOne& rank_one,
                       BondLayout& layout) {
    std::vector<std::size_t> rows;  // of the coefficients of each R_nl
    for (int l = 0; l <= base.l_max; ++l)
        for (const std::int32_t n : base.n_used(neighbor, l))
            rows.push_back(static_cast<std::size_t>(n * (bond.l_max + 1) + l) *
                           static_cast<std::size_t>(bond.n_base));
    const bool any = !rank_one.factor.empty();
    layout.density_column = any ? static_cast<int>(rows.size()) : -1;
    layout.n_columns = static_cast<int>(rows.size() + rank_one.factor.size());
    layout.functions = [&bond, rows, factors = rank_one.factor](double r, double* value, double* slope) {
        const auto n_base = static_cast<std::size_t>(bond.n_base);
        std::vector<double> g(n_base), dg(n_base);
        radial_basis(bond, r, g.data(), dg.data());
        std::size_t out = 0;
        for (const std::size_t row : rows) {
            value[out] = slope[out] = 0.0;
            for (std::size_t k = 0; k < n_base; ++k) {
                value[out] += bond.coefficients[row + k] * g[k];
                slope[out] += bond.coefficients[row + k] * dg[k];
            }
            ++out;
        }
        for (std::size_t k = 0; k < factors.size(); ++k, ++out) {
            value[out] = factors[k] * g[k];
            slope[out] = factors[k] * dg[k];
        }
    };
}

}  // namespace

template <typename T>
FeatureTables<T>::Centers::Centers(const Parameters& p, const Basis& basis)
    : sources(basis), tables(make_tables(p, std::vector<int>(p.elements.size(), 1))) {
    for (std::size_t c = 0; c < tables.size(); ++c) {
        rank_one.push_back(rank_one_functions(p, sources, static_cast<int>(c),
                                              static_cast<std::size_t>(basis.first_function()[c])));
        for (std::size_t s = 0; s < tables.size(); ++s)
            separate_rank_one(p.bond(static_cast<int>(c), static_cast<int>(s)), tables[c].base,
                              static_cast<int>(s), rank_one[c][s], tables[c].bonds[s]);
    }
}

template <typename T>
FeatureTables<T>::FeatureTables(const Parameters& parameters, const Basis& basis)
    : centers_(parameters, basis), views_(parameters, centers_.tables) {
    const auto n_elements = static_cast<std::size_t>(basis.n_elements());
    entries_.resize(n_elements);
    center_views_.reserve(n_elements);
    for (std::size_t c = 0; c < n_elements; ++c) {
        const auto first = static_cast<std::size_t>(basis.first_function()[c]);
        Entries& e = entries_[c];
        fill(centers_.tables[c].graph, centers_.sources, first,
             static_cast<std::size_t>(basis.first_function()[c + 1]) - first, e);
        for (const RankOne& entry : centers_.rank_one[c])
            e.rank_one.insert(e.rank_one.end(), entry.feature.begin(), entry.feature.end());
        CenterView<T>& center = center_views_.emplace_back(views_.view(static_cast<int>(c)));
        center.n_density = static_cast<int>(centers_.rank_one[c][0].feature.size());
        n_rank_one_max_ = std::max(n_rank_one_max_, center.n_density);
        n_products_max_ = std::max(n_products_max_, e.product_begin.size() - 1);
        features_.push_back({&center, static_cast<int>(e.feature_begin.size()) - 1,
                             static_cast<int>(e.product_begin.size()) - 1, e.feature_begin.data(),
                             e.feature_product.data(), e.feature_value.data(), e.product_begin.data(),
                             e.product_feature.data(), e.product_value.data(), e.rank_one.data()});
    }
}

template <typename T>
void FeatureTables<T>::fill(const ProductGraph& graph, const TermSources& sources, std::size_t first,
                            std::size_t n_features, Entries& e) {
    std::vector<std::map<std::size_t, double>> by_feature(n_features);
    e.product_begin.push_back(0);
    for (std::size_t i = 0; i + 1 < graph.source_begin.size(); ++i) {
        std::map<std::size_t, double> row;
        for (std::size_t k = graph.source_begin[i]; k < graph.source_begin[i + 1]; ++k) {
            const std::size_t term = graph.source_term[k];
            for (std::size_t j = sources.begin[term]; j < sources.begin[term + 1]; ++j)
                row[sources.function[j] - first] += graph.source_sign[k] * sources.value[j];
        }
        for (const auto& [feature, value] : row) {
            e.product_feature.push_back(static_cast<std::int32_t>(feature));
            e.product_value.push_back(static_cast<T>(value));
            by_feature[feature][i] = value;
        }
        e.product_begin.push_back(static_cast<std::int32_t>(e.product_feature.size()));
    }
    e.feature_begin.push_back(0);
    for (const auto& row : by_feature) {
        for (const auto& [product, value] : row) {
            e.feature_product.push_back(static_cast<std::int32_t>(product));
            e.feature_value.push_back(static_cast<T>(value));
        }
        e.feature_begin.push_back(static_cast<std::int32_t>(e.feature_product.size()));
    }
}

template class FeatureTables<double>;
template class FeatureTables<float>;

}  // namespace tektite::ace
