// SPDX-License-Identifier: BSD-3-Clause
#include "bindings/python_potential.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/cpu.hpp"
#include "bindings/python_arrays.hpp"
#include "device/device_library.hpp"
#include "neighbors/system_batch.hpp"
#include "tektite/device_potential.hpp"
#include "tektite/model_file.hpp"
#include "tektite/neighbor_list.hpp"
#include "tektite/potential.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

py::object numpy_of(const Array& array) {
    const std::vector<py::ssize_t> shape(array.shape.begin(), array.shape.end());
    switch (array.type) {
        case Array::Type::float64:
            return to_numpy(array.reals, shape);
        case Array::Type::float32:
            return to_numpy(std::vector<float>(array.reals.begin(), array.reals.end()), shape);
        case Array::Type::int64:
            return to_numpy(array.integers, shape);
        case Array::Type::int32:
            break;
    }
    return to_numpy(std::vector<std::int32_t>(array.integers.begin(), array.integers.end()), shape);
}

Array from_numpy(const std::string& name, const py::array& values) {
    Array array;
    array.shape.assign(values.shape(), values.shape() + values.ndim());
    const py::dtype type = values.dtype();
    if (type.equal(py::dtype::of<double>()) || type.equal(py::dtype::of<float>())) {
        array.type = type.equal(py::dtype::of<float>()) ? Array::Type::float32 : Array::Type::float64;
        const DenseArray<double> dense(values);
        array.reals.assign(dense.data(), dense.data() + dense.size());
    } else if (type.equal(py::dtype::of<std::int64_t>()) || type.equal(py::dtype::of<std::int32_t>())) {
        array.type = type.equal(py::dtype::of<std::int32_t>()) ? Array::Type::int32 : Array::Type::int64;
        const DenseArray<std::int64_t> dense(values);
        array.integers.assign(dense.data(), dense.data() + dense.size());
    } else {
        throw Error(ErrorCode::invalid_argument,
                    "array '" + name + "' has dtype " + std::string(py::str(type)) +
                        "; a model file holds float64, float32, int64 and int32");
    }
    return array;
}

ModelFile model_file_from_python(const std::string& metadata, const py::dict& arrays,
                                 const std::string& name) {
    ModelFile file;
    file.path = name;
    file.metadata = metadata;
    for (const auto& [key, value] : arrays) {
        const auto array_name = py::cast<std::string>(key);
        file.arrays.emplace(array_name, from_numpy(array_name, py::cast<py::array>(value)));
    }
    return file;
}

py::dict arrays_to_python(const ModelFile& file) {
    py::dict arrays;
    for (const auto& [name, array] : file.arrays) arrays[py::str(name)] = numpy_of(array);
    return arrays;
}

/// A potential with the reference structures of its file.
struct Model {
    explicit Model(const ModelFile& file)
        : potential(make_potential(file)), references(reference_structures(file)) {}
    Model(const std::string& path, const DeviceOptions& options)
        : on_device(load_device_potential(path, options)),
          potential(on_device),
          references(reference_structures(read_model_file(path))) {}
    std::shared_ptr<const DevicePotential> on_device;  // null: on the CPU
    std::shared_ptr<const Potential> potential;
    std::vector<ReferenceStructure> references;
};

void check_shapes(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species) {
    if (positions.ndim() != 2 || positions.shape(1) != 3 || species.ndim() != 1 ||
        species.shape(0) != positions.shape(0))
        throw Error(ErrorCode::invalid_argument, "positions must have the shape (n, 3) and species (n,)");
}

void check_shapes(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                  const NeighborList& neighbors) {
    check_shapes(positions, species);
    if (static_cast<std::size_t>(species.shape(0)) != neighbors.n_atoms())
        throw Error(ErrorCode::invalid_argument, "the neighbour list was built for " +
                                                     std::to_string(neighbors.n_atoms()) + " atoms, not " +
                                                     std::to_string(species.shape(0)));
}

/// Which results beyond energies, forces and virial are wanted.
struct Wanted {
    bool atom_virials = false, atom_virials_halved = false, uncertainties = false;
};

/// Arrays of zeros for n atoms in `output`, and where they lie.
Results make_results(py::dict& output, py::ssize_t n, const Wanted& wanted) {
    const auto zeros = [&output](const char* name, std::vector<py::ssize_t> shape) {
        py::array_t<double> array(std::move(shape));
        std::fill_n(array.mutable_data(), array.size(), 0.0);
        output[name] = array;
        return std::span<double>(array.mutable_data(), static_cast<std::size_t>(array.size()));
    };
    Results results;
    results.atom_energies = zeros("atom_energies", {n});
    results.forces = zeros("forces", {n, 3});
    results.virial = zeros("virial", {3, 3}).data();
    if (wanted.atom_virials) results.atom_virials = zeros("atom_virials", {n, 3, 3});
    if (wanted.atom_virials_halved) results.atom_virials_halved = zeros("atom_virials_halved", {n, 6});
    if (wanted.uncertainties) results.atom_uncertainties = zeros("atom_uncertainties", {n});
    return results;
}

/// A workspace with its model; calls from several Python threads wait for each other.
class Evaluator {
public:
    Evaluator(const Model& model, const EvaluationOptions& options)
        : potential_(model.potential),
          on_device_(model.on_device),
          workspace_(potential_->make_workspace(options)) {}

    [[nodiscard]] std::string description() const { return workspace_->description(); }
    [[nodiscard]] std::size_t memory() const { return workspace_->memory(); }

    py::dict evaluate(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                      const NeighborList& neighbors, bool atom_virials, bool atom_virials_halved,
                      bool uncertainties) {
        check_shapes(positions, species, neighbors);
        require_uncertainty(uncertainties);
        const py::ssize_t n = species.shape(0);
        double energy = 0;
        py::dict output;
        Results results = make_results(output, n, {atom_virials, atom_virials_halved, uncertainties});
        results.energy = &energy;
        Cluster cluster;
        cluster.positions = {positions.data(), static_cast<std::size_t>(positions.size())};
        cluster.species = {species.data(), static_cast<std::size_t>(n)};
        {
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            number_centers(static_cast<std::size_t>(n));
            cluster.centers = centers_;
            neighbors.attach(cluster);
            if (n > 0) potential_->evaluate(cluster, results, *workspace_);
        }
        output["energy"] = energy;
        return output;
    }

    /// Many systems in one call; system s has the atoms offsets[s] .. offsets[s + 1].
    py::dict evaluate_batch(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                            const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                            const DenseArray<bool>& pbc, int n_threads) {
        const py::ssize_t n = species.shape(0), n_systems = offsets.size() - 1;
        if (positions.ndim() != 2 || positions.shape(0) != n || positions.shape(1) != 3 || n_systems < 0 ||
            cells.size() != 9 * n_systems || pbc.size() != 3 * n_systems)
            throw Error(ErrorCode::invalid_argument, "the arrays of the batch do not fit together");
        py::array_t<double> energies(n_systems), atom_energies(n), forces({n, py::ssize_t{3}}),
            virials({n_systems, py::ssize_t{6}});
        for (py::array_t<double>* array : {&energies, &atom_energies, &forces, &virials})
            std::fill_n(array->mutable_data(), array->size(), 0.0);
        Results results;
        results.atom_energies = {atom_energies.mutable_data(), static_cast<std::size_t>(n)};
        results.forces = {forces.mutable_data(), static_cast<std::size_t>(3 * n)};
        double *energy = energies.mutable_data(), *virial = virials.mutable_data();
        {
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            boxes_.resize(static_cast<std::size_t>(n_systems));
            for (std::size_t s = 0; s < boxes_.size(); ++s)
                for (std::size_t a = 0; a < 3; ++a) {
                    for (std::size_t d = 0; d < 3; ++d)
                        boxes_[s].cell[a][d] = cells.data()[9 * s + 3 * a + d];
                    boxes_[s].periodic[a] = pbc.data()[3 * s + a];
                }
            batch_.build({positions.data(), static_cast<std::size_t>(3 * n)},
                         {offsets.data(), boxes_.size() + 1}, boxes_, potential_->info().cutoff, n_threads);
            number_centers(static_cast<std::size_t>(n));
            Cluster cluster;
            cluster.positions = {positions.data(), static_cast<std::size_t>(3 * n)};
            cluster.species = {species.data(), static_cast<std::size_t>(n)};
            cluster.centers = centers_;
            batch_.attach(cluster);
            atom_virials_.assign(static_cast<std::size_t>(6 * n), 0.0);
            results.atom_virials_halved = atom_virials_;
            if (n > 0) potential_->evaluate(cluster, results, *workspace_);
            for (std::size_t s = 0; s < boxes_.size(); ++s)
                for (auto i = static_cast<std::size_t>(offsets.data()[s]);
                     i < static_cast<std::size_t>(offsets.data()[s + 1]); ++i) {
                    energy[s] += results.atom_energies[i];
                    for (std::size_t c = 0; c < 6; ++c) virial[6 * s + c] += atom_virials_[6 * i + c];
                }
        }
        py::dict output;
        output["energies"] = energies;
        output["atom_energies"] = atom_energies;
        output["forces"] = forces;
        output["virials"] = virials;
        return output;
    }

    /// On a device, which finds the neighbours: no list from here.
    py::dict evaluate_open(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                           const DenseArray<double>& cell, const std::array<bool, 3>& pbc, double skin,
                           bool atom_virials_halved, bool uncertainties) {
        check_shapes(positions, species);
        if (!on_device_) throw Error(ErrorCode::invalid_argument, "the model is not on a device");
        if (cell.size() != 9) throw Error(ErrorCode::invalid_argument, "the cell must have the shape (3, 3)");
        require_uncertainty(uncertainties);
        OpenCluster cluster;
        cluster.positions = span_of(positions);
        cluster.species = span_of(species);
        cluster.n_centers = species.shape(0);
        for (std::size_t a = 0; a < 3; ++a)
            for (std::size_t d = 0; d < 3; ++d) cluster.box.cell[a][d] = cell.data()[3 * a + d];
        cluster.box.periodic = pbc;
        cluster.skin = skin;
        double energy = 0;
        py::dict output;
        Results results = make_results(output, species.shape(0), {false, atom_virials_halved, uncertainties});
        results.energy = &energy;
        {
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            if (cluster.n_centers > 0) on_device_->evaluate(cluster, results, *workspace_);
        }
        output["energy"] = energy;
        return output;
    }

private:
    void require_uncertainty(bool wanted) const {
        if (wanted && !potential_->info().has_uncertainty)
            throw Error(ErrorCode::unsupported, "this model has no uncertainty");
    }

    void number_centers(std::size_t n) {
        if (centers_.size() == n) return;
        centers_.resize(n);
        std::iota(centers_.begin(), centers_.end(), 0);
    }

    std::shared_ptr<const Potential> potential_;
    std::shared_ptr<const DevicePotential> on_device_;  // the same one, or null
    std::unique_ptr<Workspace> workspace_;
    std::vector<std::int32_t> centers_;
    SystemBatch batch_;
    std::vector<Box> boxes_;
    std::vector<double> atom_virials_;
    std::mutex mutex_;
};

/// The pair that is closest in units of the smallest distance of its elements in the training data, if any
/// pair is closer than that: (i, j, distance, smallest distance in the training data).
std::optional<std::tuple<int, int, double, double>> closer_than_training(
    const Model& model, const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
    const NeighborList& neighbors) {
    check_shapes(positions, species, neighbors);
    const std::vector<double>& minimum = model.potential->info().minimum_distances;
    if (std::all_of(minimum.begin(), minimum.end(), [](double d) { return d <= 0; })) return std::nullopt;
    const py::gil_scoped_release release;
    const std::size_t n_elements = model.potential->info().elements.size();
    const double* r = positions.data();
    const double* shifts = neighbors.shift_vectors().data();
    double worst = 1;
    std::optional<std::tuple<int, int, double, double>> result;
    for (std::size_t i = 0; i < neighbors.n_atoms(); ++i) {
        const auto row = neighbors.neighbors(i), shift_row = neighbors.shifts(i);
        for (std::size_t k = 0; k < row.size(); ++k) {
            const auto j = static_cast<std::size_t>(row[k]);
            if (j < i) continue;  // seen from the other end
            const double* shift = shifts + 3 * static_cast<std::size_t>(shift_row[k]);
            double squared = 0;
            for (std::size_t d = 0; d < 3; ++d) {
                const double x = r[3 * j + d] + shift[d] - r[3 * i + d];
                squared += x * x;
            }
            const std::int32_t si = species.data()[i], sj = species.data()[j];
            if (si < 0 || sj < 0) continue;
            const double limit =
                minimum[static_cast<std::size_t>(si) * n_elements + static_cast<std::size_t>(sj)];
            if (squared < worst * limit * limit) {
                worst = squared / (limit * limit);
                result.emplace(static_cast<int>(i), static_cast<int>(j), std::sqrt(squared), limit);
            }
        }
    }
    return result;
}

py::dict check(const Model& model, const EvaluationOptions& options) {
    ReferenceCheck result;
    {
        const py::gil_scoped_release release;
        result = check_references(*model.potential, model.references, options);
    }
    py::dict output;
    output["n_structures"] = result.n_structures;
    output["energy_error"] = result.energy_error;
    output["force_error"] = result.force_error;
    output["passed"] = result.passed;
    output["worst"] = result.worst;
    return output;
}

}  // namespace

EvaluationOptions make_options(const std::string& precision, int n_threads,
                               const std::string& instruction_set) {
    EvaluationOptions options;
    if (precision == "mixed")
        options.precision = Precision::mixed;
    else if (precision != "double")
        throw Error(ErrorCode::invalid_argument,
                    "unknown precision '" + precision + "': use 'double' or 'mixed'");
    if (n_threads < 1)
        throw Error(ErrorCode::invalid_argument,
                    "the number of threads must be at least 1, got " + std::to_string(n_threads));
    options.n_threads = n_threads;
    constexpr std::pair<const char*, InstructionSet> names[] = {{"automatic", InstructionSet::automatic},
                                                                {"baseline", InstructionSet::baseline},
                                                                {"avx2", InstructionSet::avx2},
                                                                {"avx512", InstructionSet::avx512}};
    const auto* found = std::find_if(std::begin(names), std::end(names),
                                     [&](const auto& entry) { return instruction_set == entry.first; });
    if (found == std::end(names))
        throw Error(ErrorCode::invalid_argument, "unknown instruction set '" + instruction_set +
                                                     "': use automatic, baseline, avx2 or avx512");
    options.instruction_set = found->second;
    return options;
}

void bind_potential(py::module_& module) {
    py::class_<Model>(module, "Model", "A loaded model and its reference structures.")
        .def_static(
            "load",
            [](const std::string& path) {
                const py::gil_scoped_release release;
                return std::make_unique<Model>(read_model_file(path));
            },
            py::arg("path"))
        .def_static(
            "load_on_device",
            [](const std::string& path, int device, bool deterministic) {
                const py::gil_scoped_release release;
                DeviceOptions options;
                options.device = device;
                options.deterministic = deterministic;
                return std::make_unique<Model>(path, options);
            },
            py::arg("path"), py::arg("device"), py::arg("deterministic"))
        .def_static(
            "from_arrays",
            [](const std::string& metadata, const py::dict& arrays, const std::string& name) {
                return std::make_unique<Model>(model_file_from_python(metadata, arrays, name));
            },
            py::arg("metadata"), py::arg("arrays"), py::arg("name"))
        .def_property_readonly("family", [](const Model& m) { return m.potential->info().family; })
        .def_property_readonly("elements", [](const Model& m) { return m.potential->info().elements; })
        .def_property_readonly("cutoff", [](const Model& m) { return m.potential->info().cutoff; })
        .def_property_readonly("isolated_energies",
                               [](const Model& m) { return m.potential->info().isolated_energies; })
        .def_property_readonly("minimum_distances",
                               [](const Model& m) {
                                   const auto n =
                                       static_cast<py::ssize_t>(m.potential->info().elements.size());
                                   std::vector<double> values = m.potential->info().minimum_distances;
                                   values.resize(static_cast<std::size_t>(n * n), 0.0);
                                   return to_numpy(values, {n, n});
                               })
        .def_property_readonly("has_uncertainty",
                               [](const Model& m) { return m.potential->info().has_uncertainty; })
        .def_property_readonly("metadata", [](const Model& m) { return m.potential->info().metadata; })
        .def_property_readonly("n_references", [](const Model& m) { return m.references.size(); })
        .def(
            "make_evaluator",
            [](const Model& m, const std::string& precision, int n_threads,
               const std::string& instruction_set) {
                return std::make_unique<Evaluator>(m, make_options(precision, n_threads, instruction_set));
            },
            py::arg("precision"), py::arg("n_threads"), py::arg("instruction_set"))
        .def("closer_than_training", &closer_than_training, py::arg("positions"), py::arg("species"),
             py::arg("neighbors"))
        .def(
            "check",
            [](const Model& m, const std::string& precision, int n_threads,
               const std::string& instruction_set) {
                return check(m, make_options(precision, n_threads, instruction_set));
            },
            py::arg("precision"), py::arg("n_threads"), py::arg("instruction_set"));

    py::class_<Evaluator>(module, "Evaluator", "The memory of evaluations of one model.")
        .def_property_readonly("description", &Evaluator::description)
        .def_property_readonly("memory", &Evaluator::memory)
        .def("evaluate", &Evaluator::evaluate, py::arg("positions"), py::arg("species"), py::arg("neighbors"),
             py::arg("atom_virials") = false, py::arg("atom_virials_halved") = false,
             py::arg("uncertainties") = false)
        .def("evaluate_open", &Evaluator::evaluate_open, py::arg("positions"), py::arg("species"),
             py::arg("cell"), py::arg("pbc"), py::arg("skin"), py::arg("atom_virials_halved") = false,
             py::arg("uncertainties") = false)
        .def("evaluate_batch", &Evaluator::evaluate_batch, py::arg("positions"), py::arg("species"),
             py::arg("offsets"), py::arg("cells"), py::arg("pbc"), py::arg("n_threads"));

    module.def(
        "instruction_set", [] { return name_of(resolve_instruction_set(InstructionSet::automatic)); },
        "What the kernels use here unless told otherwise.");

    module.def(
        "device_library", [] { return py::make_tuple(device_library_path(), device_library().build); },
        "Path and build of the device library; UnsupportedError says why there is none.");
    module.def("device_names", &device_names,
               "Devices that can be used; UnsupportedError says why there is none.");

    module.def(
        "read_model_file",
        [](const std::string& path) {
            ModelFile file;
            {
                const py::gil_scoped_release release;
                file = read_model_file(path);
            }
            return py::make_tuple(file.metadata, arrays_to_python(file));
        },
        py::arg("path"), "Metadata (JSON text) and arrays of a .mlip or, converted, a .yace file.");
}

}  // namespace tektite::python
