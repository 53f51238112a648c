// SPDX-License-Identifier: BSD-3-Clause
// Generalised Clebsch-Gordan coefficients: rotation-invariant products of spherical functions, each invariant
// once.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019), section IV; G. Dusson et al., J. Comput. Phys. 454, 110946
// (2022), section 4: the invariants of a product of A_{n l m} that is symmetric in factors with equal (n, l)
// are spanned by the coupled products, which are then linearly dependent; a rank-revealing orthogonalisation
// removes the redundant ones.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace tektite {

/// The Clebsch-Gordan coefficient <l1 m1 l2 m2 | l m> for integer l (Condon-Shortley phase), by Racah's
/// formula; zero where the selection rules say so. Accurate to 1e-13 for l <= 12.
double clebsch_gordan(int l1, int m1, int l2, int m2, int l, int m);

/// Invariants of one product of `rank` factors A_{l_t m_t}:
///   B_f = sum_terms coefficients[f][term] Re prod_t A_{l_t m_t},  m_t = m[term][t].
/// Of two terms with opposite m only one is kept with twice the coefficient (sum l is even, so the two are
/// complex conjugates), and of terms that differ by a permutation of interchangeable factors only one.
struct Coupling {
    int rank = 0;
    int n_functions = 0;  ///< linearly independent invariants; may be 0
    int n_terms = 0;
    std::vector<std::int32_t> m;       ///< [n_terms][rank]
    std::vector<double> coefficients;  ///< [n_functions][n_terms]
};

/// Computes the invariants under rotation and inversion for factors of angular momenta `l`. Factors with
/// equal entries in `classes` are interchangeable (same species, n and l); they must stand next to each
/// other.
///
/// The functions are orthonormal as symmetric tensors: sum over all (m_1 .. m_rank) of the products of their
/// coefficients, spread evenly over equivalent terms, is the identity. n_functions is 0 if sum l is odd or no
/// invariant exists.
/// Throws Error(invalid_argument): empty, unequal lengths, l < 0, equal classes with unequal l or not
/// adjacent.
Coupling invariant_coupling(std::span<const int> l, std::span<const int> classes);

/// Keeps what it has computed; not for concurrent use.
class CouplingCache {
public:
    const Coupling& get(std::span<const int> l, std::span<const int> classes);

private:
    std::map<std::pair<std::vector<int>, std::vector<int>>, Coupling> known_;
};

}  // namespace tektite
