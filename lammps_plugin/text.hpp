// SPDX-License-Identifier: GPL-2.0-only
// Putting messages together.
#pragma once

#include <sstream>
#include <string>

namespace tektite_lammps {

/// The arguments one after the other; numbers with up to 10 digits.
template <typename... Args>
std::string text(const Args&... args) {
    std::ostringstream out;
    out.precision(10);
    (out << ... << args);
    return out.str();
}

/// Two digits: deviations.
inline std::string brief(double value) {
    std::ostringstream out;
    out.precision(2);
    out << value;
    return out.str();
}

}  // namespace tektite_lammps
