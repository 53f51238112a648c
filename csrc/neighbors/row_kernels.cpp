// SPDX-License-Identifier: BSD-3-Clause
//
// Per candidate: 3 subtractions, 3 multiplications, 2 additions, 2 comparisons; 20 bytes read, all from L1.
// The accepted ones of a register are packed to the left and stored as a whole register; the next store
// begins where the accepted ones end, so that there is no branch on the outcome of a comparison.
#include "neighbors/row_kernels.hpp"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tektite {

namespace {

void gather_baseline(const GatherQuery& q) {
    std::size_t n = 0;
    for (std::size_t r = 0; r < q.n_runs; ++r)
        for (std::size_t t = q.runs[r].begin; t < q.runs[r].end; ++t, ++n) {
            q.to_x[n] = static_cast<float>(q.x[t] - q.origin_x);
            q.to_y[n] = static_cast<float>(q.y[t] - q.origin_y);
            q.to_z[n] = static_cast<float>(q.z[t] - q.origin_z);
            q.to_atom[n] = q.atom[t];
            q.to_code[n] = q.code[t];
        }
}

std::size_t row_baseline(const RowQuery& q, std::int32_t* atoms, std::int32_t* codes, bool* uncertain) {
    std::size_t count = 0;
    bool any = false;
    for (std::size_t k = 0; k < q.n; ++k) {
        const float dx = q.x[k] - q.center_x, dy = q.y[k] - q.center_y, dz = q.z[k] - q.center_z;
        const float squared = dx * dx + dy * dy + dz * dz;
        const bool accept = squared <= q.upper;
        atoms[count] = q.atom[k];
        codes[count] =  // modulo 2^32, as in the other kernels
            static_cast<std::int32_t>(static_cast<std::uint32_t>(q.code[k]) +
                                      static_cast<std::uint32_t>(q.code_offset));
        count += accept;
        any |= accept & (squared >= q.lower);
    }
    *uncertain = any;
    return count;
}

#if defined(__x86_64__)

/// For each set of lanes, the lanes in it, in order, one a byte.
constexpr std::array<std::uint64_t, 256> make_packing() {
    std::array<std::uint64_t, 256> table{};
    for (std::size_t mask = 0; mask < 256; ++mask) {
        std::uint64_t lanes = 0;
        int next = 0;
        for (int lane = 0; lane < 8; ++lane)
            if ((mask >> lane) & 1) lanes |= static_cast<std::uint64_t>(lane) << (8 * next++);
        table[mask] = lanes;
    }
    return table;
}
constexpr std::array<std::uint64_t, 256> packing = make_packing();

// Runs are short: whole registers are copied, and what is copied beyond the end of a run is overwritten by
// the next.

__attribute__((target("avx2"))) void gather_avx2(const GatherQuery& q) {
    const __m256d ox = _mm256_set1_pd(q.origin_x), oy = _mm256_set1_pd(q.origin_y),
                  oz = _mm256_set1_pd(q.origin_z);
    std::size_t n = 0;
    for (std::size_t r = 0; r < q.n_runs; ++r) {
        const std::size_t begin = q.runs[r].begin, length = q.runs[r].end - begin;
        for (std::size_t k = 0; k < length; k += 4) {
            const std::size_t from = begin + k, to = n + k;
            _mm_storeu_ps(q.to_x + to, _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(q.x + from), ox)));
            _mm_storeu_ps(q.to_y + to, _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(q.y + from), oy)));
            _mm_storeu_ps(q.to_z + to, _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(q.z + from), oz)));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(q.to_atom + to),
                             _mm_loadu_si128(reinterpret_cast<const __m128i*>(q.atom + from)));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(q.to_code + to),
                             _mm_loadu_si128(reinterpret_cast<const __m128i*>(q.code + from)));
        }
        n += length;
    }
}

typedef float Float8 __attribute__((vector_size(32)));

/// Not the intrinsic, of which GCC 12 says that it may use something uninitialized.
__attribute__((target("avx512f"), always_inline)) inline __m256 to_float(__m512d v) {
    return reinterpret_cast<__m256>(__builtin_convertvector(v, Float8));
}

__attribute__((target("avx512f"))) void gather_avx512(const GatherQuery& q) {
    const __m512d ox = _mm512_set1_pd(q.origin_x), oy = _mm512_set1_pd(q.origin_y),
                  oz = _mm512_set1_pd(q.origin_z);
    std::size_t n = 0;
    for (std::size_t r = 0; r < q.n_runs; ++r) {
        const std::size_t begin = q.runs[r].begin, length = q.runs[r].end - begin;
        for (std::size_t k = 0; k < length; k += 8) {
            const std::size_t from = begin + k, to = n + k;
            _mm256_storeu_ps(q.to_x + to, to_float(_mm512_sub_pd(_mm512_loadu_pd(q.x + from), ox)));
            _mm256_storeu_ps(q.to_y + to, to_float(_mm512_sub_pd(_mm512_loadu_pd(q.y + from), oy)));
            _mm256_storeu_ps(q.to_z + to, to_float(_mm512_sub_pd(_mm512_loadu_pd(q.z + from), oz)));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(q.to_atom + to),
                                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q.atom + from)));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(q.to_code + to),
                                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q.code + from)));
        }
        n += length;
    }
}

__attribute__((target("avx2,fma,popcnt"))) std::size_t row_avx2(const RowQuery& q, std::int32_t* atoms,
                                                                std::int32_t* codes, bool* uncertain) {
    const __m256 cx = _mm256_set1_ps(q.center_x), cy = _mm256_set1_ps(q.center_y),
                 cz = _mm256_set1_ps(q.center_z);
    const __m256 lower = _mm256_set1_ps(q.lower), upper = _mm256_set1_ps(q.upper);
    const __m256i offset = _mm256_set1_epi32(q.code_offset);
    __m256 any = _mm256_setzero_ps();
    std::size_t count = 0;
    for (std::size_t k = 0; k < q.n; k += 8) {
        const __m256 dx = _mm256_sub_ps(_mm256_loadu_ps(q.x + k), cx);
        const __m256 dy = _mm256_sub_ps(_mm256_loadu_ps(q.y + k), cy);
        const __m256 dz = _mm256_sub_ps(_mm256_loadu_ps(q.z + k), cz);
        const __m256 squared = _mm256_fmadd_ps(dx, dx, _mm256_fmadd_ps(dy, dy, _mm256_mul_ps(dz, dz)));
        const __m256 accept = _mm256_cmp_ps(squared, upper, _CMP_LE_OQ);
        any = _mm256_or_ps(any, _mm256_and_ps(accept, _mm256_cmp_ps(squared, lower, _CMP_GE_OQ)));
        const auto mask = static_cast<unsigned>(_mm256_movemask_ps(accept));
        const __m256i lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(packing[mask])));
        const __m256i atom = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q.atom + k));
        const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q.code + k));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(atoms + count),
                            _mm256_permutevar8x32_epi32(atom, lanes));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + count),
                            _mm256_permutevar8x32_epi32(_mm256_add_epi32(code, offset), lanes));
        count += static_cast<std::size_t>(__builtin_popcount(mask));
    }
    *uncertain = _mm256_movemask_ps(any) != 0;
    return count;
}

__attribute__((target("avx512f,popcnt"))) std::size_t row_avx512(const RowQuery& q, std::int32_t* atoms,
                                                                 std::int32_t* codes, bool* uncertain) {
    const __m512 cx = _mm512_set1_ps(q.center_x), cy = _mm512_set1_ps(q.center_y),
                 cz = _mm512_set1_ps(q.center_z);
    const __m512 lower = _mm512_set1_ps(q.lower), upper = _mm512_set1_ps(q.upper);
    const __m512i offset = _mm512_set1_epi32(q.code_offset);
    unsigned any = 0;
    std::size_t count = 0;
    for (std::size_t k = 0; k < q.n; k += 16) {
        const __m512 dx = _mm512_sub_ps(_mm512_loadu_ps(q.x + k), cx);
        const __m512 dy = _mm512_sub_ps(_mm512_loadu_ps(q.y + k), cy);
        const __m512 dz = _mm512_sub_ps(_mm512_loadu_ps(q.z + k), cz);
        const __m512 squared = _mm512_fmadd_ps(dx, dx, _mm512_fmadd_ps(dy, dy, _mm512_mul_ps(dz, dz)));
        const __mmask16 accept = _mm512_cmp_ps_mask(squared, upper, _CMP_LE_OQ);
        any |= _mm512_mask_cmp_ps_mask(accept, squared, lower, _CMP_GE_OQ);
        const __m512i code = _mm512_add_epi32(_mm512_loadu_si512(q.code + k), offset);
        // Packed in a register and stored whole: a packing store to memory is several times slower.
        _mm512_storeu_si512(atoms + count,
                            _mm512_maskz_compress_epi32(accept, _mm512_loadu_si512(q.atom + k)));
        _mm512_storeu_si512(codes + count, _mm512_maskz_compress_epi32(accept, code));
        count += static_cast<std::size_t>(__builtin_popcount(accept));
    }
    *uncertain = any != 0;
    return count;
}

#endif

}  // namespace

RowKernel row_kernel(InstructionSet isa) {
#if defined(__x86_64__)
    if (isa == InstructionSet::avx512) return row_avx512;
    if (isa == InstructionSet::avx2) return row_avx2;
#endif
    static_cast<void>(isa);
    return row_baseline;
}

GatherKernel gather_kernel(InstructionSet isa) {
#if defined(__x86_64__)
    if (isa == InstructionSet::avx512) return gather_avx512;
    if (isa == InstructionSet::avx2) return gather_avx2;
#endif
    static_cast<void>(isa);
    return gather_baseline;
}

}  // namespace tektite
