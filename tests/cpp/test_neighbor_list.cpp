// SPDX-License-Identifier: BSD-3-Clause
// Neighbour lists against brute force, for all kinds of cells, processors and thread counts.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "instruction_sets.hpp"
#include "neighbors/edge_arrays.hpp"
#include "tektite/neighbor_list.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_throws;

namespace {

using Vector3 = std::array<double, 3>;
/// i, j, S.
using Edge = std::tuple<int, int, std::array<std::int32_t, 3>>;

std::mt19937_64 generator(20240607);

double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(generator);
}
int integer(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(generator);
}
double normal() {
    return std::normal_distribution<double>()(generator);
}

struct System {
    Box box;
    std::vector<double> positions;
    double cutoff = 1;
};

/// For each periodic direction the vector normal to the other ones with unit projection on its own.
std::array<Vector3, 3> dual_of(const Box& box) {
    std::array<Vector3, 3> periodic{};
    std::size_t n = 0;
    std::array<std::size_t, 3> which{};
    for (std::size_t a = 0; a < 3; ++a)
        if (box.periodic[a]) {
            which[n] = a;
            periodic[n++] = box.cell[a];
        }
    std::array<Vector3, 3> result{};
    // The component of a vector normal to the others, by Gram-Schmidt in two passes.
    for (std::size_t k = 0; k < n; ++k) {
        std::vector<Vector3> others;
        for (std::size_t m = 0; m < n; ++m)
            if (m != k) others.push_back(periodic[m]);
        for (int pass = 0; pass < 2; ++pass)
            for (std::size_t m = 0; m < others.size(); ++m)
                for (std::size_t l = 0; l < m; ++l) {
                    double product = 0, square = 0;
                    for (std::size_t d = 0; d < 3; ++d) {
                        product += others[m][d] * others[l][d];
                        square += others[l][d] * others[l][d];
                    }
                    for (std::size_t d = 0; d < 3; ++d) others[m][d] -= product / square * others[l][d];
                }
        Vector3 rest = periodic[k];
        for (int pass = 0; pass < 3; ++pass)
            for (const Vector3& other : others) {
                double product = 0, square = 0;
                for (std::size_t d = 0; d < 3; ++d) {
                    product += rest[d] * other[d];
                    square += other[d] * other[d];
                }
                for (std::size_t d = 0; d < 3; ++d) rest[d] -= product / square * other[d];
            }
        const double square = rest[0] * rest[0] + rest[1] * rest[1] + rest[2] * rest[2];
        for (std::size_t d = 0; d < 3; ++d) result[which[k]][d] = rest[d] / square;
    }
    return result;
}

Vector3 shift_of(const Box& box, const std::array<std::int32_t, 3>& s) {
    Vector3 v;
    for (std::size_t d = 0; d < 3; ++d)
        v[d] = s[0] * box.cell[0][d] + s[1] * box.cell[1][d] + s[2] * box.cell[2][d];
    return v;
}

double distance(const System& system, const Edge& edge) {
    const auto& [i, j, s] = edge;
    const Vector3 shift = shift_of(system.box, s);
    double squared = 0;
    for (std::size_t d = 0; d < 3; ++d) {
        const double x = (system.positions[3 * static_cast<std::size_t>(j) + d] -
                          system.positions[3 * static_cast<std::size_t>(i) + d]) +
                         shift[d];
        squared += x * x;
    }
    return std::sqrt(squared);
}

/// All edges of atoms [0, n_rows) by trying every image that can be near.
std::vector<Edge> brute_force(const System& system, std::size_t n_rows) {
    const std::size_t n = system.positions.size() / 3;
    const std::array<Vector3, 3> dual = dual_of(system.box);
    std::vector<Edge> edges;
    for (std::size_t i = 0; i < n_rows; ++i)
        for (std::size_t j = 0; j < n; ++j) {
            // Along each periodic direction, the images within the cutoff and one more on either side.
            std::array<std::int32_t, 3> first{}, last{};
            for (std::size_t k = 0; k < 3; ++k) {
                if (!system.box.periodic[k]) continue;
                double apart = 0;
                for (std::size_t d = 0; d < 3; ++d)
                    apart += dual[k][d] * (system.positions[3 * j + d] - system.positions[3 * i + d]);
                const double reach = system.cutoff * std::hypot(dual[k][0], dual[k][1], dual[k][2]);
                first[k] = static_cast<std::int32_t>(std::ceil(-apart - reach)) - 1;
                last[k] = static_cast<std::int32_t>(std::floor(-apart + reach)) + 1;
            }
            for (std::int32_t a = first[0]; a <= last[0]; ++a)
                for (std::int32_t b = first[1]; b <= last[1]; ++b)
                    for (std::int32_t c = first[2]; c <= last[2]; ++c) {
                        const Edge edge{static_cast<int>(i), static_cast<int>(j), {a, b, c}};
                        if (i == j && a == 0 && b == 0 && c == 0) continue;
                        if (distance(system, edge) < system.cutoff) edges.push_back(edge);
                    }
        }
    std::sort(edges.begin(), edges.end());
    return edges;
}

/// The edges of a list, as they lie in its rows.
std::vector<Edge> edges_of(const NeighborList& list) {
    std::vector<Edge> edges;
    for (std::size_t i = 0; i < list.n_atoms(); ++i)
        for (std::size_t k = 0; k < list.neighbors(i).size(); ++k)
            edges.emplace_back(static_cast<int>(i), list.neighbors(i)[k],
                               list.shift_table()[static_cast<std::size_t>(list.shifts(i)[k])]);
    return edges;
}

bool shift_vectors_fit(const NeighborList& list, const System& system) {
    bool fit = list.shift_vectors().size() == 3 * list.shift_table().size();
    for (std::size_t s = 0; s < list.shift_table().size() && fit; ++s) {
        const Vector3 shift = shift_of(system.box, list.shift_table()[s]);
        for (std::size_t d = 0; d < 3; ++d) fit = fit && shift[d] == list.shift_vectors()[3 * s + d];
    }
    return fit;
}

std::vector<Edge> sorted(std::vector<Edge> edges) {
    std::sort(edges.begin(), edges.end());
    return edges;
}

std::string describe(const System& system) {
    std::string text =
        std::to_string(system.positions.size() / 3) + " atoms, cutoff " + std::to_string(system.cutoff);
    for (std::size_t a = 0; a < 3; ++a) {
        text += system.box.periodic[a] ? ", periodic (" : ", free (";
        for (double value : system.box.cell[a]) text += std::to_string(value) + " ";
        text += ")";
    }
    return text;
}

/// A random system whose brute force is affordable.
System random_system() {
    while (true) {
        System system;
        const int kind = integer(0, 5);
        const double length = std::pow(10.0, uniform(-0.3, 1.3));
        for (std::size_t a = 0; a < 3; ++a) {
            for (double& value : system.box.cell[a]) value = length * normal();
            system.box.periodic[a] = integer(0, 2) > 0;
        }
        if (kind == 1)  // orthorhombic
            for (std::size_t a = 0; a < 3; ++a)
                for (std::size_t d = 0; d < 3; ++d)
                    system.box.cell[a][d] = a == d ? length * uniform(0.3, 2) : 0;
        if (kind == 2)  // very skewed
            for (std::size_t d = 0; d < 3; ++d) {
                system.box.cell[1][d] += integer(-20, 20) * system.box.cell[0][d];
                system.box.cell[2][d] +=
                    integer(-5, 5) * system.box.cell[0][d] + integer(-5, 5) * system.box.cell[1][d];
            }
        if (kind == 3)  // left-handed
            std::swap(system.box.cell[0], system.box.cell[1]);
        for (std::size_t a = 0; a < 3; ++a)
            if (!system.box.periodic[a] && integer(0, 1) == 0) system.box.cell[a] = {};
        const int n = integer(0, 12);
        const double spread =
            std::array<double, 3>{0.5, 1, 3}[static_cast<std::size_t>(integer(0, 2))] * length;
        for (int k = 0; k < 3 * n; ++k) system.positions.push_back(uniform(-1, 1) * spread);
        system.cutoff = length * uniform(0.05, 1.5);
        double trials = n * n;
        for (const Vector3& dual : dual_of(system.box))
            trials *= 2 * system.cutoff * std::hypot(dual[0], dual[1], dual[2]) + 3;
        if (trials < 2e5) return system;
    }
}

/// Their values of TEKTITE_ISA.
std::vector<std::string> names_of_instruction_sets() {
    std::vector<std::string> names;
    for (const InstructionSet isa : test::instruction_sets())
        names.emplace_back(isa == InstructionSet::avx512 ? "avx512"
                           : isa == InstructionSet::avx2 ? "avx2"
                                                         : "baseline");
    return names;
}

void test_random_systems() {
    NeighborList list;  // memory of the last system is used again
    const std::vector<std::string> names = names_of_instruction_sets();
    std::size_t n_edges = 0;
    for (int k = 0; k < 4000; ++k) {
        const System system = random_system();
        const std::vector<Edge> expected = brute_force(system, system.positions.size() / 3);
        n_edges += expected.size();
        setenv("TEKTITE_ISA", names[static_cast<std::size_t>(k) % names.size()].c_str(), 1);
        list.build(system.positions, system.box, system.cutoff);
        check(sorted(edges_of(list)) == expected, "brute force differs: " + describe(system));
        check(list.n_edges() == expected.size(), "n_edges: " + describe(system));
        check(shift_vectors_fit(list, system), "shift vectors: " + describe(system));
    }
    unsetenv("TEKTITE_ISA");
    check(n_edges > 50000, "the random systems have too few pairs to show anything");
}

/// n^3 cells of diamond silicon, atoms displaced at random and moved by whole cells if `scattered`.
System silicon(int n, double displacement, bool scattered = false) {
    constexpr double a = 5.431;
    constexpr double basis[8][3] = {{0, 0, 0},       {0, .5, .5},     {.5, 0, .5},     {.5, .5, 0},
                                    {.25, .25, .25}, {.25, .75, .75}, {.75, .25, .75}, {.75, .75, .25}};
    System system;
    system.cutoff = 6;
    system.box.periodic = {true, true, true};
    for (std::size_t d = 0; d < 3; ++d) system.box.cell[d][d] = a * n;
    for (int x = 0; x < n; ++x)
        for (int y = 0; y < n; ++y)
            for (int z = 0; z < n; ++z)
                for (const auto& b : basis) {
                    const double cell[3] = {static_cast<double>(x), static_cast<double>(y),
                                            static_cast<double>(z)};
                    for (std::size_t d = 0; d < 3; ++d)
                        system.positions.push_back((cell[d] + b[d]) * a + displacement * normal() +
                                                   (scattered ? integer(-3, 3) * a * n : 0));
                }
    return system;
}

void test_large_system() {
    for (const bool scattered : {false, true}) {
        const System system = silicon(16, 0.05, scattered);
        NeighborList list;
        list.build(system.positions, system.box, system.cutoff);
        const std::vector<Edge> edges = edges_of(list);
        const std::size_t rows = 20;
        std::vector<Edge> first = edges;
        first.resize(static_cast<std::size_t>(
            std::find_if(edges.begin(), edges.end(),
                         [&](const Edge& e) { return std::get<0>(e) >= static_cast<int>(rows); }) -
            edges.begin()));
        check(sorted(first) == brute_force(system, rows), "brute force differs in a large system");

        // The list is the same, in the same order, whatever computes it.
        for (const std::string& name : names_of_instruction_sets())
            for (const int n_threads : {1, 2, 5}) {
                setenv("TEKTITE_ISA", name.c_str(), 1);
                list.build(system.positions, system.box, system.cutoff, n_threads);
                check(edges_of(list) == edges,
                      name + ", " + std::to_string(n_threads) + " threads: another list");
            }
        unsetenv("TEKTITE_ISA");
    }
}

void test_at_the_cutoff() {
    // Exact in binary: pairs at the cutoff are none, those a rounding error closer are.
    for (int n = 1; n < 5; ++n) {
        System system;
        for (std::size_t d = 0; d < 3; ++d) system.box.cell[d][d] = n;
        system.box.periodic = {true, true, true};
        for (int x = 0; x < n; ++x)
            for (int y = 0; y < n; ++y)
                for (int z = 0; z < n; ++z)
                    for (const int c : {x, y, z}) system.positions.push_back(c);
        const auto atoms = static_cast<std::size_t>(n * n * n);
        NeighborList list;
        list.build(system.positions, system.box, 2);
        check(list.n_edges() == 26 * atoms, "simple cubic, distances below 2");
        list.build(system.positions, system.box, std::nextafter(2.0, 3.0));
        check(list.n_edges() == 32 * atoms, "simple cubic, distances of 2 included");
    }
    // Not exact: rounding decides, but as in double precision and alike from both ends.
    for (int k = 0; k < 20; ++k) {
        System system = silicon(2, 0);
        for (double& x : system.positions) x += uniform(0, 1e-15);
        const double shell = 5.431 * std::sqrt(0.5);  // twelve second neighbours at this distance
        system.cutoff = k == 0 ? shell : std::nextafter(shell, k % 2 == 0 ? 0 : 10);
        NeighborList list;
        list.build(system.positions, system.box, system.cutoff);
        const std::vector<Edge> edges = sorted(edges_of(list));
        check(edges == brute_force(system, 64), "rounding at the cutoff");
        std::vector<Edge> reversed;
        for (const auto& [i, j, s] : edges) reversed.emplace_back(j, i, std::array{-s[0], -s[1], -s[2]});
        check(sorted(reversed) == edges, "a pair without its reverse");
    }
}

void test_close_to_the_cutoff() {
    // Atoms on a sphere around others whose distance differs from the cutoff by less than single precision
    // resolves.
    for (const double offset : {0.0, 100.0, 1e6}) {
        System system;
        system.cutoff = 6;
        for (int k = 0; k < 20; ++k)
            for (int d = 0; d < 3; ++d) system.positions.push_back(offset + uniform(-1e-6, 1e-6));
        for (int k = 0; k < 500; ++k) {
            const Vector3 direction = {normal(), normal(), normal()};
            const double length = std::hypot(direction[0], direction[1], direction[2]);
            for (double x : direction)
                system.positions.push_back(offset + 6 * x / length * (1 + uniform(-1e-7, 1e-7)));
        }
        for (const std::string& name : names_of_instruction_sets()) {
            setenv("TEKTITE_ISA", name.c_str(), 1);
            NeighborList list;
            list.build(system.positions, system.box, system.cutoff);
            check(sorted(edges_of(list)) == brute_force(system, 520),
                  name + ": distances close to the cutoff");
        }
        unsetenv("TEKTITE_ISA");
    }
}

void test_special_systems() {
    NeighborList list;
    System empty;
    list.build(empty.positions, empty.box, 3);
    check(list.n_atoms() == 0 && list.n_edges() == 0, "empty system");
    empty.box.cell[2] = {0, 0, 4};
    empty.box.periodic[2] = true;
    list.build(empty.positions, empty.box, 3);
    check(list.n_atoms() == 0 && list.n_edges() == 0, "empty periodic system");

    System one;
    one.positions = {1, 2, 3};
    list.build(one.positions, one.box, 1e6);
    check(list.n_atoms() == 1 && list.n_edges() == 0, "one free atom");
    check(list.counts().size() == 1 && list.counts()[0] == 0, "one free atom has no neighbours");
    one.box.cell[1] = {0.1, 0.2, -0.5};
    one.box.periodic[1] = true;
    one.cutoff = 3;
    list.build(one.positions, one.box, one.cutoff);
    check(edges_of(list).size() == 10 && sorted(edges_of(list)) == brute_force(one, 1), "one atom in a row");

    System same;  // coincident atoms are neighbours of each other, not of themselves
    same.positions = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    list.build(same.positions, same.box, 1e-300);
    check(list.n_edges() == 6, "three atoms on one place");

    // Two lone atoms, a molecule split by the faces of a huge box, a row of atoms along its diagonal.
    System huge;
    huge.box.periodic = {true, true, true};
    for (std::size_t d = 0; d < 3; ++d) huge.box.cell[d][d] = 1e7;
    huge.positions = {1e-3, 1e-3, 1e-3, 1e7 - 1e-3, 1e7 - 1e-3, 1e7 - 1e-3, 5e6, 0, 0};
    huge.cutoff = 5;
    list = NeighborList();
    list.build(huge.positions, huge.box, huge.cutoff);
    check(sorted(edges_of(list)) == std::vector<Edge>{{0, 1, {-1, -1, -1}}, {1, 0, {1, 1, 1}}},
          "a molecule split in a huge box");
    check(list.memory() < 4e6, "the memory of a huge box: " + std::to_string(list.memory()));
    huge.positions.clear();
    for (int k = 0; k < 3000; ++k)
        for (int d = 0; d < 3; ++d) huge.positions.push_back(k);
    list = NeighborList();
    list.build(huge.positions, huge.box, 1.8);
    check(list.n_edges() == 2 * 2999, "a row of atoms along the diagonal");
    check(list.memory() < 4e6, "the memory of a row: " + std::to_string(list.memory()));
    for (std::size_t k = 0; k < huge.positions.size(); ++k)
        huge.positions[k] = 10.0 * static_cast<double>(k * k % 1000003);
    list.build(huge.positions, huge.box, 5);
    check(list.memory() < 8e6, "the memory of a thin gas: " + std::to_string(list.memory()));

    // Atoms far outside the cell, in several ways that need another table of shifts.
    for (const int far : {40, 1000, 100000000}) {
        System system = silicon(1, 0.05);
        const std::vector<Edge> expected = brute_force(system, 8);
        const std::array<std::int32_t, 3> moved = {far, -far / 2, 3};
        const std::vector<double> before = system.positions;
        for (std::size_t d = 0; d < 3; ++d) system.positions[3 + d] += moved[d] * 5.431;
        list.build(system.positions, system.box, 6);
        std::vector<Edge> back = edges_of(list);
        for (auto& [i, j, s] : back)
            for (std::size_t d = 0; d < 3; ++d) s[d] += (j == 1 ? moved[d] : 0) - (i == 1 ? moved[d] : 0);
        check(sorted(back) == expected, "an atom " + std::to_string(far) + " cells away");
        check(list.shift_table().size() <= 65536, "the size of the shift table");
    }
}

void test_attach_and_arrays() {
    System system = silicon(2, 0.1);
    NeighborList list;
    list.build(system.positions, system.box, system.cutoff);
    Cluster cluster;
    list.attach(cluster);
    const auto n = static_cast<std::size_t>(64);
    check(cluster.neighbor_rows.size() == n && cluster.neighbor_counts.size() == n &&
              cluster.shift_rows.size() == n,
          "sizes of the rows");
    std::vector<Edge> edges;
    for (std::size_t i = 0; i < n; ++i)
        for (std::int32_t k = 0; k < cluster.neighbor_counts[i]; ++k) {
            const auto s = static_cast<std::size_t>(cluster.shift_rows[i][k]);
            edges.emplace_back(static_cast<int>(i), cluster.neighbor_rows[i][k] & cluster.neighbor_mask,
                               list.shift_table()[s]);
            check(cluster.shift_vectors.data() + 3 * s + 2 <
                      cluster.shift_vectors.data() + cluster.shift_vectors.size(),
                  "a shift index is out of range");
        }
    check(edges == edges_of(list), "the rows of a cluster");

    for (const bool self_pairs : {false, true})
        for (const int n_threads : {1, 3}) {
            const std::size_t m = list.n_edges() + (self_pairs ? n : 0);
            std::vector<std::int64_t> i(m), j(m);
            std::vector<double> d(m), vectors(3 * m);
            std::vector<std::int32_t> s(3 * m);
            Parallel parallel;
            parallel.set_threads(n_threads);
            write_edges(list, system.positions, self_pairs,
                        {i.data(), j.data(), d.data(), vectors.data(), s.data()}, parallel);
            std::vector<Edge> written;
            for (std::size_t k = 0; k < m; ++k) {
                const Edge edge{
                    static_cast<int>(i[k]), static_cast<int>(j[k]), {s[3 * k], s[3 * k + 1], s[3 * k + 2]}};
                check(d[k] == distance(system, edge), "distance of a written pair");
                check(std::abs(d[k] - std::hypot(vectors[3 * k], vectors[3 * k + 1], vectors[3 * k + 2])) <
                          1e-14,
                      "vector of a written pair");
                const bool self = i[k] == j[k] && d[k] == 0;
                if (!self) written.push_back(edge);
                check(!self || (self_pairs && (k == 0 || i[k - 1] < i[k])), "a pair of an atom with itself");
            }
            check(written == edges, "written pairs");
        }

    system.box.periodic = {false, false, false};
    list.build(system.positions, system.box, system.cutoff);
    list.attach(cluster);
    check(cluster.shift_rows.empty() && cluster.shift_vectors.empty(), "a free system needs no shifts");
}

/// Every pair within the cutoff is in the list, and every listed pair has the right vector.
void check_covers(const NeighborList& list, const System& system, const std::string& what) {
    const std::vector<Edge> listed = sorted(edges_of(list));
    NeighborList fresh;
    fresh.build(system.positions, system.box, system.cutoff);
    const std::vector<Edge> needed = sorted(edges_of(fresh));
    check(std::includes(listed.begin(), listed.end(), needed.begin(), needed.end()),
          what + ": a pair is missing");
    for (std::size_t s = 0; s < list.shift_table().size(); ++s) {
        const Vector3 shift = shift_of(system.box, list.shift_table()[s]);
        for (std::size_t d = 0; d < 3; ++d)
            check(shift[d] == list.shift_vectors()[3 * s + d],
                  what + ": a shift vector is not that of the cell");
    }
}

void test_update() {
    // Random walks of atoms and cell, also with free directions.
    int rebuilt = 0, steps = 0;
    for (int walk = 0; walk < 30; ++walk) {
        System system = silicon(2, 0.05);
        system.cutoff = 4;
        for (std::size_t a = 0; a < 3; ++a) {
            system.box.periodic[a] = integer(0, 3) > 0;
            for (double& value : system.box.cell[a]) value += 0.5 * normal();
        }
        const double skin = uniform(0.2, 1.0), strain = walk % 2 == 0 ? 0 : 2e-3;
        NeighborList list;
        check(list.update(system.positions, system.box, system.cutoff, skin), "the first update builds");
        for (int step = 0; step < 40; ++step, ++steps) {
            std::array<Vector3, 3> map{};
            for (std::size_t a = 0; a < 3; ++a)
                for (std::size_t d = 0; d < 3; ++d) map[a][d] = (a == d ? 1.0 : 0.0) + strain * normal();
            const auto apply = [&](double* r) {
                const Vector3 old = {r[0], r[1], r[2]};
                for (std::size_t d = 0; d < 3; ++d)
                    r[d] = old[0] * map[0][d] + old[1] * map[1][d] + old[2] * map[2][d];
            };
            for (auto& vector : system.box.cell) apply(vector.data());
            for (std::size_t i = 0; i < system.positions.size() / 3; ++i) {
                apply(&system.positions[3 * i]);
                for (std::size_t d = 0; d < 3; ++d) system.positions[3 * i + d] += 0.02 * normal();
            }
            rebuilt += list.update(system.positions, system.box, system.cutoff, skin);
            check_covers(list, system, "random walk");
        }
    }
    check(rebuilt > steps / 100 && rebuilt < steps / 2,
          std::to_string(rebuilt) + " of " + std::to_string(steps) + " updates built the list anew");

    // A pair just outside cutoff + skin that comes straight together: the list must be rebuilt in time.
    for (const double strain : {0.0, -0.02, 0.02}) {
        System pair;
        pair.cutoff = 3;
        pair.box.periodic = {true, true, true};
        for (std::size_t d = 0; d < 3; ++d) pair.box.cell[d][d] = 20;
        pair.positions = {19, 0, 0, 2.51, 0, 0};
        NeighborList list;
        list.update(pair.positions, pair.box, 3, 0.5);
        check(list.n_edges() == 0, "not yet neighbours");
        for (int step = 0; step < 100; ++step) {
            for (std::size_t d = 0; d < 3; ++d) pair.box.cell[d][d] *= 1 + strain / 50;
            for (double& x : pair.positions) x *= 1 + strain / 50;
            pair.positions[0] += 0.004;
            pair.positions[3] -= 0.004;
            list.update(pair.positions, pair.box, 3, 0.5);
            check_covers(list, pair, "a pair coming together");
        }
        check(list.n_edges() == 2, "neighbours in the end");
    }

    // What must rebuild, and what must not.
    System system = silicon(2, 0.05);
    NeighborList list;
    const auto update = [&](double cutoff, double skin) {
        return list.update(system.positions, system.box, cutoff, skin);
    };
    check(update(4, 0.5) && !update(4, 0.5), "nothing changed");
    check(update(4.1, 0.5) && update(4.1, 0.6) && !update(4.1, 0.6), "another cutoff or skin");
    system.positions[0] += 0.1;
    check(!update(4.1, 0.6), "a small step");
    system.positions[0] += 0.6;
    check(update(4.1, 0.6), "a large step");
    system.positions[5] += system.box.cell[2][2];
    check(update(4.1, 0.6), "an atom moved by a cell vector");
    system.box.periodic[1] = false;
    check(update(4.1, 0.6), "a direction became free");
    for (auto& vector : system.box.cell)
        for (double& value : vector) value *= 1.01;
    for (double& x : system.positions) x *= 1.01;
    check(!update(4.1, 0.6), "a small strain of cell and atoms");
    for (auto& vector : system.box.cell)
        for (double& value : vector) value *= 0.8;
    for (double& x : system.positions) x *= 0.8;
    check(update(4.1, 0.6), "a large strain");
    system.positions.resize(system.positions.size() - 3);
    check(update(4.1, 0.6), "an atom less");
    list.build(system.positions, system.box, 3);
    check(update(4.1, 0.6), "after build()");
    check(update(4.1, 0) && !update(4.1, 0), "no skin, nothing moved");
    system.positions[0] += 1e-12;
    check(update(4.1, 0), "no skin, something moved");
    system.positions[7] = std::nan("");
    check_throws<Error>([&] { update(4.1, 0); }, "atom 2");
    check(list.n_atoms() == 0 && list.n_edges() == 0, "the list is empty after an error");

    // Once warm, memory is constant.
    const System crystal = silicon(6, 0.05);
    NeighborList warm;
    warm.build(crystal.positions, crystal.box, crystal.cutoff);
    const std::size_t memory = warm.memory();
    for (int k = 0; k < 3; ++k) warm.build(crystal.positions, crystal.box, crystal.cutoff);
    check(warm.memory() == memory, "memory grows from build to build");
    check(memory < 1500 * crystal.positions.size() / 3,
          "memory per atom: " + std::to_string(memory / (crystal.positions.size() / 3)));
}

void test_errors() {
    NeighborList list;
    System system = silicon(1, 0);
    const auto fails = [&](const System& s, const std::string& part, int n_threads = 1) {
        check_throws<Error>([&] { list.build(s.positions, s.box, s.cutoff, n_threads); }, part);
        check(list.n_atoms() == 0 && list.n_edges() == 0, "the list is empty after an error");
    };
    for (const double cutoff : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
        System bad = system;
        bad.cutoff = cutoff;
        fails(bad, "cutoff");
    }
    fails(system, "threads", 0);
    for (const double value : {std::nan(""), std::numeric_limits<double>::infinity(), 1e16, -1e300}) {
        System bad = system;
        bad.positions[3 * 5 + 2] = value;
        fails(bad, "atom 5 ");
        bad.positions[3 * 3] = value;  // the first one is named, whoever finds it
        fails(bad, "atom 3 ");
    }
    System many = silicon(10, 0);
    many.positions[3 * 7777] = many.positions[3 * 5001] = std::nan("");
    fails(many, "atom 5001 ", 3);
    System bad = system;
    bad.positions.pop_back();
    fails(bad, "multiple of 3");
    bad = system;
    bad.box.cell[1] = {};
    fails(bad, "direction 1");
    bad.box.periodic[1] = false;
    list.build(bad.positions, bad.box, bad.cutoff);
    check(list.n_atoms() == 8, "a zero vector in a free direction is fine");
    bad = system;
    bad.box.cell[2] = {1, 1, 0};
    fails(bad, "linearly dependent");
    bad.box.cell[2] = {std::sqrt(2.0), std::sqrt(3.0), 0};
    fails(bad, "linearly dependent");
    bad = system;
    bad.box.cell[0] = bad.box.cell[1] = {1, 2, 3};
    bad.box.periodic[2] = false;
    fails(bad, "linearly dependent");
    bad = system;
    bad.box.cell[2][0] = std::nan("");
    fails(bad, "cell vector 2");
    bad = system;
    for (auto& vector : bad.box.cell)
        for (double& x : vector) x *= 1e-3;
    fails(bad, "images");
    bad.positions = {0, 0, 1e10};
    fails(bad, "atom 0 ");

    System fine = system;
    check_throws<Error>([&] { list.update(fine.positions, fine.box, 3, -0.1); }, "skin");
    check_throws<Error>([&] { list.update(fine.positions, fine.box, 3, std::nan("")); }, "skin");
    list.build(fine.positions, fine.box, fine.cutoff);
    check(sorted(edges_of(list)) == brute_force(fine, 8), "a list that failed before works again");
}

}  // namespace

int main() {
    test_random_systems();
    test_large_system();
    test_at_the_cutoff();
    test_close_to_the_cutoff();
    test_special_systems();
    test_attach_and_arrays();
    test_update();
    test_errors();
    return tektite::test::finish();
}
