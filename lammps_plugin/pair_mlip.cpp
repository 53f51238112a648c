// SPDX-License-Identifier: GPL-2.0-only
#include "pair_mlip.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "text.hpp"
#include "update.h"

using namespace LAMMPS_NS;

namespace tektite_lammps {

namespace {

/// A zeroed array of at least n doubles; grows, never shrinks.
double* zeroed(std::vector<double>& buffer, std::size_t n) {
    if (buffer.size() < n) buffer.resize(n + n / 8);
    std::fill_n(buffer.begin(), n, 0.0);
    return buffer.data();
}

void add_scaled(double* sum, double factor, const double* part, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) sum[k] += factor * part[k];
}

bool all_finite(const double* values, std::size_t n) {
    int bad = 0;  // not bool: the loop then vectorises
    for (std::size_t k = 0; k < n; ++k) bad |= !(std::fabs(values[k]) <= DBL_MAX);
    return bad == 0;
}

/// Row-major index of the nine components in LAMMPS's order xx yy zz xy xz yz yx zx zy.
constexpr int centroid_order[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};

}  // namespace

PairMLIP::PairMLIP(LAMMPS* instance) : Pair(instance) {
    single_enable = 0;
    restartinfo = 1;
    one_coeff = 1;
    manybody_flag = 1;
    unit_convert_flag = utils::get_supported_conversions(utils::ENERGY);
    // The virial of a many-body energy belongs to other atoms in the heat flux than in stress/atom: both are
    // computed.
    centroidstressflag = CENTROID_AVAIL;
    // With newton off, LAMMPS does not bring what ghosts received home; we do, nine numbers an atom at most.
    comm_reverse_off = 9;

    // "real" is converted by the factor that all LAMMPS styles use, so that energies and LAMMPS's kT agree.
    if (std::strcmp(update->unit_style, "metal") == 0)
        energy_unit_ = 1.0;
    else if (std::strcmp(update->unit_style, "real") == 0)
        energy_unit_ = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
    else
        error->all(FLERR, text("Pair style mlip works with units metal or real, not with units ",
                               update->unit_style));
}

PairMLIP::~PairMLIP() {
    if (copymode || !allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
    memory->destroy(scale_);
}

void PairMLIP::init_style() {
    const auto n = static_cast<std::size_t>(atom->ntypes) + 1;
    is_mapped_.assign(n * n, 0);
    if (!settings_.on_device)
        neighbor->add_request(this, NeighConst::REQ_FULL);
    else if (comm->mode != Comm::SINGLE)
        // Never built: it makes LAMMPS refuse comm_modify reduce/multi, which has too few ghosts, as without
        // a device.
        neighbor->add_request(this, NeighConst::REQ_FULL | NeighConst::REQ_OCCASIONAL);
}

double PairMLIP::init_one(int i, int j) {
    if (setflag[i][j] == 0)
        error->all(FLERR, text("Pair style mlip: the pair of types ", i, " and ", j,
                               " has no coefficients: the pair_coeff command must name an element for both"));
    scale_[j][i] = scale_[i][j];
    is_mapped_[static_cast<std::size_t>(i * (atom->ntypes + 1) + j)] = 1;
    return tektite_model_cutoff(model_.get());
}

void PairMLIP::setup() {
    if (settings_.on_device) refuse_what_needs_a_list();
    n_close_steps_ = 0;
    warned_ = false;
    closest_ = ClosePair();
    closest_text_.clear();
}

void PairMLIP::compute(int eflag, int vflag) {
    ev_init(eflag, vflag);
    const int n_all = atom->nlocal + atom->nghost;
    const auto n = static_cast<std::size_t>(n_all);
    uncertainties_current_ = false;
    n_computed_ = n_all;
    update_species(n_all);
    if (n_all > 0 && !all_finite(positions(), 3 * n)) stop("a position is not finite");
    update_center_sets();
    if (settings_.on_device)
        update_list_number();
    else
        watch_distances();

    const bool newton = force->newton_pair != 0;
    Targets targets;
    targets.energy = eflag_global != 0;
    targets.virial = vflag_global != 0;
    if (n_all > 0) {
        // Without newton, ghosts' forces are nobody's but ours: other styles and bonds must not find them.
        targets.forces = newton ? atom->f[0] : zeroed(total_forces_, 3 * n);
        if (eflag_atom) targets.atom_energies = eatom;
        if (vflag_atom) targets.halved = vatom[0];
        if (cvflag_atom) targets.centroid = cvatom[0];
        if (uncertainty_flag_ != 0) targets.uncertainties = zeroed(uncertainties_, n);
        if (!newton) {
            const auto ghosts = static_cast<std::size_t>(atom->nghost),
                       local = static_cast<std::size_t>(atom->nlocal);
            if (vflag_atom) std::fill_n(vatom[0] + 6 * local, 6 * ghosts, 0.0);
            if (cvflag_atom) std::fill_n(cvatom[0] + 9 * local, 9 * ghosts, 0.0);
        }
    }
    evaluate_all(targets);
    if (n_all > 0) stop_if_not_finite(targets.forces);
    if (settings_.on_device && guard_.active()) {
        // Looked at with each new list; all ranks take part.
        const bool evaluated = n_all > 0 && center_sets_[0].n_centers > 0 && center_sets_[0].factor != 0.0;
        remember_and_warn(list_is_new_ && evaluated ? closest_on_device() : ClosePair());
    }
    if (settings_.on_device) warn_beyond_skin();

    if (!newton) {
        reverse(targets.forces, 3, false);
        if (n_all > 0)
            add_scaled(atom->f[0], 1.0, targets.forces, 3 * static_cast<std::size_t>(atom->nlocal));
        // LAMMPS sums the ghosts' share a second time if newton is on for bonds.
        if (vflag_atom) reverse(targets.halved, 6, true);
        if (cvflag_atom) reverse(targets.centroid, 9, true);
    }
    if (vflag_fdotr) virial_fdotr_compute();
    uncertainties_current_ = uncertainty_flag_ != 0;
    uncertainty_flag_ = 0;
}

/// Types may change without a new neighbour list (fix atom/swap), so species are looked up at every step: a
/// nanosecond an atom.
void PairMLIP::update_species(int n_all) {
    if (species_.size() < static_cast<std::size_t>(n_all))
        species_.resize(static_cast<std::size_t>(n_all) * 9 / 8 + 1);
    const int* type = atom->type;
    int changed = 0;
    for (int i = 0; i < n_all; ++i) {
        int& species = species_[static_cast<std::size_t>(i)];
        const int now = species_of_type_[static_cast<std::size_t>(type[i])];
        changed |= species ^ now;
        species = now;
    }
    species_changed_ = changed != 0;
}

void PairMLIP::update_center_sets() {
    center_sets_.clear();
    std::vector<double> factors;  // distinct, few
    const auto is_seen = [this](int type) { return species_of_type_[static_cast<std::size_t>(type)] >= 0; };
    for (int type = 1; type <= atom->ntypes; ++type)
        if (is_seen(type) && std::find(factors.begin(), factors.end(), scale_[type][type]) == factors.end())
            factors.push_back(scale_[type][type]);
    if (settings_.on_device) {
        center_factors_.clear();
        if (factors.size() > 1) {
            for (int i = 0; i < atom->nlocal; ++i)
                center_factors_.push_back(scale_[atom->type[i]][atom->type[i]]);
            factors[0] = 1.0;
        }
        center_sets_.push_back({factors[0] * energy_unit_, nullptr, atom->nlocal});
        return;
    }
    if (factors.size() == 1) {
        center_sets_.push_back({factors[0] * energy_unit_, list->ilist, list->inum});
        return;
    }
    sorted_centers_.resize(static_cast<std::size_t>(list->inum));
    int* next = sorted_centers_.data();
    for (const double factor : factors) {
        CenterSet set{factor * energy_unit_, next, 0};
        for (int c = 0; c < list->inum; ++c) {
            const int i = list->ilist[c], type = atom->type[i];
            if (is_seen(type) && scale_[type][type] == factor) *next++ = i;
        }
        set.n_centers = static_cast<int>(next - set.centers);
        center_sets_.push_back(set);
    }
}

void PairMLIP::evaluate_all(const Targets& targets) {
    for (const CenterSet& set : center_sets_)
        if (set.n_centers > 0 && set.factor != 0.0) evaluate(set, targets);
}

/// Adds factor times what the engine computes for the centres of the set. With factor 1 (units metal, no
/// scale) the engine writes into LAMMPS's arrays; else into scratch.
void PairMLIP::evaluate(const CenterSet& set, const Targets& targets) {
    const auto n_all = static_cast<std::size_t>(atom->nlocal + atom->nghost);
    const double factor = set.factor;
    const bool direct = factor == 1.0;

    double energy = 0.0, w[9] = {};
    tektite_results results{};
    results.energy = &energy;
    results.atom_energies = targets.atom_energies;
    results.atom_uncertainties = targets.uncertainties;
    if (targets.virial) results.virial = w;
    if (targets.forces != nullptr)
        results.forces = direct ? targets.forces : zeroed(scratch_forces_, 3 * n_all);
    if (targets.halved != nullptr)
        results.atom_virials_halved = direct ? targets.halved : zeroed(scratch_halved_, 6 * n_all);
    if (targets.centroid != nullptr) results.atom_virials = zeroed(scratch_centroid_, 9 * n_all);

    const tektite_status status = ask_engine(set, results);
    if (status != 0) stop_for_engine(status);

    if (!direct) {
        if (targets.forces != nullptr) add_scaled(targets.forces, factor, results.forces, 3 * n_all);
        if (targets.halved != nullptr)
            add_scaled(targets.halved, factor, results.atom_virials_halved, 6 * n_all);
        // Each centre is in one set, and these two have no values on other atoms.
        for (double* values : {targets.atom_energies, targets.uncertainties})
            if (values != nullptr)
                for (int c = 0; c < set.n_centers; ++c) values[center(set, c)] *= factor;
    }
    if (targets.centroid != nullptr)
        for (std::size_t i = 0; i < n_all; ++i)
            for (int c = 0; c < 9; ++c)
                targets.centroid[9 * i + static_cast<std::size_t>(c)] +=
                    factor * results.atom_virials[9 * i + static_cast<std::size_t>(centroid_order[c])];
    if (!std::isfinite(energy)) stop(text("the energy", describe_not_finite(set), " is not finite"));
    if (targets.energy) eng_vdwl += factor * energy;
    if (targets.virial) {
        virial[0] += factor * w[0];
        virial[1] += factor * w[4];
        virial[2] += factor * w[8];
        virial[3] += factor * 0.5 * (w[1] + w[3]);
        virial[4] += factor * 0.5 * (w[2] + w[6]);
        virial[5] += factor * 0.5 * (w[5] + w[7]);
    }
}

tektite_status PairMLIP::ask_engine(const CenterSet& set, const tektite_results& results) {
    const std::int64_t n_all = std::int64_t{atom->nlocal} + atom->nghost;
    if (settings_.on_device) {
        tektite_open_cluster cluster{};
        cluster.n_atoms = n_all;
        cluster.positions = positions();
        cluster.species = species_.data();
        cluster.n_centers = set.n_centers;
        cluster.skin = neighbor->skin;
        cluster.list_number = list_number_;
        if (!center_factors_.empty()) cluster.center_factors = center_factors_.data();
        return tektite_evaluate_open(evaluator_.get(), &cluster, &results);
    }
    tektite_cluster cluster{};
    cluster.n_atoms = n_all;
    cluster.positions = positions();
    cluster.species = species_.data();
    cluster.n_centers = set.n_centers;
    cluster.centers = set.centers;
    cluster.neighbor_rows = list->firstneigh;
    cluster.neighbor_counts = list->numneigh;
    cluster.neighbor_mask = NEIGHMASK;
    return tektite_evaluate(evaluator_.get(), &cluster, &results);
}

/// " of atom 17 (Si)", for the message when a sum of energies is not finite.
std::string PairMLIP::describe_not_finite(const CenterSet& set) {
    std::vector<double> energies(static_cast<std::size_t>(atom->nlocal + atom->nghost), 0.0);
    tektite_results results{};
    results.atom_energies = energies.data();
    if (ask_engine(set, results) != 0) return "";
    for (int c = 0; c < set.n_centers; ++c)
        if (!std::isfinite(energies[static_cast<std::size_t>(center(set, c))]))
            return text(" of atom ", describe(center(set, c)));
    return "";
}

Neighbors PairMLIP::neighbors() const {
    return {list->inum, list->ilist, list->firstneigh, list->numneigh, NEIGHMASK};
}

const double* PairMLIP::positions() const {
    return atom->x != nullptr ? atom->x[0] : nullptr;
}

// ---- what ghosts received, with newton off

void PairMLIP::reverse(double* data, int width, bool clear_ghosts) {
    reverse_data_ = data;
    reverse_width_ = width;
    comm->reverse_comm(this, width);
    reverse_data_ = nullptr;
    if (clear_ghosts && data != nullptr)
        std::fill_n(data + static_cast<std::ptrdiff_t>(width) * atom->nlocal,
                    static_cast<std::size_t>(width) * static_cast<std::size_t>(atom->nghost), 0.0);
}

int PairMLIP::pack_reverse_comm(int n, int first, double* buffer) {
    if (n == 0) return 0;
    const std::ptrdiff_t width = reverse_width_;
    std::copy_n(reverse_data_ + width * first, width * n, buffer);
    return static_cast<int>(width) * n;
}

void PairMLIP::unpack_reverse_comm(int n, int* atoms, double* buffer) {
    const std::ptrdiff_t width = reverse_width_;
    for (int k = 0; k < n; ++k)
        for (std::ptrdiff_t c = 0; c < width; ++c)
            reverse_data_[width * atoms[k] + c] += buffer[width * k + c];
}

// ---- what other commands ask for

void* PairMLIP::extract(const char* name, int& dim) {
    if (std::strcmp(name, "scale") == 0) {
        dim = 2;
        return scale_;
    }
    if (std::strcmp(name, "uncertainty_flag") == 0) {
        dim = 0;
        return &uncertainty_flag_;
    }
    return nullptr;
}

void* PairMLIP::extract_peratom(const char* name, int& n_columns) {
    if (std::strcmp(name, "uncertainty") != 0 || model_ == nullptr ||
        tektite_model_has_uncertainty(model_.get()) == 0)
        return nullptr;
    n_columns = 0;
    // Between runs atoms may have come and gone: then what is here is all there is.
    const bool running = update->whichflag != 0 && n_computed_ == atom->nlocal + atom->nghost;
    if (running && !uncertainties_current_) compute_uncertainties();
    if (uncertainties_.empty()) uncertainties_.resize(1);
    return uncertainties_.data();
}

/// For who asks without having set the flag: the model once more, for the positions that forces were computed
/// for.
void PairMLIP::compute_uncertainties() {
    Targets targets;
    targets.uncertainties = zeroed(uncertainties_, static_cast<std::size_t>(atom->nlocal + atom->nghost));
    evaluate_all(targets);
    uncertainties_current_ = true;
}

double PairMLIP::memory_usage() {
    double bytes = Pair::memory_usage() + guard_.memory();
    // What lies on a device is not LAMMPS's memory; it is printed at the end of a run.
    if (evaluator_ != nullptr && !settings_.on_device)
        bytes += static_cast<double>(tektite_evaluator_memory(evaluator_.get()));
    for (const auto* buffer :
         {&total_forces_, &scratch_forces_, &scratch_halved_, &scratch_centroid_, &uncertainties_})
        bytes += static_cast<double>(buffer->capacity() * sizeof(double));
    return bytes + static_cast<double>((species_.capacity() + sorted_centers_.capacity()) * sizeof(int));
}

// ---- atoms that are where no atom should be

std::string PairMLIP::describe(int i) const {
    const int type = atom->type[i];
    const std::string& element = element_of_type_[static_cast<std::size_t>(type - 1)];
    if (atom->tag_enable) return text(atom->tag[i], " (", element, ")");
    return text("at ", atom->x[i][0], " ", atom->x[i][1], " ", atom->x[i][2], " (", element, ")");
}

std::string PairMLIP::describe(const ClosePair& pair) const {
    return text("atoms ", describe(pair.first), " and ", describe(pair.second), " are ",
                std::round(pair.distance * 1e4) * 1e-4, " angstrom apart");
}

/// Each rank keeps the worst pair it has seen in this run. The first warning comes at the step itself on one
/// rank; on several, at the next step at which all of them have a new neighbour list anyway.
void PairMLIP::watch_distances() {
    if (!guard_.active()) return;
    // Under rRESPA the list may have been rebuilt at a step at which this style was not called.
    const bool rebuilt = neighbor->ago == 0 || neighbor->ncalls != n_list_builds_;
    n_list_builds_ = neighbor->ncalls;
    const int n_all = atom->nlocal + atom->nghost;
    remember_and_warn(guard_.check(positions(), species_.data(), n_all, neighbors(), rebuilt));
}

/// pair: one that is too close, if there is one on this rank.
void PairMLIP::remember_and_warn(const ClosePair& pair) {
    if (pair.first >= 0) {
        ++n_close_steps_;
        if (closest_.first < 0 || pair.distance / pair.minimum < closest_.distance / closest_.minimum) {
            closest_ = pair;
            closest_text_ = text(describe(pair), " at step ", update->ntimestep,
                                 ", but the closest such pair in the training data is ", pair.minimum);
        }
    }
    if (warned_ || (comm->nprocs == 1 ? closest_.first < 0 : neighbor->ago != 0)) return;
    const std::string worst = worst_of_all_ranks();
    if (worst.empty()) return;
    warned_ = true;
    if (comm->me == 0)
        error->warning(FLERR, text("Pair style mlip: ", worst, ": the model extrapolates (said once a run)"));
}

/// Called by all ranks. Empty if no atoms were too close in this run.
std::string PairMLIP::worst_of_all_ranks() const {
    struct {
        double ratio;
        int rank;
    } mine = {closest_.first < 0 ? DBL_MAX : closest_.distance / closest_.minimum, comm->me}, worst = mine;
    MPI_Allreduce(&mine, &worst, 1, MPI_DOUBLE_INT, MPI_MINLOC, world);
    return worst.ratio == DBL_MAX ? "" : share_from_rank(closest_text_, worst.rank);
}

/// One line at the end of a run in which atoms were too close.
void PairMLIP::finish() {
    if (settings_.on_device) print_device_memory();
    const std::string worst = worst_of_all_ranks();
    if (worst.empty()) return;
    std::int64_t most = 0;
    MPI_Allreduce(&n_close_steps_, &most, 1, MPI_INT64_T, MPI_MAX, world);
    if (comm->me == 0)
        error->warning(FLERR,
                       text("Pair style mlip: atoms were closer than in the training data in ", most,
                            settings_.on_device ? " neighbour lists" : " force evaluations",
                            comm->nprocs > 1 ? " (on the rank with most)" : "", "; the worst: ", worst));
}

void PairMLIP::stop_if_not_finite(const double* forces) {
    const auto n = 3 * static_cast<std::size_t>(atom->nlocal + atom->nghost);
    if (all_finite(forces, n)) return;
    // LAMMPS's array may hold what other styles and fixes added: ask again for ours alone.
    std::vector<double> ours(n, 0.0);
    Targets targets;
    targets.forces = ours.data();
    evaluate_all(targets);
    for (std::size_t k = 0; k < n; ++k)
        if (!std::isfinite(ours[k]))
            stop(text("the force on atom ", describe(static_cast<int>(k / 3)), " is not finite"));
}

/// Ranks see their own atoms only, hence error->one. Where atoms lie on each other or nowhere, that is the
/// reason, in LAMMPS's names; the engine would name them by their place in the arrays of this rank.
void PairMLIP::stop(const std::string& reason) {
    const int n_all = atom->nlocal + atom->nghost;
    const ClosePair pair = closest_pair(positions(), species_.data(), n_all);
    std::string what = reason;
    if (pair.first >= 0) {
        if (pair.distance == 0.0)
            what = text("atoms ", describe(pair.first), " and ", describe(pair.second),
                        " are at the same place");
        else
            what += text("; the closest ", describe(pair));
    }
    for (int i = 0; i < n_all; ++i)
        if (!all_finite(atom->x[i], 3)) {
            what = text("the position of atom ", describe(i), " is not finite");
            break;
        }
    error->one(FLERR,
               text("Pair style mlip at step ", update->ntimestep, ": ", what,
                    ". Look at the starting structure, the timestep and the range of the training data."));
}

/// What the engine reports: meaningless atoms, or a machine that has failed or is too small.
void PairMLIP::stop_for_engine(tektite_status status) {
    constexpr int out_of_memory = 8, unsupported = 5, internal = 9;
    const std::string reason = tektite_last_error();
    if (status == out_of_memory || status == unsupported || status == internal)
        error->one(FLERR, text("Pair style mlip at step ", update->ntimestep, ": ", reason));
    stop(reason);
}

}  // namespace tektite_lammps
