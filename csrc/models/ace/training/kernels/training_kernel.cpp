// SPDX-License-Identifier: BSD-3-Clause
// Parameter gradients of one block of ACE centres, compiled once per instruction set.
//
// Along with every value goes its derivative in the direction in which the edges move (dual numbers), so that
// the reverse pass over the energy gives, as value and tangent, the gradients of the energy and of its
// directional derivative. Beside the forward pass over the edges nothing is done edge by edge: with
// B_klm = sum_j g_k Y_lm, A = C B is linear in the radial coefficients, whose gradient follows from the
// adjoints of A atom by atom. Flops an edge: 12 a B_klm; a product: 4 + 12 (one density).
#include <cstring>

#include "base/dual.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/moving_edges.hpp"
#include "models/ace/kernels/products.hpp"
#include "models/ace/training/kernels/coefficient_gradient.hpp"
#include "models/ace/training/kernels/embedding_derivatives.hpp"
#include "models/ace/training/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

using training::GradientSums;
using training::RadialMap;
using training::RankOneMap;
using training::TrainingBlock;
using training::TrainingScratch;
using training::TrainingView;

constexpr int W = native_lanes<double>;
using V = Vector<double, W>;
using D = Dual<V>;
constexpr std::size_t dual_size = 2 * W;

[[gnu::always_inline]] inline std::size_t offset(int number) {
    return static_cast<std::size_t>(number) * 2 * dual_size;
}

/// A = C B.
void combine_radial(const RadialMap& map, const double* B, double* A) {
    for (int m = 0; m <= map.l; ++m)
        for (int n = 0; n < map.n_radial; ++n) {
            const double* c = map.coefficients + n * map.n_base;
            const double* b = B + offset(map.first_B + m * map.n_base);
            D re{}, im{};
            for (int k = 0; k < map.n_base; ++k, b += 2 * dual_size) {
                re += c[k] * load<D>(b);
                if (m > 0) im += c[k] * load<D>(b + dual_size);
            }
            double* a = A + offset(map.first_A + m * map.n_radial + n);
            store(a, re);
            store(a + dual_size, im);
        }
}

/// Adds the derivatives with respect to C.
void add_radial_gradient(const RadialMap& map, const double* B, const double* adjoints, V weight,
                         double* sums) {
    V h[2 * (l_max_limit + 1)], g[2 * (l_max_limit + 1)];
    for (int n = 0; n < map.n_radial; ++n) {
        for (int m = 0; m <= map.l; ++m) {
            const double* a = adjoints + offset(map.first_A + m * map.n_radial + n);
            const auto re = load<D>(a), im = load<D>(a + dual_size);
            h[2 * m] = weight * re.value + re.tangent;
            h[2 * m + 1] = weight * im.value + im.tangent;
            g[2 * m] = re.value;
            g[2 * m + 1] = im.value;
        }
        double* out = sums + (map.gradient + static_cast<std::size_t>(n * map.n_base)) * W;
        for (int k = 0; k < map.n_base; ++k, out += W) {
            const double* b = B + offset(map.first_B + k);
            const auto zero = load<D>(b);
            V sum = h[0] * zero.value + g[0] * zero.tangent;
            for (int m = 1; m <= map.l; ++m) {
                b += offset(map.n_base);
                const auto re = load<D>(b), im = load<D>(b + dual_size);
                sum += h[2 * m] * re.value + g[2 * m] * re.tangent;
                sum += h[2 * m + 1] * im.value + g[2 * m + 1] * im.tangent;
            }
            store(out, load<V>(out) + sum);
        }
    }
}

/// From rho: d = ds/drho-dot as dual dE/drho, and e = ds/drho; sums of prefactors and exponents.
void embed(const CenterView<double>& center, const TrainingBlock& block, const double* rho, double* dE_drho,
           double* e, double* d, const GradientSums& sums) {
    for (int p = 0; p < center.n_density; ++p)
        for (int b = 0; b < W; ++b) {
            const double* lane = rho + p * static_cast<int>(dual_size) + b;
            const double value = lane[0], rate = b < block.n_centers ? lane[W] : 0.0;
            const auto f = training::embedding_derivatives(center.embedding, value, center.exponents[p]);
            const double w = center.prefactors[p], weight = block.energy_weight[b];
            dE_drho[p * static_cast<int>(dual_size) + b] = w * f.f_rho;
            dE_drho[p * static_cast<int>(dual_size) + W + b] = w * f.f_rho_rho * rate;
            d[p * W + b] = w * f.f_rho;
            e[p * W + b] = w * (weight * f.f_rho + f.f_rho_rho * rate);
            if (b >= block.n_centers) continue;
            sums.prefactors[p] += weight * f.f + f.f_rho * rate;
            sums.exponents[p] += w * (weight * f.f_m + f.f_rho_m * rate);
        }
}

void add_gradient(const TrainingView& view, const TrainingBlock& block, const TrainingScratch& scratch,
                  const GradientSums& sums) {
    const CenterView<double>& center = *view.center;
    const int n_density = center.n_density;
    alignas(64) double rho[n_density_limit * dual_size] = {};
    alignas(64) double dE_drho[n_density_limit * dual_size];
    alignas(64) double e[n_density_limit * W], d[n_density_limit * W];
    double* B = scratch.moving.dual.nodes;
    std::memset(B, 0, offset(view.n_B) * sizeof(double));
    for (int s = 0; s < center.n_elements; ++s) {
        const int begin = block.edges.species_begin[s], end = block.edges.species_begin[s + 1];
        if (begin == end) continue;
        locate_edges<double, W>(view.base_bonds[s], block.edges, scratch.moving.plain, begin, end);
        forward_moving_edges<double, W>(center, view.base_bonds[s], block.motion, scratch.moving, begin, end);
    }
    for (int i = 0; i < view.n_radial_maps; ++i) combine_radial(view.radial_maps[i], B, scratch.nodes);
    for (int i = 0; i < view.n_rank_one_maps; ++i) {
        const RankOneMap& map = view.rank_one_maps[i];
        for (int k = 0; k < map.n_base; ++k)
            for (int p = 0; p < n_density; ++p) {
                double* out = rho + static_cast<std::size_t>(p) * dual_size;
                store(out, load<D>(out) +
                               map.coefficients[k * n_density + p] * load<D>(B + offset(map.first_B + k)));
            }
    }
    with_densities(n_density,
                   [&](auto n) { forward_products<decltype(n)::value, D>(center, scratch.nodes, rho); });
    embed(center, block, rho, dE_drho, e, d, sums);

    std::memset(scratch.adjoints, 0, offset(center.n_nodes) * sizeof(double));
    with_densities(n_density, [&](auto n) {
        constexpr int ND = decltype(n)::value;
        backward_products<ND, D>(center, scratch.nodes, scratch.adjoints, dE_drho,
                                 CoefficientGradient<ND, V, double>(n_density, e, d, sums.coefficients));
    });
    const auto weight = load<V>(block.energy_weight);
    if (view.radial_wanted)
        for (int i = 0; i < view.n_radial_maps; ++i)
            add_radial_gradient(view.radial_maps[i], B, scratch.adjoints, weight, sums.radial);
    for (int i = 0; i < view.n_rank_one_maps; ++i) {
        const RankOneMap& map = view.rank_one_maps[i];
        double* out = sums.rank_one + map.gradient * W;
        for (int k = 0; k < map.n_base; ++k) {
            const auto b = load<D>(B + offset(map.first_B + k));
            for (int p = 0; p < n_density; ++p, out += W)
                store(out, load<V>(out) + load<V>(e + p * W) * b.value + load<V>(d + p * W) * b.tangent);
        }
    }
}

constexpr training::KernelTable table{W, add_gradient};

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA

namespace tektite::ace::training {

const KernelTable& kernels(isa::TEKTITE_ISA<KernelTable>) {
    return ace::TEKTITE_ISA::table;
}

}  // namespace tektite::ace::training
