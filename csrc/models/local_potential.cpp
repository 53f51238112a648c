// SPDX-License-Identifier: BSD-3-Clause
#include "models/local_potential.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "neighbors/center_blocks.hpp"

namespace tektite {

namespace {

/// What one thread owns.
struct ThreadState {
    std::unique_ptr<BlockKernel> kernel;
    EdgeBlock block;
    std::vector<double> energies, uncertainties;
    std::vector<double> forces, atom_virials,
        atom_virials_halved;  // private sums of threads other than the first
    double energy = 0;
    double virial[9] = {};

    [[nodiscard]] std::size_t memory() const {
        return kernel->memory() + block.memory() +
               (energies.capacity() + uncertainties.capacity() + forces.capacity() + atom_virials.capacity() +
                atom_virials_halved.capacity()) *
                   sizeof(double);
    }
};

class LocalWorkspace final : public Workspace {
public:
    explicit LocalWorkspace(const EvaluationOptions& options)
        : pool(options.pool ? options.pool : std::make_shared<ThreadPool>(options.n_threads)),
          threads(static_cast<std::size_t>(pool->size())) {}

    [[nodiscard]] std::string description() const override {
        const int n = pool->size();
        return threads[0].kernel->description() + ", " + std::to_string(n) +
               (n == 1 ? " thread" : " threads");
    }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t bytes = blocks.memory() + squared_cutoffs.capacity() * sizeof(double);
        for (const ThreadState& t : threads) bytes += t.memory();
        return bytes;
    }

    std::shared_ptr<ThreadPool> pool;
    InstructionSet isa = InstructionSet::baseline;
    std::vector<ThreadState> threads;
    CenterBlocks blocks;
    std::vector<double> squared_cutoffs;
};

void prepare(std::vector<double>& buffer, std::size_t size) {
    if (buffer.size() < size) buffer.resize(size);
    std::fill_n(buffer.begin(), size, 0.0);
}

void add(std::span<double> sum, const std::vector<double>& part, std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) sum[k] += part[k];
}

}  // namespace

std::unique_ptr<Workspace> LocalPotential::make_workspace(const EvaluationOptions& options) const {
    auto w = std::make_unique<LocalWorkspace>(options);
    w->isa = resolve_instruction_set(options.instruction_set);
    for (ThreadState& t : w->threads) {
        t.kernel = make_kernel(options);
        t.block.lanes = t.kernel->lanes();
        t.energies.resize(static_cast<std::size_t>(t.block.lanes));
        t.uncertainties.resize(static_cast<std::size_t>(t.block.lanes));
    }
    return w;
}

void LocalPotential::evaluate(const Cluster& cluster, const Results& results, Workspace& workspace,
                              Exchange*) const {
    auto* w = dynamic_cast<LocalWorkspace*>(&workspace);
    if (w == nullptr) throw Error(ErrorCode::invalid_argument, "the workspace was made by another model");
    const int n_species = static_cast<int>(info().elements.size());
    const auto n_elements = static_cast<std::size_t>(n_species);
    w->blocks.build(cluster, n_species, w->threads[0].block.lanes);
    const int n_blocks = w->blocks.size();
    if (n_blocks == 0) return;

    std::vector<double>& squared = w->squared_cutoffs;
    squared.assign(cutoffs().begin(), cutoffs().end());
    for (double& c : squared) c *= c;

    // A fixed, contiguous share of blocks for each thread: the sums do not depend on timing.
    const int n_threads = std::min(w->pool->size(), n_blocks);
    const std::size_t n_atoms = cluster.n_atoms();
    const auto share = [&](int thread) {
        ThreadState& t = w->threads[static_cast<std::size_t>(thread)];
        t.energy = 0;
        std::fill(std::begin(t.virial), std::end(t.virial), 0.0);
        Results mine = results;
        mine.virial = results.virial != nullptr ? t.virial : nullptr;
        if (thread > 0) {
            const auto own = [n_atoms](std::span<double>& target, std::vector<double>& buffer,
                                       std::size_t width) {
                if (target.empty()) return;
                prepare(buffer, n_atoms * width);
                target = {buffer.data(), n_atoms * width};
            };
            own(mine.forces, t.forces, 3);
            own(mine.atom_virials, t.atom_virials, 9);
            own(mine.atom_virials_halved, t.atom_virials_halved, 6);
        }
        const bool gradients = !results.forces.empty() || results.virial != nullptr ||
                               !results.atom_virials.empty() || !results.atom_virials_halved.empty();
        const int first = static_cast<int>(static_cast<std::int64_t>(n_blocks) * thread / n_threads);
        const int last = static_cast<int>(static_cast<std::int64_t>(n_blocks) * (thread + 1) / n_threads);
        for (int b = first; b < last; ++b) {
            const std::span<const std::int32_t> centers = w->blocks[b];
            const std::int32_t species = cluster.species[static_cast<std::size_t>(centers[0])];
            gather_edges(cluster, centers, species,
                         {squared.data() + static_cast<std::size_t>(species) * n_elements, n_elements},
                         w->isa, t.block);
            t.kernel->compute(t.block, t.energies.data(),
                              results.atom_uncertainties.empty() ? nullptr : t.uncertainties.data());
            for (std::size_t c = 0; c < centers.size(); ++c) {
                const auto i = static_cast<std::size_t>(centers[c]);
                t.energy += t.energies[c];
                if (!results.atom_energies.empty()) results.atom_energies[i] += t.energies[c];
                if (!results.atom_uncertainties.empty()) results.atom_uncertainties[i] += t.uncertainties[c];
            }
            if (gradients) scatter_edges(t.block, mine);
        }
    };
    w->pool->run(n_threads, std::ref(share));  // by reference: nothing is allocated

    for (int thread = 0; thread < n_threads; ++thread) {
        const ThreadState& t = w->threads[static_cast<std::size_t>(thread)];
        if (results.energy != nullptr) *results.energy += t.energy;
        if (results.virial != nullptr)
            for (std::size_t c = 0; c < 9; ++c) results.virial[c] += t.virial[c];
    }
    if (n_threads == 1) return;
    const auto reduce = [&](std::span<double> target, std::size_t width, auto buffer) {
        if (target.empty()) return;
        w->pool->run(n_threads, [&](int thread) {
            const std::size_t begin =
                n_atoms * static_cast<std::size_t>(thread) / static_cast<std::size_t>(n_threads);
            const std::size_t end =
                n_atoms * (static_cast<std::size_t>(thread) + 1) / static_cast<std::size_t>(n_threads);
            for (int other = 1; other < n_threads; ++other)
                add(target, buffer(w->threads[static_cast<std::size_t>(other)]), begin * width, end * width);
        });
    };
    reduce(results.forces, 3, [](const ThreadState& t) -> const std::vector<double>& { return t.forces; });
    reduce(results.atom_virials, 9,
           [](const ThreadState& t) -> const std::vector<double>& { return t.atom_virials; });
    reduce(results.atom_virials_halved, 6,
           [](const ThreadState& t) -> const std::vector<double>& { return t.atom_virials_halved; });
}

}  // namespace tektite
