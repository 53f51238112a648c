// SPDX-License-Identifier: BSD-3-Clause
// The extension module tektite._core.
#include <pybind11/pybind11.h>

#include "bindings/python_descriptors.hpp"
#include "bindings/python_features.hpp"
#include "bindings/python_neighbors.hpp"
#include "bindings/python_potential.hpp"
#include "bindings/python_training.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "The Tektite engine. Use the classes and functions of the package tektite instead.";
    module.attr("__version__") = TEKTITE_VERSION;
    tektite::python::bind_errors(module);
    tektite::python::bind_neighbors(module);
    tektite::python::bind_potential(module);
    tektite::python::bind_descriptors(module);
    tektite::python::bind_training(module);
    tektite::python::bind_features(module);
}
