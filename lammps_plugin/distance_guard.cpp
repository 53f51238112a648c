// SPDX-License-Identifier: GPL-2.0-only
#include "distance_guard.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tektite_lammps {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double squared_distance(const double* x, int i, int j) {
    const double* a = x + 3 * static_cast<std::ptrdiff_t>(i);
    const double* b = x + 3 * static_cast<std::ptrdiff_t>(j);
    const double dx = b[0] - a[0], dy = b[1] - a[1], dz = b[2] - a[2];
    return dx * dx + dy * dy + dz * dz;
}

}  // namespace

void DistanceGuard::reset(int n_species, std::vector<double> minimum) {
    n_species_ = n_species;
    minimum_ = std::move(minimum);
    active_ = std::any_of(minimum_.begin(), minimum_.end(), [](double d) { return d > 0.0; });
    reference_.clear();
    allowed_displacement2_ = -1.0;
}

bool DistanceGuard::moved(const double* x, int n_atoms) const {
    if (reference_.size() != 3 * static_cast<std::size_t>(n_atoms)) return true;
    // Ghosts are looked at too: their owners are elsewhere, and a changing cell moves them on its own.
    double largest = 0.0;
    for (int i = 0; i < n_atoms; ++i) {
        const double* now = x + 3 * static_cast<std::ptrdiff_t>(i);
        const double* then = reference_.data() + 3 * static_cast<std::ptrdiff_t>(i);
        const double dx = now[0] - then[0], dy = now[1] - then[1], dz = now[2] - then[2];
        largest = std::max(largest, dx * dx + dy * dy + dz * dz);
    }
    return !(largest <= allowed_displacement2_);
}

ClosePair DistanceGuard::check(const double* x, const int* species, int n_atoms, const Neighbors& neighbors,
                               bool rebuilt) {
    ClosePair worst;
    if (!active_ || (!rebuilt && !moved(x, n_atoms))) return worst;

    const auto n = static_cast<std::size_t>(n_species_);
    std::vector<double> smallest2(n * n, infinity);
    std::vector<ClosePair> closest(n * n);
    for (int c = 0; c < neighbors.n_centers; ++c) {
        const int i = neighbors.centers[c];
        if (species[i] < 0) continue;
        double* row_smallest2 = smallest2.data() + static_cast<std::size_t>(species[i]) * n;
        const int* row = neighbors.rows[i];
        for (int k = 0; k < neighbors.counts[i]; ++k) {
            const int j = row[k] & neighbors.mask;
            if (species[j] < 0) continue;
            const double r2 = squared_distance(x, i, j);
            if (r2 < row_smallest2[species[j]]) {
                row_smallest2[species[j]] = r2;
                ClosePair& pair =
                    closest[static_cast<std::size_t>(species[i]) * n + static_cast<std::size_t>(species[j])];
                pair.first = i;
                pair.second = j;
            }
        }
    }

    double margin = infinity;
    for (std::size_t p = 0; p < n * n; ++p) {
        if (!(minimum_[p] > 0.0) || closest[p].first < 0) continue;
        closest[p].distance = std::sqrt(smallest2[p]);
        closest[p].minimum = minimum_[p];
        const double left = closest[p].distance - minimum_[p];
        if (left < margin) {
            margin = left;
            if (left < 0.0) worst = closest[p];
        }
    }
    allowed_displacement2_ = margin < 0.0 ? -1.0 : 0.25 * margin * margin;
    reference_.assign(x, x + 3 * static_cast<std::ptrdiff_t>(n_atoms));
    return worst;
}

ClosePair closest_pair(const double* x, const int* species, int n_atoms) {
    std::vector<int> order;
    for (int i = 0; i < n_atoms; ++i) {
        const double* r = x + 3 * static_cast<std::ptrdiff_t>(i);
        if (species[i] >= 0 && std::isfinite(r[0]) && std::isfinite(r[1]) && std::isfinite(r[2]))
            order.push_back(i);
    }
    const auto first_coordinate = [x](int i) { return x[3 * static_cast<std::ptrdiff_t>(i)]; };
    std::sort(order.begin(), order.end(),
              [&](int i, int j) { return first_coordinate(i) < first_coordinate(j); });
    ClosePair closest;
    double smallest2 = infinity;
    for (std::size_t a = 0; a < order.size(); ++a)
        for (std::size_t b = a + 1; b < order.size(); ++b) {
            const double ahead = first_coordinate(order[b]) - first_coordinate(order[a]);
            if (ahead * ahead >= smallest2) break;
            const double r2 = squared_distance(x, order[a], order[b]);
            if (r2 < smallest2) {
                smallest2 = r2;
                closest = {order[a], order[b], std::sqrt(r2), 0.0};
            }
        }
    if (closest.first > closest.second) std::swap(closest.first, closest.second);
    return closest;
}

}  // namespace tektite_lammps
