// SPDX-License-Identifier: BSD-3-Clause
// Radial coefficients of one Gaussian-smeared neighbour in the bases of SOAP.
//
// A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013); docs/soap.md has every formula.
#pragma once

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "base/host_device.hpp"

namespace tektite {

/// Which functions, and how far they reach. Lengths in angstrom.
struct SoapRadialParameters {
    std::string basis = "equispaced_gaussian";  ///< or "gto"
    int n_max = 8;
    int l_max = 6;
    double cutoff = 5.0;
    double transition_width = 0.5;       ///< of the cosine at the end; 0: a step
    double sigma = 0.5;                  ///< width of the Gaussians
    double basis_error_exponent = 10.0;  /// "equispaced_gaussian": Gaussians at the end of the basis are
                                         /// smaller than 10^-exponent
};

/// f(r): 1, a falling half period of the cosine over the last `width` angstrom, 0 from the cutoff on
/// (with no width, 1 up to and including the cutoff).
TEKTITE_HOST_DEVICE inline double cosine_cutoff(double r, double cutoff, double width, double& derivative) {
    derivative = 0.0;
    if (r <= cutoff - width) return 1.0;
    if (r >= cutoff) return 0.0;
    const double k = std::numbers::pi / width, phase = k * (r - cutoff + width);
    derivative = -0.5 * k * std::sin(phase);
    return 0.5 + 0.5 * std::cos(phase);
}

/// R_nl(r) for all n < n_max, l <= l_max. Immutable after construction.
class SoapRadial {
public:
    /// Throws Error(invalid_argument) naming the parameter that has no meaning, or that makes the basis
    /// linearly dependent.
    explicit SoapRadial(const SoapRadialParameters& parameters);

    [[nodiscard]] const SoapRadialParameters& parameters() const { return parameters_; }
    [[nodiscard]] int size() const { return parameters_.n_max * (parameters_.l_max + 1); }

    /// value and derivative (1/angstrom) at r >= 0: [l_max + 1][n_max], the cutoff function included.
    void operator()(double r, double* value, double* derivative) const;

private:
    void gaussians(double r, double* value, double* derivative) const;
    void gto(double r, double* value, double* derivative) const;

    SoapRadialParameters parameters_;
    std::vector<double> place_;      ///< "equispaced_gaussian": [n_max] centres of the Gaussians
    std::vector<double> exponent_;   ///< "gto": [l_max + 1][n_max]
    std::vector<double> transform_;  ///< [n_max][n_max] b, n; "gto": one for each l
};

}  // namespace tektite
