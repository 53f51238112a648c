// SPDX-License-Identifier: GPL-2.0-only
// compute mlip/similarity/atom: atomic energies of a model that is not the potential of the run, which of the
// files that `tektite similarity model` writes are similarities to a reference.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute.h"
#include "pair_mlip.hpp"
#include "tektite/tektite.h"

namespace tektite_lammps {

class ComputeMLIPSimilarity : public LAMMPS_NS::Compute {
public:
    ComputeMLIPSimilarity(LAMMPS_NS::LAMMPS* instance, int narg, char** arg);
    ComputeMLIPSimilarity(const ComputeMLIPSimilarity&) = delete;
    ComputeMLIPSimilarity& operator=(const ComputeMLIPSimilarity&) = delete;

    void init() override;
    void init_list(int id, LAMMPS_NS::NeighList* list) override;
    void compute_peratom() override;
    double memory_usage() override;

private:
    void read_keywords(int narg, char** arg);
    void load_model(const char* name);
    void find_species(char** elements);
    void stop_if_any_failed(bool failed, const std::string& message);

    int precision_ = TEKTITE_DOUBLE;
    int n_threads_ = 1;
    std::string path_;
    // The order matters: the evaluator goes first.
    std::unique_ptr<tektite_model, ModelDeleter> model_;
    std::unique_ptr<tektite_evaluator, EvaluatorDeleter> evaluator_;
    std::vector<int> species_of_type_;  // [n_types + 1], -1: unseen
    LAMMPS_NS::NeighList* list_ = nullptr;
    std::vector<int> species_, centers_;
    std::vector<double> values_;  // [n_all]
};

}  // namespace tektite_lammps
