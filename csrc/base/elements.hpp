// SPDX-License-Identifier: BSD-3-Clause
// Chemical symbols.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tektite {

/// Atomic number of a chemical symbol ("H" is 1 ... "Og" is 118); 0 if there is no such element.
int atomic_number(std::string_view symbol);

/// Throws Error(file_damaged), with `where` before the message, unless `symbols` is a non-empty list of
/// distinct chemical symbols.
void check_elements(const std::vector<std::string>& symbols, const std::string& where);

}  // namespace tektite
