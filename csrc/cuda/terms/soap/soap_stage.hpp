// SPDX-License-Identifier: BSD-3-Clause
// Power spectra of a chunk on a device: what terms with a readout on SOAP
// share.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/arena.hpp"
#include "descriptors/kernels/soap_views.hpp"
#include "descriptors/power_spectrum.hpp"

namespace tektite::cuda {

/// Scratch of all threads of a chunk for one power spectrum.
template <typename T>
struct SoapScratch {
    soap::Scratch<T> soap;
    T* features;      ///< [n_features][stride]
    double* adjoint;  ///< [n_features][stride] dE/dfeature
    T* rounded;       ///< the same as T; in double the same memory
};

/// A power spectrum in the precision T (double or float): its tables on the
/// device and its kernels.
template <typename T>
class SoapStage {
public:
    SoapStage(Context& context, Tables& tables, const PowerSpectrum& descriptor);

    [[nodiscard]] int n_features() const { return view_.n_features; }
    /// Takes scratch that is enough for each of the stages, one at a time.
    static void lay_out(Arena& arena, std::span<const SoapStage> stages, std::int64_t stride, int most_edges,
                        SoapScratch<T>& scratch);
    /// Writes scratch.features.
    void forward(const EdgeChunk& chunk, const SoapScratch<T>& scratch) const;
    /// Adds dE/dr to the chunk, given scratch.rounded, after forward() with the
    /// same scratch.
    void backward(const EdgeChunk& chunk, const SoapScratch<T>& scratch) const;

private:
    Context* context_;
    soap::SoapView<T> view_;
    std::vector<const T*> central_;  // [n_elements]
};

}  // namespace tektite::cuda
