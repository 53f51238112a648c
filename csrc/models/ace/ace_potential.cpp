// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/ace_potential.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/cpu.hpp"
#include "base/elements.hpp"
#include "base/kernels_for.hpp"
#include "models/ace/committee_tables.hpp"
#include "models/ace/kernels/views.hpp"
#include "models/ace/tables.hpp"
#include "models/registry.hpp"

namespace tektite::ace {

namespace {

/// One thread's scratch and the calls into the kernels.
template <typename T>
class AceKernel final : public BlockKernel {
public:
    AceKernel(const CenterViews<T>& views, const CommitteeViews<T>& committee, InstructionSet isa)
        : views_(views),
          committee_(committee),
          table_(kernels_for<KernelTable>(isa)),
          name_(name_of(isa)),
          row_max_(std::max(views.row_max(), committee.row_max())) {
        const auto w = static_cast<std::size_t>(lanes());
        const auto n_lm = static_cast<std::size_t>(lm_count(views.l_max()));
        nodes_.resize(static_cast<std::size_t>(views.n_nodes_max()) * 2 * w);
        adjoints_.resize(nodes_.size());
        harmonics_.resize(tile_steps * n_lm * 2 * w);
    }

    [[nodiscard]] int lanes() const override {
        return std::is_same_v<T, double> ? table_.lanes_double : table_.lanes_float;
    }
    [[nodiscard]] std::string description() const override {
        return name_ + ", " + std::to_string(lanes()) + " lanes, " +
               (std::is_same_v<T, double> ? "double" : "mixed precision");
    }
    [[nodiscard]] std::size_t memory() const override {
        return (nodes_.capacity() + adjoints_.capacity() + radial_.capacity() + slope_.capacity() +
                unit_.capacity() + inverse_r_.capacity() + position_.capacity() + inverse_width_.capacity() +
                harmonics_.capacity()) *
                   sizeof(T) +
               bin_.capacity() * sizeof(std::int64_t) + densities_.capacity() * sizeof(double);
    }

    void compute(EdgeBlock& block, double* energies, double* uncertainties) override {
        const auto w = static_cast<std::size_t>(lanes());
        const auto steps = static_cast<std::size_t>(block.n_steps);
        if (inverse_r_.size() < steps * w) {
            const std::size_t n = (steps + 8) * w;
            radial_.resize(n * static_cast<std::size_t>(row_max_));
            slope_.resize(radial_.size());
            unit_.resize(3 * n);
            inverse_r_.resize(n);
            position_.resize(n);
            inverse_width_.resize(n);
            bin_.resize(n);
        }
        const Scratch<T> scratch{nodes_.data(), adjoints_.data(),  radial_.data(),   slope_.data(),
                                 unit_.data(),  inverse_r_.data(), position_.data(), inverse_width_.data(),
                                 bin_.data(),   harmonics_.data(), row_max_};
        const BlockView view{
            block.n_steps,  block.species_begin.data(), block.x.data(),     block.y.data(),
            block.z.data(), block.dE_dx.data(),         block.dE_dy.data(), block.dE_dz.data()};
        const CenterView<T>& center = views_.view(block.center_species);
        double lane_energies[64], keep[64];
        if constexpr (std::is_same_v<T, double>)
            table_.compute_double(center, view, scratch, lane_energies, keep);
        else
            table_.compute_float(center, view, scratch, lane_energies, keep);
        std::copy_n(lane_energies, block.n_centers, energies);
        if (uncertainties == nullptr || committee_.empty()) return;
        densities_.resize(static_cast<std::size_t>(committee_.n_columns_max()) * w);
        const CommitteeView<T>& committee = committee_.view(block.center_species);
        double lane_uncertainties[64];
        if constexpr (std::is_same_v<T, double>)
            table_.committee_double(center, committee, view, scratch, keep, densities_.data(),
                                    lane_uncertainties);
        else
            table_.committee_float(center, committee, view, scratch, keep, densities_.data(),
                                   lane_uncertainties);
        std::copy_n(lane_uncertainties, block.n_centers, uncertainties);
    }

private:
    const CenterViews<T>& views_;
    const CommitteeViews<T>& committee_;
    const KernelTable& table_;
    std::string name_;
    int row_max_;
    AlignedVector<T> nodes_, adjoints_, radial_, slope_, unit_, inverse_r_, position_, inverse_width_,
        harmonics_;
    AlignedVector<std::int64_t> bin_;
    AlignedVector<double> densities_;  // of the committee
};

/// All tables in one precision.
template <typename T>
struct Views {
    Views(const Parameters& parameters, const std::vector<CenterTables>& tables)
        : model(parameters, tables), committee(parameters, tables) {}
    CenterViews<T> model;
    CommitteeViews<T> committee;
};

class AcePotential final : public LocalPotential {
public:
    AcePotential(const Parameters& parameters, std::vector<double> minimum_distances,
                 const std::string& metadata)
        : parameters_(parameters) {
        info_.family = "ace";
        info_.elements = parameters.elements;
        info_.isolated_energies = parameters.isolated_energies;
        info_.metadata = metadata;
        const std::size_t n = parameters.elements.size();
        info_.minimum_distances = std::move(minimum_distances);
        info_.minimum_distances.resize(n * n, 0.0);
        for (const Bond& bond : parameters.bonds) {
            cutoffs_.push_back(bond.cutoff);
            info_.cutoff = std::max(info_.cutoff, bond.cutoff);
        }
        std::vector<int> numbers;
        for (const std::string& symbol : parameters.elements) numbers.push_back(atomic_number(symbol));
        tables_ = make_tables(parameters_, numbers);
        double_views_ = std::make_unique<Views<double>>(parameters_, tables_);
        info_.has_uncertainty = parameters.committee.n_members > 0;
    }

    [[nodiscard]] const ModelInfo& info() const override { return info_; }

protected:
    [[nodiscard]] std::unique_ptr<BlockKernel> make_kernel(const EvaluationOptions& options) const override {
        const InstructionSet isa = resolve_instruction_set(options.instruction_set);
        if (options.precision == Precision::real64)
            return std::make_unique<AceKernel<double>>(double_views_->model, double_views_->committee, isa);
        std::call_once(float_once_,
                       [&] { float_views_ = std::make_unique<Views<float>>(parameters_, tables_); });
        return std::make_unique<AceKernel<float>>(float_views_->model, float_views_->committee, isa);
    }
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }

private:
    Parameters parameters_;
    ModelInfo info_;
    std::vector<double> cutoffs_;
    std::vector<CenterTables> tables_;
    std::unique_ptr<Views<double>> double_views_;
    mutable std::once_flag float_once_;
    mutable std::unique_ptr<Views<float>> float_views_;
};

}  // namespace

std::shared_ptr<const Potential> make_ace(const Parameters& parameters, std::vector<double> minimum_distances,
                                          const std::string& metadata) {
    return std::make_shared<AcePotential>(parameters, std::move(minimum_distances), metadata);
}

std::shared_ptr<const Potential> make_ace(const ModelFile& file, const std::string& prefix,
                                          const nlohmann::json& metadata) {
    const Parameters parameters = read_parameters(file, prefix, metadata);
    const std::vector<double> distances = read_model_info(metadata, file.path).minimum_distances;
    try {
        return make_ace(parameters, distances, metadata.dump());
    } catch (const Error& error) {
        throw Error(error.code(), file.path + ": " + error.what());
    }
}

}  // namespace tektite::ace
