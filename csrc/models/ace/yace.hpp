// SPDX-License-Identifier: BSD-3-Clause
// The .yace files of pacemaker ("C-tilde" potentials), a YAML format.
//
// Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021); A. Bochkarev et al., Phys. Rev. Materials 6, 013804
// (2022).
#pragma once

#include <string>

#include "models/ace/parameters.hpp"

namespace tektite::ace {

/// Reads the text of a .yace file; `path` is for messages. In the file n counts from 1, here from 0.
/// Throws Error(file_damaged) with path, line and key; Error(unsupported) for a radial basis, embedding or
/// inner cutoff that Tektite does not have, by name.
Parameters parse_yace(std::string text, const std::string& path);

}  // namespace tektite::ace
