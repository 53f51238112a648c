// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "cuda/terms/ace/feature_stage.hpp"
#include "cuda/terms/descriptor_stage.hpp"
#include "cuda/terms/neural/neural_term.hpp"
#include "cuda/terms/soap/soap_stage.hpp"
#include "descriptors/power_spectrum.hpp"
#include "models/neural/neural_potential.hpp"

#define TEKTITE_ISA device
#include "models/neural/kernels/network_layers.hpp"

namespace tektite::cuda {

namespace {

/// Sets the gradients of all edges to zero. Threads: n_centers.
struct ClearGradients {
    EdgeChunk chunk;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const std::int32_t n = chunk.species_begin[chunk.n_elements * chunk.stride + thread];
        for (std::int32_t k = 0; k < n; ++k) {
            const std::int64_t p = k * chunk.stride + thread;
            chunk.dE_dx[p] = chunk.dE_dy[p] = chunk.dE_dz[p] = 0.0;
        }
    }
};

/// A power spectrum.
template <typename T>
class SoapDescriptor final : public DescriptorStage<T> {
public:
    SoapDescriptor(Context& context, Tables& tables, const PowerSpectrum& descriptor) : context_(&context) {
        stage_.emplace_back(context, tables, descriptor);
    }
    [[nodiscard]] int n_features() const override { return stage_[0].n_features(); }
    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        SoapStage<T>::lay_out(arena, stage_, stride, most_edges, scratch_);
        this->features_ = scratch_.features;
        this->adjoint_ = scratch_.rounded;
    }
    void forward(const EdgeChunk& chunk) const override { stage_[0].forward(chunk, scratch_); }
    void backward(const EdgeChunk& chunk) const override {
        launch(*context_, chunk.n_centers, ClearGradients{chunk});
        stage_[0].backward(chunk, scratch_);
    }

private:
    Context* context_;
    std::vector<SoapStage<T>> stage_;  // one
    SoapScratch<T> scratch_{};
};

template <typename T>
std::unique_ptr<DescriptorStage<T>> make_stage(Context& context, Tables& tables,
                                               const Descriptor& descriptor) {
    if (const auto* soap = dynamic_cast<const PowerSpectrum*>(&descriptor))
        return std::make_unique<SoapDescriptor<T>>(context, tables, *soap);
    return std::make_unique<AceFeatureStage<T>>(context, tables,
                                                dynamic_cast<const ace::Features&>(descriptor));
}

/// What the networks of all members give for the features of a centre, and
/// dE/dfeature of their mean. Threads: n_centers. With N weights of all
/// members: 4 N flops; b N/2 bytes of its own, and b N that all threads share.
template <typename T>
struct EvaluateNetworks {
    std::int64_t stride;
    const neural::NetworkView<T>* networks;  ///< [n_members] of this element
    int n_members, n_features;
    double isolated_energy;
    const double* alone;  ///< [n_members] outputs for an atom without neighbours;
                          ///< or null: not known yet
    const T* features;    ///< [n_features][stride]
    T* adjoint;           ///< [n_features][stride]
    T* scratch;           ///< [NetworkTables::scratch()][stride]
    double* outputs;      ///< [n_members][stride]
    double* energies;
    double* uncertainties;  ///< or null

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto w = static_cast<std::size_t>(stride);
        for (int f = 0; f < n_features; ++f) adjoint[f * stride + thread] = T{};
        double mean = 0.0;
        for (int m = 0; m < n_members; ++m) {
            double output;
            neural::device::evaluate_network<T>(networks[m], features + thread, w, 1.0 / n_members,
                                                scratch + thread, &output, adjoint + thread, w);
            if (alone != nullptr) output -= alone[m];
            outputs[m * stride + thread] = output;
            mean += output / n_members;
        }
        energies[thread] = isolated_energy + mean;
        if (uncertainties == nullptr) return;
        double square = 0.0;
        for (int m = 0; m < n_members; ++m) {
            const double d = outputs[m * stride + thread] - mean;
            square += d * d;
        }
        uncertainties[thread] = n_members > 1 ? std::sqrt(square / (n_members - 1)) : 0.0;
    }
};

template <typename T>
class NeuralTermKernel final : public TermKernel {
public:
    NeuralTermKernel(Context& context, const neural::Parameters& parameters)
        : context_(context),
          tables_(context),
          isolated_energies_(parameters.info.isolated_energies),
          n_members_(static_cast<int>(parameters.networks.size() / isolated_energies_.size())) {
        descriptor_ = make_stage<T>(context, tables_, *parameters.descriptor);
        const std::size_t n_elements = isolated_energies_.size();
        for (std::size_t e = 0; e < n_elements; ++e) {
            std::vector<neural::NetworkView<T>> views;
            for (std::size_t m = 0; m < static_cast<std::size_t>(n_members_); ++m)
                views.push_back(put(parameters.networks[m * n_elements + e]));
            networks_.push_back(tables_.put(views.data(), views.size()));
        }
        alone_.assign(n_elements, nullptr);
        for (std::size_t e = 0; e < n_elements; ++e) alone_[e] = outputs_of_lone_atom(static_cast<int>(e));
    }

    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        const auto n = static_cast<std::size_t>(stride);
        descriptor_->lay_out(arena, stride, most_edges);
        scratch_ = arena.take<T>(scratch_size_ * n);
        outputs_ = arena.take<double>(static_cast<std::size_t>(n_members_) * n);
    }

    void compute(const EdgeChunk& chunk, double* energies, double* uncertainties) override {
        const auto center = static_cast<std::size_t>(chunk.center_species);
        descriptor_->forward(chunk);
        launch(context_, chunk.n_centers,
               EvaluateNetworks<T>{chunk.stride, networks_[center], n_members_, descriptor_->n_features(),
                                   isolated_energies_[center], alone_[center], descriptor_->features(),
                                   descriptor_->adjoint(), scratch_, outputs_, energies, uncertainties});
        descriptor_->backward(chunk);
    }

private:
    neural::NetworkView<T> put(const neural::Network& network) {
        const neural::NetworkTables<T> host(network);
        scratch_size_ = std::max(scratch_size_, host.scratch());
        neural::NetworkView<T> view = host.view();
        std::vector<neural::LayerView<T>> layers(view.layers, view.layers + view.n_layers);
        for (neural::LayerView<T>& layer : layers) {
            const auto n = static_cast<std::size_t>(layer.n_out),
                       size = n * static_cast<std::size_t>(layer.n_in);
            layer.weights = tables_.put(layer.weights, size);
            layer.transposed = tables_.put(layer.transposed, size);
            layer.biases = tables_.put(layer.biases, n);
        }
        view.layers = tables_.put(layers.data(), layers.size());
        return view;
    }

    /// So that the energy of an atom without neighbours is exactly that of the
    /// isolated one: [n_members].
    const double* outputs_of_lone_atom(int element) {
        constexpr std::int64_t stride = row_group;
        const auto n_elements = isolated_energies_.size();
        const auto take = [&](Arena& arena, EdgeChunk& chunk, double*& energies) {
            chunk.species_begin = arena.take<std::int32_t>((n_elements + 1) * stride);
            energies = arena.take<double>(stride);
            lay_out(arena, stride, 0);
        };
        EdgeChunk chunk{};
        double* energies = nullptr;
        Arena measure;
        take(measure, chunk, energies);
        DeviceArray<std::byte> memory(context_);
        memory.reserve(measure.used());
        memory.clear(measure.used());
        Arena arena(memory.data());
        take(arena, chunk, energies);
        chunk.n_centers = 1;
        chunk.stride = stride;
        chunk.center_species = element;
        chunk.n_elements = static_cast<int>(n_elements);
        compute(chunk, energies, nullptr);
        std::vector<double> outputs;
        for (int m = 0; m < n_members_; ++m)
            context_.download(&outputs.emplace_back(), outputs_ + m * stride, sizeof(double));
        return tables_.put(outputs.data(), outputs.size());
    }

    Context& context_;
    Tables tables_;
    std::vector<double> isolated_energies_;
    int n_members_;
    std::size_t scratch_size_ = 0;
    std::unique_ptr<DescriptorStage<T>> descriptor_;
    std::vector<const neural::NetworkView<T>*> networks_;  // [n_elements] of [n_members]
    std::vector<const double*> alone_;                     // [n_elements] of [n_members]
    T* scratch_ = nullptr;
    double* outputs_ = nullptr;
};

class NeuralTerm final : public Term {
public:
    explicit NeuralTerm(neural::Parameters parameters) : parameters_(std::move(parameters)) {
        family = "neural";
        elements = parameters_.info.elements;
        has_uncertainty = parameters_.info.has_uncertainty;
        for (std::size_t i = 0; i < elements.size(); ++i)
            cutoffs.insert(cutoffs.end(), parameters_.descriptor->cutoffs().begin(),
                           parameters_.descriptor->cutoffs().end());
    }
    [[nodiscard]] std::unique_ptr<TermKernel> make_kernel(Context& context,
                                                          Precision precision) const override {
        if (precision == Precision::mixed)
            return std::make_unique<NeuralTermKernel<float>>(context, parameters_);
        return std::make_unique<NeuralTermKernel<double>>(context, parameters_);
    }

private:
    neural::Parameters parameters_;
};

}  // namespace

std::unique_ptr<Term> make_neural_term(const ModelFile& file, const std::string& prefix,
                                       const nlohmann::json& metadata) {
    neural::Parameters parameters = neural::read_parameters(file, prefix, metadata);
    const Descriptor* descriptor = parameters.descriptor.get();
    if (dynamic_cast<const PowerSpectrum*>(descriptor) == nullptr &&
        dynamic_cast<const ace::Features*>(descriptor) == nullptr)
        throw Error(ErrorCode::unsupported, file.path +
                                                ": networks whose descriptor is neither SOAP nor ACE do not "
                                                "run on a device yet: run the model on the CPU");
    return std::make_unique<NeuralTerm>(std::move(parameters));
}

}  // namespace tektite::cuda
