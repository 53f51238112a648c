// SPDX-License-Identifier: BSD-3-Clause
// Feed-forward networks, compiled once per instruction set.
#include "models/neural/kernels/network_kernel.hpp"

#include "base/simd.hpp"
#include "models/neural/kernels/network_layers.hpp"

namespace tektite::neural::TEKTITE_ISA {
namespace {

template <typename T>
void evaluate(const NetworkView<T>& network, int lanes, const T* features, double weight, T* scratch,
              double* outputs, T* adjoint) {
    constexpr int W = native_lanes<T>;
    const auto stride = static_cast<std::size_t>(lanes);
    for (std::size_t lane = 0; lane < stride; lane += W)
        evaluate_network<Vector<T, W>>(network, features + lane, stride, weight, scratch, outputs + lane,
                                       adjoint + lane);
}

constexpr NetworkKernels table{native_lanes<double>, native_lanes<float>, evaluate<double>, evaluate<float>};

}  // namespace
}  // namespace tektite::neural::TEKTITE_ISA

namespace tektite::neural {

const NetworkKernels& kernels(isa::TEKTITE_ISA<NetworkKernels>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::neural
