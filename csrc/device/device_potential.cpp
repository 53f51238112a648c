// SPDX-License-Identifier: BSD-3-Clause
// DevicePotential on top of the functions of the device library.
#include "tektite/device_potential.hpp"

#include <array>

#include "device/device_library.hpp"
#include "tektite/model_file.hpp"

namespace tektite {

namespace {

using Library = tektite_cuda_function_table;

struct FreeModel {
    const Library* library;
    void operator()(tektite_cuda_model* model) const { library->model_free(model); }
};
struct FreeWorkspace {
    const Library* library;
    void operator()(tektite_cuda_workspace* workspace) const { library->workspace_free(workspace); }
};

std::string name_of(const Library& library, int device) {
    std::array<char, 512> name{};
    require_success(library, library.device_name(device, name.data(), name.size()));
    return name.data();
}

class DeviceWorkspace : public Workspace {
public:
    DeviceWorkspace(const Library& library, const tektite_cuda_model* model, int precision)
        : library_(library), model_(model), handle_(nullptr, FreeWorkspace{&library}) {
        tektite_cuda_workspace* made = nullptr;
        require_success(library, library.workspace_create(model, precision, &made));
        handle_.reset(made);
    }
    [[nodiscard]] std::string description() const override {
        return library_.workspace_description(handle_.get());
    }
    [[nodiscard]] std::size_t memory() const override { return library_.workspace_memory(handle_.get()); }
    [[nodiscard]] tektite_cuda_workspace* handle() const { return handle_.get(); }
    [[nodiscard]] bool belongs_to(const tektite_cuda_model* model) const { return model == model_; }

private:
    const Library& library_;
    const tektite_cuda_model* model_;
    std::unique_ptr<tektite_cuda_workspace, FreeWorkspace> handle_;
};

void check_size(std::size_t size, std::size_t expected, const char* what) {
    if (size != 0 && size != expected)
        throw Error(ErrorCode::invalid_argument, std::string(what) + " has " + std::to_string(size) +
                                                     " values, expected " + std::to_string(expected));
}

tektite_results plain(const Results& results, std::size_t n_atoms) {
    check_size(results.atom_energies.size(), n_atoms, "Results::atom_energies");
    check_size(results.forces.size(), 3 * n_atoms, "Results::forces");
    check_size(results.atom_virials.size(), 9 * n_atoms, "Results::atom_virials");
    check_size(results.atom_virials_halved.size(), 6 * n_atoms, "Results::atom_virials_halved");
    check_size(results.atom_uncertainties.size(), n_atoms, "Results::atom_uncertainties");
    const auto pointer = [](std::span<double> values) { return values.empty() ? nullptr : values.data(); };
    tektite_results r{};
    r.energy = results.energy;
    r.atom_energies = pointer(results.atom_energies);
    r.forces = pointer(results.forces);
    r.virial = results.virial;
    r.atom_virials = pointer(results.atom_virials);
    r.atom_virials_halved = pointer(results.atom_virials_halved);
    r.atom_uncertainties = pointer(results.atom_uncertainties);
    return r;
}

class LoadedDevicePotential : public DevicePotential {
public:
    LoadedDevicePotential(const std::string& path, const DeviceOptions& options)
        : library_(device_library()),
          // Before the file is read: without a device the reader should not have to wait.
          device_name_(name_of(library_, options.device)),
          info_(load_potential(path)->info()),
          model_(nullptr, FreeModel{&library_}) {
        const tektite_cuda_options plain_options{options.device, options.deterministic ? 1 : 0,
                                                 options.scratch_bytes};
        tektite_cuda_model* loaded = nullptr;
        require_success(library_, library_.model_load(path.c_str(), &plain_options, &loaded));
        model_.reset(loaded);
    }

    [[nodiscard]] const ModelInfo& info() const override { return info_; }
    [[nodiscard]] const std::string& device_name() const override { return device_name_; }

    [[nodiscard]] std::unique_ptr<Workspace> make_workspace(const EvaluationOptions& options) const override {
        const int precision = options.precision == Precision::real64 ? TEKTITE_DOUBLE : TEKTITE_MIXED;
        return std::make_unique<DeviceWorkspace>(library_, model_.get(), precision);
    }

    void evaluate(const Cluster& cluster, const Results& results, Workspace& workspace,
                  Exchange*) const override {
        tektite_cluster c{};
        c.n_atoms = static_cast<std::int64_t>(cluster.n_atoms());
        c.positions = cluster.positions.data();
        c.species = cluster.species.data();
        c.n_centers = static_cast<std::int64_t>(cluster.centers.size());
        c.centers = cluster.centers.data();
        c.neighbor_rows = cluster.neighbor_rows.data();
        c.neighbor_counts = cluster.neighbor_counts.data();
        c.neighbor_mask = cluster.neighbor_mask;
        if (!cluster.shift_rows.empty()) {
            c.shift_rows = cluster.shift_rows.data();
            c.n_shifts = static_cast<std::int64_t>(cluster.shift_vectors.size() / 3);
            c.shift_vectors = cluster.shift_vectors.data();
        }
        const tektite_results r = plain(results, cluster.n_atoms());
        require_success(library_, library_.evaluate_cluster(handle_of(workspace), &c, &r));
    }

    void evaluate(const OpenCluster& cluster, const Results& results, Workspace& workspace) const override {
        const std::size_t n_atoms = cluster.n_atoms();
        if (cluster.positions.size() != 3 * n_atoms)
            throw Error(ErrorCode::invalid_argument, "OpenCluster::positions has " +
                                                         std::to_string(cluster.positions.size()) +
                                                         " values, expected " + std::to_string(3 * n_atoms));
        tektite_cuda_open_cluster c{};
        c.n_atoms = static_cast<std::int64_t>(n_atoms);
        c.positions = cluster.positions.data();
        c.species = cluster.species.data();
        c.n_centers = cluster.n_centers;
        for (std::size_t a = 0; a < 3; ++a) {
            for (std::size_t d = 0; d < 3; ++d) c.cell[3 * a + d] = cluster.box.cell[a][d];
            c.periodic[a] = cluster.box.periodic[a] ? 1 : 0;
        }
        c.skin = cluster.skin;
        c.list_number = cluster.list_number;
        if (!cluster.center_factors.empty()) {
            if (static_cast<std::int64_t>(cluster.center_factors.size()) != cluster.n_centers)
                throw Error(ErrorCode::invalid_argument, "OpenCluster::center_factors has " +
                                                             std::to_string(cluster.center_factors.size()) +
                                                             " values, expected " +
                                                             std::to_string(cluster.n_centers));
            c.center_factors = cluster.center_factors.data();
        }
        const tektite_results r = plain(results, n_atoms);
        require_success(library_, library_.evaluate_open(handle_of(workspace), &c, &r));
    }

    void closest_pairs(Workspace& workspace, std::span<double> distances,
                       std::span<std::int32_t> centers) const override {
        const std::size_t n = info_.elements.size() * info_.elements.size();
        if (distances.size() != n || centers.size() != n)
            throw Error(ErrorCode::invalid_argument, "closest_pairs: " + std::to_string(n) +
                                                         " values are expected for " +
                                                         std::to_string(info_.elements.size()) + " elements");
        require_success(library_,
                        library_.closest_pairs(handle_of(workspace), distances.data(), centers.data()));
    }

    [[nodiscard]] std::int64_t atom_beyond_skin(Workspace& workspace) const override {
        std::int64_t atom = -1;
        require_success(library_, library_.atom_beyond_skin(handle_of(workspace), &atom));
        return atom;
    }

private:
    [[nodiscard]] tektite_cuda_workspace* handle_of(Workspace& workspace) const {
        const auto* own = dynamic_cast<DeviceWorkspace*>(&workspace);
        if (own == nullptr || !own->belongs_to(model_.get()))
            throw Error(ErrorCode::invalid_argument, "the workspace was made by another model");
        return own->handle();
    }

    const Library& library_;
    std::string device_name_;
    ModelInfo info_;
    std::unique_ptr<tektite_cuda_model, FreeModel> model_;
};

}  // namespace

std::shared_ptr<const DevicePotential> load_device_potential(const std::string& path,
                                                             const DeviceOptions& options) {
    return std::make_shared<LoadedDevicePotential>(path, options);
}

std::vector<std::string> device_names() {
    const Library& library = device_library();
    int count = 0;
    require_success(library, library.device_count(&count));
    std::vector<std::string> names;
    for (int device = 0; device < count; ++device) names.push_back(name_of(library, device));
    return names;
}

}  // namespace tektite
