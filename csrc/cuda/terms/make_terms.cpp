// SPDX-License-Identifier: BSD-3-Clause
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "cuda/terms/ace/ace_term.hpp"
#include "cuda/terms/gap/gap_term.hpp"
#include "cuda/terms/neural/neural_term.hpp"
#include "cuda/terms/pair/pair_term.hpp"
#include "cuda/terms/term.hpp"

namespace tektite::cuda {

namespace {

struct Family {
    const char* name;
    std::unique_ptr<Term> (*make)(const ModelFile&, const std::string&, const nlohmann::json&);
};

// clang-format off: one line for each
constexpr Family families[] = {
    {"ace", &make_ace_term},
    {"gap", &make_gap_term},
    {"neural", &make_neural_term},
    {"pair", &make_pair_term},
};
// clang-format on

}  // namespace

std::vector<std::unique_ptr<Term>> make_terms(const ModelFile& file, const std::string& prefix,
                                              const nlohmann::json& metadata) {
    std::vector<std::unique_ptr<Term>> terms;
    const MetadataReader reader(metadata, file.path);
    const std::string family = reader.text("family");
    if (family == "sum") {
        const nlohmann::json& children = reader.array("children");
        for (std::size_t k = 0; k < children.size(); ++k)
            for (auto& term : make_terms(file, prefix + std::to_string(k) + ".", children[k]))
                terms.push_back(std::move(term));
        return terms;
    }
    std::string names;
    for (const Family& known : families) {
        if (family == known.name) {
            terms.push_back(known.make(file, prefix, metadata));
            return terms;
        }
        names += std::string(known.name) + ", ";
    }
    throw Error(ErrorCode::unsupported, file.path + ": models of the family '" + family +
                                            "' do not run on a device yet (" + names +
                                            "and sums of these do): run it on the CPU");
}

}  // namespace tektite::cuda
