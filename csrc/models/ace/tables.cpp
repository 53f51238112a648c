// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/tables.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "basis/ace_radial.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

namespace {

/// Coefficients of the rank-1 functions of one (centre, neighbour): [n_density][n_base].
std::vector<double> rank_one_coefficients(const Parameters& p, int center, int neighbor, int n_base,
                                          bool& any) {
    const auto n_density =
        static_cast<std::size_t>(p.embeddings[static_cast<std::size_t>(center)].n_density());
    std::vector<double> out(n_density * static_cast<std::size_t>(n_base), 0.0);
    std::size_t factor = 0, term = 0;
    any = false;
    const Functions& f = p.functions;
    for (std::size_t k = 0; k < f.rank.size(); ++k) {
        if (f.rank[k] == 1 && f.center[k] == center && f.species[factor] == neighbor)
            for (std::size_t t = 0; t < static_cast<std::size_t>(f.n_terms[k]); ++t)
                for (std::size_t d = 0; d < n_density; ++d) {
                    out[d * static_cast<std::size_t>(n_base) + static_cast<std::size_t>(f.n[factor])] +=
                        f.coefficients[(term + t) * static_cast<std::size_t>(p.n_density_max) + d];
                    any = true;
                }
        factor += static_cast<std::size_t>(f.rank[k]);
        term += static_cast<std::size_t>(f.n_terms[k]);
    }
    return out;
}

BondLayout make_bond(const Parameters& p, const AtomicBase& base, int center, int neighbor,
                     const std::vector<int>& atomic_numbers) {
    const Bond& bond = p.bond(center, neighbor);
    BondLayout layout;
    int column = 0;
    std::vector<std::pair<int, int>> channels;  // (n, l) of each R column
    for (int l = 0; l <= base.l_max; ++l) {
        const auto& list = base.n_used(neighbor, l);
        if (!list.empty()) layout.l_max = l;
        layout.n_radial.push_back(static_cast<int>(list.size()));
        layout.first_column.push_back(column);
        layout.first_A.push_back(base.first(neighbor, l));
        for (const std::int32_t n : list) channels.emplace_back(n, l);
        column += static_cast<int>(list.size());
    }
    bool any_rank_one = false;
    const std::vector<double> rank_one =
        rank_one_coefficients(p, center, neighbor, bond.n_base, any_rank_one);
    const int n_density = p.embeddings[static_cast<std::size_t>(center)].n_density();
    if (any_rank_one) {
        layout.density_column = column;
        column += n_density;
    }
    if (bond.core_prefactor != 0.0) layout.core_column = column++;

    layout.n_columns = column;
    const int z_i = atomic_numbers[static_cast<std::size_t>(center)];
    const int z_j = atomic_numbers[static_cast<std::size_t>(neighbor)];
    layout.functions = [&bond, channels, rank_one, z_i, z_j, n_density = any_rank_one ? n_density : 0,
                        core = layout.core_column >= 0](double r, double* value, double* slope) {
        const auto n_base = static_cast<std::size_t>(bond.n_base);
        std::vector<double> g(n_base), dg(n_base);
        radial_basis(bond, r, g.data(), dg.data());
        const auto contract = [&](const double* c, std::size_t out) {
            value[out] = slope[out] = 0.0;
            for (std::size_t k = 0; k < n_base; ++k) {
                value[out] += c[k] * g[k];
                slope[out] += c[k] * dg[k];
            }
        };
        std::size_t out = 0;
        for (const auto& [n, l] : channels)
            contract(bond.coefficients.data() + static_cast<std::size_t>(n * (bond.l_max + 1) + l) * n_base,
                     out++);
        for (std::size_t d = 0; d < static_cast<std::size_t>(n_density); ++d)
            contract(rank_one.data() + d * n_base, out++);
        if (core) core_repulsion(bond, z_i, z_j, r, value[out], slope[out]);
    };
    return layout;
}

}  // namespace

std::vector<CenterTables> make_tables(const Parameters& p, const std::vector<int>& atomic_numbers) {
    const int n_elements = static_cast<int>(p.elements.size());
    std::vector<CenterTables> all;
    for (int center = 0; center < n_elements; ++center) {
        CenterTables t;
        const Embedding& embedding = p.embeddings[static_cast<std::size_t>(center)];
        if (embedding.n_density() > n_density_limit)
            throw Error(ErrorCode::unsupported, "ACE with more than " + std::to_string(n_density_limit) +
                                                    " densities (element " +
                                                    p.elements[static_cast<std::size_t>(center)] + ")");
        t.base = atomic_base(p.functions, center, n_elements);
        if (t.base.l_max > l_max_limit)
            throw Error(ErrorCode::unsupported, "ACE with l above " + std::to_string(l_max_limit));
        if (t.base.size > 30000)
            throw Error(ErrorCode::unsupported,
                        "ACE with more than 30000 atomic base functions of one element");
        t.graph = product_graph(p.functions, t.base, center, embedding.n_density(), p.n_density_max);
        for (const ProductGraph::Row& r : t.graph.rows)
            t.rows.push_back({r.x, r.y, r.kept, r.conjugate, r.n_plain, r.n_conjugate, r.alone});
        for (int neighbor = 0; neighbor < n_elements; ++neighbor)
            t.bonds.push_back(make_bond(p, t.base, center, neighbor, atomic_numbers));
        all.push_back(std::move(t));
    }
    return all;
}

/// Double tables are as good as exact; float ones need only be better than float arithmetic, so they are
/// smaller and stay in the cache. Rows are whole AVX-512 registers.
template <typename T>
TableOptions table_options() {
    if constexpr (std::is_same_v<T, double>) return {3e-10, 4e-9, 8};
    return {3e-8, 3e-7, 16};
}

/// What is finite in double may not be in float.
template <typename T>
static void check_finite(const AlignedVector<T>& values) {
    if (!std::all_of(values.begin(), values.end(), [](T v) { return std::isfinite(v); }))
        throw Error(ErrorCode::unsupported,
                    "coefficients of this model are too large for mixed precision; use double");
}

template <typename T>
CenterViews<T>::CenterViews(const Parameters& p, const std::vector<CenterTables>& tables) {
    for (const CenterTables& t : tables) l_max_ = std::max(l_max_, t.base.l_max);
    const LegendreCoefficients legendre(l_max_);
    a_.assign(legendre.a.begin(), legendre.a.end());
    b_.assign(legendre.b.begin(), legendre.b.end());
    slope_.assign(legendre.slope.begin(), legendre.slope.end());
    diagonal_.assign(legendre.diagonal.begin(), legendre.diagonal.end());
    owned_.resize(tables.size());
    for (std::size_t c = 0; c < tables.size(); ++c) {
        const CenterTables& t = tables[c];
        Owned& o = owned_[c];
        o.tables.reserve(t.bonds.size());  // the views point into them
        o.coefficients.assign(t.graph.coefficients.begin(), t.graph.coefficients.end());
        check_finite<T>(o.coefficients);
        for (std::size_t s = 0; s < t.bonds.size(); ++s) {
            const BondLayout& layout = t.bonds[s];
            const Bond& bond = p.bond(static_cast<int>(c), static_cast<int>(s));
            RadialTable& table =
                o.tables.emplace_back(tabulate(layout.n_columns, layout.functions, bond.cutoff,
                                               radial_breakpoints(bond), table_options<T>()));
            o.radial.emplace_back(table.coefficients.begin(), table.coefficients.end());
            table.coefficients = {};
            check_finite<T>(o.radial.back());
            o.bonds.push_back({table.row, table.n_functions, table.n_segments, table.start,
                               table.inverse_width, table.first_bin, o.radial.back().data(), bond.cutoff,
                               layout.l_max, layout.n_radial.data(), layout.first_column.data(),
                               layout.first_A.data(), layout.density_column, layout.core_column,
                               bond.inner_cutoff - bond.inner_cutoff_width, bond.inner_cutoff_width});
            row_max_ = std::max(row_max_, table.row);
        }
        const Embedding& e = p.embeddings[c];
        n_nodes_max_ = std::max(n_nodes_max_, t.graph.n_nodes);
        views_.push_back({static_cast<int>(t.bonds.size()),
                          o.bonds.data(),
                          l_max_,
                          a_.data(),
                          b_.data(),
                          slope_.data(),
                          diagonal_.data(),
                          t.graph.n_base,
                          t.graph.n_nodes,
                          static_cast<int>(t.rows.size()),
                          t.rows.data(),
                          t.graph.others.data(),
                          o.coefficients.data(),
                          t.graph.others.size(),
                          t.graph.coefficients.size() / static_cast<std::size_t>(t.graph.n_density),
                          e.n_density(),
                          e.kind == "FinnisSinclair" ? EmbeddingKind::finnis_sinclair
                                                     : EmbeddingKind::finnis_sinclair_shifted_scaled,
                          e.prefactors.data(),
                          e.exponents.data(),
                          e.rho_core_cutoff,
                          e.drho_core_cutoff,
                          p.isolated_energies[c],
                          p.bonds[0].inner_cutoff_type == "zbl"});
    }
}

template class CenterViews<double>;
template class CenterViews<float>;

}  // namespace tektite::ace
