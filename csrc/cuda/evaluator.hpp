// SPDX-License-Identifier: BSD-3-Clause
// A model on a device, and all that one evaluation after another needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/neighbors/device_list.hpp"
#include "cuda/terms/term.hpp"
#include "tektite/device_potential.hpp"

namespace tektite::cuda {

/// What a file says, on the host. Immutable.
struct DeviceModel {
    /// Throws what load_potential() throws and Error(unsupported) naming what the device side lacks.
    DeviceModel(const ModelFile& file, const DeviceOptions& options);

    DeviceOptions options;
    std::vector<std::string> elements;
    std::vector<std::unique_ptr<Term>> terms;
    bool has_uncertainty = false;
    /// [n_elements][n_elements] the largest over the terms, angstrom.
    std::vector<double> cutoffs;
};

/// The counterpart of a Workspace: list, tables, scratch, results on the device.
///
/// Centres are sorted by species and computed in chunks, one a thread; scratch is there for one chunk. Memory
/// for each atom beside the list's (see DeviceList): what is wanted of energies 8, forces 24, per-atom
/// virials 72 or 48; energies of rows 8, their variances 8 if uncertainties are wanted.
class Evaluator {
public:
    Evaluator(std::shared_ptr<const DeviceModel> model, Precision precision);

    /// As DevicePotential::evaluate().
    void evaluate(const OpenCluster& cluster, const Results& results);
    /// As Potential::evaluate().
    void evaluate(const Cluster& cluster, const Results& results);

    /// As DevicePotential::closest_pairs().
    void closest_pairs(std::span<double> distances, std::span<std::int32_t> centers);

    /// As DevicePotential::atom_beyond_skin().
    [[nodiscard]] std::int64_t atom_beyond_skin() const { return beyond_skin_; }

    [[nodiscard]] std::string description() const;
    [[nodiscard]] std::size_t n_elements() const { return model_->elements.size(); }
    [[nodiscard]] std::size_t memory() const { return context_.memory(); }
    /// Times that a neighbour list was made, for tests.
    [[nodiscard]] std::int64_t n_builds() const { return list_.n_builds(); }

private:
    struct TermState {
        std::unique_ptr<TermKernel> kernel;
        std::vector<std::int32_t> species;             ///< [n_elements of the model] of the term, -1: unseen
        const std::int32_t* device_species = nullptr;  ///< the same, or null where they are equal
        std::vector<const double*> squared_cutoffs;    ///< [n_elements of the term] device, [n_elements]
        bool has_uncertainty = false;
    };
    struct Wanted;
    void compute(const Results& results);
    void compute_term(TermState& term, const Wanted& wanted);
    void check_problems();
    template <typename Update>
    void run(std::size_t n_atoms, const Results& results, Update&& update);
    EdgeChunk lay_out(const TermState& term, Arena& arena, std::int64_t stride, double*& energies,
                      double*& uncertainties, double*& virials);

    std::shared_ptr<const DeviceModel> model_;
    Precision precision_;
    Context context_;
    Algorithms algorithms_;
    DeviceList list_;
    Tables tables_;
    std::vector<TermState> terms_;
    DeviceArray<std::byte> scratch_;
    DeviceArray<double> row_energies_, row_variances_, forces_, atom_values_, atom_virials_, halved_, sums_;
    DeviceArray<Problems> problems_;
    DeviceArray<double> center_factors_;
    std::int64_t scratch_limit_ = 0, n_chunks_ = 0, beyond_skin_ = -1;
    bool has_factors_ = false;
};

}  // namespace tektite::cuda
