// SPDX-License-Identifier: BSD-3-Clause
#include "bindings/python_training.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/python_arrays.hpp"
#include "bindings/python_descriptors.hpp"
#include "models/ace/training/trainable_ace.hpp"
#include "tektite/error.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

template <typename T>
std::vector<T> to_vector(const DenseArray<T>& array) {
    return {array.data(), array.data() + array.size()};
}

using ace::training::Frames;

std::shared_ptr<Frames> make_frames(const DenseArray<double>& positions,
                                    const DenseArray<std::int32_t>& species,
                                    const DenseArray<std::int64_t>& offsets, const DenseArray<double>& cells,
                                    const DenseArray<bool>& periodic, int n_elements, double cutoff,
                                    int n_threads) {
    const auto n_frames = static_cast<std::size_t>(offsets.size()) - 1;
    if (offsets.size() < 1 || static_cast<std::size_t>(cells.size()) != 9 * n_frames ||
        static_cast<std::size_t>(periodic.size()) != 3 * n_frames)
        throw Error(
            ErrorCode::invalid_argument,
            "cells must have the shape (n_frames, 3, 3), pbc (n_frames, 3) and offsets (n_frames + 1,)");
    std::vector<Box> boxes(n_frames);
    for (std::size_t f = 0; f < n_frames; ++f) {
        for (std::size_t i = 0; i < 9; ++i) boxes[f].cell[i / 3][i % 3] = cells.data()[9 * f + i];
        for (std::size_t i = 0; i < 3; ++i) boxes[f].periodic[i] = periodic.data()[3 * f + i];
    }
    std::vector<double> all_positions = to_vector(positions);
    std::vector<std::int32_t> all_species = to_vector(species);
    std::vector<std::int64_t> all_offsets = to_vector(offsets);
    py::gil_scoped_release release;
    return std::make_shared<Frames>(std::move(all_positions), std::move(all_species), std::move(all_offsets),
                                    boxes, n_elements, cutoff, n_threads);
}

/// A model; calls from several Python threads wait for each other.
class Trainer {
public:
    Trainer(std::shared_ptr<ace::Basis> basis, const std::vector<py::dict>& bonds, const std::string& kind,
            const DenseArray<double>& prefactors, const DenseArray<double>& exponents, double rho_core_cutoff,
            double drho_core_cutoff, bool radial_fixed) {
        std::vector<ace::Bond> list;
        for (const py::dict& bond : bonds) list.push_back(make_bond(bond));
        const auto n_elements = static_cast<py::ssize_t>(basis->n_elements());
        if (prefactors.ndim() != 2 || prefactors.shape(0) != n_elements || exponents.ndim() != 2 ||
            exponents.shape(0) != n_elements || prefactors.shape(1) != exponents.shape(1))
            throw Error(ErrorCode::invalid_argument,
                        "prefactors and exponents must have the shape (n_elements, n_density)");
        const py::ssize_t n_density = prefactors.shape(1);
        std::vector<ace::Embedding> embeddings;
        for (py::ssize_t e = 0; e < n_elements; ++e) {
            ace::Embedding embedding;
            embedding.kind = kind;
            const double *w = prefactors.data() + e * n_density, *m = exponents.data() + e * n_density;
            embedding.prefactors.assign(w, w + n_density);
            embedding.exponents.assign(m, m + n_density);
            embedding.rho_core_cutoff = rho_core_cutoff;
            embedding.drho_core_cutoff = drho_core_cutoff;
            embeddings.push_back(std::move(embedding));
        }
        py::gil_scoped_release release;
        model_ = std::make_unique<ace::training::TrainableAce>(std::move(basis), std::move(list),
                                                               std::move(embeddings), radial_fixed);
    }

    [[nodiscard]] const ace::training::TrainableAce& model() const { return *model_; }

    void set_parameters(const DenseArray<double>& values) {
        const std::scoped_lock lock(mutex_);
        model_->set_parameters(span_of(values));
    }

    py::tuple evaluate(const Frames& frames, const DenseArray<std::int64_t>& indices, int n_threads,
                       bool with_forces) {
        const py::ssize_t n = indices.size();
        py::ssize_t n_atoms = 0;
        for (py::ssize_t k = 0; with_forces && k < n; ++k) {
            const std::int64_t frame = indices.data()[k];
            if (frame >= 0 && static_cast<std::size_t>(frame) < frames.size())
                n_atoms += static_cast<py::ssize_t>(frames.n_atoms(static_cast<std::size_t>(frame)));
        }
        py::array_t<double> energies(n), forces({n_atoms, py::ssize_t{3}}),
            virials({with_forces ? n : 0, py::ssize_t{6}});
        const std::span<double> e = span_of(energies), f = span_of(forces), w = span_of(virials);
        {
            py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            model_->evaluate(frames, span_of(indices), n_threads, e, f, w);
        }
        return py::make_tuple(energies, forces, virials);
    }

    py::array_t<double> gradient(const Frames& frames, const DenseArray<std::int64_t>& indices, int n_threads,
                                 const DenseArray<double>& dL_denergies, const DenseArray<double>& dL_dforces,
                                 const DenseArray<double>& dL_dvirials) {
        py::array_t<double> gradient(static_cast<py::ssize_t>(model_->layout().size));
        const std::span<double> out = span_of(gradient);
        py::gil_scoped_release release;
        const std::scoped_lock lock(mutex_);
        model_->gradient(frames, span_of(indices), n_threads, span_of(dL_denergies), span_of(dL_dforces),
                         span_of(dL_dvirials), out);
        return gradient;
    }

private:
    std::unique_ptr<ace::training::TrainableAce> model_;
    std::mutex mutex_;
};

}  // namespace

void bind_training(py::module_& module) {
    py::class_<Frames, std::shared_ptr<Frames>>(module, "TrainingFrames", "Frames with neighbour lists.")
        .def(py::init(&make_frames), py::arg("positions"), py::arg("species"), py::arg("offsets"),
             py::arg("cells"), py::arg("pbc"), py::arg("n_elements"), py::arg("cutoff"), py::arg("threads"))
        .def_property_readonly("n_edges", &Frames::n_edges)
        .def_property_readonly("memory", &Frames::memory);

    py::class_<Trainer>(module, "AceTrainer", "An ACE with changing parameters.")
        .def(py::init<std::shared_ptr<ace::Basis>, const std::vector<py::dict>&, const std::string&,
                      const DenseArray<double>&, const DenseArray<double>&, double, double, bool>(),
             py::arg("basis"), py::arg("bonds"), py::arg("embedding"), py::arg("prefactors"),
             py::arg("exponents"), py::arg("rho_core_cutoff"), py::arg("drho_core_cutoff"),
             py::arg("radial_fixed"))
        .def_property_readonly("cutoff", [](const Trainer& t) { return t.model().cutoff(); })
        .def_property_readonly(
            "layout",
            [](const Trainer& t) {
                const auto& layout = t.model().layout();
                py::dict out;
                out["radial"] = layout.radial;
                out["prefactors"] = layout.prefactors;
                out["exponents"] = layout.exponents;
                out["size"] = layout.size;
                return out;
            },
            "Where radial coefficients (of each bond), prefactors and exponents begin, and the number of "
            "all; "
            "coefficients come first.")
        .def_property_readonly("parameters",
                               [](const Trainer& t) {
                                   const std::span<const double> p = t.model().parameters();
                                   return py::array_t<double>(static_cast<py::ssize_t>(p.size()), p.data());
                               })
        .def("set_parameters", &Trainer::set_parameters, py::arg("values"))
        .def("evaluate", &Trainer::evaluate, py::arg("frames"), py::arg("indices"), py::arg("threads"),
             py::arg("forces"),
             "Energies (n,), forces (atoms, 3), virials (n, 6); without forces empty ones.")
        .def("gradient", &Trainer::gradient, py::arg("frames"), py::arg("indices"), py::arg("threads"),
             py::arg("dL_denergies"), py::arg("dL_dforces"), py::arg("dL_dvirials"),
             "dL/dparameters; empty derivatives: zero.");
}

}  // namespace tektite::python
