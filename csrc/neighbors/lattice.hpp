// SPDX-License-Identifier: BSD-3-Clause
// The lattice of the periodic directions of a box: a reduced basis, its dual, and how a box deforms.
#pragma once

#include <array>
#include <cstdint>

#include "tektite/neighbor_list.hpp"

namespace tektite {

using Vector3 = std::array<double, 3>;

/// A basis of the periodic directions in which no vector can be shortened by another, so that its cells are
/// as compact as the lattice allows, however skewed the given cell is. Minkowski reduction: I. Semaev, "A
/// 3-dimensional lattice reduction algorithm", Cryptography and Lattices, LNCS 2146, 181 (2001).
struct ReducedLattice {
    int n = 0;                         ///< periodic directions; only entries < n are set
    std::array<Vector3, 3> vectors{};  ///< angstrom
    std::array<Vector3, 3> dual{};     ///< vectors[i] . dual[j] = (i == j), in their span
    std::array<double, 3> heights{};   ///< 1 / |dual|: distance of lattice planes, angstrom
    std::array<std::array<std::int64_t, 3>, 3> transform{};  ///< vectors[i] = sum_k transform[i][k] cell[k]
    std::array<double, 3> given_lengths{};  ///< of the cell vectors of periodic directions, else 0
};

/// Throws Error(invalid_argument): a cell entry that is not finite, a periodic direction with a zero vector,
/// or periodic vectors that are linearly dependent (their volume is below 1e-12 of the product of their
/// lengths).
ReducedLattice reduce_lattice(const Box& box);

/// The smallest factor by which the affine map that takes the periodic vectors of `from` to those of `to`
/// (and leaves directions normal to them alone) changes any length: the smallest singular value of F = 1 +
/// sum_k dual_k (x) (to_k - from_k). Exact up to rounding; both boxes have the same periodic directions.
struct Deformation {
    std::array<Vector3, 3> gradient{};  ///< F; a row vector r maps to r.F
    double smallest_stretch = 1;
};
Deformation deformation(const Box& from, const Box& to);

[[nodiscard]] inline double dot(const Vector3& a, const Vector3& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/// S.cell, the vector of a periodic shift, in angstrom.
[[nodiscard]] inline Vector3 shift_vector(const std::array<std::int32_t, 3>& shift, const Box& box) {
    Vector3 vector;
    for (std::size_t d = 0; d < 3; ++d)
        vector[d] = shift[0] * box.cell[0][d] + shift[1] * box.cell[1][d] + shift[2] * box.cell[2][d];
    return vector;
}

}  // namespace tektite
