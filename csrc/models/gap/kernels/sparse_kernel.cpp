// SPDX-License-Identifier: BSD-3-Clause
#include "models/gap/kernels/sparse_kernel.hpp"

#include "base/simd.hpp"
#include "base/static_count.hpp"
#include "models/gap/kernels/tile_product.hpp"

namespace tektite::gap::TEKTITE_ISA {

namespace {

constexpr int W = native_lanes<double>;
using V = Vector<double, W>;

/// Registers of lanes taken together: the sums must fit the registers.
inline constexpr int group = register_count == 32 ? registers_together : registers_together / 2;

// No function templates of the standard library in kernels: the linker might take this instruction set's for
// all.
[[gnu::always_inline]] inline int smaller(int a, int b) {
    return a < b ? a : b;
}
[[gnu::always_inline]] inline void clear(double* values, int n) {
    for (int k = 0; k < n; ++k) values[k] = 0.0;
}

/// d^power; repeated multiplication where the power is a small integer. Overlaps are not negative but for
/// rounding.
[[gnu::always_inline]] inline V power_of(V d, double power, int integer) {
    V p = V{} + 1;
    if (integer >= 0) {
        for (int k = 0; k < integer; ++k) p *= d;
        return p;
    }
    for (int b = 0; b < W; ++b) p[b] = d[b] > 0 ? __builtin_pow(d[b], power) : 0.0;
    return p;
}

int small_integer(double power) {
    const int nearest = static_cast<int>(power + 0.5);
    return nearest == power && nearest <= 16 ? nearest : -1;
}

/// adjoint[i][v] += sum over s of points[s][i] slopes[s][v] for F features.
template <int F, int N>
void add_gradient(const double* points, std::size_t tile_stride, int n_tiles, const double* slopes,
                  std::size_t stride, double* adjoint) {
    V sum[F][N];
#pragma GCC unroll 6
    for (int i = 0; i < F; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v)
            sum[i][v] = load<V>(adjoint + static_cast<std::size_t>(i) * stride + v * W);
    for (int tile = 0; tile < n_tiles; ++tile) {
        const double* p = points + static_cast<std::size_t>(tile) * tile_stride;
#pragma GCC unroll 1
        for (int s = 0; s < sparse_tile; ++s) {
            V y[N];
#pragma GCC unroll 4
            for (int v = 0; v < N; ++v) y[v] = load<V>(slopes + v * W);
#pragma GCC unroll 6
            for (int i = 0; i < F; ++i) {
                const V r = V{} + p[i * sparse_tile + s];
#pragma GCC unroll 4
                for (int v = 0; v < N; ++v) sum[i][v] += r * y[v];
            }
            slopes += stride;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < F; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) store(adjoint + static_cast<std::size_t>(i) * stride + v * W, sum[i][v]);
}

/// Calls action(registers, first) for groups of registers that are taken together.
template <typename Action>
[[gnu::always_inline]] inline void for_groups(int n_registers, Action&& action) {
    for (int first = 0; first < n_registers; first += group)
        with_count<group>(n_registers - first < group ? n_registers - first : group,
                          [&](auto n) { action(n, first); });
}

void predict(const SparseView& view, const double* features, std::size_t stride, int n_registers,
             double* work, double* energies, double* adjoint) {
    const int integer = small_integer(view.zeta - 1.0);
    const std::size_t tile_stride = static_cast<std::size_t>(view.n_features) * sparse_tile;
    clear(energies, n_registers * W);
    for (int f = 0; f < view.n_features; ++f)
        clear(adjoint + static_cast<std::size_t>(f) * stride, n_registers * W);
    for (int first_tile = 0; first_tile < view.n_tiles; first_tile += tiles_together) {
        const int n_tiles = smaller(tiles_together, view.n_tiles - first_tile);
        const double* points = view.points + static_cast<std::size_t>(first_tile) * tile_stride;
        for_groups(n_registers, [&](auto count, int first) {
            constexpr int N = decltype(count)::value;
            for (int tile = 0; tile < n_tiles; ++tile) {
                V sum[sparse_tile][N];
                tile_product<sparse_tile>(points + static_cast<std::size_t>(tile) * tile_stride,
                                          features + first * W, stride, view.n_features, sum);
                for (int i = 0; i < sparse_tile; ++i) {
                    const int s = tile * sparse_tile + i;
                    const double weight = view.weights[first_tile * sparse_tile + s];
                    for (int v = 0; v < N; ++v) {
                        const std::size_t lane = static_cast<std::size_t>((first + v) * W);
                        const V p = weight * power_of(sum[i][v], view.zeta - 1.0, integer);
                        store(energies + lane, load<V>(energies + lane) + p * sum[i][v]);
                        store(work + static_cast<std::size_t>(s) * stride + lane, view.zeta * p);
                    }
                }
            }
            for (int f = 0; f < view.n_features; f += sparse_tile)
                with_count<sparse_tile>(smaller(sparse_tile, view.n_features - f), [&](auto n) {
                    add_gradient<decltype(n)::value, N>(
                        points + static_cast<std::size_t>(f) * sparse_tile, tile_stride, n_tiles,
                        work + first * W, stride, adjoint + static_cast<std::size_t>(f) * stride + first * W);
                });
        });
    }
}

void covariance(const SparseView& view, double scale, const double* features, std::size_t stride,
                int n_registers, double* covariances) {
    const int integer = small_integer(view.zeta);
    const std::size_t tile_stride = static_cast<std::size_t>(view.n_features) * sparse_tile;
    for (int tile = 0; tile < view.n_tiles; ++tile)
        for_groups(n_registers, [&](auto count, int first) {
            constexpr int N = decltype(count)::value;
            V sum[sparse_tile][N];
            tile_product<sparse_tile>(view.points + static_cast<std::size_t>(tile) * tile_stride,
                                      features + first * W, stride, view.n_features, sum);
            for (int i = 0; i < sparse_tile; ++i)
                for (int v = 0; v < N; ++v) {
                    store(covariances + static_cast<std::size_t>(tile * sparse_tile + i) * stride +
                              (first + v) * W,
                          scale * power_of(sum[i][v], view.zeta, integer));
                }
        });
}

void triangular(const TriangularView& view, const double* x, std::size_t stride, int n_registers,
                double* squares) {
    clear(squares, n_registers * W);
    const double* rows = view.rows;
    for (int tile = 0; tile < view.n_tiles; ++tile) {
        const int n_columns = (tile + 1) * sparse_tile;
        for_groups(n_registers, [&](auto count, int first) {
            constexpr int N = decltype(count)::value;
            V sum[sparse_tile][N];
            tile_product<sparse_tile>(rows, x + first * W, stride, n_columns, sum);
            for (int v = 0; v < N; ++v) {
                V square = load<V>(squares + (first + v) * W);
                for (int i = 0; i < sparse_tile; ++i) square += sum[i][v] * sum[i][v];
                store(squares + (first + v) * W, square);
            }
        });
        rows += static_cast<std::size_t>(n_columns) * sparse_tile;
    }
}

constexpr SparseKernels table{W, predict, covariance, triangular};

}  // namespace
}  // namespace tektite::gap::TEKTITE_ISA

namespace tektite::gap {

const SparseKernels& kernels(isa::TEKTITE_ISA<SparseKernels>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::gap
