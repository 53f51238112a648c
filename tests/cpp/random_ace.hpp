// SPDX-License-Identifier: BSD-3-Clause
// Random ACE parameters and structures, and a plain evaluation of them straight from the definitions.
#pragma once

#include <complex>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "basis/ace_radial.hpp"
#include "basis/spherical_harmonics.hpp"
#include "models/ace/embedding.hpp"
#include "models/ace/parameters.hpp"

namespace tektite::test {

struct RandomAceOptions {
    int n_elements = 1;
    int max_rank = 4;
    int n_density = 1;
    int n_functions = 40;
    int l_max = 3;
    int n_max = 3;
    std::string basis = "SBessel";
    std::string inner_cutoff_type = "distance";
    std::string embedding = "FinnisSinclairShiftedScaled";
};

/// Valid parameters with random coefficients. Functions have random m that sum to zero: not rotation
/// invariant, but every sum, product and derivative is exercised.
inline ace::Parameters random_ace(std::mt19937& rng, const RandomAceOptions& o) {
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    const auto integer = [&](int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(rng);
    };
    static const char* symbols[] = {"Si", "O", "Ge", "Te"};
    ace::Parameters p;
    p.n_density_max = o.n_density;
    for (int e = 0; e < o.n_elements; ++e) {
        p.elements.push_back(symbols[e]);
        p.isolated_energies.push_back(uniform(rng));
        ace::Embedding embedding;
        embedding.kind = o.embedding;
        for (int d = 0; d < o.n_density; ++d) {
            embedding.prefactors.push_back(d == 0 ? 1.0 : uniform(rng));
            embedding.exponents.push_back(d == 0 ? 1.0 : 0.3 + 0.4 * d);
        }
        embedding.rho_core_cutoff = 5.0;
        embedding.drho_core_cutoff = 5.0;
        p.embeddings.push_back(embedding);
    }
    for (int i = 0; i < o.n_elements; ++i)
        for (int j = 0; j < o.n_elements; ++j) {
            ace::Bond b;
            b.basis = o.basis;
            b.parameters = {2.5};
            b.n_base = o.n_max + 2;
            b.n_max = o.n_max;
            b.l_max = o.l_max;
            b.cutoff = 4.0 + 0.3 * (i + j);
            b.cutoff_width = 0.5;
            b.inner_cutoff_type = o.inner_cutoff_type;
            if (o.inner_cutoff_type == "distance" || o.inner_cutoff_type == "zbl") {
                b.inner_cutoff = 1.2;
                b.inner_cutoff_width = 0.2;
            }
            b.core_prefactor = o.inner_cutoff_type == "zbl" ? 1.0 : 100.0;
            b.core_lambda = 1.0;
            for (int k = 0; k < b.n_max * (b.l_max + 1) * b.n_base; ++k)
                b.coefficients.push_back(uniform(rng));
            p.bonds.push_back(std::move(b));
        }
    ace::Functions& f = p.functions;
    std::set<std::vector<int>> seen;
    for (int k = 0; k < o.n_functions; ++k) {
        const int rank = integer(1, o.max_rank), center = integer(0, o.n_elements - 1);
        std::vector<std::tuple<int, int, int>> factors;
        for (int t = 0; t < rank; ++t)
            factors.emplace_back(integer(0, o.n_elements - 1), integer(0, o.n_max - 1),
                                 rank == 1 ? 0 : integer(0, o.l_max));
        std::vector<std::vector<int>> terms;
        for (int attempt = 0; attempt < 200 && terms.size() < 4; ++attempt) {
            std::vector<int> m;
            int sum = 0;
            for (const auto& [s, n, l] : factors) {
                m.push_back(integer(-l, l));
                sum += m.back();
            }
            if (sum == 0 && std::find(terms.begin(), terms.end(), m) == terms.end()) terms.push_back(m);
        }
        if (terms.empty()) continue;
        f.center.push_back(center);
        f.rank.push_back(rank);
        f.n_terms.push_back(static_cast<std::int32_t>(terms.size()));
        for (const auto& [s, n, l] : factors) {
            f.species.push_back(s);
            f.n.push_back(n);
            f.l.push_back(l);
        }
        for (const auto& m : terms) {
            f.m.insert(f.m.end(), m.begin(), m.end());
            for (int d = 0; d < o.n_density; ++d)
                f.coefficients.push_back(0.3 * uniform(rng) / (rank * rank));
        }
    }
    return p;
}

/// Energy of one centre from the definitions, with complex arithmetic and the analytic radial functions.
/// edges: (species, x, y, z).
inline double reference_energy(const ace::Parameters& p, const std::vector<int>& atomic_numbers, int center,
                               const std::vector<std::tuple<int, double, double, double>>& edges) {
    int l_max = 0;
    for (const ace::Bond& b : p.bonds) l_max = std::max(l_max, b.l_max);
    const LegendreCoefficients legendre(l_max);
    const auto n_lm = static_cast<std::size_t>(lm_count(l_max));
    std::map<std::tuple<int, int, int, int>, std::complex<double>> A;  // species, n, l, m
    std::map<std::pair<int, int>, double> G;                           // species, k
    double core = 0, transition = 1e9, width = 0;
    const bool zbl = p.bonds[0].inner_cutoff_type == "zbl";
    for (const auto& [s, x, y, z] : edges) {
        const ace::Bond& b = p.bond(center, s);
        const double r = std::sqrt(x * x + y * y + z * z);
        if (r >= b.cutoff) continue;
        std::vector<double> g(static_cast<std::size_t>(b.n_base)), dg(g.size()), re(n_lm), im(n_lm);
        ace::radial_basis(b, r, g.data(), dg.data());
        spherical_harmonics(legendre, x, y, z, re.data(), im.data(), nullptr, nullptr);
        for (int k = 0; k < b.n_base; ++k) G[{s, k}] += g[static_cast<std::size_t>(k)];
        for (int n = 0; n < b.n_max; ++n)
            for (int l = 0; l <= b.l_max; ++l) {
                double radial = 0;
                for (int k = 0; k < b.n_base; ++k)
                    radial +=
                        b.coefficients[static_cast<std::size_t>((n * (b.l_max + 1) + l) * b.n_base + k)] *
                        g[static_cast<std::size_t>(k)];
                for (int m = -l; m <= l; ++m) {
                    const auto i = static_cast<std::size_t>(lm_index(l, std::abs(m)));
                    std::complex<double> harmonic(re[i], im[i]);
                    if (m < 0) harmonic = (m % 2 == 0 ? 1.0 : -1.0) * std::conj(harmonic);
                    A[{s, n, l, m}] += radial * harmonic;
                }
            }
        double c, dc;
        ace::core_repulsion(b, atomic_numbers[static_cast<std::size_t>(center)],
                            atomic_numbers[static_cast<std::size_t>(s)], r, c, dc);
        core += c;
        if (const double d = r - (b.inner_cutoff - b.inner_cutoff_width); d < transition) {
            transition = d;
            width = b.inner_cutoff_width;
        }
    }
    const ace::Embedding& e = p.embeddings[static_cast<std::size_t>(center)];
    std::vector<double> rho(static_cast<std::size_t>(e.n_density()), 0.0);
    const ace::Functions& f = p.functions;
    std::size_t factor = 0, m_index = 0, term = 0;
    for (std::size_t k = 0; k < f.rank.size(); ++k) {
        const auto rank = static_cast<std::size_t>(f.rank[k]);
        for (std::size_t t = 0; t < static_cast<std::size_t>(f.n_terms[k]); ++t, ++term) {
            std::complex<double> product = 1.0;
            for (std::size_t q = 0; q < rank; ++q)
                product *=
                    rank == 1
                        ? std::complex<double>(G[{f.species[factor], f.n[factor]}])
                        : A[{f.species[factor + q], f.n[factor + q], f.l[factor + q], f.m[m_index + q]}];
            m_index += rank;
            if (f.center[k] != center) continue;
            for (std::size_t d = 0; d < rho.size(); ++d)
                rho[d] +=
                    f.coefficients[term * static_cast<std::size_t>(p.n_density_max) + d] * product.real();
        }
        factor += rank;
    }
    double energy = 0;
    for (std::size_t d = 0; d < rho.size(); ++d) {
        double value, slope;
        ace::embedding(e.kind == "FinnisSinclair" ? ace::EmbeddingKind::finnis_sinclair
                                                  : ace::EmbeddingKind::finnis_sinclair_shifted_scaled,
                       rho[d], e.exponents[d], value, slope);
        energy += e.prefactors[d] * value;
    }
    double keep, slope;
    if (zbl) {
        keep = 1.0;
        if (!edges.empty() && transition < 1e8)
            ace::smooth_step(width - transition, width, width, keep, slope);
        energy = energy * keep + core * (1.0 - keep);
    } else {
        ace::smooth_step(core, e.rho_core_cutoff, e.drho_core_cutoff, keep, slope);
        energy = energy * keep + core;
    }
    return energy + p.isolated_energies[static_cast<std::size_t>(center)];
}

}  // namespace tektite::test
