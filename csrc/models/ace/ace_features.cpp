// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/ace_features.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/aligned.hpp"
#include "base/kernels_for.hpp"
#include "basis/ace_radial.hpp"
#include "models/ace/kernels/feature_views.hpp"
#include "models/ace/tables.hpp"
#include "models/ace/term_sources.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

namespace {

/// Radial functions of rank 1 of one (centre, neighbour): feature and factor of each g_k, feature -1: none.
struct RankOne {
    std::vector<std::int32_t> feature;
    std::vector<double> factor;
};

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

/// Owns the tables in one precision.
template <typename T>
class FeatureTables {
public:
    FeatureTables(const Parameters& parameters, const Basis& basis)
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
        Centers(const Parameters& p, const Basis& basis)
            : sources(basis), tables(make_tables(p, std::vector<int>(p.elements.size(), 1))) {
            for (std::size_t c = 0; c < tables.size(); ++c) {
                rank_one.push_back(rank_one_functions(p, sources, static_cast<int>(c),
                                                      static_cast<std::size_t>(basis.first_function()[c])));
                for (std::size_t s = 0; s < tables.size(); ++s)
                    separate_rank_one(p.bond(static_cast<int>(c), static_cast<int>(s)), tables[c].base,
                                      static_cast<int>(s), rank_one[c][s], tables[c].bonds[s]);
            }
        }
        TermSources sources;
        std::vector<CenterTables> tables;
        std::vector<std::vector<RankOne>> rank_one;  // [center][neighbour]
    };
    struct Entries {
        std::vector<std::int32_t> feature_begin, feature_product, product_begin, product_feature, rank_one;
        std::vector<T> feature_value, product_value;
    };

    static void fill(const ProductGraph& graph, const TermSources& sources, std::size_t first,
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

    Centers centers_;
    CenterViews<T> views_;
    std::vector<Entries> entries_;
    std::vector<CenterView<T>> center_views_;
    std::vector<FeatureView<T>> features_;
    std::size_t n_products_max_ = 0;
    int n_rank_one_max_ = 0;
};

namespace {

template <typename T>
class FeatureBlocks final : public BlockDescriptor<T> {
public:
    FeatureBlocks(std::shared_ptr<const FeatureTables<T>> tables, InstructionSet isa)
        : tables_(std::move(tables)), kernels_(in_precision<T>(kernels_for<FeatureKernelTable>(isa))) {
        const auto n_lm = static_cast<std::size_t>(lm_count(std::max(tables_->l_max(), 0)));
        nodes_.resize(tables_->n_nodes_max() * 2 * w());
        adjoints_.resize(nodes_.size());
        harmonics_.resize(tile_steps * n_lm * 2 * w());
        products_.resize(tables_->n_products_max() * w());
        rank_one_.resize(tables_->n_rank_one_max() * w());
    }

    [[nodiscard]] int lanes() const override { return kernels_.lanes; }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t values = bin_.capacity() * sizeof(std::int64_t);
        for (const auto* a : {&nodes_, &adjoints_, &harmonics_, &products_, &rank_one_, &radial_, &slope_,
                              &unit_, &inverse_r_, &position_, &inverse_width_, &dual_nodes_, &dual_base_,
                              &dual_harmonics_, &dual_unit_, &dual_radial_, &stretch_, &motion_, &features_})
            values += a->capacity() * sizeof(T);
        return values + (edges_.capacity() + gradient_.capacity()) * sizeof(double);
    }

    void forward(const EdgeBlock& block, T* features) override {
        for (std::size_t group = 0; group < n_groups(block); ++group)
            forward_group(block, group, features + group * w(), block.lanes);
    }

    void backward(EdgeBlock& block, const T*, const T* adjoint) override {
        for (std::size_t group = 0; group < n_groups(block); ++group) {
            load_group(block, group);
            kernels_.backward(tables_->view(block.center_species), group_view(block), scratch(),
                              adjoint + group * w(), block.lanes);
            const std::size_t size = static_cast<std::size_t>(block.n_steps) * w();
            const auto stride = static_cast<std::size_t>(block.lanes);
            double* const out[3] = {block.dE_dx.data(), block.dE_dy.data(), block.dE_dz.data()};
            for (std::size_t c = 0; c < 3; ++c)
                for (std::size_t step = 0; step < static_cast<std::size_t>(block.n_steps); ++step)
                    for (std::size_t b = 0; b < w(); ++b)
                        out[c][step * stride + group * w() + b] += gradient_[c * size + step * w() + b];
        }
    }

    void edge_gradient(const EdgeBlock& block, const T*, int group, int species, int step,
                       T* gradient) override {
        load_group(block, static_cast<std::size_t>(group));
        reserve_dual();
        const std::size_t size = static_cast<std::size_t>(block.n_steps) * w();
        motion_.assign(3 * size, T{0});
        const FeatureView<T>& view = tables_->view(block.center_species);
        const MotionView<T> motion{motion_.data(), motion_.data() + size, motion_.data() + 2 * size};
        for (std::size_t c = 0; c < 3; ++c) {
            T* moving = motion_.data() + c * size + static_cast<std::size_t>(step) * w();
            std::fill_n(moving, w(), T{1});
            kernels_.tangents(view, group_view(block), scratch(), motion, species, step, step + 1,
                              gradient + c * static_cast<std::size_t>(view.n_features) * w(), lanes());
            std::fill_n(moving, w(), T{0});
        }
    }

    void tangents(const EdgeBlock& block, const T*, int, const T* motion, T* tangents) override {
        reserve_dual();
        const auto stride = static_cast<std::size_t>(block.lanes);
        const auto n_steps = static_cast<std::size_t>(block.n_steps);
        for (std::size_t group = 0; group < n_groups(block); ++group) {
            load_group(block, group);
            reserve_dual();
            motion_.resize(3 * n_steps * w());
            for (std::size_t k = 0; k < 3 * n_steps; ++k)
                std::copy_n(motion + k * stride + group * w(), w(), motion_.data() + k * w());
            const std::size_t size = n_steps * w();
            kernels_.tangents(tables_->view(block.center_species), group_view(block), scratch(),
                              {motion_.data(), motion_.data() + size, motion_.data() + 2 * size}, -1, 0, 0,
                              tangents + group * w(), block.lanes);
        }
    }

private:
    [[nodiscard]] std::size_t w() const { return static_cast<std::size_t>(kernels_.lanes); }
    [[nodiscard]] std::size_t n_groups(const EdgeBlock& block) const {
        return static_cast<std::size_t>(block.lanes) / w();
    }

    /// The edges of the group, contiguous, and the forward pass.
    void forward_group(const EdgeBlock& block, std::size_t group, T* features, int stride) {
        const auto n_steps = static_cast<std::size_t>(block.n_steps);
        const std::size_t size = n_steps * w();
        if (inverse_r_.size() < size) {
            const std::size_t n = size + 8 * w();
            radial_.resize(n * static_cast<std::size_t>(tables_->row_max()));
            slope_.resize(radial_.size());
            unit_.resize(3 * n);
            for (auto* a : {&inverse_r_, &position_, &inverse_width_}) a->resize(n);
            bin_.resize(n);
        }
        edges_.resize(3 * size);
        gradient_.resize(3 * size);
        const double* const in[3] = {block.x.data(), block.y.data(), block.z.data()};
        for (std::size_t c = 0; c < 3; ++c)
            for (std::size_t step = 0; step < n_steps; ++step)
                std::copy_n(in[c] + step * static_cast<std::size_t>(block.lanes) + group * w(), w(),
                            edges_.data() + c * size + step * w());
        kernels_.forward(tables_->view(block.center_species), group_view(block), scratch(), features, stride);
        group_ = group;
    }

    /// Makes the results of the forward pass those of the group.
    void load_group(const EdgeBlock& block, std::size_t group) {
        if (n_groups(block) == 1 || group == group_) return;
        features_.resize(static_cast<std::size_t>(tables_->view(block.center_species).n_features) * w());
        forward_group(block, group, features_.data(), lanes());
    }

    void reserve_dual() {
        dual_nodes_.resize(2 * nodes_.size());
        dual_base_.resize(2 * nodes_.size());
        dual_harmonics_.resize(2 * harmonics_.size());
        dual_unit_.resize(2 * unit_.size());
        dual_radial_.resize(2 * radial_.size());
        stretch_.resize(inverse_r_.size());
    }

    [[nodiscard]] BlockView group_view(const EdgeBlock& block) {
        const std::size_t size = static_cast<std::size_t>(block.n_steps) * w();
        return {block.n_steps,           block.species_begin.data(), edges_.data(),
                edges_.data() + size,    edges_.data() + 2 * size,   gradient_.data(),
                gradient_.data() + size, gradient_.data() + 2 * size};
    }

    [[nodiscard]] FeatureScratch<T> scratch() {
        const Scratch<T> plain{nodes_.data(), adjoints_.data(),  radial_.data(),    slope_.data(),
                               unit_.data(),  inverse_r_.data(), position_.data(),  inverse_width_.data(),
                               bin_.data(),   harmonics_.data(), tables_->row_max()};
        Scratch<T> dual = plain;
        dual.nodes = dual_base_.data();
        dual.radial = dual_radial_.data();
        dual.unit = dual_unit_.data();
        dual.harmonics = dual_harmonics_.data();
        return {{plain, dual, stretch_.data()}, products_.data(), dual_nodes_.data(), rank_one_.data()};
    }

    std::shared_ptr<const FeatureTables<T>> tables_;
    const FeatureKernels<T>& kernels_;
    std::size_t group_ = 0;  // of the last forward pass
    AlignedVector<T> nodes_, adjoints_, harmonics_, products_, rank_one_, features_;
    AlignedVector<T> radial_, slope_, unit_, inverse_r_, position_, inverse_width_;
    AlignedVector<T> dual_nodes_, dual_base_, dual_harmonics_, dual_unit_, dual_radial_, stretch_, motion_;
    AlignedVector<double> edges_, gradient_;
    AlignedVector<std::int64_t> bin_;
};

}  // namespace

Features::Features(std::vector<Bond> bonds, std::shared_ptr<const Basis> basis) : basis_(std::move(basis)) {
    const auto fail = [](const std::string& what) {
        throw Error(ErrorCode::invalid_argument, "ACE descriptor: " + what);
    };
    const auto n = static_cast<std::size_t>(basis_->n_elements());
    if (basis_->n_functions() == 0) fail("the basis has no function");
    for (std::size_t c = 0; c < n; ++c)
        if (basis_->first_function()[c + 1] - basis_->first_function()[c] != n_features())
            fail("the elements have different numbers of functions");
    check_bonds(bonds, *basis_);
    parameters_.elements.resize(n);
    parameters_.isolated_energies.assign(n, 0.0);
    parameters_.embeddings.assign(n, {"FinnisSinclairShiftedScaled", {1.0}, {1.0}, 1e5, 250.0});
    parameters_.n_density_max = 1;
    parameters_.functions =
        basis_->combine(std::vector<double>(static_cast<std::size_t>(basis_->n_functions()), 1.0), 1);
    parameters_.bonds = std::move(bonds);
    cutoffs_.assign(n, 0.0);
    for (std::size_t b = 0; b < n * n; ++b) {
        Bond& bond = parameters_.bonds[b];
        bond.core_prefactor = 0.0;
        cutoffs_[b % n] = std::max(cutoffs_[b % n], bond.cutoff);
    }
    double_tables_ = std::make_shared<FeatureTables<double>>(parameters_, *basis_);
    float_tables_ = std::make_shared<FeatureTables<float>>(parameters_, *basis_);
}

Features::~Features() = default;

std::unique_ptr<BlockDescriptor<double>> Features::make_double(InstructionSet isa) const {
    return std::make_unique<FeatureBlocks<double>>(double_tables_, isa);
}

std::unique_ptr<BlockDescriptor<float>> Features::make_float(InstructionSet isa) const {
    return std::make_unique<FeatureBlocks<float>>(float_tables_, isa);
}

}  // namespace tektite::ace
