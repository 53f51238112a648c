// SPDX-License-Identifier: BSD-3-Clause
#include "basis/soap_radial.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "basis/dense_matrix.hpp"
#include "basis/spherical_bessel.hpp"
#include "tektite/error.hpp"

namespace tektite {

namespace {

using std::numbers::pi;

[[noreturn]] void refuse(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "SOAP: " + what);
}

/// Integral over s from 0 of s^2 exp(-alpha (s - a)^2 - alpha (s - b)^2).
double gaussian_overlap(double alpha, double a, double b) {
    const double sum = a + b, difference = a - b;
    const double at_zero = std::exp(-alpha * (a * a + b * b));
    return at_zero * sum / (8.0 * alpha) + std::exp(-0.5 * alpha * difference * difference) *
                                               (1.0 + alpha * sum * sum) * std::sqrt(pi / (2.0 * alpha)) *
                                               (1.0 + std::erf(std::sqrt(0.5 * alpha) * sum)) / (8.0 * alpha);
}

}  // namespace

SoapRadial::SoapRadial(const SoapRadialParameters& parameters) : parameters_(parameters) {
    const SoapRadialParameters& p = parameters_;
    if (p.n_max < 1 || p.n_max > 64) refuse("n_max must be 1 to 64");
    if (p.l_max < 0 || p.l_max > 15) refuse("l_max must be 0 to 15");
    if (!(p.cutoff > 0 && p.cutoff <= 100)) refuse("the cutoff must be positive, at most 100 angstrom");
    if (!(p.transition_width >= 0 && p.transition_width <= p.cutoff))
        refuse("the transition width must lie between 0 and the cutoff");
    if (!(p.sigma > 0.01 && p.sigma < 10)) refuse("sigma must lie between 0.01 and 10 angstrom");
    if (!(p.basis_error_exponent > 0 && p.basis_error_exponent <= 100))
        refuse("basis_error_exponent must be positive, at most 100");
    const auto n = static_cast<std::size_t>(p.n_max);
    const std::string dependent =
        "the radial basis is linearly dependent in double precision; use a smaller n_max";
    if (p.basis == "equispaced_gaussian") {
        const double alpha = 0.5 / (p.sigma * p.sigma);
        const double last = p.cutoff + p.sigma * std::sqrt(2.0 * p.basis_error_exponent * std::log(10.0));
        for (std::size_t b = 0; b < n; ++b)
            place_.push_back(last * static_cast<double>(b) / static_cast<double>(n));
        std::vector<double> overlap(n * n), values(n * n);
        for (std::size_t a = 0; a < n; ++a)
            for (std::size_t b = 0; b < n; ++b) {
                const double d = place_[a] - place_[b];
                overlap[a * n + b] = gaussian_overlap(alpha, place_[a], place_[b]);
                values[a * n + b] = std::exp(-alpha * d * d);
            }
        if (!cholesky(overlap, n)) refuse(dependent);
        if (!cholesky(values, n)) refuse(dependent);
        transform_ = overlap;
        cholesky_solve(values, n, transform_, n);
    } else if (p.basis == "gto") {
        if (p.cutoff <= 1.0) refuse("the basis 'gto' needs a cutoff above 1 angstrom");
        for (int l = 0; l <= p.l_max; ++l) {
            for (std::size_t b = 0; b < n; ++b) {
                const double s =
                    n == 1 ? 1.0
                           : 1.0 + (p.cutoff - 1.0) * static_cast<double>(b) / static_cast<double>(n - 1);
                exponent_.push_back((std::log(1e3) + l * std::log(s)) / (s * s));
            }
            const double* a = &exponent_[static_cast<std::size_t>(l) * n];
            std::vector<double> overlap(n * n);
            for (std::size_t b = 0; b < n; ++b)
                for (std::size_t c = 0; c < n; ++c)
                    overlap[b * n + c] = 0.5 * std::tgamma(l + 1.5) * std::pow(a[b] + a[c], -(l + 1.5));
            if (!inverse_square_root(overlap, n)) refuse(dependent);
            transform_.insert(transform_.end(), overlap.begin(), overlap.end());
        }
    } else {
        refuse("unknown radial basis '" + p.basis + "' (equispaced_gaussian, gto)");
    }
}

void SoapRadial::gaussians(double r, double* value, double* derivative) const {
    const SoapRadialParameters& p = parameters_;
    const auto n = static_cast<std::size_t>(p.n_max), n_l = static_cast<std::size_t>(p.l_max) + 1;
    const double alpha = 0.5 / (p.sigma * p.sigma);
    std::vector<double> bessel(n_l), slope(n_l);
    std::fill_n(value, n * n_l, 0.0);
    std::fill_n(derivative, n * n_l, 0.0);
    for (std::size_t b = 0; b < n; ++b) {
        const double s = place_[b];
        scaled_bessel(p.l_max, 2.0 * alpha * r * s, bessel.data(), slope.data());
        const double profile = std::exp(-alpha * (r - s) * (r - s));
        for (std::size_t l = 0; l < n_l; ++l) {
            const double f = profile * bessel[l];
            const double df = 2.0 * alpha * profile * (s * slope[l] - r * bessel[l]);
            for (std::size_t k = 0; k < n; ++k) {
                value[l * n + k] += f * transform_[b * n + k];
                derivative[l * n + k] += df * transform_[b * n + k];
            }
        }
    }
}

void SoapRadial::gto(double r, double* value, double* derivative) const {
    const SoapRadialParameters& p = parameters_;
    const auto n = static_cast<std::size_t>(p.n_max), n_l = static_cast<std::size_t>(p.l_max) + 1;
    const double alpha = 0.5 / (p.sigma * p.sigma);
    std::fill_n(value, n * n_l, 0.0);
    std::fill_n(derivative, n * n_l, 0.0);
    for (std::size_t l = 0; l < n_l; ++l)
        for (std::size_t b = 0; b < n; ++b) {
            const double a = exponent_[l * n + b], decay = alpha * a / (alpha + a);
            const auto power = static_cast<int>(l);
            const double c = std::pow(pi / (alpha + a), 1.5) * std::pow(alpha / (alpha + a), power) *
                             std::exp(-decay * r * r);
            const double f = c * std::pow(r, power);
            const double df = (l > 0 ? c * power * std::pow(r, power - 1) : 0.0) - 2.0 * decay * r * f;
            for (std::size_t k = 0; k < n; ++k) {
                value[l * n + k] += f * transform_[(l * n + b) * n + k];
                derivative[l * n + k] += df * transform_[(l * n + b) * n + k];
            }
        }
}

void SoapRadial::operator()(double r, double* value, double* derivative) const {
    if (place_.empty())
        gto(r, value, derivative);
    else
        gaussians(r, value, derivative);
    double df = 0.0;
    const double f = cosine_cutoff(r, parameters_.cutoff, parameters_.transition_width, df);
    for (int k = 0; k < size(); ++k) {
        derivative[k] = derivative[k] * f + value[k] * df;
        value[k] *= f;
    }
}

}  // namespace tektite
