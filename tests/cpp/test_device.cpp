// SPDX-License-Identifier: BSD-3-Clause
// Opening the device library, and what passes between it and hosts. Without a device: the library is a double
// (device_double.cpp), or there is none, or it is a wrong one.
#include <cstdlib>
#include <fstream>

#include "check.hpp"
#include "device/device_library.hpp"
#include "tektite/device_potential.hpp"

using namespace tektite;
using namespace tektite::test;

namespace {

constexpr char model_path[] = TEKTITE_SOURCE_DIR "/tests/data/format_v1.mlip";

void use_library(const char* path) {
    if (path == nullptr)
        unsetenv("TEKTITE_CUDA_LIBRARY");
    else
        setenv("TEKTITE_CUDA_LIBRARY", path, 1);
}

void let_it_fail(const char* how) {
    if (how == nullptr)
        unsetenv("TEKTITE_DEVICE_DOUBLE");
    else
        setenv("TEKTITE_DEVICE_DOUBLE", how, 1);
}

/// Both entries refuse with this code and text.
void check_refused(const char* part, ErrorCode code = ErrorCode::unsupported) {
    check_throws<Error>([] { static_cast<void>(device_names()); }, part);
    check_throws<Error>([] { static_cast<void>(load_device_potential(model_path)); }, part);
    try {
        static_cast<void>(load_device_potential(model_path));
    } catch (const Error& error) {
        check(error.code() == code, "code");
    }
}

void libraries_that_do_not_fit() {
    use_library(nullptr);
    check_refused("this Tektite has no device library");
    use_library("/no/such/folder/libtektite_cuda.so");
    check_refused("TEKTITE_CUDA_LIBRARY names it");
    const std::string text = "not_a_library.so";
    std::ofstream(text) << "text";
    use_library(text.c_str());
    check_refused("cannot be opened");
    std::remove(text.c_str());
    use_library(TEKTITE_LIBRARY);
    check_refused("is not a device library of Tektite");
    use_library(TEKTITE_DEVICE_DOUBLE_LIBRARY);
    let_it_fail("other-version");
    check_refused("belongs to version 0.0.1 of Tektite, but this is version " TEKTITE_VERSION);
    let_it_fail("other-interface");
    check_refused("belongs to another version of Tektite");
    let_it_fail(nullptr);
}

void machines_without_a_device() {
    let_it_fail("no-driver");
    check_refused("there is no CUDA driver");
    let_it_fail("no-card");
    check_refused("there is no device 0");
    let_it_fail(nullptr);
    DeviceOptions options;
    options.device = 7;
    check_throws<Error>([&] { static_cast<void>(load_device_potential(model_path, options)); },
                        "there is no device 7");
    check_throws<Error>([] { static_cast<void>(load_device_potential("no/such/file.mlip")); },
                        "no/such/file.mlip");
}

struct System {
    std::vector<double> positions = {0, 0, 0, 1.7, 0.3, 0, -0.6, 1.9, 0.4, 2.4, 2.2, 2.6};
    std::vector<std::int32_t> species = {0, 1, 0, 1};
};

struct Sums {
    double energy = 0, virial[9] = {};
    std::vector<double> energies, forces;
};

Sums evaluate(const DevicePotential& potential, const OpenCluster& cluster, Workspace& workspace) {
    Sums sums;
    sums.energies.assign(cluster.n_atoms(), 0.0);
    sums.forces.assign(3 * cluster.n_atoms(), 0.0);
    Results results;
    results.energy = &sums.energy;
    results.virial = sums.virial;
    results.atom_energies = sums.energies;
    results.forces = sums.forces;
    potential.evaluate(cluster, results, workspace);
    return sums;
}

/// What crosses to the library and back: all fields of a cluster and of the results.
void values_cross() {
    const auto cpu = load_potential(model_path);
    DeviceOptions options;
    options.device = 1;
    const auto device = load_device_potential(model_path, options);
    check(device->device_name() == "double of a device, device 1", device->device_name());
    check(device->info().elements == cpu->info().elements && device->info().cutoff == cpu->info().cutoff,
          "info");
    const auto workspace = device->make_workspace({});
    check(workspace->description() == "double of a device, device 1, double", workspace->description());

    System system;
    OpenCluster open;
    open.positions = system.positions;
    open.species = system.species;
    open.n_centers = 4;
    open.box.cell = {{{5, 0, 0}, {0.5, 5, 0}, {0, 0.25, 6}}};
    open.box.periodic = {true, false, true};
    open.skin = 0.5;
    const Sums sums = evaluate(*device, open, *workspace);
    check(workspace->description().ends_with(", 4 centres in 1 chunk"), workspace->description());
    check(workspace->memory() > 0, "memory");

    NeighborList list;
    list.build(system.positions, open.box, cpu->info().cutoff);
    const std::vector<std::int32_t> centers = {0, 1, 2, 3};
    Cluster cluster;
    cluster.positions = system.positions;
    cluster.species = system.species;
    cluster.centers = centers;
    list.attach(cluster);
    // Both ways on the device, and the engine itself.
    for (const Potential* potential : {cpu.get(), static_cast<const Potential*>(device.get())}) {
        Sums plain;
        std::vector<double> virials(36, 0.0), halved(24, 0.0);
        plain.forces.assign(12, 0.0);
        plain.energies.assign(4, 0.0);
        Results results;
        results.energy = &plain.energy;
        results.virial = plain.virial;
        results.forces = plain.forces;
        results.atom_energies = plain.energies;
        results.atom_virials = virials;
        results.atom_virials_halved = halved;
        const auto own = potential->make_workspace({});
        potential->evaluate(cluster, results, *own);
        check_close(sums.energy, plain.energy, 1e-10, "energy");
        for (std::size_t k = 0; k < 12; ++k) check_close(sums.forces[k], plain.forces[k], 1e-10, "force");
        for (std::size_t k = 0; k < 4; ++k) check_close(sums.energies[k], plain.energies[k], 1e-10, "energy");
        for (std::size_t k = 0; k < 9; ++k) {
            check_close(sums.virial[k], plain.virial[k], 1e-10, "virial");
            double total = 0;
            for (std::size_t i = 0; i < 4; ++i) total += virials[9 * i + k];
            check_close(total, plain.virial[k], 1e-10, "virials of atoms");
        }
        check_close(halved[0] + halved[6] + halved[12] + halved[18], plain.virial[0], 1e-10, "halved");
    }

    // Fewer centres than atoms, as in LAMMPS.
    open.n_centers = 1;
    const auto fresh = device->make_workspace({});
    const Sums one = evaluate(*device, open, *fresh);
    check_close(one.energy, sums.energies[0], 1e-10, "one centre");
}

void meaningless_calls() {
    const auto device = load_device_potential(model_path);
    const auto workspace = device->make_workspace({});
    System system;
    OpenCluster open;
    open.positions = std::span(system.positions).first(9);
    open.species = system.species;
    open.n_centers = 4;
    check_throws<Error>([&] { device->evaluate(open, {}, *workspace); }, "OpenCluster::positions has 9");
    open.positions = system.positions;
    std::vector<double> forces(11);
    Results results;
    results.forces = forces;
    check_throws<Error>([&] { device->evaluate(open, results, *workspace); },
                        "Results::forces has 11 values, expected 12");
    const auto other = load_device_potential(model_path);
    const auto foreign = other->make_workspace({});
    check_throws<Error>([&] { device->evaluate(open, {}, *foreign); }, "made by another model");
    for (const auto& [how, part, code] :
         {std::tuple("out-of-memory", "12 atoms would fit", ErrorCode::out_of_memory),
          std::tuple("device-lost", "the device failed", ErrorCode::internal)}) {
        let_it_fail(how);
        double energy = 3;
        Results some;
        some.energy = &energy;
        try {
            device->evaluate(open, some, *workspace);
            check(false, "no error");
        } catch (const Error& error) {
            check(error.code() == code && std::string(error.what()).find(part) != std::string::npos,
                  error.what());
        }
        check(energy == 3, "results are untouched");
        let_it_fail(nullptr);
    }
}

}  // namespace

int main() {
    libraries_that_do_not_fit();
    machines_without_a_device();
    check(device_names() ==
              std::vector<std::string>{"double of a device, device 0", "double of a device, device 1"},
          "names");
    check(device_library_path() == TEKTITE_DEVICE_DOUBLE_LIBRARY, "path");
    values_cross();
    meaningless_calls();
    return finish();
}
