// SPDX-License-Identifier: BSD-3-Clause
// Pair potentials and sums: formulas, exact gradients, and which atoms exist for which child.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "check.hpp"
#include "model_bytes.hpp"
#include "models/pair/pair_function.hpp"
#include "models/sum/sum_potential.hpp"
#include "tektite/neighbor_list.hpp"

using namespace tektite;
using namespace tektite::test;
using nlohmann::json;

namespace {

// ---- the functions of r ----

template <typename Function>
void check_derivative(const Function& f, double from, double to, const std::string& name) {
    const double h = 1e-4;
    for (double r = from; r < to; r += 0.0137) {
        double slope = 0, unused = 0;
        static_cast<void>(f(r, slope));
        const auto v = [&](double x) { return f(x, unused); };
        // Fourth order.
        const double numeric = (8 * (v(r + h) - v(r - h)) - (v(r + 2 * h) - v(r - 2 * h))) / (12 * h);
        check_close(slope, numeric, 1e-7 * std::max(1.0, std::abs(slope)),
                    name + ": derivative at " + std::to_string(r));
    }
}

/// V, V' and V'' (from V') on both sides of r.
template <typename Function>
void check_smooth(const Function& f, double r, double tolerance, const std::string& name) {
    const double h = 1e-5;
    double below = 0, above = 0, below_2 = 0, above_2 = 0;
    const double v_below = f(r - h, below), v_above = f(r + h, above);
    static_cast<void>(f(r - 2 * h, below_2));
    static_cast<void>(f(r + 2 * h, above_2));
    const double slope = 0.5 * (below + above);
    check_close(v_above - v_below, 2 * h * slope, tolerance * h, name + ": V is continuous");
    const double curvature_below = (below - below_2) / h, curvature_above = (above_2 - above) / h;
    check_close(curvature_above, curvature_below, tolerance, name + ": V'' is continuous");
    check_close(above - below, h * (curvature_below + curvature_above), tolerance * h,
                name + ": V' is continuous");
}

void zbl_function() {
    double slope = 0;
    // From the formula, computed apart (double precision).
    check_close(ZblFunction(14, 14, 2.0, 2.5)(1.0, slope), 50.98429124290963, 1e-9, "Si-Si at 1 A");
    check_close(ZblFunction(14, 8, 2.0, 2.5)(0.5, slope), 299.8046744510977, 1e-9, "Si-O at 0.5 A");
    const ZblFunction f(14, 8, 1.1, 2.3);
    check_derivative(f, 0.1, 2.4, "zbl");
    check_smooth(f, 1.1, 0.1, "zbl, inner cutoff");
    check_smooth(f, 2.3, 0.01, "zbl, outer cutoff");
    check(f(2.3, slope) == 0 && slope == 0 && f(9.0, slope) == 0, "zero beyond the outer cutoff");
    check_derivative(ZblFunction(1, 1, 0.0, 1.0), 0.1, 1.1, "zbl switched from r = 0");
}

/// exp(-a (r - r0)) - 2 exp(-a (r - r0)/2), times (1 - r/c)^4, and two derivatives.
std::array<double, 3> morse(double r, double c) {
    const double a = 1.7, e = std::exp(-a * (r - 1.9)), s = std::sqrt(e), u = 1 - r / c;
    const double v = e - 2 * s, dv = -a * (e - s), ddv = a * a * (e - 0.5 * s);
    const double w = u * u * u * u, dw = -4 * u * u * u / c, ddw = 12 * u * u / (c * c);
    return {v * w, dv * w + v * dw, ddv * w + 2 * dv * dw + v * ddw};
}

std::vector<double> morse_table(double first, double cutoff, std::size_t n_points) {
    std::vector<double> values;
    for (std::size_t k = 0; k < n_points; ++k) {
        const double t = static_cast<double>(k) / static_cast<double>(n_points - 1);
        const auto point =
            k + 1 == n_points ? std::array<double, 3>{} : morse(first + t * (cutoff - first), cutoff);
        values.insert(values.end(), point.begin(), point.end());
    }
    return values;
}

void table_function() {
    const double first = 1.2, cutoff = 4.5;
    double errors[2], slope = 0;
    for (int refined = 0; refined < 2; ++refined) {
        const std::size_t n = refined ? 41 : 21;
        const TableFunction f(first, cutoff, morse_table(first, cutoff, n));
        errors[refined] = 0;
        for (double r = first; r < cutoff; r += 0.0103) {
            errors[refined] = std::max(errors[refined], std::abs(f(r, slope) - morse(r, cutoff)[0]));
        }
    }
    check(errors[1] < 1e-8 && errors[0] / errors[1] > 40,
          "quintic interpolation converges as the sixth power of the step");
    const TableFunction f(first, cutoff, morse_table(first, cutoff, 21));
    check_derivative(f, 0.3, 4.6, "table");
    for (std::size_t k = 0; k < 20; ++k) {
        const double r = first + (cutoff - first) * static_cast<double>(k) / 20;
        check_smooth(f, r, 0.02, "table, point " + std::to_string(k));
    }
    check_smooth(f, cutoff, 0.02, "table, cutoff");
    const auto taylor = morse(first, cutoff);
    check_close(f(0.2, slope), taylor[0] - taylor[1] + 0.5 * taylor[2], 1e-12,
                "below the first point: Taylor");
    check(f(cutoff, slope) == 0 && slope == 0 && f(50.0, slope) == 0, "zero beyond the cutoff");
    // A polynomial of degree five is reproduced exactly, whatever the grid.
    const auto quintic = [](double r, double* out) {
        const double u = 3 - r;
        out[0] = u * u * u * (1 - u + 0.3 * u * u);
        out[1] = -(3 * u * u - 4 * u * u * u + 1.5 * u * u * u * u);
        out[2] = 6 * u - 12 * u * u + 6 * u * u * u;
    };
    std::vector<double> values(9);
    for (std::size_t k = 0; k < 3; ++k) quintic(1.0 + static_cast<double>(k), &values[3 * k]);
    const TableFunction exact(1.0, 3.0, values);
    for (double r = 1.0; r < 3.0; r += 0.1) {
        double expected[3];
        quintic(r, expected);
        check_close(exact(r, slope), expected[0], 1e-13, "quintic");
        check_close(slope, expected[1], 1e-12, "quintic, derivative");
    }
}

// ---- systems ----

struct System {
    Box box;
    std::vector<double> positions;
    std::vector<std::int32_t> species, centers;
};

struct Computed {
    double energy = 0;
    std::vector<double> energies, forces, uncertainties;
    std::array<double, 9> virial{};
};

Computed compute(const Potential& potential, const System& system, int n_threads = 1) {
    NeighborList list;
    list.build(system.positions, system.box, potential.info().cutoff);
    Cluster cluster;
    cluster.positions = system.positions;
    cluster.species = system.species;
    cluster.centers = system.centers;
    list.attach(cluster);
    const std::size_t n = system.species.size();
    Computed computed;
    computed.energies.assign(n, 0.0);
    computed.forces.assign(3 * n, 0.0);
    computed.uncertainties.assign(n, 0.0);
    Results results;
    results.energy = &computed.energy;
    results.atom_energies = computed.energies;
    results.forces = computed.forces;
    results.virial = computed.virial.data();
    results.atom_uncertainties = computed.uncertainties;
    EvaluationOptions options;
    options.n_threads = n_threads;
    const auto workspace = potential.make_workspace(options);
    check(!workspace->description().empty() && workspace->memory() > 0, "the workspace tells about itself");
    potential.evaluate(cluster, results, *workspace);
    return computed;
}

/// A triclinic cell, smaller than the cutoff in one direction, with random atoms not too close.
System random_system(int n_species, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    System system;
    system.box.cell = {{{2.3, 0.2, 0.1}, {-0.4, 5.1, 0.3}, {0.5, 0.7, 4.8}}};
    system.box.periodic = {true, true, true};
    for (int i = 0; i < 7; ++i) {
        const double s[3] = {uniform(random), uniform(random), uniform(random)};
        for (std::size_t d = 0; d < 3; ++d) {
            double x = 0;
            for (std::size_t k = 0; k < 3; ++k) x += s[k] * system.box.cell[k][d];
            system.positions.push_back(x);
        }
        system.species.push_back(i % n_species);
        system.centers.push_back(i);
    }
    return system;
}

void check_gradients(const Potential& potential, const System& system, const std::string& name) {
    const Computed at = compute(potential, system);
    const double h = 1e-5;
    double scale = 1;
    for (const double f : at.forces) scale = std::max(scale, std::abs(f));
    for (std::size_t k = 0; k < system.positions.size(); ++k) {
        System moved = system;
        moved.positions[k] += h;
        const double up = compute(potential, moved).energy;
        moved.positions[k] -= 2 * h;
        const double down = compute(potential, moved).energy;
        check_close(at.forces[k], -(up - down) / (2 * h), 3e-7 * scale,
                    name + ": force " + std::to_string(k));
    }
    for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = 0; b < 3; ++b) {
            // r_b += h r_a: the virial is -dE/dh.
            const auto strained = [&](double strain) {
                System moved = system;
                for (auto& row : moved.box.cell) row[b] += strain * row[a];
                for (std::size_t i = 0; i < system.species.size(); ++i) {
                    moved.positions[3 * i + b] += strain * moved.positions[3 * i + a];
                }
                if (a == b) {
                    moved = system;
                    for (auto& row : moved.box.cell) row[b] *= 1 + strain;
                    for (std::size_t i = 0; i < system.species.size(); ++i)
                        moved.positions[3 * i + b] *= 1 + strain;
                }
                return compute(potential, moved).energy;
            };
            const double numeric = -(strained(h) - strained(-h)) / (2 * h);
            check_close(at.virial[3 * a + b], numeric, 1e-6 * scale,
                        name + ": virial " + std::to_string(3 * a + b));
        }
    }
    const double total = std::accumulate(at.energies.begin(), at.energies.end(), 0.0);
    check_close(total, at.energy, 1e-12 * std::max(1.0, std::abs(total)), name + ": energies add up");
    const Computed threads = compute(potential, system, 2);
    check_close(threads.energy, at.energy, 1e-12 * std::max(1.0, std::abs(total)), name + ": two threads");
}

/// 1/2 sum over all images, one by one.
template <typename Function>
double brute_force(const System& system, const Function& v) {
    double energy = 0;
    const std::size_t n = system.species.size();
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            for (int p = -5; p <= 5; ++p) {
                for (int q = -3; q <= 3; ++q) {
                    for (int s = -3; s <= 3; ++s) {
                        if (i == j && p == 0 && q == 0 && s == 0) continue;
                        double r2 = 0;
                        for (std::size_t d = 0; d < 3; ++d) {
                            const auto& cell = system.box.cell;
                            const double x = system.positions[3 * j + d] - system.positions[3 * i + d] +
                                             p * cell[0][d] + q * cell[1][d] + s * cell[2][d];
                            r2 += x * x;
                        }
                        energy += 0.5 * v(system.species[i], system.species[j], std::sqrt(r2));
                    }
                }
            }
        }
    }
    return energy;
}

// ---- models ----

ModelFile table_file() {
    ModelFile file;
    file.path = "test.mlip";
    json metadata = base_metadata("pair", {"O", "Si"}, 4.5);
    metadata["kind"] = "table";
    metadata["isolated_energies"] = {-2.0, -1.0};
    metadata["minimum_distances"] = {{1.1, 1.4}, {1.4, 0.0}};
    file.metadata = metadata.dump();
    std::vector<double> values;
    for (const double cutoff : {4.5, 4.0, 3.0}) {
        const std::vector<double> part = morse_table(1.0, cutoff, 31);
        values.insert(values.end(), part.begin(), part.end());
    }
    file.arrays["table.first"] = real_array({3}, {1.0, 1.0, 1.0});
    file.arrays["table.last"] = real_array({3}, {4.5, 4.0, 0.0});  // Si-Si does not interact
    file.arrays["table.values"] = real_array({3, 31, 3}, values);
    return file;
}

std::shared_ptr<const Potential> load(const ModelFile& file) {
    return make_potential(parse(model_bytes(file)));
}

/// ZBL of Si and O (in this order), table of O and Si (in that order), and a ZBL of hydrogen alone.
ModelFile sum_file() {
    ModelFile file;
    file.path = "test.mlip";
    const ModelFile zbl = zbl_file(), table = table_file();
    json metadata = base_metadata("sum", {"H", "O", "Si"}, 4.5);
    json hydrogen = base_metadata("pair", {"H"}, 1.9);
    hydrogen["kind"] = "zbl";
    metadata["children"] = {json::parse(zbl.metadata), json::parse(table.metadata), hydrogen};
    file.metadata = metadata.dump();
    for (const auto& [name, array] : zbl.arrays) {
        if (name.rfind("zbl.", 0) == 0) file.arrays["0." + name] = array;
    }
    for (const auto& [name, array] : table.arrays) file.arrays["1." + name] = array;
    file.arrays["2.zbl.inner"] = real_array({1, 1}, {0.5});
    file.arrays["2.zbl.outer"] = real_array({1, 1}, {1.9});
    return file;
}

void pair_potentials() {
    const System system = random_system(2, 1);
    double slope = 0;
    const auto zbl = load(zbl_file());
    check(zbl->info().elements == std::vector<std::string>({"Si", "O"}) && zbl->info().cutoff == 2.5,
          "zbl info");
    const ZblFunction functions[2][2] = {{{14, 14, 1.0, 2.5}, {14, 8, 0.8, 2.0}},
                                         {{8, 14, 0.8, 2.0}, {8, 8, 0.5, 1.5}}};
    const double expected =
        brute_force(system, [&](int i, int j, double r) { return functions[i][j](r, slope); });
    check_close(compute(*zbl, system).energy, expected, 1e-11 * expected, "zbl energy");
    check_gradients(*zbl, system, "zbl");

    const auto table = load(table_file());
    check(table->info().isolated_energies[0] == -2.0,
          "isolated energies are for information: a pair potential has none");
    const TableFunction oo(1.0, 4.5, morse_table(1.0, 4.5, 31)), osi(1.0, 4.0, morse_table(1.0, 4.0, 31));
    const double expected_table = brute_force(system, [&](int i, int j, double r) {
        return i + j == 0 ? oo(r, slope) : i + j == 1 ? osi(r, slope) : 0.0;
    });
    check_close(compute(*table, system).energy, expected_table,
                1e-11 * std::max(1.0, std::abs(expected_table)), "table");
    check_gradients(*table, system, "table");
}

void sums() {
    const auto sum = load(sum_file());
    check(sum->info().cutoff == 4.5 && !sum->info().has_uncertainty, "sum info");
    check(sum->info().isolated_energies == std::vector<double>({0, -2, -1}), "isolated energies add up");
    check(sum->info().minimum_distances == std::vector<double>({0, 0, 0, 0, 1.1, 1.4, 0, 1.4, 0}),
          "distances");
    const System system = random_system(3, 2);
    check_gradients(*sum, system, "sum");

    // Each child alone, on the atoms that it knows.
    const auto part = [&](const ModelFile& file, const std::vector<std::int32_t>& species_of) {
        System seen = system;
        for (std::int32_t& s : seen.species) s = species_of[static_cast<std::size_t>(s)];
        return compute(*load(file), seen);
    };
    ModelFile hydrogen;
    hydrogen.path = "test.mlip";
    json metadata = base_metadata("pair", {"H"}, 1.9);
    metadata["kind"] = "zbl";
    hydrogen.metadata = metadata.dump();
    hydrogen.arrays["zbl.inner"] = real_array({1, 1}, {0.5});
    hydrogen.arrays["zbl.outer"] = real_array({1, 1}, {1.9});
    const Computed all = compute(*sum, system);
    const Computed parts[3] = {part(zbl_file(), {-1, 1, 0}), part(table_file(), {-1, 0, 1}),
                               part(hydrogen, {0, -1, -1})};
    for (std::size_t k = 0; k < all.forces.size(); ++k) {
        const double expected = parts[0].forces[k] + parts[1].forces[k] + parts[2].forces[k];
        check_close(all.forces[k], expected, 1e-11 * std::max(1.0, std::abs(expected)), "forces of a sum");
    }
    for (std::size_t i = 0; i < all.energies.size(); ++i) {
        const double expected = parts[0].energies[i] + parts[1].energies[i] + parts[2].energies[i];
        check_close(all.energies[i], expected, 1e-11 * std::max(1.0, std::abs(expected)),
                    "energies of a sum");
    }
    check(parts[2].energy > 0 && parts[2].energies[1] == 0, "the hydrogen child sees hydrogen only");

    const auto refuse = [](auto&& change, const std::string& part_of_message) {
        ModelFile file = sum_file();
        json m = json::parse(file.metadata);
        change(file, m);
        file.metadata = m.dump();
        check_throws<Error>([&] { load(file); }, part_of_message);
    };
    refuse([](ModelFile&, json& m) { m["children"] = json::array(); }, "a sum without children");
    refuse([](ModelFile&, json& m) { m["cutoff"] = 5.0; }, "not the largest cutoff of the children");
    refuse([](ModelFile&, json& m) { m["elements"] = {"H", "O", "Si", "Ge"}; },
           "no child of the sum knows Ge");
    refuse([](ModelFile&, json& m) { m["elements"] = {"O", "Si"}; }, "a child of the sum knows H");
    refuse([](ModelFile&, json& m) { m["isolated_energies"] = {0, 0, 0}; }, "are not the sums");
    refuse([](ModelFile&, json& m) { m["children"][1]["family"] = 3; },
           "'children[1].family' must be a string");
    refuse([](ModelFile&, json& m) { m["children"][1] = 3; }, "'children[1].' must be a JSON object");
    refuse([](ModelFile& f, json&) { f.arrays.erase("1.table.last"); }, "array '1.table.last' is missing");
    refuse([](ModelFile& f, json&) { f.arrays["1.table.values"].reals[92] = 1; },
           "must be zero at the last point");
    refuse([](ModelFile& f, json&) { f.arrays["1.table.first"].reals[0] = 0; },
           "'1.table.first' must lie between");
    refuse([](ModelFile& f, json&) { f.arrays["0.zbl.inner"].reals[1] = 0.7; },
           "'0.zbl.inner' is not symmetric");
    refuse([](ModelFile& f, json&) { f.arrays["0.zbl.outer"].reals[0] = 0.7; },
           "'0.zbl.inner' must lie between");
    refuse([](ModelFile& f, json&) { f.arrays["0.zbl.outer"].shape = {4, 1}; },
           "has extent 4 in dimension 0, expected 2");
    json deep = base_metadata("sum", {"H"}, 1.9);
    for (int k = 0; k < 20; ++k) {
        json outer = base_metadata("sum", {"H"}, 1.9);
        outer["children"] = json::array({std::move(deep)});
        deep = std::move(outer);
    }
    ModelFile nested;
    nested.metadata = deep.dump();
    check_throws<Error>([&] { load(nested); }, "nested too deeply");

    System wrong = system;
    wrong.species[2] = 3;
    check_throws<Error>([&] { compute(*sum, wrong); }, "species index 3");
}

/// Constant energy and uncertainty of each centre.
class Constant final : public Potential {
public:
    Constant(double energy, double uncertainty, bool has) : energy_(energy), uncertainty_(uncertainty) {
        info_.elements = {"Si"};
        info_.cutoff = 1;
        info_.isolated_energies = {energy};
        info_.minimum_distances = {0};
        info_.has_uncertainty = has;
    }
    class Nothing final : public Workspace {
    public:
        [[nodiscard]] std::string description() const override { return "constant"; }
        [[nodiscard]] std::size_t memory() const override { return 1; }
    };
    [[nodiscard]] const ModelInfo& info() const override { return info_; }
    [[nodiscard]] std::unique_ptr<Workspace> make_workspace(const EvaluationOptions&) const override {
        return std::make_unique<Nothing>();
    }
    void evaluate(const Cluster& cluster, const Results& results, Workspace&, Exchange*) const override {
        for (const std::int32_t i : cluster.centers) {
            *results.energy += energy_;
            if (!results.atom_uncertainties.empty()) {
                results.atom_uncertainties[static_cast<std::size_t>(i)] += uncertainty_;
            }
        }
    }

private:
    double energy_, uncertainty_;
    ModelInfo info_;
};

void uncertainties() {
    System system;
    system.positions = {0, 0, 0, 5, 0, 0};
    system.species = {0, 0};
    system.centers = {1};
    ModelInfo info;
    info.elements = {"Si"};
    const auto make = [](double energy, double uncertainty, bool has) {
        return std::make_shared<Constant>(energy, uncertainty, has);
    };
    const SumPotential sum(info, {make(1, 3, true), make(10, 100, false), make(100, 4, true)}, "test.mlip");
    check(sum.info().has_uncertainty && sum.info().isolated_energies[0] == 111, "info of a sum");
    const Computed computed = compute(sum, system);
    check(computed.energy == 111, "energy of the one centre");
    check(computed.uncertainties == std::vector<double>({0, 5}),
          "in quadrature, over the children that have one");
    const SumPotential none(info, {make(1, 3, false)}, "test.mlip");
    check(!none.info().has_uncertainty && compute(none, system).uncertainties[1] == 0, "no uncertainty");
}

}  // namespace

int main() {
    zbl_function();
    table_function();
    pair_potentials();
    sums();
    uncertainties();
    return finish();
}
