// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/model_file_json.hpp"
#include "cuda/edges/closest_pairs.hpp"
#include "cuda/evaluator.hpp"
#include "models/registry.hpp"

namespace tektite::cuda {

namespace {

/// Adds what a chunk gave to the rows. Threads: n_centers.
struct AddToRows {
    std::int64_t first_row;
    const double *energies, *uncertainties;  // uncertainties may be null
    double *row_energies, *row_variances;
    const std::int32_t* centers;
    const double* factors;  // [atom] or null

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const double factor = factors != nullptr ? factors[centers[first_row + thread]] : 1.0;
        row_energies[first_row + thread] += factor * energies[thread];
        if (uncertainties == nullptr) return;
        const double deviation = factor * uncertainties[thread];
        row_variances[first_row + thread] += deviation * deviation;
    }
};

/// Values of rows to their atoms, square roots where asked for. Threads: n_rows.
struct RowsToAtoms {
    const std::int32_t* centers;
    const double* rows;
    bool square_root;
    double* atoms;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t row) const {
        atoms[centers[row]] = square_root ? std::sqrt(rows[row]) : rows[row];
    }
};

}  // namespace

DeviceModel::DeviceModel(const ModelFile& file, const DeviceOptions& chosen) : options(chosen) {
    const nlohmann::json metadata = parse_json(file.metadata, file.path, "metadata");
    elements = read_model_info(metadata, file.path).elements;
    terms = make_terms(file, "", metadata);
    const std::size_t n = elements.size();
    cutoffs.assign(n * n, 0.0);
    for (const auto& term : terms) {
        has_uncertainty = has_uncertainty || term->has_uncertainty;
        const auto place = [&](const std::string& symbol) {
            const auto found = std::find(elements.begin(), elements.end(), symbol);
            if (found == elements.end())
                throw Error(ErrorCode::file_damaged, file.path + ": a child of the sum knows " + symbol +
                                                         ", which the list of elements of the sum lacks");
            return static_cast<std::size_t>(found - elements.begin());
        };
        const std::size_t m = term->elements.size();
        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < m; ++j) {
                double& c = cutoffs[place(term->elements[i]) * n + place(term->elements[j])];
                c = std::max(c, term->cutoffs[i * m + j]);
            }
    }
}

Evaluator::Evaluator(std::shared_ptr<const DeviceModel> model, Precision precision)
    : model_(std::move(model)),
      precision_(precision),
      context_(model_->options.device),
      algorithms_(context_),
      list_(context_),
      tables_(context_),
      scratch_(context_),
      row_energies_(context_),
      row_variances_(context_),
      forces_(context_),
      atom_values_(context_),
      atom_virials_(context_),
      halved_(context_),
      sums_(context_),
      problems_(context_),
      center_factors_(context_) {
    scratch_limit_ = model_->options.scratch_bytes;
    if (scratch_limit_ < 0)
        throw Error(ErrorCode::invalid_argument, "DeviceOptions::scratch_bytes is negative");
    if (scratch_limit_ == 0)
        scratch_limit_ = std::min<std::int64_t>(std::int64_t{2} << 30,
                                                static_cast<std::int64_t>(context_.total_memory() / 8));
    for (const auto& term : model_->terms) {
        TermState& state = terms_.emplace_back();
        state.kernel = term->make_kernel(context_, precision);
        state.has_uncertainty = term->has_uncertainty;
        for (const std::string& symbol : model_->elements) {
            const auto found = std::find(term->elements.begin(), term->elements.end(), symbol);
            state.species.push_back(found == term->elements.end()
                                        ? -1
                                        : static_cast<std::int32_t>(found - term->elements.begin()));
        }
        if (term->elements != model_->elements)
            state.device_species = tables_.put(state.species.data(), state.species.size());
        std::vector<double> squared = term->cutoffs;
        for (double& c : squared) c *= c;
        const double* device = tables_.put(squared.data(), squared.size());
        for (std::size_t s = 0; s < term->elements.size(); ++s)
            state.squared_cutoffs.push_back(device + s * term->elements.size());
    }
}

/// Where the sums of one evaluation go, on the device.
struct Evaluator::Wanted {
    Accumulator forces, atom_virials, atom_virials_halved;
    bool virial = false, uncertainties = false;
    [[nodiscard]] bool gradients() const {
        return virial || forces.wanted() || atom_virials.wanted() || atom_virials_halved.wanted();
    }
};

EdgeChunk Evaluator::lay_out(const TermState& term, Arena& arena, std::int64_t stride, double*& energies,
                             double*& uncertainties, double*& virials) {
    const auto n = static_cast<std::size_t>(stride);
    const int most_edges = list_.most_edges();
    const std::size_t edges = static_cast<std::size_t>(most_edges) * n;
    EdgeChunk chunk{};
    chunk.stride = stride;
    chunk.n_elements = static_cast<int>(term.squared_cutoffs.size());
    chunk.most_edges = most_edges;
    chunk.species_begin = arena.take<std::int32_t>((term.squared_cutoffs.size() + 1) * n);
    chunk.neighbor = arena.take<std::int32_t>(edges);
    for (double** a : {&chunk.x, &chunk.y, &chunk.z, &chunk.dE_dx, &chunk.dE_dy, &chunk.dE_dz})
        *a = arena.take<double>(edges);
    energies = arena.take<double>(n);
    uncertainties = arena.take<double>(n);
    virials = arena.take<double>(9 * n);
    term.kernel->lay_out(arena, stride, most_edges);
    return chunk;
}

void Evaluator::compute_term(TermState& term, const Wanted& wanted) {
    double *energies, *uncertainties, *virials;
    constexpr std::int64_t probe = 1024;
    Arena measure;
    lay_out(term, measure, probe, energies, uncertainties, virials);
    const auto bytes = static_cast<std::int64_t>(measure.used());
    std::int64_t most_rows = 0;
    for (std::size_t s = 0; s < model_->elements.size(); ++s)
        if (term.species[s] >= 0)
            most_rows = std::max(
                most_rows, list_.row_begin(static_cast<int>(s) + 1) - list_.row_begin(static_cast<int>(s)));
    if (most_rows == 0) return;
    const std::int64_t fitting = std::max(scratch_limit_ / bytes * probe, row_group);
    // Chunks of equal size: no small one at the end that leaves the device idle.
    const std::int64_t pieces = (most_rows + fitting - 1) / fitting;
    const std::int64_t stride = ((most_rows + pieces - 1) / pieces + row_group - 1) / row_group * row_group;
    Arena needed;
    lay_out(term, needed, stride, energies, uncertainties, virials);
    scratch_.reserve(needed.used(), 0.05);
    Arena arena(scratch_.data());
    EdgeChunk chunk = lay_out(term, arena, stride, energies, uncertainties, virials);
    if (!wanted.uncertainties || !term.has_uncertainty) uncertainties = nullptr;
    if (!wanted.virial) virials = nullptr;
    const EdgeRows rows = list_.rows();
    const double* factors = has_factors_ ? center_factors_.data() : nullptr;
    for (std::size_t s = 0; s < model_->elements.size(); ++s) {
        if (term.species[s] < 0) continue;
        chunk.center_species = term.species[s];
        const std::int64_t end = list_.row_begin(static_cast<int>(s) + 1);
        for (std::int64_t first = list_.row_begin(static_cast<int>(s)); first < end; first += stride) {
            ++n_chunks_;
            chunk.first_row = first;
            chunk.n_centers = std::min(stride, end - first);
            launch(context_, chunk.n_centers,
                   GatherEdges{rows, chunk, term.device_species,
                               term.squared_cutoffs[static_cast<std::size_t>(chunk.center_species)],
                               problems_.data()});
            term.kernel->compute(chunk, energies, uncertainties);
            launch(context_, chunk.n_centers,
                   AddToRows{first, energies, uncertainties, row_energies_.data(), row_variances_.data(),
                             rows.centers, factors});
            if (!wanted.gradients()) continue;
            launch(context_, chunk.n_centers,
                   ScatterEdges{rows, chunk, wanted.forces, wanted.atom_virials, wanted.atom_virials_halved,
                                virials, factors});
            if (virials != nullptr)
                algorithms_.add_sums(virials, stride, chunk.n_centers, 9, sums_.data() + 1);
        }
    }
}

void Evaluator::compute(const Results& results) {
    const auto n_atoms = static_cast<std::size_t>(list_.n_atoms());
    const auto n_rows = static_cast<std::size_t>(list_.n_rows());
    Wanted wanted;
    wanted.virial = results.virial != nullptr;
    wanted.uncertainties = !results.atom_uncertainties.empty() && model_->has_uncertainty;
    const auto accumulator = [&](std::span<double> asked, DeviceArray<double>& array, std::size_t width) {
        Accumulator a;
        if (asked.empty()) return a;
        array.reserve(n_atoms * width, 0.05);
        array.clear(n_atoms * width);
        a.values = array.data();
        if (model_->options.deterministic) a.integers = reinterpret_cast<std::int64_t*>(array.data());
        a.problems = problems_.data();
        return a;
    };
    wanted.forces = accumulator(results.forces, forces_, 3);
    wanted.atom_virials = accumulator(results.atom_virials, atom_virials_, 9);
    wanted.atom_virials_halved = accumulator(results.atom_virials_halved, halved_, 6);
    row_energies_.reserve(n_rows, 0.05);
    row_energies_.clear(n_rows);
    if (wanted.uncertainties) {
        row_variances_.reserve(n_rows, 0.05);
        row_variances_.clear(n_rows);
    }
    sums_.reserve(10);
    sums_.clear(10);
    n_chunks_ = 0;
    for (TermState& term : terms_) compute_term(term, wanted);
    const auto rows = static_cast<std::int64_t>(n_rows);
    algorithms_.add_sums(row_energies_.data(), rows, rows, 1, sums_.data());

    double sums[10];
    context_.download(sums, sums_.data(), sizeof sums);
    check_problems();  // before anything is added to the results
    if (results.energy != nullptr) *results.energy += sums[0];
    for (std::size_t c = 0; results.virial != nullptr && c < 9; ++c) results.virial[c] += sums[1 + c];
    const auto add = [&](std::span<double> result, const Accumulator& a, std::size_t width) {
        if (result.empty()) return;
        if (a.integers != nullptr)
            launch(context_, static_cast<std::int64_t>(n_atoms * width), FromFixedPoint{a.values});
        context_.download_add(result.data(), a.values, n_atoms * width);
    };
    add(results.forces, wanted.forces, 3);
    add(results.atom_virials, wanted.atom_virials, 9);
    add(results.atom_virials_halved, wanted.atom_virials_halved, 6);
    const auto add_rows = [&](std::span<double> result, const DeviceArray<double>& values, bool root) {
        atom_values_.reserve(n_atoms, 0.05);
        atom_values_.clear(n_atoms);
        launch(context_, rows, RowsToAtoms{list_.rows().centers, values.data(), root, atom_values_.data()});
        context_.download_add(result.data(), atom_values_.data(), n_atoms);
    };
    if (!results.atom_energies.empty()) add_rows(results.atom_energies, row_energies_, false);
    if (wanted.uncertainties) add_rows(results.atom_uncertainties, row_variances_, true);
}

void Evaluator::check_problems() {
    Problems found;
    context_.download(&found, problems_.data(), sizeof found);
    beyond_skin_ = found.beyond_skin == Problems::none ? -1 : found.beyond_skin;
    if (found.position_not_finite != Problems::none)
        throw Error(ErrorCode::not_finite, "the position of atom " +
                                               std::to_string(found.position_not_finite) +
                                               " is not finite or beyond 1e15 angstrom");
    if (found.same_place != Problems::none)
        throw Error(ErrorCode::invalid_argument, "atoms " + std::to_string(found.same_place >> 32) + " and " +
                                                     std::to_string(found.same_place & 0xffffffff) +
                                                     " are at the same place: move or delete one of them");
    if (found.force_too_large != Problems::none)
        throw Error(ErrorCode::unsupported, "a force on atom " + std::to_string(found.force_too_large) +
                                                " is not finite or beyond " +
                                                std::to_string(static_cast<int>(fixed_point_largest)) +
                                                " eV/angstrom, which deterministic sums cannot hold: atoms "
                                                "are very close, or switch `deterministic` off");
}

template <typename Update>
void Evaluator::run(std::size_t n_atoms, const Results& results, Update&& update) {
    const auto check_size = [&](std::span<double> array, std::size_t width, const char* name) {
        if (!array.empty() && array.size() != n_atoms * width)
            throw Error(ErrorCode::invalid_argument,
                        std::string("the size of ") + name + " does not fit the number of atoms");
    };
    check_size(results.forces, 3, "forces");
    check_size(results.atom_energies, 1, "atom_energies");
    check_size(results.atom_virials, 9, "atom_virials");
    check_size(results.atom_virials_halved, 6, "atom_virials_halved");
    check_size(results.atom_uncertainties, 1, "atom_uncertainties");
    const Problems none;
    try {
        problems_.upload(&none, 1);
        update();
        compute(results);
    } catch (const DeviceMemoryError& error) {
        list_.forget();
        // Everything but the scratch grows with the atoms.
        const double scratch = static_cast<double>(scratch_.capacity());
        const double all = static_cast<double>(context_.memory()) + static_cast<double>(error.available);
        const double used = static_cast<double>(context_.memory()) + static_cast<double>(error.wanted);
        const double fit = std::max(0.0, (all - scratch) / (used - scratch) * static_cast<double>(n_atoms));
        throw Error(ErrorCode::out_of_memory,
                    std::string(error.what()) + "; of these " + std::to_string(n_atoms) +
                        " atoms (ghosts included) at most about " +
                        std::to_string(static_cast<std::int64_t>(fit)) +
                        " would fit: use more devices, fewer atoms or a smaller skin");
    } catch (...) {
        list_.forget();
        throw;
    }
}

void Evaluator::evaluate(const OpenCluster& cluster, const Results& results) {
    run(cluster.n_atoms(), results, [&] {
        list_.update(cluster, model_->cutoffs, problems_.data());
        has_factors_ = !cluster.center_factors.empty();
        if (!has_factors_) return;
        if (static_cast<std::int64_t>(cluster.center_factors.size()) != cluster.n_centers)
            throw Error(ErrorCode::invalid_argument, "center_factors does not have n_centers values");
        center_factors_.upload(cluster.center_factors.data(), cluster.center_factors.size());
    });
}

void Evaluator::evaluate(const Cluster& cluster, const Results& results) {
    run(cluster.n_atoms(), results, [&] {
        list_.update(cluster, model_->cutoffs);
        has_factors_ = false;
    });
}

void Evaluator::closest_pairs(std::span<double> distances, std::span<std::int32_t> centers) {
    std::vector<std::int64_t> keys(distances.size(), no_pair);
    if (list_.n_rows() > 0) {
        DeviceArray<std::int64_t> on_device(context_);
        on_device.upload(keys.data(), keys.size());
        const int n_species = static_cast<int>(model_->elements.size());
        launch(context_, list_.n_rows(), FindClosestPairs{list_.rows(), n_species, on_device.data()});
        context_.download(keys.data(), on_device.data(), keys.size() * sizeof(std::int64_t));
    }
    for (std::size_t p = 0; p < keys.size(); ++p) {
        const bool any = keys[p] != no_pair;
        distances[p] = any ? std::sqrt(static_cast<double>(keys[p] >> 32) / squared_distance_units)
                           : std::numeric_limits<double>::infinity();
        centers[p] = any ? static_cast<std::int32_t>(keys[p] & 0xffffffff) : -1;
    }
}

std::string Evaluator::description() const {
    std::string text = context_.name() + (precision_ == Precision::mixed ? ", mixed" : ", double");
    if (model_->options.deterministic) text += ", deterministic";
    if (n_chunks_ > 0)
        text += ", " + std::to_string(list_.n_rows()) + " centres in " + std::to_string(n_chunks_) +
                (n_chunks_ == 1 ? " chunk" : " chunks");
    return text;
}

}  // namespace tektite::cuda
