// SPDX-License-Identifier: BSD-3-Clause
#include "basis/ace_radial.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "basis/radial_polynomial.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

namespace {

constexpr double pi = std::numbers::pi;

/// sin(x)/x and its derivative.
void sinc(double x, double& value, double& derivative) {
    value = std::sin(x) / x;
    derivative = (std::cos(x) - value) / x;
}

void bessel_basis(const Bond& bond, double r, double* g, double* dg) {
    const double rc = bond.cutoff;
    double sinc_previous, dsinc_previous, d_previous = 1.0;
    sinc(r * pi / rc, sinc_previous, dsinc_previous);
    for (int n = 0; n < bond.n_base; ++n) {
        const double p = n + 1, q = n + 2;
        double sinc_next, dsinc_next;
        sinc(r * q * pi / rc, sinc_next, dsinc_next);
        const double sign = n % 2 == 0 ? 1.0 : -1.0;
        const double norm = sign * std::numbers::sqrt2 * pi / std::pow(rc, 1.5) * p * q / std::hypot(p, q);
        const double f = norm * (sinc_previous + sinc_next);
        const double df = norm * (dsinc_previous * p + dsinc_next * q) * pi / rc;
        if (n == 0) {
            g[0] = f;
            dg[0] = df;
        } else {
            const double e = double(n) * n * (n + 2.0) * (n + 2.0) / (4.0 * std::pow(n + 1.0, 4) + 1.0);
            const double d = 1.0 - e / d_previous;
            const double mix = std::sqrt(e / d_previous), scale = 1.0 / std::sqrt(d);
            g[n] = scale * (f + mix * g[n - 1]);
            dg[n] = scale * (df + mix * dg[n - 1]);
            d_previous = d;
        }
        sinc_previous = sinc_next;
        dsinc_previous = dsinc_next;
    }
}

/// out[k] = T_k(x), derivative[k] = T_k'(x), k <= n.
void chebyshev(int n, double x, std::vector<double>& out, std::vector<double>& derivative) {
    out.assign(static_cast<std::size_t>(n) + 1, 1.0);
    derivative.assign(out.size(), 0.0);
    double second_kind = 1.0, second_kind_previous = 0.0;  // U_{k-1}, U_{k-2}
    for (std::size_t k = 1; k < out.size(); ++k) {
        out[k] = k == 1 ? x : 2.0 * x * out[k - 1] - out[k - 2];
        derivative[k] = static_cast<double>(k) * second_kind;
        const double next = 2.0 * x * second_kind - second_kind_previous;
        second_kind_previous = second_kind;
        second_kind = next;
    }
}

void chebyshev_exponential_basis(const Bond& bond, double r, double* g, double* dg) {
    const double lambda = bond.parameters.at(0), rc = bond.cutoff;
    const double y = std::exp(-lambda * r / rc), y_cut = std::exp(-lambda);
    const double x = 1.0 - 2.0 * (y - y_cut) / (1.0 - y_cut);
    const double dx = 2.0 * lambda / rc * y / (1.0 - y_cut);
    std::vector<double> t, dt;
    chebyshev(bond.n_base, x, t, dt);
    double envelope = 0.5 * (1.0 + std::cos(pi * r / rc));
    double denvelope = -0.5 * pi / rc * std::sin(pi * r / rc);
    if (const double start = rc - bond.cutoff_width; r > start && bond.cutoff_width > 0) {
        const double phase = pi * (r - start) / bond.cutoff_width;
        const double f = 0.5 * (1.0 + std::cos(phase));
        const double df = -0.5 * pi / bond.cutoff_width * std::sin(phase);
        denvelope = denvelope * f + envelope * df;
        envelope *= f;
    }
    for (int k = 0; k < bond.n_base; ++k) {
        const auto kk = static_cast<std::size_t>(k);
        const double f = k == 0 ? 1.0 : 0.5 - 0.5 * t[kk];
        const double df = k == 0 ? 0.0 : -0.5 * dt[kk] * dx;
        g[k] = f * envelope;
        dg[k] = df * envelope + f * denvelope;
    }
}

/// g_k = (1 - T_{k+1}(x)) / 2 for a given scaled distance.
void chebyshev_basis(const Bond& bond, double x, double dx, double* g, double* dg) {
    std::vector<double> t, dt;
    chebyshev(bond.n_base, x, t, dt);
    for (int k = 0; k < bond.n_base; ++k) {
        const auto kk = static_cast<std::size_t>(k) + 1;
        g[k] = 0.5 - 0.5 * t[kk];
        dg[k] = -0.5 * dt[kk] * dx;
    }
}

/// Screening function of ZBL with the coefficients of J. F. Ziegler, J. P. Biersack, U. Littmark (1985), its
/// value over r and the first two derivatives.
void screened_coulomb(double r, double a, double& f, double& df, double& d2f) {
    constexpr double weight[4] = {0.18175, 0.50986, 0.28022, 0.02817};
    constexpr double rate[4] = {3.19980, 0.94229, 0.40290, 0.20162};
    double phi = 0, dphi = 0, d2phi = 0;
    for (int k = 0; k < 4; ++k) {
        const double e = weight[k] * std::exp(-rate[k] * r / a), slope = -rate[k] / a;
        phi += e;
        dphi += e * slope;
        d2phi += e * slope * slope;
    }
    f = phi / r;
    df = dphi / r - phi / (r * r);
    d2f = d2phi / r - 2.0 * dphi / (r * r) + 2.0 * phi / (r * r * r);
}

/// ZBL made to vanish smoothly at the cutoff: a polynomial S(r) is added so that value, slope and curvature
/// end at zero (the form of LAMMPS's pair style zbl), then multiplied by the smooth step of the same range.
void zbl_core(const Bond& bond, int z_i, int z_j, double r, double& value, double& derivative) {
    const double outer = bond.cutoff, width = bond.cutoff_width, inner = outer - width;
    const double a = 0.46850 / (std::pow(z_i, 0.23) + std::pow(z_j, 0.23));
    double f, df, d2f, fc, dfc, d2fc;
    screened_coulomb(r, a, f, df, d2f);
    screened_coulomb(outer, a, fc, dfc, d2fc);
    const double A = (-3.0 * dfc + width * d2fc) / (width * width);
    const double B = (2.0 * dfc - width * d2fc) / (width * width * width);
    const double C = -fc + 0.5 * width * dfc - width * width * d2fc / 12.0;
    const double t = std::max(0.0, r - inner);
    const double S = A / 3.0 * t * t * t + B / 4.0 * t * t * t * t + C, dS = A * t * t + B * t * t * t;
    constexpr double coulomb = 14.399645351950543;  // e^2 / (4 pi epsilon_0) in eV angstrom
    const double scale = 0.5 * bond.core_prefactor * coulomb * z_i * z_j;
    double step, dstep;
    smooth_step(r, outer, width, step, dstep);
    value = scale * (f + S) * step;
    derivative = scale * ((df + dS) * step + (f + S) * dstep);
}

}  // namespace

void smooth_step(double x, double cutoff, double width, double& value, double& derivative) {
    if (x <= cutoff - width || x >= cutoff) {
        value = x >= cutoff ? 0.0 : 1.0;
        derivative = 0.0;
        return;
    }
    const double s = 1.0 - 2.0 * (1.0 + (x - cutoff) / width);  // 1 -> -1 across the range
    value = 0.5 + 3.75 * s * (0.25 - s * s * (1.0 / 6.0 - s * s * 0.05));
    const double q = 1.0 - s * s;
    derivative = -1.875 / width * q * q;
}

void radial_basis(const Bond& bond, double r, double* g, double* dg) {
    const bool inner = bond.inner_cutoff_type != "zbl";
    if (r >= bond.cutoff || (inner && r <= bond.inner_cutoff - bond.inner_cutoff_width)) {
        std::fill_n(g, bond.n_base, 0.0);
        std::fill_n(dg, bond.n_base, 0.0);
        return;
    }
    const double rc = bond.cutoff;
    if (bond.basis == "SBessel") {
        bessel_basis(bond, r, g, dg);
    } else if (bond.basis == "ChebExpCos") {
        chebyshev_exponential_basis(bond, r, g, dg);
    } else if (bond.basis == "ChebPow") {
        const double lambda = bond.parameters.at(0), y = 1.0 - r / rc, power = std::pow(y, lambda - 1.0);
        chebyshev_basis(bond, 1.0 - 2.0 * power * y, 2.0 * lambda / rc * power, g, dg);
    } else if (bond.basis == "ChebLinear") {
        chebyshev_basis(bond, 1.0 - r / rc, -1.0 / rc, g, dg);
    } else if (bond.basis == "Polynomial") {
        polynomial_radial_basis(bond.parameters, bond.n_base, rc, r, g, dg);
    } else {
        throw Error(ErrorCode::unsupported,
                    "radial basis '" + bond.basis +
                        "' is not known; known: SBessel, ChebExpCos, ChebPow, ChebLinear, "
                        "Polynomial");
    }
    if (bond.inner_cutoff_type == "distance" && r < bond.inner_cutoff) {
        double f, df;
        smooth_step(r, bond.inner_cutoff, bond.inner_cutoff_width, f, df);
        for (int k = 0; k < bond.n_base; ++k) {
            dg[k] = dg[k] * (1.0 - f) - g[k] * df;
            g[k] *= 1.0 - f;
        }
    }
}

void core_repulsion(const Bond& bond, int z_i, int z_j, double r, double& value, double& derivative) {
    value = derivative = 0.0;
    if (r >= bond.cutoff || bond.core_prefactor == 0.0) return;
    if (bond.inner_cutoff_type == "zbl") {
        zbl_core(bond, z_i, z_j, r, value, derivative);
        return;
    }
    const double lambda_r2 = std::abs(bond.core_lambda) * r * r;
    if (lambda_r2 >= 50.0) return;  // exp(-50) is nothing beside any energy
    const double c = std::abs(bond.core_prefactor) * std::exp(-lambda_r2) / r;
    const double dc = -c * (2.0 * lambda_r2 + 1.0) / r;
    const double phase = pi * r / bond.cutoff;
    const double envelope = 0.5 * (1.0 + std::cos(phase)),
                 denvelope = -0.5 * pi / bond.cutoff * std::sin(phase);
    value = c * envelope;
    derivative = dc * envelope + c * denvelope;
    if (bond.inner_cutoff_type == "distance") {
        double f, df;
        smooth_step(r, bond.inner_cutoff, bond.inner_cutoff_width, f, df);
        derivative = derivative * f + value * df;
        value *= f;
    }
}

std::vector<double> radial_breakpoints(const Bond& bond) {
    std::vector<double> points;
    if (bond.inner_cutoff_type != "zbl" && bond.inner_cutoff > 0) {
        points.push_back(bond.inner_cutoff - bond.inner_cutoff_width);
        points.push_back(bond.inner_cutoff);
    }
    if (bond.basis == "ChebExpCos" || bond.inner_cutoff_type == "zbl")
        points.push_back(bond.cutoff - bond.cutoff_width);
    std::sort(points.begin(), points.end());
    std::erase_if(points, [&](double r) { return r <= 0 || r >= bond.cutoff; });
    points.erase(std::unique(points.begin(), points.end()), points.end());
    return points;
}

}  // namespace tektite::ace
