// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <type_traits>

#include "cuda/terms/soap/soap_kernels.hpp"
#include "cuda/terms/soap/soap_stage.hpp"

namespace tektite::cuda {

namespace {

template <typename T>
soap::SoapView<T> put(Tables& device, const soap::SoapView<T>& host, std::size_t n_elements) {
    soap::SoapView<T> view = host;
    std::vector<soap::RadialView<T>> radial(host.radial, host.radial + n_elements);
    for (std::size_t s = 0; s < n_elements; ++s) {
        soap::RadialView<T>& r = radial[s];
        if (host.channel[s] < 0) continue;
        const auto n_segments = static_cast<std::size_t>(r.n_segments);
        const auto n_bins = static_cast<std::size_t>(r.first_bin[r.n_segments]) + 1;
        r.start = device.put(r.start, n_segments);
        r.inverse_width = device.put(r.inverse_width, n_segments);
        r.first_bin = device.put(r.first_bin, n_segments + 1);
        r.coefficients = device.put(r.coefficients, n_bins * 6 * static_cast<std::size_t>(host.row));
    }
    const auto k = static_cast<std::size_t>(host.n_coefficients);
    const auto n_components = k * (k + 1) / 2 * static_cast<std::size_t>(host.l_max + 1);
    const auto n_lm = static_cast<std::size_t>(lm_count(host.l_max));
    view.radial = device.put(radial.data(), n_elements);
    view.channel = device.put(host.channel, n_elements);
    view.position = device.put(host.position, n_components);
    view.scale = device.put(host.scale, n_components);
    view.legendre_a = device.put(host.legendre_a, n_lm);
    view.legendre_b = device.put(host.legendre_b, n_lm);
    view.legendre_slope = device.put(host.legendre_slope, n_lm);
    view.legendre_diagonal = device.put(host.legendre_diagonal, static_cast<std::size_t>(host.l_max) + 1);
    return view;
}

/// Kernels are compiled for the largest l that most GAPs have, so that loops
/// over harmonics unroll, and for any.
template <typename Action>
void with_compiled_l(int l, Action&& action) {
    if (l == 8)
        action(std::integral_constant<int, 8>{});
    else
        action(std::integral_constant<int, -1>{});
}

}  // namespace

template <typename T>
SoapStage<T>::SoapStage(Context& context, Tables& tables, const PowerSpectrum& descriptor)
    : context_(&context),
      view_(put(tables, descriptor.view<T>(), static_cast<std::size_t>(descriptor.n_elements()))) {
    for (int element = 0; element < descriptor.n_elements(); ++element)
        central_.push_back(
            tables.put(descriptor.central<T>(element), static_cast<std::size_t>(view_.n_coefficients)));
}

template <typename T>
void SoapStage<T>::lay_out(Arena& arena, std::span<const SoapStage> stages, std::int64_t stride,
                           int most_edges, SoapScratch<T>& scratch) {
    if (stages.empty()) return;
    const auto n = static_cast<std::size_t>(stride), edges = static_cast<std::size_t>(most_edges);
    std::size_t c = 0, row = 0, n_lm = 0, padded = 0, features = 0;
    for (const SoapStage& stage : stages) {
        const soap::SoapView<T>& view = stage.view_;
        const auto lm = static_cast<std::size_t>((view.l_max + 1) * (view.l_max + 1));
        const auto k = static_cast<std::size_t>(view.n_padded);
        n_lm = std::max(n_lm, lm);
        c = std::max(c, lm * k);
        padded = std::max(padded, k);
        row = std::max(row, static_cast<std::size_t>(view.row));
        features = std::max(features, static_cast<std::size_t>(view.n_features));
    }
    soap::Scratch<T>& s = scratch.soap;
    s.c = arena.take<T>(c * n);
    s.dE_dc = arena.take<T>(c * n);
    s.unit = arena.take<T>(3 * edges * n);
    s.inverse_r = arena.take<T>(edges * n);
    s.inverse_norm = arena.take<T>(n);
    s.radial = arena.take<T>(soap::tile_steps * row * n);
    s.slope = arena.take<T>(row * n);
    s.harmonics = arena.take<T>(soap::tile_steps * n_lm * n);
    s.symmetric = arena.take<T>(padded * padded * n);
    scratch.features = arena.take<T>(features * n);
    scratch.adjoint = arena.take<double>(features * n);
    if constexpr (std::is_same_v<T, double>)
        scratch.rounded = scratch.adjoint;
    else
        scratch.rounded = arena.take<T>(features * n);
}

template <typename T>
void SoapStage<T>::forward(const EdgeChunk& chunk, const SoapScratch<T>& scratch) const {
    with_compiled_l(view_.l_max, [&](auto l) {
        launch(*context_, chunk.n_centers,
               SoapForward<T, decltype(l)::value>{chunk, view_, scratch,
                                                  central_[static_cast<std::size_t>(chunk.center_species)]});
    });
}

template <typename T>
void SoapStage<T>::backward(const EdgeChunk& chunk, const SoapScratch<T>& scratch) const {
    with_compiled_l(view_.l_max, [&](auto l) {
        launch(*context_, chunk.n_centers, SoapBackward<T, decltype(l)::value>{chunk, view_, scratch});
    });
}

template class SoapStage<double>;
template class SoapStage<float>;

}  // namespace tektite::cuda
