// SPDX-License-Identifier: BSD-3-Clause
// What a GAP consists of, as a model file holds it (docs/file-format.md).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "descriptors/soap.hpp"
#include "tektite/model_file.hpp"

namespace tektite::gap {

/// E_i = delta^2 sum_s weights[s] (p_i . p_s)^zeta.
struct SoapTerm {
    std::vector<bool> centers;  ///< [n_elements] whose energy it is
    std::shared_ptr<const Descriptor> descriptor;
    double delta = 1, zeta = 1;         ///< eV
    std::vector<double> sparse_points;  ///< [n_sparse][n_features]
    std::vector<double> weights;        ///< [n_sparse]
    std::size_t first_sparse = 0;       ///< among those of all terms
};

/// V(r) = delta^2 f(r) sum_s weights[s] exp(-(r - r_s)^2 / 2 theta^2), half to each atom.
struct PairTerm {
    int first = 0, second = 0;  ///< elements
    double cutoff = 0, transition_width = 0, delta = 1, theta = 1;
    std::vector<double> sparse_points, weights;
    std::size_t first_sparse = 0;
};

/// E_i of triplets, see docs/file-format.md.
struct TripletTerm {
    int center = 0, first = 0, second = 0;  ///< elements
    double cutoff = 0, transition_width = 0, delta = 1;
    std::array<double, 3> theta{};
    std::vector<double> sparse_points;  ///< [n_sparse][3]
    std::vector<double> weights;
    std::size_t first_sparse = 0;
};

struct Parameters {
    ModelInfo info;
    std::vector<SoapTerm> soap;
    std::vector<PairTerm> pairs;
    std::vector<TripletTerm> triplets;
    std::size_t n_sparse = 0;  ///< of all terms
    /// [n_sparse][n_sparse] lower triangular factors of the variance; both empty: none.
    std::vector<double> prior_factor, posterior_factor;
};

/// How far each (centre, neighbour) is seen, angstrom: [n_elements][n_elements]; 0: not at all.
std::vector<double> pair_cutoffs(const Parameters& parameters);

/// Reads and checks everything. Throws Error(file_damaged) naming file and array or key.
Parameters read_parameters(const ModelFile& file, const std::string& prefix, const nlohmann::json& metadata);

}  // namespace tektite::gap
