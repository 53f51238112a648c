// SPDX-License-Identifier: BSD-3-Clause
// Random structures for tests.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tektite/neighbor_list.hpp"

namespace tektite::test {

struct System {
    std::vector<double> positions;
    std::vector<std::int32_t> species;
    Box box;
};

/// A random triclinic cell, periodic in some directions, with no two atoms (or images) closer than `closest`.
inline System random_system(std::mt19937& rng, int n_atoms, int n_elements, double size, double closest,
                            int n_periodic) {
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    System s;
    for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = 0; b < 3; ++b)
            s.box.cell[a][b] = (a == b ? size : 0.0) + 0.2 * size * (uniform(rng) - 0.5);
        s.box.periodic[a] = static_cast<int>(a) < n_periodic;
    }
    for (int attempt = 0; attempt < 100000 && static_cast<int>(s.species.size()) < n_atoms; ++attempt) {
        const double f[3] = {uniform(rng), uniform(rng), uniform(rng)};
        for (std::size_t d = 0; d < 3; ++d)
            s.positions.push_back(f[0] * s.box.cell[0][d] + f[1] * s.box.cell[1][d] +
                                  f[2] * s.box.cell[2][d]);
        s.species.push_back(std::uniform_int_distribution<int>(0, n_elements - 1)(rng));
        NeighborList list;
        list.build(s.positions, s.box, closest);
        if (list.n_edges() > 0) {
            s.positions.resize(s.positions.size() - 3);
            s.species.pop_back();
        }
    }
    return s;
}

}  // namespace tektite::test
