// SPDX-License-Identifier: BSD-3-Clause
// Densities, energies and the adjoints of A of a few centres by one block of threads, with everything that
// belongs to a centre in shared memory: see ace::PairedProducts.
//
// For each centre with N complex A, S stored products (A among them), P pairs and n densities, b = bytes of T
// (4 in mixed, 8 in double); counted, not measured:
//   flops                  2 P (4 n) for d rho/dz, S (4 n + 4) for rho, S (4 n) to sum them, 6 + 16 for each
//                          of the S - N products there and back
//   bytes, shared memory   2 P 2 b, (S - N) 18 b, S (4 n + 4) b
//   bytes, global memory   4 N b; and for each block of C centres the lists, 2 P (2 + n b) + 16 (S - N)
#pragma once

#include "cuda/edges/edge_chunk.hpp"
#include "cuda/runtime/block.hpp"
#include "cuda/terms/ace/ace_kernels.hpp"
#include "cuda/terms/ace/complex_lanes.hpp"
#include "cuda/terms/ace/paired_lists.hpp"

namespace tektite::cuda {

/// PairedLists on the device, with the coefficients of a model.
template <typename T>
struct PairedView {
    int n_base, n_stored, n_slots, n_levels;
    const StoredProduct* products;
    const std::int32_t* level_begin;  ///< [n_levels + 1]
    int n_pair_pieces;
    const ListPiece* pair_pieces;
    const std::uint16_t* pair_others;
    std::int64_t n_pair_entries;
    const T* pair_coefficients;  ///< [n_density][n_pair_entries]
    int n_pair_extras;
    const ExtraSlots* pair_extras;
    const ListPiece* child_pieces;
    const std::int32_t* child_begin;  ///< [n_levels + 1]
    const ChildTerm* child_terms;
    int n_child_extras;
    const ExtraSlots* child_extras;
};

/// Shared memory of AceBlockProducts.
template <typename T>
struct ProductsMemory {
    /// Parts in which the sums of the threads are added up.
    static constexpr int n_parts = 16;
    ComplexLanes<T>* z;      ///< [n_stored][lanes]
    ComplexLanes<T>* slope;  ///< [n_density][n_slots][lanes] d rho/dz; then, in the first, dE/dz
    double* partial;         ///< [n_density][n_threads][lane_centers]
    double* parts;           ///< [n_density][n_parts][n_centers]
    T* dE_ddensities;        ///< [n_density][n_centers]
    std::size_t bytes;

    TEKTITE_HOST_DEVICE ProductsMemory(std::byte* shared, const PairedView<T>& paired, int n_density,
                                       int n_centers, int n_threads) {
        SharedLayout layout(shared);
        const auto lanes = static_cast<std::size_t>(n_centers / lane_centers<T>);
        const auto n = static_cast<std::size_t>(n_density), c = static_cast<std::size_t>(n_centers);
        z = layout.take<ComplexLanes<T>>(static_cast<std::size_t>(paired.n_stored) * lanes);
        slope = layout.take<ComplexLanes<T>>(n * static_cast<std::size_t>(paired.n_slots) * lanes);
        partial = layout.take<double>(n * static_cast<std::size_t>(n_threads * lane_centers<T>));
        parts = layout.take<double>(n * n_parts * c);
        dE_ddensities = layout.take<T>(n * c);
        bytes = layout.used();
    }
};

/// The counterpart of AceProducts, with the same results. ND: densities taken together; their number is a
/// multiple of it.
template <typename T, int ND>
struct AceBlockProducts {
    static constexpr int most_threads = 512;
    static constexpr int K = lane_centers<T>;  // 1 or 2
    EdgeChunk chunk;
    ace::CenterView<T> center;
    AceScratch<T> scratch;
    PairedView<T> paired;
    double* energies;
    int log2_lanes;  ///< lanes = centres of a block / lane_centers

    TEKTITE_HOST_DEVICE void operator()(const Block& block) const {
        // Powers of two, so that shifts divide by them.
        const int lanes = 1 << log2_lanes, n_centers = lanes * K, mask = n_centers - 1;
        const int shift = log2_lanes + K - 1;
        const std::int64_t first = block.index * n_centers;
        const std::int64_t left = chunk.n_centers - first;
        const int n_here = left < n_centers ? static_cast<int>(left) : n_centers;
        const ProductsMemory<T> m(block.shared, paired, center.n_density, n_centers, block.n_threads);
        const auto stride = static_cast<std::size_t>(chunk.stride);
        auto* z = reinterpret_cast<Complex<T>*>(m.z);
        block.each(paired.n_base * n_centers, [&](int i) {
            const int c = i & mask;
            const T* A = scratch.tile.nodes + 2 * static_cast<std::size_t>(i >> shift) * stride + first;
            z[i] = c < n_here ? Complex<T>{A[c], A[stride + static_cast<std::size_t>(c)]} : Complex<T>{};
        });
        for (int level = 0; level < paired.n_levels; ++level) multiply(block, m, level);
        for (int p = 0; p < center.n_density; p += ND) differentiate(block, m, p);
        add_up(block, m, n_centers);
        block.each(n_centers, [&](int c) { embed(m, n_centers, c, c < n_here ? first + c : -1); });
        combine(block, m, n_centers);
        for (int level = paired.n_levels - 1; level >= 0; --level) {
            const int begin = paired.child_begin[level];
            block.each((paired.child_begin[level + 1] - begin) << log2_lanes, [&](int i) {
                pass_on(m, paired.child_pieces[begin + (i >> log2_lanes)], i & (lanes - 1));
            });
        }
        add_extras(block, m, paired.child_extras, paired.n_child_extras);
        const auto* g = reinterpret_cast<const Complex<T>*>(m.slope);
        block.each(paired.n_base * n_centers, [&](int i) {
            const int c = i & mask;
            if (c >= n_here) return;
            T* adjoint = scratch.tile.adjoints + 2 * static_cast<std::size_t>(i >> shift) * stride + first;
            adjoint[c] = g[i].re;
            adjoint[stride + static_cast<std::size_t>(c)] = g[i].im;
        });
    }

private:
    using Lanes = ComplexLanes<T>;

    /// Stored products of one level.
    TEKTITE_HOST_DEVICE void multiply(const Block& block, const ProductsMemory<T>& m, int level) const {
        const int begin = paired.level_begin[level], lanes = 1 << log2_lanes;
        block.each((paired.level_begin[level + 1] - begin) << log2_lanes, [&](int i) {
            const int node = begin + (i >> log2_lanes), lane = i & (lanes - 1);
            const StoredProduct product = paired.products[node];
            const Lanes x = m.z[(product.x << log2_lanes) + lane];
            const Lanes y = m.z[((product.y & ~conjugate_bit) << log2_lanes) + lane];
            const T sign = product.y & conjugate_bit ? T{-1} : T{1};
            Lanes out;
            TEKTITE_UNROLL(2)
            for (int j = 0; j < K; ++j) {
                const T y_im = sign * y.v[j].im;
                out.v[j].re = x.v[j].re * y.v[j].re - x.v[j].im * y_im;
                out.v[j].im = x.v[j].re * y_im + x.v[j].im * y.v[j].re;
            }
            m.z[((paired.n_base + node) << log2_lanes) + lane] = out;
        });
    }

    /// d rho_p/dz for ND densities from p on, and what each thread's share contributes to rho_p.
    TEKTITE_HOST_DEVICE void differentiate(const Block& block, const ProductsMemory<T>& m, int p) const {
        const int lanes = 1 << log2_lanes, n = paired.n_pair_pieces << log2_lanes;
        const T* coefficients = paired.pair_coefficients + p * paired.n_pair_entries;
        block.each(block.n_threads, [&](int worker) {
            const int lane = worker & (lanes - 1);
            double rho[ND][K] = {};
            for (int i = worker; i < n; i += block.n_threads) {
                const ListPiece piece = paired.pair_pieces[i >> log2_lanes];
                const Lanes* z = m.z + lane;
                Lanes sum[ND] = {};
                std::int64_t at = piece.first;
                TEKTITE_UNROLL(4)
                for (int k = 0; k < piece.length; ++k, at += list_slice) {
                    const std::uint16_t other = paired.pair_others[at];
                    const Lanes b = z[(other & ~conjugate_bit) * lanes];
                    TEKTITE_UNROLL(2)
                    for (int d = 0; d < ND; ++d) {
                        const T c = coefficients[d * paired.n_pair_entries + at];
                        const T c_im = other & conjugate_bit ? c : -c;
                        TEKTITE_UNROLL(2)
                        for (int j = 0; j < K; ++j) {
                            sum[d].v[j].re += c * b.v[j].re;
                            sum[d].v[j].im += c_im * b.v[j].im;
                        }
                    }
                }
                const Lanes a = m.z[(piece.node << log2_lanes) + lane];
                TEKTITE_UNROLL(2)
                for (int d = 0; d < ND; ++d) {
                    m.slope[(((p + d) * paired.n_slots + piece.slot) << log2_lanes) + lane] = sum[d];
                    TEKTITE_UNROLL(2)
                    for (int j = 0; j < K; ++j)
                        rho[d][j] +=
                            static_cast<double>(a.v[j].re * sum[d].v[j].re + a.v[j].im * sum[d].v[j].im);
                }
            }
            TEKTITE_UNROLL(2)
            for (int d = 0; d < ND; ++d) TEKTITE_UNROLL(2)
            for (int j = 0; j < K; ++j) m.partial[((p + d) * block.n_threads + worker) * K + j] = rho[d][j];
        });
    }

    /// The sums of all threads to a few for each centre and density, in a fixed order.
    TEKTITE_HOST_DEVICE void add_up(const Block& block, const ProductsMemory<T>& m, int n_centers) const {
        constexpr int n_parts = ProductsMemory<T>::n_parts;
        block.each(center.n_density * n_parts * n_centers, [&](int i) {
            const int c = i % n_centers, part = i / n_centers % n_parts, p = i / n_centers / n_parts;
            const double* mine = m.partial + p * block.n_threads * K + c % K;
            // Threads of this centre: those whose number is c / K modulo the number of lanes.
            double sum = 0;
            for (int worker = (part << log2_lanes) + c / K; worker < block.n_threads;
                 worker += n_parts << log2_lanes)
                sum += mine[worker * K];
            m.parts[i] = sum;
        });
    }

    /// Energy of one centre and dE/drho. thread: of the chunk, -1: there is no such centre.
    TEKTITE_HOST_DEVICE void embed(const ProductsMemory<T>& m, int n_centers, int c,
                                   std::int64_t thread) const {
        constexpr int n_parts = ProductsMemory<T>::n_parts;
        if (thread < 0) {
            for (int p = 0; p < center.n_density; ++p) m.dE_ddensities[p * n_centers + c] = T{};
            return;
        }
        double rho[ace::n_density_limit];
        for (int p = 0; p < center.n_density; ++p) {
            double twice = 0;
            for (int part = 0; part < n_parts; ++part) twice += m.parts[(p * n_parts + part) * n_centers + c];
            rho[p] = scratch.densities[p * chunk.stride + thread] + 0.5 * twice;
        }
        T dE_drho[ace::n_density_limit];
        embed_center(chunk, center, scratch, thread, rho, dE_drho, energies);
        for (int p = 0; p < center.n_density; ++p) m.dE_ddensities[p * n_centers + c] = dE_drho[p];
    }

    /// dE/dz = sum of dE/drho_p d rho_p/dz, first of all slots, then of all pieces.
    TEKTITE_HOST_DEVICE void combine(const Block& block, const ProductsMemory<T>& m, int n_centers) const {
        auto* g = reinterpret_cast<Complex<T>*>(m.slope);
        const int n = paired.n_slots * n_centers;
        block.each(n, [&](int i) {
            Complex<T> sum{};
            for (int p = 0; p < center.n_density; ++p) {
                const T d = m.dE_ddensities[p * n_centers + (i & (n_centers - 1))];
                sum.re += d * g[p * n + i].re;
                sum.im += d * g[p * n + i].im;
            }
            g[i] = sum;
        });
        add_extras(block, m, paired.pair_extras, paired.n_pair_extras);
    }

    TEKTITE_HOST_DEVICE void add_extras(const Block& block, const ProductsMemory<T>& m,
                                        const ExtraSlots* extras, int n) const {
        block.each(n << log2_lanes, [&](int i) {
            const ExtraSlots e = extras[i >> log2_lanes];
            const int lane = i & ((1 << log2_lanes) - 1);
            Lanes& sum = m.slope[(e.node << log2_lanes) + lane];
            for (int k = 0; k < e.count; ++k) {
                const Lanes more = m.slope[((e.first + k) << log2_lanes) + lane];
                TEKTITE_UNROLL(2)
                for (int j = 0; j < K; ++j) {
                    sum.v[j].re += more.v[j].re;
                    sum.v[j].im += more.v[j].im;
                }
            }
        });
    }

    /// Adds to a node's adjoint what comes from the products of which it is a factor.
    TEKTITE_HOST_DEVICE void pass_on(const ProductsMemory<T>& m, const ListPiece& piece, int lane) const {
        Lanes sum{};
        if (piece.slot == piece.node) sum = m.slope[(piece.node << log2_lanes) + lane];
        std::int64_t at = piece.first;
        for (int k = 0; k < piece.length; ++k, at += list_slice) {
            const ChildTerm term = paired.child_terms[at];
            const Lanes g = m.slope[((term.child & ~conjugate_bit) << log2_lanes) + lane];
            const Lanes o = m.z[((term.other & ~conjugate_bit) << log2_lanes) + lane];
            const T sign = term.other & conjugate_bit ? T{-1} : T{1};
            const T after = term.child & conjugate_bit ? T{-1} : T{1};
            TEKTITE_UNROLL(2)
            for (int j = 0; j < K; ++j) {
                const T o_im = sign * o.v[j].im;
                sum.v[j].re += g.v[j].re * o.v[j].re + g.v[j].im * o_im;
                sum.v[j].im += after * (g.v[j].im * o.v[j].re - g.v[j].re * o_im);
            }
        }
        m.slope[(piece.slot << log2_lanes) + lane] = sum;
    }
};

}  // namespace tektite::cuda
