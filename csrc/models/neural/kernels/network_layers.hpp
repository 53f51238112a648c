// SPDX-License-Identifier: BSD-3-Clause
// Feed-forward networks with atoms in the lanes: V is a SIMD vector, or a plain
// number on a device; W is the stride of scratch (base/lanes.hpp).
//
// With N weights: 2 N flops forward and 2 N backward an atom; each weight is
// read once for all lanes of a register.
#pragma once

#include <cmath>

#include "base/lanes.hpp"
#include "models/neural/kernels/network_kernel.hpp"

namespace tektite::neural::TEKTITE_ISA {
namespace {

/// y[n_out][stride] = matrix[n_out][n_in] x[n_in][stride] (+ bias), or added to
/// y with a factor.
template <bool add, typename V, typename T>
TEKTITE_HOST_DEVICE void dense(const T* matrix, const T* bias, int n_out, int n_in, const T* x,
                               std::size_t x_stride, T factor, T* y, std::size_t y_stride) {
    constexpr int rows = 4;  // outputs that share the loads of x
    const auto finish = [&](int j, V sum) TEKTITE_INLINE_LAMBDA {
        T* out = y + static_cast<std::size_t>(j) * y_stride;
        if constexpr (add)
            store(out, load<V>(out) + factor * sum);
        else
            store(out, sum + bias[j]);
    };
    int j = 0;
    for (; j + rows <= n_out; j += rows) {
        V sum[rows] = {};
        const T* w = matrix + static_cast<std::size_t>(j) * static_cast<std::size_t>(n_in);
        for (int k = 0; k < n_in; ++k) {
            const V value = load<V>(x + static_cast<std::size_t>(k) * x_stride);
            TEKTITE_UNROLL(4)
            for (int q = 0; q < rows; ++q) sum[q] += w[q * n_in + k] * value;
        }
        TEKTITE_UNROLL(4)
        for (int q = 0; q < rows; ++q) finish(j + q, sum[q]);
    }
    for (; j < n_out; ++j) {
        V sum{};
        const T* w = matrix + static_cast<std::size_t>(j) * static_cast<std::size_t>(n_in);
        for (int k = 0; k < n_in; ++k) sum += w[k] * load<V>(x + static_cast<std::size_t>(k) * x_stride);
        finish(j, sum);
    }
}

/// Overwrites n values, `step` apart, by the activation and writes its
/// derivatives.
template <typename T>
TEKTITE_HOST_DEVICE void activate(Activation activation, std::size_t n, std::size_t step, T* values,
                                  T* slopes) {
    if (activation == Activation::tanh) {
        for (std::size_t k = 0; k < n * step; k += step) {
            const T t = std::tanh(values[k]);
            values[k] = t;
            slopes[k] = 1 - t * t;
        }
        return;
    }
    for (std::size_t k = 0; k < n * step; k += step) {
        const T x = values[k], s = 1 / (1 + std::exp(-x));
        values[k] = x * s;
        slopes[k] = s * (1 + x * (1 - s));
    }
}

/// Writes outputs[lanes] and adds weight * d(output)/d(feature) to
/// adjoint[n_features][stride]. features: [n_features][stride]; scratch:
/// [NetworkTables::scratch()][W].
template <typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE void evaluate_network(const NetworkView<T>& network, const T* features,
                                          std::size_t stride, double weight, T* scratch, double* outputs,
                                          T* adjoint, Stride W = {}) {
    constexpr int lanes = scalar_count<V, T>;
    const int n_hidden = network.n_layers - 1;
    const LayerView<T>& last = network.layers[n_hidden];
    const T* x = features;
    std::size_t x_stride = stride;
    T* place = scratch;
    for (int l = 0; l < n_hidden; ++l) {
        const LayerView<T>& layer = network.layers[l];
        const std::size_t n = static_cast<std::size_t>(layer.n_out) * W;
        dense<false, V>(layer.weights, layer.biases, layer.n_out, layer.n_in, x, x_stride, T{1}, place, W);
        if constexpr (lanes > 1)
            activate(network.activation, n, 1, place, place + n);
        else
            activate(network.activation, static_cast<std::size_t>(layer.n_out), W, place, place + n);
        x = place;
        x_stride = W;
        place += 2 * n;
    }
    // The sum over the last layer in double: energies are sums of many terms of
    // either sign.
    for (int b = 0; b < lanes; ++b) {
        double sum = static_cast<double>(last.biases[0]);
        for (int k = 0; k < last.n_in; ++k)
            sum +=
                static_cast<double>(last.weights[k]) *
                static_cast<double>(x[static_cast<std::size_t>(k) * x_stride + static_cast<std::size_t>(b)]);
        outputs[b] = sum;
    }
    T* gradient = place;  // of the output with respect to the values of the layer below
    if (n_hidden == 0) {
        for (int k = 0; k < last.n_in; ++k) {
            T* out = adjoint + static_cast<std::size_t>(k) * stride;
            store(out, load<V>(out) + static_cast<T>(weight) * last.weights[k]);
        }
        return;
    }
    for (int k = 0; k < last.n_in; ++k)
        store(gradient + static_cast<std::size_t>(k) * W, V{} + last.weights[k]);
    for (int l = n_hidden - 1; l >= 0; --l) {
        const LayerView<T>& layer = network.layers[l];
        const std::size_t n = static_cast<std::size_t>(layer.n_out) * W;
        place -= 2 * n;
        for (std::size_t k = 0; k < n; k += W)
            store(gradient + k, load<V>(gradient + k) * load<V>(place + n + k));
        if (l == 0) {
            dense<true, V>(layer.transposed, static_cast<const T*>(nullptr), layer.n_in, layer.n_out,
                           gradient, W, static_cast<T>(weight), adjoint, stride);
            break;
        }
        // The values of this layer are no longer needed: its place takes the next
        // gradient.
        T* below = gradient + n;
        for (std::size_t k = 0; k < static_cast<std::size_t>(layer.n_in) * W; k += W) store(below + k, V{});
        dense<true, V>(layer.transposed, static_cast<const T*>(nullptr), layer.n_in, layer.n_out, gradient, W,
                       T{1}, below, W);
        gradient = below;
    }
}

}  // namespace
}  // namespace tektite::neural::TEKTITE_ISA
