// SPDX-License-Identifier: GPL-2.0-only
#include "compute_mlip_similarity.hpp"

#include <algorithm>
#include <cmath>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "text.hpp"
#include "update.h"

using namespace LAMMPS_NS;

namespace tektite_lammps {

ComputeMLIPSimilarity::ComputeMLIPSimilarity(LAMMPS* instance, int narg, char** arg)
    : Compute(instance, narg, arg) {
    peratom_flag = 1;
    size_peratom_cols = 0;
    const int n_types = atom->ntypes;
    if (narg < 4 + n_types)
        error->all(FLERR,
                   text("Compute mlip/similarity/atom takes the name of a model file and ", n_types,
                        " elements, one for each atom type (or NULL), but got ", narg - 3, " arguments"));
    const std::string units = update->unit_style;
    if (units != "metal" && units != "real")
        error->all(FLERR, text("Compute mlip/similarity/atom works with units metal or real, whose lengths "
                               "are in angstrom, not with units ",
                               units));
    read_keywords(narg - 4 - n_types, arg + 4 + n_types);
    load_model(arg[3]);
    find_species(arg + 4);
    tektite_evaluator* evaluator = nullptr;
    const bool failed = tektite_evaluator_create(model_.get(), precision_, n_threads_, &evaluator) != 0;
    evaluator_.reset(evaluator);
    stop_if_any_failed(failed, failed ? tektite_last_error() : "");
}

void ComputeMLIPSimilarity::read_keywords(int narg, char** arg) {
    for (int i = 0; i < narg; i += 2) {
        const std::string keyword = arg[i];
        if (keyword != "precision" && keyword != "threads")
            error->all(FLERR, text("Compute mlip/similarity/atom does not know the keyword '", keyword,
                                   "': after the elements it takes precision double|mixed and threads N"));
        if (i + 1 == narg)
            error->all(FLERR, text("Compute mlip/similarity/atom: a value is missing after '", keyword, "'"));
        const std::string value = arg[i + 1];
        if (keyword == "threads") {
            n_threads_ = utils::inumeric(FLERR, value, false, lmp);
            if (n_threads_ < 1)
                error->all(FLERR,
                           text("Compute mlip/similarity/atom: threads must be 1 or more, not ", value));
        } else if (value == "double" || value == "mixed") {
            precision_ = value == "double" ? TEKTITE_DOUBLE : TEKTITE_MIXED;
        } else {
            error->all(FLERR,
                       text("Compute mlip/similarity/atom: precision is double or mixed, not '", value, "'"));
        }
    }
}

/// The file as named, or in a folder of LAMMPS_POTENTIALS.
void ComputeMLIPSimilarity::load_model(const char* name) {
    path_ = utils::get_potential_file_path(name);
    if (path_.empty()) path_ = name;
    tektite_model* model = nullptr;
    const bool failed = tektite_model_load(path_.c_str(), &model) != 0;
    model_.reset(model);
    stop_if_any_failed(failed, failed ? tektite_last_error() : "");
}

void ComputeMLIPSimilarity::find_species(char** elements) {
    species_of_type_.assign(static_cast<std::size_t>(atom->ntypes) + 1, -1);
    std::string known;
    const int n_elements = tektite_model_n_elements(model_.get());
    for (int s = 0; s < n_elements; ++s)
        known += text(s > 0 ? " " : "", tektite_model_element(model_.get(), s));
    for (int type = 1; type <= atom->ntypes; ++type) {
        const std::string element = elements[type - 1];
        if (element == "NULL") continue;
        int& species = species_of_type_[static_cast<std::size_t>(type)];
        for (int s = 0; s < n_elements; ++s)
            if (element == tektite_model_element(model_.get(), s)) species = s;
        if (species < 0)
            error->all(FLERR, text("Compute mlip/similarity/atom: the model ", path_, " has no element '",
                                   element, "' (type ", type, "); it has: ", known));
    }
}

/// Only neighbours that the run's pair style asks for are listed and communicated.
void ComputeMLIPSimilarity::init() {
    const double cutoff = tektite_model_cutoff(model_.get());
    if (force->pair == nullptr) error->all(FLERR, "Compute mlip/similarity/atom needs a pair style");
    for (int i = 1; i <= atom->ntypes; ++i)
        for (int j = i; j <= atom->ntypes; ++j) {
            if (species_of_type_[static_cast<std::size_t>(i)] < 0 ||
                species_of_type_[static_cast<std::size_t>(j)] < 0)
                continue;
            const double seen = std::sqrt(force->pair->cutsq[i][j]);
            if (seen < cutoff * (1.0 - 1e-12))
                error->all(FLERR, text("Compute mlip/similarity/atom: the model ", path_, " sees ", cutoff,
                                       " angstrom far, but the pair style only ", seen, " between types ", i,
                                       " and ", j,
                                       ": add pair_style zero with this cutoff by hybrid/overlay, or make "
                                       "the model with a shorter one"));
        }
    neighbor->add_request(this, NeighConst::REQ_FULL | NeighConst::REQ_OCCASIONAL);
}

void ComputeMLIPSimilarity::init_list(int, NeighList* list) {
    list_ = list;
}

void ComputeMLIPSimilarity::compute_peratom() {
    invoked_peratom = update->ntimestep;
    neighbor->build_one(list_);
    const int n_all = atom->nlocal + atom->nghost;
    const std::size_t size = std::max<std::size_t>(1, static_cast<std::size_t>(n_all));
    species_.resize(size);
    values_.assign(std::max(size, static_cast<std::size_t>(atom->nmax)), 0.0);
    vector_atom = values_.data();
    for (int i = 0; i < n_all; ++i)
        species_[static_cast<std::size_t>(i)] = species_of_type_[static_cast<std::size_t>(atom->type[i])];
    centers_.clear();
    for (int c = 0; c < list_->inum; ++c) {
        const int i = list_->ilist[c];
        if ((atom->mask[i] & groupbit) != 0 && species_[static_cast<std::size_t>(i)] >= 0)
            centers_.push_back(i);
    }
    if (centers_.empty()) return;

    tektite_cluster cluster{};
    cluster.n_atoms = n_all;
    cluster.positions = atom->x[0];
    cluster.species = species_.data();
    cluster.n_centers = static_cast<std::int64_t>(centers_.size());
    cluster.centers = centers_.data();
    cluster.neighbor_rows = list_->firstneigh;
    cluster.neighbor_counts = list_->numneigh;
    cluster.neighbor_mask = NEIGHMASK;
    tektite_results results{};
    results.atom_energies = values_.data();
    // Each rank sees its own atoms only.
    if (tektite_evaluate(evaluator_.get(), &cluster, &results) != 0)
        error->one(FLERR, text("Compute mlip/similarity/atom at step ", update->ntimestep, ": ",
                               tektite_last_error()));
}

double ComputeMLIPSimilarity::memory_usage() {
    return static_cast<double>(tektite_evaluator_memory(evaluator_.get())) +
           static_cast<double>(values_.capacity() * sizeof(double) +
                               (species_.capacity() + centers_.capacity()) * sizeof(int));
}

void ComputeMLIPSimilarity::stop_if_any_failed(bool failed, const std::string& message) {
    const int mine = failed ? comm->me : comm->nprocs;
    int first = mine;
    MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
    if (first == comm->nprocs) return;
    int length = static_cast<int>(message.size());
    MPI_Bcast(&length, 1, MPI_INT, first, world);
    std::string shared = comm->me == first ? message : std::string(static_cast<std::size_t>(length), ' ');
    MPI_Bcast(shared.data(), length, MPI_CHAR, first, world);
    error->all(FLERR, text("Compute mlip/similarity/atom: ", shared));
}

}  // namespace tektite_lammps
