// SPDX-License-Identifier: GPL-2.0-only
// pair_style mlip device cuda: which rank uses which device, and what the lack of a neighbour list means.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <map>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "neighbor.h"
#include "pair_mlip.hpp"
#include "text.hpp"
#include "universe.h"

using namespace LAMMPS_NS;

namespace tektite_lammps {

namespace {

/// "0 2 4 6", or "0 2 4 6 8 10 12 14 ... (32)".
std::string shortened(const std::vector<int>& ranks) {
    constexpr std::size_t most = 8;
    std::string out;
    for (std::size_t k = 0; k < std::min(ranks.size(), most); ++k) out += text(k > 0 ? " " : "", ranks[k]);
    return ranks.size() > most ? text(out, " ... (", ranks.size(), ")") : out;
}

}  // namespace

/// The ranks of a node take its devices in turn. Called by all ranks; if one has no device, all stop with its
/// reason. Partitions (replicas) begin where the one before ended.
int PairMLIP::choose_device() {
    const std::string missing = why_no_device();
    if (!missing.empty()) error->all(FLERR, text("Pair style mlip: ", missing));
    int n_devices = 0;
    static_cast<void>(tektite_device_count(&n_devices));
    n_devices = std::max(1, n_devices);

    constexpr int length = MPI_MAX_PROCESSOR_NAME;
    char name[length] = {};
    int used = 0;
    MPI_Get_processor_name(name, &used);
    const auto n_ranks = static_cast<std::size_t>(comm->nprocs);
    std::vector<char> names(n_ranks * length);
    MPI_Allgather(name, length, MPI_CHAR, names.data(), length, MPI_CHAR, world);
    int rank_on_node = 0;
    for (int rank = 0; rank < comm->me; ++rank)
        if (std::string(names.data() + static_cast<std::ptrdiff_t>(rank) * length) == name) ++rank_on_node;
    const int device = (universe->root_proc[universe->iworld] + rank_on_node) % n_devices;

    std::vector<int> devices(n_ranks);
    MPI_Allgather(&device, 1, MPI_INT, devices.data(), 1, MPI_INT, world);
    std::map<std::string, std::map<int, std::vector<int>>> nodes;
    for (std::size_t rank = 0; rank < n_ranks; ++rank)
        nodes[names.data() + rank * length][devices[rank]].push_back(static_cast<int>(rank));
    device_summary_.clear();
    for (const auto& [index, ranks] : nodes[names.data()])
        device_summary_ += text("  device ", index, " of ", names.data(), ": rank",
                                ranks.size() > 1 ? "s " : " ", shortened(ranks), "\n");
    if (nodes.size() > 1)
        device_summary_ += text("  and in the same way on ", nodes.size() - 1, " other nodes\n");
    return device;
}

/// Empty if all ranks see a device.
std::string PairMLIP::why_no_device() {
    int n_devices = 0;
    const bool failed = tektite_device_count(&n_devices) != 0;
    return message_of_any_failure(failed, failed ? tektite_last_error() : "");
}

/// The device finds all neighbours within the cutoff. What asks LAMMPS to leave some out is refused. (All of
/// this is known only when all styles are initialised.)
void PairMLIP::refuse_what_needs_a_list() {
    const auto refuse = [this](const std::string& what) {
        error->all(FLERR,
                   text("Pair style mlip: with device cuda the device finds the neighbours itself, so ", what,
                        ": use device cpu"));
    };
    if (neighbor->exclude != 0) refuse("it cannot leave out the pairs of neigh_modify exclude");
    if (atom->molecular != Atom::ATOMIC && atom->nbonds > 0)
        for (int k = 1; k <= 3; ++k)
            if (force->special_lj[k] == 0.0 && force->special_coul[k] == 0.0)
                refuse(
                    "it cannot leave out bonded pairs, as special_bonds with factors 0 demands "
                    "(special_bonds "
                    "lj/coul 1 1 1 keeps them)");
    const int n = atom->ntypes;
    for (int i = 1; i <= n; ++i)
        for (int j = i; j <= n; ++j)
            if (species_of_type_[static_cast<std::size_t>(i)] >= 0 &&
                species_of_type_[static_cast<std::size_t>(j)] >= 0 &&
                is_mapped_[static_cast<std::size_t>(i * (n + 1) + j)] == 0)
                refuse(text("it cannot leave the pairs of types ", i, " and ", j,
                            " to another sub-style of hybrid (hybrid/overlay adds one)"));
}

/// The device makes its list anew whenever LAMMPS has made its ghosts anew, and when a type has changed.
void PairMLIP::update_list_number() {
    const bool rebuilt = neighbor->ago == 0 || neighbor->ncalls != n_list_builds_;
    n_list_builds_ = neighbor->ncalls;
    list_is_new_ = rebuilt || species_changed_ || list_number_ == 0;
    if (list_is_new_) ++list_number_;
}

/// Once: LAMMPS makes lists when `neigh_modify` allows it, which may be too late.
void PairMLIP::warn_beyond_skin() {
    if (warned_beyond_skin_ || list_is_new_ || atom->nlocal + atom->nghost == 0 ||
        center_sets_[0].n_centers == 0 || center_sets_[0].factor == 0.0)
        return;
    std::int64_t beyond = -1;
    const tektite_status status = tektite_atom_beyond_skin(evaluator_.get(), &beyond);
    if (status != 0) stop_for_engine(status);
    if (beyond < 0) return;
    warned_beyond_skin_ = true;
    error->warning(
        FLERR,
        "Pair style mlip: atom {} has moved more than half of the skin since the neighbor list was "
        "made, so pairs may have been missed: neigh_modify every 1 delay 0 check yes, or a larger "
        "skin",
        atom->tag_enable != 0 ? atom->tag[beyond] : static_cast<tagint>(beyond));
}

/// After an evaluation: the pair that is furthest below its smallest distance in the training data, if any
/// is.
ClosePair PairMLIP::closest_on_device() {
    const int n = tektite_model_n_elements(model_.get()), n_all = atom->nlocal + atom->nghost;
    const auto n_pairs = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
    std::vector<double> distances(n_pairs);
    std::vector<int> centers(n_pairs);
    const tektite_status status = tektite_closest_pairs(evaluator_.get(), distances.data(), centers.data());
    if (status != 0) stop_for_engine(status);
    ClosePair worst;
    double margin = 0.0;
    int species = -1;
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
            const auto p = static_cast<std::size_t>(i * n + j);
            const double minimum = tektite_model_minimum_distance(model_.get(), i, j);
            if (minimum <= 0.0 || distances[p] - minimum >= margin) continue;
            margin = distances[p] - minimum;
            worst = {centers[p], -1, distances[p], minimum};
            species = j;
        }
    if (worst.first < 0) return worst;
    // The device names one of the two; the other is its nearest neighbour of that species.
    double nearest = DBL_MAX;
    const double* a = atom->x[worst.first];
    for (int j = 0; j < n_all; ++j) {
        if (j == worst.first || species_[static_cast<std::size_t>(j)] != species) continue;
        const double* b = atom->x[j];
        const double dx = b[0] - a[0], dy = b[1] - a[1], dz = b[2] - a[2];
        if (dx * dx + dy * dy + dz * dz >= nearest) continue;
        nearest = dx * dx + dy * dy + dz * dz;
        worst.second = j;
    }
    worst.distance = std::sqrt(nearest);
    return worst;
}

/// One line a run: the path taken and how much of the device it takes.
void PairMLIP::print_device_memory() {
    const double mine = static_cast<double>(tektite_evaluator_memory(evaluator_.get()));
    double most = 0.0, total = 0.0;
    MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, world);
    MPI_Allreduce(&mine, &total, 1, MPI_DOUBLE, MPI_SUM, world);
    if (comm->me != 0) return;
    const double n_atoms = std::max(1.0, static_cast<double>(atom->natoms));
    const std::string line = text("Pair style mlip: ", tektite_evaluator_description(evaluator_.get()), "; ",
                                  std::round(most / 1e5) * 0.1, " MB on the device",
                                  comm->nprocs > 1 ? " for the rank with most" : "", ", ",
                                  std::round(total / n_atoms), " bytes an atom\n");
    if (line != printed_memory_) utils::logmesg(lmp, line);
    printed_memory_ = line;
}

}  // namespace tektite_lammps
