// SPDX-License-Identifier: GPL-2.0-only
// Restart files keep the settings, the path of the model and the elements; the model itself stays in its own
// file.
#include <cstring>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "pair_mlip.hpp"
#include "text.hpp"

using namespace LAMMPS_NS;

namespace tektite_lammps {

namespace {

// 1: precision, threads. 2: and device, deterministic.
constexpr int format = 2;

template <typename T>
void put(FILE* file, const T& value) {
    std::fwrite(&value, sizeof(T), 1, file);
}

void put(FILE* file, const std::string& s) {
    put(file, static_cast<int>(s.size()));
    std::fwrite(s.data(), 1, s.size(), file);
}

}  // namespace

void PairMLIP::write_restart_settings(FILE* file) {
    put(file, format);
    put(file, settings_.precision);
    put(file, settings_.n_threads);
    put(file, settings_.on_device ? 1 : 0);
    put(file, settings_.deterministic ? 1 : 0);
}

void PairMLIP::write_restart(FILE* file) {
    write_restart_settings(file);
    put(file, model_checksum_);
    put(file, model_path_);
    put(file, static_cast<int>(element_of_type_.size()));
    for (const std::string& element : element_of_type_) put(file, element);
}

void PairMLIP::read_restart_settings(FILE* file) {
    int values[5] = {};  // format, precision, threads, device, deterministic
    if (comm->me == 0) {
        utils::sfread(FLERR, values, sizeof(int), 3, file, nullptr, error);
        if (values[0] == format) utils::sfread(FLERR, values + 3, sizeof(int), 2, file, nullptr, error);
    }
    MPI_Bcast(values, 5, MPI_INT, 0, world);
    if (values[0] > format)
        error->all(
            FLERR,
            text("Pair style mlip: the restart file was written by a newer Tektite (its section has format ",
                 values[0], ", this one reads ", format, ")"));
    settings_ = {values[1], values[2], values[3] != 0, values[4] != 0};
}

void PairMLIP::read_restart(FILE* file) {
    read_restart_settings(file);
    const auto get_int = [&] {
        int value = 0;
        if (comm->me == 0) utils::sfread(FLERR, &value, sizeof value, 1, file, nullptr, error);
        MPI_Bcast(&value, 1, MPI_INT, 0, world);
        return value;
    };
    const auto get_text = [&] {
        std::string s(static_cast<std::size_t>(get_int()), ' ');
        if (comm->me == 0 && !s.empty()) utils::sfread(FLERR, s.data(), 1, s.size(), file, nullptr, error);
        return share_from_rank(s, 0);
    };
    std::uint64_t checksum = 0;
    if (comm->me == 0) utils::sfread(FLERR, &checksum, sizeof checksum, 1, file, nullptr, error);
    MPI_Bcast(&checksum, 1, MPI_UINT64_T, 0, world);
    const std::string path = get_text();
    std::vector<std::string> element_of_type(static_cast<std::size_t>(get_int()));
    for (std::string& element : element_of_type) element = get_text();
    if (path.empty()) return;  // written before any pair_coeff

    const bool found = !share_from_rank(comm->me == 0 ? utils::get_potential_file_path(path) : "", 0).empty();
    if (!found) {
        // Not an error: a restart file may travel without its model, and the input may name it anew.
        if (comm->me == 0)
            error->warning(FLERR,
                           text("Pair style mlip: the restart file names the model ", path,
                                ", which is not there: give it with ", "pair_coeff * * <file>.mlip ..."));
        return;
    }
    const std::string missing = settings_.on_device ? why_no_device() : "";
    if (!missing.empty()) {
        // Not an error either: the run may go on elsewhere, if the input says so.
        if (comm->me == 0)
            error->warning(FLERR, text("Pair style mlip: the restart file asks for device cuda, but ",
                                       missing, ". Give pair_style and pair_coeff to go on without"));
        return;
    }
    use_model(path, element_of_type);
    if (model_checksum_ != checksum && comm->me == 0)
        error->warning(FLERR, text("Pair style mlip: the model file ", path,
                                   " has changed since the restart file was written"));
}

}  // namespace tektite_lammps
