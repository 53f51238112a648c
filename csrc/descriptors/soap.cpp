// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/soap.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tektite/error.hpp"

namespace tektite {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "SOAP: " + what);
}

std::size_t component(std::size_t a, std::size_t b, std::size_t l, int l_max) {
    return (a * (a + 1) / 2 + b) * (static_cast<std::size_t>(l_max) + 1) + l;
}

void check_channels(const std::vector<int>& channel, int n_channels) {
    if (channel.empty()) refuse("there are no elements");
    for (const int c : channel)
        if (c < -1 || c >= n_channels) refuse("a channel is out of range");
    if (*std::max_element(channel.begin(), channel.end()) < 0) refuse("no element belongs to a channel");
}

}  // namespace

int SoapParameters::n_channels() const {
    return channel.empty() ? 0 : *std::max_element(channel.begin(), channel.end()) + 1;
}

int SoapParameters::n_features() const {
    const int k = n_mixed > 0 ? n_mixed : n_channels() * radial.n_max;
    if (mixing_left > 0) return mixing_left * (k - mixing_left) * (radial.l_max + 1);
    return k * (k + 1) / 2 * (radial.l_max + 1);
}

std::shared_ptr<const PowerSpectrum> make_soap(const SoapParameters& p) {
    check_channels(p.channel, static_cast<int>(p.channel.size()));
    if (!(std::abs(p.central_weight) <= 1e6)) refuse("central_weight must be a finite number");
    const auto radial = std::make_shared<const SoapRadial>(p.radial);
    const auto n_max = static_cast<std::size_t>(p.radial.n_max),
               n_l = static_cast<std::size_t>(p.radial.l_max) + 1;
    const auto n_channels = static_cast<std::size_t>(p.n_channels());
    const auto n_mixed = static_cast<std::size_t>(p.n_mixed);
    if (p.mixing.size() != n_mixed * n_channels * n_max)
        refuse("the mixing matrix must have " + std::to_string(n_channels * n_max) + " columns");

    if (p.mixing_left < 0 || (p.mixing_left > 0 && p.mixing_left >= p.n_mixed))
        refuse("mixing_left must be smaller than the number of combinations");

    PowerSpectrumSetup setup;
    setup.l_max = p.radial.l_max;
    setup.normalise = p.normalise;
    setup.n_max = n_mixed > 0 ? p.n_mixed : p.radial.n_max;
    setup.n_channels = n_mixed > 0 ? 1 : p.n_channels();
    std::vector<double> value(n_max * n_l), slope(n_max * n_l);
    (*radial)(0.0, value.data(), slope.data());
    for (const int channel : p.channel) {
        ElementDensity density;
        std::vector<double> central(n_channels * n_max, 0.0);
        for (std::size_t c = 0; c < n_channels; ++c)
            if (p.central_all_channels || static_cast<int>(c) == channel)
                for (std::size_t n = 0; n < n_max; ++n) central[c * n_max + n] = p.central_weight * value[n];
        density.cutoff = p.radial.cutoff;
        if (p.radial.transition_width > 0)
            density.breakpoints.push_back(p.radial.cutoff - p.radial.transition_width);
        if (n_mixed == 0) {
            density.channel = channel;
            density.functions = [radial](double r, double* f, double* df) { (*radial)(r, f, df); };
            setup.central.push_back(std::move(central));
        } else {
            // Mixing is linear, so that it can be done once, in the tables.
            std::vector<double> weights(n_mixed * n_max, 0.0), mixed(n_mixed, 0.0);
            for (std::size_t k = 0; k < n_mixed; ++k) {
                const double* row = &p.mixing[k * n_channels * n_max];
                if (channel >= 0)
                    std::copy_n(row + static_cast<std::size_t>(channel) * n_max, n_max, &weights[k * n_max]);
                for (std::size_t a = 0; a < central.size(); ++a) mixed[k] += row[a] * central[a];
            }
            density.channel = channel < 0 ? -1 : 0;
            density.table = channel;
            density.functions = [radial, weights, n_mixed, n_max, n_l](double r, double* f, double* df) {
                std::vector<double> g(n_max * n_l), dg(n_max * n_l);
                (*radial)(r, g.data(), dg.data());
                for (std::size_t l = 0; l < n_l; ++l)
                    for (std::size_t k = 0; k < n_mixed; ++k) {
                        f[l * n_mixed + k] = df[l * n_mixed + k] = 0.0;
                        for (std::size_t n = 0; n < n_max; ++n) {
                            f[l * n_mixed + k] += weights[k * n_max + n] * g[l * n_max + n];
                            df[l * n_mixed + k] += weights[k * n_max + n] * dg[l * n_max + n];
                        }
                    }
            };
            setup.central.push_back(std::move(mixed));
        }
        setup.elements.push_back(std::move(density));
    }
    const auto size = static_cast<std::size_t>(setup.n_channels * setup.n_max);
    const auto left = static_cast<std::size_t>(p.mixing_left);
    int next = 0;
    for (std::size_t a = 0; a < size; ++a)
        for (std::size_t b = 0; b <= a; ++b)
            for (std::size_t l = 0; l < n_l; ++l) {
                const bool wanted = left == 0 || (a >= left && b < left);
                setup.position.push_back(wanted ? next++ : -1);
                setup.scale.push_back((a == b || left > 0 ? 1.0 : std::numbers::sqrt2) /
                                      std::sqrt(2.0 * static_cast<double>(l) + 1.0));
            }
    return std::make_shared<const PowerSpectrum>(setup);
}

int SoapTurboParameters::n_features() const {
    int all = 0, rest = 0;  // functions that are not the first of their species
    for (const SoapTurboRadialParameters& s : species) {
        all += s.alpha_max;
        rest += s.alpha_max - 1;
    }
    return (all * (all + 1) / 2 - (compressed ? rest * (rest + 1) / 2 : 0)) * (l_max + 1);
}

std::shared_ptr<const PowerSpectrum> make_soap_turbo(const SoapTurboParameters& p) {
    if (p.l_max < 0 || p.l_max > 15) refuse("l_max must be 0 to 15");
    check_channels(p.channel, static_cast<int>(p.species.size()));
    // The amplitude of all species refers to the largest of the cutoffs.
    double reach = 0;
    int n_max = 0;
    for (const SoapTurboRadialParameters& s : p.species) {
        reach = std::max(reach, s.cutoff_hard);
        n_max = std::max(n_max, s.alpha_max);
    }
    std::vector<std::shared_ptr<const SoapTurboRadial>> radial;
    for (const SoapTurboRadialParameters& s : p.species)
        radial.push_back(std::make_shared<const SoapTurboRadial>(s, p.l_max, reach));
    const auto n = static_cast<std::size_t>(n_max), n_l = static_cast<std::size_t>(p.l_max) + 1;

    PowerSpectrumSetup setup;
    setup.n_max = n_max;
    setup.l_max = p.l_max;
    setup.n_channels = static_cast<int>(p.species.size());
    for (const int channel : p.channel) {
        ElementDensity density;
        std::vector<double> central(p.species.size() * n, 0.0);
        density.channel = density.table = channel;
        if (channel >= 0) {
            const auto& own = radial[static_cast<std::size_t>(channel)];
            const auto alpha_max = static_cast<std::size_t>(own->parameters().alpha_max);
            std::copy_n(own->central().begin(), alpha_max, &central[static_cast<std::size_t>(channel) * n]);
            density.cutoff = own->parameters().cutoff_hard;
            if (own->parameters().quip_damping && own->jump() > 0) density.breakpoints.push_back(own->jump());
            density.functions = [own, n, n_l, alpha_max](double r, double* f, double* df) {
                std::vector<double> g(alpha_max * n_l), dg(alpha_max * n_l);
                (*own)(r, g.data(), dg.data());
                std::fill_n(f, n * n_l, 0.0);
                std::fill_n(df, n * n_l, 0.0);
                for (std::size_t l = 0; l < n_l; ++l) {
                    std::copy_n(&g[l * alpha_max], alpha_max, f + l * n);
                    std::copy_n(&dg[l * alpha_max], alpha_max, df + l * n);
                }
            };
        }
        setup.central.push_back(std::move(central));
        setup.elements.push_back(std::move(density));
    }
    const std::size_t size = p.species.size() * n;
    setup.position.assign(size * (size + 1) / 2 * n_l, -1);
    setup.scale.assign(setup.position.size(), 0.0);
    const auto exists = [&](std::size_t a) {
        return a % n < static_cast<std::size_t>(p.species[a / n].alpha_max);
    };
    int next = 0;
    for (std::size_t a = 0; a < size; ++a)
        for (std::size_t b = a; b < size; ++b) {
            if (!exists(a) || !exists(b) || (p.compressed && a % n != 0 && b % n != 0)) continue;
            for (std::size_t l = 0; l < n_l; ++l) {
                const std::size_t k = component(b, a, l, p.l_max);
                setup.position[k] = next++;
                setup.scale[k] = a == b ? 1.0 : std::numbers::sqrt2;
            }
        }
    return std::make_shared<const PowerSpectrum>(setup);
}

}  // namespace tektite
