// SPDX-License-Identifier: BSD-3-Clause
// Uncertainties of a GAP: sqrt(k_ii - |A k|^2 + |B k|^2) of each centre, one centre a thread, always in
// double: small differences of large numbers (models/gap/variance.hpp).
//
// Flops a centre with M sparse points: those of the covariances and 2 M^2; bytes: M^2/24 doubles of its own,
// and M^2 that all threads share.
#pragma once

#include "cuda/terms/gap/gap_kernels.hpp"

namespace tektite::cuda {

/// k is [n_padded][stride]: the covariances of a centre with all sparse points.
struct GapCovariances {
    double* k;
    double* prior;  ///< [stride] k_ii
};

/// Before all others: no covariance. Threads: n_centers.
struct ClearCovariances {
    GapCovariances out;
    std::int64_t stride;
    int n_padded;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        for (int s = 0; s < n_padded; ++s) out.k[s * stride + thread] = 0.0;
        out.prior[thread] = 0.0;
    }
};

/// Those of one pair term, for centres that belong to it. Threads: n_centers.
struct PairCovariances {
    EdgeChunk chunk;
    GapCovariances out;
    int species;  ///< of the neighbour
    double cutoff, transition_width, variance, theta;
    int first_sparse, n_sparse;
    const double* points;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const double narrow = -0.5 / (theta * theta);
        const std::int32_t begin = chunk.species_begin[species * chunk.stride + thread];
        const std::int32_t end = chunk.species_begin[(species + 1) * chunk.stride + thread];
        double prior = 0.0;
        for (std::int32_t a = begin; a < end; ++a) {
            const double r = length(a * chunk.stride + thread);
            if (r >= cutoff) continue;
            double slope;
            const double f = cosine_cutoff(r, cutoff, transition_width, slope);
            for (int s = 0; s < n_sparse; ++s) {
                const double d = r - points[s];
                out.k[(first_sparse + s) * chunk.stride + thread] +=
                    0.5 * variance * f * std::exp(narrow * d * d);
            }
            for (std::int32_t b = begin; b < end; ++b) {
                const double other = length(b * chunk.stride + thread);
                if (other >= cutoff) continue;
                const double g = cosine_cutoff(other, cutoff, transition_width, slope);
                prior += 0.25 * variance * f * g * std::exp(narrow * (r - other) * (r - other));
            }
        }
        out.prior[thread] += prior;
    }

private:
    [[nodiscard]] TEKTITE_HOST_DEVICE double length(std::int64_t p) const {
        return std::sqrt(chunk.x[p] * chunk.x[p] + chunk.y[p] * chunk.y[p] + chunk.z[p] * chunk.z[p]);
    }
};

/// Those of one triplet term. Threads: n_centers.
struct TripletCovariances {
    GapTriplets triplets;
    GapCovariances out;
    int first_sparse;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const TripletTable& term = triplets.term;
        const std::int64_t stride = triplets.chunk.stride;
        double prior = 0.0;
        triplets.for_each(thread, [&](const auto& a, const auto& b) {
            double x[3];
            triplets.coordinates(a, b, x);
            const double f = a.f * b.f;
            for (int s = 0; s < term.n_sparse; ++s)
                out.k[(first_sparse + s) * stride + thread] +=
                    term.variance * f * gaussian(x, term.points + 4 * s);
            triplets.for_each(thread, [&](const auto& c, const auto& d) {
                double y[3];
                triplets.coordinates(c, d, y);
                prior += term.variance * f * c.f * d.f * gaussian(x, y);
            });
        });
        out.prior[thread] += prior;
    }

private:
    [[nodiscard]] TEKTITE_HOST_DEVICE static double gaussian(const double* x, const double* y) {
        double square = 0.0;
        for (int d = 0; d < 3; ++d) square += (x[d] - y[d]) * (x[d] - y[d]);
        return std::exp(-0.5 * square);
    }
};

/// Those of one SOAP term, after SoapForward in double. Threads: n_centers.
struct SoapCovariances {
    std::int64_t stride;
    GapCovariances out;
    int n_features, n_sparse, first_sparse;
    const double* points;  ///< [n_groups][n_features][sparse_group]
    double variance, zeta;
    const double* features;  ///< [n_features][stride]

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const double* x = features + thread;
        double square = 0.0;
        for (int f = 0; f < n_features; ++f) square += x[f * stride] * x[f * stride];
        out.prior[thread] += variance * std::pow(square, zeta);
        for (int first = 0; first < n_sparse; first += sparse_group) {
            const double* rows = points + static_cast<std::int64_t>(first) * n_features;
            double sum[sparse_group];
            TEKTITE_UNROLL(24)
            for (int i = 0; i < sparse_group; ++i) sum[i] = 0.0;
            for (int f = 0; f < n_features; ++f) {
                const double value = x[f * stride];
                TEKTITE_UNROLL(24)
                for (int i = 0; i < sparse_group; ++i) sum[i] += rows[f * sparse_group + i] * value;
            }
            for (int i = 0; i < sparse_group && first + i < n_sparse; ++i)
                out.k[(first_sparse + first + i) * stride + thread] =
                    sum[i] > 0 ? variance * std::pow(sum[i], zeta) : 0.0;
        }
    }
};

/// sqrt(k_ii - |A k|^2 + |B k|^2). Threads: n_centers.
struct GapDeviations {
    std::int64_t stride;
    GapCovariances in;
    int n_padded;             ///< a multiple of sparse_group
    const double* prior;      ///< A, for each group of rows [columns up to its end][sparse_group]
    const double* posterior;  ///< B, likewise
    double* deviations;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const double variance = in.prior[thread] - square(prior, thread) + square(posterior, thread);
        deviations[thread] = variance > 0 ? std::sqrt(variance) : 0.0;
    }

private:
    [[nodiscard]] TEKTITE_HOST_DEVICE double square(const double* rows, std::int64_t thread) const {
        double total = 0.0;
        for (int end = sparse_group; end <= n_padded; end += sparse_group) {
            double sum[sparse_group];
            TEKTITE_UNROLL(24)
            for (int i = 0; i < sparse_group; ++i) sum[i] = 0.0;
            for (int column = 0; column < end; ++column, rows += sparse_group) {
                const double value = in.k[column * stride + thread];
                TEKTITE_UNROLL(24)
                for (int i = 0; i < sparse_group; ++i) sum[i] += rows[i] * value;
            }
            TEKTITE_UNROLL(24)
            for (int i = 0; i < sparse_group; ++i) total += sum[i] * sum[i];
        }
        return total;
    }
};

}  // namespace tektite::cuda
