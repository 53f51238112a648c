// SPDX-License-Identifier: BSD-3-Clause
// From A to energies and adjoints of A, for all centre species of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/runtime/arena.hpp"
#include "cuda/terms/ace/block_products.hpp"

namespace tektite::cuda {

/// Products in the precision T (double or float): lists on the device and kernels. By blocks of threads, or,
/// where a centre does not fit their shared memory, one centre a thread.
template <typename T>
class AceProductsStage {
public:
    explicit AceProductsStage(Context& context) : context_(&context) {}
    /// The next centre species. device: `host` with its tables on the device; lists: null if there are too
    /// many stored products for them.
    void add(Tables& tables, const ace::CenterView<T>& host, const ace::CenterView<T>& device,
             const PairedLists* lists);
    /// Nodes of the product graph, or A alone where blocks do the rest.
    [[nodiscard]] int n_nodes() const { return n_nodes_; }
    /// Writes energies, the adjoints of A and what AceEdgesStage::backward() needs.
    void compute(const EdgeChunk& chunk, const AceScratch<T>& scratch, double* energies) const;

private:
    struct Species {
        ace::CenterView<T> center;
        PairedView<T> view{};
        int log2_lanes = -1;  ///< -1: a centre does not fit the shared memory of a block
        int n_threads = 0;
        std::size_t bytes = 0;
    };
    void plan(Species& species) const;
    void put_lists(Tables& tables, const ace::CenterView<T>& host, const PairedLists& lists,
                   PairedView<T>& view) const;

    Context* context_;
    std::vector<Species> species_;
    int n_nodes_ = 0;
};

}  // namespace tektite::cuda
