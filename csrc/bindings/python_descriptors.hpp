// SPDX-License-Identifier: BSD-3-Clause
// ACE bases, descriptors and radial functions for fits in Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

void bind_descriptors(pybind11::module_& module);

}  // namespace tektite::python
