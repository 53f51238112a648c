// SPDX-License-Identifier: BSD-3-Clause
// What the kernels of feed-forward networks see: plain pointers. T is double, or float in mixed precision.
#pragma once

#include <cstddef>

#include "base/instruction_sets.hpp"

namespace tektite::neural {

enum class Activation { tanh, silu };

template <typename T>
struct LayerView {
    int n_in, n_out;
    const T* weights;     ///< [n_out][n_in]
    const T* transposed;  ///< [n_in][n_out]
    const T* biases;      ///< [n_out]
};

template <typename T>
struct NetworkView {
    const LayerView<T>* layers;
    int n_layers;
    Activation activation;
};

/// Writes outputs[lanes] and adds weight * d(output)/d(feature) to adjoint[n_features][lanes].
/// features: [n_features][lanes]; scratch: NetworkTables::scratch() values for each of the kernel's own
/// lanes, 64-byte aligned. lanes: a multiple of the kernel's.
template <typename T>
using NetworkFunction = void (*)(const NetworkView<T>& network, int lanes, const T* features, double weight,
                                 T* scratch, double* outputs, T* adjoint);

/// Kernels of one instruction set.
struct NetworkKernels {
    int lanes_double, lanes_float;
    NetworkFunction<double> evaluate_double;
    NetworkFunction<float> evaluate_float;
};

const NetworkKernels& kernels(isa::baseline<NetworkKernels>);
const NetworkKernels& kernels(isa::avx2<NetworkKernels>);
const NetworkKernels& kernels(isa::avx512<NetworkKernels>);

}  // namespace tektite::neural
