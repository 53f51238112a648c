// SPDX-License-Identifier: BSD-3-Clause
// Clebsch-Gordan coefficients and the invariants made of them: values, counts, invariance, independence.
#include <array>
#include <complex>
#include <map>
#include <random>

#include "basis/coupling.hpp"
#include "basis/spherical_harmonics.hpp"
#include "check.hpp"
#include "tektite/error.hpp"

using namespace tektite;
using namespace tektite::test;

namespace {

void test_clebsch_gordan() {
    check_close(clebsch_gordan(1, 1, 1, -1, 0, 0), 1 / std::sqrt(3.0), 1e-15, "<1 1 1 -1|0 0>");
    check_close(clebsch_gordan(1, 0, 1, 0, 0, 0), -1 / std::sqrt(3.0), 1e-15, "<1 0 1 0|0 0>");
    check_close(clebsch_gordan(1, 1, 1, 0, 1, 1), 1 / std::sqrt(2.0), 1e-15, "<1 1 1 0|1 1>");
    check_close(clebsch_gordan(2, 1, 1, -1, 1, 0), std::sqrt(3.0 / 10.0), 1e-15, "<2 1 1 -1|1 0>");
    check_close(clebsch_gordan(2, 0, 2, 0, 2, 0), -std::sqrt(2.0 / 7.0), 1e-15, "<2 0 2 0|2 0>");
    check(clebsch_gordan(1, 1, 1, 1, 1, 2) == 0.0, "m > l");
    check(clebsch_gordan(1, 0, 1, 0, 1, 0) == 0.0, "antisymmetric");
    check(clebsch_gordan(2, 0, 1, 0, 5, 0) == 0.0, "triangle");
    for (int l1 : {3, 7, 12})
        for (int l2 : {2, 8, 12}) {
            double worst = 0;
            for (int m = -l1 - l2; m <= l1 + l2; ++m)
                for (int l = std::abs(l1 - l2); l <= l1 + l2; ++l)
                    for (int k = std::abs(l1 - l2); k <= l1 + l2; ++k) {
                        double sum = 0;
                        for (int m1 = -l1; m1 <= l1; ++m1)
                            sum += clebsch_gordan(l1, m1, l2, m - m1, l, m) *
                                   clebsch_gordan(l1, m1, l2, m - m1, k, m);
                        const double expected = l == k && std::abs(m) <= l ? 1.0 : 0.0;
                        worst = std::max(worst, std::abs(sum - expected));
                    }
            check_close(worst, 0.0, 2e-13, "orthogonality");
        }
}

/// Number of rotation invariants of the product of symmetric powers, by counting states: those with M = 0
/// less those with M = 1. Independent of any coupling coefficient.
int count_invariants(const std::vector<int>& l, const std::vector<int>& classes) {
    std::map<int, long> states{{0, 1}};
    for (std::size_t begin = 0; begin < l.size();) {
        std::size_t end = begin;
        while (end < l.size() && classes[end] == classes[begin]) ++end;
        const int power = static_cast<int>(end - begin);
        std::map<std::pair<int, int>, long> multisets{{{0, 0}, 1}};  // (size, M) -> number
        for (int m = -l[begin]; m <= l[begin]; ++m) {
            std::map<std::pair<int, int>, long> next;
            for (const auto& [key, number] : multisets)
                for (int copies = 0; key.first + copies <= power; ++copies)
                    next[{key.first + copies, key.second + copies * m}] += number;
            multisets = next;
        }
        std::map<int, long> product;
        for (const auto& [total, number] : states)
            for (const auto& [key, more] : multisets)
                if (key.first == power) product[total + key.second] += number * more;
        states = product;
        begin = end;
    }
    return static_cast<int>(states[0] - states[1]);
}

int count(std::vector<int> l, std::vector<int> classes) {
    return invariant_coupling(l, classes).n_functions;
}

void test_counts() {
    // Invariants of one binary form of degree 2 l (Cayley, Sylvester): generators of degree 2 (l = 1); 2, 3
    // (l = 2); 2, 4, 6, 10, 15 (l = 3); 2, 3, 4, 5, 6, 7, 8, 9, 10 (l = 4).
    check(count({1, 1}, {0, 0}) == 1 && count({1, 1, 1, 1}, {0, 0, 0, 0}) == 1, "vectors");
    check(count({2, 2, 2}, {0, 0, 0}) == 1 && count({2, 2, 2, 2}, {0, 0, 0, 0}) == 1, "quartic");
    check(count({2, 2, 2, 2, 2}, {0, 0, 0, 0, 0}) == 1, "quartic, I J");
    check(count({3, 3, 3, 3}, {0, 0, 0, 0}) == 2, "sextic, degree 4");
    check(count({3, 3, 3, 3, 3, 3}, {0, 0, 0, 0, 0, 0}) == 3, "sextic, degree 6");
    check(count({4, 4, 4, 4}, {0, 0, 0, 0}) == 2 && count({4, 4, 4, 4, 4}, {0, 0, 0, 0, 0}) == 2, "octavic");
    // Distinguishable factors: as many as intermediate angular momenta.
    check(count({2, 2, 2, 2}, {0, 1, 2, 3}) == 5, "five intermediate L");
    check(count({1, 2, 3}, {0, 1, 2}) == 1, "one triangle");
    check(count({0}, {0}) == 1 && count({2}, {0}) == 0, "rank 1");
    check(count({1, 1, 1}, {0, 1, 2}) == 0, "odd under inversion");
    check(count({1, 1, 4}, {0, 0, 1}) == 0, "no triangle");
    int compared = 0;
    for (int a = 0; a <= 4; ++a)
        for (int b = a; b <= 4; ++b)
            for (int c = b; c <= 4; ++c)
                for (int d = c; d <= 4; ++d) {
                    if ((a + b + c + d) % 2 != 0) continue;
                    for (int pattern = 0; pattern < 8; ++pattern) {
                        const std::vector<int> l{a, b, c, d};
                        std::vector<int> classes(4, 0);
                        bool possible = true;
                        for (std::size_t t = 1; t < 4; ++t) {
                            const bool same = (pattern >> (t - 1)) & 1;
                            possible = possible && (!same || l[t] == l[t - 1]);
                            classes[t] = classes[t - 1] + (same ? 0 : 1);
                        }
                        if (!possible) continue;
                        ++compared;
                        check(count(l, classes) == count_invariants(l, classes), "count by states, rank 4");
                    }
                }
    check(compared > 100, "patterns compared");
    check(count({1, 1, 2, 2, 2}, {0, 0, 1, 1, 1}) == count_invariants({1, 1, 2, 2, 2}, {0, 0, 1, 1, 1}),
          "rank 5");
    check(count({1, 1, 1, 1, 2, 2}, {0, 0, 1, 1, 2, 2}) ==
              count_invariants({1, 1, 1, 1, 2, 2}, {0, 0, 1, 1, 2, 2}),
          "rank 6");
    check(count({1, 1, 1, 1, 1, 1, 2}, {0, 0, 0, 0, 1, 1, 2}) ==
              count_invariants({1, 1, 1, 1, 1, 1, 2}, {0, 0, 0, 0, 1, 1, 2}),
          "rank 7");
}

using Vector = std::array<double, 3>;

/// A_{lm} of `class` k from a few random points with weights that depend on k; [class][l][m + l].
struct Density {
    std::vector<std::vector<std::vector<std::complex<double>>>> A;
    Density(const std::vector<Vector>& points, const std::vector<std::vector<double>>& weights, int l_max) {
        const LegendreCoefficients legendre_coefficients(l_max);
        std::vector<double> re(static_cast<std::size_t>(lm_count(l_max))), im(re.size());
        A.resize(weights.size());
        for (auto& shells : A)
            for (int l = 0; l <= l_max; ++l) shells.emplace_back(2 * static_cast<std::size_t>(l) + 1);
        for (std::size_t p = 0; p < points.size(); ++p) {
            spherical_harmonics(legendre_coefficients, points[p][0], points[p][1], points[p][2], re.data(),
                                im.data(), nullptr, nullptr);
            for (std::size_t k = 0; k < A.size(); ++k)
                for (int l = 0; l <= l_max; ++l)
                    for (int m = -l; m <= l; ++m) {
                        const auto i = static_cast<std::size_t>(lm_index(l, std::abs(m)));
                        std::complex<double> y(re[i], im[i]);
                        if (m < 0) y = (m % 2 == 0 ? 1.0 : -1.0) * std::conj(y);
                        A[k][static_cast<std::size_t>(l)][static_cast<std::size_t>(m + l)] +=
                            weights[k][p] * y;
                    }
        }
    }
};

std::vector<double> evaluate(const Coupling& coupling, const std::vector<int>& l,
                             const std::vector<int>& classes, const Density& density) {
    std::vector<double> values(static_cast<std::size_t>(coupling.n_functions), 0.0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(coupling.n_terms); ++i) {
        std::complex<double> product = 1.0;
        for (std::size_t t = 0; t < l.size(); ++t)
            product *= density.A[static_cast<std::size_t>(classes[t])][static_cast<std::size_t>(l[t])]
                                [static_cast<std::size_t>(coupling.m[i * l.size() + t] + l[t])];
        for (std::size_t f = 0; f < values.size(); ++f)
            values[f] +=
                coupling.coefficients[f * static_cast<std::size_t>(coupling.n_terms) + i] * product.real();
    }
    return values;
}

void test_invariance_and_independence() {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    const std::vector<std::pair<std::vector<int>, std::vector<int>>> cases = {
        {{3, 3}, {0, 0}},
        {{1, 2, 3}, {0, 1, 2}},
        {{2, 2, 4}, {0, 0, 1}},
        {{2, 2, 2, 2}, {0, 1, 2, 3}},
        {{2, 2, 2, 2}, {0, 0, 1, 1}},
        {{3, 3, 3, 3}, {0, 0, 0, 0}},
        {{4, 4, 4, 4}, {0, 0, 0, 1}},
        {{1, 1, 2, 3, 3}, {0, 0, 1, 2, 3}},
        {{2, 2, 2, 2, 2}, {0, 0, 0, 1, 1}},
        {{1, 1, 1, 1, 2, 2}, {0, 0, 1, 1, 2, 2}},
        {{1, 1, 1, 1, 1, 1, 2}, {0, 0, 0, 1, 1, 1, 2}},
    };
    const double angle = 1.234;
    for (const auto& [l, classes] : cases) {
        const Coupling coupling = invariant_coupling(l, classes);
        const auto n = static_cast<std::size_t>(coupling.n_functions);
        check(n > 0, "has invariants");
        std::vector<std::vector<double>> samples;
        for (std::size_t sample = 0; sample < 3 * n + 5; ++sample) {
            std::vector<Vector> points(9), rotated, inverted;
            for (auto& p : points) p = {normal(random), normal(random), normal(random)};
            for (const auto& p : points) {  // a rotation about z, then one about x
                const double x = std::cos(angle) * p[0] - std::sin(angle) * p[1];
                const double y = std::sin(angle) * p[0] + std::cos(angle) * p[1];
                const double b = 0.7 + static_cast<double>(sample);
                rotated.push_back(
                    {x, std::cos(b) * y - std::sin(b) * p[2], std::sin(b) * y + std::cos(b) * p[2]});
                inverted.push_back({-p[0], -p[1], -p[2]});
            }
            std::vector<std::vector<double>> weights(l.size(), std::vector<double>(points.size()));
            for (auto& w : weights)
                for (auto& value : w) value = 0.3 * normal(random);
            const auto values = evaluate(coupling, l, classes, Density(points, weights, 4));
            const auto turned = evaluate(coupling, l, classes, Density(rotated, weights, 4));
            const auto mirrored = evaluate(coupling, l, classes, Density(inverted, weights, 4));
            for (std::size_t f = 0; f < n; ++f) {
                const double scale = std::max(1.0, std::abs(values[f]));
                check_close(turned[f] / scale, values[f] / scale, 1e-11, "rotation");
                check_close(mirrored[f] / scale, values[f] / scale, 1e-11, "inversion");
            }
            samples.push_back(values);
        }
        // Independence on environments: Gram-Schmidt over the functions keeps all of them.
        std::vector<std::vector<double>> columns(n, std::vector<double>(samples.size()));
        for (std::size_t f = 0; f < n; ++f) {
            double norm = 0;
            for (std::size_t s = 0; s < samples.size(); ++s) {
                columns[f][s] = samples[s][f];
                norm += samples[s][f] * samples[s][f];
            }
            double left = 0;
            for (std::size_t g = 0; g < f; ++g) {
                double overlap = 0;
                for (std::size_t s = 0; s < samples.size(); ++s) overlap += columns[g][s] * columns[f][s];
                for (std::size_t s = 0; s < samples.size(); ++s) columns[f][s] -= overlap * columns[g][s];
            }
            for (double value : columns[f]) left += value * value;
            check(left > 1e-6 * norm, "independent on environments");
            for (double& value : columns[f]) value /= std::sqrt(left);
        }
    }
}

void test_orthonormal_tensors() {
    // With distinguishable factors every coefficient stands for one tuple, or two of opposite m.
    const std::vector<int> l{2, 2, 3, 3}, classes{0, 1, 2, 3};
    const Coupling c = invariant_coupling(l, classes);
    for (int f = 0; f < c.n_functions; ++f)
        for (int g = 0; g < c.n_functions; ++g) {
            double sum = 0;
            for (int i = 0; i < c.n_terms; ++i) {
                bool zero = true;
                for (int t = 0; t < 4; ++t) zero = zero && c.m[static_cast<std::size_t>(4 * i + t)] == 0;
                sum += c.coefficients[static_cast<std::size_t>(f * c.n_terms + i)] *
                       c.coefficients[static_cast<std::size_t>(g * c.n_terms + i)] / (zero ? 1.0 : 2.0);
            }
            check_close(sum, f == g ? 1.0 : 0.0, 1e-12, "orthonormal");
        }
}

void test_misuse() {
    const auto couple = [](std::vector<int> l, std::vector<int> classes) {
        return [l, classes] { (void)invariant_coupling(l, classes); };
    };
    check_throws<Error>(couple({}, {}), "same length");
    check_throws<Error>(couple({1, 1}, {0}), "same length");
    check_throws<Error>(couple({1, -1}, {0, 1}), "negative");
    check_throws<Error>(couple({1, 2}, {0, 0}), "same l");
    check_throws<Error>(couple({1, 1, 1}, {0, 1, 0}), "next to each other");
    CouplingCache cache;
    const std::vector<int> l{2, 2}, classes{0, 0};
    check(&cache.get(l, classes) == &cache.get(l, classes), "computed once");
}

}  // namespace

int main() {
    test_clebsch_gordan();
    test_counts();
    test_invariance_and_independence();
    test_orthonormal_tensors();
    test_misuse();
    return finish();
}
