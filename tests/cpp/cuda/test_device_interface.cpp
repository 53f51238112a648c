// SPDX-License-Identifier: BSD-3-Clause
// A device library opened by its file name, as the engine opens it. Argument: the library. Without a device
// the part that needs none is checked and the rest counts as skipped (exit status 77).
#include <dlfcn.h>

#include <cstring>

#include "check.hpp"
#include "cuda/device_interface.h"
#include "tektite/error.hpp"
#include "tektite/model_file.hpp"
#include "tektite/neighbor_list.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_close;

namespace {

void check_model(const tektite_cuda_function_table& functions) {
    const char* path = TEKTITE_SOURCE_DIR "/tests/data/format_v1.mlip";
    const tektite_cuda_options options{0, 1, 0};
    tektite_cuda_model* model = nullptr;
    check(functions.model_load("no such file", &options, &model) ==
                  static_cast<int>(ErrorCode::file_not_found) &&
              model == nullptr && std::strstr(functions.last_error(), "no such file") != nullptr,
          "a missing file: " + std::string(functions.last_error()));
    if (functions.model_load(path, &options, &model) != 0) {
        check(false, functions.last_error());
        return;
    }
    tektite_cuda_workspace* workspace = nullptr;
    check(functions.workspace_create(model, 7, &workspace) == static_cast<int>(ErrorCode::invalid_argument),
          "a precision that does not exist");
    check(functions.workspace_create(model, TEKTITE_DOUBLE, &workspace) == 0, functions.last_error());
    functions.model_free(model);

    const auto potential = load_potential(path);
    for (const ReferenceStructure& s : reference_structures(read_model_file(path))) {
        tektite_cuda_open_cluster cluster{};
        const auto n = s.species.size();
        cluster.n_atoms = cluster.n_centers = static_cast<std::int64_t>(n);
        cluster.positions = s.positions.data();
        cluster.species = s.species.data();
        for (std::size_t d = 0; d < 9; ++d) cluster.cell[d] = s.cell[d];
        for (std::size_t d = 0; d < 3; ++d) cluster.periodic[d] = s.periodic[d];
        double energy = 0;
        std::vector<double> forces(3 * n);
        tektite_results results{};
        results.energy = &energy;
        results.forces = forces.data();
        check(functions.evaluate_open(workspace, &cluster, &results) == 0, functions.last_error());
        check_close(energy, s.energy, 1e-8 * std::max(1.0, std::abs(s.energy)), s.name + ": energy");
        for (std::size_t k = 0; k < forces.size(); ++k)
            check_close(forces[k], s.forces[k], 1e-8 * std::max(1.0, std::abs(s.forces[k])),
                        s.name + ": force");
    }
    check(functions.workspace_memory(workspace) > 0, "memory");
    const std::string description = functions.workspace_description(workspace);
    check(description.find("double, deterministic") != std::string::npos, description);
    std::printf("%s\n", description.c_str());
    functions.workspace_free(workspace);
    functions.workspace_free(nullptr);
    functions.model_free(nullptr);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        std::printf("%s\n", dlerror());
        return 1;
    }
    const auto get = reinterpret_cast<tektite_cuda_functions_type>(dlsym(library, "tektite_cuda_functions"));
    check(get != nullptr, "the symbol is missing");
    if (get == nullptr) return 1;
    check(dlsym(library, "tektite_model_load") == nullptr, "the library exports more than its own symbol");
    check(get(TEKTITE_CUDA_INTERFACE_VERSION + 1) == nullptr,
          "another version of the interface was accepted");
    const tektite_cuda_function_table* functions = get(TEKTITE_CUDA_INTERFACE_VERSION);
    check(functions != nullptr && std::strcmp(functions->version, TEKTITE_VERSION) == 0, "version");
    if (functions == nullptr) return 1;
    std::printf("%s\n", functions->build);
    int n_devices = 0;
    const tektite_status status = functions->device_count(&n_devices);
    if (status != 0) {
        const std::string why = functions->last_error();
        check(status == static_cast<int>(ErrorCode::unsupported) && !why.empty(), why);
        tektite_cuda_model* model = nullptr;
        const tektite_cuda_options options{};
        check(functions->model_load(TEKTITE_SOURCE_DIR "/tests/data/format_v1.mlip", &options, &model) ==
                  status,
              "a model was loaded without a device");
        const int result = tektite::test::finish();
        std::printf("skipped: %s\n", why.c_str());
        return result != 0 ? result : 77;
    }
    char name[256];
    check(functions->device_name(0, name, sizeof name) == 0, functions->last_error());
    check(functions->device_name(n_devices, name, sizeof name) == static_cast<int>(ErrorCode::unsupported),
          "a device that does not exist has a name");
    check_model(*functions);
    return tektite::test::finish();
}
