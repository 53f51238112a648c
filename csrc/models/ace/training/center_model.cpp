// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/training/center_model.hpp"

#include <algorithm>
#include <utility>

namespace tektite::ace::training {

namespace {

int padded(int n) {
    return (n + 7) / 8 * 8;
}

double lane_sum(const double* values, int lanes) {
    double sum = 0.0;
    for (int b = 0; b < lanes; ++b) sum += values[b];
    return sum;
}

}  // namespace

CenterModel::CenterModel(int center, const Parameters& parameters, CenterTables tables,
                         const TermSources& sources, const LegendreCoefficients& legendre,
                         std::span<const RadialTable> base_tables, const ParameterLayout& layout,
                         bool radial_fixed)
    : center_(center),
      layout_(layout),
      tables_(std::move(tables)),
      radial_fixed_(radial_fixed),
      base_tables_(base_tables),
      coefficients_(tables_.graph.coefficients.size()),
      prefactors_(layout.n_density),
      exponents_(layout.n_density) {
    const ProductGraph& graph = tables_.graph;
    slot_begin_.push_back(0);
    for (std::size_t slot = 0; slot + 1 < graph.source_begin.size(); ++slot) {
        for (std::size_t i = graph.source_begin[slot]; i < graph.source_begin[slot + 1]; ++i) {
            const std::size_t term = graph.source_term[i];
            for (std::size_t k = sources.begin[term]; k < sources.begin[term + 1]; ++k) {
                slot_function_.push_back(sources.function[k]);
                slot_value_.push_back(graph.source_sign[i] * sources.value[k]);
            }
        }
        slot_begin_.push_back(slot_function_.size());
    }

    const std::size_t n_elements = layout.n_elements;
    rank_one_sources_.resize(n_elements);
    const Functions& f = parameters.functions;
    for (std::size_t k = 0, factor = 0, term = 0; k < f.rank.size(); ++k) {
        if (f.rank[k] == 1 && f.center[k] == center) {
            RankOneSource& source = rank_one_sources_[static_cast<std::size_t>(f.species[factor])];
            const auto n = static_cast<std::size_t>(f.n[factor]);
            if (source.value.size() <= n) {
                source.value.resize(n + 1, 0.0);
                source.function.resize(n + 1, 0);
            }
            source.value[n] = sources.value[sources.begin[term]];
            source.function[n] = sources.function[sources.begin[term]];
        }
        factor += static_cast<std::size_t>(f.rank[k]);
        term += static_cast<std::size_t>(f.n_terms[k]);
    }

    for (auto* list : {&base_n_radial_, &base_first_column_, &base_first_B_}) list->resize(n_elements);
    rank_one_coefficients_.resize(n_elements);
    radial_tables_.resize(n_elements);
    for (std::size_t s = 0; s < n_elements; ++s) make_maps(static_cast<int>(s), parameters);
    for (std::size_t i = 0; i < radial_maps_.size(); ++i)
        radial_maps_[i].coefficients = radial_coefficients_[i].data();

    for (std::size_t s = 0; s < n_elements; ++s) {
        const RadialTable& base = base_tables_[s];
        const BondLayout& bond = tables_.bonds[s];
        const int row = padded(bond.n_columns);
        radial_tables_[s].assign(
            static_cast<std::size_t>(base.n_bins() + 1) * 6 * static_cast<std::size_t>(row), 0.0);
        row_max_ = std::max({row_max_, row, base.row});
        BondView<double> view{};
        view.n_segments = base.n_segments;
        view.start = base.start;
        view.inverse_width = base.inverse_width;
        view.first_bin = base.first_bin;
        view.cutoff = parameters.bond(center, static_cast<int>(s)).cutoff;
        view.core_column = -1;
        view.density_column = -1;
        BondView<double> base_view = view;
        view.row = row;
        view.n_columns = bond.n_columns;
        view.coefficients = radial_tables_[s].data();
        view.l_max = bond.l_max;
        view.n_radial = bond.n_radial.data();
        view.first_column = bond.first_column.data();
        view.first_A = bond.first_A.data();
        view.density_column = bond.density_column;
        bonds_.push_back(view);
        base_view.row = base.row;
        base_view.n_columns = base.n_functions;
        base_view.coefficients = base.coefficients.data();
        base_view.l_max = static_cast<int>(base_n_radial_[s].size()) - 1;
        base_view.n_radial = base_n_radial_[s].data();
        base_view.first_column = base_first_column_[s].data();
        base_view.first_A = base_first_B_[s].data();
        base_bonds_.push_back(base_view);
    }

    const Embedding& embedding = parameters.embeddings[static_cast<std::size_t>(center)];
    view_.n_elements = static_cast<int>(n_elements);
    view_.bonds = bonds_.data();
    view_.l_max = legendre.l_max;
    view_.legendre_a = legendre.a.data();
    view_.legendre_b = legendre.b.data();
    view_.legendre_slope = legendre.slope.data();
    view_.legendre_diagonal = legendre.diagonal.data();
    view_.n_base = graph.n_base;
    view_.n_nodes = graph.n_nodes;
    view_.n_rows = static_cast<int>(tables_.rows.size());
    view_.rows = tables_.rows.data();
    view_.others = graph.others.data();
    view_.coefficients = coefficients_.data();
    view_.n_terms = graph.others.size();
    view_.n_coefficients = coefficients_.size() / layout.n_density;
    view_.n_density = static_cast<int>(layout.n_density);
    view_.embedding = embedding.kind == "FinnisSinclair" ? EmbeddingKind::finnis_sinclair
                                                         : EmbeddingKind::finnis_sinclair_shifted_scaled;
    view_.prefactors = prefactors_.data();
    view_.exponents = exponents_.data();
    view_.rho_core_cutoff = embedding.rho_core_cutoff;
    view_.drho_core_cutoff = embedding.drho_core_cutoff;
    view_.zbl = false;

    training_view_ = {&view_,
                      base_bonds_.data(),
                      n_B_,
                      static_cast<int>(radial_maps_.size()),
                      radial_maps_.data(),
                      static_cast<int>(rank_one_maps_.size()),
                      rank_one_maps_.data(),
                      !radial_fixed};
}

void CenterModel::make_maps(int neighbor, const Parameters& parameters) {
    const auto s = static_cast<std::size_t>(neighbor);
    const Bond& bond = parameters.bond(center_, neighbor);
    const std::size_t first_parameter =
        layout_.radial[static_cast<std::size_t>(center_) * layout_.n_elements + s];
    const RankOneSource& rank_one = rank_one_sources_[s];
    const int l_max = std::max(tables_.bonds[s].l_max, rank_one.value.empty() ? -1 : 0);
    for (int l = 0; l <= l_max; ++l) {
        static const std::vector<std::int32_t> none;
        const auto& used = l <= tables_.base.l_max ? tables_.base.n_used(neighbor, l) : none;
        const auto row = [&](std::int32_t n) {
            return static_cast<std::size_t>(n * (bond.l_max + 1) + l) * static_cast<std::size_t>(bond.n_base);
        };
        int n_base = used.empty() || radial_fixed_ ? 0 : bond.n_base;
        if (radial_fixed_)
            for (const std::int32_t n : used)
                for (int k = n_base; k < bond.n_base; ++k)
                    if (bond.coefficients[row(n) + static_cast<std::size_t>(k)] != 0.0) n_base = k + 1;
        const int n_columns = l == 0 ? std::max(n_base, static_cast<int>(rank_one.value.size())) : n_base;
        base_n_radial_[s].push_back(n_columns);
        base_first_column_[s].push_back(0);
        base_first_B_[s].push_back(n_B_);
        if (!used.empty()) {
            RadialMap map{};
            map.l = l;
            map.n_radial = static_cast<int>(used.size());
            map.n_base = n_columns;  // with g_k beyond n_base, whose coefficients are zero
            map.first_A = tables_.base.first(neighbor, l);
            map.first_B = n_B_;
            map.gradient = n_radial_gradient_;
            RadialSource source;
            source.neighbor = neighbor;
            for (const std::int32_t n : used) source.first.push_back(first_parameter + row(n));
            const std::size_t size = used.size() * static_cast<std::size_t>(n_columns);
            n_radial_gradient_ += size;
            radial_maps_.push_back(map);
            radial_sources_.push_back(std::move(source));
            radial_coefficients_.emplace_back(size);
        }
        if (l == 0 && !rank_one.value.empty()) {
            rank_one_coefficients_[s].resize(rank_one.value.size() * layout_.n_density);
            rank_one_maps_.push_back({static_cast<int>(rank_one.value.size()), n_B_,
                                      rank_one_coefficients_[s].data(), n_rank_one_gradient_});
            n_rank_one_gradient_ += rank_one.value.size() * layout_.n_density;
        }
        n_B_ += n_columns * (l + 1);
    }
}

void CenterModel::set_parameters(std::span<const double> values) {
    const std::size_t n_density = layout_.n_density;
    std::fill(coefficients_.begin(), coefficients_.end(), 0.0);
    for (std::size_t slot = 0; slot + 1 < slot_begin_.size(); ++slot)
        for (std::size_t i = slot_begin_[slot]; i < slot_begin_[slot + 1]; ++i)
            for (std::size_t p = 0; p < n_density; ++p)
                coefficients_[slot * n_density + p] +=
                    slot_value_[i] * values[slot_function_[i] * n_density + p];
    for (std::size_t i = 0; i < radial_maps_.size(); ++i) {
        const auto n_base = static_cast<std::size_t>(radial_maps_[i].n_base);
        for (std::size_t n = 0; n < radial_sources_[i].first.size(); ++n)
            std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(radial_sources_[i].first[n]), n_base,
                        radial_coefficients_[i].begin() + static_cast<std::ptrdiff_t>(n * n_base));
    }
    for (std::size_t s = 0; s < rank_one_sources_.size(); ++s) {
        const RankOneSource& source = rank_one_sources_[s];
        for (std::size_t k = 0; k < source.value.size(); ++k)
            for (std::size_t p = 0; p < n_density; ++p)
                rank_one_coefficients_[s][k * n_density + p] =
                    source.value[k] * values[source.function[k] * n_density + p];
    }
    const std::size_t element = static_cast<std::size_t>(center_) * n_density;
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(layout_.prefactors + element), n_density,
                prefactors_.begin());
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(layout_.exponents + element), n_density,
                exponents_.begin());
    for (std::size_t s = 0; s < radial_tables_.size(); ++s) fill_table(s);
}

void CenterModel::fill_table(std::size_t neighbor) {
    const RadialTable& base = base_tables_[neighbor];
    const BondLayout& bond = tables_.bonds[neighbor];
    const auto n_columns = static_cast<std::size_t>(bond.n_columns);
    // [n_base][n_columns]: R columns, then rank-1 densities.
    const auto n_base = static_cast<std::size_t>(base.n_functions);
    std::vector<double> map(n_base * n_columns, 0.0);
    std::size_t column = 0;
    for (std::size_t i = 0; i < radial_maps_.size(); ++i) {
        if (radial_sources_[i].neighbor != static_cast<int>(neighbor)) continue;
        const auto width = static_cast<std::size_t>(radial_maps_[i].n_base);
        for (std::size_t n = 0; n < radial_sources_[i].first.size(); ++n, ++column)
            for (std::size_t k = 0; k < width; ++k)
                map[k * n_columns + column] = radial_coefficients_[i][n * width + k];
    }
    if (bond.density_column >= 0) {
        const std::size_t n_density = layout_.n_density;
        for (std::size_t k = 0; k < rank_one_sources_[neighbor].value.size(); ++k)
            for (std::size_t p = 0; p < n_density; ++p)
                map[k * n_columns + static_cast<std::size_t>(bond.density_column) + p] =
                    rank_one_coefficients_[neighbor][k * n_density + p];
    }
    const auto n_rows = static_cast<std::size_t>(base.n_bins() + 1) * 6;
    const auto row = static_cast<std::size_t>(bonds_[neighbor].row);
    for (std::size_t i = 0; i < n_rows; ++i) {
        double* out = radial_tables_[neighbor].data() + i * row;
        const double* in = base.coefficients.data() + i * static_cast<std::size_t>(base.row);
        std::fill_n(out, n_columns, 0.0);
        for (std::size_t k = 0; k < n_base; ++k) {
            const double g = in[k];
            const double* c = map.data() + k * n_columns;
            for (std::size_t j = 0; j < n_columns; ++j) out[j] += g * c[j];
        }
    }
}

void CenterModel::clear(GradientBuffers& buffers, int lanes) const {
    const auto w = static_cast<std::size_t>(lanes);
    buffers.coefficients.assign(coefficients_.size() * w, 0.0);
    buffers.radial.assign(n_radial_gradient_ * w, 0.0);
    buffers.rank_one.assign(n_rank_one_gradient_ * w, 0.0);
    buffers.prefactors.assign(layout_.n_density, 0.0);
    buffers.exponents.assign(layout_.n_density, 0.0);
}

void CenterModel::add_gradient(const GradientBuffers& buffers, int lanes, std::span<double> gradient) const {
    const std::size_t n_density = layout_.n_density;
    const auto w = static_cast<std::size_t>(lanes);
    std::vector<double> sums(n_density);
    for (std::size_t slot = 0; slot + 1 < slot_begin_.size(); ++slot) {
        for (std::size_t p = 0; p < n_density; ++p)
            sums[p] = lane_sum(buffers.coefficients.data() + (slot * n_density + p) * w, lanes);
        for (std::size_t i = slot_begin_[slot]; i < slot_begin_[slot + 1]; ++i)
            for (std::size_t p = 0; p < n_density; ++p)
                gradient[slot_function_[i] * n_density + p] += slot_value_[i] * sums[p];
    }
    if (!radial_fixed_)
        for (std::size_t i = 0; i < radial_maps_.size(); ++i) {
            const auto n_base = static_cast<std::size_t>(radial_maps_[i].n_base);
            for (std::size_t n = 0; n < radial_sources_[i].first.size(); ++n)
                for (std::size_t k = 0; k < n_base; ++k)
                    gradient[radial_sources_[i].first[n] + k] += lane_sum(
                        buffers.radial.data() + (radial_maps_[i].gradient + n * n_base + k) * w, lanes);
        }
    for (std::size_t s = 0, i = 0; s < rank_one_sources_.size(); ++s) {
        const RankOneSource& source = rank_one_sources_[s];
        for (std::size_t k = 0; k < source.value.size(); ++k)
            for (std::size_t p = 0; p < n_density; ++p, ++i)
                gradient[source.function[k] * n_density + p] +=
                    source.value[k] * lane_sum(buffers.rank_one.data() + i * w, lanes);
    }
    const std::size_t element = static_cast<std::size_t>(center_) * n_density;
    for (std::size_t p = 0; p < n_density; ++p) {
        gradient[layout_.prefactors + element + p] += buffers.prefactors[p];
        gradient[layout_.exponents + element + p] += buffers.exponents[p];
    }
}

}  // namespace tektite::ace::training
