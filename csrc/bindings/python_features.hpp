// SPDX-License-Identifier: BSD-3-Clause
// Descriptors of atoms for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

void bind_features(pybind11::module_& module);

}  // namespace tektite::python
