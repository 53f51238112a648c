// SPDX-License-Identifier: BSD-3-Clause
// Feed-forward networks from the features of an atom to its energy, one for each element.
//
// J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned.hpp"
#include "models/neural/kernels/network_kernel.hpp"

namespace tektite::neural {

/// y = W x + b.
struct Layer {
    int n_in = 0, n_out = 0;
    std::vector<double> weights;  ///< [n_out][n_in]
    std::vector<double> biases;   ///< [n_out]
};

/// Layers one after another; the activation stands between them, not behind the last, which has one output:
/// the energy of the atom (eV) beyond that of the isolated one.
struct Network {
    std::vector<Layer> layers;
    Activation activation = Activation::tanh;
};

/// Throws Error(unsupported) naming those that are known.
Activation activation_of(const std::string& name);

/// A network as its kernels want it, in their precision.
template <typename T>
class NetworkTables {
public:
    /// Throws Error(unsupported) if a weight is not finite in T.
    explicit NetworkTables(const Network& network);
    NetworkTables(NetworkTables&&) noexcept = default;
    [[nodiscard]] NetworkView<T> view() const {
        return {views_.data(), static_cast<int>(views_.size()), activation_};
    }
    /// Values of T a lane that the kernels need to work.
    [[nodiscard]] std::size_t scratch() const;

private:
    std::vector<AlignedVector<T>> weights_, transposed_, biases_;
    std::vector<LayerView<T>> views_;
    Activation activation_;
};

}  // namespace tektite::neural
