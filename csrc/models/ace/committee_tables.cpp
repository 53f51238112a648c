// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/committee_tables.hpp"

#include <algorithm>

#include "basis/ace_radial.hpp"

namespace tektite::ace {

namespace {

/// Coefficients [sum n_terms][n_members * n_density] of the densities that a centre has. Where all its
/// densities enter linearly only differences between members matter: then they are taken from the mean, which
/// costs no digits in float.
std::vector<double> member_coefficients(const Parameters& p, std::size_t center) {
    const auto n_members = static_cast<std::size_t>(p.committee.n_members);
    const auto stride = static_cast<std::size_t>(p.n_density_max);
    const Embedding& embedding = p.embeddings[center];
    const auto n_density = static_cast<std::size_t>(embedding.n_density());
    const bool linear = std::all_of(embedding.exponents.begin(), embedding.exponents.end(),
                                    [](double exponent) { return exponent == 1.0; });
    const std::size_t n_terms = p.functions.coefficients.size() / stride;
    std::vector<double> out(n_terms * n_members * n_density);
    for (std::size_t term = 0; term < n_terms; ++term)
        for (std::size_t d = 0; d < n_density; ++d) {
            double mean = 0.0;
            for (std::size_t m = 0; linear && m < n_members; ++m)
                mean += p.committee.coefficients[(term * n_members + m) * stride + d];
            mean /= static_cast<double>(n_members);
            for (std::size_t m = 0; m < n_members; ++m)
                out[(term * n_members + m) * n_density + d] =
                    p.committee.coefficients[(term * n_members + m) * stride + d] - mean;
        }
    return out;
}

template <typename T>
TableOptions table_options() {
    if constexpr (std::is_same_v<T, double>) return {3e-10, 4e-9, 8};
    return {3e-8, 3e-7, 16};
}

}  // namespace

template <typename T>
CommitteeViews<T>::CommitteeViews(const Parameters& p, const std::vector<CenterTables>& tables) {
    if (p.committee.n_members == 0) return;
    owned_.resize(tables.size());
    for (std::size_t c = 0; c < tables.size(); ++c) {
        const ProductGraph& graph = tables[c].graph;
        const std::size_t n_columns = static_cast<std::size_t>(p.committee.n_members) *
                                      static_cast<std::size_t>(p.embeddings[c].n_density());
        const std::vector<double> members = member_coefficients(p, c);
        Owned& owned = owned_[c];
        for (std::size_t slot = 0; slot + 1 < graph.source_begin.size(); ++slot)
            for (std::size_t column = 0; column < n_columns; ++column) {
                double sum = 0.0;
                for (std::size_t i = graph.source_begin[slot]; i < graph.source_begin[slot + 1]; ++i)
                    sum += graph.source_sign[i] * members[graph.source_term[i] * n_columns + column];
                owned.coefficients.push_back(static_cast<T>(sum));
            }
        const std::size_t n_elements = p.elements.size();
        owned.tables.reserve(n_elements);  // the views point into them
        owned.rank_one.resize(n_elements);
        for (std::size_t s = 0; s < n_elements; ++s)
            add_bond(p, static_cast<int>(c), static_cast<int>(s), members, n_columns, owned);
        for (const auto& list : owned.rank_one) owned.rank_one_pointers.push_back(list.data());
        views_.push_back({p.committee.n_members, static_cast<int>(n_columns), owned.coefficients.data(),
                          owned.bonds.data(), owned.rank_one_pointers.data()});
        n_columns_max_ = std::max(n_columns_max_, static_cast<int>(n_columns));
    }
}

template <typename T>
void CommitteeViews<T>::add_bond(const Parameters& p, int center, int neighbor,
                                 const std::vector<double>& coefficients, std::size_t n_columns,
                                 Owned& owned) {
    const Bond& bond = p.bond(center, neighbor);
    std::vector<double> sums(static_cast<std::size_t>(bond.n_base) * n_columns, 0.0);
    bool any = false;
    const Functions& f = p.functions;
    for (std::size_t k = 0, factor = 0, term = 0; k < f.rank.size(); ++k) {
        const auto n_terms = static_cast<std::size_t>(f.n_terms[k]);
        if (f.rank[k] == 1 && f.center[k] == center && f.species[factor] == neighbor)
            for (std::size_t t = term; t < term + n_terms; ++t)
                for (std::size_t column = 0; column < n_columns; ++column) {
                    sums[static_cast<std::size_t>(f.n[factor]) * n_columns + column] +=
                        coefficients[t * n_columns + column];
                    any = true;
                }
        factor += static_cast<std::size_t>(f.rank[k]);
        term += n_terms;
    }
    BondView<T> view{};
    if (any) {
        owned.rank_one[static_cast<std::size_t>(neighbor)].assign(sums.begin(), sums.end());
        RadialTable& table = owned.tables.emplace_back(tabulate(
            bond.n_base, [&bond](double r, double* g, double* dg) { radial_basis(bond, r, g, dg); },
            bond.cutoff, radial_breakpoints(bond), table_options<T>()));
        owned.radial.emplace_back(table.coefficients.begin(), table.coefficients.end());
        table.coefficients = {};
        view.row = table.row;
        view.n_columns = bond.n_base;
        view.n_segments = table.n_segments;
        view.start = table.start;
        view.inverse_width = table.inverse_width;
        view.first_bin = table.first_bin;
        view.coefficients = owned.radial.back().data();
        view.cutoff = bond.cutoff;
        row_max_ = std::max(row_max_, table.row);
    }
    owned.bonds.push_back(view);
}

template class CommitteeViews<double>;
template class CommitteeViews<float>;

}  // namespace tektite::ace
