// SPDX-License-Identifier: BSD-3-Clause
// A descriptor of a chunk on a device, as a readout sees it.
#pragma once

#include <cstdint>

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/arena.hpp"

namespace tektite::cuda {

/// Owns tables on the device; the scratch is that of the last lay_out().
template <typename T>
class DescriptorStage {
public:
    virtual ~DescriptorStage() = default;
    [[nodiscard]] virtual int n_features() const = 0;
    virtual void lay_out(Arena& arena, std::int64_t stride, int most_edges) = 0;
    /// Writes features().
    virtual void forward(const EdgeChunk& chunk) const = 0;
    /// Writes dE/dr of all edges from adjoint(), after forward() with the same chunk.
    virtual void backward(const EdgeChunk& chunk) const = 0;

    [[nodiscard]] const T* features() const { return features_; }  ///< [n_features][stride]
    [[nodiscard]] T* adjoint() const { return adjoint_; }          ///< [n_features][stride] dE/dfeature

protected:
    T* features_ = nullptr;
    T* adjoint_ = nullptr;
};

}  // namespace tektite::cuda
