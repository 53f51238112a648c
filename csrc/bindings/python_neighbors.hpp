// SPDX-License-Identifier: BSD-3-Clause
// Neighbour lists, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

void bind_neighbors(pybind11::module_& module);

}  // namespace tektite::python
