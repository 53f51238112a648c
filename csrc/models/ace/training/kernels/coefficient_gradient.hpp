// SPDX-License-Identifier: BSD-3-Clause
// Derivatives with respect to the coefficients of the product graph, gathered during its backward pass.
#pragma once

#include "base/dual.hpp"
#include "base/simd.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// For a product z y (or z conj(y)) with value v and tangent t, adds e_p v + d_p t to the sum of its
/// coefficient of density p: d = ds/drho-dot and e = ds/drho, s being what GradientSums differentiates.
///
/// One density: 4 multiply-adds a product, z's part being formed once a row; otherwise 6 + 2 n_density.
template <int ND, typename V, typename T>
class CoefficientGradient {
public:
    static constexpr bool wanted = true;
    static constexpr int lanes = scalar_count<V, T>;

    /// e, d: [n_density][lanes]; sums: [n_coefficients][n_density][lanes].
    CoefficientGradient(int n_density, const T* e, const T* d, T* sums)
        : n_density_(ND > 0 ? ND : n_density), sums_(sums) {
        for (int p = 0; p < n_density_; ++p) {
            e_[p] = load<V>(e + p * lanes);
            d_[p] = load<V>(d + p * lanes);
        }
    }

    [[gnu::always_inline]] void begin_row(const Dual<V>& re, const Dual<V>& im, std::ptrdiff_t first) {
        out_ = sums_ + first * lanes;
        re_ = re;
        im_ = im;
        if constexpr (ND == 1) {
            a_re_ = e_[0] * re.value + d_[0] * re.tangent;
            a_im_ = e_[0] * im.value + d_[0] * im.tangent;
            b_re_ = d_[0] * re.value;
            b_im_ = d_[0] * im.value;
        }
    }
    [[gnu::always_inline]] void alone() {
        for (int p = 0; p < n_density_; ++p) add(p, e_[p] * re_.value + d_[p] * re_.tangent);
        out_ += n_density_ * lanes;
    }
    [[gnu::always_inline]] void plain(const T* y) { term<false>(y); }
    [[gnu::always_inline]] void conjugate(const T* y) { term<true>(y); }

private:
    [[gnu::always_inline]] void add(int p, V v) { store(out_ + p * lanes, load<V>(out_ + p * lanes) + v); }

    template <bool conjugate>
    [[gnu::always_inline]] void term(const T* y) {
        const auto y_re = load<Dual<V>>(y), y_im = load<Dual<V>>(y + 2 * lanes);
        if constexpr (ND == 1) {
            const V re = a_re_ * y_re.value + b_re_ * y_re.tangent;
            const V im = a_im_ * y_im.value + b_im_ * y_im.tangent;
            add(0, conjugate ? re + im : re - im);
        } else {
            const Dual<V> product = conjugate ? re_ * y_re + im_ * y_im : re_ * y_re - im_ * y_im;
            for (int p = 0; p < n_density_; ++p) add(p, e_[p] * product.value + d_[p] * product.tangent);
        }
        out_ += n_density_ * lanes;
    }

    static constexpr int slots = ND > 0 ? ND : n_density_limit;
    int n_density_;
    T *sums_, *out_ = nullptr;
    V e_[slots], d_[slots];
    V a_re_{}, a_im_{}, b_re_{}, b_im_{};
    Dual<V> re_{}, im_{};
};

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
