// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/lattice.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace tektite {

namespace {

/// A vector becomes shorter only by more than this fraction: ends the reduction in the presence of rounding.
constexpr double progress = 1e-12;

/// Solves m x = right for a symmetric n x n matrix, n <= 3, with pivots on the diagonal (m is a Gram matrix).
std::array<double, 3> solve_symmetric(std::array<Vector3, 3> m, std::array<double, 3> right, int n) {
    const auto size = static_cast<std::size_t>(n);
    for (std::size_t k = 0; k < size; ++k)
        for (std::size_t i = k + 1; i < size; ++i) {
            const double factor = m[i][k] / m[k][k];
            for (std::size_t j = k; j < size; ++j) m[i][j] -= factor * m[k][j];
            right[i] -= factor * right[k];
        }
    for (std::size_t k = size; k-- > 0;) {
        for (std::size_t j = k + 1; j < size; ++j) right[k] -= m[k][j] * right[j];
        right[k] /= m[k][k];
    }
    return right;
}

std::array<Vector3, 3> dual_basis(const std::array<Vector3, 3>& vectors, int n) {
    const auto size = static_cast<std::size_t>(n);
    std::array<Vector3, 3> gram{}, dual{};
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = 0; j < size; ++j) gram[i][j] = dot(vectors[i], vectors[j]);
    for (std::size_t i = 0; i < size; ++i) {
        std::array<double, 3> unit{};
        unit[i] = 1;
        const auto row = solve_symmetric(gram, unit, n);
        for (std::size_t k = 0; k < size; ++k)
            for (std::size_t d = 0; d < 3; ++d) dual[i][d] += row[k] * vectors[k][d];
    }
    return dual;
}

/// Volume (area, length) of n vectors divided by the product of their lengths.
double relative_volume(const std::array<Vector3, 3>& v, int n) {
    if (n < 2) return 1;
    const Vector3 cross = {v[0][1] * v[1][2] - v[0][2] * v[1][1], v[0][2] * v[1][0] - v[0][0] * v[1][2],
                           v[0][0] * v[1][1] - v[0][1] * v[1][0]};
    const double lengths = std::sqrt(dot(v[0], v[0])) * std::sqrt(dot(v[1], v[1]));
    if (n == 2) return std::sqrt(dot(cross, cross)) / lengths;
    return std::abs(dot(cross, v[2])) / (lengths * std::sqrt(dot(v[2], v[2])));
}

class Reduction {
public:
    Reduction(const std::array<Vector3, 3>& original, int n) : original_(original), n_(n) {
        for (std::size_t i = 0; i < 3; ++i) rows_[i][i] = 1;
        for (std::size_t i = 0; i < 3; ++i) update(i);
    }

    void run() {
        bool changed = n_ > 1;
        for (int iteration = 0; changed && iteration < 1000; ++iteration) {
            sort();
            changed = shorten_second();
            if (!changed && n_ == 3) changed = shorten_third();
        }
    }

    const std::array<Vector3, 3>& vectors() const { return vectors_; }
    const std::array<std::array<std::int64_t, 3>, 3>& rows() const { return rows_; }

private:
    /// Recomputed from the given vectors, so that rounding errors do not add up.
    void update(std::size_t i) {
        for (std::size_t d = 0; d < 3; ++d) {
            vectors_[i][d] = 0;
            for (std::size_t k = 0; k < static_cast<std::size_t>(n_); ++k)
                vectors_[i][d] += static_cast<double>(rows_[i][k]) * original_[k][d];
        }
        squared_[i] = dot(vectors_[i], vectors_[i]);
    }

    void sort() {
        for (std::size_t i = 1; i < static_cast<std::size_t>(n_); ++i)
            for (std::size_t k = i; k > 0 && squared_[k] < squared_[k - 1]; --k) {
                std::swap(rows_[k], rows_[k - 1]);
                std::swap(vectors_[k], vectors_[k - 1]);
                std::swap(squared_[k], squared_[k - 1]);
            }
    }

    /// Subtracts integer multiples of the shorter vectors from vector i if that makes it shorter.
    bool subtract(std::size_t i, double x, double y) {
        constexpr double limit = 1e9;  // far beyond any sensible cell; keeps the integers small
        if (!(std::abs(x) < limit && std::abs(y) < limit)) return false;
        const auto old_row = rows_[i];
        const double old_squared = squared_[i];
        for (std::size_t k = 0; k < 3; ++k)
            rows_[i][k] -= static_cast<std::int64_t>(x) * rows_[0][k] +
                           (i == 2 ? static_cast<std::int64_t>(y) * rows_[1][k] : 0);
        update(i);
        const bool small = std::all_of(rows_[i].begin(), rows_[i].end(), [](std::int64_t m) {
            return std::abs(static_cast<double>(m)) < limit;
        });
        if (small && squared_[i] < old_squared * (1 - progress)) return true;
        rows_[i] = old_row;
        update(i);
        return false;
    }

    bool shorten_second() {
        return subtract(1, std::nearbyint(dot(vectors_[0], vectors_[1]) / squared_[0]), 0);
    }

    bool shorten_third() {
        std::array<Vector3, 3> gram{};
        for (std::size_t i = 0; i < 2; ++i)
            for (std::size_t j = 0; j < 2; ++j) gram[i][j] = dot(vectors_[i], vectors_[j]);
        const auto best =
            solve_symmetric(gram, {dot(vectors_[0], vectors_[2]), dot(vectors_[1], vectors_[2]), 0}, 2);
        // With the first two reduced, the closest lattice point is a corner of the cell around `best`.
        const double x0 = std::floor(best[0]), y0 = std::floor(best[1]);
        for (int dx = 0; dx < 2; ++dx)
            for (int dy = 0; dy < 2; ++dy)
                if (subtract(2, x0 + dx, y0 + dy)) return true;
        return false;
    }

    std::array<Vector3, 3> original_;
    int n_;
    std::array<Vector3, 3> vectors_{};
    std::array<double, 3> squared_{};
    std::array<std::array<std::int64_t, 3>, 3> rows_{};
};

/// Smallest eigenvalue of a symmetric matrix by Jacobi rotations.
double smallest_eigenvalue(std::array<Vector3, 3> m) {
    for (int sweep = 0; sweep < 20; ++sweep) {
        const double off = m[0][1] * m[0][1] + m[0][2] * m[0][2] + m[1][2] * m[1][2];
        const double diagonal = m[0][0] * m[0][0] + m[1][1] * m[1][1] + m[2][2] * m[2][2];
        if (off <= 1e-32 * diagonal) break;
        for (std::size_t p = 0; p < 2; ++p)
            for (std::size_t q = p + 1; q < 3; ++q) {
                if (m[p][q] == 0) continue;
                const double theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
                const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
                const double c = 1 / std::hypot(t, 1.0), s = t * c;
                for (std::size_t k = 0; k < 3; ++k) {
                    const double kp = m[k][p], kq = m[k][q];
                    m[k][p] = c * kp - s * kq;
                    m[k][q] = s * kp + c * kq;
                }
                for (std::size_t k = 0; k < 3; ++k) {
                    const double pk = m[p][k], qk = m[q][k];
                    m[p][k] = c * pk - s * qk;
                    m[q][k] = s * pk + c * qk;
                }
            }
    }
    return std::min({m[0][0], m[1][1], m[2][2]});
}

}  // namespace

ReducedLattice reduce_lattice(const Box& box) {
    ReducedLattice lattice;
    std::array<Vector3, 3> given{};
    std::array<std::size_t, 3> direction{};
    for (std::size_t a = 0; a < 3; ++a) {
        for (double value : box.cell[a])
            if (!std::isfinite(value))
                throw Error(ErrorCode::invalid_argument,
                            "cell vector " + std::to_string(a) + " has an entry that is not finite");
        if (!box.periodic[a]) continue;
        if (!(dot(box.cell[a], box.cell[a]) > 0))
            throw Error(
                ErrorCode::invalid_argument,
                "direction " + std::to_string(a) +
                    " is periodic but its cell vector is zero; give a cell vector or make it not periodic");
        given[static_cast<std::size_t>(lattice.n)] = box.cell[a];
        direction[static_cast<std::size_t>(lattice.n)] = a;
        lattice.given_lengths[a] = std::sqrt(dot(box.cell[a], box.cell[a]));
        ++lattice.n;
    }
    if (!(relative_volume(given, lattice.n) > 1e-12))
        throw Error(
            ErrorCode::invalid_argument,
            "the cell vectors of the periodic directions are linearly dependent: the cell has no volume");
    Reduction reduction(given, lattice.n);
    reduction.run();
    lattice.vectors = reduction.vectors();
    lattice.dual = dual_basis(lattice.vectors, lattice.n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(lattice.n); ++i) {
        lattice.heights[i] = 1 / std::sqrt(dot(lattice.dual[i], lattice.dual[i]));
        for (std::size_t k = 0; k < static_cast<std::size_t>(lattice.n); ++k)
            lattice.transform[i][direction[k]] = reduction.rows()[i][k];
    }
    return lattice;
}

Deformation deformation(const Box& from, const Box& to) {
    // The dual of the reduced basis, since it is the better conditioned one; both bases deform alike.
    const ReducedLattice lattice = reduce_lattice(from);
    Deformation result;
    for (std::size_t d = 0; d < 3; ++d) result.gradient[d][d] = 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(lattice.n); ++i) {
        Vector3 change{};
        for (std::size_t k = 0; k < 3; ++k)
            for (std::size_t d = 0; d < 3; ++d)
                change[d] += static_cast<double>(lattice.transform[i][k]) * (to.cell[k][d] - from.cell[k][d]);
        for (std::size_t r = 0; r < 3; ++r)
            for (std::size_t c = 0; c < 3; ++c) result.gradient[r][c] += lattice.dual[i][r] * change[c];
    }
    std::array<Vector3, 3> metric{};
    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < 3; ++c) metric[r][c] = dot(result.gradient[r], result.gradient[c]);
    result.smallest_stretch = std::sqrt(std::max(0.0, smallest_eigenvalue(metric)));
    return result;
}

}  // namespace tektite
