// SPDX-License-Identifier: BSD-3-Clause
#include "models/descriptor_reader.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "models/ace/ace_features.hpp"

namespace tektite {

using nlohmann::json;

namespace {

/// Gives the elements that a JSON list names the channel `number`.
void assign_channel(const MetadataReader& reader, const std::string& key, const json& names,
                    const std::vector<std::string>& elements, int number, std::vector<int>& channels) {
    if (!names.is_array() || names.empty())
        reader.fail(key, "must hold lists of elements, none of them empty");
    for (const json& name : names) {
        const auto found = name.is_string()
                               ? std::find(elements.begin(), elements.end(), name.get<std::string>())
                               : elements.end();
        if (found == elements.end()) reader.fail(key, "must name elements of the model");
        int& channel = channels[static_cast<std::size_t>(found - elements.begin())];
        if (channel >= 0) reader.fail(key, "names " + *found + " twice");
        channel = number;
    }
}

}  // namespace

SoapParameters read_soap_parameters(const MetadataReader& reader, const std::vector<std::string>& elements) {
    constexpr int most_functions = 1000, largest_l = 15;
    SoapParameters p;
    p.radial.basis = reader.text("radial_basis");
    p.radial.n_max = reader.integer("n_max", 1, most_functions);
    p.radial.l_max = reader.integer("l_max", 0, largest_l);
    check_cutoff(reader);
    p.radial.cutoff = reader.number("cutoff");
    p.radial.transition_width = reader.number("cutoff_transition_width");
    p.radial.sigma = reader.number("sigma");
    if (reader.has("basis_error_exponent"))
        p.radial.basis_error_exponent = reader.number("basis_error_exponent");
    if (reader.has("central_weight")) p.central_weight = reader.number("central_weight");
    if (reader.has("central_all_channels")) p.central_all_channels = reader.boolean("central_all_channels");
    if (reader.has("normalise")) p.normalise = reader.boolean("normalise");
    if (reader.has("mixing_left")) p.mixing_left = reader.integer("mixing_left", 1, most_functions);
    p.channel.assign(elements.size(), -1);
    const json& channels = reader.array("channels");
    for (std::size_t c = 0; c < channels.size(); ++c)
        assign_channel(reader, "channels", channels[c], elements, static_cast<int>(c), p.channel);
    if (channels.empty()) reader.fail("channels", "is empty");
    return p;
}

void read_mixing(const ModelFile& file, const std::string& array, SoapParameters& parameters) {
    if (!file.arrays.contains(array)) return;
    const Array& mixing = file.reals(array, 2);
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::file_damaged, file.path + ": array '" + array + "' " + what);
    };
    if (mixing.shape[0] < 1 || mixing.shape[0] > 1024) fail("has an impossible number of rows");
    for (const double x : mixing.reals)
        if (!std::isfinite(x)) fail("holds a value that is not finite");
    parameters.mixing = mixing.reals;
    parameters.n_mixed = static_cast<int>(mixing.shape[0]);
}

SoapTurboParameters read_soap_turbo_parameters(const MetadataReader& reader, const std::string& path,
                                               const std::string& where,
                                               const std::vector<std::string>& elements) {
    SoapTurboParameters turbo;
    turbo.l_max = reader.integer("l_max", 0, 15);
    if (reader.has("compressed")) turbo.compressed = reader.boolean("compressed");
    turbo.channel.assign(elements.size(), -1);
    const json& species = reader.array("species");
    double reach = 0;
    for (std::size_t s = 0; s < species.size(); ++s) {
        const MetadataReader one(species[s], path, where + "species." + std::to_string(s) + ".");
        one.only({"elements", "basis", "alpha_max", "cutoff_soft", "cutoff_hard", "filter", "sigma_r",
                  "sigma_r_scaling", "sigma_t", "sigma_t_scaling", "amplitude_scaling", "radial_enhancement",
                  "central_weight", "quip_damping"});
        assign_channel(one, "elements", one.array("elements"), elements, static_cast<int>(s), turbo.channel);
        SoapTurboRadialParameters p;
        p.basis = one.text("basis");
        p.alpha_max = one.integer("alpha_max", 1, 11);
        p.cutoff_soft = one.number("cutoff_soft");
        p.cutoff_hard = one.number("cutoff_hard");
        p.sigma_r = one.number("sigma_r");
        p.sigma_t = one.number("sigma_t");
        p.amplitude_scaling = one.number("amplitude_scaling");
        p.radial_enhancement = one.integer("radial_enhancement", 0, 2);
        if (one.has("filter")) p.filter = one.number("filter");
        if (one.has("sigma_r_scaling")) p.sigma_r_scaling = one.number("sigma_r_scaling");
        if (one.has("sigma_t_scaling")) p.sigma_t_scaling = one.number("sigma_t_scaling");
        if (one.has("central_weight")) p.central_weight = one.number("central_weight");
        if (one.has("quip_damping")) p.quip_damping = one.boolean("quip_damping");
        reach = std::max(reach, p.cutoff_hard);
        turbo.species.push_back(p);
    }
    if (std::abs(reach - reader.number("cutoff")) > 1e-9)
        reader.fail("cutoff", "is not the largest hard cutoff of the species");
    return turbo;
}

namespace {

/// The limits of an ACE basis.
ace::BasisLimits read_limits(const MetadataReader& reader, const std::vector<std::string>& elements) {
    constexpr std::size_t largest_rank = 8;
    constexpr double largest_n = 1000;
    const auto integers = [&](const char* key) {
        std::vector<int> out;
        for (const double x : reader.numbers(key)) {
            if (!(x >= 0 && x <= largest_n) || x != std::floor(x))
                reader.fail(key, "must be a list of integers from 0 to 1000");
            out.push_back(static_cast<int>(x));
        }
        if (out.empty() || out.size() > largest_rank) reader.fail(key, "must have 1 to 8 values");
        return out;
    };
    ace::BasisLimits limits;
    limits.n_elements = static_cast<int>(elements.size());
    limits.n_max = integers("n_max");
    limits.l_max = integers("l_max");
    if (reader.has("max_degree")) limits.max_degree = reader.numbers("max_degree");
    limits.l_weight = reader.number("l_weight");
    return limits;
}

}  // namespace

std::shared_ptr<const Descriptor> read_descriptor(const ModelFile& file, const std::string& prefix,
                                                  const json& metadata,
                                                  const std::vector<std::string>& elements) {
    if (!metadata.contains("descriptor"))
        throw Error(ErrorCode::file_damaged, file.path + ": the key 'descriptor' is missing");
    const json& description = metadata["descriptor"];
    const MetadataReader reader(description, file.path, "descriptor.");
    const std::string kind = reader.text("kind");
    try {
        if (kind == "soap") {
            reader.only({"kind", "radial_basis", "n_max", "l_max", "cutoff", "cutoff_transition_width",
                         "sigma", "basis_error_exponent", "central_weight", "central_all_channels",
                         "normalise", "channels", "mixing_left"});
            SoapParameters parameters = read_soap_parameters(reader, elements);
            read_mixing(file, prefix + "descriptor.mixing", parameters);
            return make_soap(parameters);
        }
        if (kind == "soap_turbo") {
            reader.only({"kind", "cutoff", "l_max", "compressed", "species"});
            return make_soap_turbo(read_soap_turbo_parameters(reader, file.path, "descriptor.", elements));
        }
        if (kind == "ace") {
            reader.only({"kind", "n_max", "l_max", "max_degree", "l_weight", "bonds"});
            auto basis = std::make_shared<ace::Basis>(read_limits(reader, elements));
            return std::make_shared<ace::Features>(
                ace::read_bonds(file, prefix + "descriptor.", description, "descriptor.", elements),
                std::move(basis));
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::invalid_argument) throw;
        throw Error(ErrorCode::file_damaged, file.path + ": descriptor: " + error.what());
    }
    throw Error(ErrorCode::unsupported, file.path + ": descriptors of the kind '" + kind +
                                            "' are not supported (soap, soap_turbo, ace)");
}

}  // namespace tektite
