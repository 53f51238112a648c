// SPDX-License-Identifier: BSD-3-Clause
// tektite.h on top of the C++ interface. Every entry catches everything.
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/c_boundary.hpp"
#include "tektite/device_potential.hpp"
#include "tektite/error.hpp"
#include "tektite/model_file.hpp"
#include "tektite/potential.hpp"
#include "tektite/tektite.h"

struct tektite_model {
    std::shared_ptr<const tektite::Potential> potential;
    std::shared_ptr<const tektite::DevicePotential> on_device;  // the same one, or null
    std::vector<tektite::ReferenceStructure> references;
};

struct tektite_evaluator {
    std::shared_ptr<const tektite::Potential> potential;
    std::shared_ptr<const tektite::DevicePotential> on_device;
    std::unique_ptr<tektite::Workspace> workspace;
    std::string description;
};

namespace {

using tektite::Error;
using tektite::ErrorCode;
using tektite::c_boundary::guarded;
using tektite::c_boundary::make_results;
using tektite::c_boundary::require;

tektite::EvaluationOptions make_options(int precision, int n_threads) {
    if (precision != TEKTITE_DOUBLE && precision != TEKTITE_MIXED) {
        throw Error(ErrorCode::invalid_argument, "precision " + std::to_string(precision) +
                                                     " is neither TEKTITE_DOUBLE nor TEKTITE_MIXED");
    }
    if (n_threads < 1 || n_threads > 4096) {
        throw Error(ErrorCode::invalid_argument,
                    "the number of threads is " + std::to_string(n_threads) + ", expected 1 to 4096");
    }
    tektite::EvaluationOptions options;
    options.precision = precision == TEKTITE_DOUBLE ? tektite::Precision::real64 : tektite::Precision::mixed;
    options.n_threads = n_threads;
    return options;
}

/// A span of n values that may be absent only where n is 0.
template <typename T>
std::span<T> values(T* data, std::int64_t n, const char* name) {
    if (n > 0 && !data) throw Error(ErrorCode::invalid_argument, std::string(name) + " is NULL");
    return {data, static_cast<std::size_t>(n)};
}

tektite::Cluster make_cluster(const tektite_cluster& c) {
    // Indices are 32 bits wide.
    constexpr std::int64_t most = std::int64_t{1} << 31;
    require(c.n_atoms >= 0 && c.n_atoms < most, "tektite_cluster.n_atoms is negative or beyond 2^31");
    require(c.n_centers >= 0 && c.n_centers <= c.n_atoms,
            "tektite_cluster.n_centers is negative or above n_atoms");
    require(c.n_shifts >= 0 && c.n_shifts < most, "tektite_cluster.n_shifts is negative or beyond 2^31");
    tektite::Cluster cluster;
    cluster.positions = values(c.positions, 3 * c.n_atoms, "tektite_cluster.positions");
    cluster.species = values(c.species, c.n_atoms, "tektite_cluster.species");
    cluster.centers = values(c.centers, c.n_centers, "tektite_cluster.centers");
    cluster.neighbor_rows = values(c.neighbor_rows, c.n_atoms, "tektite_cluster.neighbor_rows");
    cluster.neighbor_counts = values(c.neighbor_counts, c.n_atoms, "tektite_cluster.neighbor_counts");
    cluster.neighbor_mask = c.neighbor_mask;
    if (c.shift_rows) {
        cluster.shift_rows = {c.shift_rows, static_cast<std::size_t>(c.n_atoms)};
        cluster.shift_vectors = values(c.shift_vectors, 3 * c.n_shifts, "tektite_cluster.shift_vectors");
    }
    for (const std::int32_t i : cluster.centers) {
        if (i < 0 || i >= c.n_atoms) {
            throw Error(ErrorCode::invalid_argument, "centre " + std::to_string(i) + " is not among the " +
                                                         std::to_string(c.n_atoms) + " atoms");
        }
        const bool edges = c.neighbor_counts[i] != 0;
        if (c.neighbor_counts[i] < 0 || (edges && !c.neighbor_rows[i]) ||
            (edges && c.shift_rows && !c.shift_rows[i])) {
            throw Error(ErrorCode::invalid_argument, "the row of neighbours of centre " + std::to_string(i) +
                                                         " is NULL or has a negative length");
        }
    }
    return cluster;
}

tektite::OpenCluster make_open_cluster(const tektite_open_cluster& c) {
    constexpr std::int64_t most = std::int64_t{1} << 31;
    require(c.n_atoms >= 0 && c.n_atoms < most, "tektite_open_cluster.n_atoms is negative or beyond 2^31");
    require(c.n_centers >= 0 && c.n_centers <= c.n_atoms,
            "tektite_open_cluster.n_centers is negative or above n_atoms");
    tektite::OpenCluster cluster;
    cluster.positions = values(c.positions, 3 * c.n_atoms, "tektite_open_cluster.positions");
    cluster.species = values(c.species, c.n_atoms, "tektite_open_cluster.species");
    cluster.n_centers = c.n_centers;
    for (std::size_t a = 0; a < 3; ++a) {
        require(c.periodic[a] == 0 || c.periodic[a] == 1, "tektite_open_cluster.periodic must hold 0 and 1");
        cluster.box.periodic[a] = c.periodic[a] == 1;
        for (std::size_t d = 0; d < 3; ++d) cluster.box.cell[a][d] = c.cell[3 * a + d];
    }
    cluster.skin = c.skin;
    cluster.list_number = c.list_number;
    if (c.center_factors != nullptr)
        cluster.center_factors = values(c.center_factors, c.n_centers, "tektite_open_cluster.center_factors");
    return cluster;
}

bool in_range(const tektite_model* model, int i) {
    return model && i >= 0 && static_cast<std::size_t>(i) < model->potential->info().elements.size();
}

}  // namespace

extern "C" {

int tektite_abi_version(void) {
    return TEKTITE_ABI_VERSION;
}
const char* tektite_version(void) {
    return TEKTITE_VERSION;
}
const char* tektite_last_error(void) {
    return tektite::c_boundary::last_error();
}

tektite_status tektite_model_load(const char* path, tektite_model** model) {
    return guarded([&] {
        require(model != nullptr, "tektite_model_load: model is NULL");
        *model = nullptr;
        require(path != nullptr, "tektite_model_load: path is NULL");
        const tektite::ModelFile file = tektite::read_model_file(path);
        auto loaded = std::make_unique<tektite_model>();
        loaded->potential = tektite::make_potential(file);
        loaded->references = tektite::reference_structures(file);
        *model = loaded.release();
    });
}

tektite_status tektite_device_count(int* count) {
    return guarded([&] {
        require(count != nullptr, "tektite_device_count: count is NULL");
        *count = 0;
        *count = static_cast<int>(tektite::device_names().size());
    });
}

tektite_status tektite_device_name(int device, char* name, size_t size) {
    return guarded([&] {
        require(name != nullptr && size > 0, "tektite_device_name: there is no room for the name");
        name[0] = '\0';
        const std::vector<std::string> names = tektite::device_names();
        require(device >= 0 && static_cast<std::size_t>(device) < names.size(),
                "tektite_device_name: there is no device of this number");
        std::snprintf(name, size, "%s", names[static_cast<std::size_t>(device)].c_str());
    });
}

tektite_status tektite_model_load_on_device(const char* path, const tektite_device_options* options,
                                            tektite_model** model) {
    return guarded([&] {
        require(model != nullptr, "tektite_model_load_on_device: model is NULL");
        *model = nullptr;
        require(path != nullptr, "tektite_model_load_on_device: path is NULL");
        tektite::DeviceOptions chosen;
        if (options != nullptr) {
            require(options->deterministic == 0 || options->deterministic == 1,
                    "tektite_device_options.deterministic is neither 0 nor 1");
            chosen = {options->device, options->deterministic == 1, options->scratch_bytes};
        }
        auto loaded = std::make_unique<tektite_model>();
        loaded->on_device = tektite::load_device_potential(path, chosen);
        loaded->potential = loaded->on_device;
        loaded->references = tektite::reference_structures(tektite::read_model_file(path));
        *model = loaded.release();
    });
}

void tektite_model_free(tektite_model* model) {
    delete model;
}

const char* tektite_model_family(const tektite_model* model) {
    return model ? model->potential->info().family.c_str() : "";
}

double tektite_model_cutoff(const tektite_model* model) {
    return model ? model->potential->info().cutoff : 0.0;
}

int tektite_model_n_elements(const tektite_model* model) {
    return model ? static_cast<int>(model->potential->info().elements.size()) : 0;
}

const char* tektite_model_element(const tektite_model* model, int i) {
    return in_range(model, i) ? model->potential->info().elements[static_cast<std::size_t>(i)].c_str()
                              : nullptr;
}

double tektite_model_isolated_energy(const tektite_model* model, int i) {
    return in_range(model, i) ? model->potential->info().isolated_energies[static_cast<std::size_t>(i)] : 0.0;
}

double tektite_model_minimum_distance(const tektite_model* model, int i, int j) {
    if (!in_range(model, i) || !in_range(model, j)) return 0.0;
    const tektite::ModelInfo& info = model->potential->info();
    const std::size_t k = static_cast<std::size_t>(i) * info.elements.size() + static_cast<std::size_t>(j);
    return k < info.minimum_distances.size() ? info.minimum_distances[k] : 0.0;
}

int tektite_model_has_uncertainty(const tektite_model* model) {
    return model && model->potential->info().has_uncertainty ? 1 : 0;
}

const char* tektite_model_metadata(const tektite_model* model) {
    return model ? model->potential->info().metadata.c_str() : "{}";
}

tektite_status tektite_model_check(const tektite_model* model, int precision, int* n_structures,
                                   double* energy_error, double* force_error, int* passed) {
    return guarded([&] {
        require(model != nullptr, "tektite_model_check: model is NULL");
        require(n_structures && energy_error && force_error && passed,
                "tektite_model_check: a result is NULL");
        const tektite::ReferenceCheck check =
            tektite::check_references(*model->potential, model->references, make_options(precision, 1));
        *n_structures = static_cast<int>(check.n_structures);
        *energy_error = check.energy_error;
        *force_error = check.force_error;
        *passed = check.passed ? 1 : 0;
    });
}

tektite_status tektite_evaluator_create(const tektite_model* model, int precision, int n_threads,
                                        tektite_evaluator** evaluator) {
    return guarded([&] {
        require(evaluator != nullptr, "tektite_evaluator_create: evaluator is NULL");
        *evaluator = nullptr;
        require(model != nullptr, "tektite_evaluator_create: model is NULL");
        auto made = std::make_unique<tektite_evaluator>();
        made->potential = model->potential;
        made->on_device = model->on_device;
        made->workspace = model->potential->make_workspace(make_options(precision, n_threads));
        made->description = made->workspace->description();
        *evaluator = made.release();
    });
}

void tektite_evaluator_free(tektite_evaluator* evaluator) {
    delete evaluator;
}

const char* tektite_evaluator_description(tektite_evaluator* evaluator) {
    if (!evaluator) return "";
    guarded([&] { evaluator->description = evaluator->workspace->description(); });
    return evaluator->description.c_str();
}

size_t tektite_evaluator_memory(const tektite_evaluator* evaluator) {
    return evaluator ? evaluator->workspace->memory() : 0;
}

tektite_status tektite_evaluate(tektite_evaluator* evaluator, const tektite_cluster* cluster,
                                const tektite_results* results) {
    return guarded([&] {
        require(evaluator != nullptr, "tektite_evaluate: evaluator is NULL");
        require(cluster != nullptr, "tektite_evaluate: cluster is NULL");
        require(results != nullptr, "tektite_evaluate: results is NULL");
        const tektite::Cluster atoms = make_cluster(*cluster);
        evaluator->potential->evaluate(atoms, make_results(*results, atoms.n_atoms()), *evaluator->workspace);
    });
}

tektite_status tektite_evaluate_open(tektite_evaluator* evaluator, const tektite_open_cluster* cluster,
                                     const tektite_results* results) {
    return guarded([&] {
        require(evaluator != nullptr, "tektite_evaluate_open: evaluator is NULL");
        require(cluster != nullptr, "tektite_evaluate_open: cluster is NULL");
        require(results != nullptr, "tektite_evaluate_open: results is NULL");
        if (!evaluator->on_device)
            throw Error(ErrorCode::unsupported,
                        "the model is not on a device: without edges only models of "
                        "tektite_model_load_on_device can be evaluated");
        const tektite::OpenCluster atoms = make_open_cluster(*cluster);
        evaluator->on_device->evaluate(atoms, make_results(*results, atoms.n_atoms()), *evaluator->workspace);
    });
}

tektite_status tektite_closest_pairs(tektite_evaluator* evaluator, double* distances, int32_t* centers) {
    return guarded([&] {
        require(evaluator != nullptr, "tektite_closest_pairs: evaluator is NULL");
        require(distances != nullptr && centers != nullptr, "tektite_closest_pairs: a result is NULL");
        if (!evaluator->on_device)
            throw Error(ErrorCode::unsupported, "tektite_closest_pairs: the model is not on a device");
        const std::size_t n = evaluator->on_device->info().elements.size();
        evaluator->on_device->closest_pairs(*evaluator->workspace, {distances, n * n}, {centers, n * n});
    });
}

tektite_status tektite_atom_beyond_skin(tektite_evaluator* evaluator, int64_t* atom) {
    return guarded([&] {
        require(evaluator != nullptr && atom != nullptr, "tektite_atom_beyond_skin: an argument is NULL");
        if (!evaluator->on_device)
            throw Error(ErrorCode::unsupported, "tektite_atom_beyond_skin: the model is not on a device");
        *atom = evaluator->on_device->atom_beyond_skin(*evaluator->workspace);
    });
}

}  // extern "C"
