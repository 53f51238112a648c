// SPDX-License-Identifier: BSD-3-Clause
// Feed-forward networks with atoms in the lanes, compiled once per instruction set.
//
// With N weights: 2 N flops forward and 2 N backward an atom; each weight is read once for all lanes of a
// register.
#include "models/neural/kernels/network_kernel.hpp"

#include <cmath>

#include "base/simd.hpp"

namespace tektite::neural::TEKTITE_ISA {
namespace {

/// y[n_out][stride] = matrix[n_out][n_in] x[n_in][stride] (+ bias), or added to y with a factor.
template <bool add, typename T, int W>
void dense(const T* matrix, const T* bias, int n_out, int n_in, const T* x, std::size_t x_stride, T factor,
           T* y, std::size_t y_stride) {
    using V = Vector<T, W>;
    constexpr int rows = 4;  // outputs that share the loads of x
    const auto finish = [&](int j, V sum) __attribute__((always_inline)) {
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
#pragma GCC unroll 4
            for (int q = 0; q < rows; ++q) sum[q] += w[q * n_in + k] * value;
        }
#pragma GCC unroll 4
        for (int q = 0; q < rows; ++q) finish(j + q, sum[q]);
    }
    for (; j < n_out; ++j) {
        V sum{};
        const T* w = matrix + static_cast<std::size_t>(j) * static_cast<std::size_t>(n_in);
        for (int k = 0; k < n_in; ++k) sum += w[k] * load<V>(x + static_cast<std::size_t>(k) * x_stride);
        finish(j, sum);
    }
}

/// Overwrites n values by the activation and writes its derivatives.
template <typename T>
void activate(Activation activation, std::size_t n, T* values, T* slopes) {
    if (activation == Activation::tanh) {
        for (std::size_t k = 0; k < n; ++k) {
            const T t = std::tanh(values[k]);
            values[k] = t;
            slopes[k] = 1 - t * t;
        }
        return;
    }
    for (std::size_t k = 0; k < n; ++k) {
        const T x = values[k], s = 1 / (1 + std::exp(-x));
        values[k] = x * s;
        slopes[k] = s * (1 + x * (1 - s));
    }
}

template <typename T, int W>
void evaluate(const NetworkView<T>& network, int lanes, const T* features, double weight, T* scratch,
              double* outputs, T* adjoint) {
    using V = Vector<T, W>;
    const auto stride = static_cast<std::size_t>(lanes);
    const int n_hidden = network.n_layers - 1;
    const LayerView<T>& last = network.layers[n_hidden];
    for (std::size_t lane = 0; lane < stride; lane += W) {
        const T* x = features + lane;
        std::size_t x_stride = stride;
        T* place = scratch;
        for (int l = 0; l < n_hidden; ++l) {
            const LayerView<T>& layer = network.layers[l];
            const auto n = static_cast<std::size_t>(layer.n_out) * W;
            dense<false, T, W>(layer.weights, layer.biases, layer.n_out, layer.n_in, x, x_stride, T{1}, place,
                               W);
            activate(network.activation, n, place, place + n);
            x = place;
            x_stride = W;
            place += 2 * n;
        }
        // The sum over the last layer in double: energies are sums of many terms of either sign.
        for (int b = 0; b < W; ++b) {
            double sum = static_cast<double>(last.biases[0]);
            for (int k = 0; k < last.n_in; ++k)
                sum += static_cast<double>(last.weights[k]) *
                       static_cast<double>(
                           x[static_cast<std::size_t>(k) * x_stride + static_cast<std::size_t>(b)]);
            outputs[lane + static_cast<std::size_t>(b)] = sum;
        }
        T* gradient = place;  // of the output with respect to the values of the layer below
        if (n_hidden == 0) {
            for (int k = 0; k < last.n_in; ++k) {
                T* out = adjoint + static_cast<std::size_t>(k) * stride + lane;
                store(out, load<V>(out) + static_cast<T>(weight) * last.weights[k]);
            }
            continue;
        }
        for (int k = 0; k < last.n_in; ++k)
            store(gradient + static_cast<std::size_t>(k) * W, V{} + last.weights[k]);
        for (int l = n_hidden - 1; l >= 0; --l) {
            const LayerView<T>& layer = network.layers[l];
            const auto n = static_cast<std::size_t>(layer.n_out) * W;
            place -= 2 * n;
            for (std::size_t k = 0; k < n; k += W)
                store(gradient + k, load<V>(gradient + k) * load<V>(place + n + k));
            if (l == 0) {
                dense<true, T, W>(layer.transposed, nullptr, layer.n_in, layer.n_out, gradient, W,
                                  static_cast<T>(weight), adjoint + lane, stride);
                break;
            }
            // The values of this layer are no longer needed: its place takes the next gradient.
            T* below = gradient + n;
            for (std::size_t k = 0; k < static_cast<std::size_t>(layer.n_in) * W; k += W)
                store(below + k, V{});
            dense<true, T, W>(layer.transposed, nullptr, layer.n_in, layer.n_out, gradient, W, T{1}, below,
                              W);
            gradient = below;
        }
    }
}

}  // namespace

const NetworkKernels& network_kernels() {
    static constexpr NetworkKernels kernels{native_lanes<double>, native_lanes<float>,
                                            evaluate<double, native_lanes<double>>,
                                            evaluate<float, native_lanes<float>>};
    return kernels;
}

}  // namespace tektite::neural::TEKTITE_ISA
