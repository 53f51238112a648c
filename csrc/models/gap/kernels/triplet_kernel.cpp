// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/kernels/triplet_kernel.hpp"

#include "base/simd.hpp"

namespace tektite::gap::TEKTITE_ISA {

namespace {

constexpr int W = native_lanes<double>;
using V = Vector<double, W>;
using I = Vector<std::int64_t, W>;

/// exp(x) for x <= 0 to about 2e-16; below -700 that of -700. x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) is
/// its Taylor polynomial of degree 13.
[[gnu::always_inline]] inline V exponential(V x) {
    x = x < -700.0 ? V{} - 700.0 : x;
    // Adding 1.5 * 2^52 rounds to an integer, which then stands in the lowest bits.
    constexpr double shift = 6755399441055744.0;
    const V shifted = x * 1.4426950408889634074 + shift;
    const V n = shifted - shift;
    V r = x - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    V p = V{} + 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const I exponent = ((I)shifted) << 52;
    return (V)((I)p + exponent);
}

void sum_of_gaussians(const TripletView& view, const double* x, double* out) {
    V sum = V{}, slope[3] = {V{}, V{}, V{}};
    for (int s = 0; s < view.n_padded; s += W) {
        V u[3], square = V{};
#pragma GCC unroll 3
        for (int d = 0; d < 3; ++d) {
            u[d] = x[d] - load<V>(view.x[d] + s);
            square += u[d] * u[d];
        }
        const V g = load<V>(view.weights + s) * exponential(-0.5 * square);
        sum += g;
#pragma GCC unroll 3
        for (int d = 0; d < 3; ++d) slope[d] -= g * u[d];
    }
    for (int d = 0; d < 4; ++d) out[d] = 0.0;
    for (int b = 0; b < W; ++b) {
        out[0] += sum[b];
        for (int d = 0; d < 3; ++d) out[1 + d] += slope[d][b];
    }
}

constexpr TripletKernel table = sum_of_gaussians;

}  // namespace
}  // namespace tektite::gap::TEKTITE_ISA

namespace tektite::gap {

const TripletKernel& kernels(isa::TEKTITE_ISA<TripletKernel>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::gap
