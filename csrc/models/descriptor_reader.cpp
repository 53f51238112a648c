// SPDX-License-Identifier: BSD-3-Clause
#include "models/descriptor_reader.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"

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

std::shared_ptr<const Descriptor> read_descriptor(const ModelFile& file, const std::string&,
                                                  const json& metadata,
                                                  const std::vector<std::string>& elements) {
    if (!metadata.contains("descriptor"))
        throw Error(ErrorCode::file_damaged, file.path + ": the key 'descriptor' is missing");
    const MetadataReader reader(metadata["descriptor"], file.path, "descriptor.");
    const std::string kind = reader.text("kind");
    if (kind != "soap")
        throw Error(ErrorCode::unsupported,
                    file.path + ": descriptors of the kind '" + kind + "' are not supported (soap)");
    reader.only({"kind", "radial_basis", "n_max", "l_max", "cutoff", "cutoff_transition_width", "sigma",
                 "basis_error_exponent", "central_weight", "central_all_channels", "normalise", "channels"});
    try {
        return std::make_shared<Soap>(read_soap_parameters(reader, elements));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::invalid_argument) throw;
        throw Error(ErrorCode::file_damaged, file.path + ": descriptor: " + error.what());
    }
}

}  // namespace tektite
