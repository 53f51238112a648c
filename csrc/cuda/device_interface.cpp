// SPDX-License-Identifier: BSD-3-Clause
// device_interface.h on top of the C++ classes. Every entry catches everything.
#include "cuda/device_interface.h"

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/c_boundary.hpp"
#include "cuda/evaluator.hpp"

struct tektite_cuda_model {
    std::shared_ptr<const tektite::cuda::DeviceModel> model;
};

struct tektite_cuda_workspace {
    std::unique_ptr<tektite::cuda::Evaluator> evaluator;
    std::string description;
};

namespace {

using tektite::c_boundary::make_results;
using tektite::c_boundary::require;

template <typename Action>
tektite_status guarded(Action&& action) noexcept {
    return tektite::c_boundary::guarded(std::forward<Action>(action), "out of memory on the host");
}

template <typename T>
std::span<T> values(T* data, std::int64_t n) {
    return {data, static_cast<std::size_t>(n)};
}

tektite_status device_count(int* count) {
    return guarded([&] {
        require(count != nullptr, "device_count: count is NULL");
        *count = tektite::cuda::device_count();
    });
}

tektite_status device_name(int device, char* name, size_t size) {
    return guarded([&] {
        require(name != nullptr && size > 0, "device_name: name is NULL");
        std::snprintf(name, size, "%s", tektite::cuda::device_name(device).c_str());
    });
}

tektite_status model_load(const char* path, const tektite_cuda_options* options, tektite_cuda_model** model) {
    return guarded([&] {
        require(path != nullptr && options != nullptr && model != nullptr, "model_load: an argument is NULL");
        *model = nullptr;
        tektite::DeviceOptions chosen;
        chosen.device = options->device;
        chosen.deterministic = options->deterministic != 0;
        chosen.scratch_bytes = options->scratch_bytes;
        static_cast<void>(tektite::cuda::device_name(chosen.device));  // throws if there is none
        auto loaded = std::make_unique<tektite_cuda_model>();
        loaded->model = std::make_shared<tektite::cuda::DeviceModel>(tektite::read_model_file(path), chosen);
        *model = loaded.release();
    });
}

void model_free(tektite_cuda_model* model) {
    delete model;
}

tektite_status workspace_create(const tektite_cuda_model* model, int precision,
                                tektite_cuda_workspace** workspace) {
    return guarded([&] {
        require(model != nullptr && workspace != nullptr, "workspace_create: an argument is NULL");
        *workspace = nullptr;
        require(precision == TEKTITE_DOUBLE || precision == TEKTITE_MIXED,
                "workspace_create: the precision is neither TEKTITE_DOUBLE nor TEKTITE_MIXED");
        auto made = std::make_unique<tektite_cuda_workspace>();
        made->evaluator = std::make_unique<tektite::cuda::Evaluator>(
            model->model,
            precision == TEKTITE_DOUBLE ? tektite::Precision::real64 : tektite::Precision::mixed);
        *workspace = made.release();
    });
}

void workspace_free(tektite_cuda_workspace* workspace) {
    delete workspace;
}

const char* workspace_description(tektite_cuda_workspace* workspace) {
    if (workspace == nullptr) return "";
    workspace->description = workspace->evaluator->description();
    return workspace->description.c_str();
}

size_t workspace_memory(const tektite_cuda_workspace* workspace) {
    return workspace != nullptr ? workspace->evaluator->memory() : 0;
}

tektite_status evaluate_open(tektite_cuda_workspace* workspace, const tektite_cuda_open_cluster* c,
                             const tektite_results* results) {
    return guarded([&] {
        require(workspace != nullptr && c != nullptr && results != nullptr,
                "evaluate_open: an argument is NULL");
        require(c->n_atoms >= 0, "evaluate_open: n_atoms is negative");
        require(c->n_atoms == 0 || (c->positions != nullptr && c->species != nullptr),
                "evaluate_open: positions or species are NULL");
        tektite::OpenCluster cluster;
        cluster.positions = values(c->positions, 3 * c->n_atoms);
        cluster.species = values(c->species, c->n_atoms);
        cluster.n_centers = c->n_centers;
        for (std::size_t d = 0; d < 9; ++d) cluster.box.cell[d / 3][d % 3] = c->cell[d];
        for (std::size_t d = 0; d < 3; ++d) cluster.box.periodic[d] = c->periodic[d] != 0;
        cluster.skin = c->skin;
        cluster.list_number = c->list_number;
        if (c->center_factors != nullptr) cluster.center_factors = values(c->center_factors, c->n_centers);
        workspace->evaluator->evaluate(cluster, make_results(*results, cluster.n_atoms()));
    });
}

tektite_status evaluate_cluster(tektite_cuda_workspace* workspace, const tektite_cluster* c,
                                const tektite_results* results) {
    return guarded([&] {
        require(workspace != nullptr && c != nullptr && results != nullptr,
                "evaluate_cluster: an argument is NULL");
        require(c->n_atoms >= 0 && c->n_centers >= 0 && c->n_shifts >= 0,
                "evaluate_cluster: a number is negative");
        tektite::Cluster cluster;
        cluster.positions = values(c->positions, 3 * c->n_atoms);
        cluster.species = values(c->species, c->n_atoms);
        cluster.centers = values(c->centers, c->n_centers);
        cluster.neighbor_rows = values(c->neighbor_rows, c->n_atoms);
        cluster.neighbor_counts = values(c->neighbor_counts, c->n_atoms);
        cluster.neighbor_mask = c->neighbor_mask;
        if (c->shift_rows != nullptr) {
            cluster.shift_rows = values(c->shift_rows, c->n_atoms);
            cluster.shift_vectors = values(c->shift_vectors, 3 * c->n_shifts);
        }
        workspace->evaluator->evaluate(cluster, make_results(*results, cluster.n_atoms()));
    });
}

tektite_status closest_pairs(tektite_cuda_workspace* workspace, double* distances, int32_t* centers) {
    return guarded([&] {
        require(workspace != nullptr && distances != nullptr && centers != nullptr,
                "closest_pairs: an argument is NULL");
        const std::size_t n = workspace->evaluator->n_elements();
        workspace->evaluator->closest_pairs({distances, n * n}, {centers, n * n});
    });
}

tektite_status atom_beyond_skin(const tektite_cuda_workspace* workspace, int64_t* atom) {
    return guarded([&] {
        require(workspace != nullptr && atom != nullptr, "atom_beyond_skin: an argument is NULL");
        *atom = workspace->evaluator->atom_beyond_skin();
    });
}

}  // namespace

extern "C" const tektite_cuda_function_table* tektite_cuda_functions(int interface_version) {
    static const tektite_cuda_function_table table{TEKTITE_VERSION,
                                                   tektite::cuda::build_name(),
                                                   tektite::c_boundary::last_error,
                                                   device_count,
                                                   device_name,
                                                   model_load,
                                                   model_free,
                                                   workspace_create,
                                                   workspace_free,
                                                   workspace_description,
                                                   workspace_memory,
                                                   evaluate_open,
                                                   evaluate_cluster,
                                                   closest_pairs,
                                                   atom_beyond_skin};
    return interface_version == TEKTITE_CUDA_INTERFACE_VERSION ? &table : nullptr;
}
