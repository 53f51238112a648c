// SPDX-License-Identifier: BSD-3-Clause
// Variants of SOAP as power spectra; docs/soap.md has every formula.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "basis/soap_radial.hpp"
#include "basis/soap_turbo_radial.hpp"
#include "descriptors/power_spectrum.hpp"

namespace tektite {

/// SOAP with the radial bases of QUIP and dscribe.
struct SoapParameters {
    SoapRadialParameters radial;
    /// [n_elements] the density to which neighbours of each element belong, 0 .. n_channels - 1; -1: not
    /// seen.
    std::vector<int> channel;
    double central_weight = 1.0;        ///< of the centre's own Gaussian
    bool central_all_channels = false;  ///< the centre counts in every density, not only in its own
    bool normalise = true;              ///< divide by the length of the vector
    /// Empty, or [n_mixed][n_channels n_max]: the power spectrum is that of the linear combinations sum_a
    /// mixing[k][a] c_a instead of the c_a.
    std::vector<double> mixing;
    int n_mixed = 0;
    /// 0: all pairs of combinations. Otherwise only pairs of one of the first `mixing_left` combinations with
    /// one of the others.
    int mixing_left = 0;

    [[nodiscard]] int n_channels() const;
    [[nodiscard]] int n_features() const;
};

/// Features p_abl ordered as: for a, for b <= a, for l; with `mixing_left` for a among the others, for b
/// among the first, for l, without the factor sqrt(2). Throws Error(invalid_argument) naming the parameter
/// that has no meaning.
std::shared_ptr<const PowerSpectrum> make_soap(const SoapParameters& parameters);

/// M. A. Caro, Phys. Rev. B 100, 024112 (2019).
struct SoapTurboParameters {
    int l_max = 8;
    std::vector<int> channel;  ///< [n_elements] number of the species among `species`; -1: not seen
    std::vector<SoapTurboRadialParameters> species;
    bool compressed = false;  ///< only components in which a or b is the first function of its species

    [[nodiscard]] int n_features() const;
};

/// Features ordered as: for a, for b >= a, for l, with a, b running over the radial functions of all species.
/// Throws as make_soap.
std::shared_ptr<const PowerSpectrum> make_soap_turbo(const SoapTurboParameters& parameters);

}  // namespace tektite
