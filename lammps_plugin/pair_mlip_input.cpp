// SPDX-License-Identifier: GPL-2.0-only
// What pair_style and pair_coeff read, check and print.
#include <algorithm>
#include <cstring>
#include <fstream>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "pair_mlip.hpp"
#include "text.hpp"

using namespace LAMMPS_NS;

namespace tektite_lammps {

namespace {

bool ends_with(const std::string& s, const std::string& end) {
    return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

/// FNV-1a over the bytes of a file, to notice that a model is another one than a restart file was written
/// with.
std::uint64_t checksum_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    char buffer[65536];
    while (in.read(buffer, sizeof buffer), in.gcount() > 0)
        for (std::streamsize k = 0; k < in.gcount(); ++k)
            hash = (hash ^ static_cast<unsigned char>(buffer[k])) * 0x100000001b3ULL;
    return hash;
}

std::string known_elements(const tektite_model* model) {
    std::string names;
    for (int i = 0; i < tektite_model_n_elements(model); ++i)
        names += text(i > 0 ? " " : "", tektite_model_element(model, i));
    return names;
}

}  // namespace

/// Other interfaces also call their pair style "mlip"; their input files must not fail with a riddle.
void PairMLIP::refuse_foreign_argument(const std::string& argument) {
    if (ends_with(argument, "mlip.ini") || ends_with(argument, ".mtp") || ends_with(argument, ".almtp") ||
        argument.compare(0, 10, "load_from=") == 0)
        error->all(
            FLERR,
            text("'", argument,
                 "' belongs to the mlip pair style of moment tensor potentials (MLIP-2, MLIP-3), ",
                 "but pair style mlip is Tektite's here: load their plugin first, or give Tektite's "
                 "arguments: pair_style mlip [precision double|mixed] [threads N] [device cpu|cuda], then "
                 "pair_coeff * * <file>.mlip <element of each type>"));
}

void PairMLIP::settings(int narg, char** arg) {
    Settings settings;
    /// True for the first of two words, false for the second.
    const auto choose = [this](const std::string& keyword, const std::string& value, const char* yes,
                               const char* no) {
        if (value != yes && value != no)
            error->all(FLERR,
                       text("Pair style mlip: ", keyword, " is ", yes, " or ", no, ", not '", value, "'"));
        return value == yes;
    };
    for (int i = 0; i < narg; i += 2) {
        const std::string keyword = arg[i];
        refuse_foreign_argument(keyword);
        if (keyword != "precision" && keyword != "threads" && keyword != "device" &&
            keyword != "deterministic")
            error->all(FLERR, text("Pair style mlip does not know the keyword '", keyword,
                                   "': it takes precision double|mixed, threads N, device cpu|cuda and "
                                   "deterministic yes|no"));
        if (i + 1 == narg)
            error->all(FLERR, text("Pair style mlip: a value is missing after '", keyword, "'"));
        const std::string value = arg[i + 1];
        if (keyword == "threads") {
            settings.n_threads = utils::inumeric(FLERR, value, false, lmp);
            if (settings.n_threads < 1)
                error->all(FLERR, text("Pair style mlip: threads must be 1 or more, not ", value));
        } else if (keyword == "device") {
            settings.on_device = !choose(keyword, value, "cpu", "cuda");
        } else if (keyword == "deterministic") {
            settings.deterministic = choose(keyword, value, "yes", "no");
        } else {
            settings.precision = choose(keyword, value, "double", "mixed") ? TEKTITE_DOUBLE : TEKTITE_MIXED;
        }
    }
    if (settings.on_device && settings.n_threads > 1)
        error->all(FLERR, "Pair style mlip: threads are for device cpu; with device cuda leave them out");
    // If pair_style is repeated, the coefficients stay.
    const Settings before = std::exchange(settings_, settings);
    if (model_ == nullptr) return;
    try {
        if (settings.on_device || before.on_device)
            use_model(std::string(model_path_), std::vector<std::string>(element_of_type_));
        else
            evaluator_ = make_evaluator(model_.get());
    } catch (...) {
        settings_ = before;
        throw;
    }
}

void PairMLIP::coeff(int narg, char** arg) {
    if (narg < 2 || std::strcmp(arg[0], "*") != 0 || std::strcmp(arg[1], "*") != 0)
        error->all(FLERR,
                   "Pair style mlip: one model serves all types, so there is one pair_coeff command and it "
                   "begins with "
                   "* *: pair_coeff * * <file>.mlip <element of each type>");
    if (narg < 3) error->all(FLERR, "Pair style mlip: pair_coeff * * lacks the name of the model file");
    refuse_foreign_argument(arg[2]);
    const std::vector<std::string> element_of_type(arg + 3, arg + narg);
    const int n_types = atom->ntypes;
    if (static_cast<int>(element_of_type.size()) != n_types)
        error->all(
            FLERR,
            text("Pair style mlip: pair_coeff * * ", arg[2], " names ", element_of_type.size(),
                 " elements, but there are ", n_types,
                 " atom types: give one chemical symbol for each type, or NULL for a type that another "
                 "pair style of hybrid serves"));
    use_model(arg[2], element_of_type);
}

/// All or nothing: if anything is refused, what was there before stays (a Python session goes on after an
/// error).
void PairMLIP::use_model(const std::string& path, const std::vector<std::string>& element_of_type) {
    std::uint64_t checksum = 0;
    std::unique_ptr<tektite_model, ModelDeleter> model = load_model(path, checksum);
    std::vector<int> species_of_type = find_species(model.get(), path, element_of_type);
    std::unique_ptr<tektite_evaluator, EvaluatorDeleter> evaluator = make_evaluator(model.get());
    check_references(model.get(), path);

    evaluator_.reset();  // it refers to the old model
    model_ = std::move(model);
    evaluator_ = std::move(evaluator);
    model_path_ = path;
    model_checksum_ = checksum;
    element_of_type_ = element_of_type;
    species_of_type_ = std::move(species_of_type);

    if (!allocated) allocate();
    const auto is_seen = [this](int type) { return species_of_type_[static_cast<std::size_t>(type)] >= 0; };
    for (int i = 1; i <= atom->ntypes; ++i)
        for (int j = i; j <= atom->ntypes; ++j) setflag[i][j] = is_seen(i) && is_seen(j) ? 1 : 0;
    const int n_elements = tektite_model_n_elements(model_.get());
    std::vector<double> minimum;
    for (int i = 0; i < n_elements; ++i)
        for (int j = 0; j < n_elements; ++j)
            minimum.push_back(tektite_model_minimum_distance(model_.get(), i, j));
    guard_.reset(n_elements, std::move(minimum));
    print_summary();
}

/// Every rank reads the file; if one cannot, all stop with its reason.
std::unique_ptr<tektite_model, ModelDeleter> PairMLIP::load_model(const std::string& path,
                                                                  std::uint64_t& checksum) {
    const std::string found = share_from_rank(comm->me == 0 ? utils::get_potential_file_path(path) : "", 0);
    if (found.empty())
        error->all(
            FLERR,
            text("Pair style mlip: cannot read the model file ", path,
                 ": it is neither there nor in a folder of the environment variable LAMMPS_POTENTIALS"));
    tektite_model* model = nullptr;
    tektite_device_options options{};
    if (settings_.on_device) {
        options.device = choose_device();
        options.deterministic = settings_.deterministic ? 1 : 0;
    }
    const bool failed = (settings_.on_device ? tektite_model_load_on_device(found.c_str(), &options, &model)
                                             : tektite_model_load(found.c_str(), &model)) != 0;
    std::unique_ptr<tektite_model, ModelDeleter> owner(model);
    stop_if_any_failed(failed, failed ? tektite_last_error() : "");
    checksum = comm->me == 0 ? checksum_of(found) : 0;
    MPI_Bcast(&checksum, 1, MPI_UINT64_T, 0, world);
    return owner;
}

/// Species index of each type, [n_types + 1]; -1 for NULL.
std::vector<int> PairMLIP::find_species(const tektite_model* model, const std::string& path,
                                        const std::vector<std::string>& element_of_type) {
    const int n_types = atom->ntypes, n_elements = tektite_model_n_elements(model);
    std::vector<int> species(static_cast<std::size_t>(n_types) + 1, -1);
    bool any_seen = false;
    for (int type = 1; type <= n_types; ++type) {
        const std::string& element = element_of_type[static_cast<std::size_t>(type - 1)];
        if (element == "NULL") {
            if (force->pair == this)
                error->all(FLERR,
                           text("Pair style mlip: type ", type,
                                " is NULL, so another pair style must serve it: use pair_style hybrid or "
                                "hybrid/overlay"));
            continue;
        }
        int& s = species[static_cast<std::size_t>(type)];
        for (int i = 0; i < n_elements; ++i)
            if (element == tektite_model_element(model, i)) s = i;
        if (s < 0)
            error->all(FLERR, text("Pair style mlip: the model ", path, " has no element '", element,
                                   "' (type ", type, "); it has: ", known_elements(model)));
        any_seen = true;
    }
    if (!any_seen) error->all(FLERR, text("Pair style mlip: every type is NULL in pair_coeff * * ", path));
    return species;
}

void PairMLIP::allocate() {
    allocated = 1;
    const int n = atom->ntypes + 1;
    memory->create(setflag, n, n, "pair:setflag");
    memory->create(cutsq, n, n, "pair:cutsq");
    memory->create(scale_, n, n, "pair:scale");
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
            setflag[i][j] = 0;
            cutsq[i][j] = 0.0;
            scale_[i][j] = 1.0;
        }
}

std::unique_ptr<tektite_evaluator, EvaluatorDeleter> PairMLIP::make_evaluator(const tektite_model* model) {
    tektite_evaluator* evaluator = nullptr;
    const bool failed =
        tektite_evaluator_create(model, settings_.precision, settings_.n_threads, &evaluator) != 0;
    std::unique_ptr<tektite_evaluator, EvaluatorDeleter> owner(evaluator);
    stop_if_any_failed(failed, failed ? tektite_last_error() : "");
    return owner;
}

/// The processors of the ranks may differ, so each recomputes the reference structures.
void PairMLIP::check_references(const tektite_model* model, const std::string& path) {
    int n = 0, passed = 1;
    double errors[2] = {0.0, 0.0};
    const bool failed =
        tektite_model_check(model, settings_.precision, &n, &errors[0], &errors[1], &passed) != 0;
    stop_if_any_failed(failed, failed ? tektite_last_error() : "");
    double worst[2];
    int all_passed = 1;
    MPI_Allreduce(errors, worst, 2, MPI_DOUBLE, MPI_MAX, world);
    MPI_Allreduce(&passed, &all_passed, 1, MPI_INT, MPI_MIN, world);
    if (all_passed == 0)
        error->all(
            FLERR,
            text("Pair style mlip: on this machine the model ", path,
                 " does not give what it gave where it was ", "made: its ", n,
                 " reference structures are off by up to ", brief(worst[0]), " eV/atom and ", brief(worst[1]),
                 " eV/angstrom in ", settings_.precision == TEKTITE_DOUBLE ? "double" : "mixed",
                 " precision. The file or this build of Tektite is faulty: run `tektite check ", path, "`"));
    if (comm->me != 0) return;
    if (n == 0)
        utils::logmesg(lmp,
                       text("Model ", path, ": no reference structures in the file, nothing recomputed\n"));
    else
        utils::logmesg(lmp,
                       text("Model ", path, ": ", n, " reference structures recomputed, largest deviation ",
                            brief(worst[0]), " eV/atom and ", brief(worst[1]), " eV/angstrom\n"));
}

void PairMLIP::print_summary() {
    const std::string mine = settings_.on_device ? "" : tektite_evaluator_description(evaluator_.get());
    const std::string first = share_from_rank(mine, 0);
    int differing = mine == first ? comm->nprocs : comm->me, other = 0;
    MPI_Allreduce(&differing, &other, 1, MPI_INT, MPI_MIN, world);
    const std::string second = other < comm->nprocs ? share_from_rank(mine, other) : "";
    if (comm->me != 0) return;
    const std::string path = settings_.on_device ? tektite_evaluator_description(evaluator_.get()) : first;
    std::string out =
        text("  family ", tektite_model_family(model_.get()), ", cutoff ", tektite_model_cutoff(model_.get()),
             " angstrom, ", tektite_model_has_uncertainty(model_.get()) != 0 ? "with" : "without",
             " uncertainties\n  Tektite ", tektite_version(), ": ", path, "\n");
    if (!second.empty()) out += text("  Tektite on rank ", other, ": ", second, "\n");
    if (settings_.on_device) out += device_summary_;
    out += "  type  element  isolated atom (eV)\n";
    for (int type = 1; type <= atom->ntypes; ++type) {
        const std::string& element = element_of_type_[static_cast<std::size_t>(type - 1)];
        const int s = species_of_type_[static_cast<std::size_t>(type)];
        char line[64];
        std::snprintf(line, sizeof line, "  %4d  %-7.7s  ", type, element.c_str());
        out += line;
        out += s < 0 ? "not seen by this style" : text(tektite_model_isolated_energy(model_.get(), s));
        out += "\n";
    }
    utils::logmesg(lmp, out);
}

std::string PairMLIP::share_from_rank(const std::string& mine, int rank) const {
    int size = static_cast<int>(mine.size());
    MPI_Bcast(&size, 1, MPI_INT, rank, world);
    std::string shared = comm->me == rank ? mine : std::string(static_cast<std::size_t>(size), ' ');
    MPI_Bcast(shared.data(), size, MPI_CHAR, rank, world);
    return shared;
}

/// The message of the first rank that has failed, on all ranks; empty if none has.
std::string PairMLIP::message_of_any_failure(bool failed, const std::string& message) {
    const int mine = failed ? comm->me : comm->nprocs;
    int first = mine;
    MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
    return first < comm->nprocs ? share_from_rank(message, first) : "";
}

void PairMLIP::stop_if_any_failed(bool failed, const std::string& message) {
    const std::string reason = message_of_any_failure(failed, message);
    if (!reason.empty()) error->all(FLERR, text("Pair style mlip: ", reason));
}

}  // namespace tektite_lammps
