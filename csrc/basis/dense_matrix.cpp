// SPDX-License-Identifier: BSD-3-Clause
#include "basis/dense_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tektite {

bool cholesky(std::span<double> a, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
        double pivot = a[j * n + j];
        for (std::size_t k = 0; k < j; ++k) pivot -= a[j * n + k] * a[j * n + k];
        if (!(pivot > 1e-15 * a[j * n + j])) return false;
        pivot = std::sqrt(pivot);
        a[j * n + j] = pivot;
        for (std::size_t i = j + 1; i < n; ++i) {
            double sum = a[i * n + j];
            for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = sum / pivot;
            a[j * n + i] = 0.0;
        }
    }
    return true;
}

void cholesky_solve(std::span<const double> factor, std::size_t n, std::span<double> b,
                    std::size_t n_columns) {
    for (std::size_t c = 0; c < n_columns; ++c) {
        for (std::size_t i = 0; i < n; ++i) {
            double sum = b[i * n_columns + c];
            for (std::size_t k = 0; k < i; ++k) sum -= factor[i * n + k] * b[k * n_columns + c];
            b[i * n_columns + c] = sum / factor[i * n + i];
        }
        for (std::size_t i = n; i-- > 0;) {
            double sum = b[i * n_columns + c];
            for (std::size_t k = i + 1; k < n; ++k) sum -= factor[k * n + i] * b[k * n_columns + c];
            b[i * n_columns + c] = sum / factor[i * n + i];
        }
    }
}

bool inverse_square_root(std::span<double> a, std::size_t n) {
    std::vector<double> vectors(n * n, 0.0);
    for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1.0;
    for (int sweep = 0; sweep < 60; ++sweep) {
        double off = 0.0, diagonal = 0.0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) (i == j ? diagonal : off) += a[i * n + j] * a[i * n + j];
        if (off <= 1e-34 * diagonal) break;
        for (std::size_t p = 0; p < n; ++p)
            for (std::size_t q = p + 1; q < n; ++q) {
                if (a[p * n + q] == 0.0) continue;
                const double theta = 0.5 * (a[q * n + q] - a[p * n + p]) / a[p * n + q];
                const double t = (theta < 0 ? -1.0 : 1.0) / (std::abs(theta) + std::hypot(theta, 1.0));
                const double c = 1.0 / std::hypot(t, 1.0), s = t * c;
                const auto rotate = [c, s](double& x, double& y) {
                    const double old = x;
                    x = c * old - s * y;
                    y = s * old + c * y;
                };
                for (std::size_t k = 0; k < n; ++k) rotate(a[k * n + p], a[k * n + q]);
                for (std::size_t k = 0; k < n; ++k) rotate(a[p * n + k], a[q * n + k]);
                for (std::size_t k = 0; k < n; ++k) rotate(vectors[k * n + p], vectors[k * n + q]);
            }
    }
    std::vector<double> scale(n);
    double largest = 0.0;
    for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, a[i * n + i]);
    for (std::size_t i = 0; i < n; ++i) {
        if (!(a[i * n + i] > 1e-15 * largest)) return false;
        scale[i] = 1.0 / std::sqrt(a[i * n + i]);
    }
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) {
            double sum = 0.0;
            for (std::size_t k = 0; k < n; ++k) sum += vectors[i * n + k] * scale[k] * vectors[j * n + k];
            a[i * n + j] = sum;
        }
    return true;
}

}  // namespace tektite
