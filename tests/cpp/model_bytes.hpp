// SPDX-License-Identifier: BSD-3-Clause
// Builds .mlip files in memory for the tests.
#pragma once

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "tektite/model_file.hpp"

namespace tektite::test {

/// Header length, header, data. Host order: the tests run on little-endian machines.
inline std::string container(const std::string& header, const std::string& data) {
    const std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
}

/// The bytes of a model file; `metadata` replaces the file's own.
inline std::string model_bytes(const ModelFile& file, const nlohmann::json& metadata) {
    static const char* const names[] = {"F64", "F32", "I64", "I32"};
    nlohmann::json header = {{"__metadata__", {{"tektite", metadata.dump()}}}};
    std::string data;
    const auto append = [&data](const auto& value) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        data.append(raw, sizeof value);
    };
    for (const auto& [name, array] : file.arrays) {
        const std::size_t begin = data.size();
        for (const double x : array.reals) {
            array.type == Array::Type::float64 ? append(x) : append(static_cast<float>(x));
        }
        for (const std::int64_t x : array.integers) {
            array.type == Array::Type::int64 ? append(x) : append(static_cast<std::int32_t>(x));
        }
        header[name] = {{"dtype", names[static_cast<int>(array.type)]},
                        {"shape", array.shape},
                        {"data_offsets", {begin, data.size()}}};
    }
    return container(header.dump(), data);
}

inline std::string model_bytes(const ModelFile& file) {
    return model_bytes(file, nlohmann::json::parse(file.metadata));
}

inline ModelFile parse(const std::string& bytes, const std::string& path = "test.mlip") {
    return ModelFile::parse(std::as_bytes(std::span(bytes)), path);
}

inline Array real_array(std::vector<std::int64_t> shape, std::vector<double> values) {
    Array array;
    array.shape = std::move(shape);
    array.reals = std::move(values);
    return array;
}

inline Array integer_array(std::vector<std::int64_t> shape, std::vector<std::int64_t> values,
                           Array::Type type = Array::Type::int32) {
    Array array;
    array.type = type;
    array.shape = std::move(shape);
    array.integers = std::move(values);
    return array;
}

inline nlohmann::json base_metadata(const std::string& family, const std::vector<std::string>& elements,
                                    double cutoff) {
    return {{"format_version", 1},
            {"family", family},
            {"elements", elements},
            {"cutoff", cutoff},
            {"units", {{"energy", "eV"}, {"length", "angstrom"}}}};
}

/// A ZBL model of Si and O with one reference structure (which need not be right).
inline ModelFile zbl_file() {
    ModelFile file;
    file.path = "test.mlip";
    nlohmann::json metadata = base_metadata("pair", {"Si", "O"}, 2.5);
    metadata["kind"] = "zbl";
    metadata["reference_names"] = {"dimer"};
    file.metadata = metadata.dump();
    file.arrays["zbl.inner"] = real_array({2, 2}, {1.0, 0.8, 0.8, 0.5});
    file.arrays["zbl.outer"] = real_array({2, 2}, {2.5, 2.0, 2.0, 1.5});
    file.arrays["reference.n_atoms"] = integer_array({1}, {2});
    file.arrays["reference.cells"] = real_array({1, 3, 3}, std::vector<double>(9, 0.0));
    file.arrays["reference.periodic"] = integer_array({1, 3}, {0, 0, 0});
    file.arrays["reference.energies"] = real_array({1}, {1.0});
    file.arrays["reference.species"] = integer_array({2}, {0, 1});
    file.arrays["reference.positions"] = real_array({2, 3}, {0, 0, 0, 1.2, 0, 0});
    file.arrays["reference.forces"] = real_array({2, 3}, std::vector<double>(6, 0.0));
    return file;
}

}  // namespace tektite::test
