// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/body_terms.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "basis/soap_radial.hpp"

namespace tektite::gap {

namespace {

/// Value and slope of the single function of a table.
double interpolate(const RadialTable& table, double r, double& slope) {
    int segment = 0;
    while (segment + 1 < table.n_segments && r >= table.start[segment + 1]) ++segment;
    const double place = (r - table.start[segment]) * table.inverse_width[segment];
    const int last = table.first_bin[segment + 1] - table.first_bin[segment] - 1;
    const int bin = std::min(static_cast<int>(place), last);
    const double t = place - bin;
    const double* c = &table.coefficients[6 * static_cast<std::size_t>(table.first_bin[segment] + bin)];
    slope = (c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))) *
            table.inverse_width[segment];
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
}

/// Calls action(p) for the position of every edge of the lane to neighbours of `species`.
template <typename Action>
void for_edges(const EdgeBlock& block, std::size_t lane, int species, Action&& action) {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    const auto begin = static_cast<std::size_t>(block.species_begin[static_cast<std::size_t>(species)]);
    const std::size_t end = begin + static_cast<std::size_t>(block.count(species, static_cast<int>(lane)));
    for (std::size_t p = begin * lanes + lane; p < end * lanes; p += lanes) action(p);
}

double length_of(const EdgeBlock& block, std::size_t p) {
    return std::sqrt(block.x[p] * block.x[p] + block.y[p] * block.y[p] + block.z[p] * block.z[p]);
}

void add_gradient(EdgeBlock& block, std::size_t p, const std::array<double, 3>& g) {
    block.dE_dx[p] += g[0];
    block.dE_dy[p] += g[1];
    block.dE_dz[p] += g[2];
}

}  // namespace

PairTerms::PairTerms(const std::vector<PairTerm>& terms, std::size_t n_elements)
    : terms_(terms), n_elements_(n_elements), of_pair_(n_elements * n_elements) {
    for (std::size_t k = 0; k < terms.size(); ++k) {
        const PairTerm& term = terms[k];
        const RadialFunctions function = [&term](double r, double* value, double* slope) {
            double sum = 0, dsum = 0, df = 0;
            for (std::size_t s = 0; s < term.weights.size(); ++s) {
                const double u = (r - term.sparse_points[s]) / term.theta;
                const double g = term.weights[s] * std::exp(-0.5 * u * u);
                sum += g;
                dsum -= g * u / term.theta;
            }
            const double f = cosine_cutoff(r, term.cutoff, term.transition_width, df);
            const double variance = term.delta * term.delta;
            *value = variance * f * sum;
            *slope = variance * (f * dsum + df * sum);
        };
        std::vector<double> breakpoints;
        if (term.transition_width > 0) breakpoints.push_back(term.cutoff - term.transition_width);
        tables_.push_back({tabulate(1, function, term.cutoff, breakpoints, {1e-10, 1e-9, 1}), term.cutoff});
        const auto a = static_cast<std::size_t>(term.first), b = static_cast<std::size_t>(term.second);
        of_pair_[a * n_elements + b].push_back(k);
        if (a != b) of_pair_[b * n_elements + a].push_back(k);
    }
}

void PairTerms::add(EdgeBlock& block, double* energies) const {
    for (int species = 0; species < static_cast<int>(n_elements_); ++species)
        for (const std::size_t k : of(block.center_species, species))
            for (std::size_t lane = 0; lane < block.centers.size(); ++lane)
                for_edges(block, lane, species, [&](std::size_t p) {
                    const double r = length_of(block, p);
                    if (r >= tables_[k].cutoff) return;
                    double slope = 0;
                    energies[lane] += 0.5 * interpolate(tables_[k].table, r, slope);
                    const double scale = 0.5 * slope / r;
                    add_gradient(block, p, {scale * block.x[p], scale * block.y[p], scale * block.z[p]});
                });
}

void PairTerms::covariance(const EdgeBlock& block, double* k, double* prior) const {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    std::vector<std::pair<double, double>> edges;  // r, f(r)
    for (std::size_t t = 0; t < terms_.size(); ++t) {
        const PairTerm& term = terms_[t];
        const double variance = term.delta * term.delta, narrow = -0.5 / (term.theta * term.theta);
        double* rows = k + term.first_sparse * lanes;
        std::fill_n(rows, term.weights.size() * lanes, 0.0);
        for (std::size_t lane = 0; lane < block.centers.size(); ++lane) {
            edges.clear();
            for (int species = 0; species < static_cast<int>(n_elements_); ++species) {
                const auto& here = of(block.center_species, species);
                if (std::find(here.begin(), here.end(), t) == here.end()) continue;
                for_edges(block, lane, species, [&](std::size_t p) {
                    double slope = 0;
                    const double r = length_of(block, p);
                    if (r < term.cutoff)
                        edges.emplace_back(r, cosine_cutoff(r, term.cutoff, term.transition_width, slope));
                });
            }
            for (const auto& [r, f] : edges) {
                for (std::size_t s = 0; s < term.weights.size(); ++s) {
                    const double d = r - term.sparse_points[s];
                    rows[s * lanes + lane] += 0.5 * variance * f * std::exp(narrow * d * d);
                }
                for (const auto& [other, g] : edges)
                    prior[lane] += 0.25 * variance * f * g * std::exp(narrow * (r - other) * (r - other));
            }
        }
    }
}

namespace {

/// A triplet: coordinates, the product of cutoff functions, and where its two edges are.
struct Triplet {
    std::size_t p, q;
    double r1, r2, r3;
    double f1, f2, df1, df2;
    [[nodiscard]] std::array<double, 3> coordinates() const { return {r1 + r2, (r1 - r2) * (r1 - r2), r3}; }
};

template <typename Action>
void for_triplets(const TripletTerm& term, const EdgeBlock& block, std::size_t lane,
                  std::vector<TripletEdge>& edges, Action&& action) {
    edges.clear();
    const auto collect = [&](int species) {
        for_edges(block, lane, species, [&](std::size_t p) {
            const double r = length_of(block, p);
            double slope = 0;
            if (r >= term.cutoff) return;
            const double f = cosine_cutoff(r, term.cutoff, term.transition_width, slope);
            edges.push_back({p, r, f, slope});
        });
    };
    collect(term.first);
    const std::size_t n_first = edges.size();
    if (term.second != term.first) collect(term.second);
    for (std::size_t a = 0; a < n_first; ++a)
        for (std::size_t b = term.second == term.first ? a + 1 : n_first; b < edges.size(); ++b) {
            const std::size_t p = edges[a].p, q = edges[b].p;
            const double x = block.x[q] - block.x[p], y = block.y[q] - block.y[p],
                         z = block.z[q] - block.z[p];
            action(Triplet{p, q, edges[a].r, edges[b].r, std::sqrt(x * x + y * y + z * z), edges[a].f,
                           edges[b].f, edges[a].df, edges[b].df});
        }
}

}  // namespace

TripletTerms::TripletTerms(const std::vector<TripletTerm>& terms) : terms_(terms) {
    for (const TripletTerm& term : terms) {
        Points& p = points_.emplace_back();
        const std::size_t n = term.weights.size();
        const std::size_t padded = (n + triplet_padding - 1) / triplet_padding * triplet_padding;
        p.n_padded = static_cast<int>(padded);
        p.weights.assign(padded, 0.0);
        std::copy_n(term.weights.begin(), n, p.weights.begin());
        for (std::size_t d = 0; d < 3; ++d) {
            p.x[d].assign(padded, 0.0);
            for (std::size_t s = 0; s < n; ++s) p.x[d][s] = term.sparse_points[3 * s + d] / term.theta[d];
        }
    }
}

void TripletTerms::add(EdgeBlock& block, TripletKernel kernel, std::vector<TripletEdge>& edges,
                       double* energies) const {
    for (std::size_t k = 0; k < terms_.size(); ++k) {
        const TripletTerm& term = terms_[k];
        if (term.center != block.center_species) continue;
        const Points& points = points_[k];
        const TripletView view{points.n_padded,
                               {points.x[0].data(), points.x[1].data(), points.x[2].data()},
                               points.weights.data()};
        const double variance = term.delta * term.delta;
        const std::array<double, 3> inverse = {1 / term.theta[0], 1 / term.theta[1], 1 / term.theta[2]};
        for (std::size_t lane = 0; lane < block.centers.size(); ++lane)
            for_triplets(term, block, lane, edges, [&](const Triplet& t) {
                std::array<double, 3> x = t.coordinates(), slope;
                for (std::size_t d = 0; d < 3; ++d) x[d] *= inverse[d];
                double sums[4];
                kernel(view, x.data(), sums);
                const double sum = variance * sums[0], f = variance * t.f1 * t.f2;
                for (std::size_t d = 0; d < 3; ++d) slope[d] = sums[d + 1] * inverse[d];
                energies[lane] += t.f1 * t.f2 * sum;
                const double difference = 2 * (t.r1 - t.r2);
                const double dE_dr1 = t.df1 * t.f2 * sum + f * (slope[0] + difference * slope[1]);
                const double dE_dr2 = t.f1 * t.df2 * sum + f * (slope[0] - difference * slope[1]);
                const double along = f * slope[2] / t.r3;
                const std::array<double, 3> a{block.x[t.p], block.y[t.p], block.z[t.p]};
                const std::array<double, 3> b{block.x[t.q], block.y[t.q], block.z[t.q]};
                std::array<double, 3> da, db;
                for (std::size_t d = 0; d < 3; ++d) {
                    const double c = along * (b[d] - a[d]);
                    da[d] = dE_dr1 * a[d] / t.r1 - c;
                    db[d] = dE_dr2 * b[d] / t.r2 + c;
                }
                add_gradient(block, t.p, da);
                add_gradient(block, t.q, db);
            });
    }
}

void TripletTerms::covariance(const EdgeBlock& block, double* k, double* prior) const {
    const auto lanes = static_cast<std::size_t>(block.lanes);
    for (const TripletTerm& term : terms_) {
        double* rows = k + term.first_sparse * lanes;
        std::fill_n(rows, term.weights.size() * lanes, 0.0);
        if (term.center != block.center_species) continue;
        const double variance = term.delta * term.delta;
        const auto kernel = [&](const std::array<double, 3>& x, const double* y) {
            double square = 0;
            for (std::size_t d = 0; d < 3; ++d)
                square += (x[d] - y[d]) * (x[d] - y[d]) / (term.theta[d] * term.theta[d]);
            return std::exp(-0.5 * square);
        };
        std::vector<TripletEdge> edges;
        std::vector<std::pair<std::array<double, 3>, double>> triplets;
        for (std::size_t lane = 0; lane < block.centers.size(); ++lane) {
            triplets.clear();
            for_triplets(term, block, lane, edges,
                         [&](const Triplet& t) { triplets.emplace_back(t.coordinates(), t.f1 * t.f2); });
            for (const auto& [x, f] : triplets) {
                for (std::size_t s = 0; s < term.weights.size(); ++s)
                    rows[s * lanes + lane] += variance * f * kernel(x, &term.sparse_points[3 * s]);
                for (const auto& [y, g] : triplets) prior[lane] += variance * f * g * kernel(x, y.data());
            }
        }
    }
}

}  // namespace tektite::gap
