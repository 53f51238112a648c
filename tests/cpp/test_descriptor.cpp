// SPDX-License-Identifier: BSD-3-Clause
// The ACE descriptor: values against the definition, gradients against finite differences, several elements.
#include <algorithm>
#include <complex>
#include <random>

#include "basis/ace_radial.hpp"
#include "basis/radial_polynomial.hpp"
#include "check.hpp"
#include "descriptors/ace_descriptor.hpp"

using namespace tektite;
using namespace tektite::ace;
using namespace tektite::test;

namespace {

Bond make_bond(double cutoff, int n_base, int n_max, int l_max, std::mt19937_64& random, bool identity) {
    Bond bond;
    bond.basis = "Polynomial";
    bond.parameters = {2.3, 2.0, 4.0, agnesi_prefactor(2.0, 4.0), 3.0, 0.0};
    bond.n_base = n_base;
    bond.n_max = n_max;
    bond.l_max = l_max;
    bond.cutoff = cutoff;
    std::normal_distribution<double> normal;
    for (int n = 0; n < n_max; ++n)
        for (int l = 0; l <= l_max; ++l)
            for (int k = 0; k < n_base; ++k)
                bond.coefficients.push_back(identity ? (n == k ? 1.0 : 0.0) : normal(random));
    return bond;
}

/// A cluster of atoms without periodic images, all atoms neighbours of each other.
struct Atoms {
    std::vector<double> positions;
    std::vector<std::int32_t> species, centers, all;
    std::vector<std::vector<std::int32_t>> lists;
    std::vector<const std::int32_t*> rows;
    std::vector<std::int32_t> counts;

    Atoms(int n, int n_elements, std::mt19937_64& random) {
        std::uniform_real_distribution<double> coordinate(0.0, 1.25 * std::cbrt(20.0 * n));
        while (static_cast<int>(species.size()) < n) {
            const double p[3] = {coordinate(random), coordinate(random), coordinate(random)};
            bool close = false;
            for (std::size_t j = 0; j < species.size(); ++j)
                close = close || std::hypot(p[0] - positions[3 * j], p[1] - positions[3 * j + 1],
                                            p[2] - positions[3 * j + 2]) < 1.3;
            if (close) continue;
            positions.insert(positions.end(), p, p + 3);
            species.push_back(static_cast<std::int32_t>(species.size()) % n_elements);
        }
        for (std::int32_t i = 0; i < n; ++i) {
            centers.push_back(i);
            auto& list = lists.emplace_back();
            for (std::int32_t j = 0; j < n; ++j)
                if (j != i) list.push_back(j);
        }
        for (const auto& list : lists) {
            rows.push_back(list.data());
            counts.push_back(static_cast<std::int32_t>(list.size()));
        }
    }
    [[nodiscard]] Cluster cluster() const {
        Cluster c;
        c.positions = positions;
        c.species = species;
        c.centers = centers;
        c.neighbor_rows = rows;
        c.neighbor_counts = counts;
        return c;
    }
};

/// B_k of one atom from the definition, by complex sums over neighbours.
std::vector<double> direct_values(const Basis& basis, const std::vector<Bond>& bonds, const Atoms& atoms,
                                  std::size_t i) {
    std::vector<double> out(static_cast<std::size_t>(basis.n_functions()), 0.0);
    const auto n_elements = static_cast<std::size_t>(basis.n_elements());
    const LegendreCoefficients legendre_coefficients(6);
    std::vector<double> re(static_cast<std::size_t>(lm_count(6))), im(re.size());
    const auto density = [&](const Factor& factor, int m, bool rank_one) {
        std::complex<double> sum = 0.0;
        const Bond& bond = bonds[static_cast<std::size_t>(atoms.species[i]) * n_elements +
                                 static_cast<std::size_t>(factor.species)];
        std::vector<double> g(static_cast<std::size_t>(bond.n_base)), dg(g.size());
        for (std::size_t j = 0; j < atoms.species.size(); ++j) {
            if (j == i || atoms.species[j] != factor.species) continue;
            const double x = atoms.positions[3 * j] - atoms.positions[3 * i];
            const double y = atoms.positions[3 * j + 1] - atoms.positions[3 * i + 1];
            const double z = atoms.positions[3 * j + 2] - atoms.positions[3 * i + 2];
            const double r = std::sqrt(x * x + y * y + z * z);
            if (r >= bond.cutoff) continue;
            radial_basis(bond, r, g.data(), dg.data());
            double radial = 0.0;
            if (rank_one) {
                radial = g[static_cast<std::size_t>(factor.n)];
            } else {
                for (std::size_t k = 0; k < g.size(); ++k)
                    radial +=
                        g[k] *
                        bond.coefficients[static_cast<std::size_t>((factor.n * (bond.l_max + 1) + factor.l)) *
                                              g.size() +
                                          k];
            }
            spherical_harmonics(legendre_coefficients, x, y, z, re.data(), im.data(), nullptr, nullptr);
            const auto lm = static_cast<std::size_t>(lm_index(factor.l, std::abs(m)));
            std::complex<double> harmonic(re[lm], im[lm]);
            if (m < 0) harmonic = (m % 2 == 0 ? 1.0 : -1.0) * std::conj(harmonic);
            sum += radial * harmonic;
        }
        return sum;
    };
    for (const Product& product : basis.products()) {
        if (product.center != atoms.species[i]) continue;
        const Coupling& c = basis.coupling(product);
        for (int term = 0; term < c.n_terms; ++term) {
            std::complex<double> value = 1.0;
            for (int t = 0; t < c.rank; ++t)
                value *= density(product.factors[static_cast<std::size_t>(t)],
                                 c.m[static_cast<std::size_t>(term * c.rank + t)], c.rank == 1);
            for (int f = 0; f < c.n_functions; ++f)
                out[static_cast<std::size_t>(product.first_function + f)] +=
                    c.coefficients[static_cast<std::size_t>(f * c.n_terms + term)] * value.real();
        }
    }
    return out;
}

void test_values_and_gradients(int n_elements, bool identity, const BasisLimits& limits) {
    std::mt19937_64 random(static_cast<unsigned>(3 + n_elements));
    std::vector<Bond> bonds;
    for (int b = 0; b < n_elements * n_elements; ++b)
        bonds.push_back(make_bond(3.6 + 0.4 * b, 6, 5, 6, random, identity));
    const auto basis = std::make_shared<const Basis>(limits);
    const Descriptor descriptor(bonds, basis);
    Atoms atoms(9, n_elements, random);
    const auto n_functions = static_cast<std::size_t>(basis->n_functions());
    const std::size_t n = atoms.species.size();

    std::vector<double> values(n * n_functions, 0.0);
    descriptor.values(atoms.cluster(), values);
    double worst = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        const auto expected = direct_values(*basis, bonds, atoms, i);
        for (std::size_t k = 0; k < n_functions; ++k)
            worst = std::max(
                worst, std::abs(values[i * n_functions + k] - expected[k]) / (1.0 + std::abs(expected[k])));
    }
    check_close(worst, 0.0, 1e-11, "values by definition");

    std::vector<double> energies(n_functions, 0.0), forces(n_functions * 3 * n, 0.0),
        virials(n_functions * 6, 0.0);
    descriptor.design(atoms.cluster(), energies, forces, virials);
    for (std::size_t k = 0; k < n_functions; ++k) {
        double sum = 0.0;
        for (std::size_t i = 0; i < n; ++i) sum += values[i * n_functions + k];
        check_close(energies[k], sum, 1e-11 * (1.0 + std::abs(sum)), "energy row");
    }
    const auto energies_at = [&](const Atoms& moved) {
        std::vector<double> row(n_functions, 0.0);
        descriptor.design(moved.cluster(), row, {}, {});
        return row;
    };
    const double h = 1e-4;
    const auto derivative = [&](auto&& displace) {  // fourth order
        std::vector<double> out(n_functions, 0.0);
        for (const auto& [steps, weight] : {std::pair{1.0, 8.0}, {-1.0, -8.0}, {2.0, -1.0}, {-2.0, 1.0}}) {
            Atoms moved = atoms;
            displace(moved, steps * h);
            const auto row = energies_at(moved);
            for (std::size_t k = 0; k < n_functions; ++k) out[k] += weight * row[k] / (12.0 * h);
        }
        return out;
    };
    double largest = 0.0, force_error = 0.0, virial_error = 0.0, scale = 0.0;
    for (double value : forces) largest = std::max(largest, std::abs(value));
    for (std::size_t c = 0; c < 3 * n; ++c) {
        const auto expected = derivative([c](Atoms& moved, double step) { moved.positions[c] += step; });
        for (std::size_t k = 0; k < n_functions; ++k)
            force_error = std::max(force_error, std::abs(forces[k * 3 * n + c] + expected[k]));
    }
    check_close(force_error / largest, 0.0, 1e-9, "forces by finite differences");
    const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    for (std::size_t v = 0; v < 6; ++v) {
        // Strain r_a += e r_b: dE/de = sum r_b dE/dr_a = -W.
        const auto expected = derivative([&](Atoms& moved, double step) {
            for (std::size_t i = 0; i < n; ++i)
                moved.positions[3 * i + static_cast<std::size_t>(voigt[v][0])] +=
                    step * atoms.positions[3 * i + static_cast<std::size_t>(voigt[v][1])];
        });
        for (std::size_t k = 0; k < n_functions; ++k) {
            scale = std::max(scale, std::abs(virials[6 * k + v]));
            virial_error = std::max(virial_error, std::abs(virials[6 * k + v] + expected[k]));
        }
    }
    check_close(virial_error / scale, 0.0, 1e-9, "virials by finite differences");
}

void test_basis() {
    // One element, rank 2: n n' with one l each: 3 * 4 / 2 pairs for each l = 0, 1, 2.
    check(Basis({1, {4, 3}, {0, 2}, {}, 1.0}).n_functions() == 4 + 18, "rank 1 and 2");
    // Two elements: (2 * 3) * (2 * 3 + 1) / 2 pairs of (species, n).
    check(Basis({2, {4, 3}, {0, 2}, {}, 1.0}).n_functions() == 2 * (8 + 21 * 3), "two elements");
    const Basis limited({1, {5, 5, 5}, {0, 4, 4}, {4.0, 4.0, 3.0}, 1.0});
    for (const Product& product : limited.products()) {
        double degree = 0.0;
        for (const Factor& factor : product.factors) degree += factor.n + factor.l;
        check(degree <= (product.factors.size() == 3 ? 3.0 : 4.0), "degree");
    }
    check(limited.n_functions() < Basis({1, {5, 5, 5}, {0, 4, 4}, {}, 1.0}).n_functions(), "a limit limits");
    check_throws<Error>([] { Basis({1, {3, 3}, {0}, {}, 1.0}); }, "l_max has 1");
    check_throws<Error>([] { Basis({1, {3, 3}, {1, 1}, {}, 1.0}); }, "rank 1 must be 0");
    check_throws<Error>([] { Basis({1, {3, 3}, {0, 13}, {}, 1.0}); }, "rank 2");
    check_throws<Error>([] { Basis({1, {3, 3}, {0, 2}, {3.0}, 1.0}); }, "max_degree");
    check_throws<Error>([] { Basis({0, {3}, {0}, {}, 1.0}); }, "element");
}

void test_combine() {
    const Basis basis({2, {3, 2, 2, 2}, {0, 2, 2, 1}, {}, 1.0});
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    const auto k = static_cast<std::size_t>(basis.n_functions());
    std::vector<double> coefficients(2 * k);
    for (double& c : coefficients) c = normal(random);
    const Functions functions = basis.combine(coefficients, 2);
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> columns;
    std::vector<double> values;
    basis.coupling_matrix(first, columns, values);
    check(first.size() == k + 1 && columns.size() == values.size(), "compressed rows");
    std::vector<double> sums(functions.coefficients.size(), 0.0);
    for (std::size_t f = 0; f < k; ++f)
        for (auto e = static_cast<std::size_t>(first[f]); e < static_cast<std::size_t>(first[f + 1]); ++e)
            for (std::size_t p = 0; p < 2; ++p)
                sums[2 * static_cast<std::size_t>(columns[e]) + p] += coefficients[2 * f + p] * values[e];
    double worst = 0.0;
    for (std::size_t i = 0; i < sums.size(); ++i)
        worst = std::max(worst, std::abs(sums[i] - functions.coefficients[i]));
    check_close(worst, 0.0, 1e-13, "matrix and combination agree");
    check(functions.rank.size() == basis.products().size(), "one function a product");
    check_throws<Error>([&] { (void)basis.combine(coefficients, 1); }, "coefficients");
}

void test_misuse() {
    std::mt19937_64 random(2);
    const auto basis = std::make_shared<const Basis>(BasisLimits{1, {4, 4}, {0, 2}, {}, 1.0});
    const auto build = [&](Bond bond, std::size_t count) {
        return [=] { Descriptor(std::vector<Bond>(count, bond), basis); };
    };
    check_throws<Error>(build(make_bond(4, 4, 4, 2, random, true), 2), "bonds");
    check_throws<Error>(build(make_bond(4, 4, 3, 2, random, true), 1), "too few radial functions");
    check_throws<Error>(build(make_bond(4, 4, 4, 1, random, true), 1), "too few radial functions");
    const Descriptor descriptor({make_bond(4, 4, 4, 2, random, true)}, basis);
    Atoms atoms(3, 1, random);
    std::copy_n(atoms.positions.begin(), 3, atoms.positions.begin() + 3);
    std::vector<double> row(static_cast<std::size_t>(basis->n_functions()));
    check_throws<Error>([&] { descriptor.design(atoms.cluster(), row, {}, {}); }, "same place");
    check_throws<Error>([&] { descriptor.design(atoms.cluster(), std::span(row).first(3), {}, {}); },
                        "energies");
}

}  // namespace

int main() {
    test_basis();
    test_combine();
    test_misuse();
    test_values_and_gradients(1, true, {1, {5, 4, 3, 2, 2}, {0, 4, 3, 2, 1}, {}, 1.0});
    test_values_and_gradients(1, false, {1, {6, 3, 2, 1, 1, 1}, {0, 6, 3, 2, 1, 1}, {}, 1.0});
    test_values_and_gradients(2, false, {2, {4, 2, 2, 1}, {0, 3, 2, 1}, {}, 1.0});
    return finish();
}
