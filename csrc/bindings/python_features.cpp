// SPDX-License-Identifier: BSD-3-Clause
#include "bindings/python_features.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/elements.hpp"
#include "base/model_file_json.hpp"
#include "bindings/python_arrays.hpp"
#include "bindings/python_descriptors.hpp"
#include "bindings/python_potential.hpp"
#include "bindings/reused_arrays.hpp"
#include "descriptors/descriptor_evaluator.hpp"
#include "descriptors/soap.hpp"
#include "models/ace/ace_features.hpp"
#include "models/ace/paired_products.hpp"
#include "models/ace/tables.hpp"
#include "models/gap/covariance_rows.hpp"
#include "neighbors/system_batch.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

/// Access to the values of a dictionary that the Python side has made complete.
struct Reader {
    const py::dict& given;
    [[nodiscard]] double number(const char* key) const { return py::cast<double>(given[key]); }
    [[nodiscard]] int integer(const char* key) const { return py::cast<int>(given[key]); }
    [[nodiscard]] bool flag(const char* key) const { return py::cast<bool>(given[key]); }
    [[nodiscard]] std::string text(const char* key) const { return py::cast<std::string>(given[key]); }
};

/// For each centre element: n_base, complex A_nlm (m >= 0) of all neighbour species; n_columns, those of the
/// largest radial table; n_rows and n_terms of the product graph; n_density; l_max.
std::vector<py::dict> ace_sizes(const std::string& path) {
    const ModelFile file = read_model_file(path);
    const ace::Parameters parameters =
        ace::read_parameters(file, "", parse_json(file.metadata, file.path, "metadata"));
    std::vector<int> numbers;
    for (const std::string& symbol : parameters.elements) numbers.push_back(atomic_number(symbol));
    std::vector<py::dict> sizes;
    for (const ace::CenterTables& center : ace::make_tables(parameters, numbers)) {
        const ace::ProductGraph& graph = center.graph;
        int n_columns = 0;
        std::vector<int> n_radial;  // of the bond with the most columns
        for (const ace::BondLayout& bond : center.bonds)
            if (bond.n_columns > n_columns) {
                n_columns = bond.n_columns;
                n_radial = bond.n_radial;
            }
        py::dict entry;
        entry["n_base"] = center.base.size;
        entry["n_columns"] = n_columns;
        entry["n_rows"] = graph.rows.size();
        entry["n_terms"] = graph.others.size();
        entry["n_density"] = graph.n_density;
        entry["l_max"] = center.base.l_max;
        entry["n_products"] =
            graph.coefficients.size() / static_cast<std::size_t>(std::max(graph.n_density, 1));
        entry["n_stored"] = ace::paired_products(graph, center.base).n_stored();
        entry["n_radial"] = n_radial;
        sizes.push_back(std::move(entry));
    }
    return sizes;
}

SoapParameters make_parameters(const py::dict& given) {
    const Reader read{given};
    SoapParameters p;
    p.radial.basis = read.text("radial_basis");
    p.radial.n_max = read.integer("n_max");
    p.radial.l_max = read.integer("l_max");
    p.radial.cutoff = read.number("cutoff");
    p.radial.transition_width = read.number("cutoff_transition_width");
    p.radial.sigma = read.number("sigma");
    p.radial.basis_error_exponent = read.number("basis_error_exponent");
    p.channel = py::cast<std::vector<int>>(given["channel"]);
    p.central_weight = read.number("central_weight");
    p.central_all_channels = read.flag("central_all_channels");
    p.normalise = read.flag("normalise");
    if (!given["mixing"].is_none()) {
        const DenseArray<double> mixing(given["mixing"]);
        if (mixing.ndim() != 2)
            throw Error(ErrorCode::invalid_argument, "SOAP: the mixing matrix must have two dimensions");
        p.mixing.assign(mixing.data(), mixing.data() + mixing.size());
        p.n_mixed = static_cast<int>(mixing.shape(0));
        p.mixing_left = read.integer("mixing_left");
    }
    return p;
}

SoapTurboParameters make_turbo_parameters(const py::dict& given) {
    SoapTurboParameters p;
    p.l_max = py::cast<int>(given["l_max"]);
    p.compressed = py::cast<bool>(given["compressed"]);
    p.channel = py::cast<std::vector<int>>(given["channel"]);
    for (const py::handle& item : given["species"]) {
        const auto one = py::cast<py::dict>(item);
        const Reader read{one};
        p.species.push_back({read.text("basis"), read.integer("alpha_max"), read.number("cutoff_soft"),
                             read.number("cutoff_hard"), read.number("filter"), read.number("sigma_r"),
                             read.number("sigma_r_scaling"), read.number("sigma_t"),
                             read.number("sigma_t_scaling"), read.number("amplitude_scaling"),
                             read.integer("radial_enhancement"), read.number("central_weight"),
                             read.flag("quip_damping")});
    }
    return p;
}

/// A descriptor with its evaluator; calls from several Python threads wait for each other.
class DescriptorCalculator {
public:
    DescriptorCalculator(std::shared_ptr<const Descriptor> descriptor, const EvaluationOptions& options)
        : descriptor_(std::move(descriptor)),
          evaluator_(make_descriptor_evaluator(descriptor_, options)),
          cutoff_(*std::max_element(descriptor_->cutoffs().begin(), descriptor_->cutoffs().end())),
          n_threads_(options.n_threads) {}

    [[nodiscard]] int n_features() const { return descriptor_->n_features(); }
    [[nodiscard]] double cutoff() const { return cutoff_; }
    [[nodiscard]] std::string description() const { return evaluator_->description(); }

    /// System s has the atoms offsets[s] .. offsets[s + 1].
    py::array_t<double> features(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                                 const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                                 const DenseArray<bool>& pbc) {
        py::array_t<double> out({species.size(), py::ssize_t{n_features()}});
        const std::span<double> all = span_of(out);
        const py::gil_scoped_release release;
        const std::scoped_lock lock(mutex_);
        const Cluster cluster = build(positions, species, offsets, cells, pbc);
        evaluator_->features(cluster, all);
        return out;
    }

    py::tuple gradient(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                       const DenseArray<double>& cell, const DenseArray<bool>& pbc,
                       const DenseArray<double>& adjoint) {
        py::array_t<double> forces({species.size(), py::ssize_t{3}}), virial({3, 3});
        std::fill_n(forces.mutable_data(), forces.size(), 0.0);
        std::fill_n(virial.mutable_data(), virial.size(), 0.0);
        Results results;
        results.forces = span_of(forces);
        results.virial = virial.mutable_data();
        {
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            const Cluster cluster = build_one(positions, species, cell, pbc);
            evaluator_->gradient(cluster, {adjoint.data(), static_cast<std::size_t>(adjoint.size())},
                                 results);
        }
        return py::make_tuple(forces, virial);
    }

    /// As gradient(), for many systems: (forces, strain gradients [n_systems][3][3] = sum_edges r_a dE/dr_b).
    py::tuple gradients(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                        const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                        const DenseArray<bool>& pbc, const DenseArray<double>& adjoint) {
        const py::ssize_t n = species.size(), n_systems = offsets.size() - 1;
        py::array_t<double> gradient({n, py::ssize_t{3}}),
            strain({n_systems, py::ssize_t{3}, py::ssize_t{3}});
        std::fill_n(gradient.mutable_data(), gradient.size(), 0.0);
        std::fill_n(strain.mutable_data(), strain.size(), 0.0);
        Results results;
        results.forces = span_of(gradient);
        double* out = strain.mutable_data();
        {
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            const Cluster cluster = build(positions, species, offsets, cells, pbc);
            atom_virials_.assign(static_cast<std::size_t>(9 * n), 0.0);
            results.atom_virials = atom_virials_;
            evaluator_->gradient(cluster, {adjoint.data(), static_cast<std::size_t>(adjoint.size())},
                                 results);
            for (double& f : results.forces) f = -f;
            for (py::ssize_t s = 0; s < n_systems; ++s)
                for (std::int64_t i = offsets.data()[s]; i < offsets.data()[s + 1]; ++i)
                    for (py::ssize_t c = 0; c < 9; ++c)
                        out[9 * s + c] -= atom_virials_[static_cast<std::size_t>(9 * i + c)];
        }
        return py::make_tuple(gradient, strain);
    }

    /// Directional derivatives of the features of many systems; strains: [n_systems][3][3].
    py::array_t<double> tangents(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                                 const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                                 const DenseArray<bool>& pbc, const DenseArray<double>& displacements,
                                 const DenseArray<double>& strains) {
        const py::ssize_t n = species.size(), n_systems = offsets.size() - 1;
        if (strains.size() != 9 * n_systems)
            throw Error(ErrorCode::invalid_argument, "strains must have the shape (n_systems, 3, 3)");
        py::array_t<double> out({n, py::ssize_t{n_features()}});
        const std::span<double> all = span_of(out);
        const py::gil_scoped_release release;
        const std::scoped_lock lock(mutex_);
        const Cluster cluster = build(positions, species, offsets, cells, pbc);
        system_.resize(static_cast<std::size_t>(n));
        for (py::ssize_t s = 0; s < n_systems; ++s)
            for (std::int64_t i = offsets.data()[s]; i < offsets.data()[s + 1]; ++i)
                system_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(s);
        evaluator_->tangents(cluster,
                             {{displacements.data(), static_cast<std::size_t>(displacements.size())},
                              {strains.data(), static_cast<std::size_t>(strains.size())},
                              system_},
                             all);
        return out;
    }

    py::dict edge_gradients(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                            const DenseArray<double>& cell, const DenseArray<bool>& pbc,
                            const DenseArray<std::int32_t>& centers) {
        const py::ssize_t n = species.size(), n_features = this->n_features();
        py::array_t<double> features({n, n_features});
        std::fill_n(features.mutable_data(), features.size(), 0.0);
        std::unique_lock lock(mutex_, std::defer_lock);
        {
            // Who has the lock may be waiting for the interpreter.
            const py::gil_scoped_release release;
            lock.lock();
        }
        Cluster cluster = build_one(positions, species, cell, pbc);
        for (py::ssize_t k = 0; k < centers.size(); ++k)
            if (centers.data()[k] < 0 || centers.data()[k] >= n)
                throw Error(ErrorCode::invalid_argument,
                            "there is no atom " + std::to_string(centers.data()[k]));
        cluster.centers = {centers.data(), static_cast<std::size_t>(centers.size())};
        std::vector<std::int64_t> counts(static_cast<std::size_t>(n));
        evaluator_->count_edges(cluster, counts);
        py::array_t<std::int64_t> first(n + 1);
        first.mutable_data()[0] = 0;
        std::partial_sum(counts.begin(), counts.end(), first.mutable_data() + 1);
        const py::ssize_t n_edges = first.data()[n];
        py::array_t<std::int32_t> neighbor(n_edges);
        py::array_t<double> vectors({n_edges, py::ssize_t{3}});
        py::array_t<double> gradient = gradients_.take({n_edges, py::ssize_t{3}, n_features});
        const DescriptorEvaluator::EdgeGradients edges{
            {first.data(), static_cast<std::size_t>(n) + 1},
            {neighbor.mutable_data(), static_cast<std::size_t>(n_edges)},
            span_of(vectors),
            span_of(gradient)};
        const std::span<double> rows = span_of(features);
        {
            const py::gil_scoped_release release;
            evaluator_->edge_gradients(cluster, rows, edges);
        }
        py::dict out;
        out["features"] = features;
        out["first"] = first;
        out["neighbors"] = neighbor;
        out["vectors"] = vectors;
        out["gradients"] = gradient;
        return out;
    }

    [[nodiscard]] std::unique_ptr<gap::CovarianceRows> make_covariance_rows(
        const DenseArray<double>& points, double zeta, const std::string& instruction_set) const {
        const std::span<const double> all{points.data(), static_cast<std::size_t>(points.size())};
        const InstructionSet isa = make_options("double", 1, instruction_set).instruction_set;
        const py::gil_scoped_release release;
        return std::make_unique<gap::CovarianceRows>(descriptor_, all, zeta, isa);
    }

    /// Adds to energy (M,) and, unless they are None, to forces (n, 3, M) and virial (6, M), which may be
    /// some columns of larger arrays.
    void add_covariances(gap::CovarianceRows& rows, const DenseArray<double>& positions,
                         const DenseArray<std::int32_t>& species, const DenseArray<double>& cell,
                         const DenseArray<bool>& pbc, int element, py::array_t<double>& energy,
                         std::optional<py::array_t<double>>& forces,
                         std::optional<py::array_t<double>>& virial) {
        const auto n_points = static_cast<py::ssize_t>(rows.n_points());
        constexpr auto size = static_cast<py::ssize_t>(sizeof(double));
        bool fits = energy.ndim() == 1 && energy.shape(0) == n_points && energy.strides(0) == size;
        if (species.size() == 0) return;
        gap::CovarianceOutput out;
        if (forces && virial && fits) {
            fits = forces->ndim() == 3 && forces->shape(0) == species.size() && forces->shape(1) == 3 &&
                   forces->shape(2) == n_points && virial->ndim() == 2 && virial->shape(0) == 6 &&
                   virial->shape(1) == n_points && forces->strides(2) == size && virial->strides(1) == size &&
                   forces->strides(0) == 3 * forces->strides(1) && forces->strides(1) == virial->strides(0) &&
                   virial->strides(0) >= n_points * size;
            if (fits) {
                out.forces = forces->mutable_data();
                out.virial = virial->mutable_data();
                out.stride = static_cast<std::size_t>(virial->strides(0) / size);
            }
        }
        if (!fits || forces.has_value() != virial.has_value())
            throw Error(ErrorCode::invalid_argument, "the arrays of covariances do not fit together");
        out.energy = energy.mutable_data();
        const py::gil_scoped_release release;
        const std::scoped_lock lock(mutex_);
        rows.add(build_one(positions, species, cell, pbc), element, out);
    }

private:
    Cluster build(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                  const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                  const DenseArray<bool>& pbc) {
        const auto n = static_cast<std::size_t>(species.size());
        const auto n_systems = static_cast<std::size_t>(offsets.size()) - 1;
        if (static_cast<std::size_t>(positions.size()) != 3 * n || offsets.size() < 1 ||
            static_cast<std::size_t>(cells.size()) != 9 * n_systems ||
            static_cast<std::size_t>(pbc.size()) != 3 * n_systems)
            throw Error(ErrorCode::invalid_argument, "the arrays of the systems do not fit together");
        boxes_.resize(n_systems);
        for (std::size_t s = 0; s < n_systems; ++s)
            for (std::size_t a = 0; a < 3; ++a) {
                for (std::size_t d = 0; d < 3; ++d) boxes_[s].cell[a][d] = cells.data()[9 * s + 3 * a + d];
                boxes_[s].periodic[a] = pbc.data()[3 * s + a];
            }
        return build_boxes(positions, species, {offsets.data(), n_systems + 1});
    }

    Cluster build_one(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                      const DenseArray<double>& cell, const DenseArray<bool>& pbc) {
        if (cell.size() != 9 || pbc.size() != 3 || positions.size() != 3 * species.size())
            throw Error(ErrorCode::invalid_argument,
                        "positions must have the shape (n, 3), species (n,), cell (3, 3) and pbc (3,)");
        Box box;
        for (std::size_t i = 0; i < 9; ++i) box.cell[i / 3][i % 3] = cell.data()[i];
        for (std::size_t a = 0; a < 3; ++a) box.periodic[a] = pbc.data()[a];
        boxes_.assign(1, box);
        const std::int64_t offsets[2] = {0, species.size()};
        return build_boxes(positions, species, offsets);
    }

    /// Atoms of boxes_, offsets [n_boxes + 1], with their neighbours; all are centres.
    Cluster build_boxes(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
                        std::span<const std::int64_t> offsets) {
        batch_.build(span_of(positions), offsets, boxes_, cutoff_, n_threads_);
        centers_.resize(static_cast<std::size_t>(species.size()));
        std::iota(centers_.begin(), centers_.end(), 0);
        Cluster cluster;
        cluster.positions = span_of(positions);
        cluster.species = span_of(species);
        cluster.centers = centers_;
        batch_.attach(cluster);
        return cluster;
    }

    std::shared_ptr<const Descriptor> descriptor_;
    std::unique_ptr<DescriptorEvaluator> evaluator_;
    double cutoff_;
    int n_threads_;
    SystemBatch batch_;
    std::vector<Box> boxes_;
    std::vector<std::int32_t> centers_, system_;
    std::vector<double> atom_virials_;
    ReusedArrays gradients_;
    std::mutex mutex_;
};

}  // namespace

void bind_features(py::module_& module) {
    module.def(
        "soap_calculator",
        [](const py::dict& parameters, const std::string& precision, int n_threads,
           const std::string& instruction_set) {
            const bool turbo = py::cast<std::string>(parameters["kind"]) == "soap_turbo";
            const SoapParameters soap = turbo ? SoapParameters{} : make_parameters(parameters);
            const SoapTurboParameters other =
                turbo ? make_turbo_parameters(parameters) : SoapTurboParameters{};
            const py::gil_scoped_release release;
            return std::make_unique<DescriptorCalculator>(
                turbo ? make_soap_turbo(other) : make_soap(soap),
                make_options(precision, n_threads, instruction_set));
        },
        py::arg("parameters"), py::arg("precision"), py::arg("n_threads"), py::arg("instruction_set"),
        "SOAP power spectra; see tektite.SOAP and tektite.SOAPTurbo.");
    module.def(
        "ace_calculator",
        [](const std::vector<py::dict>& bonds, const std::shared_ptr<ace::Basis>& basis,
           const std::string& precision, int n_threads, const std::string& instruction_set) {
            std::vector<ace::Bond> list;
            for (const py::dict& bond : bonds) list.push_back(make_bond(bond));
            const py::gil_scoped_release release;
            return std::make_unique<DescriptorCalculator>(
                std::make_shared<ace::Features>(std::move(list), basis),
                make_options(precision, n_threads, instruction_set));
        },
        py::arg("bonds"), py::arg("basis"), py::arg("precision"), py::arg("n_threads"),
        py::arg("instruction_set"), "Functions of an ACE basis; see tektite.ACE.");
    module.def("ace_sizes", &ace_sizes, py::arg("path"),
               "Sizes of the tables of each centre element of an ACE model, for counting operations.");
    py::class_<gap::CovarianceRows>(module, "CovarianceRows", "Sparse points of a kernel of descriptors.");
    py::class_<DescriptorCalculator>(module, "DescriptorCalculator", "Features of systems.")
        .def_property_readonly("cutoff", &DescriptorCalculator::cutoff)
        .def_property_readonly("n_features", &DescriptorCalculator::n_features)
        .def_property_readonly("description", &DescriptorCalculator::description)
        .def("features", &DescriptorCalculator::features, py::arg("positions"), py::arg("species"),
             py::arg("offsets"), py::arg("cells"), py::arg("pbc"))
        .def("gradient", &DescriptorCalculator::gradient, py::arg("positions"), py::arg("species"),
             py::arg("cell"), py::arg("pbc"), py::arg("adjoint"))
        .def("gradients", &DescriptorCalculator::gradients, py::arg("positions"), py::arg("species"),
             py::arg("offsets"), py::arg("cells"), py::arg("pbc"), py::arg("adjoint"))
        .def("tangents", &DescriptorCalculator::tangents, py::arg("positions"), py::arg("species"),
             py::arg("offsets"), py::arg("cells"), py::arg("pbc"), py::arg("displacements"),
             py::arg("strains"))
        .def("edge_gradients", &DescriptorCalculator::edge_gradients, py::arg("positions"),
             py::arg("species"), py::arg("cell"), py::arg("pbc"), py::arg("centers"))
        .def("make_covariance_rows", &DescriptorCalculator::make_covariance_rows, py::arg("points"),
             py::arg("zeta"), py::arg("instruction_set") = "automatic")
        .def("add_covariances", &DescriptorCalculator::add_covariances, py::arg("rows"), py::arg("positions"),
             py::arg("species"), py::arg("cell"), py::arg("pbc"), py::arg("element"),
             py::arg("energy").noconvert(), py::arg("forces").noconvert(), py::arg("virial").noconvert());
}

}  // namespace tektite::python
