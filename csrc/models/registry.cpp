// SPDX-License-Identifier: BSD-3-Clause
#include "models/registry.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/elements.hpp"
#include "base/model_file_json.hpp"
#include "base/read_bytes.hpp"
#include "models/ace/ace_potential.hpp"
#include "models/ace/yace.hpp"
#include "models/gap/gap_potential.hpp"
#include "models/neural/neural_potential.hpp"
#include "models/pair/pair_potential.hpp"
#include "models/sum/sum_potential.hpp"

namespace tektite {

using nlohmann::json;

namespace {

struct Family {
    const char* name;
    PotentialMaker make;
};

// clang-format off: one line for each
constexpr Family families[] = {
    {"ace", &ace::make_ace},
    {"gap", &gap::make_gap},
    {"neural", &neural::make_neural},
    {"pair", &make_pair_potential},
    {"sum", &make_sum},
};
// clang-format on

/// A .mlip begins with the length of its header, whose upper bytes are zero; a text has no zero byte.
bool is_text(const std::string& bytes) {
    return bytes.substr(0, 8).find('\0') == std::string::npos;
}

bool begins_with(const std::string& bytes, const char* text) {
    return bytes.rfind(text, 0) == 0;
}

void refuse_other_texts(const std::string& bytes, const std::string& path) {
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::file_damaged, path + ": " + what);
    };
    if (bytes.empty()) fail("the file is empty");
    if (begins_with(bytes, "version https://git-lfs")) {
        fail("this is a git-lfs pointer, not the model itself; fetch it with 'git lfs pull'");
    }
    if (bytes.front() == '<') fail("this is a web page, not a model; download the raw file");
    if (begins_with(bytes, "MTP")) {
        throw Error(ErrorCode::unsupported,
                    path + ": this is a moment tensor potential of MLIP-2 or MLIP-3; Tektite reads " +
                        "its own .mlip files and pacemaker's .yace files");
    }
    if (bytes.find("elements") == std::string::npos || bytes.find("functions") == std::string::npos) {
        fail("neither a .mlip nor a .yace file");
    }
}

}  // namespace

std::shared_ptr<const Potential> make_family(const std::string& family, const ModelFile& file,
                                             const std::string& prefix, const json& metadata) {
    std::string names;
    for (const Family& known : families) {
        if (family == known.name) return known.make(file, prefix, metadata);
        names += (names.empty() ? "" : ", ") + std::string(known.name);
    }
    throw Error(ErrorCode::unsupported, file.path + ": the model family '" + family +
                                            "' is not in this version of Tektite (" + names + " are)");
}

ModelInfo read_model_info(const json& metadata, const std::string& path) {
    const MetadataReader reader(metadata, path);
    ModelInfo info;
    info.family = reader.text("family");
    info.elements = reader.texts("elements");
    check_elements(info.elements, path);
    check_cutoff(reader);
    info.cutoff = reader.number("cutoff");
    const std::size_t n = info.elements.size();
    info.isolated_energies.assign(n, 0.0);
    if (reader.has("isolated_energies")) {
        static_cast<void>(reader.array("isolated_energies", n));
        info.isolated_energies = reader.numbers("isolated_energies");
    }
    info.minimum_distances.assign(n * n, 0.0);
    if (reader.has("minimum_distances")) {
        const json& rows = reader.array("minimum_distances", n);
        for (std::size_t i = 0; i < n; ++i) {
            if (!rows[i].is_array() || rows[i].size() != n)
                reader.fail("minimum_distances", "must be square");
            for (std::size_t j = 0; j < n; ++j) {
                if (!rows[i][j].is_number() || !(rows[i][j].get<double>() >= 0)) {
                    reader.fail("minimum_distances", "must hold distances, 0 where unknown");
                }
                info.minimum_distances[i * n + j] = rows[i][j].get<double>();
            }
        }
        for (std::size_t i = 0; i < n * n; ++i) {
            if (info.minimum_distances[i] != info.minimum_distances[(i % n) * n + i / n]) {
                reader.fail("minimum_distances", "must be symmetric");
            }
        }
    }
    info.metadata = metadata.dump();
    return info;
}

std::shared_ptr<const Potential> make_potential(const ModelFile& file) {
    const json metadata = parse_json(file.metadata, file.path, "metadata");
    check_metadata(metadata, file.path);
    return make_family(metadata["family"].get<std::string>(), file, "", metadata);
}

ModelFile read_model_file(const std::string& path) {
    std::string bytes = read_bytes(path);
    if (!is_text(bytes)) return ModelFile::parse(std::as_bytes(std::span(bytes)), path);
    refuse_other_texts(bytes, path);
    return ace::to_model_file(ace::parse_yace(std::move(bytes), path), path);
}

std::shared_ptr<const Potential> load_potential(const std::string& path) {
    return make_potential(read_model_file(path));
}

}  // namespace tektite
