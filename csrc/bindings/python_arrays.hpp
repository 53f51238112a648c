// SPDX-License-Identifier: BSD-3-Clause
// Arrays of NumPy as spans and vectors, and back.
#pragma once

#include <pybind11/numpy.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace tektite::python {

/// Whatever NumPy makes an array of T of, contiguous.
template <typename T>
using DenseArray = pybind11::array_t<T, pybind11::array::c_style | pybind11::array::forcecast>;

template <typename T>
std::span<const T> span_of(const DenseArray<T>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

/// Of an array that was made here, to be written to.
inline std::span<double> span_of(pybind11::array_t<double>& array) {
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

/// A copy of the given shape, whose product is the number of values.
template <typename T>
pybind11::array_t<T> to_numpy(const std::vector<T>& values, std::vector<pybind11::ssize_t> shape) {
    pybind11::array_t<T> array(std::move(shape));
    std::copy(values.begin(), values.end(), array.mutable_data());
    return array;
}

/// A copy, (n,).
template <typename T>
pybind11::array_t<T> to_numpy(const std::vector<T>& values) {
    return to_numpy(values, {static_cast<pybind11::ssize_t>(values.size())});
}

inline pybind11::array_t<double> zeros(std::vector<pybind11::ssize_t> shape) {
    pybind11::array_t<double> array(std::move(shape));
    std::fill_n(array.mutable_data(), array.size(), 0.0);
    return array;
}

}  // namespace tektite::python
