// SPDX-License-Identifier: BSD-3-Clause
// Numbers for the periodic shifts of edges, such that the kernels find the number of an edge by one addition.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "neighbors/images.hpp"
#include "neighbors/lattice.hpp"

namespace tektite {

/// The shift S' = (s_p - w_j) + w_i of an edge (see PeriodicImages) has the number code(p) + row_offset(i) in
/// a table of all S' with |S'_k| <= limit_k. If that table were too large (atoms many cells away from each
/// other), is_direct() is false, the code of an edge is the point p itself, and the table is made afterwards
/// from the edges that exist.
class ShiftCodes {
public:
    /// Throws Error(invalid_argument) if a shift does not fit into 32 bits.
    void build(const PeriodicImages& images, const ReducedLattice& lattice, const Box& box);

    [[nodiscard]] bool is_direct() const { return direct_; }
    [[nodiscard]] std::int32_t code(const PeriodicImages& images, std::size_t p) const {
        return direct_ ? number(images.offset(p)) : static_cast<std::int32_t>(p);
    }
    [[nodiscard]] std::int32_t row_offset(const PeriodicImages& images, std::size_t i) const {
        return direct_
                   ? static_cast<std::int32_t>(static_cast<std::uint32_t>(number(images.wrap(i))) + center_)
                   : 0;
    }
    /// S, in terms of the given cell, of an edge of atom i with this code (after the addition of
    /// row_offset(i)).
    [[nodiscard]] Integers3 shift(const PeriodicImages& images, std::size_t i, std::int32_t code) const {
        if (direct_) return table_[static_cast<std::size_t>(code)];
        Integers3 reduced = images.offset(static_cast<std::size_t>(code));
        const Integers3 wrap = images.wrap(i);
        for (std::size_t k = 0; k < 3; ++k) reduced[k] += wrap[k];
        return to_given(reduced);
    }
    /// [n][3], if is_direct(). The only entry is zero if no direction is periodic.
    [[nodiscard]] const std::vector<Integers3>& table() const { return table_; }

private:
    /// Modulo 2^32: large wraps cancel in the sum.
    [[nodiscard]] std::int32_t number(const Integers3& reduced) const {
        std::uint32_t sum = 0;
        for (std::size_t k = 0; k < 3; ++k) sum += strides_[k] * static_cast<std::uint32_t>(reduced[k]);
        return static_cast<std::int32_t>(sum);
    }
    [[nodiscard]] Integers3 to_given(const Integers3& reduced) const {
        Integers3 shift{};
        for (std::size_t m = 0; m < 3; ++m) {
            std::int64_t sum = 0;
            for (std::size_t k = 0; k < 3; ++k) sum += reduced[k] * transform_[k][m];
            shift[m] = static_cast<std::int32_t>(sum);
        }
        return shift;
    }

    bool direct_ = true;
    std::array<std::uint32_t, 3> strides_{};
    std::uint32_t center_ = 0;
    std::array<std::array<std::int64_t, 3>, 3> transform_{};
    std::vector<Integers3> table_;
};

}  // namespace tektite
