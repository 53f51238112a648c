// SPDX-License-Identifier: BSD-3-Clause
// Small dense symmetric matrices, for setting up bases; row-major, n x n.
#pragma once

#include <cstddef>
#include <span>

namespace tektite {

/// Replaces the symmetric matrix a by its lower Cholesky factor (zeros above). False if it is not positive
/// definite in double precision.
[[nodiscard]] bool cholesky(std::span<double> a, std::size_t n);

/// Solves L L^T x = b for n_columns right-hand sides at once; b: [n][n_columns], replaced by x.
void cholesky_solve(std::span<const double> factor, std::size_t n, std::span<double> b,
                    std::size_t n_columns);

/// Replaces the symmetric matrix a by its symmetric inverse square root (cyclic Jacobi rotations). False if
/// it is not positive definite in double precision.
[[nodiscard]] bool inverse_square_root(std::span<double> a, std::size_t n);

}  // namespace tektite
