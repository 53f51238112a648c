// SPDX-License-Identifier: BSD-3-Clause
// Points sorted into the bins of a grid along x, y and z.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "neighbors/buffer.hpp"
#include "neighbors/images.hpp"
#include "neighbors/parallel.hpp"
#include "neighbors/row_kernels.hpp"

namespace tektite {

/// The points around one bin, relative to an origin in the bin, and the atoms inside it. `n_padded` is a
/// multiple of `row_padding`; what lies beyond the points is far away from everything.
struct Candidates {
    struct Home {
        std::int32_t atom;      ///< index of the atom
        std::int32_t position;  ///< its place among the candidates
    };
    Vector3 origin{};
    Buffer<float> x, y, z;            ///< angstrom
    Buffer<std::int32_t> atom, code;  ///< atom index; shift code as given to CellGrid::build
    std::size_t n_padded = 0;
    std::vector<Home> homes;
    std::vector<PointRun> runs;
    [[nodiscard]] std::size_t memory() const;
};

/// Bins are as wide as the radius, or a half or a third of it along x. Empty stretches along an axis are cut
/// out, and bins are widened if atoms are sparse, so that their number is a small multiple of the number of
/// points however large the box. The atoms of one bin share their candidates: the points of nine runs of bins
/// along x.
class CellGrid {
public:
    /// radius: the distance (angstrom) within which neighbours will be asked for. code(p) is a number that
    /// travels with point p.
    template <typename Code>
    void build(const PeriodicImages& images, double radius, Parallel& parallel, Code&& code) {
        choose_bins(images, radius, parallel);
        sort(images, parallel);
        parallel.ranges(images.n_points(), 10000, [&](int, std::size_t begin, std::size_t end) {
            for (std::size_t t = begin; t < end; ++t) {
                const auto p = static_cast<std::size_t>(order_[t]);
                const double* r = images.point(p);
                x_[t] = r[0];
                y_[t] = r[1];
                z_[t] = r[2];
                atom_[t] = images.atom(p);
                code_[t] = code(p);
            }
        });
    }

    [[nodiscard]] std::size_t n_bins() const { return axes_[0].n_bins * axes_[1].n_bins * axes_[2].n_bins; }
    /// Collects the points that may lie within the radius of an atom in the bin. Returns false if it holds no
    /// atom.
    bool gather(std::size_t bin, GatherKernel kernel, Candidates& candidates) const;
    /// Bound on |candidate - origin| in any direction for atoms of the bin and for points within the radius
    /// of them, angstrom.
    [[nodiscard]] double extent() const { return extent_; }
    [[nodiscard]] std::size_t memory() const;

private:
    /// Bins along one axis.
    struct Axis {
        double low = 0, inverse_width = 0;   // raw bins of width / subdivisions
        double width = 0;                    // of a coarse bin, angstrom
        std::size_t n_raw = 0;               // coarse bins before empty ones are cut out
        std::size_t n_bins = 0;              // fine bins
        int fine = 1;                        // fine bins in a coarse one
        std::vector<std::uint8_t> occupied;  // [n_raw]
        std::vector<std::int32_t> bin;       // [n_raw * subdivisions] fine bin of a raw one
    };
    static constexpr std::size_t subdivisions = 12;  // raw bins in a coarse one: `fine` divides it

    void choose_bins(const PeriodicImages& images, double radius, Parallel& parallel);
    /// Marks the coarse bins that are occupied along each axis and returns the product of their numbers.
    double mark(const PeriodicImages& images, Parallel& parallel);
    void sort(const PeriodicImages& images, Parallel& parallel);
    [[nodiscard]] std::size_t raw_bin(std::size_t axis, double value) const {
        return static_cast<std::size_t>((value - axes_[axis].low) * axes_[axis].inverse_width);
    }

    std::size_t n_atoms_ = 0;
    std::array<Axis, 3> axes_;
    double extent_ = 0;
    Buffer<std::int32_t> bin_of_point_, order_, first_;
    Buffer<double> x_, y_, z_;
    Buffer<std::int32_t> atom_, code_;
    std::vector<std::vector<std::uint8_t>> marks_;  // one a thread and axis
};

}  // namespace tektite
