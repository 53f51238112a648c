// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/images.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

namespace tektite {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest_coordinate = 1e15;  // beyond, neighbouring doubles are a tenth of an angstrom apart
constexpr double largest_wrap = 1e9;
constexpr double largest_count = 2e9;  // points are numbered with 32 bits
constexpr std::size_t atoms_per_thread = 2000;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

[[noreturn]] void throw_bad_position(std::span<const double> positions, std::size_t atom) {
    const double* r = positions.data() + 3 * atom;
    const std::string text = "atom " + std::to_string(atom) + " is at (" + number(r[0]) + ", " +
                             number(r[1]) + ", " + number(r[2]) + ") angstrom";
    if (!std::isfinite(r[0]) || !std::isfinite(r[1]) || !std::isfinite(r[2]))
        throw Error(ErrorCode::not_finite, text + ": a position must be finite");
    throw Error(
        ErrorCode::invalid_argument,
        text +
            ", too far away (more than 1e15 angstrom or 1e9 cells) to resolve distances there; wrap it "
            "into the cell or remove it");
}

}  // namespace

/// Extent of the wrapped atoms.
struct PeriodicImages::Range {
    Vector3 low{infinity, infinity, infinity}, high{-infinity, -infinity, -infinity};
    Vector3 fraction_low{infinity, infinity, infinity}, fraction_high{-infinity, -infinity, -infinity};
    Integers3 wrap_low{}, wrap_high{};
    double largest = 0;  // |coordinate| of the given positions

    void merge(const Range& other) {
        for (std::size_t d = 0; d < 3; ++d) {
            low[d] = std::min(low[d], other.low[d]);
            high[d] = std::max(high[d], other.high[d]);
            fraction_low[d] = std::min(fraction_low[d], other.fraction_low[d]);
            fraction_high[d] = std::max(fraction_high[d], other.fraction_high[d]);
            wrap_low[d] = std::min(wrap_low[d], other.wrap_low[d]);
            wrap_high[d] = std::max(wrap_high[d], other.wrap_high[d]);
        }
        largest = std::max(largest, other.largest);
    }
    [[nodiscard]] bool wraps() const { return wrap_low != Integers3{} || wrap_high != Integers3{}; }
};

void PeriodicImages::wrap_atoms(std::span<const double> positions, const ReducedLattice& lattice,
                                Parallel& parallel, Range& total) {
    const auto n = static_cast<std::size_t>(lattice.n);
    std::vector<Range> ranges(static_cast<std::size_t>(parallel.n_threads()));
    std::atomic<std::size_t> first_bad{n_atoms_};
    parallel.ranges(n_atoms_, atoms_per_thread, [&](int thread, std::size_t begin, std::size_t end) {
        Range range;
        const ReducedLattice lat = lattice;  // on this thread's stack: the compiler may keep it in registers
        for (std::size_t i = begin; i < end; ++i) {
            Vector3 r = {positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]};
            const double largest = std::max({std::abs(r[0]), std::abs(r[1]), std::abs(r[2])});
            // A NaN in any place makes the sum NaN, which std::max might hide.
            bool good = largest <= largest_coordinate && std::isfinite(r[0] + r[1] + r[2]);
            Vector3 fraction{};
            Integers3 wrap{};
            bool outside = false;
            for (std::size_t k = 0; k < n; ++k) {
                fraction[k] = dot(r, lat.dual[k]);
                outside |= !(fraction[k] >= 0 && fraction[k] < 1);
            }
            if (good && outside) {
                const Vector3 given = r;
                for (std::size_t k = 0; k < n && good; ++k) {
                    const double w = std::floor(fraction[k]);
                    good = std::abs(w) <= largest_wrap;
                    if (!good) break;
                    wrap[k] = static_cast<std::int32_t>(w);
                    for (std::size_t d = 0; d < 3; ++d) r[d] -= w * lat.vectors[k][d];
                }
                for (std::size_t k = 0; k < n; ++k) {
                    fraction[k] = dot(r, lat.dual[k]);
                    range.wrap_low[k] = std::min(range.wrap_low[k], wrap[k]);
                    range.wrap_high[k] = std::max(range.wrap_high[k], wrap[k]);
                }
                if (wrap == Integers3{}) r = given;
            }
            if (!good) {
                std::size_t seen = first_bad.load();
                while (i < seen && !first_bad.compare_exchange_weak(seen, i)) {
                }
                break;
            }
            wraps_[i] = wrap;
            for (std::size_t d = 0; d < 3; ++d) {
                points_[3 * i + d] = r[d];
                range.low[d] = std::min(range.low[d], r[d]);
                range.high[d] = std::max(range.high[d], r[d]);
                range.fraction_low[d] = std::min(range.fraction_low[d], fraction[d]);
                range.fraction_high[d] = std::max(range.fraction_high[d], fraction[d]);
            }
            range.largest = std::max(range.largest, largest);
        }
        ranges[static_cast<std::size_t>(thread)] = range;
    });
    if (first_bad < n_atoms_) throw_bad_position(positions, first_bad);
    for (const Range& range : ranges) total.merge(range);
}

void PeriodicImages::add_images(const ReducedLattice& lattice, double radius, const Range& range,
                                Parallel& parallel) {
    const auto n = static_cast<std::size_t>(lattice.n);
    // Images are wanted whose fractional coordinates lie in [lower, upper]; the slack covers rounding.
    Vector3 lower{}, upper{};
    Vector3 box_low = range.low, box_high = range.high;
    for (std::size_t d = 0; d < 3; ++d) {
        box_low[d] -= radius;
        box_high[d] += radius;
    }
    double expected = static_cast<double>(n_atoms_);
    for (std::size_t k = 0; k < n; ++k) {
        const double margin = radius / lattice.heights[k] * (1 + 1e-9) + 1e-9;
        lower[k] = range.fraction_low[k] - margin;
        upper[k] = range.fraction_high[k] + margin;
        shift_limits_[k] = static_cast<std::int64_t>(std::floor(upper[k] - range.fraction_low[k])) +
                           (static_cast<std::int64_t>(range.wrap_high[k]) - range.wrap_low[k]);
        expected *= std::max(1.0, upper[k] - lower[k]);
    }
    if (!(expected < largest_count))
        throw Error(ErrorCode::invalid_argument,
                    "about " + number(expected) + " periodic images lie within the cutoff of " +
                        number(radius) + " angstrom of the atoms; check the units of cell and cutoff");

    lists_.resize(static_cast<std::size_t>(parallel.n_threads()));
    const int n_ranges =
        parallel.ranges(n_atoms_, atoms_per_thread, [&](int thread, std::size_t begin, std::size_t end) {
            ImageList& list = lists_[static_cast<std::size_t>(thread)];
            list.points.clear();
            list.atoms.clear();
            list.shifts.clear();
            const ReducedLattice lat = lattice;
            for (std::size_t i = begin; i < end; ++i) {
                const double* r = &points_[3 * i];
                Vector3 fraction{};
                bool near_face = false;
                for (std::size_t k = 0; k < n; ++k) {
                    fraction[k] = dot({r[0], r[1], r[2]}, lat.dual[k]);
                    near_face |= fraction[k] + 1 <= upper[k] || fraction[k] - 1 >= lower[k];
                }
                if (!near_face) continue;
                Integers3 first{}, last{};
                for (std::size_t k = 0; k < n; ++k) {
                    first[k] = static_cast<std::int32_t>(std::ceil(lower[k] - fraction[k]));
                    last[k] = static_cast<std::int32_t>(std::floor(upper[k] - fraction[k]));
                }
                for (std::int32_t a = first[0]; a <= last[0]; ++a)
                    for (std::int32_t b = first[1]; b <= last[1]; ++b)
                        for (std::int32_t c = first[2]; c <= last[2]; ++c) {
                            if (a == 0 && b == 0 && c == 0) continue;
                            Vector3 p;
                            bool inside = true;
                            for (std::size_t d = 0; d < 3; ++d) {
                                p[d] = r[d] + (a * lat.vectors[0][d] + b * lat.vectors[1][d] +
                                               c * lat.vectors[2][d]);
                                inside &= p[d] >= box_low[d] && p[d] <= box_high[d];
                            }
                            if (!inside) continue;
                            list.points.insert(list.points.end(), p.begin(), p.end());
                            list.atoms.push_back(static_cast<std::int32_t>(i));
                            list.shifts.push_back({a, b, c});
                        }
            }
        });

    std::vector<std::size_t> first(static_cast<std::size_t>(n_ranges) + 1, 0);
    for (std::size_t t = 0; t < static_cast<std::size_t>(n_ranges); ++t)
        first[t + 1] = first[t] + lists_[t].atoms.size();
    n_images_ = first.back();
    if (static_cast<double>(n_points()) > largest_count)
        throw Error(ErrorCode::invalid_argument, "more than two thousand million atoms and periodic images");
    image_atoms_.resize(n_images_);
    image_shifts_.resize(n_images_);
    Buffer<double> all;  // the wrapped atoms stay where they are if there is room
    if (points_.memory() < 3 * n_points() * sizeof(double)) {
        all.resize(3 * n_points() + 3 * n_points() / 8);
        std::copy_n(points_.data(), 3 * n_atoms_, all.data());
        std::swap(all, points_);
    }
    points_.resize(3 * n_points());
    parallel.run(n_ranges, [&](int thread) {
        const auto t = static_cast<std::size_t>(thread);
        std::copy(lists_[t].points.begin(), lists_[t].points.end(), &points_[3 * (n_atoms_ + first[t])]);
        std::copy(lists_[t].atoms.begin(), lists_[t].atoms.end(), &image_atoms_[first[t]]);
        std::copy(lists_[t].shifts.begin(), lists_[t].shifts.end(), &image_shifts_[first[t]]);
    });
    if (n_images_ > 0) {
        low_ = box_low;
        high_ = box_high;
    }
}

void PeriodicImages::build(std::span<const double> positions, const ReducedLattice& lattice, double radius,
                           Parallel& parallel) {
    n_atoms_ = positions.size() / 3;
    n_images_ = 0;
    wrapped_ = false;
    shift_limits_ = {};
    low_ = high_ = {};
    rounding_ = 0;
    if (static_cast<double>(n_atoms_) > largest_count)
        throw Error(ErrorCode::invalid_argument, "more than two thousand million atoms");
    if (n_atoms_ == 0) return;
    if (points_.memory() < 3 * n_atoms_ * sizeof(double)) points_.resize(3 * n_atoms_ + 3 * n_atoms_ / 2);
    wraps_.resize(n_atoms_);

    Range range;
    wrap_atoms(positions, lattice, parallel, range);
    wrapped_ = range.wraps();
    low_ = range.low;
    high_ = range.high;

    const auto n = static_cast<std::size_t>(lattice.n);
    double magnitude = range.largest;
    for (std::size_t k = 0; k < n; ++k) {
        // What a term of S.cell or of the reduced basis may reach before the terms cancel.
        const double count = 3 + 2 * radius / lattice.heights[k] +
                             2 * (std::abs(static_cast<double>(range.wrap_low[k])) +
                                  std::abs(static_cast<double>(range.wrap_high[k])));
        for (std::size_t m = 0; m < 3; ++m)
            magnitude +=
                count * std::abs(static_cast<double>(lattice.transform[k][m])) * lattice.given_lengths[m];
    }
    rounding_ = 64 * std::numeric_limits<double>::epsilon() * magnitude;
    if (n > 0) add_images(lattice, radius + 2 * rounding_, range, parallel);
}

std::size_t PeriodicImages::memory() const {
    std::size_t total = points_.memory() + wraps_.memory() + image_atoms_.memory() + image_shifts_.memory();
    for (const ImageList& list : lists_)
        total += list.points.capacity() * sizeof(double) + list.atoms.capacity() * sizeof(std::int32_t) +
                 list.shifts.capacity() * sizeof(Integers3);
    return total;
}

}  // namespace tektite
