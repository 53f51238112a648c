// SPDX-License-Identifier: BSD-3-Clause
#include "base/c_boundary.hpp"

#include <cstdio>
#include <span>

namespace tektite::c_boundary {

namespace {

// A plain array: keeping a message must not need memory, nor a destructor when the library is unloaded.
thread_local char message_of_last_error[4096] = "";

}  // namespace

const char* last_error() noexcept {
    return message_of_last_error;
}

tektite_status keep(ErrorCode code, const char* message) noexcept {
    std::snprintf(message_of_last_error, sizeof message_of_last_error, "%s", message);
    return static_cast<tektite_status>(code);
}

void require(bool ok, const char* what) {
    if (!ok) throw Error(ErrorCode::invalid_argument, what);
}

Results make_results(const tektite_results& r, std::size_t n_atoms) {
    const auto span = [n_atoms](double* data, std::size_t width) {
        return data != nullptr ? std::span<double>(data, n_atoms * width) : std::span<double>();
    };
    Results results;
    results.energy = r.energy;
    results.atom_energies = span(r.atom_energies, 1);
    results.forces = span(r.forces, 3);
    results.virial = r.virial;
    results.atom_virials = span(r.atom_virials, 9);
    results.atom_virials_halved = span(r.atom_virials_halved, 6);
    results.atom_uncertainties = span(r.atom_uncertainties, 1);
    return results;
}

}  // namespace tektite::c_boundary
