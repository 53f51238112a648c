// SPDX-License-Identifier: BSD-3-Clause
// The SOAP descriptor for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace tektite::python {

void bind_soap(pybind11::module_& module);

}  // namespace tektite::python
