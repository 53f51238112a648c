// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/training/trainable_ace.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "base/cpu.hpp"
#include "base/kernels_for.hpp"
#include "base/thread_pool.hpp"
#include "basis/ace_radial.hpp"
#include "models/ace/training/center_model.hpp"
#include "neighbors/center_blocks.hpp"
#include "neighbors/edge_block.hpp"
#include "tektite/error.hpp"

namespace tektite::ace::training {

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "ACE training: " + what);
}

/// Frames of a batch that are worked on together; a frame occurs once in it.
struct Chunk {
    std::size_t begin = 0, end = 0;  // places in the batch
};

/// A batch: places of frames in the output, and chunks that depend on nothing but the batch.
struct Batch {
    std::vector<std::size_t> first_atom;  // [places + 1] where the atoms of each place begin
    std::vector<Chunk> chunks;

    Batch(const Frames& frames, std::span<const std::int64_t> indices) : first_atom(1, 0) {
        for (const std::int64_t frame : indices) {
            if (frame < 0 || static_cast<std::size_t>(frame) >= frames.size())
                fail("frame " + std::to_string(frame) + " is not one of the " +
                     std::to_string(frames.size()) + " that were prepared");
            first_atom.push_back(first_atom.back() + frames.n_atoms(static_cast<std::size_t>(frame)));
        }
        // Enough atoms to fill the lanes, few enough chunks that their gradients take little memory.
        const std::size_t target = std::max<std::size_t>(128, first_atom.back() / 64);
        std::vector<std::size_t> last_chunk(frames.size(), 0);  // 1 + number of the last chunk it is in
        for (std::size_t place = 0; place < indices.size(); ++place) {
            auto& seen = last_chunk[static_cast<std::size_t>(indices[place])];
            if (chunks.empty() || seen == chunks.size() ||
                first_atom[place] - first_atom[chunks.back().begin] >= target)
                chunks.push_back({place, place});
            chunks.back().end = place + 1;
            seen = chunks.size();
        }
    }
};

/// Scratch of one thread.
struct Worker {
    EdgeBlock block;
    CenterBlocks blocks;
    std::vector<std::int32_t> centers;
    std::vector<std::size_t> place_of;  // [frames] place in the batch
    AlignedVector<double> nodes, adjoints, harmonics;
    AlignedVector<double> radial, slope, unit, inverse_r, position, inverse_width, stretch;
    AlignedVector<std::int64_t> bin;
    AlignedVector<double> dual_nodes, dual_adjoints, B, dual_unit, dual_radial, dual_harmonics;
    AlignedVector<double> tangent_x, tangent_y, tangent_z;
    std::vector<GradientBuffers> sums;  // [elements]
};

}  // namespace

class TrainableAce::Implementation {
public:
    Implementation(std::shared_ptr<const Basis> basis, std::vector<Bond> bonds,
                   std::vector<Embedding> embeddings, bool radial_fixed, InstructionSet instruction_set);

    void set_parameters(std::span<const double> values);
    void check(const Frames& frames) const;
    /// Calls work(worker, chunk number) for all chunks.
    void for_each_chunk(const Batch& batch, int n_threads,
                        const std::function<void(Worker&, std::size_t)>& work);
    /// Calls action(species) for every block of the chunk, its edges being in worker.block.
    void for_each_block(const Frames& frames, std::span<const std::int64_t> indices, const Batch& batch,
                        const Chunk& chunk, Worker& worker, const std::function<void(std::size_t)>& action);
    void evaluate_block(std::size_t species, const Batch& batch, const Frames& frames, Worker& worker,
                        std::span<double> energies, std::span<double> forces, std::span<double> virials);
    void gradient_block(std::size_t species, const Batch& batch, const Frames& frames, Worker& worker,
                        std::span<const double> dL_denergies, std::span<const double> dL_dforces,
                        std::span<const double> dL_dvirials);

    /// What the sums of a worker contribute to the gradient.
    [[nodiscard]] std::vector<double> chunk_gradient(const Worker& worker) const {
        std::vector<double> gradient(layout.size, 0.0);
        for (std::size_t e = 0; e < centers_.size(); ++e)
            if (!worker.sums[e].prefactors.empty())
                centers_[e]->add_gradient(worker.sums[e], worker.block.lanes, gradient);
        return gradient;
    }

    ParameterLayout layout;
    std::vector<double> parameters;
    double cutoff = 0;

private:
    void reserve_nodes(Worker& worker) const;
    void reserve_steps(Worker& worker, bool training) const;
    Scratch<double> plain_scratch(Worker& worker) const;

    std::shared_ptr<const Basis> basis_;
    Parameters first_;  // what the model began with; its functions have no meaningful coefficients
    bool radial_fixed_;
    InstructionSet isa_;
    const ace::KernelTable& kernels_;
    const training::KernelTable& training_kernels_;
    std::unique_ptr<LegendreCoefficients> legendre_;
    std::vector<RadialTable> base_tables_;  // [bonds]
    std::vector<std::unique_ptr<CenterModel>> centers_;
    std::vector<double> squared_cutoffs_;
    int row_max_ = 0, n_nodes_max_ = 0, n_B_max_ = 0;
    std::unique_ptr<ThreadPool> pool_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

TrainableAce::Implementation::Implementation(std::shared_ptr<const Basis> basis, std::vector<Bond> bonds,
                                             std::vector<Embedding> embeddings, bool radial_fixed,
                                             InstructionSet instruction_set)
    : basis_(std::move(basis)),
      radial_fixed_(radial_fixed),
      isa_(resolve_instruction_set(instruction_set)),
      kernels_(kernels_for<ace::KernelTable>(isa_)),
      training_kernels_(kernels_for<training::KernelTable>(isa_)) {
    const auto n_elements = static_cast<std::size_t>(basis_->n_elements());
    if (embeddings.size() != n_elements || embeddings[0].n_density() < 1)
        fail("needs one embedding with at least one density for each of the " + std::to_string(n_elements) +
             " elements");
    check_bonds(bonds, *basis_);
    layout.n_elements = n_elements;
    layout.n_functions = static_cast<std::size_t>(basis_->n_functions());
    layout.n_density = static_cast<std::size_t>(embeddings[0].n_density());
    for (const Embedding& e : embeddings) {
        if (e.prefactors.size() != layout.n_density || e.exponents.size() != layout.n_density)
            fail("all elements must have equally many densities");
        if (e.kind != "FinnisSinclair" && e.kind != "FinnisSinclairShiftedScaled")
            fail("unknown embedding '" + e.kind + "'");
    }
    layout.size = layout.n_functions * layout.n_density;
    for (const Bond& bond : bonds) {
        const auto size = static_cast<std::size_t>(bond.n_max) * static_cast<std::size_t>(bond.l_max + 1) *
                          static_cast<std::size_t>(bond.n_base);
        if (bond.core_prefactor != 0.0 || bond.inner_cutoff_type == "zbl")
            throw Error(ErrorCode::unsupported,
                        "ACE training: bonds with a core repulsion of their own cannot be trained; take the "
                        "repulsion as a model of its own in a sum");
        layout.radial.push_back(layout.size);
        layout.size += size;
        cutoff = std::max(cutoff, bond.cutoff);
        squared_cutoffs_.push_back(bond.cutoff * bond.cutoff);
    }
    layout.prefactors = layout.size;
    layout.exponents = layout.prefactors + n_elements * layout.n_density;
    layout.size = layout.exponents + n_elements * layout.n_density;

    first_.elements.resize(n_elements);
    first_.isolated_energies.assign(n_elements, 0.0);
    first_.embeddings = std::move(embeddings);
    first_.bonds = std::move(bonds);
    first_.n_density_max = static_cast<int>(layout.n_density);
    const std::vector<double> ones(layout.n_functions * layout.n_density, 1.0);
    first_.functions = basis_->combine(ones, first_.n_density_max);
    std::vector<CenterTables> tables = make_tables(first_, std::vector<int>(n_elements, 1));
    int l_max = 0;
    for (const CenterTables& t : tables) l_max = std::max(l_max, t.base.l_max);
    legendre_ = std::make_unique<LegendreCoefficients>(l_max);
    for (const Bond& bond : first_.bonds)
        base_tables_.push_back(
            tabulate(bond.n_base, [&bond](double r, double* g, double* dg) { radial_basis(bond, r, g, dg); },
                     bond.cutoff, radial_breakpoints(bond), {3e-10, 4e-9, 8}));
    const TermSources sources(*basis_);
    for (std::size_t c = 0; c < n_elements; ++c) {
        const std::span<const RadialTable> base(base_tables_.data() + c * n_elements, n_elements);
        centers_.push_back(std::make_unique<CenterModel>(static_cast<int>(c), first_, std::move(tables[c]),
                                                         sources, *legendre_, base, layout, radial_fixed));
        row_max_ = std::max(row_max_, centers_.back()->row_max());
        n_nodes_max_ = std::max(n_nodes_max_, centers_.back()->inference().n_nodes);
        n_B_max_ = std::max(n_B_max_, centers_.back()->training().n_B);
    }
    parameters.assign(layout.size, 0.0);
    for (std::size_t b = 0; b < first_.bonds.size(); ++b)
        std::copy(first_.bonds[b].coefficients.begin(), first_.bonds[b].coefficients.end(),
                  parameters.begin() + static_cast<std::ptrdiff_t>(layout.radial[b]));
    for (std::size_t e = 0; e < n_elements; ++e)
        for (std::size_t p = 0; p < layout.n_density; ++p) {
            parameters[layout.prefactors + e * layout.n_density + p] = first_.embeddings[e].prefactors[p];
            parameters[layout.exponents + e * layout.n_density + p] = first_.embeddings[e].exponents[p];
        }
    const std::vector<double> copy = parameters;
    set_parameters(copy);
}

void TrainableAce::Implementation::set_parameters(std::span<const double> values) {
    if (values.size() != layout.size)
        fail("there are " + std::to_string(layout.size) + " parameters, not " +
             std::to_string(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw Error(ErrorCode::not_finite,
                        "ACE training: parameter " + std::to_string(i) + " is not finite");
    if (radial_fixed_)
        for (std::size_t b = 0; b < first_.bonds.size(); ++b)
            if (!std::equal(first_.bonds[b].coefficients.begin(), first_.bonds[b].coefficients.end(),
                            values.begin() + static_cast<std::ptrdiff_t>(layout.radial[b])))
                fail("the radial coefficients of this model are fixed");
    for (std::size_t i = layout.exponents; i < layout.size; ++i)
        if (!(values[i] > 0.0)) fail("exponents must be positive; one is " + std::to_string(values[i]));
    parameters.assign(values.begin(), values.end());
    for (const auto& center : centers_) center->set_parameters(parameters);
}

void TrainableAce::Implementation::check(const Frames& frames) const {
    if (frames.cutoff() < cutoff || static_cast<std::size_t>(frames.n_elements()) != layout.n_elements)
        fail("the frames were prepared for another model");
}

void TrainableAce::Implementation::reserve_nodes(Worker& worker) const {
    const auto w = static_cast<std::size_t>(kernels_.lanes_double);
    const auto n_lm = static_cast<std::size_t>(lm_count(legendre_->l_max));
    worker.block.lanes = kernels_.lanes_double;
    worker.nodes.resize(static_cast<std::size_t>(n_nodes_max_) * 2 * w);
    worker.adjoints.resize(worker.nodes.size());
    worker.harmonics.resize(tile_steps * n_lm * 2 * w);
    worker.sums.resize(centers_.size());
}

void TrainableAce::Implementation::reserve_steps(Worker& worker, bool training) const {
    const auto w = static_cast<std::size_t>(kernels_.lanes_double);
    const std::size_t needed = static_cast<std::size_t>(worker.block.n_steps) * w;
    if (worker.inverse_r.size() < needed) {
        const std::size_t n = needed + 8 * w;
        worker.radial.resize(n * static_cast<std::size_t>(row_max_));
        worker.slope.resize(worker.radial.size());
        worker.unit.resize(3 * n);
        for (auto* a : {&worker.inverse_r, &worker.position, &worker.inverse_width}) a->resize(n);
        worker.bin.resize(n);
    }
    if (!training) return;
    worker.dual_nodes.resize(2 * worker.nodes.size());
    worker.dual_adjoints.resize(2 * worker.nodes.size());
    worker.dual_harmonics.resize(2 * worker.harmonics.size());
    worker.B.resize(static_cast<std::size_t>(n_B_max_) * 4 * w);
    worker.dual_unit.resize(2 * worker.unit.size());
    worker.dual_radial.resize(2 * worker.radial.size());
    for (auto* a : {&worker.stretch, &worker.tangent_x, &worker.tangent_y, &worker.tangent_z})
        a->resize(worker.inverse_r.size());
}

Scratch<double> TrainableAce::Implementation::plain_scratch(Worker& w) const {
    return {w.nodes.data(), w.adjoints.data(),  w.radial.data(),   w.slope.data(),
            w.unit.data(),  w.inverse_r.data(), w.position.data(), w.inverse_width.data(),
            w.bin.data(),   w.harmonics.data(), row_max_};
}

void TrainableAce::Implementation::for_each_chunk(const Batch& batch, int n_threads,
                                                  const std::function<void(Worker&, std::size_t)>& work) {
    if (n_threads < 1) fail("the number of threads must be at least 1, not " + std::to_string(n_threads));
    if (!pool_ || pool_->size() != n_threads) pool_ = std::make_unique<ThreadPool>(n_threads);
    while (workers_.size() < static_cast<std::size_t>(n_threads)) {
        workers_.push_back(std::make_unique<Worker>());
        reserve_nodes(*workers_.back());
    }
    std::atomic<std::size_t> next = 0;
    pool_->run(n_threads, [&](int thread) {
        for (std::size_t chunk = next++; chunk < batch.chunks.size(); chunk = next++)
            work(*workers_[static_cast<std::size_t>(thread)], chunk);
    });
}

void TrainableAce::Implementation::for_each_block(const Frames& frames, std::span<const std::int64_t> indices,
                                                  const Batch& batch, const Chunk& chunk, Worker& worker,
                                                  const std::function<void(std::size_t)>& action) {
    worker.place_of.resize(frames.size());
    worker.centers.clear();
    for (std::size_t place = chunk.begin; place < chunk.end; ++place) {
        const auto frame = static_cast<std::size_t>(indices[place]);
        worker.place_of[frame] = place;
        for (std::size_t i = 0; i < batch.first_atom[place + 1] - batch.first_atom[place]; ++i)
            worker.centers.push_back(static_cast<std::int32_t>(frames.offsets()[frame]) +
                                     static_cast<std::int32_t>(i));
    }
    Cluster cluster = frames.cluster();
    cluster.centers = worker.centers;
    worker.blocks.build(cluster, static_cast<int>(layout.n_elements), worker.block.lanes);
    for (int b = 0; b < worker.blocks.size(); ++b) {
        const std::span<const std::int32_t> centers = worker.blocks[b];
        const auto species = static_cast<std::size_t>(cluster.species[static_cast<std::size_t>(centers[0])]);
        gather_edges(cluster, centers, static_cast<int>(species),
                     {squared_cutoffs_.data() + species * layout.n_elements, layout.n_elements}, isa_,
                     worker.block);
        action(species);
    }
}

void TrainableAce::Implementation::evaluate_block(std::size_t species, const Batch& batch,
                                                  const Frames& frames, Worker& worker,
                                                  std::span<double> energies, std::span<double> forces,
                                                  std::span<double> virials) {
    EdgeBlock& block = worker.block;
    reserve_steps(worker, false);
    const BlockView view{block.n_steps,  block.species_begin.data(), block.x.data(),     block.y.data(),
                         block.z.data(), block.dE_dx.data(),         block.dE_dy.data(), block.dE_dz.data()};
    double lane_energies[64];
    kernels_.compute_double(centers_[species]->inference(), view, plain_scratch(worker), lane_energies,
                            nullptr);
    const auto lanes = static_cast<std::size_t>(block.lanes);
    for (std::size_t b = 0; b < static_cast<std::size_t>(block.n_centers); ++b) {
        const std::int32_t center = block.centers[b];
        const auto frame = static_cast<std::size_t>(frames.frame_of(center));
        const std::size_t place = worker.place_of[frame];
        energies[place] += lane_energies[b];
        if (forces.empty() && virials.empty()) continue;
        double* frame_forces = forces.empty() ? nullptr : forces.data() + 3 * batch.first_atom[place];
        double* virial = virials.empty() ? nullptr : virials.data() + 6 * place;
        const auto first = static_cast<std::size_t>(frames.offsets()[frame]);
        double sum[3] = {};
        for (std::size_t s = 0; s < layout.n_elements; ++s) {
            const auto begin = static_cast<std::size_t>(block.species_begin[s]);
            const std::size_t end =
                begin + static_cast<std::size_t>(block.count(static_cast<int>(s), static_cast<int>(b)));
            for (std::size_t p = begin * lanes + b; p < end * lanes; p += lanes) {
                const double g[3] = {block.dE_dx[p], block.dE_dy[p], block.dE_dz[p]};
                if (frame_forces != nullptr) {
                    double* f = frame_forces + 3 * (static_cast<std::size_t>(block.neighbor[p]) - first);
                    for (std::size_t d = 0; d < 3; ++d) {
                        f[d] -= g[d];
                        sum[d] += g[d];
                    }
                }
                if (virial == nullptr) continue;
                const double x = block.x[p], y = block.y[p], z = block.z[p];
                virial[0] -= x * g[0];
                virial[1] -= y * g[1];
                virial[2] -= z * g[2];
                virial[3] -= 0.5 * (y * g[2] + z * g[1]);
                virial[4] -= 0.5 * (x * g[2] + z * g[0]);
                virial[5] -= 0.5 * (x * g[1] + y * g[0]);
            }
        }
        if (frame_forces != nullptr)
            for (std::size_t d = 0; d < 3; ++d)
                frame_forces[3 * (static_cast<std::size_t>(center) - first) + d] += sum[d];
    }
}

void TrainableAce::Implementation::gradient_block(std::size_t species, const Batch& batch,
                                                  const Frames& frames, Worker& worker,
                                                  std::span<const double> dL_denergies,
                                                  std::span<const double> dL_dforces,
                                                  std::span<const double> dL_dvirials) {
    EdgeBlock& block = worker.block;
    reserve_steps(worker, true);
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const std::size_t size = static_cast<std::size_t>(block.n_steps) * lanes;
    for (auto* a : {&worker.tangent_x, &worker.tangent_y, &worker.tangent_z})
        std::fill_n(a->begin(), size, 0.0);
    alignas(64) double weights[64] = {};
    for (std::size_t b = 0; b < static_cast<std::size_t>(block.n_centers); ++b) {
        const std::int32_t center = block.centers[b];
        const auto frame = static_cast<std::size_t>(frames.frame_of(center));
        const std::size_t place = worker.place_of[frame];
        weights[b] = dL_denergies.empty() ? 0.0 : dL_denergies[place];
        const auto first = static_cast<std::size_t>(frames.offsets()[frame]);
        const double* frame_forces =
            dL_dforces.empty() ? nullptr : dL_dforces.data() + 3 * batch.first_atom[place];
        const double* w = dL_dvirials.empty() ? nullptr : dL_dvirials.data() + 6 * place;
        for (std::size_t s = 0; s < layout.n_elements; ++s) {
            const auto begin = static_cast<std::size_t>(block.species_begin[s]);
            const std::size_t end =
                begin + static_cast<std::size_t>(block.count(static_cast<int>(s), static_cast<int>(b)));
            for (std::size_t p = begin * lanes + b; p < end * lanes; p += lanes) {
                double u[3] = {};
                if (frame_forces != nullptr) {
                    const double* from = frame_forces + 3 * (static_cast<std::size_t>(center) - first);
                    const double* to =
                        frame_forces + 3 * (static_cast<std::size_t>(block.neighbor[p]) - first);
                    for (std::size_t d = 0; d < 3; ++d) u[d] = from[d] - to[d];
                }
                if (w != nullptr) {
                    const double x = block.x[p], y = block.y[p], z = block.z[p];
                    u[0] -= w[0] * x + 0.5 * (w[5] * y + w[4] * z);
                    u[1] -= w[1] * y + 0.5 * (w[5] * x + w[3] * z);
                    u[2] -= w[2] * z + 0.5 * (w[4] * x + w[3] * y);
                }
                worker.tangent_x[p] = u[0];
                worker.tangent_y[p] = u[1];
                worker.tangent_z[p] = u[2];
            }
        }
    }
    const Scratch<double> plain = plain_scratch(worker);
    Scratch<double> dual = plain;
    dual.nodes = worker.B.data();
    dual.radial = worker.dual_radial.data();
    dual.unit = worker.dual_unit.data();
    dual.harmonics = worker.dual_harmonics.data();
    const TrainingScratch scratch{
        {plain, dual, worker.stretch.data()}, worker.dual_nodes.data(), worker.dual_adjoints.data()};
    const TrainingBlock view{{block.n_steps, block.species_begin.data(), block.x.data(), block.y.data(),
                              block.z.data(), nullptr, nullptr, nullptr},
                             block.n_centers,
                             worker.tangent_x.data(),
                             worker.tangent_y.data(),
                             worker.tangent_z.data(),
                             weights};
    GradientBuffers& sums = worker.sums[species];
    if (sums.prefactors.empty()) centers_[species]->clear(sums, block.lanes);
    training_kernels_.add_gradient(centers_[species]->training(), view, scratch, sums.view());
}

TrainableAce::TrainableAce(std::shared_ptr<const Basis> basis, std::vector<Bond> bonds,
                           std::vector<Embedding> embeddings, bool radial_fixed,
                           InstructionSet instruction_set)
    : implementation_(std::make_unique<Implementation>(
          std::move(basis), std::move(bonds), std::move(embeddings), radial_fixed, instruction_set)) {}

TrainableAce::~TrainableAce() = default;

const ParameterLayout& TrainableAce::layout() const {
    return implementation_->layout;
}

double TrainableAce::cutoff() const {
    return implementation_->cutoff;
}

std::span<const double> TrainableAce::parameters() const {
    return implementation_->parameters;
}

void TrainableAce::set_parameters(std::span<const double> values) {
    implementation_->set_parameters(values);
}

void TrainableAce::evaluate(const Frames& frames, std::span<const std::int64_t> indices, int n_threads,
                            std::span<double> energies, std::span<double> forces, std::span<double> virials) {
    Implementation& self = *implementation_;
    self.check(frames);
    const Batch batch(frames, indices);
    if (energies.size() != indices.size() ||
        (!forces.empty() && forces.size() != 3 * batch.first_atom.back()) ||
        (!virials.empty() && virials.size() != 6 * indices.size()))
        fail("energies, forces or virials have a wrong size");
    std::fill(energies.begin(), energies.end(), 0.0);
    std::fill(forces.begin(), forces.end(), 0.0);
    std::fill(virials.begin(), virials.end(), 0.0);
    self.for_each_chunk(batch, n_threads, [&](Worker& worker, std::size_t chunk) {
        self.for_each_block(frames, indices, batch, batch.chunks[chunk], worker, [&](std::size_t species) {
            self.evaluate_block(species, batch, frames, worker, energies, forces, virials);
        });
    });
}

void TrainableAce::gradient(const Frames& frames, std::span<const std::int64_t> indices, int n_threads,
                            std::span<const double> dL_denergies, std::span<const double> dL_dforces,
                            std::span<const double> dL_dvirials, std::span<double> gradient) {
    Implementation& self = *implementation_;
    self.check(frames);
    const Batch batch(frames, indices);
    if (gradient.size() != self.layout.size ||
        (!dL_denergies.empty() && dL_denergies.size() != indices.size()) ||
        (!dL_dforces.empty() && dL_dforces.size() != 3 * batch.first_atom.back()) ||
        (!dL_dvirials.empty() && dL_dvirials.size() != 6 * indices.size()))
        fail("derivatives of the loss or the gradient have a wrong size");
    std::vector<std::vector<double>> parts(batch.chunks.size());
    self.for_each_chunk(batch, n_threads, [&](Worker& worker, std::size_t chunk) {
        for (GradientBuffers& sums : worker.sums) sums.prefactors.clear();
        self.for_each_block(frames, indices, batch, batch.chunks[chunk], worker, [&](std::size_t species) {
            self.gradient_block(species, batch, frames, worker, dL_denergies, dL_dforces, dL_dvirials);
        });
        parts[chunk] = self.chunk_gradient(worker);
    });
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (const std::vector<double>& part : parts)
        for (std::size_t i = 0; i < part.size(); ++i) gradient[i] += part[i];
}

}  // namespace tektite::ace::training
