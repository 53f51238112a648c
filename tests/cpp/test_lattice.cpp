// SPDX-License-Identifier: BSD-3-Clause
// Reduced lattices and the deformation of a cell.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>

#include "check.hpp"
#include "neighbors/lattice.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_close;

namespace {

std::mt19937_64 generator(7);

double normal() {
    return std::normal_distribution<double>()(generator);
}
int integer(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(generator);
}
double length(const Vector3& v) {
    return std::sqrt(dot(v, v));
}

Box random_box(bool skewed) {
    Box box;
    for (std::size_t a = 0; a < 3; ++a) {
        for (double& value : box.cell[a]) value = normal();
        box.periodic[a] = integer(0, 3) > 0;
    }
    if (skewed)
        for (std::size_t d = 0; d < 3; ++d) {
            box.cell[1][d] += 1000 * box.cell[0][d];
            box.cell[2][d] += 300 * box.cell[1][d] - 70 * box.cell[0][d];
        }
    return box;
}

void test_reduction() {
    for (int k = 0; k < 2000; ++k) {
        const Box box = random_box(k % 2 == 1);
        const ReducedLattice lattice = reduce_lattice(box);
        const auto n = static_cast<std::size_t>(lattice.n);
        check(n == static_cast<std::size_t>(std::count(box.periodic.begin(), box.periodic.end(), true)),
              "dimensions");
        double scale = 0;
        for (std::size_t a = 0; a < 3; ++a) scale += length(box.cell[a]);

        std::array<std::array<double, 3>, 3> m{};  // the transform; free directions stay as they are
        for (std::size_t a = 0, row = 0; a < 3; ++a) {
            if (!box.periodic[a]) {
                m[a][a] = 1;
                continue;
            }
            for (std::size_t c = 0; c < 3; ++c) m[a][c] = static_cast<double>(lattice.transform[row][c]);
            for (std::size_t d = 0; d < 3; ++d) {
                double sum = 0;
                for (std::size_t c = 0; c < 3; ++c) sum += m[a][c] * box.cell[c][d];
                check_close(lattice.vectors[row][d], sum, 1e-12 * scale * 1e6, "vectors are transform.cell");
            }
            ++row;
        }
        const double determinant = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                                   m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                                   m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
        check(std::abs(determinant) == 1, "the transform keeps the lattice");

        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j)
                check_close(dot(lattice.vectors[i], lattice.dual[j]), i == j ? 1 : 0, 1e-9, "dual basis");
            check_close(lattice.heights[i] * length(lattice.dual[i]), 1, 1e-12, "height");
        }
        // Minkowski: no combination is shorter than a vector that takes part in it (found among small ones).
        const int last = 2;
        for (int x = -last; x <= last; ++x)
            for (int y = -last; y <= last; ++y)
                for (int z = -last; z <= last; ++z) {
                    const std::array<int, 3> c = {x, y, z};
                    Vector3 v{};
                    double longest = 0;
                    for (std::size_t i = 0; i < n; ++i) {
                        for (std::size_t d = 0; d < 3; ++d) v[d] += c[i] * lattice.vectors[i][d];
                        if (c[i] != 0) longest = std::max(longest, length(lattice.vectors[i]));
                    }
                    check(length(v) >= longest * (1 - 1e-9) || longest == 0, "a shorter combination exists");
                }
    }
}

void test_deformation() {
    for (int k = 0; k < 500; ++k) {
        const Box from = random_box(false);
        Box to = from;
        for (auto& vector : to.cell)
            for (double& value : vector) value += 0.1 * normal();
        const Deformation map = deformation(from, to);
        for (std::size_t a = 0; a < 3; ++a) {
            if (!from.periodic[a]) continue;
            for (std::size_t d = 0; d < 3; ++d) {
                double mapped = 0;
                for (std::size_t c = 0; c < 3; ++c) mapped += from.cell[a][c] * map.gradient[c][d];
                check_close(mapped, to.cell[a][d], 1e-9, "a cell vector maps to its successor");
            }
        }
        // The smallest stretch over many directions approaches the bound from above.
        double smallest = 1e300;
        for (int s = 0; s < 2000; ++s) {
            const Vector3 v = {normal(), normal(), normal()};
            Vector3 mapped{};
            for (std::size_t c = 0; c < 3; ++c)
                for (std::size_t d = 0; d < 3; ++d) mapped[d] += v[c] * map.gradient[c][d];
            smallest = std::min(smallest, length(mapped) / length(v));
        }
        check(smallest >= map.smallest_stretch * (1 - 1e-9),
              "a direction shrinks more than smallest_stretch");
        check(smallest <= map.smallest_stretch + 0.3, "smallest_stretch is far from what is reached");
    }
    Box box;
    box.periodic = {true, true, true};
    for (std::size_t d = 0; d < 3; ++d) box.cell[d][d] = 4;
    Box strained = box;
    strained.cell[1][1] = 3;
    check_close(deformation(box, strained).smallest_stretch, 0.75, 1e-14, "uniaxial strain");
    check_close(deformation(box, box).smallest_stretch, 1, 1e-14, "no strain");
}

}  // namespace

int main() {
    test_reduction();
    test_deformation();
    return tektite::test::finish();
}
