// SPDX-License-Identifier: BSD-3-Clause
// Functions of a distance: values and derivatives of pair potentials.
#pragma once

#include <span>
#include <vector>

namespace tektite {

/// The screened nuclear repulsion of J. F. Ziegler, J. P. Biersack and U. Littmark, The Stopping and Range of
/// Ions in Solids (Pergamon, 1985): V(r) = (e^2/4 pi eps0) Z1 Z2 / r phi(r/a), a = 0.8854 a0/(Z1^0.23 +
/// Z2^0.23), times a switching function that is 1 below `inner` and 0 beyond `outer`, twice continuously
/// differentiable.
class ZblFunction {
public:
    ZblFunction() = default;
    ZblFunction(int z1, int z2, double inner, double outer);

    /// V in eV at r > 0 (angstrom); dV/dr (eV/angstrom) in `derivative`.
    double operator()(double r, double& derivative) const;

private:
    double strength_ = 0;        // eV angstrom
    double inverse_length_ = 0;  // 1/a
    double inner_ = 0, outer_ = 0;
};

/// V given with V' and V'' on a uniform grid; between the points the polynomial of degree five that has these
/// values at both ends (Hermite interpolation); zero from the last point on; below the first the Taylor
/// polynomial of second order. Twice continuously differentiable if all three are zero at the last point.
class TableFunction {
public:
    TableFunction() = default;
    /// values: [n_points][3] V, V', V'' in eV and angstrom; n_points >= 2, 0 < first < last.
    TableFunction(double first, double last, std::span<const double> values);

    double operator()(double r, double& derivative) const;

private:
    double first_ = 0, last_ = 0, step_ = 1;
    double taylor_[3] = {};
    std::vector<double> polynomials_;  // [n_points - 1][6], in powers of (r - r_k)/step
};

}  // namespace tektite
