// SPDX-License-Identifier: BSD-3-Clause
// Atoms wrapped into a compact cell and the periodic images that lie within reach of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "neighbors/buffer.hpp"
#include "neighbors/lattice.hpp"
#include "neighbors/parallel.hpp"

namespace tektite {

using Integers3 = std::array<std::int32_t, 3>;

/// The points among which neighbours are searched. Points [0, n_atoms) are the atoms themselves, moved by
/// lattice vectors into the reduced cell; the others are images of atoms that lie within the radius of the
/// bounding box of those. With w_i the wrap of atom i and s the image, the shift of an edge from i to point
/// p, an image of j, is S' = s_p - w_j + w_i in the reduced basis.
class PeriodicImages {
public:
    /// positions: [n][3]. radius: angstrom. Throws Error(not_finite) and Error(invalid_argument) naming the
    /// first atom whose position is not finite, beyond 1e15 angstrom, or 1e9 cells or more away from the
    /// cell; Error(invalid_argument) if a radius that large reaches more than two thousand million images.
    void build(std::span<const double> positions, const ReducedLattice& lattice, double radius,
               Parallel& parallel);

    [[nodiscard]] std::size_t n_atoms() const { return n_atoms_; }
    [[nodiscard]] std::size_t n_points() const { return n_atoms_ + n_images_; }
    [[nodiscard]] const double* point(std::size_t p) const { return points_.data() + 3 * p; }
    /// The atom that point p is an image of.
    [[nodiscard]] std::int32_t atom(std::size_t p) const {
        return p < n_atoms_ ? static_cast<std::int32_t>(p) : image_atoms_[p - n_atoms_];
    }
    [[nodiscard]] Integers3 wrap(std::size_t atom_index) const {
        return wrapped_ ? wraps_[atom_index] : Integers3{};
    }
    /// s_p - w_j.
    [[nodiscard]] Integers3 offset(std::size_t p) const {
        Integers3 result = p < n_atoms_ ? Integers3{} : image_shifts_[p - n_atoms_];
        if (wrapped_) {
            const Integers3& w = wraps_[static_cast<std::size_t>(atom(p))];
            for (std::size_t k = 0; k < 3; ++k) result[k] -= w[k];
        }
        return result;
    }
    /// Every component k of S' lies in [-limit[k], limit[k]].
    [[nodiscard]] const std::array<std::int64_t, 3>& shift_limits() const { return shift_limits_; }
    /// A box that holds all points, angstrom.
    [[nodiscard]] const Vector3& low() const { return low_; }
    [[nodiscard]] const Vector3& high() const { return high_; }
    /// Bound on the error of the distance between two points, computed from point(), against
    /// |r_j - r_i + S.cell|, from the rounding of wrapping; angstrom.
    [[nodiscard]] double rounding() const { return rounding_; }
    [[nodiscard]] std::size_t memory() const;

private:
    struct Range;
    void wrap_atoms(std::span<const double> positions, const ReducedLattice& lattice, Parallel& parallel,
                    Range& total);
    void add_images(const ReducedLattice& lattice, double radius, const Range& range, Parallel& parallel);

    struct ImageList {
        std::vector<double> points;
        std::vector<std::int32_t> atoms;
        std::vector<Integers3> shifts;
    };
    std::size_t n_atoms_ = 0, n_images_ = 0;
    bool wrapped_ = false;  // false: all wraps are zero and wraps_ is not filled
    Buffer<double> points_;
    Buffer<Integers3> wraps_;
    Buffer<std::int32_t> image_atoms_;
    Buffer<Integers3> image_shifts_;
    std::vector<ImageList> lists_;  // one a thread
    std::array<std::int64_t, 3> shift_limits_{};
    Vector3 low_{}, high_{};
    double rounding_ = 0;
};

}  // namespace tektite
