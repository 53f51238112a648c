// SPDX-License-Identifier: BSD-3-Clause
// Sums of three-dimensional Gaussians over sparse points, sparse points in the lanes. About 50 flops each.
#pragma once

#include "base/instruction_sets.hpp"

namespace tektite::gap {

/// Sparse points of a triplet term; coordinates divided by theta, each [n_padded] and aligned to 64 bytes.
struct TripletView {
    int n_padded;  ///< a multiple of `triplet_padding`; the rest has no weight
    const double* x[3];
    const double* weights;
};
inline constexpr int triplet_padding = 8;

/// out[0] = sum_s w_s exp(-|x - x_s|^2 / 2), out[1 + d] = its derivative with respect to x_d.
using TripletKernel = void (*)(const TripletView&, const double* x, double* out);

const TripletKernel& kernels(isa::baseline<TripletKernel>);
const TripletKernel& kernels(isa::avx2<TripletKernel>);
const TripletKernel& kernels(isa::avx512<TripletKernel>);

}  // namespace tektite::gap
