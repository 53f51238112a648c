// SPDX-License-Identifier: BSD-3-Clause
// Potential, Evaluator, model files and the errors of the engine, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

/// Maps tektite::Error to the classes of tektite.errors and to built-in exceptions.
void bind_errors(pybind11::module_& module);

void bind_potential(pybind11::module_& module);

}  // namespace tektite::python
