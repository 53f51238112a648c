// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/shift_codes.hpp"

#include <cmath>
#include <string>

namespace tektite {

namespace {

constexpr double largest_table = 65536;  // entries

}  // namespace

void ShiftCodes::build(const PeriodicImages& images, const ReducedLattice& lattice, const Box& box) {
    const std::array<std::int64_t, 3>& limit = images.shift_limits();
    transform_ = lattice.transform;
    double entries = 1;
    for (std::int64_t value : limit) entries *= 2 * static_cast<double>(value) + 1;
    for (std::size_t m = 0; m < 3; ++m) {
        double largest = 0;
        for (std::size_t k = 0; k < 3; ++k)
            largest += static_cast<double>(limit[k]) * std::abs(static_cast<double>(transform_[k][m]));
        if (box.periodic[m] && !(largest < 2147483647.0))
            throw Error(
                ErrorCode::invalid_argument,
                "periodic shifts along cell vector " + std::to_string(m) +
                    " do not fit into 32 bits; wrap the atoms into the cell, or give a less skewed cell");
    }
    direct_ = entries <= largest_table;
    table_.clear();
    if (!direct_) return;
    const auto size = [&](std::size_t k) { return static_cast<std::uint32_t>(2 * limit[k] + 1); };
    strides_ = {size(1) * size(2), size(2), 1};
    center_ = 0;
    for (std::size_t k = 0; k < 3; ++k) center_ += strides_[k] * static_cast<std::uint32_t>(limit[k]);
    const Integers3 last = {static_cast<std::int32_t>(limit[0]), static_cast<std::int32_t>(limit[1]),
                            static_cast<std::int32_t>(limit[2])};
    table_.reserve(static_cast<std::size_t>(entries));
    for (std::int32_t a = -last[0]; a <= last[0]; ++a)
        for (std::int32_t b = -last[1]; b <= last[1]; ++b)
            for (std::int32_t c = -last[2]; c <= last[2]; ++c) table_.push_back(to_given({a, b, c}));
}

}  // namespace tektite
