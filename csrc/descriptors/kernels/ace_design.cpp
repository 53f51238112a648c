// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/kernels/ace_design.hpp"

#include "base/simd.hpp"
#include "basis/spherical_harmonics.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

constexpr int W = native_lanes<double>;
using V = Vector<double, W>;
constexpr int max_rank = 16;

/// Y_lm and, if wanted, its gradient for all edges of one species.
void harmonics(const DesignPlan& plan, const DesignEdges& edges, double* out, bool with_gradient) {
    const int n = edges.n_padded, n_lm = lm_count(plan.l_max);
    const std::int64_t value_size = std::int64_t(n_lm) * n;
    double *re = out, *im = out + value_size, *gradient_re = out + 2 * value_size,
           *gradient_im = out + 5 * value_size;
    V q[lm_count(12)], pr[13], pi[13];
    for (int e = 0; e < n; e += W) {
        const V x = load<V>(edges.ux + e), y = load<V>(edges.uy + e), z = load<V>(edges.uz + e);
        const V inverse_r = load<V>(edges.inverse_r + e);
        legendre(plan.l_max, plan.legendre_a, plan.legendre_b, plan.legendre_diagonal, z, q);
        azimuthal_powers(plan.l_max, x, y, pr, pi);
        for (int l = 0; l <= plan.l_max; ++l)
            for (int m = 0; m <= l; ++m) {
                const int i = lm_index(l, m);
                store(re + std::int64_t(i) * n + e, q[i] * pr[m]);
                store(im + std::int64_t(i) * n + e, q[i] * pi[m]);
                if (!with_gradient) continue;
                const V slope = m < l ? plan.legendre_slope[i] * q[i + 1] : V{};
                const V lower_re = m > 0 ? double(m) * (q[i] * pr[m - 1]) : V{};
                const V lower_im = m > 0 ? double(m) * (q[i] * pi[m - 1]) : V{};
                const V along_re = lower_re * x - lower_im * y + slope * pr[m] * z;
                const V along_im = lower_im * x + lower_re * y + slope * pi[m] * z;
                double* gr = gradient_re + std::int64_t(i) * 3 * n + e;
                double* gi = gradient_im + std::int64_t(i) * 3 * n + e;
                store(gr, (lower_re - along_re * x) * inverse_r);
                store(gr + n, (-lower_im - along_re * y) * inverse_r);
                store(gr + 2 * n, (slope * pr[m] - along_re * z) * inverse_r);
                store(gi, (lower_im - along_im * x) * inverse_r);
                store(gi + n, (lower_re - along_im * y) * inverse_r);
                store(gi + 2 * n, (slope * pi[m] - along_im * z) * inverse_r);
            }
    }
}

double sum_of(V v) {
    double sum = 0.0;
    for (int i = 0; i < W; ++i) sum += v[i];
    return sum;
}

double dot(const double* a, const double* b, int n) {
    V sum{};
    for (int e = 0; e < n; e += W) sum += load<V>(a + e) * load<V>(b + e);
    return sum_of(sum);
}

/// d(R Y)/dr of all edges: R' Y u + R grad Y.
void shell_row_gradient(const DesignEdges& edges, const double* radial, const double* slope,
                        const double* value, const double* gradient, double* out) {
    const int n = edges.n_padded;
    for (int e = 0; e < n; e += W) {
        const V r = load<V>(radial + e), along = load<V>(slope + e) * load<V>(value + e);
        store(out + e, along * load<V>(edges.ux + e) + r * load<V>(gradient + e));
        store(out + n + e, along * load<V>(edges.uy + e) + r * load<V>(gradient + n + e));
        store(out + 2 * n + e, along * load<V>(edges.uz + e) + r * load<V>(gradient + 2 * n + e));
    }
}

/// A of all shells for all m, and the gradients of its 2 l + 1 real numbers with respect to each edge.
void densities(const DesignPlan& plan, const DesignEdges* all_edges, const DesignScratch& scratch,
               bool with_gradient) {
    for (int s = 0; s < plan.n_elements; ++s) {
        const DesignEdges& edges = all_edges[s];
        const int n = edges.n_padded;
        if (n > 0) harmonics(plan, edges, scratch.harmonics, with_gradient);
        const std::int64_t value_size = std::int64_t(lm_count(plan.l_max)) * n;
        const double *re = scratch.harmonics, *im = re + value_size;
        const double *gradient_re = re + 2 * value_size, *gradient_im = re + 5 * value_size;
        for (int shell = plan.shell_begin[s]; shell < plan.shell_begin[s + 1]; ++shell) {
            const int l = plan.shell_l[shell];
            const double* radial = edges.radial + std::int64_t(plan.shell_radial[shell]) * n;
            const double* slope = edges.radial_slope + std::int64_t(plan.shell_radial[shell]) * n;
            double* full = scratch.full + 2 * (std::int64_t(plan.shell_full[shell]) + l);
            double* row = scratch.gradient[s] + std::int64_t(plan.shell_row[shell]) * 3 * n;
            for (int m = 0; m <= l; ++m) {
                const std::int64_t i = lm_index(l, m);
                const double a_re = dot(radial, re + i * n, n),
                             a_im = m > 0 ? dot(radial, im + i * n, n) : 0.0;
                const double sign = m % 2 == 0 ? 1.0 : -1.0;
                full[-2 * m] = sign * a_re;
                full[-2 * m + 1] = -sign * a_im;
                full[2 * m] = a_re;
                full[2 * m + 1] = a_im;
                if (!with_gradient) continue;
                shell_row_gradient(edges, radial, slope, re + i * n, gradient_re + 3 * i * n, row);
                row += 3 * n;
                if (m == 0) continue;
                shell_row_gradient(edges, radial, slope, im + i * n, gradient_im + 3 * i * n, row);
                row += 3 * n;
            }
        }
    }
}

struct Complex {
    double re, im;
};
inline Complex times(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/// Values of the functions of one product and, if wanted, d/dA of each: adjoint[f][local entry][re, im] for
/// entries at `local[t]` + m_t + l_t.
template <int fixed_rank>
void product_terms(const DesignProduct& product, const std::int32_t* full_begin, const std::int32_t* local,
                   int n_entries, const double* full, double* values, double* adjoint) {
    const DesignCoupling& c = *product.coupling;
    const int rank = fixed_rank > 0 ? fixed_rank : c.rank;
    const int nf = c.n_functions;
    Complex a[max_rank], before[max_rank + 1], others[max_rank];
    for (int term = 0; term < c.n_terms; ++term) {
        const std::int32_t* m = c.m + std::int64_t(term) * rank;
        const double* coefficient = c.coefficients + std::int64_t(term) * nf;
        before[0] = {1.0, 0.0};
        for (int t = 0; t < rank; ++t) {
            const double* p = full + 2 * std::int64_t(full_begin[t] + m[t]);
            a[t] = {p[0], p[1]};
            before[t + 1] = t == 0 ? a[0] : times(before[t], a[t]);
        }
        const double value = before[rank].re;
        for (int f = 0; f < nf; ++f) values[f] += coefficient[f] * value;
        if (adjoint == nullptr) continue;
        Complex after{1.0, 0.0};
        for (int t = rank - 1; t >= 0; --t) {
            others[t] = t == rank - 1 ? before[t] : times(before[t], after);
            after = t == rank - 1 ? a[t] : times(after, a[t]);
        }
        for (int f = 0; f < nf; ++f) {
            double* out = adjoint + 2 * std::int64_t(f) * n_entries;
            for (int t = 0; t < rank; ++t) {
                double* entry = out + 2 * (local[t] + m[t]);
                entry[0] += coefficient[f] * others[t].re;
                entry[1] -= coefficient[f] * others[t].im;
            }
        }
    }
}

using TermsFunction = void (*)(const DesignProduct&, const std::int32_t*, const std::int32_t*, int,
                               const double*, double*, double*);
constexpr TermsFunction terms_of_rank[6] = {product_terms<0>, product_terms<1>, product_terms<2>,
                                            product_terms<3>, product_terms<4>, product_terms<5>};

/// sum[i] (+)= sum_rows weight[row] gradient[row][i], i < size (a multiple of design_padding).
template <int chunk>
inline void contract_chunk(const double* weight, int n_rows, const double* gradient, std::int64_t size,
                           double* sum, bool add) {
    V total[chunk];
    for (int k = 0; k < chunk; ++k) total[k] = add ? load<V>(sum + k * W) : V{};
    for (int row = 0; row < n_rows; ++row)
        for (int k = 0; k < chunk; ++k) total[k] += weight[row] * load<V>(gradient + row * size + k * W);
    for (int k = 0; k < chunk; ++k) store(sum + k * W, total[k]);
}

void contract(const double* weight, int n_rows, const double* gradient, std::int64_t size, double* sum,
              bool add) {
    constexpr int large = register_count / 4;
    std::int64_t i = 0;
    for (; i + large * W <= size; i += large * W)
        contract_chunk<large>(weight, n_rows, gradient + i, size, sum + i, add);
    for (; i < size; i += W) contract_chunk<1>(weight, n_rows, gradient + i, size, sum + i, add);
}

/// Adds one function's gradient with respect to the edges of one species to forces and virial.
void scatter(const DesignEdges& edges, const double* sum, std::int64_t function, const DesignOutput& out) {
    const int n = edges.n_padded;
    const double *gx = sum, *gy = sum + n, *gz = sum + 2 * n;
    double* row = out.forces + function * out.force_stride;
    double total[3] = {0.0, 0.0, 0.0};
    for (int e = 0; e < edges.n_edges; ++e) {
        double* on = row + 3 * std::int64_t(edges.neighbor[e]);
        on[0] -= gx[e];
        on[1] -= gy[e];
        on[2] -= gz[e];
        total[0] += gx[e];
        total[1] += gy[e];
        total[2] += gz[e];
    }
    double* on = row + 3 * std::int64_t(out.center);
    for (int d = 0; d < 3; ++d) on[d] += total[d];
    if (out.virials == nullptr) return;
    double* virial = out.virials + 6 * function;
    virial[0] -= dot(edges.x, gx, n);
    virial[1] -= dot(edges.y, gy, n);
    virial[2] -= dot(edges.z, gz, n);
    virial[3] -= dot(edges.y, gz, n);
    virial[4] -= dot(edges.x, gz, n);
    virial[5] -= dot(edges.x, gy, n);
}

/// Gradients of the functions of one product with respect to every edge.
void product_gradients(const DesignPlan& plan, const DesignProduct& product, const DesignEdges* all_edges,
                       const std::int32_t* local, int n_entries, const DesignScratch& scratch,
                       const DesignOutput& out) {
    const DesignCoupling& c = *product.coupling;
    double weight[2 * 12 + 1];
    for (int f = 0; f < c.n_functions; ++f) {
        const double* adjoint = scratch.adjoint + 2 * std::int64_t(f) * n_entries;
        bool add = false;
        for (int t = 0; t < c.rank; ++t) {
            const int shell = product.shells[t];
            if (t > 0 && shell == product.shells[t - 1]) continue;
            int s = 0;
            while (shell >= plan.shell_begin[s + 1]) ++s;
            const DesignEdges& edges = all_edges[s];
            const std::int64_t size = 3 * std::int64_t(edges.n_padded);
            const int l = plan.shell_l[shell];
            // A_l,-m = (-1)^m conj(A_lm): both entries depend on the same two numbers.
            const double* entry = adjoint + 2 * (local[t] + l);
            weight[0] = entry[0];
            for (int m = 1; m <= l; ++m) {
                const double sign = m % 2 == 0 ? 1.0 : -1.0;
                weight[2 * m - 1] = entry[2 * m] + sign * entry[-2 * m];
                weight[2 * m] = entry[2 * m + 1] - sign * entry[-2 * m + 1];
            }
            contract(weight, 2 * l + 1, scratch.gradient[s] + std::int64_t(plan.shell_row[shell]) * size,
                     size, scratch.sum, add);
            add = true;
            const bool last = t + 1 == c.rank || product.shells[c.rank - 1] == shell ||
                              [&] {  // the next distinct shell belongs to another species
                                  int next = t + 1;
                                  while (product.shells[next] == shell) ++next;
                                  return product.shells[next] >= plan.shell_begin[s + 1];
                              }();
            if (!last) continue;
            if (edges.n_edges > 0) scatter(edges, scratch.sum, product.first_function + f, out);
            add = false;
        }
    }
}

void run(const DesignPlan& plan, const DesignEdges* edges, const DesignScratch& scratch,
         const DesignOutput& out) {
    const bool with_gradient = out.forces != nullptr;
    densities(plan, edges, scratch, with_gradient);
    for (std::int64_t i = 0; i < plan.n_products; ++i) {
        const DesignProduct& product = plan.products[i];
        const DesignCoupling& c = *product.coupling;
        std::int32_t full_begin[max_rank], local[max_rank];
        int n_entries = 0;
        for (int t = 0; t < c.rank; ++t) {
            const int shell = product.shells[t];
            full_begin[t] = plan.shell_full[shell];
            if (t > 0 && shell == product.shells[t - 1]) {
                local[t] = local[t - 1];
                continue;
            }
            local[t] = n_entries;
            n_entries += 2 * plan.shell_l[shell] + 1;
        }
        double* adjoint = with_gradient ? scratch.adjoint : nullptr;
        if (with_gradient)
            for (std::int64_t k = 0; k < 2 * std::int64_t(c.n_functions) * n_entries; ++k) adjoint[k] = 0.0;
        terms_of_rank[c.rank <= 5 ? c.rank : 0](product, full_begin, local, n_entries, scratch.full,
                                                out.values + product.first_function, adjoint);
        if (with_gradient) product_gradients(plan, product, edges, local, n_entries, scratch, out);
    }
}

constexpr DesignKernel design_center = run;

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA

namespace tektite::ace {

const DesignKernel& kernels(isa::TEKTITE_ISA<DesignKernel>) {
    return TEKTITE_ISA::design_center;
}

}  // namespace tektite::ace
