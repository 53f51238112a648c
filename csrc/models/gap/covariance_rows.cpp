// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/covariance_rows.hpp"

#include <algorithm>
#include <cmath>

#include "base/cpu.hpp"
#include "base/kernels_for.hpp"
#include "tektite/error.hpp"

namespace tektite::gap {

namespace {

/// Steps of edges whose gradients are held at once: 0.8 MB for 252 features and 8 lanes, which with a panel
/// of sparse points stays in a second-level cache.
constexpr int steps_together = 16;

}  // namespace

CovarianceRows::CovarianceRows(std::shared_ptr<const Descriptor> descriptor, std::span<const double> points,
                               double zeta, InstructionSet wanted)
    : descriptor_(std::move(descriptor)),
      isa_(resolve_instruction_set(wanted)),
      kernels_(kernels_for<CovarianceRowsKernels>(isa_)),
      block_descriptor_(descriptor_->make_double(isa_)),
      n_features_(static_cast<std::size_t>(descriptor_->n_features())),
      n_points_(points.size() / n_features_),
      zeta_(zeta),
      squared_cutoffs_(descriptor_->cutoffs()) {
    if (n_points_ == 0 || n_points_ * n_features_ != points.size())
        throw Error(ErrorCode::invalid_argument,
                    "sparse points must have " + std::to_string(n_features_) + " features each");
    if (!(zeta >= 1.0)) throw Error(ErrorCode::invalid_argument, "zeta must be at least 1");
    for (double& c : squared_cutoffs_) c *= c;
    const auto panel = static_cast<std::size_t>(kernels_.panel);
    n_padded_ = (n_points_ + panel - 1) / panel * panel;
    points_.assign(n_padded_ * n_features_, 0.0);
    for (std::size_t s = 0; s < n_points_; ++s)
        for (std::size_t f = 0; f < n_features_; ++f)
            points_[(s / panel * n_features_ + f) * panel + s % panel] = points[s * n_features_ + f];
    block_.lanes = block_descriptor_->lanes();
    const auto lanes = static_cast<std::size_t>(block_.lanes);
    lanes_.resize(lanes);
    features_.resize(n_features_ * lanes);
    gradient_.resize(3 * n_features_ * lanes);
    rows_.assign(n_features_ * row_tile, 0.0);
    slopes_.resize((lanes + row_tile - 1) / row_tile * row_tile * n_padded_);
}

void CovarianceRows::add(const Cluster& cluster, int element, const CovarianceOutput& out) {
    blocks_.build(cluster, descriptor_->n_elements(), block_.lanes);
    for (int b = 0; b < blocks_.size(); ++b) {
        const std::span<const std::int32_t> centers = blocks_[b];
        if (cluster.species[static_cast<std::size_t>(centers[0])] != element) continue;
        gather_edges(cluster, centers, element, squared_cutoffs_, isa_, block_);
        block_descriptor_->forward(block_, features_.data());
        multiply_features(static_cast<int>(centers.size()), out.energy);
        if (out.forces == nullptr) continue;
        for (int s = 0; s < descriptor_->n_elements(); ++s) {
            const int end = block_.species_begin[static_cast<std::size_t>(s) + 1];
            for (int step = block_.species_begin[static_cast<std::size_t>(s)]; step < end;
                 step += steps_together) {
                collect_edges(step, std::min(end, step + steps_together), s);
                add_collected(out);
            }
        }
    }
}

/// Overlaps with all sparse points: energies, and -zeta (p . p_s)^(zeta - 1) of each centre.
void CovarianceRows::multiply_features(int n_centers, double* energy) {
    const auto lanes = static_cast<std::size_t>(block_.lanes),
               panel = static_cast<std::size_t>(kernels_.panel);
    for (int first = 0; first < n_centers; first += row_tile) {
        const int n = std::min(row_tile, n_centers - first);
        std::fill(rows_.begin(), rows_.end(), 0.0);
        for (std::size_t f = 0; f < n_features_; ++f)
            for (int i = 0; i < n; ++i)
                rows_[f * row_tile + static_cast<std::size_t>(i)] =
                    features_[f * lanes + static_cast<std::size_t>(first + i)];
        double* products = slopes_.data() + static_cast<std::size_t>(first) * n_padded_;
        for (std::size_t s = 0; s < n_padded_; s += panel)
            kernels_.products(&points_[s * n_features_], static_cast<int>(n_features_), rows_.data(),
                              products + s, n_padded_);
    }
    const bool whole = zeta_ == std::floor(zeta_) && zeta_ <= 16.0;
    for (std::size_t b = 0; b < static_cast<std::size_t>(n_centers); ++b) {
        double* slopes = slopes_.data() + b * n_padded_;
        for (std::size_t s = 0; s < n_points_; ++s) {
            // Overlaps are not negative but for rounding.
            const double overlap = std::max(slopes[s], 0.0);
            double power = 1.0;
            if (whole)
                for (int k = 1; k < static_cast<int>(zeta_); ++k) power *= overlap;
            else
                power = std::pow(overlap, zeta_ - 1.0);
            energy[s] += power * overlap;
            slopes[s] = -zeta_ * power;
        }
    }
}

/// Gradients of the edges of some steps, lane by lane.
void CovarianceRows::collect_edges(int first_step, int last_step, int species) {
    const auto w = static_cast<std::size_t>(block_.lanes);
    const std::size_t tile = n_features_ * row_tile;
    for (Lane& lane : lanes_) {
        lane.neighbors.clear();
        lane.vectors.clear();
        lane.gradients.resize(static_cast<std::size_t>(last_step - first_step + 1) / 2 * tile);
    }
    targets_.assign(w, nullptr);
    for (int step = first_step; step < last_step; ++step) {
        block_descriptor_->edge_gradient(block_, features_.data(), 0, species, step, gradient_.data());
        for (std::size_t b = 0; b < w; ++b) {
            targets_[b] = nullptr;
            const std::size_t p = static_cast<std::size_t>(step) * w + b;
            if (b >= block_.centers.size() || block_.neighbor[p] < 0) continue;
            Lane& lane = lanes_[b];
            const std::size_t e = lane.neighbors.size();
            targets_[b] = &lane.gradients[e / 2 * tile + 3 * (e % 2)];
            // The second place of the last tile counts for nothing but must hold numbers.
            if (e % 2 == 0)
                for (std::size_t f = 0; f < n_features_; ++f)
                    std::fill_n(targets_[b] + f * row_tile + 3, 3, 0.0);
            lane.neighbors.push_back(block_.neighbor[p]);
            lane.vectors.insert(lane.vectors.end(), {block_.x[p], block_.y[p], block_.z[p]});
        }
        for (std::size_t f = 0; f < n_features_; ++f)
            for (std::size_t b = 0; b < w; ++b) {
                if (targets_[b] == nullptr) continue;
                double* to = targets_[b] + f * row_tile;
                for (std::size_t c = 0; c < 3; ++c) to[c] = gradient_[(c * n_features_ + f) * w + b];
            }
    }
}

void CovarianceRows::add_collected(const CovarianceOutput& out) {
    const auto panel = static_cast<std::size_t>(kernels_.panel);
    for (std::size_t s = 0; s < n_points_; s += panel)
        for (std::size_t b = 0; b < block_.centers.size(); ++b) {
            const Lane& lane = lanes_[b];
            const CenterEdges edges{block_.centers[b], static_cast<int>(lane.neighbors.size()),
                                    lane.neighbors.data(), lane.vectors.data(), lane.gradients.data()};
            kernels_.add_edges(&points_[s * n_features_], static_cast<int>(n_features_), edges,
                               slopes_.data() + b * n_padded_ + s,
                               static_cast<int>(std::min(panel, n_points_ - s)), out.forces + s,
                               out.virial + s, out.stride);
        }
}

}  // namespace tektite::gap
