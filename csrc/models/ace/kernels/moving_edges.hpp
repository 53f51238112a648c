// SPDX-License-Identifier: BSD-3-Clause
// A = sum of R_nl Y_lm together with its derivative when the edges move: dual numbers.
#pragma once

#include "base/dual.hpp"
#include "base/simd.hpp"
#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Adds the edges [begin, end) of one neighbour species to scratch.dual.nodes, as forward_base() does.
/// locate_edges() must have been called for them with scratch.plain.
template <typename T, int W>
void forward_moving_edges(const CenterView<T>& center, const BondView<T>& bond, const MotionView<T>& motion,
                          const MovingScratch<T>& scratch, int begin, int end) {
    using V = Vector<T, W>;
    using D = Dual<V>;
    constexpr std::size_t dual_size = 2 * W;
    for (int step = begin; step < end; ++step) {
        const std::size_t p = static_cast<std::size_t>(step) * W;
        const T* unit = scratch.plain.unit + 3 * p;
        const V x = load<V>(unit), y = load<V>(unit + W), z = load<V>(unit + 2 * W);
        const V tx = load<V>(motion.x + p), ty = load<V>(motion.y + p), tz = load<V>(motion.z + p);
        const V stretch = x * tx + y * ty + z * tz;
        const V inverse_r = load<V>(scratch.plain.inverse_r + p);
        store(scratch.stretch + p, stretch);
        T* out = scratch.dual.unit + 6 * p;
        store(out, D{x, (tx - x * stretch) * inverse_r});
        store(out + dual_size, D{y, (ty - y * stretch) * inverse_r});
        store(out + 2 * dual_size, D{z, (tz - z * stretch) * inverse_r});
    }
    const auto radial_of_step = [&](int step) {
        radial_rows<T, W>(bond, scratch.plain, step);
        const std::size_t p = static_cast<std::size_t>(step) * W;
        const std::size_t row = p * static_cast<std::size_t>(scratch.plain.row_max);
        const V stretch = load<V>(scratch.stretch + p);
        for (std::size_t column = 0; column < static_cast<std::size_t>(bond.n_columns); ++column)
            store(scratch.dual.radial + 2 * row + column * dual_size,
                  D{load<V>(scratch.plain.radial + row + column * W),
                    load<V>(scratch.plain.radial_slope + row + column * W) * stretch});
    };
    with_largest_l<unrolled_l>(bond.l_max, [&](auto l) {
        forward_base<decltype(l)::value, D>(center, bond, scratch.dual, begin, end, radial_of_step);
    });
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
