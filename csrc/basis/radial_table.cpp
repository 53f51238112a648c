// SPDX-License-Identifier: BSD-3-Clause
#include "basis/radial_table.hpp"

#include <algorithm>
#include <cmath>

#include "tektite/error.hpp"

namespace tektite {

namespace {

constexpr double first_distance = 0.05;  // angstrom; below, nothing physical is left

struct Samples {
    std::vector<double> value, slope, curvature;
};

class Builder {
public:
    Builder(int n, const RadialFunctions& functions, double cutoff, const TableOptions& options)
        : n_(static_cast<std::size_t>(n)), functions_(functions), cutoff_(cutoff), options_(options) {}

    /// Value and slope at r, continued linearly below the first distance.
    void exact(double r, std::vector<double>& value, std::vector<double>& slope) const {
        value.resize(n_);
        slope.resize(n_);
        functions_(std::max(r, first_distance), value.data(), slope.data());
        if (r < first_distance)
            for (std::size_t f = 0; f < n_; ++f) value[f] += slope[f] * (r - first_distance);
    }

    /// Value, slope and curvature at a node; the curvature by one-sided or central differences of the exact
    /// slope that stay inside [low, high], of fourth order.
    void node(double r, double low, double high, Samples& out) const {
        exact(r, out.value, out.slope);
        out.curvature.assign(n_, 0.0);
        if (r < first_distance) return;
        const double h = std::min(2e-4, 0.2 * (high - low));
        static constexpr double central[4][2] = {
            {-2, 1.0 / 12}, {-1, -8.0 / 12}, {1, 8.0 / 12}, {2, -1.0 / 12}};
        static constexpr double forward[5][2] = {
            {0, -25.0 / 12}, {1, 48.0 / 12}, {2, -36.0 / 12}, {3, 16.0 / 12}, {4, -3.0 / 12}};
        const auto accumulate = [&](const auto& stencil, double direction) {
            std::vector<double> value, slope;
            for (const auto& [step, weight] : stencil) {
                exact(r + direction * step * h, value, slope);
                for (std::size_t f = 0; f < n_; ++f) out.curvature[f] += direction * weight * slope[f] / h;
            }
        };
        // At the very ends of a segment the neighbouring piece has other derivatives: nudge into the open
        // interval.
        if (r - 2 * h >= low && r + 2 * h <= high)
            accumulate(central, 1.0);
        else if (r + 4 * h < high)
            accumulate(forward, 1.0);
        else
            accumulate(forward, -1.0);
    }

    /// Coefficients of one bin [low, high] from the samples at its ends.
    void bin(const Samples& a, const Samples& b, double width, double* c, std::size_t row) const {
        for (std::size_t f = 0; f < n_; ++f) {
            const double f0 = a.value[f], d0 = a.slope[f] * width, s0 = a.curvature[f] * width * width;
            const double f1 = b.value[f], d1 = b.slope[f] * width, s1 = b.curvature[f] * width * width;
            c[f] = f0;
            c[row + f] = d0;
            c[2 * row + f] = 0.5 * s0;
            c[3 * row + f] = 10 * (f1 - f0) - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1;
            c[4 * row + f] = -15 * (f1 - f0) + 8 * d0 + 7 * d1 + 1.5 * s0 - s1;
            c[5 * row + f] = 6 * (f1 - f0) - 3 * (d0 + d1) - 0.5 * (s0 - s1);
        }
    }

    /// Largest error over the scales, of values and slopes in units of their tolerances, of n bins in a
    /// segment.
    double error(double low, double high, int bins, const std::vector<double>& scale,
                 const std::vector<double>& slope_scale) const {
        const double width = (high - low) / bins;
        std::vector<double> c(6 * n_), value, slope;
        Samples a, b;
        double worst = 0;
        const int stride = std::max(1, bins / 64);
        // The last bin is always among the probes: power-law bases are least smooth at the cutoff.
        for (int k = bins - 1; k >= 0; k -= stride) {
            const double r0 = low + k * width;
            node(r0, low, high, a);
            node(k + 1 == bins ? end_of(high) : r0 + width, low, high, b);
            bin(a, b, width, c.data(), n_);
            for (const double t : {0.27, 0.5}) {
                const double r = r0 + t * width;
                if (r < 0.5) continue;  // inside the cores a fixed resolution has to do
                exact(r, value, slope);
                for (std::size_t f = 0; f < n_; ++f) {
                    const double p =
                        c[f] +
                        t * (c[n_ + f] + t * (c[2 * n_ + f] +
                                              t * (c[3 * n_ + f] + t * (c[4 * n_ + f] + t * c[5 * n_ + f]))));
                    const double dp =
                        (c[n_ + f] +
                         t * (2 * c[2 * n_ + f] +
                              t * (3 * c[3 * n_ + f] + t * (4 * c[4 * n_ + f] + t * 5 * c[5 * n_ + f])))) /
                        width;
                    worst = std::max(worst, std::abs(p - value[f]) / std::max(scale[f], std::abs(value[f])) /
                                                options_.value_tolerance);
                    worst = std::max(worst, std::abs(dp - slope[f]) /
                                                std::max(slope_scale[f], std::abs(slope[f])) /
                                                options_.slope_tolerance);
                }
            }
        }
        return worst;
    }

    void fill(double low, double high, int bins, double* c, std::size_t row) const {
        const double width = (high - low) / bins;
        Samples a, b;
        node(low, low, high, a);
        for (int k = 0; k < bins; ++k) {
            node(k + 1 == bins ? end_of(high) : low + (k + 1) * width, low, high, b);
            bin(a, b, width, c + static_cast<std::size_t>(k) * 6 * row, row);
            std::swap(a, b);
        }
    }

    /// Magnitudes beyond 0.7 angstrom.
    void scales(std::vector<double>& scale, std::vector<double>& slope_scale) const {
        scale.assign(n_, 1e-300);
        slope_scale.assign(n_, 1e-300);
        std::vector<double> value, slope;
        for (int k = 0; k < 200; ++k) {
            exact(std::min(0.7, 0.5 * cutoff_) + (cutoff_ - std::min(0.7, 0.5 * cutoff_)) * k / 200.0, value,
                  slope);
            for (std::size_t f = 0; f < n_; ++f) {
                scale[f] = std::max(scale[f], std::abs(value[f]));
                slope_scale[f] = std::max(slope_scale[f], std::abs(slope[f]));
            }
        }
    }

private:
    /// Where the functions of the segment that ends there are evaluated: they may jump at its end.
    [[nodiscard]] double end_of(double high) const {
        return high < cutoff_ ? std::nextafter(high, 0.0) : high;
    }

    std::size_t n_;
    const RadialFunctions& functions_;
    double cutoff_;
    TableOptions options_;
};

}  // namespace

RadialTable tabulate(int n_functions, const RadialFunctions& functions, double cutoff,
                     const std::vector<double>& breakpoints, const TableOptions& options) {
    RadialTable table;
    table.n_functions = n_functions;
    table.row = (n_functions + options.row_padding - 1) / options.row_padding * options.row_padding;
    std::vector<double> edges{0.0};
    for (const double r : breakpoints)
        if (r - edges.back() > 1e-6 && cutoff - r > 1e-6) edges.push_back(r);
    edges.push_back(cutoff);
    table.n_segments = static_cast<int>(edges.size()) - 1;
    if (table.n_segments > RadialTable::max_segments)
        throw Error(ErrorCode::internal, "a radial function has too many breakpoints");

    const Builder builder(n_functions, functions, cutoff, options);
    std::vector<double> scale, slope_scale;
    builder.scales(scale, slope_scale);
    std::vector<int> bins;
    for (int s = 0; s < table.n_segments; ++s) {
        const double low = edges[static_cast<std::size_t>(s)], high = edges[static_cast<std::size_t>(s) + 1];
        int n = std::max(2, static_cast<int>(std::ceil((high - low) / 0.2)));
        while (n < 1024 && builder.error(low, high, n, scale, slope_scale) > 1.0) n = (n * 5 + 3) / 4;
        table.start[s] = low;
        table.inverse_width[s] = n / (high - low);
        table.first_bin[s + 1] = table.first_bin[s] + n;
        bins.push_back(n);
    }
    table.start[table.n_segments] = cutoff;
    const auto row = static_cast<std::size_t>(table.row);
    table.coefficients.assign((static_cast<std::size_t>(table.n_bins()) + 1) * 6 * row, 0.0);
    for (int s = 0; s < table.n_segments; ++s)
        builder.fill(table.start[s], table.start[s + 1], bins[static_cast<std::size_t>(s)],
                     table.coefficients.data() + static_cast<std::size_t>(table.first_bin[s]) * 6 * row, row);
    if (!std::all_of(table.coefficients.begin(), table.coefficients.end(),
                     [](double c) { return std::isfinite(c); }))
        throw Error(ErrorCode::file_damaged,
                    "a radial function is not finite within its cutoff; its coefficients are far too large");
    return table;
}

}  // namespace tektite
