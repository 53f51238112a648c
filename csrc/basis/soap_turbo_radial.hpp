// SPDX-License-Identifier: BSD-3-Clause
// Radial coefficients of one neighbour in the soap_turbo variant of SOAP.
//
// M. A. Caro, Phys. Rev. B 100, 024112 (2019); docs/soap.md has every formula.
#pragma once

#include <string>
#include <vector>

namespace tektite {

/// Parameters of one neighbour species. Lengths in angstrom.
struct SoapTurboRadialParameters {
    std::string basis = "poly3";  ///< or "poly3gauss"
    int alpha_max = 8;            ///< number of radial functions
    double cutoff_soft = 4.5;     ///< from here on the density is damped
    double cutoff_hard = 5.0;
    double filter = 4.0;                          ///< widths of the damping Gaussian between the cutoffs
    double sigma_r = 0.5, sigma_r_scaling = 0.0;  ///< radial width sigma_r + scaling r
    double sigma_t = 0.5, sigma_t_scaling = 0.0;  ///< width across r
    double amplitude_scaling = 1.0;
    int radial_enhancement = 0;  ///< 0, 1 or 2
    double central_weight = 1.0;
    bool quip_damping = false;  ///< leave out of the damped density what quippy leaves out; see docs/soap.md
};

/// R_nl(r) for n < alpha_max, l <= l_max, by quadrature. Immutable after construction.
class SoapTurboRadial {
public:
    /// reach: the largest hard cutoff of all species, to which amplitudes refer. Throws
    /// Error(invalid_argument) naming the parameter that has no meaning.
    SoapTurboRadial(const SoapTurboRadialParameters& parameters, int l_max, double reach);

    [[nodiscard]] const SoapTurboRadialParameters& parameters() const { return parameters_; }
    /// [alpha_max] what the centre itself adds to c_n00.
    [[nodiscard]] const std::vector<double>& central() const { return central_; }

    /// value and derivative (1/angstrom) at 0 <= r <= cutoff_hard: [l_max + 1][alpha_max].
    void operator()(double r, double* value, double* derivative) const;
    /// With quip_damping, where all functions jump, angstrom; not positive: nowhere.
    [[nodiscard]] double jump() const;

private:
    /// Projections of a neighbour's radial profile on the orthonormal basis, amplitude included, and their
    /// derivatives with respect to x = r / cutoff_hard.
    void project(double x, double* value, double* derivative) const;
    /// Adds to the integrals with (1 - t)^3, (1 - t)^4 .. what quippy's recursion adds.
    void add_quip_boundary(double x, std::vector<double>& sum, std::vector<double>& dsum) const;

    SoapTurboRadialParameters parameters_;
    int l_max_;
    double reach_;
    std::vector<double> orthonormal_;  // [alpha_max][alpha_max]
    std::vector<double> central_;
};

}  // namespace tektite
