// SPDX-License-Identifier: BSD-3-Clause
#include "bindings/python_descriptors.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "basis/ace_radial.hpp"
#include "basis/radial_polynomial.hpp"
#include "bindings/python_arrays.hpp"
#include "descriptors/ace_basis.hpp"
#include "descriptors/ace_descriptor.hpp"
#include "tektite/error.hpp"
#include "tektite/neighbor_list.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

/// One structure with its neighbour list; every atom is a centre.
class System {
public:
    System(const DenseArray<double>& positions, const DenseArray<std::int32_t>& species,
           const DenseArray<double>& cell, const std::array<bool, 3>& periodic, int n_elements,
           double cutoff) {
        if (positions.ndim() != 2 || positions.shape(1) != 3 || species.ndim() != 1 ||
            species.shape(0) != positions.shape(0) || cell.ndim() != 2 || cell.size() != 9)
            throw Error(ErrorCode::invalid_argument,
                        "positions must have the shape (n, 3), species (n,) and cell (3, 3)");
        positions_.assign(positions.data(), positions.data() + positions.size());
        species_.assign(species.data(), species.data() + species.size());
        for (const std::int32_t s : species_)
            if (s < 0 || s >= n_elements)
                throw Error(ErrorCode::invalid_argument, "a species index is " + std::to_string(s) +
                                                             ", expected 0 to " +
                                                             std::to_string(n_elements - 1));
        centers_.resize(species_.size());
        std::iota(centers_.begin(), centers_.end(), 0);
        for (std::size_t i = 0; i < 9; ++i) box_.cell[i / 3][i % 3] = cell.data()[i];
        box_.periodic = periodic;
        cutoff_ = cutoff;
    }
    /// Does not touch Python.
    const Cluster& cluster() {
        neighbors_.build(positions_, box_, cutoff_);
        cluster_.positions = positions_;
        cluster_.species = species_;
        cluster_.centers = centers_;
        neighbors_.attach(cluster_);
        return cluster_;
    }
    [[nodiscard]] py::ssize_t size() const { return static_cast<py::ssize_t>(species_.size()); }

private:
    std::vector<double> positions_;
    std::vector<std::int32_t> species_, centers_;
    Box box_;
    double cutoff_ = 0;
    NeighborList neighbors_;
    Cluster cluster_;
};

py::tuple design(const ace::Descriptor& descriptor, const DenseArray<double>& positions,
                 const DenseArray<std::int32_t>& species, const DenseArray<double>& cell,
                 const std::array<bool, 3>& periodic, bool with_forces) {
    System system(positions, species, cell, periodic, descriptor.basis().n_elements(), descriptor.cutoff());
    const py::ssize_t k = descriptor.basis().n_functions();
    py::array_t<double> energies = zeros({k});
    py::array_t<double> forces = zeros({k, with_forces ? 3 * system.size() : 0});
    py::array_t<double> virials = zeros({k, with_forces ? 6 : 0});
    const std::span<double> e = span_of(energies), f = span_of(forces), v = span_of(virials);
    {
        py::gil_scoped_release release;
        descriptor.design(system.cluster(), e, f, v);
    }
    return py::make_tuple(energies, forces, virials);
}

py::array_t<double> atom_values(const ace::Descriptor& descriptor, const DenseArray<double>& positions,
                                const DenseArray<std::int32_t>& species, const DenseArray<double>& cell,
                                const std::array<bool, 3>& periodic) {
    System system(positions, species, cell, periodic, descriptor.basis().n_elements(), descriptor.cutoff());
    py::array_t<double> values = zeros({system.size(), descriptor.basis().n_functions()});
    const std::span<double> out = span_of(values);
    {
        py::gil_scoped_release release;
        descriptor.values(system.cluster(), out);
    }
    return values;
}

/// Factors of every function; functions of one product have the same.
py::dict describe(const ace::Basis& basis) {
    std::vector<std::int32_t> center, rank, product_index, species, n, l;
    std::vector<std::int64_t> first_factor{0};
    std::int32_t index = 0;
    for (const ace::Product& product : basis.products()) {
        for (int f = 0; f < basis.coupling(product).n_functions; ++f) {
            center.push_back(product.center);
            rank.push_back(static_cast<std::int32_t>(product.factors.size()));
            product_index.push_back(index);
            for (const ace::Factor& factor : product.factors) {
                species.push_back(factor.species);
                n.push_back(factor.n);
                l.push_back(factor.l);
            }
            first_factor.push_back(static_cast<std::int64_t>(species.size()));
        }
        ++index;
    }
    py::dict out;
    out["center"] = to_numpy(center);
    out["rank"] = to_numpy(rank);
    out["product"] = to_numpy(product_index);
    out["first_factor"] = to_numpy(first_factor);
    out["species"] = to_numpy(species);
    out["n"] = to_numpy(n);
    out["l"] = to_numpy(l);
    return out;
}

py::dict combine(const ace::Basis& basis, const DenseArray<double>& coefficients) {
    if (coefficients.ndim() != 2)
        throw Error(ErrorCode::invalid_argument, "coefficients must have the shape (n_functions, n_density)");
    const auto n_density = static_cast<int>(coefficients.shape(1));
    const ace::Functions functions =
        basis.combine({coefficients.data(), static_cast<std::size_t>(coefficients.size())}, n_density);
    py::dict out;
    out["center"] = to_numpy(functions.center);
    out["rank"] = to_numpy(functions.rank);
    out["n_terms"] = to_numpy(functions.n_terms);
    out["species"] = to_numpy(functions.species);
    out["n"] = to_numpy(functions.n);
    out["l"] = to_numpy(functions.l);
    out["m"] = to_numpy(functions.m);
    out["coefficients"] = to_numpy(functions.coefficients)
                              .reshape({static_cast<py::ssize_t>(functions.coefficients.size()) / n_density,
                                        py::ssize_t{n_density}});
    return out;
}

py::tuple coupling_matrix(const ace::Basis& basis) {
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> columns;
    std::vector<double> values;
    basis.coupling_matrix(first, columns, values);
    return py::make_tuple(to_numpy(first), to_numpy(columns), to_numpy(values));
}

py::tuple radial_functions(const py::dict& description, const DenseArray<double>& distances) {
    const ace::Bond bond = make_bond(description);
    if (bond.basis == "Polynomial") check_polynomial_radial_basis(bond.parameters, bond.cutoff);
    py::array_t<double> g({distances.size(), py::ssize_t{bond.n_base}});
    py::array_t<double> slope({distances.size(), py::ssize_t{bond.n_base}});
    for (py::ssize_t i = 0; i < distances.size(); ++i) {
        if (!(distances.data()[i] > 0.0))
            throw Error(ErrorCode::invalid_argument, "radial functions need positive distances");
        ace::radial_basis(bond, distances.data()[i], g.mutable_data(i, 0), slope.mutable_data(i, 0));
    }
    return py::make_tuple(g, slope);
}

}  // namespace

ace::Bond make_bond(const py::dict& description) {
    const auto number = [&](const char* key) { return py::cast<double>(description[key]); };
    const auto integer = [&](const char* key) { return py::cast<int>(description[key]); };
    ace::Bond bond;
    bond.basis = py::cast<std::string>(description["basis"]);
    bond.parameters = py::cast<std::vector<double>>(description["parameters"]);
    bond.n_base = integer("n_base");
    bond.n_max = integer("n_max");
    bond.l_max = integer("l_max");
    bond.cutoff = number("cutoff");
    bond.cutoff_width = number("cutoff_width");
    bond.inner_cutoff = number("inner_cutoff");
    bond.inner_cutoff_width = number("inner_cutoff_width");
    bond.inner_cutoff_type = py::cast<std::string>(description["inner_cutoff_type"]);
    bond.core_prefactor = number("core_prefactor");
    bond.core_lambda = number("core_lambda");
    const DenseArray<double> coefficients(description["coefficients"]);
    bond.coefficients.assign(coefficients.data(), coefficients.data() + coefficients.size());
    return bond;
}

void bind_descriptors(py::module_& module) {
    py::class_<ace::Basis, std::shared_ptr<ace::Basis>>(module, "AceBasis",
                                                        "All independent ACE functions within limits.")
        .def(py::init([](int n_elements, std::vector<int> n_max, std::vector<int> l_max,
                         std::vector<double> max_degree, double l_weight) {
                 py::gil_scoped_release release;
                 return std::make_shared<ace::Basis>(ace::BasisLimits{
                     n_elements, std::move(n_max), std::move(l_max), std::move(max_degree), l_weight});
             }),
             py::arg("n_elements"), py::arg("n_max"), py::arg("l_max"),
             py::arg("max_degree") = std::vector<double>{}, py::arg("l_weight") = 1.0)
        .def_property_readonly("n_functions", &ace::Basis::n_functions)
        .def_property_readonly("first_function",
                               [](const ace::Basis& b) { return to_numpy(b.first_function()); })
        .def("describe", &describe,
             "Arrays center, rank, product (n_functions,), first_factor (n_functions + 1,) and, for each "
             "factor, "
             "species, n, l.")
        .def("combine", &combine, py::arg("coefficients"),
             "Arrays of a model file's functions for coefficients (n_functions, n_density).")
        .def("coupling_matrix", &coupling_matrix,
             "Functions as rows over the terms of combine(): first (n_functions + 1,), columns, values.");

    py::class_<ace::Descriptor, std::shared_ptr<ace::Descriptor>>(module, "AceDescriptor",
                                                                  "ACE functions of structures.")
        .def(py::init([](const std::vector<py::dict>& bonds, std::shared_ptr<ace::Basis> basis) {
                 std::vector<ace::Bond> list;
                 for (const py::dict& bond : bonds) list.push_back(make_bond(bond));
                 return std::make_shared<ace::Descriptor>(std::move(list), std::move(basis));
             }),
             py::arg("bonds"), py::arg("basis"))
        .def_property_readonly("cutoff", &ace::Descriptor::cutoff)
        .def("design", &design, py::arg("positions"), py::arg("species"), py::arg("cell"),
             py::arg("periodic"), py::arg("forces") = true,
             "Rows of the design matrix, function-major: energies (K,), forces (K, 3 n), virials (K, 6) in "
             "the "
             "order xx yy zz yz xz xy (eV; minus volume times stress).")
        .def("values", &atom_values, py::arg("positions"), py::arg("species"), py::arg("cell"),
             py::arg("periodic"), "B_k of every atom: (n, K).");

    module.def("agnesi_prefactor", &agnesi_prefactor, py::arg("p"), py::arg("q"),
               "The prefactor for which the transformed distance is steepest at r_0.");
    module.def("radial_functions", &radial_functions, py::arg("bond"), py::arg("distances"),
               "g_k and dg_k/dr at the distances: two arrays (n, n_base).");
}

}  // namespace tektite::python
