// SPDX-License-Identifier: BSD-3-Clause
// From the edges of a chunk to A and back, for all centre species of a model.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/arena.hpp"
#include "cuda/terms/ace/block_edges.hpp"

namespace tektite::cuda {

/// A in the precision T (double or float): tables on the device and kernels. By blocks of threads, or, where
/// a centre does not fit their shared memory, one centre a thread.
template <typename T>
class AceEdgesStage {
public:
    explicit AceEdgesStage(Context& context) : context_(&context) {}
    /// The next centre species. device: `host` with its tables on the device.
    void add(Tables& tables, const ace::CenterView<T>& host, const ace::CenterView<T>& device);

    [[nodiscard]] const ace::CenterView<T>& center(int species) const {
        return species_[static_cast<std::size_t>(species)].center;
    }
    /// Takes all of `scratch` but committee: nodes and adjoints for these numbers of products; rows of radial
    /// functions also where only the caller needs them (row_max > 0).
    void lay_out(Arena& arena, std::int64_t stride, int most_edges, int n_nodes, int n_adjoints, int row_max,
                 AceScratch<T>& scratch) const;
    /// Writes A and scratch.densities.
    void forward(const EdgeChunk& chunk, const AceScratch<T>& scratch) const;
    /// Writes dE/dr of all edges from the adjoints of A, scratch.dE_ddensities and what else
    /// embed_center() leaves.
    void backward(const EdgeChunk& chunk, const AceScratch<T>& scratch) const;

private:
    struct Species {
        ace::CenterView<T> center;
        BlockBonds<T> bonds;
        EdgeTile forward, backward;
        int common_l;  ///< the largest l if all bonds have the same, else -1
    };
    template <template <typename, int> typename InThreads, template <typename, int> typename InBlocks>
    void compute(const EdgeChunk& chunk, const AceScratch<T>& scratch, const EdgeTile& tile) const;

    Context* context_;
    std::vector<Species> species_;
    bool in_threads_ = false;  ///< for one of the species at least
    int n_density_ = 0, l_max_ = 0, row_max_ = 0;
};

}  // namespace tektite::cuda
