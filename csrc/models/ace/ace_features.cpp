// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/ace_features.hpp"

#include <algorithm>
#include <utility>

#include "base/aligned.hpp"
#include "base/kernels_for.hpp"
#include "models/ace/feature_tables.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

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

template <>
const FeatureTables<double>& Features::tables<double>() const {
    return *double_tables_;
}

template <>
const FeatureTables<float>& Features::tables<float>() const {
    return *float_tables_;
}

std::unique_ptr<BlockDescriptor<double>> Features::make_double(InstructionSet isa) const {
    return std::make_unique<FeatureBlocks<double>>(double_tables_, isa);
}

std::unique_ptr<BlockDescriptor<float>> Features::make_float(InstructionSet isa) const {
    return std::make_unique<FeatureBlocks<float>>(float_tables_, isa);
}

}  // namespace tektite::ace
