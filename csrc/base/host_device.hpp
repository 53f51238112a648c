// SPDX-License-Identifier: BSD-3-Clause
// Annotations for functions that are compiled for the processor and for a device.
#pragma once

#if defined(__CUDACC__)
/// A function that both sides call.
#define TEKTITE_HOST_DEVICE __host__ __device__
/// Unrolls the loop that follows, as far as its length is known.
#if defined(__CUDA_ARCH__)
#define TEKTITE_UNROLL(n) _Pragma("unroll")
#else
#define TEKTITE_UNROLL(n)  // the host's pass of nvcc, which would warn
#endif
/// Inlined on every side; on a device the compiler decides.
#define TEKTITE_INLINE inline
/// Lambdas that must be inlined where the compiler would not.
#define TEKTITE_INLINE_LAMBDA
#define TEKTITE_NOINLINE
#else
#define TEKTITE_PRAGMA(text) _Pragma(#text)
#define TEKTITE_HOST_DEVICE
#define TEKTITE_UNROLL(n) TEKTITE_PRAGMA(GCC unroll n)
#define TEKTITE_INLINE [[gnu::always_inline]] inline
#define TEKTITE_INLINE_LAMBDA __attribute__((always_inline))
#define TEKTITE_NOINLINE [[gnu::noinline]]
#endif
