// SPDX-License-Identifier: BSD-3-Clause
// Models on the host executor against the engine: the same kernels as on a device, one thread after another.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "check.hpp"
#include "cuda/evaluator.hpp"
#include "models/ace/parameters.hpp"
#include "random_ace.hpp"
#include "random_system.hpp"
#include "tektite/model_file.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_close;
using tektite::test::check_throws;
using tektite::test::random_system;
using tektite::test::System;

namespace {

/// Everything that Results can hold.
struct Everything {
    explicit Everything(std::size_t n)
        : atom_energies(n), forces(3 * n), atom_virials(9 * n), halved(6 * n), uncertainties(n) {}
    double energy = 0, virial[9] = {};
    std::vector<double> atom_energies, forces, atom_virials, halved, uncertainties;

    Results results() {
        return {&energy, atom_energies, forces, virial, atom_virials, halved, uncertainties};
    }
};

void compare(const Everything& a, const Everything& b, double tolerance, const std::string& what) {
    const auto scale = [&](const std::vector<double>& v) {
        double largest = 1.0;
        for (const double x : v) largest = std::max(largest, std::abs(x));
        return largest;
    };
    const auto arrays = [&](const std::vector<double>& x, const std::vector<double>& y, const char* name) {
        for (std::size_t k = 0; k < x.size(); ++k)
            check_close(x[k], y[k], tolerance * scale(y), what + " " + name + " [" + std::to_string(k) + "]");
    };
    check_close(a.energy, b.energy,
                tolerance * std::max(1.0, std::abs(b.energy)) * static_cast<double>(b.forces.size() / 3 + 1),
                what + " energy");
    arrays(a.atom_energies, b.atom_energies, "atom_energies");
    arrays(a.forces, b.forces, "forces");
    arrays(a.atom_virials, b.atom_virials, "atom_virials");
    arrays(a.halved, b.halved, "atom_virials_halved");
    arrays(a.uncertainties, b.uncertainties, "uncertainties");
    arrays({a.virial, a.virial + 9}, {b.virial, b.virial + 9}, "virial");
}

/// A system with the edges that the CPU finds.
struct HostEdges {
    HostEdges(const System& s, std::size_t n_centers, double cutoff) {
        list.build(s.positions, s.box, cutoff);
        for (std::size_t i = 0; i < n_centers; ++i) centers.push_back(static_cast<std::int32_t>(i));
        cluster.positions = s.positions;
        cluster.species = s.species;
        cluster.centers = centers;
        list.attach(cluster);
    }
    NeighborList list;
    std::vector<std::int32_t> centers;
    Cluster cluster;
};

OpenCluster open_cluster(const System& s, std::size_t n_centers, double skin = 0, std::int64_t number = 0) {
    OpenCluster c;
    c.positions = s.positions;
    c.species = s.species;
    c.n_centers = static_cast<std::int64_t>(n_centers);
    c.box = s.box;
    c.skin = skin;
    c.list_number = number;
    return c;
}

Everything on_cpu(const Potential& potential, const System& s, std::size_t n_centers,
                  Precision precision = Precision::real64) {
    const HostEdges edges(s, n_centers, potential.info().cutoff);
    Everything out(s.species.size());
    EvaluationOptions options;
    options.precision = precision;
    potential.evaluate(edges.cluster, out.results(), *potential.make_workspace(options));
    return out;
}

struct Both {
    explicit Both(const ModelFile& file, const DeviceOptions& options = {})
        : cpu(make_potential(file)), model(std::make_shared<cuda::DeviceModel>(file, options)) {}
    std::shared_ptr<const Potential> cpu;
    std::shared_ptr<const cuda::DeviceModel> model;
};

/// What the host executor says a block of threads may have, while this lives.
struct SharedMemory {
    explicit SharedMemory(int bytes) {
        setenv("TEKTITE_HOST_SHARED_MEMORY", std::to_string(bytes).c_str(), 1);
    }
    ~SharedMemory() { unsetenv("TEKTITE_HOST_SHARED_MEMORY"); }
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
};

/// Against the CPU in double, both ways of handing over atoms; against double in mixed; twice, the same bits.
void check_model(const Both& both, const System& s, std::size_t n_centers, const std::string& what) {
    const Everything expected = on_cpu(*both.cpu, s, n_centers);
    const HostEdges edges(s, n_centers, both.cpu->info().cutoff);
    for (const Precision precision : {Precision::real64, Precision::mixed}) {
        const double tolerance = precision == Precision::real64 ? 1e-10 : 2e-4;
        const std::string name = what + (precision == Precision::real64 ? ", double" : ", mixed");
        cuda::Evaluator evaluator(both.model, precision);
        Everything open(s.species.size()), again(s.species.size()), closed(s.species.size());
        evaluator.evaluate(open_cluster(s, n_centers, 0.3), open.results());
        compare(open, expected, tolerance, name + ", open");
        evaluator.evaluate(edges.cluster, closed.results());
        compare(closed, expected, tolerance, name + ", edges");
        evaluator.evaluate(open_cluster(s, n_centers, 0.3), again.results());
        check(std::memcmp(open.forces.data(), again.forces.data(), open.forces.size() * 8) == 0 &&
                  open.energy == again.energy,
              name + ": the same input gives other bits");
    }
}

ModelFile random_ace_file(std::mt19937& rng, const test::RandomAceOptions& options, int n_members = 0) {
    ace::Parameters parameters = test::random_ace(rng, options);
    if (n_members > 0) {
        std::uniform_real_distribution<double> uniform(-1.0, 1.0);
        parameters.committee.n_members = n_members;
        const auto& mean = parameters.functions.coefficients;
        const auto stride = static_cast<std::size_t>(parameters.n_density_max);
        for (std::size_t term = 0; term < mean.size() / stride; ++term)
            for (int m = 0; m < n_members; ++m)
                for (std::size_t d = 0; d < stride; ++d)
                    parameters.committee.coefficients.push_back(mean[term * stride + d] *
                                                                (1.0 + 0.3 * uniform(rng)));
    }
    return ace::to_model_file(parameters, "random.mlip");
}

void test_ace() {
    std::mt19937 rng(1);
    int turn = 0;
    for (const char* inner : {"distance", "density", "zbl"})
        for (const int n_density : {1, 2, 3})
            for (const int n_elements : {1, 2, 3}) {
                test::RandomAceOptions o;
                o.n_elements = n_elements;
                o.n_density = n_density;
                o.inner_cutoff_type = inner;
                o.l_max = 1 + turn % 5;
                o.n_max = 1 + turn % 4;
                o.n_functions = 25;
                o.embedding = turn % 2 ? "FinnisSinclair" : "FinnisSinclairShiftedScaled";
                const ModelFile file = random_ace_file(rng, o, turn % 3 == 0 ? 4 : 0);
                DeviceOptions options;
                options.deterministic = turn % 2 == 1;
                options.scratch_bytes = turn % 4 == 0 ? 1 : 0;  // chunks of one group of rows, or one chunk
                const Both both(file, options);
                const std::string what = std::string(inner) + ", " + std::to_string(n_density) +
                                         " densities, " + std::to_string(n_elements) + " elements";
                const System s = random_system(rng, 12 + 60 * (turn % 4 == 0), n_elements,
                                               6.0 + 4.0 * (turn % 4 == 0), 0.9, turn % 4);
                check_model(both, s, s.species.size(), what);
                // Fewer centres than atoms.
                check_model(both, s, s.species.size() / 2, what + ", half of them centres");
                ++turn;
            }
}

/// As many centres a block as the memory allows, down to kernels that need none.
void test_shared_memory() {
    std::mt19937 rng(7);
    for (const int n_density : {1, 2, 3}) {
        test::RandomAceOptions o;
        o.n_elements = 1 + n_density % 2;
        o.n_density = n_density;
        o.max_rank = 5;
        const Both both(random_ace_file(rng, o, n_density == 2 ? 3 : 0));
        const System s = random_system(rng, 13, o.n_elements, 6.0, 0.9, 3);
        for (const int bytes : {163 << 10, 80 << 10, 40 << 10, 20 << 10, 10 << 10, 100}) {
            const SharedMemory limit(bytes);
            check_model(both, s, s.species.size(), std::to_string(bytes) + " bytes of shared memory");
        }
    }
}

void test_small_systems() {
    std::mt19937 rng(2);
    test::RandomAceOptions o;
    o.n_elements = 2;
    const Both both(random_ace_file(rng, o));
    // The cutoff is several times the cell.
    System s = random_system(rng, 2, 2, 2.2, 1.2, 3);
    check_model(both, s, s.species.size(), "tiny cell");
    // Outside of the cell, far away, in a skewed and left-handed one.
    for (std::size_t d = 0; d < 3; ++d) s.positions[d] += 7 * s.box.cell[0][d] - 3 * s.box.cell[2][d];
    std::swap(s.box.cell[0], s.box.cell[1]);
    for (std::size_t d = 0; d < 3; ++d) s.box.cell[2][d] += 2 * s.box.cell[0][d];
    check_model(both, s, s.species.size(), "skewed cell");
    System one;
    one.positions = {1.0, 2.0, 3.0};
    one.species = {1};
    check_model(both, one, 1, "one atom");
    check_model(both, one, 0, "no centre");
    one.species = {-1};
    check_model(both, one, 1, "an atom that the model does not see");
    check_model(both, System{}, 0, "no atom");
    // Far apart: many empty cells.
    System far;
    far.positions = {0, 0, 0, 1.5, 0, 0, 1e6, 1e6, -1e6, 1e6, 1e6 + 1.4, -1e6};
    far.species = {0, 1, 1, 0};
    check_model(both, far, 4, "far apart");
    // Unseen atoms among the others.
    System mixed = random_system(rng, 20, 2, 6.0, 0.9, 2);
    for (std::size_t i = 0; i < mixed.species.size(); i += 3) mixed.species[i] = -1;
    check_model(both, mixed, mixed.species.size(), "unseen atoms");
}

/// Ghost atoms in place of periodic images, as LAMMPS hands them over: forces on ghosts go home by hand.
void test_ghosts() {
    std::mt19937 rng(3);
    test::RandomAceOptions o;
    o.n_elements = 2;
    const Both both(random_ace_file(rng, o));
    const System s = random_system(rng, 10, 2, 5.0, 0.9, 3);
    const std::size_t n = s.species.size();
    System with_ghosts = s;
    with_ghosts.box = {};
    std::vector<std::size_t> owner;
    for (int a = -2; a <= 2; ++a)
        for (int b = -2; b <= 2; ++b)
            for (int c = -2; c <= 2; ++c)
                for (std::size_t i = 0; i < n && (a != 0 || b != 0 || c != 0); ++i) {
                    owner.push_back(i);
                    with_ghosts.species.push_back(s.species[i]);
                    for (std::size_t d = 0; d < 3; ++d)
                        with_ghosts.positions.push_back(s.positions[3 * i + d] + a * s.box.cell[0][d] +
                                                        b * s.box.cell[1][d] + c * s.box.cell[2][d]);
                }
    const Everything expected = on_cpu(*both.cpu, s, n);
    cuda::Evaluator evaluator(both.model, Precision::real64);
    Everything out(with_ghosts.species.size());
    evaluator.evaluate(open_cluster(with_ghosts, n, 0.5, 1), out.results());
    check_close(out.energy, expected.energy, 1e-9, "energy with ghosts");
    std::vector<double> forces(out.forces.begin(), out.forces.begin() + static_cast<std::ptrdiff_t>(3 * n));
    for (std::size_t g = 0; g < owner.size(); ++g)
        for (std::size_t d = 0; d < 3; ++d) forces[3 * owner[g] + d] += out.forces[3 * (n + g) + d];
    for (std::size_t k = 0; k < 3 * n; ++k)
        check_close(forces[k], expected.forces[k], 1e-9, "force with ghosts " + std::to_string(k));
    for (std::size_t c = 0; c < 9; ++c)
        check_close(out.virial[c], expected.virial[c], 1e-8, "virial with ghosts");
}

/// The list is kept while it holds, and what is computed with an old list is right.
void test_skin() {
    std::mt19937 rng(4);
    const Both both(random_ace_file(rng, {}));
    for (const int n_periodic : {0, 3}) {
        System s = random_system(rng, 20, 1, 6.0, 1.4, n_periodic);
        const std::size_t n = s.species.size();
        cuda::Evaluator evaluator(both.model, Precision::real64);
        const auto evaluate = [&](std::int64_t number, const std::string& what) {
            Everything out(n);
            evaluator.evaluate(open_cluster(s, n, 0.4, number), out.results());
            compare(out, on_cpu(*both.cpu, s, n), 1e-10, what);
        };
        const auto move = [&](double distance) {
            for (std::size_t i = 0; i < n; ++i) s.positions[3 * i + i % 3] += i % 2 ? distance : -distance;
        };
        evaluate(0, "new list");
        move(0.15);
        evaluate(0, "within half of the skin");
        check(evaluator.n_builds() == 1, "a list that held was made anew");
        move(0.15);
        evaluate(0, "beyond half of the skin");
        check(evaluator.n_builds() == 2, "a list that did not hold was kept");
        const auto strain = [&](double factor) {
            for (auto& vector : s.box.cell)
                for (double& x : vector) x *= factor;
            for (double& x : s.positions) x *= factor;
        };
        strain(1.002);
        evaluate(0, "a cell that has hardly changed");
        check(evaluator.n_builds() == 2, "the list of nearly the same box was not kept");
        strain(0.93);
        evaluate(0, "another cell");
        check(evaluator.n_builds() == 3, "the list of another box was kept");
        evaluate(5, "a number");
        check(evaluator.atom_beyond_skin() == -1, "an atom is beyond the skin of a new list");
        move(0.1);
        evaluate(5, "the same number");
        check(evaluator.n_builds() == 4, "the list of the same number was made anew");
        check(evaluator.atom_beyond_skin() == -1, "an atom is beyond the skin");
        const std::vector<double> here = s.positions;
        s.positions[3 * 7] += 0.5;
        Everything unused(n);
        evaluator.evaluate(open_cluster(s, n, 0.4, 5), unused.results());
        check(evaluator.atom_beyond_skin() == 7, "no atom is beyond the skin");
        s.positions = here;
        evaluate(6, "the next number");
        check(evaluator.n_builds() == 5, "the list of another number was kept");
    }
}

/// Energies of centres that count more or less than once.
void test_center_factors() {
    std::mt19937 rng(8);
    test::RandomAceOptions o;
    o.n_elements = 2;
    const Both both(random_ace_file(rng, o, 3));
    const System s = random_system(rng, 14, 2, 6.0, 1.0, 3);
    const std::size_t n = s.species.size();
    std::vector<double> factors(n);
    Everything expected(n);
    for (std::size_t i = 0; i < n; ++i) {
        factors[i] = i % 3 == 0 ? 0.0 : i % 3 == 1 ? 1.0 : -0.7;
        HostEdges edges(s, n, both.cpu->info().cutoff);
        edges.centers = {static_cast<std::int32_t>(i)};
        edges.cluster.centers = edges.centers;
        Everything one(n);
        both.cpu->evaluate(edges.cluster, one.results(), *both.cpu->make_workspace({}));
        const auto add = [&](std::vector<double>& sum, const std::vector<double>& part, double factor) {
            for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += factor * part[k];
        };
        expected.energy += factors[i] * one.energy;
        for (std::size_t k = 0; k < 9; ++k) expected.virial[k] += factors[i] * one.virial[k];
        add(expected.atom_energies, one.atom_energies, factors[i]);
        add(expected.forces, one.forces, factors[i]);
        add(expected.atom_virials, one.atom_virials, factors[i]);
        add(expected.halved, one.halved, factors[i]);
        add(expected.uncertainties, one.uncertainties, std::abs(factors[i]));
    }
    cuda::Evaluator evaluator(both.model, Precision::real64);
    OpenCluster cluster = open_cluster(s, n);
    cluster.center_factors = factors;
    Everything out(n);
    evaluator.evaluate(cluster, out.results());
    compare(out, expected, 1e-10, "factors of centres");
    cluster.center_factors = std::span<const double>(factors).first(n - 1);
    Everything untouched(n);
    check_throws<Error>([&] { evaluator.evaluate(cluster, untouched.results()); }, "center_factors");
    // And once again, each centre counts once.
    Everything plain(n);
    evaluator.evaluate(open_cluster(s, n), plain.results());
    compare(plain, on_cpu(*both.cpu, s, n), 1e-10, "without factors again");
}

void test_errors() {
    std::mt19937 rng(5);
    const Both both(random_ace_file(rng, {}));
    cuda::Evaluator evaluator(both.model, Precision::real64);
    const System good = random_system(rng, 8, 1, 6.0, 1.2, 0);
    const auto fails = [&](const System& s, std::int64_t n_centers, const std::string& part) {
        Everything out(s.species.size());
        OpenCluster c = open_cluster(s, 0);
        c.n_centers = n_centers;
        check_throws<Error>([&] { evaluator.evaluate(c, out.results()); }, part);
        check(out.energy == 0 &&
                  std::all_of(out.forces.begin(), out.forces.end(), [](double f) { return f == 0; }),
              "results were touched by an evaluation that failed: " + part);
    };
    System bad = good;
    bad.positions[7] = std::nan("");
    fails(bad, 8, "position of atom 2");
    bad = good;
    std::copy_n(good.positions.begin() + 9, 3, bad.positions.begin() + 15);
    fails(bad, 8, "atoms 3 and 5");
    bad = good;
    bad.species[4] = 1;
    fails(bad, 8, "atom 4");
    fails(good, 9, "n_centers");
    bad = good;
    bad.positions.pop_back();
    fails(bad, 8, "different sizes");
    // After all this it still works.
    Everything out(8);
    evaluator.evaluate(open_cluster(good, 8), out.results());
    compare(out, on_cpu(*both.cpu, good, 8), 1e-10, "after errors");
    check_throws<Error>(
        [&] {
            DeviceOptions options;
            options.device = 3;
            cuda::Evaluator none(Both(random_ace_file(rng, {}), options).model, Precision::real64);
        },
        "no device 3");
    // More than the test's device memory holds: nothing is there afterwards, and the message says what would
    // fit.
    System many;
    many.species.assign(8'000'000, 0);
    many.positions.resize(3 * many.species.size());
    Results none;
    double energy = 0;
    none.energy = &energy;
    check_throws<Error>([&] { evaluator.evaluate(open_cluster(many, 1), none); }, "would fit");
}

/// Only what is asked for, and added to what is there.
void test_results() {
    std::mt19937 rng(6);
    const Both both(random_ace_file(rng, {}, 3));
    const System s = random_system(rng, 15, 1, 6.0, 1.0, 3);
    const std::size_t n = s.species.size();
    const Everything expected = on_cpu(*both.cpu, s, n);
    cuda::Evaluator evaluator(both.model, Precision::real64);
    Everything all(n);
    all.energy = 5.0;
    std::fill(all.forces.begin(), all.forces.end(), 2.0);
    evaluator.evaluate(open_cluster(s, n), all.results());
    check_close(all.energy, 5.0 + expected.energy, 1e-9, "added energy");
    check_close(all.forces[4], 2.0 + expected.forces[4], 1e-9, "added force");
    for (int which = 0; which < 7; ++which) {
        Everything out(n), reference(n);
        Results r;
        const auto pick = [&](Everything& e) {
            const Results full = e.results();
            Results one;
            if (which == 0) one.energy = full.energy;
            if (which == 1) one.atom_energies = full.atom_energies;
            if (which == 2) one.forces = full.forces;
            if (which == 3) one.virial = full.virial;
            if (which == 4) one.atom_virials = full.atom_virials;
            if (which == 5) one.atom_virials_halved = full.atom_virials_halved;
            if (which == 6) one.atom_uncertainties = full.atom_uncertainties;
            return one;
        };
        evaluator.evaluate(open_cluster(s, n), pick(out));
        const HostEdges edges(s, n, both.cpu->info().cutoff);
        both.cpu->evaluate(edges.cluster, pick(reference), *both.cpu->make_workspace({}));
        compare(out, reference, 1e-10, "only result " + std::to_string(which));
    }
}

}  // namespace

int main() {
    test_ace();
    test_shared_memory();
    test_small_systems();
    test_ghosts();
    test_skin();
    test_center_factors();
    test_errors();
    test_results();
    return tektite::test::finish();
}
