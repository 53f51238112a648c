// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/descriptor_evaluator.hpp"

#include <algorithm>
#include <functional>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "descriptors/lanes_to_rows.hpp"
#include "neighbors/center_blocks.hpp"

namespace tektite {

namespace {

/// Results larger than this are written past the caches. On a processor with 32 MiB of third-level cache a
/// program that reads the result at once gains from the caches by 5 MiB and loses by 10 MiB, where the result
/// before it, still held, is in the way.
constexpr std::size_t cached_bytes = std::size_t{8} << 20;

template <typename T>
class Evaluator final : public DescriptorEvaluator {
public:
    Evaluator(std::shared_ptr<const Descriptor> descriptor, const EvaluationOptions& options)
        : descriptor_(std::move(descriptor)),
          isa_(resolve_instruction_set(options.instruction_set)),
          rows_(rows::kernels<T>(isa_)),
          n_features_(static_cast<std::size_t>(descriptor_->n_features())),
          pool_(options.n_threads),
          threads_(static_cast<std::size_t>(options.n_threads)) {
        for (Thread& t : threads_) {
            t.descriptor = make_block_descriptor<T>(*descriptor_, isa_);
            t.block.lanes = t.descriptor->lanes();
            t.features.resize(n_features_ * static_cast<std::size_t>(t.block.lanes));
            t.rows.resize(static_cast<std::size_t>(t.block.lanes));
        }
        squared_cutoffs_ = descriptor_->cutoffs();
        for (double& c : squared_cutoffs_) c *= c;
    }

    [[nodiscard]] std::string description() const override {
        return name_of(isa_) + ", " + std::to_string(threads_[0].block.lanes) + " lanes, " +
               (std::is_same_v<T, double> ? "double" : "mixed precision") + ", " +
               std::to_string(pool_.size()) + (pool_.size() == 1 ? " thread" : " threads");
    }

    void features(const Cluster& cluster, std::span<double> features) override {
        require(features.size() == cluster.n_atoms() * n_features_, "features");
        for_blocks(cluster, [&](Thread& t) {
            t.descriptor->forward(t.block, t.features.data());
            write_rows(t, t.features, features);
        });
    }

    void gradient(const Cluster& cluster, std::span<const double> adjoint, const Results& results) override {
        require(adjoint.size() == cluster.n_atoms() * n_features_, "the adjoint");
        const std::size_t n_atoms = cluster.n_atoms();
        for (Thread& t : threads_) {
            t.adjoint.assign(t.features.size(), T(0));
            t.forces.assign(results.forces.empty() ? 0 : 3 * n_atoms, 0.0);
            t.atom_virials.assign(results.atom_virials.empty() ? 0 : 9 * n_atoms, 0.0);
            t.halved.assign(results.atom_virials_halved.empty() ? 0 : 6 * n_atoms, 0.0);
            std::fill(std::begin(t.virial), std::end(t.virial), 0.0);
        }
        for_blocks(cluster, [&](Thread& t) {
            const auto lanes = static_cast<std::size_t>(t.block.lanes);
            t.descriptor->forward(t.block, t.features.data());
            for (std::size_t b = 0; b < t.block.centers.size(); ++b) {
                const double* row =
                    adjoint.data() + static_cast<std::size_t>(t.block.centers[b]) * n_features_;
                for (std::size_t f = 0; f < n_features_; ++f)
                    t.adjoint[f * lanes + b] = static_cast<T>(row[f]);
            }
            const std::size_t size = static_cast<std::size_t>(t.block.n_steps) * lanes;
            for (auto* g : {&t.block.dE_dx, &t.block.dE_dy, &t.block.dE_dz})
                std::fill_n(g->begin(), size, 0.0);
            t.descriptor->backward(t.block, t.features.data(), t.adjoint.data());
            Results mine;
            mine.forces = t.forces;
            mine.atom_virials = t.atom_virials;
            mine.atom_virials_halved = t.halved;
            mine.virial = t.virial;
            scatter_edges(t.block, mine);
        });
        for (const Thread& t : threads_) {
            const auto add = [](std::span<double> sum, const std::vector<double>& part) {
                for (std::size_t k = 0; k < part.size(); ++k) sum[k] += part[k];
            };
            add(results.forces, t.forces);
            add(results.atom_virials, t.atom_virials);
            add(results.atom_virials_halved, t.halved);
            if (results.virial != nullptr)
                for (std::size_t c = 0; c < 9; ++c) results.virial[c] += t.virial[c];
        }
    }

    void tangents(const Cluster& cluster, const Motion& motion, std::span<double> tangents) override {
        const std::size_t n_atoms = cluster.n_atoms();
        require(tangents.size() == n_atoms * n_features_, "the tangents");
        require(motion.displacements.size() == 3 * n_atoms && motion.system.size() == n_atoms, "the motion");
        for (const std::int32_t system : motion.system)
            require(system >= 0 && 9 * static_cast<std::size_t>(system) + 9 <= motion.strains.size(),
                    "the strains");
        for_blocks(cluster, [&](Thread& t) {
            t.descriptor->forward(t.block, t.features.data());
            t.gradient.resize(t.features.size());
            move_edges(t, motion);
            t.descriptor->tangents(t.block, t.features.data(), descriptor_->n_features(), t.motion.data(),
                                   t.gradient.data());
            write_rows(t, t.gradient, tangents);
        });
    }

    void count_edges(const Cluster& cluster, std::span<std::int64_t> counts) override {
        require(counts.size() == cluster.n_atoms(), "counts");
        std::fill(counts.begin(), counts.end(), 0);
        for_blocks(cluster, [&](Thread& t) {
            for (std::size_t b = 0; b < t.block.centers.size(); ++b)
                for (int s = 0; s < descriptor_->n_elements(); ++s)
                    counts[static_cast<std::size_t>(t.block.centers[b])] +=
                        t.block.count(s, static_cast<int>(b));
        });
    }

    void edge_gradients(const Cluster& cluster, std::span<double> features,
                        const EdgeGradients& out) override {
        const std::size_t n_atoms = cluster.n_atoms();
        require(features.size() == n_atoms * n_features_, "features");
        require(out.first.size() == n_atoms + 1, "first");
        const auto n_edges = static_cast<std::size_t>(out.first[n_atoms]);
        require(out.neighbor.size() == n_edges && out.vectors.size() == 3 * n_edges &&
                    out.gradient.size() == 3 * n_edges * n_features_,
                "gradients");
        for_blocks(cluster, [&](Thread& t) {
            t.descriptor->forward(t.block, t.features.data());
            write_rows(t, t.features, features);
            t.next.resize(t.block.centers.size());
            for (std::size_t b = 0; b < t.next.size(); ++b)
                t.next[b] = static_cast<std::size_t>(out.first[static_cast<std::size_t>(t.block.centers[b])]);
            t.gradient.resize(3 * t.features.size());
            for (int s = 0; s < descriptor_->n_elements(); ++s)
                for (int step = t.block.species_begin[static_cast<std::size_t>(s)];
                     step < t.block.species_begin[static_cast<std::size_t>(s) + 1]; ++step)
                    write_edges(t, s, step, out);
        });
    }

private:
    /// What one thread owns.
    struct Thread {
        std::unique_ptr<BlockDescriptor<T>> descriptor;
        EdgeBlock block;
        AlignedVector<T> features, adjoint, gradient, motion;
        std::vector<double> forces, atom_virials, halved;
        double virial[9] = {};
        std::vector<std::size_t> next;
        std::vector<double*> rows;  // [lanes] where to write; nullptr: nothing
    };

    static void require(bool fits, const char* what) {
        if (!fits)
            throw Error(ErrorCode::invalid_argument, std::string("the size of ") + what + " does not fit");
    }

    template <typename Action>
    void for_blocks(const Cluster& cluster, Action&& action) {
        blocks_.build(cluster, descriptor_->n_elements(), threads_[0].block.lanes);
        const int n_blocks = blocks_.size(), n_threads = std::min(pool_.size(), n_blocks);
        if (n_blocks == 0) return;
        const auto share = [&](int thread) {
            Thread& t = threads_[static_cast<std::size_t>(thread)];
            const int last = static_cast<int>(static_cast<std::int64_t>(n_blocks) * (thread + 1) / n_threads);
            for (int b = static_cast<int>(static_cast<std::int64_t>(n_blocks) * thread / n_threads); b < last;
                 ++b) {
                const std::span<const std::int32_t> centers = blocks_[b];
                gather_edges(cluster, centers, cluster.species[static_cast<std::size_t>(centers[0])],
                             squared_cutoffs_, isa_, t.block);
                action(t);
            }
            rows_.finish();
        };
        pool_.run(n_threads, std::ref(share));
    }

    /// values: [n_features][lanes] of the block's centres; out: [n_atoms][n_features].
    void write_rows(Thread& t, const AlignedVector<T>& values, std::span<double> out) const {
        std::fill(t.rows.begin(), t.rows.end(), nullptr);
        for (std::size_t b = 0; b < t.block.centers.size(); ++b)
            t.rows[b] = out.data() + static_cast<std::size_t>(t.block.centers[b]) * n_features_;
        rows_.write(values.data(), n_features_, t.rows.data(), out.size_bytes() > cached_bytes);
    }

    /// The motion of the edges of the block; padding does not move.
    void move_edges(Thread& t, const Motion& motion) const {
        const auto lanes = static_cast<std::size_t>(t.block.lanes);
        const std::size_t size = static_cast<std::size_t>(t.block.n_steps) * lanes;
        t.motion.assign(3 * size, T(0));
        for (std::size_t p = 0; p < size; ++p) {
            const std::size_t b = p % lanes;
            if (b >= t.block.centers.size() || t.block.neighbor[p] < 0) continue;
            const auto i = static_cast<std::size_t>(t.block.centers[b]);
            const auto j = static_cast<std::size_t>(t.block.neighbor[p]);
            const double r[3] = {t.block.x[p], t.block.y[p], t.block.z[p]};
            const double* strain = motion.strains.data() + 9 * static_cast<std::size_t>(motion.system[i]);
            for (std::size_t c = 0; c < 3; ++c) {
                double u = motion.displacements[3 * j + c] - motion.displacements[3 * i + c];
                for (std::size_t d = 0; d < 3; ++d) u += strain[3 * c + d] * r[d];
                t.motion[c * size + p] = static_cast<T>(u);
            }
        }
    }

    void write_edges(Thread& t, int species, int step, const EdgeGradients& out) const {
        const auto lanes = static_cast<std::size_t>(t.block.lanes);
        t.descriptor->edge_gradient(t.block, t.features.data(), 0, species, step, t.gradient.data());
        std::fill(t.rows.begin(), t.rows.end(), nullptr);
        for (std::size_t b = 0; b < t.block.centers.size(); ++b) {
            const std::size_t p = static_cast<std::size_t>(step) * lanes + b;
            if (t.block.neighbor[p] < 0) continue;
            const std::size_t e = t.next[b]++;
            out.neighbor[e] = t.block.neighbor[p];
            out.vectors[3 * e] = t.block.x[p];
            out.vectors[3 * e + 1] = t.block.y[p];
            out.vectors[3 * e + 2] = t.block.z[p];
            t.rows[b] = out.gradient.data() + 3 * e * n_features_;
        }
        rows_.write(t.gradient.data(), 3 * n_features_, t.rows.data(),
                    out.gradient.size_bytes() > cached_bytes);
    }

    std::shared_ptr<const Descriptor> descriptor_;
    InstructionSet isa_;
    const rows::Kernels<T>& rows_;
    std::size_t n_features_;
    ThreadPool pool_;
    std::vector<Thread> threads_;
    CenterBlocks blocks_;
    std::vector<double> squared_cutoffs_;
};

}  // namespace

std::unique_ptr<DescriptorEvaluator> make_descriptor_evaluator(std::shared_ptr<const Descriptor> descriptor,
                                                               const EvaluationOptions& options) {
    if (options.precision == Precision::real64)
        return std::make_unique<Evaluator<double>>(std::move(descriptor), options);
    return std::make_unique<Evaluator<float>>(std::move(descriptor), options);
}

}  // namespace tektite
