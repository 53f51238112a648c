// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/cell_grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tektite {

namespace {

constexpr std::size_t points_per_thread = 10000;
constexpr std::size_t most_raw_bins = 65536;  // along an axis
constexpr std::size_t bins_per_point = 4;

}  // namespace

std::size_t Candidates::memory() const {
    return x.memory() + y.memory() + z.memory() + atom.memory() + code.memory() +
           homes.capacity() * sizeof(Home) + runs.capacity() * sizeof(PointRun);
}

double CellGrid::mark(const PeriodicImages& images, Parallel& parallel) {
    marks_.resize(3 * static_cast<std::size_t>(parallel.n_threads()));
    const int n_ranges = parallel.ranges(
        images.n_points(), points_per_thread, [&](int thread, std::size_t begin, std::size_t end) {
            auto* mine = &marks_[3 * static_cast<std::size_t>(thread)];
            for (std::size_t a = 0; a < 3; ++a) mine[a].assign(axes_[a].n_raw, 0);
            for (std::size_t p = begin; p < end; ++p)
                for (std::size_t a = 0; a < 3; ++a)
                    mine[a][raw_bin(a, images.point(p)[a]) / subdivisions] = 1;
        });
    double product = 1;
    for (std::size_t a = 0; a < 3; ++a) {
        Axis& axis = axes_[a];
        axis.occupied = marks_[a];
        for (std::size_t t = 1; t < static_cast<std::size_t>(n_ranges); ++t)
            for (std::size_t i = 0; i < axis.n_raw; ++i) axis.occupied[i] |= marks_[3 * t + a][i];
        std::size_t kept = 0;
        // One empty bin of a stretch remains: bins on its two sides are not within reach of each other.
        for (std::size_t i = 0; i < axis.n_raw; ++i)
            kept += axis.occupied[i] || (i > 0 && axis.occupied[i - 1]);
        product *= static_cast<double>(kept);
    }
    return product;
}

void CellGrid::choose_bins(const PeriodicImages& images, double radius, Parallel& parallel) {
    n_atoms_ = images.n_atoms();
    const std::size_t n_points = images.n_points();
    const auto most = static_cast<double>(std::clamp<std::size_t>(n_points, 1024, most_raw_bins));
    const double wanted = std::max(radius, 1e-6);
    double coarse_bins = 0;
    for (double widening = 1;; widening *= 1.5) {
        for (std::size_t a = 0; a < 3; ++a) {
            Axis& axis = axes_[a];
            axis.low = images.low()[a];
            const double length = images.high()[a] - axis.low;
            axis.width = std::max(wanted * widening, length / most);
            axis.inverse_width = static_cast<double>(subdivisions) / axis.width;
            axis.n_raw = raw_bin(a, images.high()[a]) / subdivisions + 1;
        }
        coarse_bins = mark(images, parallel);
        if (coarse_bins <= std::max(64.0, static_cast<double>(bins_per_point * n_points))) break;
    }

    // Finer bins leave fewer points to be tried in vain, but the runs along x must not become too short for
    // the loops over them; measured for 4 to 200 neighbours.
    const double occupancy = static_cast<double>(n_points) / coarse_bins;
    axes_[0].fine = occupancy < 5 ? 1 : occupancy < 25 ? 2 : 3;
    extent_ = radius;
    for (Axis& axis : axes_) {
        const std::size_t divisor = subdivisions / static_cast<std::size_t>(axis.fine);
        axis.bin.resize(axis.n_raw * subdivisions);
        std::int32_t next = 0;
        for (std::size_t i = 0; i < axis.n_raw; ++i) {
            for (std::size_t k = 0; k < subdivisions; ++k)
                axis.bin[i * subdivisions + k] = next + static_cast<std::int32_t>(k / divisor);
            if (axis.occupied[i]) next += axis.fine;
        }
        axis.n_bins = static_cast<std::size_t>(next);
        extent_ = std::max(extent_, axis.width / axis.fine + radius);
    }
}

void CellGrid::sort(const PeriodicImages& images, Parallel& parallel) {
    const std::size_t n = images.n_points();
    const std::size_t nx = axes_[0].n_bins, ny = axes_[1].n_bins, n_bins = nx * ny * axes_[2].n_bins;
    for (Buffer<std::int32_t>* b : {&bin_of_point_, &order_, &atom_, &code_}) b->resize(n + row_padding);
    for (Buffer<double>* b : {&x_, &y_, &z_}) b->resize(n + row_padding);
    first_.resize(n_bins + 1);
    parallel.ranges(n, points_per_thread, [&](int, std::size_t begin, std::size_t end) {
        for (std::size_t p = begin; p < end; ++p) {
            const double* r = images.point(p);
            const auto bx = static_cast<std::size_t>(axes_[0].bin[raw_bin(0, r[0])]);
            const auto by = static_cast<std::size_t>(axes_[1].bin[raw_bin(1, r[1])]);
            const auto bz = static_cast<std::size_t>(axes_[2].bin[raw_bin(2, r[2])]);
            bin_of_point_[p] = static_cast<std::int32_t>((bz * ny + by) * nx + bx);
        }
    });
    // Counting sort: after the first two loops first_[b] is where bin b ends; placing the points backwards
    // makes it where b begins and keeps their order.
    std::fill_n(first_.data(), n_bins + 1, 0);
    for (std::size_t p = 0; p < n; ++p) ++first_[static_cast<std::size_t>(bin_of_point_[p])];
    std::int32_t sum = 0;
    for (std::size_t b = 0; b <= n_bins; ++b) first_[b] = sum += first_[b];
    for (std::size_t p = n; p-- > 0;)
        order_[static_cast<std::size_t>(--first_[static_cast<std::size_t>(bin_of_point_[p])])] =
            static_cast<std::int32_t>(p);
}

bool CellGrid::gather(std::size_t bin, GatherKernel kernel, Candidates& c) const {
    const std::size_t nx = axes_[0].n_bins, ny = axes_[1].n_bins, nz = axes_[2].n_bins;
    const auto begin = static_cast<std::size_t>(first_[bin]), end = static_cast<std::size_t>(first_[bin + 1]);
    c.homes.clear();
    for (std::size_t t = begin; t < end; ++t)  // an image belongs to its atom, in another bin
        if (static_cast<std::size_t>(order_[t]) < n_atoms_)
            c.homes.push_back({order_[t], static_cast<std::int32_t>(t)});
    if (c.homes.empty()) return false;
    c.origin = {x_[begin], y_[begin], z_[begin]};

    const std::size_t x = bin % nx, y = bin / nx % ny, z = bin / (nx * ny);
    const auto fine = static_cast<std::size_t>(axes_[0].fine);
    const std::size_t x_low = x < fine ? 0 : x - fine, x_high = std::min(x + fine + 1, nx);
    std::size_t n = 0;
    c.runs.clear();
    for (std::size_t v = z == 0 ? 0 : z - 1; v < std::min(z + 2, nz); ++v)
        for (std::size_t u = y == 0 ? 0 : y - 1; u < std::min(y + 2, ny); ++u) {
            const std::int32_t* row = first_.data() + (v * ny + u) * nx;
            const PointRun run{static_cast<std::size_t>(row[x_low]), static_cast<std::size_t>(row[x_high])};
            if (u == y && v == z)
                for (Candidates::Home& home : c.homes)
                    home.position += static_cast<std::int32_t>(n) - static_cast<std::int32_t>(run.begin);
            c.runs.push_back(run);
            n += run.end - run.begin;
        }

    c.n_padded = (n + row_padding - 1) / row_padding * row_padding;
    if (c.n_padded + row_padding > c.x.size()) {
        const std::size_t grown = c.n_padded + c.n_padded / 2 + row_padding;
        for (Buffer<float>* b : {&c.x, &c.y, &c.z}) b->resize(grown);
        for (Buffer<std::int32_t>* b : {&c.atom, &c.code}) b->resize(grown);
    }
    kernel({x_.data(), y_.data(), z_.data(), atom_.data(), code_.data(), c.origin[0], c.origin[1],
            c.origin[2], c.runs.data(), c.runs.size(), c.x.data(), c.y.data(), c.z.data(), c.atom.data(),
            c.code.data()});
    for (; n < c.n_padded; ++n) {
        c.x[n] = c.y[n] = c.z[n] = far_away;
        c.atom[n] = c.code[n] = 0;
    }
    return true;
}

std::size_t CellGrid::memory() const {
    std::size_t total = bin_of_point_.memory() + order_.memory() + first_.memory() + x_.memory() +
                        y_.memory() + z_.memory() + atom_.memory() + code_.memory();
    for (const Axis& axis : axes_)
        total += axis.occupied.capacity() + axis.bin.capacity() * sizeof(std::int32_t);
    for (const auto& marks : marks_) total += marks.capacity();
    return total;
}

}  // namespace tektite
