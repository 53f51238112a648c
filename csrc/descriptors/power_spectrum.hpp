// SPDX-License-Identifier: BSD-3-Clause
// Power spectra of neighbour densities: what all variants of SOAP share.
//
// A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013); docs/soap.md has every formula.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "basis/radial_table.hpp"
#include "descriptors/block_descriptor.hpp"

namespace tektite {

/// How neighbours of one element enter: c_nlm of the channel += R_nl(r) Y_lm (orthonormal Y_lm).
struct ElementDensity {
    int channel = -1;                 ///< -1: not seen
    double cutoff = 0;                ///< angstrom
    std::vector<double> breakpoints;  ///< ascending; where higher derivatives of R_nl jump
    RadialFunctions functions;        ///< R_nl: [l_max + 1][n_max]; elements with the same table share it
    int table = 0;                    ///< the same number: the same functions, breakpoints and cutoff
};

/// With a, b = channel * n_max + n, components p_abl = scale_abl sum_m c_alm c*_blm for b <= a, indexed by
/// (a (a + 1)/2 + b) (l_max + 1) + l.
struct PowerSpectrumSetup {
    int n_max = 1, l_max = 0, n_channels = 1;
    std::vector<ElementDensity> elements;
    std::vector<std::vector<double>>
        central;                ///< [n_elements][n_channels n_max] what the centre adds to c_a00
    std::vector<double> scale;  ///< [components]
    std::vector<int> position;  ///< [components] number of the feature; -1: left out
    bool normalise = true;      ///< divide by the length of the vector
};

namespace soap {
template <typename T>
class Tables;
template <typename T>
struct SoapView;
}  // namespace soap

/// Features in the order of PowerSpectrumSetup::position. Radial functions are tabulated.
class PowerSpectrum final : public Descriptor {
public:
    /// Throws Error(invalid_argument) if there are more than 1024 radial functions in all channels.
    explicit PowerSpectrum(PowerSpectrumSetup setup);
    ~PowerSpectrum() override;

    [[nodiscard]] int n_elements() const override { return static_cast<int>(cutoffs_.size()); }
    [[nodiscard]] int n_features() const override { return n_features_; }
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }
    [[nodiscard]] std::unique_ptr<BlockDescriptor<double>> make_double(InstructionSet isa) const override;
    [[nodiscard]] std::unique_ptr<BlockDescriptor<float>> make_float(InstructionSet isa) const override;

    /// What kernels see, in double or float, and [n_coefficients] what a centre adds to c for l = 0; valid as
    /// long as this object.
    template <typename T>
    [[nodiscard]] const soap::SoapView<T>& view() const;
    template <typename T>
    [[nodiscard]] const T* central(int element) const;

private:
    template <typename T>
    [[nodiscard]] const std::shared_ptr<const soap::Tables<T>>& tables() const;

    int n_features_ = 0;
    std::vector<double> cutoffs_;
    PowerSpectrumSetup setup_;
    std::shared_ptr<const soap::Tables<double>> double_tables_;
    mutable std::once_flag float_once_;
    mutable std::shared_ptr<const soap::Tables<float>> float_tables_;  // made when first wanted
};

}  // namespace tektite
