// SPDX-License-Identifier: BSD-3-Clause
// Which functions an ACE descriptor has: all invariant products of A up to a rank, each once.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019); G. Dusson et al., J. Comput. Phys. 454, 110946 (2022).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "basis/ace_radial.hpp"
#include "basis/coupling.hpp"
#include "descriptors/ace_functions.hpp"

namespace tektite::ace {

/// Limits of the basis. Vectors run over ranks 1, 2, ...; the last rank is their length.
struct BasisLimits {
    int n_elements = 1;
    std::vector<int> n_max;          ///< n < n_max[rank - 1]; rank 1: number of g_k, otherwise of R_nl
    std::vector<int> l_max;          ///< l <= l_max[rank - 1]; 0 for rank 1
    std::vector<double> max_degree;  ///< sum_t (n_t + l_weight l_t) <= max_degree[rank - 1]; empty: no limit
    double l_weight = 1.0;
};

/// One factor of a product: A of neighbours of a species.
struct Factor {
    std::int32_t species = 0, n = 0, l = 0;
    auto operator<=>(const Factor&) const = default;
};

/// All functions of one choice of factors: couplings[coupling] tells how they are combined over m.
struct Product {
    std::int32_t center = 0;
    std::vector<Factor> factors;  ///< ascending
    std::int32_t coupling = 0;
    std::int32_t first_function = 0;  ///< its functions are first_function .. + n_functions
};

/// The functions B_k of all elements, numbered 0 .. n_functions; those of one centre element are contiguous.
class Basis {
public:
    /// Enumerates the functions. Throws Error(invalid_argument) naming the limit that is wrong.
    explicit Basis(const BasisLimits& limits);

    [[nodiscard]] int n_elements() const { return n_elements_; }
    [[nodiscard]] int n_functions() const { return first_function_.back(); }
    /// [n_elements + 1] first function of each centre element.
    [[nodiscard]] const std::vector<std::int32_t>& first_function() const { return first_function_; }
    [[nodiscard]] const std::vector<Product>& products() const { return products_; }
    [[nodiscard]] const std::vector<Coupling>& couplings() const { return couplings_; }
    [[nodiscard]] const Coupling& coupling(const Product& product) const {
        return couplings_[static_cast<std::size_t>(product.coupling)];
    }

    /// rho_p = sum_k coefficients[k][p] B_k written as the fewest functions of a model file: one for each
    /// product. coefficients: [n_functions][n_density]. Throws Error(invalid_argument) on a wrong size.
    [[nodiscard]] Functions combine(std::span<const double> coefficients, int n_density) const;

    /// B_k = sum_t matrix[k][t] Re prod A over the terms of combine(), in compressed rows: [n_functions + 1]
    /// first entries, columns and values. So a file can keep what a posterior over coefficients needs.
    void coupling_matrix(std::vector<std::int64_t>& first, std::vector<std::int32_t>& columns,
                         std::vector<double>& values) const;

private:
    int n_elements_;
    std::vector<Product> products_;  ///< ordered by centre, rank, factors
    std::vector<Coupling> couplings_;
    std::vector<std::int32_t> first_function_;
};

/// Throws Error(invalid_argument) unless bonds, [n_elements][n_elements] with the centre first, have sizes
/// that fit, parameters that mean something, and all the radial functions that the basis uses.
void check_bonds(std::span<const Bond> bonds, const Basis& basis);

}  // namespace tektite::ace
