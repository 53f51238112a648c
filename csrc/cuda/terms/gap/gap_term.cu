// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "cuda/terms/gap/gap_kernels.hpp"
#include "cuda/terms/gap/gap_term.hpp"
#include "cuda/terms/gap/variance_kernels.hpp"
#include "descriptors/power_spectrum.hpp"
#include "models/gap/body_terms.hpp"
#include "models/gap/parameters.hpp"

namespace tektite::cuda {

namespace {

const PowerSpectrum& power_spectrum(const gap::SoapTerm& term) {
    return dynamic_cast<const PowerSpectrum&>(*term.descriptor);
}

template <typename T>
soap::SoapView<T> put(Tables& device, const soap::SoapView<T>& host, std::size_t n_elements) {
    soap::SoapView<T> view = host;
    std::vector<soap::RadialView<T>> radial(host.radial, host.radial + n_elements);
    for (std::size_t s = 0; s < n_elements; ++s) {
        soap::RadialView<T>& r = radial[s];
        if (host.channel[s] < 0) continue;
        const auto n_segments = static_cast<std::size_t>(r.n_segments);
        const auto n_bins = static_cast<std::size_t>(r.first_bin[r.n_segments]) + 1;
        r.start = device.put(r.start, n_segments);
        r.inverse_width = device.put(r.inverse_width, n_segments);
        r.first_bin = device.put(r.first_bin, n_segments + 1);
        r.coefficients = device.put(r.coefficients, n_bins * 6 * static_cast<std::size_t>(host.row));
    }
    const auto k = static_cast<std::size_t>(host.n_coefficients);
    const auto n_components = k * (k + 1) / 2 * static_cast<std::size_t>(host.l_max + 1);
    const auto n_lm = static_cast<std::size_t>(lm_count(host.l_max));
    view.radial = device.put(radial.data(), n_elements);
    view.channel = device.put(host.channel, n_elements);
    view.position = device.put(host.position, n_components);
    view.scale = device.put(host.scale, n_components);
    view.legendre_a = device.put(host.legendre_a, n_lm);
    view.legendre_b = device.put(host.legendre_b, n_lm);
    view.legendre_slope = device.put(host.legendre_slope, n_lm);
    view.legendre_diagonal = device.put(host.legendre_diagonal, static_cast<std::size_t>(host.l_max) + 1);
    return view;
}

/// Kernels are compiled for the largest l that most GAPs have, so that loops over harmonics unroll, and for
/// any.
template <typename Action>
void with_compiled_l(int l, Action&& action) {
    if (l == 8)
        action(std::integral_constant<int, 8>{});
    else
        action(std::integral_constant<int, -1>{});
}

/// A SOAP term on the device, its descriptor in the precision T.
template <typename T>
struct SoapTables {
    soap::SoapView<T> view;
    std::vector<bool> centers;
    std::vector<const T*> central;  ///< [n_elements]
    int n_groups = 0, n_sparse = 0, first_sparse = 0;
    int integer = -1;  ///< zeta - 1 where that is a small integer
    double zeta = 1, variance = 1;
    const double *points = nullptr, *weights = nullptr;
};

template <typename T>
SoapTables<T> put(Tables& device, const gap::SoapTerm& term, std::size_t n_elements) {
    const PowerSpectrum& descriptor = power_spectrum(term);
    SoapTables<T> s;
    s.view = put(device, descriptor.view<T>(), n_elements);
    s.centers = term.centers;
    for (std::size_t c = 0; c < n_elements; ++c)
        s.central.push_back(device.put(descriptor.central<T>(static_cast<int>(c)),
                                       static_cast<std::size_t>(s.view.n_coefficients)));
    s.zeta = term.zeta;
    s.variance = term.delta * term.delta;
    const int nearest = static_cast<int>(term.zeta - 1.0 + 0.5);
    s.integer = nearest == term.zeta - 1.0 && nearest <= 16 ? nearest : -1;
    const std::size_t n = term.weights.size(), size = static_cast<std::size_t>(s.view.n_features);
    const std::size_t n_groups = (n + sparse_group - 1) / sparse_group;
    std::vector<double> points(n_groups * size * sparse_group, 0.0), weights(n_groups * sparse_group, 0.0);
    for (std::size_t k = 0; k < n; ++k) {
        weights[k] = s.variance * term.weights[k];
        for (std::size_t f = 0; f < size; ++f)
            points[(k / sparse_group * size + f) * sparse_group + k % sparse_group] =
                term.sparse_points[k * size + f];
    }
    s.n_groups = static_cast<int>(n_groups);
    s.n_sparse = static_cast<int>(n);
    s.first_sparse = static_cast<int>(term.first_sparse);
    s.points = device.put(points.data(), points.size());
    s.weights = device.put(weights.data(), weights.size());
    return s;
}

/// A lower triangular matrix [n][n] in groups of rows, each with the columns up to its end.
const double* put_triangle(Tables& device, const std::vector<double>& matrix, std::size_t n,
                           std::size_t n_padded) {
    std::vector<double> rows;
    for (std::size_t first = 0; first < n_padded; first += sparse_group)
        for (std::size_t column = 0; column < first + sparse_group; ++column)
            for (std::size_t i = first; i < first + sparse_group; ++i)
                rows.push_back(i < n && column < n ? matrix[i * n + column] : 0.0);
    return device.put(rows.data(), rows.size());
}

template <typename T>
void lay_out_soap(Arena& arena, const std::vector<SoapTables<T>>& terms, std::size_t n, std::size_t edges,
                  SoapScratch<T>& scratch) {
    std::size_t c = 0, row = 0, n_lm = 0, padded = 0, features = 0;
    for (const SoapTables<T>& s : terms) {
        const auto lm = static_cast<std::size_t>((s.view.l_max + 1) * (s.view.l_max + 1));
        const auto k = static_cast<std::size_t>(s.view.n_padded);
        n_lm = std::max(n_lm, lm);
        c = std::max(c, lm * k);
        padded = std::max(padded, k);
        row = std::max(row, static_cast<std::size_t>(s.view.row));
        features = std::max(features, static_cast<std::size_t>(s.view.n_features));
    }
    if (terms.empty()) return;
    soap::Scratch<T>& s = scratch.soap;
    s.c = arena.take<T>(c * n);
    s.dE_dc = arena.take<T>(c * n);
    s.unit = arena.take<T>(3 * edges * n);
    s.inverse_r = arena.take<T>(edges * n);
    s.inverse_norm = arena.take<T>(n);
    s.radial = arena.take<T>(soap::tile_steps * row * n);
    s.slope = arena.take<T>(row * n);
    s.harmonics = arena.take<T>(soap::tile_steps * n_lm * n);
    s.symmetric = arena.take<T>(padded * padded * n);
    scratch.features = arena.take<T>(features * n);
    scratch.adjoint = arena.take<double>(features * n);
    if constexpr (std::is_same_v<T, double>)
        scratch.rounded = scratch.adjoint;
    else
        scratch.rounded = arena.take<T>(features * n);
}

template <typename T>
void launch_forward(Context& context, const EdgeChunk& chunk, const SoapTables<T>& s,
                    const SoapScratch<T>& scratch) {
    with_compiled_l(s.view.l_max, [&](auto l) {
        launch(context, chunk.n_centers,
               SoapForward<T, decltype(l)::value>{chunk, s.view, scratch,
                                                  s.central[static_cast<std::size_t>(chunk.center_species)]});
    });
}

template <typename T>
class GapTermKernel final : public TermKernel {
public:
    GapTermKernel(Context& context, const gap::Parameters& parameters, const gap::PairTerms& pairs)
        : context_(context), tables_(context), isolated_energies_(parameters.info.isolated_energies) {
        const std::size_t n_elements = parameters.info.elements.size();
        for (std::size_t c = 0; c < n_elements; ++c) put_pairs(parameters, pairs, static_cast<int>(c));
        for (const gap::TripletTerm& term : parameters.triplets) put_triplets(term);
        for (const gap::SoapTerm& term : parameters.soap) soap_.push_back(put<T>(tables_, term, n_elements));
        if (parameters.posterior_factor.empty()) return;
        const std::size_t n = parameters.n_sparse;
        const std::size_t padded = (n + sparse_group - 1) / sparse_group * sparse_group;
        n_padded_ = static_cast<int>(padded);
        prior_factor_ = put_triangle(tables_, parameters.prior_factor, n, padded);
        posterior_factor_ = put_triangle(tables_, parameters.posterior_factor, n, padded);
        for (const gap::PairTerm& term : parameters.pairs)
            pair_terms_.push_back({term, tables_.put(term.sparse_points.data(), term.sparse_points.size())});
        if constexpr (!std::is_same_v<T, double>)
            for (const gap::SoapTerm& term : parameters.soap)
                double_soap_.push_back(put<double>(tables_, term, n_elements));
    }

    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        const auto n = static_cast<std::size_t>(stride), edges = static_cast<std::size_t>(most_edges);
        lay_out_soap(arena, soap_, n, edges, scratch_);
        lay_out_soap(arena, double_soap_, n, edges, double_scratch_);
        covariances_.k = arena.take<double>(static_cast<std::size_t>(n_padded_) * n);
        covariances_.prior = arena.take<double>(n_padded_ > 0 ? n : 0);
    }

    void compute(const EdgeChunk& chunk, double* energies, double* uncertainties) override {
        const auto center = static_cast<std::size_t>(chunk.center_species);
        launch(
            context_, chunk.n_centers,
            GapPairs{chunk, isolated_energies_[center], pairs_[center].n, pairs_[center].tables, energies});
        for (const Triplets& t : triplets_)
            if (t.center == chunk.center_species)
                launch(context_, chunk.n_centers, GapTriplets{chunk, t.table, energies});
        for (const SoapTables<T>& s : soap_) {
            if (!s.centers[center]) continue;
            launch_forward(context_, chunk, s, scratch_);
            launch(context_, chunk.n_centers,
                   SparsePredict<T>{chunk.stride, s.view.n_features, s.n_groups, s.points, s.weights, s.zeta,
                                    s.integer, scratch_, energies});
            with_compiled_l(s.view.l_max, [&](auto l) {
                launch(context_, chunk.n_centers,
                       SoapBackward<T, decltype(l)::value>{chunk, s.view, scratch_});
            });
        }
        if (uncertainties == nullptr || n_padded_ == 0) return;
        if constexpr (std::is_same_v<T, double>)
            compute_deviations(chunk, soap_, scratch_, uncertainties);
        else
            compute_deviations(chunk, double_soap_, double_scratch_, uncertainties);
    }

private:
    struct Pairs {
        int n = 0;
        const PairTable* tables = nullptr;
    };
    struct Triplets {
        int center = 0, first_sparse = 0;
        TripletTable table{};
    };
    struct PairPoints {
        gap::PairTerm term;
        const double* points = nullptr;
    };

    void compute_deviations(const EdgeChunk& chunk, const std::vector<SoapTables<double>>& soap,
                            const SoapScratch<double>& scratch, double* uncertainties) {
        const auto center = static_cast<std::size_t>(chunk.center_species);
        launch(context_, chunk.n_centers, ClearCovariances{covariances_, chunk.stride, n_padded_});
        for (const PairPoints& pair : pair_terms_) {
            const gap::PairTerm& term = pair.term;
            const int center_species = chunk.center_species;
            if (term.first != center_species && term.second != center_species) continue;
            const int neighbor = term.first == center_species ? term.second : term.first;
            launch(context_, chunk.n_centers,
                   PairCovariances{chunk, covariances_, neighbor, term.cutoff, term.transition_width,
                                   term.delta * term.delta, term.theta, static_cast<int>(term.first_sparse),
                                   static_cast<int>(term.weights.size()), pair.points});
        }
        for (const Triplets& t : triplets_)
            if (t.center == chunk.center_species)
                launch(
                    context_, chunk.n_centers,
                    TripletCovariances{GapTriplets{chunk, t.table, nullptr}, covariances_, t.first_sparse});
        for (const SoapTables<double>& s : soap) {
            if (!s.centers[center]) continue;
            launch_forward(context_, chunk, s, scratch);
            launch(context_, chunk.n_centers,
                   SoapCovariances{chunk.stride, covariances_, s.view.n_features, s.n_sparse, s.first_sparse,
                                   s.points, s.variance, s.zeta, scratch.features});
        }
        launch(context_, chunk.n_centers,
               GapDeviations{chunk.stride, covariances_, n_padded_, prior_factor_, posterior_factor_,
                             uncertainties});
    }

    void put_pairs(const gap::Parameters& parameters, const gap::PairTerms& pairs, int center) {
        std::vector<PairTable> list;
        for (std::size_t k = 0; k < parameters.pairs.size(); ++k) {
            const gap::PairTerm& term = parameters.pairs[k];
            if (term.first != center && term.second != center) continue;
            const RadialTable& table = pairs.table(k);
            const auto n_segments = static_cast<std::size_t>(table.n_segments);
            list.push_back({term.first == center ? term.second : term.first, table.n_segments,
                            tables_.put(table.start, n_segments),
                            tables_.put(table.inverse_width, n_segments),
                            tables_.put(table.first_bin, n_segments + 1),
                            tables_.put(table.coefficients.data(), table.coefficients.size()), term.cutoff});
        }
        pairs_.push_back({static_cast<int>(list.size()), tables_.put(list.data(), list.size())});
    }

    void put_triplets(const gap::TripletTerm& term) {
        std::vector<double> points;
        for (std::size_t s = 0; s < term.weights.size(); ++s) {
            for (std::size_t d = 0; d < 3; ++d)
                points.push_back(term.sparse_points[3 * s + d] / term.theta[d]);
            points.push_back(term.weights[s]);
        }
        triplets_.push_back({term.center,
                             static_cast<int>(term.first_sparse),
                             {term.first,
                              term.second,
                              static_cast<int>(term.weights.size()),
                              term.cutoff,
                              term.transition_width,
                              term.delta * term.delta,
                              {1 / term.theta[0], 1 / term.theta[1], 1 / term.theta[2]},
                              tables_.put(points.data(), points.size())}});
    }

    Context& context_;
    Tables tables_;
    std::vector<double> isolated_energies_;
    std::vector<Pairs> pairs_;
    std::vector<Triplets> triplets_;
    std::vector<PairPoints> pair_terms_;  // of the variance
    std::vector<SoapTables<T>> soap_;
    std::vector<SoapTables<double>> double_soap_;  // of the variance in mixed precision
    SoapScratch<T> scratch_{};
    SoapScratch<double> double_scratch_{};
    GapCovariances covariances_{};
    int n_padded_ = 0;
    const double *prior_factor_ = nullptr, *posterior_factor_ = nullptr;
};

class GapTerm final : public Term {
public:
    explicit GapTerm(gap::Parameters parameters)
        : parameters_(std::move(parameters)), pairs_(parameters_.pairs, parameters_.info.elements.size()) {
        family = "gap";
        elements = parameters_.info.elements;
        cutoffs = gap::pair_cutoffs(parameters_);
        has_uncertainty = parameters_.info.has_uncertainty;
    }
    [[nodiscard]] std::unique_ptr<TermKernel> make_kernel(Context& context,
                                                          Precision precision) const override {
        if (precision == Precision::mixed)
            return std::make_unique<GapTermKernel<float>>(context, parameters_, pairs_);
        return std::make_unique<GapTermKernel<double>>(context, parameters_, pairs_);
    }

private:
    gap::Parameters parameters_;
    gap::PairTerms pairs_;
};

}  // namespace

std::unique_ptr<Term> make_gap_term(const ModelFile& file, const std::string& prefix,
                                    const nlohmann::json& metadata) {
    gap::Parameters parameters = gap::read_parameters(file, prefix, metadata);
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorCode::unsupported,
                    file.path + ": " + what + " do not run on a device yet: run the model on the CPU");
    };
    for (const gap::SoapTerm& term : parameters.soap)
        if (dynamic_cast<const PowerSpectrum*>(term.descriptor.get()) == nullptr)
            refuse("GAP terms whose descriptor is no power spectrum");
    return std::make_unique<GapTerm>(std::move(parameters));
}

}  // namespace tektite::cuda
