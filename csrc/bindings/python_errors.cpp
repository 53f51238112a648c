// SPDX-License-Identifier: BSD-3-Clause
#include <exception>
#include <string>

#include "bindings/python_potential.hpp"
#include "tektite/error.hpp"

namespace py = pybind11;

namespace tektite::python {

namespace {

/// The Python class of an error; those of Tektite live in tektite.errors, where they can be documented.
py::object exception_class(ErrorCode code) {
    const auto ours = [](const char* name) -> py::object {
        return py::module_::import("tektite.errors").attr(name);
    };
    const auto builtin = [](PyObject* type) { return py::reinterpret_borrow<py::object>(type); };
    switch (code) {
        case ErrorCode::invalid_argument:
            return builtin(PyExc_ValueError);
        case ErrorCode::file_not_found:
            return builtin(PyExc_FileNotFoundError);
        case ErrorCode::file_damaged:
        case ErrorCode::version_too_new:
            return ours("ModelFileError");
        case ErrorCode::unsupported:
            return ours("UnsupportedError");
        case ErrorCode::unknown_species:
            return ours("UnknownSpeciesError");
        case ErrorCode::not_finite:
            return ours("NotFiniteError");
        case ErrorCode::out_of_memory:
            return builtin(PyExc_MemoryError);
        case ErrorCode::internal:
            break;
    }
    return ours("InternalError");
}

}  // namespace

void bind_errors(py::module_&) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer) std::rethrow_exception(pointer);
        } catch (const Error& error) {
            // A message may quote a damaged file, so it need not be UTF-8.
            const std::string message = error.what();
            const auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
                message.data(), static_cast<py::ssize_t>(message.size()), "backslashreplace"));
            PyErr_SetObject(exception_class(error.code()).ptr(), text.ptr());
        }
    });
}

}  // namespace tektite::python
