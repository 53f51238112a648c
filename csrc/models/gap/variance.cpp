// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/variance.hpp"

#include <algorithm>
#include <cmath>

#include "base/kernels_for.hpp"

namespace tektite::gap {

namespace {

AlignedVector<double> pack_triangle(const std::vector<double>& matrix, std::size_t n, std::size_t n_padded) {
    AlignedVector<double> out;
    for (std::size_t row = 0; row < n_padded; row += sparse_tile)
        for (std::size_t column = 0; column < row + sparse_tile; ++column)
            for (std::size_t i = row; i < row + sparse_tile; ++i)
                out.push_back(i < n && column < n ? matrix[i * n + column] : 0.0);
    return out;
}

std::size_t whole_tiles(std::size_t n) {
    return (n + sparse_tile - 1) / sparse_tile * sparse_tile;
}

}  // namespace

PackedPoints::PackedPoints(const SoapTerm& term) : zeta(term.zeta) {
    const std::size_t n = term.weights.size(), size = term.sparse_points.size() / n, padded = whole_tiles(n);
    n_features = static_cast<int>(size);
    n_tiles = static_cast<int>(padded / sparse_tile);
    points.assign(padded * size, 0.0);
    weights.assign(padded, 0.0);
    for (std::size_t s = 0; s < n; ++s) {
        weights[s] = term.delta * term.delta * term.weights[s];
        for (std::size_t f = 0; f < size; ++f)
            points[(s / sparse_tile * size + f) * sparse_tile + s % sparse_tile] =
                term.sparse_points[s * size + f];
    }
}

VarianceTables::VarianceTables(const Parameters& p, std::size_t padded)
    : n_padded(padded),
      prior_factor(pack_triangle(p.prior_factor, p.n_sparse, padded)),
      posterior_factor(pack_triangle(p.posterior_factor, p.n_sparse, padded)) {}

SharedTerms::SharedTerms(Parameters given)
    : parameters(std::move(given)),
      pairs(parameters.pairs, parameters.info.elements.size()),
      triplets(parameters.triplets) {
    for (const SoapTerm& term : parameters.soap) points.emplace_back(term);
    if (!parameters.info.has_uncertainty) return;
    variance = std::make_unique<VarianceTables>(parameters, whole_tiles(parameters.n_sparse));
    parameters.prior_factor = {};
    parameters.posterior_factor = {};
}

VarianceKernel::VarianceKernel(const SharedTerms& terms, InstructionSet isa)
    : terms_(terms), kernels_(kernels_for<SparseKernels>(isa)) {
    for (const SoapTerm& term : terms.parameters.soap)
        descriptors_.push_back(term.descriptor->make_double(isa));
}

std::size_t VarianceKernel::memory() const {
    std::size_t bytes = (features_.capacity() + covariances_.capacity() + k_.capacity() + prior_.capacity() +
                         squares_.capacity()) *
                        sizeof(double);
    for (const auto& d : descriptors_) bytes += d->memory();
    return bytes;
}

void VarianceKernel::compute(const EdgeBlock& block, double* deviations) {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const int n_registers = (block.n_centers + kernels_.lanes - 1) / kernels_.lanes;
    k_.assign(terms_.variance->n_padded * lanes, 0.0);
    prior_.assign(lanes, 0.0);
    squares_.resize(lanes);
    terms_.pairs.covariance(block, k_.data(), prior_.data());
    terms_.triplets.covariance(block, k_.data(), prior_.data());
    for (std::size_t t = 0; t < descriptors_.size(); ++t) {
        const SoapTerm& term = terms_.parameters.soap[t];
        if (!term.centers[static_cast<std::size_t>(block.center_species)]) continue;
        const SparseView view = terms_.points[t].view();
        features_.resize(static_cast<std::size_t>(view.n_features) * lanes);
        covariances_.resize(static_cast<std::size_t>(view.n_tiles * sparse_tile) * lanes);
        descriptors_[t]->forward(block, features_.data());
        const double variance = term.delta * term.delta;
        kernels_.covariance(view, variance, features_.data(), lanes, n_registers, covariances_.data());
        std::copy_n(covariances_.data(), term.weights.size() * lanes, k_.data() + term.first_sparse * lanes);
        for (std::size_t b = 0; b < block.centers.size(); ++b) {
            double square = 0;
            for (std::size_t f = 0; f < static_cast<std::size_t>(view.n_features); ++f)
                square += features_[f * lanes + b] * features_[f * lanes + b];
            prior_[b] += variance * std::pow(square, term.zeta);
        }
    }
    const int n_tiles = static_cast<int>(terms_.variance->n_padded) / sparse_tile;
    kernels_.triangular({n_tiles, terms_.variance->prior_factor.data()}, k_.data(), lanes, n_registers,
                        squares_.data());
    for (std::size_t b = 0; b < block.centers.size(); ++b) prior_[b] -= squares_[b];
    kernels_.triangular({n_tiles, terms_.variance->posterior_factor.data()}, k_.data(), lanes, n_registers,
                        squares_.data());
    for (std::size_t b = 0; b < block.centers.size(); ++b)
        deviations[b] = std::sqrt(std::max(0.0, prior_[b] + squares_[b]));
}

}  // namespace tektite::gap
