// SPDX-License-Identifier: BSD-3-Clause
// Pair potentials: E = 1/2 sum_ij V(r_ij).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "models/pair/pair_function.hpp"
#include "tektite/model_file.hpp"

namespace tektite {

/// What a file says of a pair potential: one of the two lists has functions.
struct PairFunctions {
    ModelInfo info;
    std::vector<ZblFunction> zbl;       ///< [n_elements][n_elements], symmetric, or empty
    std::vector<TableFunction> tables;  ///< [n_elements][n_elements], symmetric, or empty
    std::vector<double> cutoffs;        ///< [n_elements][n_elements], angstrom
};

/// Throws like make_pair_potential().
PairFunctions read_pair_functions(const ModelFile& file, const std::string& prefix,
                                  const nlohmann::json& metadata);

/// Family "pair" of a model file (docs/file-format.md): kind "zbl" or "table".
/// Throws Error(file_damaged) naming the array or key; Error(unsupported) for another kind.
std::shared_ptr<const Potential> make_pair_potential(const ModelFile& file, const std::string& prefix,
                                                     const nlohmann::json& metadata);

}  // namespace tektite
