// SPDX-License-Identifier: BSD-3-Clause
// Radial functions of ACE as analytic functions; evaluation tabulates them (radial_table.hpp).
#pragma once

#include <string>
#include <vector>

namespace tektite::ace {

/// Radial functions of one ordered pair of species (centre, neighbour).
///   g_k(r), k < n_base: the basis named by `basis`;  R_nl(r) = sum_k coefficients[n][l][k] g_k(r).
struct Bond {
    std::string basis;               ///< "SBessel", "ChebExpCos", "ChebPow", "ChebLinear", "Polynomial"
    std::vector<double> parameters;  ///< of the basis (lambda, ...)
    int n_base = 0;                  ///< number of g_k
    int n_max = 0;                   ///< number of R_nl for each l
    int l_max = 0;
    double cutoff = 0;                 ///< angstrom
    double cutoff_width = 0;           ///< dcut
    double inner_cutoff = 0;           ///< rcut_in
    double inner_cutoff_width = 0;     ///< dcut_in
    std::string inner_cutoff_type;     ///< "distance", "density", "zbl"
    double core_prefactor = 0;         ///< prehc, eV angstrom
    double core_lambda = 0;            ///< lambdahc, 1/angstrom^2
    std::vector<double> coefficients;  ///< [n_max][l_max + 1][n_base]
};

/// g_k(r) and dg_k/dr, k < bond.n_base, with the inner cutoff applied; zero for r >= cutoff. r > 0 in
/// angstrom.
///
/// SBessel: orthogonalised combinations of spherical Bessel functions j0, E. Kocer, J. K. Mason, H. Erturk,
///   AIP Adv. 10, 015021 (2020), eqs. 8-13.
/// ChebExpCos, ChebPow, ChebLinear: Chebyshev polynomials of a scaled distance, Y. Lysogorskiy et al.,
///   npj Comput. Mater. 7, 97 (2021), eqs. 24-27; A. Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022).
/// Polynomial: see basis/radial_polynomial.hpp.
/// Throws Error(unsupported) naming the basis if it is none of these.
void radial_basis(const Bond& bond, double r, double* g, double* dg_dr);

/// Core repulsion of the pair and its derivative (eV, eV/angstrom).
/// "distance" and "density": prefactor exp(-lambda r^2) / r with a cosine cutoff; "distance": only inside the
/// inner cutoff. "zbl": screened nuclear repulsion of atomic numbers z_i, z_j (half of it, since every pair
/// is seen twice).
void core_repulsion(const Bond& bond, int z_i, int z_j, double r, double& value, double& derivative);

/// Quintic smooth step: 1 for x <= cutoff - width, 0 for x >= cutoff, twice continuously differentiable.
void smooth_step(double x, double cutoff, double width, double& value, double& derivative);

/// Distances at which a higher derivative of these functions jumps, ascending, within (0, cutoff).
std::vector<double> radial_breakpoints(const Bond& bond);

}  // namespace tektite::ace
