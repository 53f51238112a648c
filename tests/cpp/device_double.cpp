// SPDX-License-Identifier: BSD-3-Clause
// A device library whose device is the CPU engine: what hosts do can be tested without a device, and without
// the device's code. It keeps to the contract of device_interface.h and insists that hosts do. The
// environment variable TEKTITE_DEVICE_DOUBLE makes it fail: no-driver, no-card, out-of-memory, device-lost,
// other-version, other-interface.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cuda/device_interface.h"
#include "tektite/neighbor_list.hpp"
#include "tektite/potential.hpp"

using tektite::Error;
using tektite::ErrorCode;

struct tektite_cuda_model {
    std::shared_ptr<const tektite::Potential> potential;
    tektite_cuda_options options{};
};

struct tektite_cuda_workspace {
    std::shared_ptr<const tektite::Potential> potential;
    std::unique_ptr<tektite::Workspace> engine;
    std::string description, evaluated;
    tektite::NeighborList list;
    // What may change with a new list only.
    std::int64_t list_number = 0, n_atoms = -1, n_centers = -1;
    std::vector<std::int32_t> centers, species;
    std::vector<double> positions;  // of the last evaluation
    std::vector<double> made_at;    // positions when the list was made
    std::int64_t beyond_skin = -1;
};

namespace {

constexpr int n_devices = 2;
thread_local std::string message;

bool should(const char* fail_with) {
    const char* chosen = std::getenv("TEKTITE_DEVICE_DOUBLE");
    return chosen != nullptr && std::strcmp(chosen, fail_with) == 0;
}

template <typename Action>
tektite_status guarded(Action&& action) {
    try {
        action();
        return 0;
    } catch (const Error& error) {
        message = error.what();
        return static_cast<tektite_status>(error.code());
    } catch (const std::exception& error) {
        message = error.what();
        return static_cast<tektite_status>(ErrorCode::internal);
    }
}

void require_device(int device) {
    if (should("no-driver")) throw Error(ErrorCode::unsupported, "there is no CUDA driver on this machine");
    const int n = should("no-card") ? 0 : n_devices;
    if (device >= n || device < 0)
        throw Error(ErrorCode::unsupported,
                    "there is no device " + std::to_string(device) + " among " + std::to_string(n));
}

std::string name_of(int device) {
    return "double of a device, device " + std::to_string(device);
}

tektite::Results spans(const tektite_results& r, std::int64_t n_atoms) {
    const auto n = static_cast<std::size_t>(n_atoms);
    const auto span = [n](double* data, std::size_t width) {
        return data != nullptr ? std::span<double>(data, n * width) : std::span<double>();
    };
    return {r.energy,
            span(r.atom_energies, 1),
            span(r.forces, 3),
            r.virial,
            span(r.atom_virials, 9),
            span(r.atom_virials_halved, 6),
            span(r.atom_uncertainties, 1)};
}

void fail_if_asked_to() {
    if (should("out-of-memory"))
        throw Error(ErrorCode::out_of_memory, "the device's memory is full: 12 atoms would fit");
    if (should("device-lost")) throw Error(ErrorCode::internal, "the device failed: launch failure");
}

/// The first atom that has moved further than a distance, -1: none.
std::int64_t first_beyond(const tektite_cuda_workspace& w, double distance) {
    for (std::size_t i = 0; i < w.made_at.size() / 3; ++i) {
        double r2 = 0;
        for (std::size_t k = 3 * i; k < 3 * i + 3; ++k)
            r2 += (w.positions[k] - w.made_at[k]) * (w.positions[k] - w.made_at[k]);
        if (r2 > distance * distance) return static_cast<std::int64_t>(i);
    }
    return -1;
}

/// One evaluation for each factor.
void evaluate_with_factors(tektite_cuda_workspace& w, tektite::Cluster cluster,
                           std::span<const double> factors, const tektite::Results& results) {
    const std::set<double> distinct(factors.begin(), factors.end());
    for (const double factor : distinct) {
        std::vector<std::int32_t> centers;
        for (const std::int32_t i : w.centers)
            if (factors[static_cast<std::size_t>(i)] == factor) centers.push_back(i);
        cluster.centers = centers;
        double energy = 0, virial[9] = {};
        std::vector<std::vector<double>> arrays;
        tektite::Results part;
        const auto like = [&](std::span<double> wanted) -> std::span<double> {
            return arrays.emplace_back(wanted.size(), 0.0);
        };
        arrays.reserve(5);
        part.energy = &energy;
        part.virial = virial;
        part.atom_energies = like(results.atom_energies);
        part.forces = like(results.forces);
        part.atom_virials = like(results.atom_virials);
        part.atom_virials_halved = like(results.atom_virials_halved);
        part.atom_uncertainties = like(results.atom_uncertainties);
        w.potential->evaluate(cluster, part, *w.engine);
        if (results.energy != nullptr) *results.energy += factor * energy;
        for (std::size_t k = 0; results.virial != nullptr && k < 9; ++k)
            results.virial[k] += factor * virial[k];
        const auto add = [&](std::span<double> sum, std::span<const double> values) {
            for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += factor * values[k];
        };
        add(results.atom_energies, part.atom_energies);
        add(results.forces, part.forces);
        add(results.atom_virials, part.atom_virials);
        add(results.atom_virials_halved, part.atom_virials_halved);
        add(results.atom_uncertainties, part.atom_uncertainties);
    }
}

void evaluate_open(tektite_cuda_workspace& w, const tektite_open_cluster& c, const tektite_results& results) {
    fail_if_asked_to();
    const auto n = static_cast<std::size_t>(c.n_atoms);
    const std::span<const double> positions(c.positions, 3 * n);
    tektite::Box box;
    for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t d = 0; d < 3; ++d) box.cell[a][d] = c.cell[3 * a + d];
        box.periodic[a] = c.periodic[a] != 0;
    }
    const double cutoff = w.potential->info().cutoff;
    const bool fresh = c.list_number == 0 || c.list_number != w.list_number;
    if (!fresh && (c.n_atoms != w.n_atoms || c.n_centers != w.n_centers ||
                   !std::equal(w.species.begin(), w.species.end(), c.species)))
        throw Error(ErrorCode::invalid_argument, "atoms have changed, but not list_number");
    if (c.list_number == 0)
        w.list.update(positions, box, cutoff, c.skin);
    else if (fresh)
        w.list.build(positions, box, cutoff + c.skin);
    w.list_number = c.list_number;
    w.n_atoms = c.n_atoms;
    w.n_centers = c.n_centers;
    w.species.assign(c.species, c.species + n);
    w.positions.assign(c.positions, c.positions + 3 * n);
    w.centers.clear();
    for (std::int32_t i = 0; i < c.n_centers; ++i)
        if (c.species[i] >= 0) w.centers.push_back(i);
    tektite::Cluster cluster;
    cluster.positions = positions;
    cluster.species = {c.species, n};
    cluster.centers = w.centers;
    w.list.attach(cluster);
    w.beyond_skin = fresh ? -1 : first_beyond(w, 0.5 * c.skin);
    if (fresh) w.made_at.assign(c.positions, c.positions + 3 * n);
    if (n > 0 && c.center_factors == nullptr)
        w.potential->evaluate(cluster, spans(results, c.n_atoms), *w.engine);
    else if (n > 0)
        evaluate_with_factors(w, cluster, {c.center_factors, static_cast<std::size_t>(c.n_centers)},
                              spans(results, c.n_atoms));
    w.evaluated = ", " + std::to_string(w.centers.size()) + " centres in 1 chunk";
}

void evaluate_cluster(tektite_cuda_workspace& w, const tektite_cluster& c, const tektite_results& results) {
    fail_if_asked_to();
    const auto n = static_cast<std::size_t>(c.n_atoms);
    tektite::Cluster cluster;
    cluster.positions = {c.positions, 3 * n};
    cluster.species = {c.species, n};
    cluster.centers = {c.centers, static_cast<std::size_t>(c.n_centers)};
    cluster.neighbor_rows = {c.neighbor_rows, n};
    cluster.neighbor_counts = {c.neighbor_counts, n};
    cluster.neighbor_mask = c.neighbor_mask;
    if (c.shift_rows != nullptr) {
        cluster.shift_rows = {c.shift_rows, n};
        cluster.shift_vectors = {c.shift_vectors, static_cast<std::size_t>(3 * c.n_shifts)};
    }
    w.potential->evaluate(cluster, spans(results, c.n_atoms), *w.engine);
}

void closest_pairs(const tektite_cuda_workspace& w, double* distances, std::int32_t* centers) {
    const std::size_t n_species = w.potential->info().elements.size();
    std::fill_n(distances, n_species * n_species, std::numeric_limits<double>::infinity());
    std::fill_n(centers, n_species * n_species, -1);
    const auto shifts = w.list.shift_vectors();
    for (const std::int32_t i : w.centers) {
        const auto row = w.list.neighbors(static_cast<std::size_t>(i));
        const auto row_shifts = w.list.shifts(static_cast<std::size_t>(i));
        for (std::size_t k = 0; k < row.size(); ++k) {
            const auto j = static_cast<std::size_t>(row[k]), shift = static_cast<std::size_t>(row_shifts[k]);
            if (w.species[j] < 0) continue;
            double r2 = 0;
            for (std::size_t d = 0; d < 3; ++d) {
                const double x = w.positions[3 * j + d] + shifts[3 * shift + d] -
                                 w.positions[3 * static_cast<std::size_t>(i) + d];
                r2 += x * x;
            }
            const std::size_t p =
                static_cast<std::size_t>(w.species[static_cast<std::size_t>(i)]) * n_species +
                static_cast<std::size_t>(w.species[j]);
            if (std::sqrt(r2) >= distances[p]) continue;
            distances[p] = std::sqrt(r2);
            centers[p] = i;
        }
    }
}

tektite_cuda_function_table make_table() {
    tektite_cuda_function_table t{};
    t.version = should("other-version") ? "0.0.1" : TEKTITE_VERSION;
    t.build = "double of a device (for tests)";
    t.last_error = [] { return message.c_str(); };
    t.device_count = [](int* count) {
        return guarded([&] {
            require_device(0);
            *count = n_devices;
        });
    };
    t.device_name = [](int device, char* name, size_t size) {
        return guarded([&] {
            require_device(device);
            std::snprintf(name, size, "%s", name_of(device).c_str());
        });
    };
    t.model_load = [](const char* path, const tektite_cuda_options* options, tektite_cuda_model** model) {
        return guarded([&] {
            require_device(options->device);
            *model = new tektite_cuda_model{tektite::load_potential(path), *options};
        });
    };
    t.model_free = [](tektite_cuda_model* model) { delete model; };
    t.workspace_create = [](const tektite_cuda_model* model, int precision,
                            tektite_cuda_workspace** workspace) {
        return guarded([&] {
            tektite::EvaluationOptions options;
            options.precision = static_cast<tektite::Precision>(precision);
            auto made = std::make_unique<tektite_cuda_workspace>();
            made->potential = model->potential;
            made->engine = model->potential->make_workspace(options);
            made->description = name_of(model->options.device) +
                                (precision == TEKTITE_DOUBLE ? ", double" : ", mixed") +
                                (model->options.deterministic != 0 ? ", deterministic" : "");
            *workspace = made.release();
        });
    };
    t.workspace_free = [](tektite_cuda_workspace* workspace) { delete workspace; };
    t.workspace_description = [](tektite_cuda_workspace* w) {
        static thread_local std::string text;
        text = w->description + w->evaluated;
        return text.c_str();
    };
    t.workspace_memory = [](const tektite_cuda_workspace* w) {
        return w->engine->memory() + w->list.memory();
    };
    t.evaluate_open = [](tektite_cuda_workspace* w, const tektite_cuda_open_cluster* cluster,
                         const tektite_results* results) {
        return guarded([&] { evaluate_open(*w, *cluster, *results); });
    };
    t.evaluate_cluster = [](tektite_cuda_workspace* w, const tektite_cluster* cluster,
                            const tektite_results* results) {
        return guarded([&] { evaluate_cluster(*w, *cluster, *results); });
    };
    t.closest_pairs = [](tektite_cuda_workspace* w, double* distances, std::int32_t* centers) {
        return guarded([&] { closest_pairs(*w, distances, centers); });
    };
    t.atom_beyond_skin = [](const tektite_cuda_workspace* w, std::int64_t* atom) {
        *atom = w->beyond_skin;
        return tektite_status{0};
    };
    return t;
}

}  // namespace

const tektite_cuda_function_table* tektite_cuda_functions(int interface_version) {
    static tektite_cuda_function_table table;
    table = make_table();
    return interface_version == TEKTITE_CUDA_INTERFACE_VERSION && !should("other-interface") ? &table
                                                                                             : nullptr;
}
