// SPDX-License-Identifier: BSD-3-Clause
#include "basis/soap_turbo_radial.hpp"

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

/// Points and weights of Gauss and Legendre on [-1, 1].
constexpr int n_points = 16;
struct Quadrature {
    double point[n_points], weight[n_points];
    Quadrature() {
        for (int i = 0; i < n_points; ++i) {
            double x = std::cos(pi * (i + 0.75) / (n_points + 0.5)), slope = 1;
            for (int iteration = 0; iteration < 50; ++iteration) {
                double below = 1, here = x;
                for (int l = 2; l <= n_points; ++l) {
                    const double next = ((2.0 * l - 1.0) * x * here - (l - 1.0) * below) / l;
                    below = here;
                    here = next;
                }
                slope = n_points * (below - x * here) / (1.0 - x * x);
                const double step = here / slope;
                x -= step;
                if (std::abs(step) < 1e-16) break;
            }
            point[i] = x;
            weight[i] = 2.0 / ((1.0 - x * x) * slope * slope);
        }
    }
};

/// Adds weight * f(point) over [low, high] cut into panels no longer than `panel`.
template <typename Function>
void integrate(double low, double high, double panel, Function&& f) {
    static const Quadrature rule;
    if (!(high > low)) return;
    const int n = std::max(1, static_cast<int>(std::ceil((high - low) / panel)));
    const double half = 0.5 * (high - low) / n;
    for (int k = 0; k < n; ++k)
        for (int i = 0; i < n_points; ++i) f(low + half * (2 * k + 1 + rule.point[i]), half * rule.weight[i]);
}

/// (1 - x)^(n + 2), normalised on [0, 1]; n from 1.
double polynomial(int n, double x) {
    return std::pow(1.0 - x, n + 2) * std::sqrt(2.0 * n + 5.0);
}

}  // namespace

SoapTurboRadial::SoapTurboRadial(const SoapTurboRadialParameters& parameters, int l_max, double reach)
    : parameters_(parameters), l_max_(l_max), reach_(reach) {
    const SoapTurboRadialParameters& p = parameters_;
    const bool gaussian = p.basis == "poly3gauss";
    if (!gaussian && p.basis != "poly3") refuse("unknown radial basis '" + p.basis + "' (poly3, poly3gauss)");
    if (p.alpha_max < 1 || p.alpha_max > 11) refuse("alpha_max must be 1 to 11");
    if (!(p.cutoff_hard > 0 && p.cutoff_hard <= 100))
        refuse("the hard cutoff must be positive, at most 100 angstrom");
    if (!(p.cutoff_soft > 0 && p.cutoff_soft < p.cutoff_hard))
        refuse("the soft cutoff must lie between 0 and the hard cutoff");
    if (!(p.filter > 0 && p.filter < 100)) refuse("the filter must be positive");
    for (const double sigma : {p.sigma_r, p.sigma_t})
        if (!(sigma > 0.01 && sigma < 10)) refuse("sigmas must lie between 0.01 and 10 angstrom");
    for (const double scaling : {p.sigma_r_scaling, p.sigma_t_scaling})
        if (!(scaling >= 0 && scaling <= 10)) refuse("the scalings of sigma must be 0 to 10");
    if (!(p.amplitude_scaling >= 0 && p.amplitude_scaling <= 100))
        refuse("the scaling of the amplitude must be 0 to 100");
    if (p.radial_enhancement < 0 || p.radial_enhancement > 2) refuse("radial_enhancement must be 0, 1 or 2");
    if (!(std::abs(p.central_weight) <= 1e6)) refuse("central_weight must be a finite number");

    const auto n = static_cast<std::size_t>(p.alpha_max);
    const std::size_t n_polynomials = gaussian ? n - 1 : n;
    const double sigma = p.sigma_r / p.cutoff_hard;
    std::vector<double> overlap(n * n, 1.0);
    for (std::size_t i = 0; i < n_polynomials; ++i)
        for (std::size_t j = 0; j < n_polynomials; ++j) {
            const double a = static_cast<double>(i) + 1, b = static_cast<double>(j) + 1;
            overlap[i * n + j] = std::sqrt((2 * a + 5) * (2 * b + 5)) / (5 + a + b);
        }
    const double gaussian_norm = std::sqrt(2.0 / sigma) / std::pow(pi, 0.25);
    if (gaussian)
        for (std::size_t i = 0; i < n_polynomials; ++i) {
            double sum = 0;
            integrate(0, 1, sigma, [&](double t, double w) {
                sum += w * polynomial(static_cast<int>(i) + 1, t) * std::exp(-0.5 * t * t / (sigma * sigma));
            });
            overlap[i * n + n - 1] = overlap[(n - 1) * n + i] = gaussian_norm * sum;
        }
    orthonormal_ = overlap;
    if (!inverse_square_root(orthonormal_, n))
        refuse("the radial basis is linearly dependent in double precision; use a smaller alpha_max");

    central_.resize(n);
    if (gaussian) {
        // The centre's own density is the last function of the basis.
        const double enhancement[] = {1.0, std::sqrt(2.0 / pi) * sigma, sigma * sigma};
        const double amplitude = enhancement[p.radial_enhancement] * p.central_weight * std::sqrt(4.0 * pi) *
                                 std::pow(pi, 0.25) * std::sqrt(0.5 * p.sigma_r) * p.cutoff_hard *
                                 p.cutoff_hard * p.cutoff_hard / (p.sigma_t * p.sigma_t * p.sigma_r);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
                central_[i] += amplitude * orthonormal_[i * n + j] * overlap[j * n + n - 1];
        // c_00 has the factor 1/sqrt(4 pi) of the harmonic, which the descriptor adds.
        for (double& c : central_) c *= std::sqrt(4.0 * pi);
    } else {
        std::vector<double> value(n * (static_cast<std::size_t>(l_max) + 1)), slope(value.size());
        (*this)(0.0, value.data(), slope.data());
        for (std::size_t i = 0; i < n; ++i) central_[i] = p.central_weight * value[i];
    }
}

void SoapTurboRadial::project(double x, double* value, double* derivative) const {
    const SoapTurboRadialParameters& p = parameters_;
    const bool gaussian = p.basis == "poly3gauss";
    const auto n = static_cast<std::size_t>(p.alpha_max);
    const std::size_t n_polynomials = gaussian ? n - 1 : n;
    const double soft = p.cutoff_soft / p.cutoff_hard, width = (1.0 - soft) / p.filter;
    const double own_sigma = p.sigma_r / p.cutoff_hard, sigma = own_sigma + p.sigma_r_scaling * x;
    const double dsigma = p.sigma_r_scaling;

    std::vector<double> sum(n, 0.0), dsum(n, 0.0);
    // The profile and its derivative with respect to x.
    const auto profile = [&](double t, double& slope) {
        const double u = (t - x) / sigma, g = std::exp(-0.5 * u * u);
        slope = g * (u + u * u * dsigma) / sigma;
        return g;
    };
    const auto add = [&](double t, double w) {
        double slope = 0;
        const double g = w * profile(t, slope), basis = 1.0 - t;
        double power = basis * basis * basis;
        for (std::size_t i = 0; i < n_polynomials; ++i, power *= basis) {
            const double f = power * std::sqrt(2.0 * static_cast<double>(i) + 7.0);
            sum[i] += g * f;
            dsum[i] += w * slope * f;
        }
    };
    integrate(std::max(0.0, x - 9 * sigma), std::min(soft, x + 9 * sigma), sigma, add);
    if (!p.quip_damping || x * p.cutoff_hard >= jump()) {
        integrate(soft, 1.0, std::min(sigma, width), [&](double t, double w) {
            const double v = (t - soft) / width;
            add(t, w * std::exp(-0.5 * v * v));
        });
        if (p.quip_damping) add_quip_boundary(x, sum, dsum);
    }
    if (gaussian) {
        const double norm = std::sqrt(2.0 / own_sigma) / std::pow(pi, 0.25);
        integrate(0.0, std::min(x + 9 * sigma, 9 * own_sigma), std::min(sigma, own_sigma),
                  [&](double t, double w) {
                      const double v = t / own_sigma, f = w * norm * std::exp(-0.5 * v * v);
                      double slope = 0;
                      sum[n - 1] += f * profile(t, slope);
                      dsum[n - 1] += f * slope;
                  });
    }

    const double fall = std::max(0.0, 1.0 + 2.0 * x * x * x - 3.0 * x * x), dfall = 6.0 * (x * x - x);
    double power = 1.0, dpower = 0.0;
    if (p.amplitude_scaling > 0) {
        power = std::pow(fall, p.amplitude_scaling);
        dpower = fall > 0 ? p.amplitude_scaling * power / fall * dfall : 0.0;
    }
    double amplitude = power / sigma, damplitude = (dpower - power * dsigma / sigma) / sigma;
    if (p.radial_enhancement > 0) {
        const bool first = p.radial_enhancement == 1;
        const double c = first ? std::sqrt(2.0 / pi) : std::sqrt(8.0 / pi);
        const double factor = first ? x + c * sigma : x * x + sigma * sigma + c * sigma * x;
        const double dfactor =
            first ? 1.0 + c * dsigma : 2.0 * x + 2.0 * sigma * dsigma + c * (dsigma * x + sigma);
        damplitude = damplitude * factor + amplitude * dfactor;
        amplitude *= factor;
    }
    const double length = std::sqrt(p.cutoff_hard);
    for (std::size_t i = 0; i < n; ++i) {
        double projected = 0, dprojected = 0;
        for (std::size_t j = 0; j < n; ++j) {
            projected += orthonormal_[i * n + j] * sum[j];
            dprojected += orthonormal_[i * n + j] * dsum[j];
        }
        value[i] = length * amplitude * projected;
        derivative[i] = length * (damplitude * projected + amplitude * dprojected);
    }
}

double SoapTurboRadial::jump() const {
    const SoapTurboRadialParameters& p = parameters_;
    constexpr double reach = 4.0;  // in units of sigma(r)
    return (p.cutoff_soft - reach * p.sigma_r) / (1.0 + reach * p.sigma_r_scaling);
}

// The damped density is the Gaussian exp(-(t - c)^2/2q) times a constant. With u = 1 - t and M_k the integral
// of u^k times it from the soft cutoff to 1, M_k = (1 - c) M_(k-1) + (k - 1) q M_(k-2) and terms of the ends,
// which vanish at t = 1 for k > 1. quippy's M_1 lacks q g(1), g being the damped density, and so do all that
// follow.
void SoapTurboRadial::add_quip_boundary(double x, std::vector<double>& sum, std::vector<double>& dsum) const {
    const SoapTurboRadialParameters& p = parameters_;
    const double soft = p.cutoff_soft / p.cutoff_hard, width = (1.0 - soft) / p.filter, w2 = width * width;
    const double sigma = p.sigma_r / p.cutoff_hard + p.sigma_r_scaling * x, dsigma = p.sigma_r_scaling;
    const double s2 = sigma * sigma, ds2 = 2.0 * sigma * dsigma, both = s2 + w2;
    const double q = s2 * w2 / both, dq = ds2 * w2 * w2 / (both * both);
    const double c = (w2 * x + s2 * soft) / both, dc = (w2 + ds2 * (soft - c)) / both;
    const double u = (1.0 - x) / sigma, g = std::exp(-0.5 * (u * u + p.filter * p.filter));
    const double dg = g * u * (1.0 + u * dsigma) / sigma;
    double below = 0.0, dbelow = 0.0, here = -q * g, dhere = -(dq * g + q * dg);
    const std::size_t n = sum.size() - (p.basis == "poly3gauss" ? 1 : 0);
    for (std::size_t i = 0; i < n + 2; ++i) {
        if (i >= 2) {
            const double norm = std::sqrt(2.0 * static_cast<double>(i - 2) + 7.0);
            sum[i - 2] += norm * here;
            dsum[i - 2] += norm * dhere;
        }
        const double k = static_cast<double>(i) + 1.0;
        const double next = (1.0 - c) * here + k * q * below;
        const double dnext = (1.0 - c) * dhere - dc * here + k * (dq * below + q * dbelow);
        below = here;
        dbelow = dhere;
        here = next;
        dhere = dnext;
    }
}

void SoapTurboRadial::operator()(double r, double* value, double* derivative) const {
    const SoapTurboRadialParameters& p = parameters_;
    const auto n = static_cast<std::size_t>(p.alpha_max), n_l = static_cast<std::size_t>(l_max_) + 1;
    std::vector<double> radial(n), dradial(n), bessel(n_l), dbessel(n_l);
    project(r / p.cutoff_hard, radial.data(), dradial.data());
    // Across r: a Gaussian on the sphere of radius r.
    const double sigma = p.sigma_t + p.sigma_t_scaling * r, x = r / sigma;
    const double dx = (1.0 - x * p.sigma_t_scaling) / sigma;
    scaled_bessel(l_max_, x * x, bessel.data(), dbessel.data());
    const double amplitude = 4.0 * pi * reach_ * reach_ / (sigma * sigma);
    for (std::size_t l = 0; l < n_l; ++l) {
        const double angular = amplitude * bessel[l];
        const double dangular = amplitude * (2.0 * x * dx * (dbessel[l] - bessel[l]) -
                                             2.0 * p.sigma_t_scaling / sigma * bessel[l]);
        for (std::size_t i = 0; i < n; ++i) {
            value[l * n + i] = radial[i] * angular;
            derivative[l * n + i] = dradial[i] / p.cutoff_hard * angular + radial[i] * dangular;
        }
    }
}

}  // namespace tektite
