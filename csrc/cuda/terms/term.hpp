// SPDX-License-Identifier: BSD-3-Clause
// What the device knows of a model: a sum of terms, each a function of the edges within its cutoffs.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/arena.hpp"
#include "cuda/runtime/context.hpp"
#include "tektite/model_file.hpp"

namespace tektite::cuda {

/// The kernels of one term in one precision, with its tables on the device of a context.
class TermKernel {
public:
    virtual ~TermKernel() = default;
    /// Takes the scratch of `stride` threads with up to `most_edges` edges each. Also called to measure: with
    /// an arena without memory.
    virtual void lay_out(Arena& arena, std::int64_t stride, int most_edges) = 0;
    /// Writes energies[n_centers] (eV), dE_d* of all edges of the chunk and, if the pointer is not null and
    /// the term has them, uncertainties[n_centers] (eV). The scratch is that of the last lay_out(), whose
    /// stride is the chunk's.
    virtual void compute(const EdgeChunk& chunk, double* energies, double* uncertainties) = 0;
};

/// Immutable; owns what kernels are made of.
class Term {
public:
    virtual ~Term() = default;
    [[nodiscard]] virtual std::unique_ptr<TermKernel> make_kernel(Context&, Precision) const = 0;

    std::string family;
    std::vector<std::string> elements;
    std::vector<double> cutoffs;  ///< [n_elements][n_elements] centre first, angstrom; 0: no interaction
    bool has_uncertainty = false;
};

/// The terms of a (sub)model: several where it is a sum. Throws Error(unsupported) naming what the device
/// side lacks, and what the families' readers throw.
std::vector<std::unique_ptr<Term>> make_terms(const ModelFile& file, const std::string& prefix,
                                              const nlohmann::json& metadata);

}  // namespace tektite::cuda
