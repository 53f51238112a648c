// SPDX-License-Identifier: BSD-3-Clause
#include "models/neural/network.hpp"

#include <algorithm>
#include <cmath>

#include "tektite/error.hpp"

namespace tektite::neural {

Activation activation_of(const std::string& name) {
    if (name == "tanh") return Activation::tanh;
    if (name == "silu") return Activation::silu;
    throw Error(ErrorCode::unsupported, "the activation '" + name + "' is not supported (tanh, silu)");
}

template <typename T>
NetworkTables<T>::NetworkTables(const Network& network) : activation_(network.activation) {
    for (const Layer& layer : network.layers) {
        const auto n_in = static_cast<std::size_t>(layer.n_in), n_out = static_cast<std::size_t>(layer.n_out);
        const auto& weights = weights_.emplace_back(layer.weights.begin(), layer.weights.end());
        const auto& biases = biases_.emplace_back(layer.biases.begin(), layer.biases.end());
        for (const auto* values : {&weights, &biases})
            if (!std::all_of(values->begin(), values->end(), [](T v) { return std::isfinite(v); }))
                throw Error(ErrorCode::unsupported,
                            "weights of this network are too large for mixed precision; use double");
        auto& transposed = transposed_.emplace_back(weights.size());
        for (std::size_t j = 0; j < n_out; ++j)
            for (std::size_t k = 0; k < n_in; ++k) transposed[k * n_out + j] = weights[j * n_in + k];
        views_.push_back({layer.n_in, layer.n_out, weights.data(), transposed.data(), biases.data()});
    }
}

template <typename T>
std::size_t NetworkTables<T>::scratch() const {
    // Values and slopes of the hidden layers, then the gradients of all layers.
    std::size_t n = 0;
    for (const LayerView<T>& layer : views_)
        n += 2 * static_cast<std::size_t>(layer.n_out) + static_cast<std::size_t>(layer.n_out);
    return n;
}

template class NetworkTables<double>;
template class NetworkTables<float>;

}  // namespace tektite::neural
