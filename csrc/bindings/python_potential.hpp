// SPDX-License-Identifier: BSD-3-Clause
// Potential, Evaluator, model files and the errors of the engine, for Python.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "tektite/potential.hpp"

namespace tektite::python {

/// Maps tektite::Error to the classes of tektite.errors and to built-in exceptions.
void bind_errors(pybind11::module_& module);

/// precision: "double" or "mixed"; instruction_set: "automatic", "baseline", "avx2", "avx512". Throws
/// Error(invalid_argument) on anything else and on n_threads < 1.
EvaluationOptions make_options(const std::string& precision, int n_threads,
                               const std::string& instruction_set);

void bind_potential(pybind11::module_& module);

}  // namespace tektite::python
