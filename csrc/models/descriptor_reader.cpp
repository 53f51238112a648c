// SPDX-License-Identifier: BSD-3-Clause
#include "models/descriptor_reader.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "models/ace/ace_features.hpp"

namespace tektite {

using nlohmann::json;

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
    p.channel.assign(elements.size(), -1);
    const json& channels = reader.array("channels");
    for (std::size_t c = 0; c < channels.size(); ++c) {
        if (!channels[c].is_array() || channels[c].empty())
            reader.fail("channels", "must be a list of lists of elements, none of them empty");
        for (const json& name : channels[c]) {
            const auto found = name.is_string()
                                   ? std::find(elements.begin(), elements.end(), name.get<std::string>())
                                   : elements.end();
            if (found == elements.end()) reader.fail("channels", "must name elements of the model");
            int& channel = p.channel[static_cast<std::size_t>(found - elements.begin())];
            if (channel >= 0) reader.fail("channels", "names " + *found + " twice");
            channel = static_cast<int>(c);
        }
    }
    if (channels.empty()) reader.fail("channels", "is empty");
    return p;
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
                         "normalise", "channels"});
            return std::make_shared<Soap>(read_soap_parameters(reader, elements));
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
    throw Error(ErrorCode::unsupported,
                file.path + ": descriptors of the kind '" + kind + "' are not supported (soap, ace)");
}

}  // namespace tektite
