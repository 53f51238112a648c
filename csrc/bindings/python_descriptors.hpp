// SPDX-License-Identifier: BSD-3-Clause
// ACE bases, descriptors and radial functions for fits in Python.
#pragma once

#include <pybind11/pybind11.h>

#include "basis/ace_radial.hpp"

namespace tektite::python {

/// A bond from the dict that describes it in a model file, with its "coefficients".
ace::Bond make_bond(const pybind11::dict& description);

void bind_descriptors(pybind11::module_& module);

}  // namespace tektite::python
