// SPDX-License-Identifier: BSD-3-Clause
// From edges to A and back by one block of threads for a few centres, which share radial functions,
// harmonics, A and its adjoints.
//
// For each centre with E edges, N complex A (N' with padding), C table columns (C' with padding), H pairs
// (l, m >= 0), b = bytes of T (4 in mixed, 8 in double); counted, not measured:
//   AceBlockForward   E (30 (double) + 10 C' + 6 H + 4 N') flops; shared memory b E (C' + 2 H) written and
//                     b E (1 + 2 / 4) N' read; global memory E (24 + 6 b C') + 2 b N
//   AceBlockBackward  E (30 (double) + 18 C' + 12 H + 8 N') flops; shared memory b E (4 C' + 2 N') where all
//                     threads of a warp read the same word of A; global memory E (48 + 6 b C') + 2 b N
// The tables, 6 b C' bytes an edge, are some 0.4 MB in float, which stay in the L2 cache.
#pragma once

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/block.hpp"
#include "cuda/terms/ace/ace_kernels.hpp"
#include "cuda/terms/ace/block_bonds.hpp"
#include "cuda/terms/ace/complex_lanes.hpp"

namespace tektite::cuda {

/// How many centres a block has and how many of their edges it holds at once.
struct EdgeTile {
    int n_centers = 0;  ///< 0: a centre does not fit the shared memory of a block
    int n_edges = 0;    ///< of each centre (forward), or of all together (backward)
    int n_threads = 0;
    std::size_t bytes = 0;
};

/// Shared memory of AceBlockForward.
template <typename T>
struct ForwardMemory {
    Complex<T>* A;          ///< [n_centers][n_padded]
    T* radial;              ///< [edge][row_max]
    Complex<T>* harmonics;  ///< [edge][harmonics_stride()]
    TablePlace<T>* places;  ///< [edge]
    double* densities;      ///< [n_density + 1][n_centers]
    int* begin;             ///< [n_elements + 1][n_centers]
    std::size_t bytes;

    TEKTITE_HOST_DEVICE ForwardMemory(std::byte* shared, const BlockBonds<T>& bonds, int n_elements,
                                      int n_density, int l_max, const EdgeTile& tile) {
        SharedLayout layout(shared);
        const auto c = static_cast<std::size_t>(tile.n_centers);
        const auto edges = static_cast<std::size_t>(tile.n_edges) * c;
        A = layout.take<Complex<T>>(c * static_cast<std::size_t>(bonds.n_padded));
        radial = layout.take<T>(edges * static_cast<std::size_t>(bonds.row_max));
        harmonics = layout.take<Complex<T>>(edges * static_cast<std::size_t>(harmonics_stride(l_max)));
        places = layout.take<TablePlace<T>>(edges);
        densities = layout.take<double>((static_cast<std::size_t>(n_density) + 1) * c);
        begin = layout.take<int>((static_cast<std::size_t>(n_elements) + 1) * c);
        bytes = layout.used();
    }
    /// Odd: the edges of neighbouring threads lie in different banks.
    TEKTITE_HOST_DEVICE static int harmonics_stride(int l_max) { return lm_count(l_max) | 1; }
};

/// The counterpart of AceForward, with the same results.
template <typename T, int L>
struct AceBlockForward {
    static constexpr int most_threads = 128;
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;
    BlockBonds<T> bonds;
    EdgeTile tile;

    TEKTITE_HOST_DEVICE void operator()(const Block& block) const {
        const int n_centers = tile.n_centers, n_padded = bonds.n_padded;
        const ForwardMemory<T> m(block.shared, bonds, center.n_elements, center.n_density, center.l_max,
                                 tile);
        const std::int64_t first = block.index * n_centers;
        const std::int64_t left = chunk.n_centers - first;
        const int n_here = left < n_centers ? static_cast<int>(left) : n_centers;
        block.each(n_centers * n_padded, [&](int i) { m.A[i] = {}; });
        block.each((center.n_density + 1) * n_centers, [&](int i) { m.densities[i] = 0.0; });
        block.each((center.n_elements + 1) * n_centers, [&](int i) {
            const int c = i % n_centers;
            m.begin[i] = c < n_here ? chunk.species_begin[i / n_centers * chunk.stride + first + c] : 0;
        });
        for (int s = 0; s < center.n_elements; ++s) {
            int most = 0;
            for (int c = 0; c < n_centers; ++c) {
                const int n = m.begin[(s + 1) * n_centers + c] - m.begin[s * n_centers + c];
                most = n > most ? n : most;
            }
            const BlockBond<T> bond = bonds.bonds[s];
            for (int done = 0; done < most; done += tile.n_edges) add_tile(block, m, bond, s, done, first);
        }
        const auto stride = static_cast<std::size_t>(chunk.stride);
        block.each(n_padded * n_centers, [&](int i) {
            const int c = i % n_centers, A = bonds.A[i / n_centers];
            if (A < 0 || c >= n_here) return;
            T* out = scratch.tile.nodes + 2 * static_cast<std::size_t>(A) * stride + first + c;
            const Complex<T> value = m.A[c * n_padded + i / n_centers];
            out[0] = value.re;
            out[stride] = value.im;
        });
        block.each((center.n_density + 1) * n_centers, [&](int i) {
            const int c = i % n_centers;
            if (c < n_here) scratch.densities[i / n_centers * chunk.stride + first + c] = m.densities[i];
        });
    }

private:
    /// Edges of a centre in the tile that begins after `done` edges of species s.
    TEKTITE_HOST_DEVICE int edges_here(const ForwardMemory<T>& m, int s, int c, int done) const {
        const int n = m.begin[(s + 1) * tile.n_centers + c] - m.begin[s * tile.n_centers + c] - done;
        return n < 0 ? 0 : n < tile.n_edges ? n : tile.n_edges;
    }

    TEKTITE_HOST_DEVICE void add_tile(const Block& block, const ForwardMemory<T>& m, const BlockBond<T>& bond,
                                      int s, int done, std::int64_t first) const {
        const int n_centers = tile.n_centers, n_slots = n_centers * tile.n_edges;
        const int harmonics_stride = ForwardMemory<T>::harmonics_stride(center.l_max);
        block.each(n_slots, [&](int slot) {
            const int c = slot % n_centers, k = slot / n_centers;
            if (k >= edges_here(m, s, c, done)) return;
            const int edge = c * tile.n_edges + k;
            const std::int64_t p = (m.begin[s * n_centers + c] + done + k) * chunk.stride + first + c;
            const AceEdge<T> at = ace_edge<T>(chunk, bond, p);
            m.places[edge] = at.place;
            if (bond.l_max >= 0) harmonics_of(bond.l_max, at, m.harmonics + edge * harmonics_stride);
        });
        const int n_groups = bond.row / 4;
        block.each(n_slots * n_groups, [&](int i) {
            const int edge = i / n_groups, column = 4 * (i % n_groups);
            if (edge % tile.n_edges >= edges_here(m, s, edge / tile.n_edges, done)) return;
            const TablePlace<T> place = m.places[edge];
            Four<T> f, none;
            table_four<false>(
                bond.coefficients + static_cast<std::int64_t>(place.bin) * 6 * bond.row + column, bond.row,
                place.position, place.inverse_width, f, none);
            *reinterpret_cast<Four<T>*>(m.radial + edge * bonds.row_max + column) = f;
        });
        // One more for the sums of columns.
        const int n_items = bond.n_items + center.n_density + 1;
        block.each(n_centers * n_items, [&](int i) {
            const int c = i / n_items, item = i % n_items, n = edges_here(m, s, c, done);
            const T* radial = m.radial + c * tile.n_edges * bonds.row_max;
            if (item >= bond.n_items) {
                add_column(m, bond, item - bond.n_items, c, radial, n);
                return;
            }
            const BaseItem what = bond.items[item];
            const Complex<T>* y = m.harmonics + c * tile.n_edges * harmonics_stride + what.harmonic;
            Complex<T>* A = m.A + c * bonds.n_padded + what.A;
            if (what.width == 4)
                add_edges<4>(radial + what.column, y, harmonics_stride, n, A);
            else
                add_edges<2>(radial + what.column, y, harmonics_stride, n, A);
        });
    }

    TEKTITE_HOST_DEVICE void harmonics_of(int bond_l_max, const AceEdge<T>& edge, Complex<T>* out) const {
        using ace::device::l_bound, ace::device::largest_l;
        const int l_max = largest_l<L>(bond_l_max);
        T q[lm_count(l_bound<L>)], re[l_bound<L> + 1], im[l_bound<L> + 1];
        legendre<T, T>(l_max, center.legendre_a, center.legendre_b, center.legendre_diagonal, edge.unit[2],
                       q);
        azimuthal_powers<T>(l_max, edge.unit[0], edge.unit[1], re, im);
        TEKTITE_UNROLL(16)
        for (int l = 0; l <= l_max; ++l) TEKTITE_UNROLL(16)
        for (int m = 0; m <= l; ++m) {
            const int i = lm_index(l, m);
            out[i] = {q[i] * re[m], q[i] * im[m]};
        }
    }

    /// Adds R_nl Y_lm of n edges to `width` neighbouring A.
    template <int width>
    TEKTITE_HOST_DEVICE void add_edges(const T* radial, const Complex<T>* y, int y_stride, int n,
                                       Complex<T>* A) const {
        Complex<T> sum[width];
        TEKTITE_UNROLL(4)
        for (int j = 0; j < width; ++j) sum[j] = A[j];
        for (int k = 0; k < n; ++k, radial += bonds.row_max, y += y_stride) {
            const Complex<T> here = *y;
            const auto r = *reinterpret_cast<const Few<T, width>*>(radial);
            TEKTITE_UNROLL(4)
            for (int j = 0; j < width; ++j) {
                sum[j].re += r.v[j] * here.re;
                sum[j].im += r.v[j] * here.im;
            }
        }
        TEKTITE_UNROLL(4)
        for (int j = 0; j < width; ++j) A[j] = sum[j];
    }
    /// Sums of rank-1 functions and of core repulsions, in double.
    TEKTITE_HOST_DEVICE void add_column(const ForwardMemory<T>& m, const BlockBond<T>& bond, int p, int c,
                                        const T* radial, int n) const {
        const bool core = p == center.n_density;
        const int column = core ? bond.core_column : bond.density_column >= 0 ? bond.density_column + p : -1;
        if (column < 0) return;
        double sum = m.densities[p * tile.n_centers + c];
        for (int k = 0; k < n; ++k) sum += static_cast<double>(radial[k * bonds.row_max + column]);
        m.densities[p * tile.n_centers + c] = sum;
    }
};

/// Shared memory of AceBlockBackward.
template <typename T>
struct BackwardMemory {
    /// An edge of the tile.
    struct Edge {
        TablePlace<T> place;
        std::int32_t center, step;
    };
    Complex<T>* adjoints;  ///< [n_centers][n_padded]
    T* radial;             ///< [edge][row_stride()]
    T* slope;              ///< [edge][row_stride()]
    Edge* edges;           ///< [edge]
    int* begin;            ///< [n_elements + 1][n_centers]
    std::size_t bytes;

    TEKTITE_HOST_DEVICE BackwardMemory(std::byte* shared, const BlockBonds<T>& bonds, int n_elements,
                                       const EdgeTile& tile) {
        SharedLayout layout(shared);
        const auto c = static_cast<std::size_t>(tile.n_centers),
                   edges_here = static_cast<std::size_t>(tile.n_edges);
        const std::size_t rows = edges_here * static_cast<std::size_t>(row_stride(bonds.row_max));
        adjoints = layout.take<Complex<T>>(c * static_cast<std::size_t>(bonds.n_padded));
        radial = layout.take<T>(rows);
        slope = layout.take<T>(rows);
        edges = layout.take<Edge>(edges_here);
        begin = layout.take<int>((static_cast<std::size_t>(n_elements) + 1) * c);
        bytes = layout.used();
    }
    /// An odd multiple of four columns: the rows of neighbouring threads lie in different banks.
    TEKTITE_HOST_DEVICE static int row_stride(int row_max) { return row_max / 4 % 2 ? row_max : row_max + 4; }
};

/// The counterpart of AceBackward, with the same results: one thread an edge.
template <typename T, int L>
struct AceBlockBackward {
    static constexpr int most_threads = 128;
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;
    BlockBonds<T> bonds;
    EdgeTile tile;

    TEKTITE_HOST_DEVICE void operator()(const Block& block) const {
        const int n_centers = tile.n_centers, n_padded = bonds.n_padded;
        const BackwardMemory<T> m(block.shared, bonds, center.n_elements, tile);
        const std::int64_t first = block.index * n_centers;
        const std::int64_t left = chunk.n_centers - first;
        const int n_here = left < n_centers ? static_cast<int>(left) : n_centers;
        const auto stride = static_cast<std::size_t>(chunk.stride);
        block.each((center.n_elements + 1) * n_centers, [&](int i) {
            const int c = i % n_centers;
            m.begin[i] = c < n_here ? chunk.species_begin[i / n_centers * chunk.stride + first + c] : 0;
        });
        block.each(n_padded * n_centers, [&](int i) {
            const int c = i % n_centers, A = bonds.A[i / n_centers];
            Complex<T> g{};
            if (A >= 0 && c < n_here) {
                const T* from = scratch.tile.adjoints + 2 * static_cast<std::size_t>(A) * stride + first + c;
                g = {from[0], from[stride]};
            }
            m.adjoints[c * n_padded + i / n_centers] = g;
        });
        for (int s = 0; s < center.n_elements; ++s) {
            int n = 0;
            for (int c = 0; c < n_centers; ++c)
                n += m.begin[(s + 1) * n_centers + c] - m.begin[s * n_centers + c];
            const BlockBond<T> bond = bonds.bonds[s];
            for (int done = 0; done < n; done += tile.n_edges) do_tile(block, m, bond, s, done, n, first);
        }
    }

private:
    using Edge = typename BackwardMemory<T>::Edge;

    /// The edges [done, done + tile.n_edges) of all n of species s of the block's centres.
    TEKTITE_HOST_DEVICE void do_tile(const Block& block, const BackwardMemory<T>& m, const BlockBond<T>& bond,
                                     int s, int done, int n, std::int64_t first) const {
        const int n_here = n - done < tile.n_edges ? n - done : tile.n_edges;
        const int row_stride = BackwardMemory<T>::row_stride(bonds.row_max), n_groups = bond.row / 4;
        block.each(n_here, [&](int i) {
            int c = 0, k = done + i;
            const int* begin = m.begin + s * tile.n_centers;
            while (k >= begin[tile.n_centers + c] - begin[c]) {
                k -= begin[tile.n_centers + c] - begin[c];
                ++c;
            }
            const std::int32_t step = begin[c] + k;
            m.edges[i] = {ace_edge<T>(chunk, bond, step * chunk.stride + first + c).place, c, step};
        });
        block.each(n_here * n_groups, [&](int i) {
            const int edge = i / n_groups, column = 4 * (i % n_groups);
            const TablePlace<T> place = m.edges[edge].place;
            Four<T> f, df;
            table_four<true>(bond.coefficients + static_cast<std::int64_t>(place.bin) * 6 * bond.row + column,
                             bond.row, place.position, place.inverse_width, f, df);
            *reinterpret_cast<Four<T>*>(m.radial + edge * row_stride + column) = f;
            *reinterpret_cast<Four<T>*>(m.slope + edge * row_stride + column) = df;
        });
        block.each(n_here, [&](int i) {
            differentiate(m, bond, m.edges[i], m.radial + i * row_stride, m.slope + i * row_stride, first);
        });
    }

    /// dE/dr of one edge; the formulas are those of backward_base() in models/ace/kernels/atomic_base.hpp.
    TEKTITE_HOST_DEVICE void differentiate(const BackwardMemory<T>& m, const BlockBond<T>& bond,
                                           const Edge& edge, const T* radial, const T* slope,
                                           std::int64_t first) const {
        using ace::device::l_bound, ace::device::largest_l;
        const int l_max = largest_l<L>(bond.l_max);
        const std::int64_t thread = first + edge.center, p = edge.step * chunk.stride + thread;
        const double dx = chunk.x[p], dy = chunk.y[p], dz = chunk.z[p];
        const double inverse_distance = 1.0 / std::sqrt(dx * dx + dy * dy + dz * dz);
        const T x = static_cast<T>(dx * inverse_distance), y = static_cast<T>(dy * inverse_distance),
                z = static_cast<T>(dz * inverse_distance), inverse_r = static_cast<T>(inverse_distance);
        T along{};
        if (bond.density_column >= 0)
            for (int d = 0; d < center.n_density; ++d)
                along += scratch.dE_ddensities[d * chunk.stride + thread] * slope[bond.density_column + d];
        if (bond.core_column >= 0)
            along +=
                scratch.dE_ddensities[center.n_density * chunk.stride + thread] * slope[bond.core_column];

        T gx{}, gy{}, gz{};
        if (l_max >= 0) {
            constexpr int bound = l_bound<L>;
            T q[lm_count(bound)], re[bound + 1], im[bound + 1];
            legendre<T, T>(l_max, center.legendre_a, center.legendre_b, center.legendre_diagonal, z, q);
            azimuthal_powers<T>(l_max, x, y, re, im);
            // Per m: sum over l of Q_lm dE/dY_lm and of dQ_lm/dz dE/dY_lm.
            T plain_re[bound + 1], plain_im[bound + 1], sloped_re[bound + 1], sloped_im[bound + 1];
            TEKTITE_UNROLL(16)
            for (int k = 0; k <= l_max; ++k) plain_re[k] = plain_im[k] = sloped_re[k] = sloped_im[k] = T{};
            const Complex<T>* adjoints = m.adjoints + edge.center * bonds.n_padded;
            TEKTITE_UNROLL(16)
            for (int l = 0; l <= l_max; ++l) {
                const int width = bond.width[l];
                Complex<T> Y[bound + 1], dE_dY[bound + 1];
                TEKTITE_UNROLL(16)
                for (int k = 0; k <= l; ++k) {
                    Y[k] = {q[lm_index(l, k)] * re[k], q[lm_index(l, k)] * im[k]};
                    dE_dY[k] = {};
                }
                const Complex<T>* g = adjoints + bond.first_A[l];
                const int column = bond.first_column[l];
                int n = 0;
                for (; n + 4 <= width; n += 4)
                    along += contract<4>(radial + column + n, slope + column + n, g + n, width, l, Y, dE_dY);
                if (n < width)
                    along += contract<2>(radial + column + n, slope + column + n, g + n, width, l, Y, dE_dY);
                TEKTITE_UNROLL(16)
                for (int k = 0; k <= l; ++k) {
                    const int i = lm_index(l, k);
                    if (k > 0) {
                        plain_re[k] += q[i] * dE_dY[k].re;
                        plain_im[k] += q[i] * dE_dY[k].im;
                    }
                    if (k == l) continue;
                    const T dq = center.legendre_slope[i] * q[i + 1];
                    sloped_re[k] += dq * dE_dY[k].re;
                    if (k > 0) sloped_im[k] += dq * dE_dY[k].im;
                }
            }
            gz = sloped_re[0];
            TEKTITE_UNROLL(16)
            for (int k = 1; k <= l_max; ++k) {
                gz += sloped_re[k] * re[k] + sloped_im[k] * im[k];
                const T factor = static_cast<T>(k);
                gx += factor * (plain_re[k] * re[k - 1] + plain_im[k] * im[k - 1]);
                gy += factor * (plain_im[k] * re[k - 1] - plain_re[k] * im[k - 1]);
            }
        }
        // The harmonics depend on the unit vector: only the part across r survives.
        const T radial_part = along - (gx * x + gy * y + gz * z) * inverse_r;
        // "zbl": the smallest distance switches the products off.
        double switching = 0.0;
        if (center.zbl && bond.transition_width > 0 && scratch.nearest[thread] == edge.step)
            switching = scratch.dE_ddistance[thread] / bond.transition_width * inverse_distance;
        chunk.dE_dx[p] = static_cast<double>(gx * inverse_r + radial_part * x) + switching * dx;
        chunk.dE_dy[p] = static_cast<double>(gy * inverse_r + radial_part * y) + switching * dy;
        chunk.dE_dz[p] = static_cast<double>(gz * inverse_r + radial_part * z) + switching * dz;
    }

    /// For N neighbouring radial functions of one l: adds to dE/dY and returns sum_n dE/dR_n dR_n/dr. Written
    /// for 16 bytes at a time; all threads of a warp mostly read the same g.
    template <int N>
    TEKTITE_HOST_DEVICE T contract(const T* radial, const T* slope, const Complex<T>* g, int width, int l,
                                   const Complex<T>* Y, Complex<T>* dE_dY) const {
        constexpr int K = lane_centers<T>;
        const auto r = *reinterpret_cast<const Few<T, N>*>(radial);
        const auto dR_dr = *reinterpret_cast<const Few<T, N>*>(slope);
        T dE_dR[N] = {};
        TEKTITE_UNROLL(16)
        for (int k = 0; k <= l; ++k) {
            TEKTITE_UNROLL(4)
            for (int j = 0; j < N; j += K) {
                const auto pair = *reinterpret_cast<const ComplexLanes<T>*>(g + k * width + j);
                TEKTITE_UNROLL(2)
                for (int i = 0; i < K; ++i) {
                    const Complex<T> here = pair.v[i];
                    dE_dY[k].re += here.re * r.v[j + i];
                    dE_dR[j + i] += here.re * Y[k].re;
                    if (k == 0) continue;  // Y_l0 is real
                    dE_dY[k].im += here.im * r.v[j + i];
                    dE_dR[j + i] += here.im * Y[k].im;
                }
            }
        }
        T along{};
        TEKTITE_UNROLL(4)
        for (int j = 0; j < N; ++j) along += dE_dR[j] * dR_dr.v[j];
        return along;
    }
};

}  // namespace tektite::cuda
