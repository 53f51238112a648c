// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/kernels/lanes_to_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/simd.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tektite::rows::TEKTITE_ISA {

namespace {

constexpr std::size_t line = 8;  // doubles in a cache line
/// Values of every lane that are turned at once: with 16 lanes they fill a third of a first-level cache.
constexpr std::size_t chunk = 128;

/// One cache line; `to` is aligned.
inline void stream_line(double* to, const double* from) {
#if defined(__AVX512F__)
    _mm512_stream_pd(to, _mm512_loadu_pd(from));
#elif defined(__AVX__)
    for (std::size_t k = 0; k < line; k += 4) _mm256_stream_pd(to + k, _mm256_loadu_pd(from + k));
#elif defined(__SSE2__)
    for (std::size_t k = 0; k < line; k += 2) _mm_stream_pd(to + k, _mm_loadu_pd(from + k));
#else
    std::memcpy(to, from, line * sizeof(double));
#endif
}

void finish() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

/// values[n][W] to out[W][stride].
template <typename T, int W>
void turn(const T* values, std::size_t n, double* out, std::size_t stride) {
    using V = Vector<T, W>;
    // Converted in parts of a register.
    constexpr int part = std::min(W, native_lanes<double>);
    using Part = Vector<T, part>;
    using D = Vector<double, part>;
    std::size_t k = 0;
    for (; k + W <= n; k += W) {
        V block[W];
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) block[i] = load<V>(values + (k + static_cast<std::size_t>(i)) * W);
        transpose<W>(block);
#pragma GCC unroll 16
        for (int b = 0; b < W; ++b) {
            double* to = out + static_cast<std::size_t>(b) * stride + k;
            for (int i = 0; i < W; i += part) {
                Part values_of_part;
                std::memcpy(&values_of_part, reinterpret_cast<const char*>(&block[b]) + i * sizeof(T),
                            sizeof(Part));
                const D converted = __builtin_convertvector(values_of_part, D);
                std::memcpy(to + i, &converted, sizeof(D));
            }
        }
    }
    for (; k < n; ++k)
        for (std::size_t b = 0; b < W; ++b) out[b * stride + k] = static_cast<double>(values[k * W + b]);
}

template <typename T, int W>
void write(const T* values, std::size_t n, double* const* rows, bool past_caches) {
    // In front of the chunk: the end of the one before, which did not fill a cache line.
    constexpr std::size_t stride = line + chunk;
    alignas(64) double buffer[W * stride];
    std::size_t written[W] = {};
    for (std::size_t begin = 0; begin < n; begin += chunk) {
        const std::size_t end = std::min(n, begin + chunk);
        turn<T, W>(values + begin * W, end - begin, buffer + line, stride);
        for (std::size_t b = 0; b < W; ++b) {
            double* row = rows[b];
            if (row == nullptr) continue;
            double* ready = buffer + b * stride;  // row[begin - line], ...
            if (!past_caches) {
                std::memcpy(row + begin, ready + line, (end - begin) * sizeof(double));
                continue;
            }
            std::size_t k = written[b];
            const double* from = ready + line + k - begin;
            const auto copy_until = [&](std::size_t until) {
                for (; k < until; ++k) row[k] = *from++;
            };
            if (begin == 0) {
                const std::size_t lead = reinterpret_cast<std::uintptr_t>(row) / sizeof(double) % line;
                copy_until(std::min(end, (line - lead) % line));
            }
            for (; k + line <= end; k += line, from += line) stream_line(row + k, from);
            if (end == n)
                copy_until(n);
            else
                std::memcpy(ready, ready + chunk, line * sizeof(double));
            written[b] = k;
        }
    }
}

template <typename T>
const Kernels<T>& table() {
    static constexpr Kernels<T> kernels{write<T, native_lanes<T>>, finish};
    return kernels;
}

}  // namespace

}  // namespace tektite::rows::TEKTITE_ISA

namespace tektite::rows {

const Kernels<double>& kernels(isa::TEKTITE_ISA<Kernels<double>>) {
    return TEKTITE_ISA::table<double>();
}
const Kernels<float>& kernels(isa::TEKTITE_ISA<Kernels<float>>) {
    return TEKTITE_ISA::table<float>();
}

}  // namespace tektite::rows
