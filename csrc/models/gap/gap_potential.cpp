// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/gap_potential.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/cpu.hpp"
#include "base/kernels_for.hpp"
#include "models/gap/variance.hpp"
#include "models/local_potential.hpp"
#include "models/registry.hpp"

namespace tektite::gap {

namespace {

/// One thread's memory and the order of the terms. T: of the SOAP descriptors; all else is double.
template <typename T>
class GapKernel final : public BlockKernel {
public:
    GapKernel(const SharedTerms& terms, InstructionSet isa)
        : terms_(terms),
          kernels_(kernels_for<SparseKernels>(isa)),
          triplet_kernel_(kernels_for<TripletKernel>(isa)),
          isa_(isa) {
        const auto w = static_cast<std::size_t>(lanes());
        std::size_t n_features = 0;
        for (const SoapTerm& term : terms.parameters.soap) {
            descriptors_.push_back(make_block_descriptor<T>(*term.descriptor, isa));
            n_features = std::max(n_features, static_cast<std::size_t>(term.descriptor->n_features()));
        }
        features_.resize(n_features * w);
        adjoint_.resize(n_features * w);
        if constexpr (!is_double) {
            float_features_.resize(n_features * w);
            float_adjoint_.resize(n_features * w);
        }
        work_.resize(tiles_together * sparse_tile * w);
        lane_energies_.resize(w);
    }

    [[nodiscard]] int lanes() const override { return registers_together * kernels_.lanes; }
    [[nodiscard]] std::string description() const override {
        return name_of(isa_) + ", " + std::to_string(lanes()) + " lanes, " +
               (is_double ? "double" : "mixed precision");
    }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t bytes =
            (features_.capacity() + adjoint_.capacity() + work_.capacity() + lane_energies_.capacity()) *
                sizeof(double) +
            (float_features_.capacity() + float_adjoint_.capacity()) * sizeof(T);
        for (const auto& d : descriptors_) bytes += d->memory();
        bytes += triplet_edges_.capacity() * sizeof(TripletEdge);
        return bytes + (variance_ ? variance_->memory() : 0);
    }

    void compute(EdgeBlock& block, double* energies, double* uncertainties) override {
        const std::size_t size =
            static_cast<std::size_t>(block.n_steps) * static_cast<std::size_t>(block.lanes);
        for (auto* g : {&block.dE_dx, &block.dE_dy, &block.dE_dz}) std::fill_n(g->begin(), size, 0.0);
        const auto center = static_cast<std::size_t>(block.center_species);
        std::fill_n(energies, block.n_centers, terms_.parameters.info.isolated_energies[center]);
        terms_.pairs.add(block, energies);
        terms_.triplets.add(block, triplet_kernel_, triplet_edges_, energies);
        const int n_registers = (block.n_centers + kernels_.lanes - 1) / kernels_.lanes;
        for (std::size_t t = 0; t < descriptors_.size(); ++t) {
            if (!terms_.parameters.soap[t].centers[center]) continue;
            const SparseView view = terms_.points[t].view();
            const std::size_t n =
                static_cast<std::size_t>(view.n_features) * static_cast<std::size_t>(block.lanes);
            if constexpr (is_double) {
                descriptors_[t]->forward(block, features_.data());
            } else {
                descriptors_[t]->forward(block, float_features_.data());
                std::copy_n(float_features_.begin(), n, features_.begin());
            }
            kernels_.predict(view, features_.data(), static_cast<std::size_t>(block.lanes), n_registers,
                             work_.data(), lane_energies_.data(), adjoint_.data());
            for (int b = 0; b < block.n_centers; ++b)
                energies[b] += lane_energies_[static_cast<std::size_t>(b)];
            if constexpr (is_double) {
                descriptors_[t]->backward(block, features_.data(), adjoint_.data());
            } else {
                std::transform(adjoint_.begin(), adjoint_.begin() + static_cast<std::ptrdiff_t>(n),
                               float_adjoint_.begin(), [](double g) { return static_cast<float>(g); });
                descriptors_[t]->backward(block, float_features_.data(), float_adjoint_.data());
            }
        }
        if (uncertainties == nullptr || !terms_.variance) return;
        if (!variance_) variance_ = std::make_unique<VarianceKernel>(terms_, isa_);
        variance_->compute(block, uncertainties);
    }

private:
    static constexpr bool is_double = std::is_same_v<T, double>;
    const SharedTerms& terms_;
    const SparseKernels& kernels_;
    TripletKernel triplet_kernel_;
    InstructionSet isa_;
    std::vector<std::unique_ptr<BlockDescriptor<T>>> descriptors_;
    std::unique_ptr<VarianceKernel> variance_;  // made when first wanted
    std::vector<TripletEdge> triplet_edges_;
    AlignedVector<double> features_, adjoint_, work_, lane_energies_;
    AlignedVector<T> float_features_, float_adjoint_;  // mixed precision only
};

class GapPotential final : public LocalPotential {
public:
    explicit GapPotential(Parameters parameters)
        : terms_(std::move(parameters)), cutoffs_(pair_cutoffs(terms_.parameters)) {}

    [[nodiscard]] const ModelInfo& info() const override { return terms_.parameters.info; }

protected:
    [[nodiscard]] std::unique_ptr<BlockKernel> make_kernel(const EvaluationOptions& options) const override {
        const InstructionSet isa = resolve_instruction_set(options.instruction_set);
        if (options.precision == Precision::real64) return std::make_unique<GapKernel<double>>(terms_, isa);
        return std::make_unique<GapKernel<float>>(terms_, isa);
    }
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }

private:
    SharedTerms terms_;
    std::vector<double> cutoffs_;
};

}  // namespace

std::shared_ptr<const Potential> make_gap(const ModelFile& file, const std::string& prefix,
                                          const nlohmann::json& metadata) {
    return std::make_shared<GapPotential>(read_parameters(file, prefix, metadata));
}

}  // namespace tektite::gap
