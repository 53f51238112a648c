// SPDX-License-Identifier: BSD-3-Clause
// What every descriptor offers: features of a block of centres, one centre a SIMD lane, and the way back.
// Models put their readouts (kernels against sparse points, neural networks) on top of this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/aligned.hpp"
#include "neighbors/edge_block.hpp"
#include "tektite/potential.hpp"

namespace tektite {

/// Evaluates blocks and owns the memory that this takes; one a thread. T is double, or float in mixed
/// precision.
template <typename T>
class BlockDescriptor {
public:
    virtual ~BlockDescriptor() = default;
    /// Lanes of one register. Blocks have a multiple of them (EdgeBlock::lanes).
    [[nodiscard]] virtual int lanes() const = 0;
    /// Bytes of memory held now.
    [[nodiscard]] virtual std::size_t memory() const = 0;

    /// Writes features[n_features][block.lanes]; lanes without a centre hold nothing of meaning. Edges beyond
    /// the descriptor's own cutoff do not matter.
    virtual void forward(const EdgeBlock& block, T* features) = 0;
    /// Adds dE_i/dr_ij of every edge to block.dE_d*, given features as forward() wrote them for this block
    /// and adjoint[n_features][block.lanes] = dE_i/dfeature. forward() must have been called for this block
    /// last.
    virtual void backward(EdgeBlock& block, const T* features, const T* adjoint) = 0;
    /// Derivatives of all features of the lanes [group * lanes(), (group + 1) * lanes()) with respect to r_ij
    /// (1/angstrom) of their edges in step `step`, neighbours of `species`: gradient[3][n_features][lanes()].
    /// As backward(), after forward().
    virtual void edge_gradient(const EdgeBlock& block, const T* features, int group, int species, int step,
                               T* gradient) = 0;
    /// Writes the rates of the features, tangents[n_features][block.lanes], when edges move by
    /// motion[3][n_steps][block.lanes] (angstrom). As backward(), after forward(). Here from edge_gradient();
    /// descriptors with many features have a quicker way.
    virtual void tangents(const EdgeBlock& block, const T* features, int n_features, const T* motion,
                          T* tangents);
};

template <typename T>
void BlockDescriptor<T>::tangents(const EdgeBlock& block, const T* features, int n_features, const T* motion,
                                  T* tangents) {
    const auto stride = static_cast<std::size_t>(block.lanes), w = static_cast<std::size_t>(lanes());
    const auto n = static_cast<std::size_t>(n_features);
    const std::size_t size = static_cast<std::size_t>(block.n_steps) * stride;
    AlignedVector<T> gradient(3 * n * w);
    std::fill_n(tangents, n * stride, T{0});
    for (int species = 0; species + 1 < static_cast<int>(block.species_begin.size()); ++species)
        for (int step = block.species_begin[static_cast<std::size_t>(species)];
             step < block.species_begin[static_cast<std::size_t>(species) + 1]; ++step)
            for (std::size_t group = 0; group * w < stride; ++group) {
                edge_gradient(block, features, static_cast<int>(group), species, step, gradient.data());
                const T* u = motion + static_cast<std::size_t>(step) * stride + group * w;
                for (std::size_t c = 0; c < 3; ++c)
                    for (std::size_t f = 0; f < n; ++f)
                        for (std::size_t b = 0; b < w; ++b)
                            tangents[f * stride + group * w + b] +=
                                u[c * size + b] * gradient[(c * n + f) * w + b];
            }
}

/// Environment of an atom -> vector. Immutable; all member functions may run concurrently.
class Descriptor {
public:
    virtual ~Descriptor() = default;
    [[nodiscard]] virtual int n_elements() const = 0;
    [[nodiscard]] virtual int n_features() const = 0;
    /// [n_elements] how far neighbours of each element are seen, angstrom; 0: not at all.
    [[nodiscard]] virtual const std::vector<double>& cutoffs() const = 0;
    /// isa: a resolved one (base/cpu.hpp).
    [[nodiscard]] virtual std::unique_ptr<BlockDescriptor<double>> make_double(InstructionSet isa) const = 0;
    [[nodiscard]] virtual std::unique_ptr<BlockDescriptor<float>> make_float(InstructionSet isa) const = 0;
};

/// make_double or make_float.
template <typename T>
std::unique_ptr<BlockDescriptor<T>> make_block_descriptor(const Descriptor& descriptor, InstructionSet isa) {
    if constexpr (std::is_same_v<T, double>)
        return descriptor.make_double(isa);
    else
        return descriptor.make_float(isa);
}

}  // namespace tektite
