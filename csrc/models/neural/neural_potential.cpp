// SPDX-License-Identifier: BSD-3-Clause
#include "models/neural/neural_potential.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/cpu.hpp"
#include "base/kernels_for.hpp"
#include "base/model_file_json.hpp"
#include "descriptors/block_descriptor.hpp"
#include "models/descriptor_reader.hpp"
#include "models/local_potential.hpp"
#include "models/neural/network.hpp"
#include "models/registry.hpp"

namespace tektite::neural {

using nlohmann::json;

namespace {

constexpr int largest_width = 1 << 16, most_layers = 64, most_members = 1024;

/// Networks of all members and elements in one precision.
template <typename T>
struct Tables {
    std::vector<NetworkTables<T>> networks;  ///< [n_members][n_elements]
    std::size_t scratch = 0;

    explicit Tables(const std::vector<Network>& all) {
        for (const Network& network : all) {
            networks.emplace_back(network);
            scratch = std::max(scratch, networks.back().scratch());
        }
    }
};

template <typename T>
class NeuralKernel final : public BlockKernel {
public:
    NeuralKernel(const Descriptor& descriptor, const Tables<T>& tables, const std::vector<double>& isolated,
                 InstructionSet isa)
        : descriptor_(make_block_descriptor<T>(descriptor, isa)),
          tables_(tables),
          isolated_(isolated),
          kernels_(kernels_for<NetworkKernels>(isa)),
          name_(name_of(isa)),
          n_members_(static_cast<int>(tables.networks.size() / isolated.size())) {
        const auto w = static_cast<std::size_t>(lanes());
        features_.resize(static_cast<std::size_t>(descriptor.n_features()) * w);
        adjoint_.resize(features_.size());
        scratch_.resize(tables.scratch * w);
        outputs_.resize(w * static_cast<std::size_t>(n_members_));
        sums_.resize(w);
        subtract_lone_atoms(isa);
    }

    [[nodiscard]] int lanes() const override { return descriptor_->lanes(); }
    [[nodiscard]] std::string description() const override {
        return name_ + ", " + std::to_string(lanes()) + " lanes, " +
               (std::is_same_v<T, double> ? "double" : "mixed precision");
    }
    [[nodiscard]] std::size_t memory() const override {
        return descriptor_->memory() +
               (features_.capacity() + adjoint_.capacity() + scratch_.capacity()) * sizeof(T) +
               (outputs_.capacity() + sums_.capacity() + alone_.capacity()) * sizeof(double);
    }

    void compute(EdgeBlock& block, double* energies, double* uncertainties) override {
        descriptor_->forward(block, features_.data());
        std::fill(adjoint_.begin(), adjoint_.end(), T{0});
        std::fill(sums_.begin(), sums_.end(), 0.0);
        const auto w = static_cast<std::size_t>(lanes());
        const auto element = static_cast<std::size_t>(block.center_species);
        for (int m = 0; m < n_members_; ++m) {
            const NetworkView<T> network =
                tables_.networks[static_cast<std::size_t>(m) * isolated_.size() + element].view();
            double* outputs = outputs_.data() + static_cast<std::size_t>(m) * w;
            if constexpr (std::is_same_v<T, double>)
                kernels_.evaluate_double(network, lanes(), features_.data(), 1.0 / n_members_,
                                         scratch_.data(), outputs, adjoint_.data());
            else
                kernels_.evaluate_float(network, lanes(), features_.data(), 1.0 / n_members_, scratch_.data(),
                                        outputs, adjoint_.data());
            const double alone = alone_[static_cast<std::size_t>(m) * isolated_.size() + element];
            for (std::size_t b = 0; b < w; ++b) {
                outputs[b] -= alone;
                sums_[b] += outputs[b] / n_members_;
            }
        }
        for (int b = 0; b < block.n_centers; ++b)
            energies[b] = isolated_[element] + sums_[static_cast<std::size_t>(b)];
        if (uncertainties != nullptr) spread(block.n_centers, uncertainties);
        for (auto* gradient : {&block.dE_dx, &block.dE_dy, &block.dE_dz})
            std::fill(gradient->begin(), gradient->end(), 0.0);
        descriptor_->backward(block, features_.data(), adjoint_.data());
    }

private:
    /// Sets alone_ to what the networks give for atoms without neighbours, so
    /// that their energies are E0.
    void subtract_lone_atoms(InstructionSet isa) {
        const std::size_t n_elements = isolated_.size();
        alone_.assign(static_cast<std::size_t>(n_members_) * n_elements, 0.0);
        std::vector<double> lone(alone_.size());
        const double position[3] = {};
        const std::int32_t center = 0, count = 0, *const row = nullptr;
        const std::vector<double> squared_cutoffs(n_elements, 1.0);
        EdgeBlock block;
        block.lanes = lanes();
        std::vector<double> energies(static_cast<std::size_t>(lanes()));
        for (std::size_t e = 0; e < n_elements; ++e) {
            const auto species = static_cast<std::int32_t>(e);
            Cluster cluster;
            cluster.positions = position;
            cluster.species = {&species, 1};
            cluster.centers = {&center, 1};
            cluster.neighbor_rows = {&row, 1};
            cluster.neighbor_counts = {&count, 1};
            gather_edges(cluster, cluster.centers, species, squared_cutoffs, isa, block);
            compute(block, energies.data(), nullptr);
            for (std::size_t m = 0; m < static_cast<std::size_t>(n_members_); ++m)
                lone[m * n_elements + e] = outputs_[m * static_cast<std::size_t>(lanes())];
        }
        alone_ = lone;
    }

    /// Standard deviation over the members, which are independent draws: with n
    /// - 1.
    void spread(int n_centers, double* uncertainties) const {
        const auto w = static_cast<std::size_t>(lanes());
        for (std::size_t b = 0; b < static_cast<std::size_t>(n_centers); ++b) {
            double square = 0;
            for (int m = 0; m < n_members_; ++m) {
                const double d = outputs_[static_cast<std::size_t>(m) * w + b] - sums_[b];
                square += d * d;
            }
            uncertainties[b] = n_members_ > 1 ? std::sqrt(square / (n_members_ - 1)) : 0.0;
        }
    }

    std::unique_ptr<BlockDescriptor<T>> descriptor_;
    const Tables<T>& tables_;
    const std::vector<double>& isolated_;
    const NetworkKernels& kernels_;
    std::string name_;
    int n_members_;
    AlignedVector<T> features_, adjoint_, scratch_;
    std::vector<double> outputs_, sums_;
    std::vector<double> alone_;  ///< [n_members][n_elements] outputs for an atom
                                 ///< without neighbours
};

class NeuralPotential final : public LocalPotential {
public:
    NeuralPotential(ModelInfo info, std::shared_ptr<const Descriptor> descriptor,
                    std::vector<Network> networks)
        : info_(std::move(info)),
          descriptor_(std::move(descriptor)),
          networks_(std::move(networks)),
          double_tables_(networks_) {
        const std::size_t n = info_.elements.size();
        for (std::size_t i = 0; i < n; ++i)
            cutoffs_.insert(cutoffs_.end(), descriptor_->cutoffs().begin(), descriptor_->cutoffs().end());
    }

    [[nodiscard]] const ModelInfo& info() const override { return info_; }

protected:
    [[nodiscard]] std::unique_ptr<BlockKernel> make_kernel(const EvaluationOptions& options) const override {
        const InstructionSet isa = resolve_instruction_set(options.instruction_set);
        if (options.precision == Precision::real64)
            return std::make_unique<NeuralKernel<double>>(*descriptor_, double_tables_,
                                                          info_.isolated_energies, isa);
        std::call_once(float_once_, [&] { float_tables_.emplace(networks_); });
        return std::make_unique<NeuralKernel<float>>(*descriptor_, *float_tables_, info_.isolated_energies,
                                                     isa);
    }
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }

private:
    ModelInfo info_;
    std::shared_ptr<const Descriptor> descriptor_;
    std::vector<Network> networks_;
    std::vector<double> cutoffs_;
    Tables<double> double_tables_;
    mutable std::once_flag float_once_;
    mutable std::optional<Tables<float>> float_tables_;
};

/// One layer of a file; throws if its arrays have other shapes or hold what is
/// not finite.
Layer read_layer(const ModelFile& file, const std::string& name, int n_in, int n_out) {
    const auto fail = [&](const std::string& array, const std::string& what) {
        throw Error(ErrorCode::file_damaged, file.path + ": array '" + array + "' " + what);
    };
    Layer layer{n_in, n_out, {}, {}};
    const Array& weights = file.reals(name + ".weights", 2);
    if (weights.shape[0] != n_out || weights.shape[1] != n_in)
        fail(name + ".weights",
             "must have the shape [" + std::to_string(n_out) + ", " + std::to_string(n_in) + "]");
    const Array& biases = file.reals(name + ".biases", 1);
    if (biases.shape[0] != n_out) fail(name + ".biases", "must have the length " + std::to_string(n_out));
    layer.weights = weights.reals;
    layer.biases = biases.reals;
    for (const auto& [values, array] :
         {std::pair{&layer.weights, ".weights"}, std::pair{&layer.biases, ".biases"}})
        for (const double x : *values)
            if (!std::isfinite(x)) fail(name + array, "holds a value that is not finite");
    return layer;
}

}  // namespace

Parameters read_parameters(const ModelFile& file, const std::string& prefix, const json& metadata) {
    ModelInfo info = read_model_info(metadata, file.path);
    const MetadataReader reader(metadata, file.path);
    std::shared_ptr<const Descriptor> descriptor = read_descriptor(file, prefix, metadata, info.elements);
    const auto largest = std::max_element(descriptor->cutoffs().begin(), descriptor->cutoffs().end());
    if (std::abs(*largest - info.cutoff) > 1e-9) reader.fail("cutoff", "is not that of the descriptor");

    Network shape;
    try {
        shape.activation = activation_of(reader.text("activation"));
    } catch (const Error& error) {
        throw Error(error.code(), file.path + ": " + error.what());
    }
    std::vector<int> widths{descriptor->n_features()};
    for (const double width : reader.numbers("hidden")) {
        if (!(width >= 1 && width <= largest_width) || width != std::floor(width) ||
            widths.size() > most_layers)
            reader.fail("hidden", "must be a list of at most 64 widths");
        widths.push_back(static_cast<int>(width));
    }
    widths.push_back(1);
    const int n_members = reader.integer("members", 1, most_members);
    std::vector<Network> networks;
    for (int m = 0; m < n_members; ++m)
        for (std::size_t e = 0; e < info.elements.size(); ++e) {
            Network& network = networks.emplace_back(shape);
            for (std::size_t l = 0; l + 1 < widths.size(); ++l)
                network.layers.push_back(read_layer(file,
                                                    prefix + "networks." + std::to_string(m) + "." +
                                                        std::to_string(e) + "." + std::to_string(l),
                                                    widths[l], widths[l + 1]));
        }
    info.has_uncertainty = n_members > 1;
    return {std::move(info), std::move(descriptor), std::move(networks)};
}

std::shared_ptr<const Potential> make_neural(const ModelFile& file, const std::string& prefix,
                                             const json& metadata) {
    Parameters p = read_parameters(file, prefix, metadata);
    return std::make_shared<NeuralPotential>(std::move(p.info), std::move(p.descriptor),
                                             std::move(p.networks));
}

}  // namespace tektite::neural
