// SPDX-License-Identifier: BSD-3-Clause
#include "models/sum/sum_potential.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "base/thread_pool.hpp"
#include "models/registry.hpp"

namespace tektite {

using nlohmann::json;

namespace {

constexpr std::ptrdiff_t largest_depth = 8;

class SumWorkspace final : public Workspace {
public:
    std::vector<std::unique_ptr<Workspace>> children;
    std::vector<std::string> families;
    std::vector<std::int32_t> species;  // as one child sees them
    std::vector<double> one, variance;  // uncertainty of one child, variance of all, each [n_atoms]

    [[nodiscard]] std::string description() const override {
        std::string text;
        for (std::size_t k = 0; k < children.size(); ++k) {
            text += (k ? " + " : "") + families[k] + ": " + children[k]->description();
        }
        return text;
    }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t bytes = species.capacity() * sizeof(std::int32_t) +
                            (one.capacity() + variance.capacity()) * sizeof(double);
        for (const auto& child : children) bytes += child->memory();
        return bytes;
    }
};

std::vector<std::int32_t> species_map(const std::vector<std::string>& from,
                                      const std::vector<std::string>& to) {
    std::vector<std::int32_t> map;
    for (const std::string& element : from) {
        const auto found = std::find(to.begin(), to.end(), element);
        map.push_back(found == to.end() ? -1 : static_cast<std::int32_t>(found - to.begin()));
    }
    return map;
}

}  // namespace

SumPotential::SumPotential(ModelInfo info, std::vector<std::shared_ptr<const Potential>> children,
                           const std::string& path)
    : info_(std::move(info)) {
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::file_damaged, path + ": " + what);
    };
    if (children.empty()) fail("a sum without children");
    const std::size_t n = info_.elements.size();
    info_.cutoff = 0;
    info_.has_uncertainty = false;
    info_.isolated_energies.assign(n, 0.0);
    std::vector<bool> known(n, false);
    std::vector<double> distances(n * n, 0.0);
    for (auto& potential : children) {
        const ModelInfo& child = potential->info();
        for (const std::string& element : child.elements) {
            if (std::find(info_.elements.begin(), info_.elements.end(), element) == info_.elements.end()) {
                fail("a child of the sum knows " + element + ", which the list of elements of the sum lacks");
            }
        }
        const std::vector<std::int32_t> map = species_map(info_.elements, child.elements);
        for (std::size_t i = 0; i < n; ++i) {
            if (map[i] < 0) continue;
            known[i] = true;
            const auto ci = static_cast<std::size_t>(map[i]);
            info_.isolated_energies[i] += child.isolated_energies[ci];
            for (std::size_t j = 0; j < n; ++j) {
                if (map[j] < 0) continue;
                const double d =
                    child.minimum_distances[ci * child.elements.size() + static_cast<std::size_t>(map[j])];
                distances[i * n + j] = std::max(distances[i * n + j], d);
            }
        }
        info_.cutoff = std::max(info_.cutoff, child.cutoff);
        info_.has_uncertainty = info_.has_uncertainty || child.has_uncertainty;
        children_.push_back({std::move(potential), map, child.elements == info_.elements});
    }
    for (std::size_t i = 0; i < n; ++i) {
        if (!known[i]) fail("no child of the sum knows " + info_.elements[i]);
    }
    if (info_.minimum_distances.size() != n * n) info_.minimum_distances.assign(n * n, 0.0);
    for (std::size_t i = 0; i < n * n; ++i) {
        if (info_.minimum_distances[i] == 0) info_.minimum_distances[i] = distances[i];
    }
}

std::unique_ptr<Workspace> SumPotential::make_workspace(const EvaluationOptions& options) const {
    auto workspace = std::make_unique<SumWorkspace>();
    // One after another: with threads of its own, each child's would wait in the way of the next one's.
    EvaluationOptions shared = options;
    if (!shared.pool) shared.pool = std::make_shared<ThreadPool>(options.n_threads);
    for (const Child& child : children_) {
        workspace->children.push_back(child.potential->make_workspace(shared));
        workspace->families.push_back(child.potential->info().family);
    }
    return workspace;
}

void SumPotential::evaluate(const Cluster& cluster, const Results& results, Workspace& workspace,
                            Exchange* exchange) const {
    auto* w = dynamic_cast<SumWorkspace*>(&workspace);
    if (!w || w->children.size() != children_.size()) {
        throw Error(ErrorCode::invalid_argument, "the workspace was made by another model");
    }
    const std::size_t n_atoms = cluster.n_atoms();
    const auto n_elements = static_cast<std::int32_t>(info_.elements.size());
    const bool uncertainties = !results.atom_uncertainties.empty() && info_.has_uncertainty;
    if (uncertainties) w->variance.assign(n_atoms, 0.0);
    for (std::size_t k = 0; k < children_.size(); ++k) {
        const Child& child = children_[k];
        Cluster seen = cluster;
        if (!child.same_species) {
            w->species.resize(n_atoms);
            for (std::size_t i = 0; i < n_atoms; ++i) {
                const std::int32_t s = cluster.species[i];
                if (s >= n_elements) {
                    throw Error(ErrorCode::unknown_species,
                                "atom " + std::to_string(i) + " has species index " + std::to_string(s) +
                                    "; the model knows " + std::to_string(n_elements) + " elements");
                }
                w->species[i] = s < 0 ? -1 : child.species[static_cast<std::size_t>(s)];
            }
            seen.species = w->species;
        }
        Results mine = results;
        mine.atom_uncertainties = {};
        if (uncertainties && child.potential->info().has_uncertainty) {
            w->one.assign(n_atoms, 0.0);
            mine.atom_uncertainties = w->one;
        }
        child.potential->evaluate(seen, mine, *w->children[k], exchange);
        for (std::size_t i = 0; i < mine.atom_uncertainties.size(); ++i)
            w->variance[i] += w->one[i] * w->one[i];
    }
    if (!uncertainties) return;
    for (const std::int32_t i : cluster.centers) {
        results.atom_uncertainties[static_cast<std::size_t>(i)] +=
            std::sqrt(w->variance[static_cast<std::size_t>(i)]);
    }
}

std::shared_ptr<const Potential> make_sum(const ModelFile& file, const std::string& prefix,
                                          const json& metadata) {
    if (std::count(prefix.begin(), prefix.end(), '.') >= largest_depth) {
        throw Error(ErrorCode::file_damaged, file.path + ": sums are nested too deeply at '" + prefix + "'");
    }
    ModelInfo info = read_model_info(metadata, file.path);
    const MetadataReader reader(metadata, file.path);
    const json& list = reader.array("children");
    std::vector<std::shared_ptr<const Potential>> children;
    for (std::size_t k = 0; k < list.size(); ++k) {
        const MetadataReader child(list[k], file.path, "children[" + std::to_string(k) + "].");
        children.push_back(
            make_family(child.text("family"), file, prefix + std::to_string(k) + ".", list[k]));
    }
    const double cutoff = info.cutoff;
    const std::vector<double> isolated = info.isolated_energies;
    auto sum = std::make_shared<SumPotential>(std::move(info), std::move(children), file.path);
    const ModelInfo& total = sum->info();
    if (std::abs(total.cutoff - cutoff) > 1e-9)
        reader.fail("cutoff", "is not the largest cutoff of the children");
    for (std::size_t i = 0; reader.has("isolated_energies") && i < isolated.size(); ++i) {
        if (std::abs(isolated[i] - total.isolated_energies[i]) >
            1e-9 * std::max(1.0, std::abs(isolated[i]))) {
            reader.fail("isolated_energies", "are not the sums over the children");
        }
    }
    return sum;
}

}  // namespace tektite
