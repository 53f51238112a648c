// SPDX-License-Identifier: BSD-3-Clause
// An edge costs 8 flops and, with AVX-512, a gather of 3 doubles and 1 integer and 4 compressed stores for 8
// edges.
#include "neighbors/kernels/gather.hpp"

#include "base/simd.hpp"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tektite::edges::TEKTITE_ISA {
namespace {

#if !defined(__AVX512F__)
template <bool several_species>
bool compact_lane(const GatherInput& in, const CompactEdges& out, std::size_t lane) {
    const auto i = static_cast<std::size_t>(in.centers[lane]);
    const double xi = in.positions[3 * i], yi = in.positions[3 * i + 1], zi = in.positions[3 * i + 2];
    const std::int32_t* row = in.neighbor_rows[i];
    const std::int32_t* shift_row = in.shift_rows != nullptr ? in.shift_rows[i] : nullptr;
    const std::int32_t n = in.neighbor_counts[i];
    std::size_t place = lane * out.stride;
    bool fine = true;
    for (std::int32_t k = 0; k < n; ++k) {
        const std::int32_t j = row[k] & in.neighbor_mask;
        const double* r = in.positions + 3 * static_cast<std::size_t>(j);
        double x = r[0] - xi, y = r[1] - yi, z = r[2] - zi;
        if (shift_row != nullptr) {
            const double* s = in.shift_vectors + 3 * static_cast<std::size_t>(shift_row[k]);
            x += s[0];
            y += s[1];
            z += s[2];
        }
        const double r2 = x * x + y * y + z * z;
        const std::int32_t species = in.species[j];
        fine &= r2 > 0.0 || species < 0;
        out.x[place] = x;
        out.y[place] = y;
        out.z[place] = z;
        out.neighbor[place] = j;
        if constexpr (several_species) out.species[place] = species;
        place += r2 < in.squared_cutoffs[species + 1];
    }
    out.count[lane] = static_cast<std::int32_t>(place - lane * out.stride);
    return fine;
}

bool compact(const GatherInput& in, const CompactEdges& out) {
    bool fine = true;
    for (std::size_t b = 0; b < static_cast<std::size_t>(in.n_centers); ++b)
        fine &= in.n_species > 1 ? compact_lane<true>(in, out, b) : compact_lane<false>(in, out, b);
    return fine;
}
#else
template <bool shifted, bool several_species>
bool compact_lanes(const GatherInput& in, const CompactEdges& out) {
    bool fine = true;
    const __m256i mask = _mm256_set1_epi32(in.neighbor_mask);
    for (std::size_t b = 0; b < static_cast<std::size_t>(in.n_centers); ++b) {
        const auto i = static_cast<std::size_t>(in.centers[b]);
        const __m512d xi = _mm512_set1_pd(in.positions[3 * i]), yi = _mm512_set1_pd(in.positions[3 * i + 1]),
                      zi = _mm512_set1_pd(in.positions[3 * i + 2]);
        const std::int32_t* row = in.neighbor_rows[i];
        const std::int32_t n = in.neighbor_counts[i];
        std::size_t count = 0;
        double *x_out = out.x + b * out.stride, *y_out = out.y + b * out.stride,
               *z_out = out.z + b * out.stride;
        std::int32_t* j_out = out.neighbor + b * out.stride;
        __mmask8 bad = 0;
        for (std::int32_t k = 0; k < n; k += 8) {
            const auto live = static_cast<__mmask8>(n - k >= 8 ? 0xff : (1 << (n - k)) - 1);
            const __m256i j = _mm256_and_si256(_mm256_maskz_loadu_epi32(live, row + k), mask);
            // Three times the index as 64-bit numbers, so that systems beyond 7e8 atoms do not overflow.
            const __m512i j64 = _mm512_cvtepi32_epi64(j);
            const __m512i offset = _mm512_add_epi64(j64, _mm512_add_epi64(j64, j64));
            const __m512d none = _mm512_setzero_pd();
            __m512d x = _mm512_mask_i64gather_pd(none, live, offset, in.positions, 8);
            __m512d y = _mm512_mask_i64gather_pd(none, live, offset, in.positions + 1, 8);
            __m512d z = _mm512_mask_i64gather_pd(none, live, offset, in.positions + 2, 8);
            if constexpr (shifted) {
                const __m512i s64 =
                    _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(live, in.shift_rows[i] + k));
                const __m512i shift = _mm512_add_epi64(s64, _mm512_add_epi64(s64, s64));
                x = _mm512_add_pd(x, _mm512_mask_i64gather_pd(none, live, shift, in.shift_vectors, 8));
                y = _mm512_add_pd(y, _mm512_mask_i64gather_pd(none, live, shift, in.shift_vectors + 1, 8));
                z = _mm512_add_pd(z, _mm512_mask_i64gather_pd(none, live, shift, in.shift_vectors + 2, 8));
            }
            x = _mm512_sub_pd(x, xi);
            y = _mm512_sub_pd(y, yi);
            z = _mm512_sub_pd(z, zi);
            const __m512d r2 = _mm512_fmadd_pd(x, x, _mm512_fmadd_pd(y, y, _mm512_mul_pd(z, z)));
            const __m256i species =
                _mm256_mmask_i32gather_epi32(_mm256_set1_epi32(-1), live, j, in.species, 4);
            const __mmask8 seen = _mm256_movepi32_mask(species) ^ 0xff;
            bad |= seen & live & _mm512_cmp_pd_mask(r2, _mm512_setzero_pd(), _CMP_NGT_UQ);
            const __m512d limit = several_species
                                      ? _mm512_i32gather_pd(_mm256_add_epi32(species, _mm256_set1_epi32(1)),
                                                            in.squared_cutoffs, 8)
                                      : _mm512_maskz_mov_pd(seen, _mm512_set1_pd(in.squared_cutoffs[1]));
            const __mmask8 inside = live & _mm512_cmp_pd_mask(r2, limit, _CMP_LT_OQ);
            // Compressing in registers and storing whole ones is faster than compressed stores.
            _mm512_storeu_pd(x_out + count, _mm512_maskz_compress_pd(inside, x));
            _mm512_storeu_pd(y_out + count, _mm512_maskz_compress_pd(inside, y));
            _mm512_storeu_pd(z_out + count, _mm512_maskz_compress_pd(inside, z));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(j_out + count),
                                _mm256_maskz_compress_epi32(inside, j));
            if constexpr (several_species)
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.species + b * out.stride + count),
                                    _mm256_maskz_compress_epi32(inside, species));
            count += static_cast<std::size_t>(__builtin_popcount(inside));
        }
        fine &= bad == 0;
        out.count[b] = static_cast<std::int32_t>(count);
    }
    return fine;
}

bool compact(const GatherInput& in, const CompactEdges& out) {
    if (in.shift_rows != nullptr)
        return in.n_species > 1 ? compact_lanes<true, true>(in, out) : compact_lanes<true, false>(in, out);
    return in.n_species > 1 ? compact_lanes<false, true>(in, out) : compact_lanes<false, false>(in, out);
}
#endif

template <typename T, int W>
void interleave_array(const T* in, std::size_t stride, std::size_t lanes, std::size_t n_steps, T* out) {
    typedef T Unaligned __attribute__((vector_size(W * sizeof(T)), aligned(alignof(T)), may_alias));
    using V = Vector<T, W>;
    for (std::size_t b = 0; b < lanes; b += W)
        for (std::size_t k = 0; k < n_steps; k += W) {
            V rows[W];
#pragma GCC unroll 16
            for (std::size_t r = 0; r < W; ++r)
                rows[r] = *reinterpret_cast<const Unaligned*>(in + (b + r) * stride + k);
            transpose<W>(rows);
            for (std::size_t r = 0; r < W && k + r < n_steps; ++r) store(out + (k + r) * lanes + b, rows[r]);
        }
}

void interleave(const CompactEdges& edges, int lanes, int n_steps, double pad, double* x, double* y,
                double* z, std::int32_t* neighbor) {
    constexpr int W = native_lanes<double>;
    const auto n_lanes = static_cast<std::size_t>(lanes), steps = static_cast<std::size_t>(n_steps);
    if (lanes % W != 0) {
        for (std::size_t b = 0; b < n_lanes; ++b)
            for (std::size_t k = 0; k < steps; ++k) {
                const bool live = static_cast<std::int32_t>(k) < edges.count[b];
                const std::size_t from = b * edges.stride + k, to = k * n_lanes + b;
                x[to] = live ? edges.x[from] : 0.0;
                y[to] = live ? edges.y[from] : 0.0;
                z[to] = live ? edges.z[from] : pad;
                neighbor[to] = live ? edges.neighbor[from] : -1;
            }
        return;
    }
    for (std::size_t b = 0; b < n_lanes; ++b)
        for (std::size_t p = b * edges.stride + static_cast<std::size_t>(edges.count[b]);
             p < b * edges.stride + steps; ++p) {
            edges.x[p] = edges.y[p] = 0.0;
            edges.z[p] = pad;
            edges.neighbor[p] = -1;
        }
    interleave_array<double, W>(edges.x, edges.stride, n_lanes, steps, x);
    interleave_array<double, W>(edges.y, edges.stride, n_lanes, steps, y);
    interleave_array<double, W>(edges.z, edges.stride, n_lanes, steps, z);
    interleave_array<std::int32_t, W>(edges.neighbor, edges.stride, n_lanes, steps, neighbor);
}

constexpr KernelTable table{compact, interleave};

}  // namespace
}  // namespace tektite::edges::TEKTITE_ISA

namespace tektite::edges {

const KernelTable& kernels(isa::TEKTITE_ISA<KernelTable>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::edges
