// SPDX-License-Identifier: BSD-3-Clause
// Densities from the product graph and, given dE/drho, the adjoints of A.
//
// A term costs 2 + n_density multiply-adds forward (2 with one density) and n_density + 4 backward (4 with
// one).
//
// V is a SIMD vector with centres in its lanes, a dual number of such (training), or a plain number on a
// device. W is the stride of nodes and adjoints (base/lanes.hpp); arrays of densities are [n_density][lanes].
#pragma once

#include "base/lanes.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// Rows between two additions to the sums in double.
inline constexpr int rows_per_partial_sum = 16;

/// Value of a row's node: a kept or basic one is loaded, others are multiplied anew.
template <typename V, typename T, typename Stride>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void node_value(const ProductRow& row, const T* nodes, Stride W, V& re,
                                                   V& im) {
    const T* x = nodes + static_cast<std::size_t>(row.x) * 2 * W;
    const V x_re = load<V>(x), x_im = load<V>(x + W);
    if (row.y < 0) {
        re = x_re;
        im = x_im;
        return;
    }
    const T* y = nodes + static_cast<std::size_t>(row.y) * 2 * W;
    const V y_re = load<V>(y), y_im = load<V>(y + W);
    if (row.conjugate) {
        re = x_re * y_re + x_im * y_im;
        im = x_im * y_re - x_re * y_im;
    } else {
        re = x_re * y_re - x_im * y_im;
        im = x_im * y_re + x_re * y_im;
    }
}

/// rho: [n_density][lanes], added to. ND: number of densities, 0: any.
template <int ND, typename V, typename T, typename Stride = OwnStride<V, T>>
TEKTITE_NOINLINE TEKTITE_HOST_DEVICE void forward_products(const CenterView<T>& center, T* nodes,
                                                           double* rho_out, Stride W = {}) {
    constexpr int lanes = scalar_count<V, T>;
    constexpr int slots = ND > 0 ? ND : n_density_limit;
    const int n_density = ND > 0 ? ND : center.n_density;
    V rho[slots];
    for (int p = 0; p < n_density; ++p) rho[p] = V{};
    const T* c = center.coefficients;
    const std::int32_t* other = center.others;
    for (int r = 0; r < center.n_rows; ++r) {
        if constexpr (sizeof(T) < sizeof(double)) {
            // Thousands of terms of either sign: partial sums in T lose little, one long one would.
            if (r % rows_per_partial_sum == rows_per_partial_sum - 1)
                for (int p = 0; p < n_density; ++p) {
                    add_in_double<T>(rho_out + p * lanes, rho[p]);
                    rho[p] = V{};
                }
        }
        const ProductRow row = center.rows[r];
        V re, im;
        node_value<V>(row, nodes, W, re, im);
        if (row.kept >= 0) {
            T* z = nodes + static_cast<std::size_t>(row.kept) * 2 * W;
            store(z, re);
            store(z + W, im);
        }
        if (row.alone) {
            for (int p = 0; p < n_density; ++p) rho[p] += c[p] * re;
            c += n_density;
        }
        if constexpr (ND == 1) {
            V sum_re = V{}, sum_plain = V{}, sum_conjugate = V{};
            for (int k = 0; k < row.n_plain; ++k, ++c) {
                const T* y = nodes + static_cast<std::size_t>(*other++) * 2 * W;
                sum_re += *c * load<V>(y);
                sum_plain += *c * load<V>(y + W);
            }
            for (int k = 0; k < row.n_conjugate; ++k, ++c) {
                const T* y = nodes + static_cast<std::size_t>(*other++) * 2 * W;
                sum_re += *c * load<V>(y);
                sum_conjugate += *c * load<V>(y + W);
            }
            rho[0] += re * sum_re + im * (sum_conjugate - sum_plain);
        } else {
            const auto term = [&](V signed_im) TEKTITE_INLINE_LAMBDA {
                const T* y = nodes + static_cast<std::size_t>(*other++) * 2 * W;
                const V product = re * load<V>(y) + signed_im * load<V>(y + W);
                for (int p = 0; p < n_density; ++p) rho[p] += c[p] * product;
                c += n_density;
            };
            const V minus = -im;
            for (int k = 0; k < row.n_plain; ++k) term(minus);
            for (int k = 0; k < row.n_conjugate; ++k) term(im);
        }
    }
    for (int p = 0; p < n_density; ++p) add_in_double<T>(rho_out + p * lanes, rho[p]);
}

/// Calls action(real part) for every product, in the order of the coefficients; stores the kept ones.
template <typename V, typename T, typename Action, typename Stride = OwnStride<V, T>>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void for_each_product(const CenterView<T>& center, T* nodes,
                                                         Action&& action, Stride W = {}) {
    const std::int32_t* other = center.others;
    for (int r = 0; r < center.n_rows; ++r) {
        const ProductRow row = center.rows[r];
        V re, im;
        node_value<V>(row, nodes, W, re, im);
        if (row.kept >= 0) {
            T* z = nodes + static_cast<std::size_t>(row.kept) * 2 * W;
            store(z, re);
            store(z + W, im);
        }
        if (row.alone) action(re);
        for (int k = 0; k < row.n_plain + row.n_conjugate; ++k) {
            const T* y = nodes + static_cast<std::size_t>(*other++) * 2 * W;
            const V y_re = load<V>(y), y_im = load<V>(y + W);
            action(k < row.n_plain ? re * y_re - im * y_im : re * y_re + im * y_im);
        }
    }
}

/// Where inference leaves the derivatives with respect to the coefficients: nowhere.
struct NoCoefficientGradient {
    static constexpr bool wanted = false;
};

/// adjoints: zeroed before; on return those of A are complete. dE_drho: [n_density][lanes]; or, with ND = -1,
/// derivatives with respect to every product, [n_coefficients][W], instead of densities.
/// coefficient_gradient: told the factors of every product, see training/kernels/coefficient_gradient.hpp.
template <int ND, typename V, typename T, typename CoefficientGradient = NoCoefficientGradient,
          typename Stride = OwnStride<V, T>>
TEKTITE_NOINLINE TEKTITE_HOST_DEVICE void backward_products(const CenterView<T>& center, const T* nodes,
                                                            T* adjoints, const T* dE_drho,
                                                            CoefficientGradient coefficient_gradient = {},
                                                            Stride W = {}) {
    constexpr int lanes = scalar_count<V, T>;
    constexpr bool training = CoefficientGradient::wanted;
    constexpr int slots = ND > 0 ? ND : n_density_limit;
    const int n_density = ND > 0 ? ND : ND < 0 ? 1 : center.n_density;
    V d[slots];
    if constexpr (ND >= 0)
        for (int p = 0; p < n_density; ++p) d[p] = load<V>(dE_drho + p * lanes);
    const auto derivative = [&](const T* c) TEKTITE_INLINE_LAMBDA {
        if constexpr (ND < 0) {
            return load<V>(dE_drho + static_cast<std::size_t>(c - center.coefficients) * W);
        } else {
            V w = c[0] * d[0];
            for (int p = 1; p < n_density; ++p) w += c[p] * d[p];
            return w;
        }
    };
    const T* c_end = center.coefficients + center.n_coefficients * static_cast<std::size_t>(n_density);
    const std::int32_t* other_end = center.others + center.n_terms;
    for (int r = center.n_rows - 1; r >= 0; --r) {
        const ProductRow row = center.rows[r];
        V re, im;
        if (row.kept >= 0) {
            const T* z = nodes + static_cast<std::size_t>(row.kept) * 2 * W;
            re = load<V>(z);
            im = load<V>(z + W);
        } else {
            node_value<V>(row, nodes, W, re, im);
        }
        V g_re = V{}, g_im = V{};
        if (row.kept >= 0) {
            const T* g = adjoints + static_cast<std::size_t>(row.kept) * 2 * W;
            g_re = load<V>(g);
            g_im = load<V>(g + W);
        }
        const int n_terms = row.n_plain + row.n_conjugate;
        c_end -= static_cast<std::ptrdiff_t>(n_terms + row.alone) * n_density;
        other_end -= n_terms;
        const T* c = c_end;
        const std::int32_t* other = other_end;
        if constexpr (training) coefficient_gradient.begin_row(re, im, c - center.coefficients);
        if (row.alone) {
            if constexpr (ND < 0)
                g_re += derivative(c);
            else
                for (int p = 0; p < n_density; ++p) g_re += c[p] * d[p];
            c += n_density;
            if constexpr (training) coefficient_gradient.alone();
        }
        // Re(z y): dz = conj(y), dy = conj(z);  Re(z conj(y)): dz = y, dy = z.
        if constexpr (ND == 1) {
            const V d_re = d[0] * re, d_im = d[0] * im;
            V sum_re = V{}, sum_plain = V{}, sum_conjugate = V{};
            for (int k = 0; k < row.n_plain; ++k, ++c) {
                const std::size_t y = static_cast<std::size_t>(*other++) * 2 * W;
                const auto w = constant<V>(*c);
                sum_re += w * load<V>(nodes + y);
                sum_plain += w * load<V>(nodes + y + W);
                store(adjoints + y, load<V>(adjoints + y) + w * d_re);
                store(adjoints + y + W, load<V>(adjoints + y + W) - w * d_im);
                if constexpr (training) coefficient_gradient.plain(nodes + y);
            }
            for (int k = 0; k < row.n_conjugate; ++k, ++c) {
                const std::size_t y = static_cast<std::size_t>(*other++) * 2 * W;
                const auto w = constant<V>(*c);
                sum_re += w * load<V>(nodes + y);
                sum_conjugate += w * load<V>(nodes + y + W);
                store(adjoints + y, load<V>(adjoints + y) + w * d_re);
                store(adjoints + y + W, load<V>(adjoints + y + W) + w * d_im);
                if constexpr (training) coefficient_gradient.conjugate(nodes + y);
            }
            g_re += d[0] * sum_re;
            g_im += d[0] * (sum_conjugate - sum_plain);
        } else {
            for (int k = 0; k < row.n_plain; ++k) {
                const std::size_t y = static_cast<std::size_t>(*other++) * 2 * W;
                const V w = derivative(c);
                c += n_density;
                g_re += w * load<V>(nodes + y);
                g_im -= w * load<V>(nodes + y + W);
                store(adjoints + y, load<V>(adjoints + y) + w * re);
                store(adjoints + y + W, load<V>(adjoints + y + W) - w * im);
                if constexpr (training) coefficient_gradient.plain(nodes + y);
            }
            for (int k = 0; k < row.n_conjugate; ++k) {
                const std::size_t y = static_cast<std::size_t>(*other++) * 2 * W;
                const V w = derivative(c);
                c += n_density;
                g_re += w * load<V>(nodes + y);
                g_im += w * load<V>(nodes + y + W);
                store(adjoints + y, load<V>(adjoints + y) + w * re);
                store(adjoints + y + W, load<V>(adjoints + y + W) + w * im);
                if constexpr (training) coefficient_gradient.conjugate(nodes + y);
            }
        }
        T* gx = adjoints + static_cast<std::size_t>(row.x) * 2 * W;
        if (row.y < 0) {
            store(gx, load<V>(gx) + g_re);
            store(gx + W, load<V>(gx + W) + g_im);
            continue;
        }
        const T* x = nodes + static_cast<std::size_t>(row.x) * 2 * W;
        const T* y = nodes + static_cast<std::size_t>(row.y) * 2 * W;
        T* gy = adjoints + static_cast<std::size_t>(row.y) * 2 * W;
        const V x_re = load<V>(x), x_im = load<V>(x + W), y_re = load<V>(y);
        const V y_im = row.conjugate ? -load<V>(y + W) : load<V>(y + W);
        store(gx, load<V>(gx) + g_re * y_re + g_im * y_im);
        store(gx + W, load<V>(gx + W) - g_re * y_im + g_im * y_re);
        // Loaded after the stores above: x and y may be the same node.
        const V add_im = g_im * x_re - g_re * x_im;
        store(gy, load<V>(gy) + g_re * x_re + g_im * x_im);
        store(gy + W, row.conjugate ? load<V>(gy + W) - add_im : load<V>(gy + W) + add_im);
    }
}

template <typename Action>
TEKTITE_HOST_DEVICE TEKTITE_INLINE void with_densities(int n_density, Action&& action) {
    switch (n_density) {
        case 1:
            return action(std::integral_constant<int, 1>{});
        case 2:
            return action(std::integral_constant<int, 2>{});
        case 3:
            return action(std::integral_constant<int, 3>{});
        case 4:
            return action(std::integral_constant<int, 4>{});
        default:
            return action(std::integral_constant<int, 0>{});
    }
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
