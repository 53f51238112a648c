// SPDX-License-Identifier: BSD-3-Clause
// Descriptors as model files name them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "descriptors/soap.hpp"
#include "tektite/model_file.hpp"

namespace tektite {

class MetadataReader;

/// The keys of a SOAP descriptor (docs/file-format.md, term "soap" of the family gap); elements: of the
/// model. Throws Error(file_damaged) naming the key.
SoapParameters read_soap_parameters(const MetadataReader& reader, const std::vector<std::string>& elements);

/// The mixing matrix of a SOAP descriptor, if there is an array of this name. Throws Error(file_damaged).
void read_mixing(const ModelFile& file, const std::string& array, SoapParameters& parameters);

/// The keys of a soap_turbo descriptor; `where` is put before keys in messages. Throws as
/// read_soap_parameters.
SoapTurboParameters read_soap_turbo_parameters(const MetadataReader& reader, const std::string& path,
                                               const std::string& where,
                                               const std::vector<std::string>& elements);

/// The object `descriptor` of the metadata of a model. Throws Error(file_damaged), Error(unsupported) if its
/// kind is not known.
std::shared_ptr<const Descriptor> read_descriptor(const ModelFile& file, const std::string& prefix,
                                                  const nlohmann::json& metadata,
                                                  const std::vector<std::string>& elements);

}  // namespace tektite
