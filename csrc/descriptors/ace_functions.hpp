// SPDX-License-Identifier: BSD-3-Clause
// ACE functions written out as products of A, as data: what a Basis gives and a model evaluates.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019).
#pragma once

#include <cstdint>
#include <vector>

namespace tektite::ace {

/// Basis functions of all elements, flattened. Function f has rank[f] factors (species, n, l) and n_terms[f]
/// products over m; rho_p(f) = sum_terms coefficient[term][p] Re prod_t A_{species_t n_t l_t m_t}.
/// n counts from 0; for rank 1 it counts g_k, otherwise R_nl.
struct Functions {
    std::vector<std::int32_t> center;         ///< [n_functions] species of the centre
    std::vector<std::int32_t> rank;           ///< [n_functions]
    std::vector<std::int32_t> n_terms;        ///< [n_functions]
    std::vector<std::int32_t> species, n, l;  ///< [sum rank]
    std::vector<std::int32_t> m;              ///< [sum n_terms * rank], term-major
    /// [sum n_terms][n_density_max] (densities that the centre lacks are zero).
    std::vector<double> coefficients;
};

}  // namespace tektite::ace
