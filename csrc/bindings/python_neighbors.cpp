// SPDX-License-Identifier: BSD-3-Clause
#include "bindings/python_neighbors.hpp"

#include <algorithm>
#include <string>

#include "bindings/python_arrays.hpp"
#include "neighbors/edge_arrays.hpp"
#include "tektite/neighbor_list.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

std::span<const double> positions_span(const DenseArray<double>& positions) {
    if (positions.ndim() != 2 || positions.shape(1) != 3)
        throw Error(ErrorCode::invalid_argument, "positions must have the shape (n, 3)");
    return {positions.data(), static_cast<std::size_t>(positions.size())};
}

Box make_box(const DenseArray<double>& cell, const DenseArray<bool>& pbc) {
    if (cell.ndim() != 2 || cell.shape(0) != 3 || cell.shape(1) != 3)
        throw Error(ErrorCode::invalid_argument, "the cell must have the shape (3, 3)");
    if (pbc.ndim() != 1 || pbc.shape(0) != 3)
        throw Error(ErrorCode::invalid_argument, "pbc must have the shape (3,)");
    Box box;
    for (py::ssize_t a = 0; a < 3; ++a) {
        for (py::ssize_t d = 0; d < 3; ++d)
            box.cell[static_cast<std::size_t>(a)][static_cast<std::size_t>(d)] = cell.at(a, d);
        box.periodic[static_cast<std::size_t>(a)] = pbc.at(a);
    }
    return box;
}

py::tuple edges(const NeighborList& list, const DenseArray<double>& positions, const std::string& quantities,
                bool self_interaction, int n_threads) {
    const std::span<const double> r = positions_span(positions);
    if (r.size() != 3 * list.n_atoms())
        throw Error(ErrorCode::invalid_argument, "the neighbour list was built for " +
                                                     std::to_string(list.n_atoms()) + " atoms, not " +
                                                     std::to_string(r.size() / 3));
    if (n_threads < 1)
        throw Error(ErrorCode::invalid_argument,
                    "the number of threads must be at least 1, not " + std::to_string(n_threads));
    const auto n = static_cast<py::ssize_t>(list.n_edges() + (self_interaction ? list.n_atoms() : 0));
    EdgeArrays arrays;
    py::dict made;
    py::tuple result(quantities.size());
    for (std::size_t q = 0; q < quantities.size(); ++q) {
        const py::str name(quantities.substr(q, 1));
        if (!made.contains(name)) switch (quantities[q]) {
                case 'i':
                case 'j': {
                    py::array_t<std::int64_t> array(n);
                    (quantities[q] == 'i' ? arrays.i : arrays.j) = array.mutable_data();
                    made[name] = array;
                    break;
                }
                case 'd': {
                    py::array_t<double> array(n);
                    arrays.d = array.mutable_data();
                    made[name] = array;
                    break;
                }
                case 'D': {
                    py::array_t<double> array({n, py::ssize_t{3}});
                    arrays.D = array.mutable_data();
                    made[name] = array;
                    break;
                }
                case 'S': {
                    py::array_t<std::int32_t> array({n, py::ssize_t{3}});
                    arrays.S = array.mutable_data();
                    made[name] = array;
                    break;
                }
                default:
                    throw Error(ErrorCode::invalid_argument, "unknown quantity '" + quantities.substr(q, 1) +
                                                                 "' in '" + quantities +
                                                                 "': the letters may be i, j, d, D and S");
            }
        result[q] = made[name];
    }
    {
        const py::gil_scoped_release release;
        Parallel parallel;
        parallel.set_threads(n_threads);
        write_edges(list, r, self_interaction, arrays, parallel);
    }
    return result;
}

}  // namespace

void bind_neighbors(py::module_& module) {
    py::class_<NeighborList>(module, "NeighborList",
                             "Pairs of atoms within a cutoff; memory is kept between builds.")
        .def(py::init<>())
        .def(
            "build",
            [](NeighborList& list, const DenseArray<double>& positions, const DenseArray<double>& cell,
               const DenseArray<bool>& pbc, double cutoff, int n_threads) {
                const std::span<const double> r = positions_span(positions);
                const Box box = make_box(cell, pbc);
                const py::gil_scoped_release release;
                list.build(r, box, cutoff, n_threads);
            },
            py::arg("positions"), py::arg("cell"), py::arg("pbc"), py::arg("cutoff"),
            py::arg("n_threads") = 1, "Lists all pairs closer than the cutoff.")
        .def(
            "update",
            [](NeighborList& list, const DenseArray<double>& positions, const DenseArray<double>& cell,
               const DenseArray<bool>& pbc, double cutoff, double skin, int n_threads) {
                const std::span<const double> r = positions_span(positions);
                const Box box = make_box(cell, pbc);
                const py::gil_scoped_release release;
                return list.update(r, box, cutoff, skin, n_threads);
            },
            py::arg("positions"), py::arg("cell"), py::arg("pbc"), py::arg("cutoff"), py::arg("skin"),
            py::arg("n_threads") = 1,
            "Makes the list hold all pairs closer than the cutoff, and some up to cutoff + skin; returns "
            "whether it "
            "had to be built anew.")
        .def("edges", &edges, py::arg("positions"), py::arg("quantities"),
             py::arg("self_interaction") = false, py::arg("n_threads") = 1,
             "The arrays of quantities (letters i, j, d, D, S), one entry a pair, sorted by i.")
        .def_property_readonly("n_atoms", &NeighborList::n_atoms)
        .def_property_readonly("n_edges", &NeighborList::n_edges)
        .def_property_readonly("memory", &NeighborList::memory, "Bytes held.")
        .def_property_readonly("counts", [](const NeighborList& list) {
            py::array_t<std::int32_t> counts(static_cast<py::ssize_t>(list.n_atoms()));
            std::copy(list.counts().begin(), list.counts().end(), counts.mutable_data());
            return counts;
        });
}

}  // namespace tektite::python
