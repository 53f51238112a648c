// SPDX-License-Identifier: BSD-3-Clause
#include <cstring>

#include "base/simd.hpp"
#include "descriptors/kernels/edge_gradient.hpp"
#include "descriptors/kernels/neighbor_density.hpp"
#include "descriptors/kernels/power_spectrum.hpp"
#include "descriptors/kernels/radial_lookup.hpp"

namespace tektite::soap::TEKTITE_ISA {

namespace {

template <typename T, int W>
void forward(const SoapView<T>& view, const LanesView& edges, const Scratch<T>& scratch, const T* central,
             T* features, std::size_t stride) {
    using V = Vector<T, W>;
    const int n_lm = (view.l_max + 1) * (view.l_max + 1);
    std::memset(scratch.c, 0, static_cast<std::size_t>(n_lm * view.n_padded) * W * sizeof(T));
    for (int a = 0; a < view.n_coefficients; ++a) store(scratch.c + a * W, V{} + central[a]);
    for (int s = 0; s < edges.n_elements; ++s) {
        const int begin = edges.species_begin[s], end = edges.species_end[s];
        if (begin == end || view.channel[s] < 0) continue;
        locate_edges<T, W>(view.radial[s], edges, scratch, begin, end);
        with_largest_l<unrolled_l>(view.l_max, [&](auto l) {
            forward_density<decltype(l)::value, V>(view, scratch, s, begin, end, [&](int step, T* out) {
                radial_rows<false, T, W>(view.radial[s], view.row, view.n_columns, scratch, step, out,
                                         static_cast<T*>(nullptr));
            });
        });
    }
    forward_power<V>(view, scratch, features, stride);
}

template <typename T, int W>
void backward(const SoapView<T>& view, const LanesView& edges, const Scratch<T>& scratch, const T* features,
              const T* adjoint, std::size_t stride) {
    using V = Vector<T, W>;
    backward_power<V>(view, scratch, features, adjoint, stride);
    for (int s = 0; s < edges.n_elements; ++s) {
        const int begin = edges.species_begin[s], end = edges.species_end[s];
        if (begin == end || view.channel[s] < 0) continue;
        with_largest_l<unrolled_l>(view.l_max, [&](auto l) {
            backward_density<decltype(l)::value, V>(view, edges, scratch, s, begin, end, [&](int step) {
                radial_rows<true, T, W>(view.radial[s], view.row, view.n_columns, scratch, step,
                                        scratch.radial, scratch.slope);
            });
        });
    }
}

template <typename T, int W>
void edge_gradient(const SoapView<T>& view, const Scratch<T>& scratch, const T* features, std::size_t stride,
                   int species, int step, T* gradient) {
    power_edge_gradient<T, W>(view, scratch, features, stride, species, step, gradient);
}

template <typename T>
constexpr Kernels<T> table_of{native_lanes<T>, forward<T, native_lanes<T>>, backward<T, native_lanes<T>>,
                              edge_gradient<T, native_lanes<T>>};
constexpr KernelTable table{table_of<double>, table_of<float>};

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA

namespace tektite::soap {

const KernelTable& kernels(isa::TEKTITE_ISA<KernelTable>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::soap
