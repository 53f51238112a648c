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

/// The readout of a SOAP term on the device.
struct SparseTables {
    std::vector<bool> centers;
    int n_groups = 0, n_sparse = 0, first_sparse = 0;
    int integer = -1;  ///< zeta - 1 where that is a small integer
    double zeta = 1, variance = 1;
    const double *points = nullptr, *weights = nullptr;
};

SparseTables put(Tables& device, const gap::SoapTerm& term) {
    SparseTables s;
    s.centers = term.centers;
    s.zeta = term.zeta;
    s.variance = term.delta * term.delta;
    const int nearest = static_cast<int>(term.zeta - 1.0 + 0.5);
    s.integer = nearest == term.zeta - 1.0 && nearest <= 16 ? nearest : -1;
    const std::size_t n = term.weights.size(), size = term.sparse_points.size() / n;
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

/// A lower triangular matrix [n][n] in groups of rows, each with the columns up
/// to its end.
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
class GapTermKernel final : public TermKernel {
public:
    GapTermKernel(Context& context, const gap::Parameters& parameters, const gap::PairTerms& pairs)
        : context_(context), tables_(context), isolated_energies_(parameters.info.isolated_energies) {
        const std::size_t n_elements = parameters.info.elements.size();
        for (std::size_t c = 0; c < n_elements; ++c) put_pairs(parameters, pairs, static_cast<int>(c));
        for (const gap::TripletTerm& term : parameters.triplets) put_triplets(term);
        for (const gap::SoapTerm& term : parameters.soap) {
            soap_.emplace_back(context, tables_, power_spectrum(term));
            sparse_.push_back(put(tables_, term));
        }
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
                double_soap_.emplace_back(context, tables_, power_spectrum(term));
    }

    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        const auto n = static_cast<std::size_t>(stride);
        SoapStage<T>::lay_out(arena, soap_, stride, most_edges, scratch_);
        SoapStage<double>::lay_out(arena, double_soap_, stride, most_edges, double_scratch_);
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
        for (std::size_t t = 0; t < soap_.size(); ++t) {
            const SparseTables& s = sparse_[t];
            if (!s.centers[center]) continue;
            soap_[t].forward(chunk, scratch_);
            launch(context_, chunk.n_centers,
                   SparsePredict<T>{chunk.stride, soap_[t].n_features(), s.n_groups, s.points, s.weights,
                                    s.zeta, s.integer, scratch_, energies});
            soap_[t].backward(chunk, scratch_);
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

    void compute_deviations(const EdgeChunk& chunk, const std::vector<SoapStage<double>>& soap,
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
        for (std::size_t t = 0; t < soap.size(); ++t) {
            const SparseTables& s = sparse_[t];
            if (!s.centers[center]) continue;
            soap[t].forward(chunk, scratch);
            launch(context_, chunk.n_centers,
                   SoapCovariances{chunk.stride, covariances_, soap[t].n_features(), s.n_sparse,
                                   s.first_sparse, s.points, s.variance, s.zeta, scratch.features});
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
    std::vector<SoapStage<T>> soap_;
    std::vector<SparseTables> sparse_;
    std::vector<SoapStage<double>> double_soap_;  // of the variance in mixed precision
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
