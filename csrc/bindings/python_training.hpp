// SPDX-License-Identifier: BSD-3-Clause
// Parameter gradients for fits in Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

void bind_training(pybind11::module_& module);

}  // namespace tektite::python
