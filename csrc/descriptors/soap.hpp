// SPDX-License-Identifier: BSD-3-Clause
// The SOAP power spectrum as a block descriptor.
//
// A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013); docs/soap.md has every formula.
#pragma once

#include <memory>
#include <vector>

#include "basis/soap_radial.hpp"
#include "descriptors/block_descriptor.hpp"

namespace tektite {

struct SoapParameters {
    SoapRadialParameters radial;
    /// [n_elements] the density to which neighbours of each element belong, 0 .. n_channels - 1; -1: not
    /// seen.
    std::vector<int> channel;
    double central_weight = 1.0;        ///< of the centre's own Gaussian
    bool central_all_channels = false;  ///< the centre counts in every density, not only in its own
    bool normalise = true;              ///< divide by the length of the vector
};

namespace soap {
template <typename T>
class Tables;
}

/// Features p_abl with a = channel * n_max + n, ordered as: for a, for b <= a, for l. With several densities,
/// their number is that of the largest channel plus one.
class Soap final : public Descriptor {
public:
    /// Throws Error(invalid_argument) naming the parameter that has no meaning.
    explicit Soap(SoapParameters parameters);
    ~Soap() override;

    [[nodiscard]] const SoapParameters& parameters() const { return parameters_; }
    [[nodiscard]] int n_channels() const { return n_channels_; }
    [[nodiscard]] int n_elements() const override { return static_cast<int>(parameters_.channel.size()); }
    [[nodiscard]] int n_features() const override;
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }
    [[nodiscard]] std::unique_ptr<BlockDescriptor<double>> make_double(InstructionSet isa) const override;
    [[nodiscard]] std::unique_ptr<BlockDescriptor<float>> make_float(InstructionSet isa) const override;

private:
    SoapParameters parameters_;
    int n_channels_ = 0;
    std::vector<double> cutoffs_;
    std::shared_ptr<const soap::Tables<double>> double_tables_;
    std::shared_ptr<const soap::Tables<float>> float_tables_;
};

}  // namespace tektite
