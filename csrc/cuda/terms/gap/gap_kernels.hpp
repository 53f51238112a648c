// SPDX-License-Identifier: BSD-3-Clause
// The stages of a GAP chunk beside SOAP (cuda/terms/soap), one centre a thread.
//
// Flops and bytes for each centre with D features, M sparse points, b = bytes
// of T (4 in mixed, 8 in double); counted, not measured:
//   SparsePredict  4 M D + 5 M (double); M/24 D (b + 16) bytes, and 8 M D that
//   all threads of a block share
#pragma once

#include <cmath>

#include "basis/soap_radial.hpp"
#include "cuda/edges/edge_chunk.hpp"
#include "cuda/terms/soap/soap_stage.hpp"
#include "cuda/terms/table_row.hpp"

namespace tektite::cuda {

/// V of the pair terms of one (centre, neighbour): a radial table of one
/// function (basis/radial_table.hpp).
struct PairTable {
    int species;  ///< of the neighbour
    int n_segments;
    const double* start;
    const double* inverse_width;
    const int* first_bin;
    const double* coefficients;  ///< [n_bins + 1][6]
    double cutoff;
};

/// Sets energies and gradients to those of the isolated atom and the pair
/// terms. Threads: n_centers. 40 flops and 120 bytes an edge and table, and 24
/// bytes an edge.
struct GapPairs {
    EdgeChunk chunk;
    double isolated_energy;
    int n_tables;
    const PairTable* tables;  ///< those of this centre species
    double* energies;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const std::int32_t n = chunk.species_begin[chunk.n_elements * chunk.stride + thread];
        for (std::int32_t k = 0; k < n; ++k) {
            const std::int64_t p = k * chunk.stride + thread;
            chunk.dE_dx[p] = chunk.dE_dy[p] = chunk.dE_dz[p] = 0.0;
        }
        double energy = isolated_energy;
        for (int t = 0; t < n_tables; ++t) {
            const PairTable table = tables[t];
            const std::int32_t end = chunk.species_begin[(table.species + 1) * chunk.stride + thread];
            for (std::int32_t k = chunk.species_begin[table.species * chunk.stride + thread]; k < end; ++k) {
                const std::int64_t p = k * chunk.stride + thread;
                const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
                const double r = std::sqrt(x * x + y * y + z * z);
                if (r >= table.cutoff) continue;
                const TablePlace<double> at = locate<double>(table, r);
                const double* c = table.coefficients + 6 * static_cast<std::int64_t>(at.bin);
                const double q = at.position;
                const double v = c[0] + q * (c[1] + q * (c[2] + q * (c[3] + q * (c[4] + q * c[5]))));
                const double slope =
                    (c[1] + q * (2 * c[2] + q * (3 * c[3] + q * (4 * c[4] + q * 5 * c[5])))) *
                    at.inverse_width;
                energy += 0.5 * v;
                const double scale = 0.5 * slope / r;
                chunk.dE_dx[p] += scale * x;
                chunk.dE_dy[p] += scale * y;
                chunk.dE_dz[p] += scale * z;
            }
        }
        energies[thread] = energy;
    }
};

/// One triplet term (docs/file-format.md).
struct TripletTable {
    int first, second;  ///< species of the neighbours
    int n_sparse;
    double cutoff, transition_width, variance;  ///< variance: delta^2
    double inverse_theta[3];
    const double* points;  ///< [n_sparse][4] coordinates over theta, weight
};

/// Adds the triplet terms, summed as they are defined. Threads: n_centers. Some
/// 40 flops and one exponential for each sparse point and triplet, in double;
/// 32 bytes that all threads share.
struct GapTriplets {
    EdgeChunk chunk;
    TripletTable term;
    double* energies;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        double energy = 0.0;
        for_each(thread, [&](const Edge& a, const Edge& b) { energy += triplet(a, b); });
        energies[thread] += energy;
    }

    struct Edge {
        std::int64_t p;
        double v[3], r, f, df;
    };
    /// Calls action with the two edges of every triplet of a centre.
    template <typename Action>
    TEKTITE_HOST_DEVICE void for_each(std::int64_t thread, Action&& action) const {
        const auto begin = [&](int s) { return chunk.species_begin[s * chunk.stride + thread]; };
        for (std::int32_t a = begin(term.first); a < begin(term.first + 1); ++a) {
            Edge edge_a;
            if (!look_at(a * chunk.stride + thread, edge_a)) continue;
            const std::int32_t start = term.second == term.first ? a + 1 : begin(term.second);
            for (std::int32_t b = start; b < begin(term.second + 1); ++b) {
                Edge edge_b;
                if (look_at(b * chunk.stride + thread, edge_b)) action(edge_a, edge_b);
            }
        }
    }
    /// Coordinates of a triplet over theta; returns r_3.
    TEKTITE_HOST_DEVICE double coordinates(const Edge& a, const Edge& b, double* x) const {
        double square = 0.0;
        for (int d = 0; d < 3; ++d) square += (b.v[d] - a.v[d]) * (b.v[d] - a.v[d]);
        const double r3 = std::sqrt(square), difference = a.r - b.r;
        x[0] = (a.r + b.r) * term.inverse_theta[0];
        x[1] = difference * difference * term.inverse_theta[1];
        x[2] = r3 * term.inverse_theta[2];
        return r3;
    }

private:
    TEKTITE_HOST_DEVICE bool look_at(std::int64_t p, Edge& e) const {
        e.p = p;
        e.v[0] = chunk.x[p];
        e.v[1] = chunk.y[p];
        e.v[2] = chunk.z[p];
        e.r = std::sqrt(e.v[0] * e.v[0] + e.v[1] * e.v[1] + e.v[2] * e.v[2]);
        if (e.r >= term.cutoff) return false;
        e.f = cosine_cutoff(e.r, term.cutoff, term.transition_width, e.df);
        return true;
    }

    /// Energy of one triplet; adds its gradients.
    TEKTITE_HOST_DEVICE double triplet(const Edge& a, const Edge& b) const {
        double x[3];
        const double r3 = coordinates(a, b, x), difference = a.r - b.r;
        double sum = 0.0, slope[3] = {};
        for (int s = 0; s < term.n_sparse; ++s) {
            const double* point = term.points + 4 * s;
            const double u[3] = {x[0] - point[0], x[1] - point[1], x[2] - point[2]};
            const double g = point[3] * std::exp(-0.5 * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2]));
            sum += g;
            for (int d = 0; d < 3; ++d) slope[d] -= g * u[d];
        }
        for (int d = 0; d < 3; ++d) slope[d] *= term.inverse_theta[d];
        sum *= term.variance;
        const double f = term.variance * a.f * b.f;
        const double dE_dra = a.df * b.f * sum + f * (slope[0] + 2 * difference * slope[1]);
        const double dE_drb = a.f * b.df * sum + f * (slope[0] - 2 * difference * slope[1]);
        const double along = f * slope[2] / r3;
        double* gradients[3] = {chunk.dE_dx, chunk.dE_dy, chunk.dE_dz};
        for (int d = 0; d < 3; ++d) {
            const double c = along * (b.v[d] - a.v[d]);
            gradients[d][a.p] += dE_dra * a.v[d] / a.r - c;
            gradients[d][b.p] += dE_drb * b.v[d] / b.r + c;
        }
        return a.f * b.f * sum;
    }
};

/// Sparse points taken together: their overlaps are held in registers.
inline constexpr int sparse_group = 24;

/// E = sum_s weights[s] (p . p_s)^zeta and dE/dp, in double (the weights of a
/// GAP are large and of both signs). Two passes over the features for each
/// group of sparse points: overlaps, then the gradient.
template <typename T>
struct SparsePredict {
    std::int64_t stride;
    int n_features, n_groups;
    const double* points;   ///< [n_groups][n_features][sparse_group], filled up with zeros
    const double* weights;  ///< [n_groups * sparse_group]
    double zeta;
    int integer;  ///< zeta - 1 where that is a small integer, else -1
    SoapScratch<T> scratch;
    double* energies;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        const T* x = scratch.features + thread;
        double* adjoint = scratch.adjoint + thread;
        double energy = 0.0;
        for (int group = 0; group < n_groups; ++group) {
            const double* rows =
                points + static_cast<std::int64_t>(group) * n_features * std::int64_t{sparse_group};
            double v[sparse_group];
            TEKTITE_UNROLL(24)
            for (int i = 0; i < sparse_group; ++i) v[i] = 0.0;
            for (int f = 0; f < n_features; ++f) {
                const double value = static_cast<double>(x[f * stride]);
                TEKTITE_UNROLL(24)
                for (int i = 0; i < sparse_group; ++i) v[i] += rows[f * sparse_group + i] * value;
            }
            TEKTITE_UNROLL(24)
            for (int i = 0; i < sparse_group; ++i) {
                const double power = weights[group * sparse_group + i] * power_of(v[i]);
                energy += power * v[i];
                v[i] = zeta * power;
            }
            for (int f = 0; f < n_features; ++f) {
                double sum = group == 0 ? 0.0 : adjoint[f * stride];
                TEKTITE_UNROLL(24)
                for (int i = 0; i < sparse_group; ++i) sum += rows[f * sparse_group + i] * v[i];
                adjoint[f * stride] = sum;
            }
        }
        if constexpr (sizeof(T) < sizeof(double))
            for (int f = 0; f < n_features; ++f)
                scratch.rounded[f * stride + thread] = static_cast<T>(adjoint[f * stride]);
        energies[thread] += energy;
    }

private:
    /// d^(zeta - 1). Overlaps are not negative but for rounding.
    [[nodiscard]] TEKTITE_HOST_DEVICE double power_of(double d) const {
        if (integer < 0) return d > 0 ? std::pow(d, zeta - 1.0) : 0.0;
        double p = 1.0;
        for (int k = 0; k < integer; ++k) p *= d;
        return p;
    }
};

}  // namespace tektite::cuda
