// SPDX-License-Identifier: BSD-3-Clause
// ACE kernels against the definitions, against finite differences and against each other.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/elements.hpp"
#include "check.hpp"
#include "instruction_sets.hpp"
#include "models/ace/ace_potential.hpp"
#include "models/ace/tables.hpp"
#include "random_ace.hpp"
#include "random_system.hpp"
#include "tektite/neighbor_list.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_close;
using tektite::test::random_system;
using tektite::test::System;

namespace {

struct Evaluation {
    double energy = 0;
    std::vector<double> atom_energies, forces, uncertainties;
    double virial[9] = {};
};

Evaluation evaluate(const Potential& potential, const System& s, const EvaluationOptions& options = {},
                    bool with_uncertainties = false) {
    NeighborList list;
    list.build(s.positions, s.box, potential.info().cutoff);
    Cluster cluster;
    std::vector<std::int32_t> centers(s.species.size());
    for (std::size_t i = 0; i < centers.size(); ++i) centers[i] = static_cast<std::int32_t>(i);
    cluster.positions = s.positions;
    cluster.species = s.species;
    cluster.centers = centers;
    list.attach(cluster);
    Evaluation out;
    out.atom_energies.resize(s.species.size());
    out.forces.resize(s.positions.size());
    Results results;
    results.energy = &out.energy;
    results.atom_energies = out.atom_energies;
    results.forces = out.forces;
    results.virial = out.virial;
    if (with_uncertainties) {
        out.uncertainties.resize(s.species.size());
        results.atom_uncertainties = out.uncertainties;
    }
    potential.evaluate(cluster, results, *potential.make_workspace(options));
    return out;
}

/// Energies of all centres from the definitions.
std::vector<double> reference(const ace::Parameters& p, const System& s, double cutoff) {
    std::vector<int> numbers;
    for (const auto& symbol : p.elements) numbers.push_back(atomic_number(symbol));
    NeighborList list;
    list.build(s.positions, s.box, cutoff);
    std::vector<double> energies;
    for (std::size_t i = 0; i < s.species.size(); ++i) {
        std::vector<std::tuple<int, double, double, double>> edges;
        for (std::size_t e = 0; e < list.neighbors(i).size(); ++e) {
            const auto j = static_cast<std::size_t>(list.neighbors(i)[e]);
            const double* shift =
                list.shift_vectors().data() + 3 * static_cast<std::size_t>(list.shifts(i)[e]);
            edges.emplace_back(s.species[j], s.positions[3 * j] + shift[0] - s.positions[3 * i],
                               s.positions[3 * j + 1] + shift[1] - s.positions[3 * i + 1],
                               s.positions[3 * j + 2] + shift[2] - s.positions[3 * i + 2]);
        }
        energies.push_back(test::reference_energy(p, numbers, s.species[i], edges));
    }
    return energies;
}

double largest(const std::vector<double>& values) {
    double out = 1.0;
    for (const double v : values) out = std::max(out, std::abs(v));
    return out;
}

void check_model(std::mt19937& rng, const test::RandomAceOptions& options, double closest) {
    const ace::Parameters p = test::random_ace(rng, options);
    ace::validate(p, "random");
    const auto potential = ace::make_ace(p, {}, "{}");
    const int n_atoms = std::uniform_int_distribution<int>(1, 12)(rng);
    const double size = std::uniform_real_distribution<double>(3.0, 8.0)(rng);
    System s = random_system(rng, n_atoms, options.n_elements, size, closest, static_cast<int>(rng() % 4));
    const Evaluation e = evaluate(*potential, s);

    const std::vector<double> expected = reference(p, s, potential->info().cutoff);
    const double scale = largest(expected);
    for (std::size_t i = 0; i < expected.size(); ++i)
        check_close(e.atom_energies[i], expected[i], 2e-9 * scale, options.basis + " energy of a centre");

    // Five-point differences of the energy along a random direction of all atoms, and of the strain.
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    std::vector<double> direction(s.positions.size());
    for (double& d : direction) d = uniform(rng);
    double slope = 0;
    for (std::size_t k = 0; k < direction.size(); ++k) slope -= e.forces[k] * direction[k];
    double strain[9], strain_slope = 0;
    for (std::size_t c = 0; c < 9; ++c) {
        strain[c] = uniform(rng);
        strain_slope -= e.virial[c] * strain[c];
    }
    const auto moved = [&](double h, bool straining) {
        System t = s;
        const auto apply = [&](double* r) {
            const double old[3] = {r[0], r[1], r[2]};
            for (std::size_t a = 0; a < 3; ++a)
                for (std::size_t b = 0; b < 3; ++b) r[a] += h * strain[3 * b + a] * old[b];
        };
        if (straining) {
            for (std::size_t i = 0; i < t.positions.size(); i += 3) apply(t.positions.data() + i);
            for (auto& vector : t.box.cell) apply(vector.data());
        } else {
            for (std::size_t k = 0; k < direction.size(); ++k) t.positions[k] += h * direction[k];
        }
        return evaluate(*potential, t).energy;
    };
    const double h = 2e-4;
    for (const bool straining : {false, true}) {
        const double numeric = (8 * (moved(h, straining) - moved(-h, straining)) -
                                (moved(2 * h, straining) - moved(-2 * h, straining))) /
                               (12 * h);
        const double exact = straining ? strain_slope : slope;
        check_close(numeric, exact, 1e-7 * std::max({1.0, std::abs(exact), scale, largest(e.forces)}),
                    options.basis + (straining ? " strain derivative" : " derivative"));
    }

    // Every instruction set and number of threads gives the same; float is close.
    for (const InstructionSet isa : test::instruction_sets())
        for (const Precision precision : {Precision::real64, Precision::mixed}) {
            const Evaluation other =
                evaluate(*potential, s, {precision, isa, 1 + static_cast<int>(rng() % 3)});
            const double tolerance =
                (precision == Precision::real64 ? 1e-12 : 5e-5) * std::max(scale, largest(e.forces));
            for (std::size_t k = 0; k < e.forces.size(); ++k)
                check_close(other.forces[k], e.forces[k], 10 * tolerance, "force by another instruction set");
            check_close(other.energy, e.energy, tolerance * static_cast<double>(expected.size()),
                        "energy by another instruction set");
        }
}

/// Uncertainties are the sample standard deviations of what the members give by the definitions.
void check_committee(std::mt19937& rng, const test::RandomAceOptions& options, double closest) {
    ace::Parameters p = test::random_ace(rng, options);
    constexpr std::size_t n_members = 5;
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    const auto n_density = static_cast<std::size_t>(p.n_density_max);
    const std::size_t n_terms = p.functions.coefficients.size() / n_density;
    p.committee.n_members = n_members;
    for (std::size_t term = 0; term < n_terms; ++term)
        for (std::size_t m = 0; m < n_members; ++m)
            for (std::size_t d = 0; d < n_density; ++d)
                p.committee.coefficients.push_back(p.functions.coefficients[term * n_density + d] *
                                                   (1.0 + 0.1 * uniform(rng)));
    ace::validate(p, "random");
    const auto potential = ace::make_ace(p, {}, "{}");
    check(potential->info().has_uncertainty, "a committee is an uncertainty");
    const System s = random_system(rng, 9, options.n_elements, 6.0, closest, 3);
    std::vector<std::vector<double>> energies;
    for (std::size_t m = 0; m < n_members; ++m) {
        ace::Parameters member = p;
        for (std::size_t term = 0; term < n_terms; ++term)
            for (std::size_t d = 0; d < n_density; ++d)
                member.functions.coefficients[term * n_density + d] =
                    p.committee.coefficients[(term * n_members + m) * n_density + d];
        energies.push_back(reference(member, s, potential->info().cutoff));
    }
    for (const InstructionSet isa : test::instruction_sets())
        for (const Precision precision : {Precision::real64, Precision::mixed}) {
            const std::vector<double> uncertainties =
                evaluate(*potential, s, {precision, isa, 2}, true).uncertainties;
            for (std::size_t i = 0; i < s.species.size(); ++i) {
                double mean = 0.0, squares = 0.0, scale = 1.0;
                for (const auto& member : energies) {
                    mean += member[i] / n_members;
                    scale = std::max(scale, std::abs(member[i]));
                }
                for (const auto& member : energies) squares += (member[i] - mean) * (member[i] - mean);
                check_close(uncertainties[i], std::sqrt(squares / (n_members - 1)),
                            (precision == Precision::real64 ? 5e-9 : 5e-5) * scale,
                            "uncertainty, " + options.inner_cutoff_type);
            }
        }
}

/// Rows of the product graph, evaluated plainly, give the sums of the products.
void check_graph(std::mt19937& rng) {
    test::RandomAceOptions options;
    options.n_functions = 120;
    options.max_rank = 6;
    options.n_density = 2;
    options.n_elements = 2;
    const ace::Parameters p = test::random_ace(rng, options);
    for (int center = 0; center < 2; ++center) {
        const ace::AtomicBase base = ace::atomic_base(p.functions, center, 2);
        const ace::ProductGraph g = ace::product_graph(p.functions, base, center, 2, 2);
        std::uniform_real_distribution<double> uniform(-1.0, 1.0);
        std::vector<std::complex<double>> nodes(static_cast<std::size_t>(g.n_nodes));
        for (int s = 0; s < 2; ++s)
            for (int l = 0; l <= base.l_max; ++l)
                for (const int n : base.n_used(s, l))
                    for (int m = 0; m <= l; ++m)
                        nodes[static_cast<std::size_t>(base.index(s, n, l, m))] = {
                            uniform(rng), m == 0 ? 0.0 : uniform(rng)};
        std::vector<double> expected(2, 0.0), rho(2, 0.0);
        const ace::Functions& f = p.functions;
        std::size_t factor = 0, m_index = 0, term = 0;
        for (std::size_t k = 0; k < f.rank.size(); ++k) {
            const auto rank = static_cast<std::size_t>(f.rank[k]);
            for (std::size_t t = 0; t < static_cast<std::size_t>(f.n_terms[k]);
                 ++t, ++term, m_index += rank) {
                if (f.center[k] != center || rank == 1) continue;
                std::complex<double> product = 1.0;
                for (std::size_t q = 0; q < rank; ++q) {
                    const int m = f.m[m_index + q];
                    const auto a = nodes[static_cast<std::size_t>(
                        base.index(f.species[factor + q], f.n[factor + q], f.l[factor + q], std::abs(m)))];
                    product *= m >= 0 ? a : (m % 2 == 0 ? 1.0 : -1.0) * std::conj(a);
                }
                for (std::size_t d = 0; d < 2; ++d)
                    expected[d] += f.coefficients[2 * term + d] * product.real();
            }
            factor += rank;
        }
        std::size_t c = 0, other = 0;
        for (const ace::ProductGraph::Row& row : g.rows) {
            std::complex<double> value = nodes[static_cast<std::size_t>(row.x)];
            if (row.y >= 0) {
                const auto y = nodes[static_cast<std::size_t>(row.y)];
                value *= row.conjugate ? std::conj(y) : y;
            }
            if (row.kept >= 0) nodes[static_cast<std::size_t>(row.kept)] = value;
            if (row.alone) {
                for (std::size_t d = 0; d < 2; ++d) rho[d] += g.coefficients[2 * c + d] * value.real();
                ++c;
            }
            for (int k = 0; k < row.n_plain + row.n_conjugate; ++k, ++c, ++other) {
                const auto y = nodes[static_cast<std::size_t>(g.others[other])];
                const double product = (value * (k < row.n_plain ? y : std::conj(y))).real();
                for (std::size_t d = 0; d < 2; ++d) rho[d] += g.coefficients[2 * c + d] * product;
            }
        }
        check(c * 2 == g.coefficients.size() && other == g.others.size(),
              "all coefficients and factors are used");
        for (std::size_t d = 0; d < 2; ++d) check_close(rho[d], expected[d], 1e-11, "density from the graph");
    }
}

}  // namespace

int main() {
    std::mt19937 rng(20);
    for (int trial = 0; trial < 6; ++trial) check_graph(rng);
    for (int trial = 0; trial < 4; ++trial) {
        for (const char* basis : {"SBessel", "ChebExpCos", "ChebPow", "ChebLinear"}) {
            test::RandomAceOptions options;
            options.basis = basis;
            options.n_elements = 1 + trial % 3;
            options.n_density = 1 + static_cast<int>(rng() % 6);
            options.max_rank = 2 + static_cast<int>(rng() % 4);
            options.l_max = static_cast<int>(rng() % 6);
            options.n_max = 1 + static_cast<int>(rng() % 14);
            // ChebLinear ends with a kink at the cutoff by definition; its derivative is tested inside only.
            if (options.basis == "ChebLinear") options.n_functions = 10;
            check_model(rng, options, 1.0);
        }
        for (const char* type : {"density", "zbl"}) {
            test::RandomAceOptions options;
            options.inner_cutoff_type = type;
            options.n_elements = 1 + trial % 2;
            options.n_density = 2;
            check_model(rng, options, 0.9);
        }
        test::RandomAceOptions options;
        options.embedding = "FinnisSinclair";
        options.n_density = 2;
        options.n_elements = 2;
        check_model(rng, options, 1.3);
    }
    for (const char* type : {"distance", "density", "zbl"})
        for (const int n_density : {1, 2, 3}) {
            test::RandomAceOptions options;
            options.inner_cutoff_type = type;
            options.n_density = n_density;
            options.n_elements = 1 + n_density % 2;
            check_committee(rng, options, 0.95);
        }
    return test::finish();
}
