// SPDX-License-Identifier: BSD-3-Clause
// Power spectra of a chunk and the way back, one centre a thread, through the
// headers of descriptors/kernels.
//
// Flops and bytes for each centre with E edges, K coefficients for each of H =
// (l_max + 1)^2 harmonics, n radial functions, b = bytes of T (4 in mixed, 8 in
// double); counted, not measured:
//   SoapForward    E (10 n (l_max + 1) + 2 n H) + K^2 H flops; b (E n (H +
//   l_max) + K^2 H / 2) bytes SoapBackward   E (18 n (l_max + 1) + 4 n H) + 2
//   K^2 H flops; b (E n H + K^2 H) bytes
#pragma once

#include <cmath>

#include "cuda/terms/soap/soap_stage.hpp"
#include "cuda/terms/table_row.hpp"

#define TEKTITE_ISA device
#include "descriptors/kernels/neighbor_density.hpp"
#include "descriptors/kernels/power_spectrum.hpp"

namespace tektite::cuda {

/// The scratch of one thread.
template <typename T>
TEKTITE_HOST_DEVICE inline soap::Scratch<T> own(const soap::Scratch<T>& all, std::int64_t thread) {
    soap::Scratch<T> s = all;
    s.c += thread;
    s.unit += thread;
    s.inverse_r += thread;
    s.inverse_norm += thread;
    s.dE_dc += thread;
    s.radial += thread;
    s.slope += thread;
    s.harmonics += thread;
    s.symmetric += thread;
    return s;
}

/// Where the edge at p lies in a table, in double.
template <typename T>
TEKTITE_HOST_DEVICE inline TablePlace<T> soap_place(const EdgeChunk& chunk, const soap::RadialView<T>& table,
                                                    std::int64_t p) {
    const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
    return locate<T>(table, std::sqrt(x * x + y * y + z * z));
}

/// Features. L: the largest l; -1: any.
template <typename T, int L>
struct SoapForward {
    EdgeChunk chunk;
    soap::SoapView<T> view;
    SoapScratch<T> scratch;
    const T* central;  ///< [n_coefficients]

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const soap::Scratch<T> mine = own(scratch.soap, thread);
        const int n_lm = (view.l_max + 1) * (view.l_max + 1);
        for (int k = 0; k < n_lm * view.n_padded; ++k) mine.c[static_cast<std::size_t>(k) * stride] = T{};
        for (int a = 0; a < view.n_coefficients; ++a)
            mine.c[static_cast<std::size_t>(a) * stride] = central[a];
        for (int s = 0; s < chunk.n_elements; ++s) {
            const int begin = chunk.species_begin[s * chunk.stride + thread];
            const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            if (begin == end || view.channel[s] < 0) continue;
            const soap::RadialView<T> table = view.radial[s];
            const auto row = [&](int step, T* out) {
                const std::int64_t p = step * chunk.stride + thread;
                const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
                const double inverse_r = 1.0 / std::sqrt(x * x + y * y + z * z);
                T* unit = mine.unit + 3 * static_cast<std::size_t>(step) * stride;
                unit[0] = static_cast<T>(x * inverse_r);
                unit[stride] = static_cast<T>(y * inverse_r);
                unit[2 * stride] = static_cast<T>(z * inverse_r);
                mine.inverse_r[static_cast<std::size_t>(step) * stride] = static_cast<T>(inverse_r);
                table_row<false>(table.coefficients, view.row, view.n_columns, soap_place(chunk, table, p),
                                 out, static_cast<T*>(nullptr), stride);
            };
            soap::device::forward_density<L, T>(view, mine, s, begin, end, row, stride);
        }
        soap::device::forward_power<T>(view, mine, scratch.features + thread, stride, stride);
    }
};

/// Adds dE/dr of every edge.
template <typename T, int L>
struct SoapBackward {
    EdgeChunk chunk;
    soap::SoapView<T> view;
    SoapScratch<T> scratch;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const auto stride = static_cast<std::size_t>(chunk.stride);
        const soap::Scratch<T> mine = own(scratch.soap, thread);
        soap::device::backward_power<T>(view, mine, scratch.features + thread, scratch.rounded + thread,
                                        stride, stride);
        const soap::LanesView edges{chunk.n_elements,
                                    nullptr,
                                    nullptr,
                                    stride,
                                    chunk.x + thread,
                                    chunk.y + thread,
                                    chunk.z + thread,
                                    chunk.dE_dx + thread,
                                    chunk.dE_dy + thread,
                                    chunk.dE_dz + thread};
        for (int s = 0; s < chunk.n_elements; ++s) {
            const int begin = chunk.species_begin[s * chunk.stride + thread];
            const int end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            if (begin == end || view.channel[s] < 0) continue;
            const soap::RadialView<T> table = view.radial[s];
            const auto row = [&](int step) {
                table_row<true>(table.coefficients, view.row, view.n_columns,
                                soap_place(chunk, table, step * chunk.stride + thread), mine.radial,
                                mine.slope, stride);
            };
            soap::device::backward_density<L, T>(view, edges, mine, s, begin, end, row, stride);
        }
    }
};

}  // namespace tektite::cuda
