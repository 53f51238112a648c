// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace tektite {

/// The bytes of a file. Throws Error(file_not_found) naming the file and the reason.
std::string read_bytes(const std::string& path);

}  // namespace tektite
