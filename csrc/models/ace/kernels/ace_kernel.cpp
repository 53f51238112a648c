// SPDX-License-Identifier: BSD-3-Clause
// One block of ACE centres from edges to energies and gradients, compiled once per instruction set.
#include <cstring>
#include <type_traits>

#include "base/simd.hpp"
#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/committee.hpp"
#include "models/ace/kernels/embed.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/products.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

template <typename T, int W>
void compute(const CenterView<T>& center, const BlockView& block, const Scratch<T>& scratch, double* energies,
             double* keep) {
    using V = Vector<T, W>;
    // Sums of many terms that may cancel: in double, whatever T is.
    alignas(64) double rho[n_density_limit * W] = {};
    alignas(64) double core[W] = {};
    std::memset(scratch.nodes, 0, static_cast<std::size_t>(center.n_base) * 2 * W * sizeof(T));
    for (int s = 0; s < center.n_elements; ++s) {
        const BondView<T>& bond = center.bonds[s];
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end) continue;
        locate_edges<T, W>(bond, block, scratch, begin, end);
        with_largest_l<unrolled_l>(bond.l_max, [&](auto l) {
            forward_base<decltype(l)::value, V>(
                center, bond, scratch, begin, end,
                [&](int step) __attribute__((always_inline)) { radial_rows<T, W>(bond, scratch, step); });
        });
        for (int k = begin; k < end; ++k) {
            const T* row = scratch.radial + static_cast<std::size_t>(k) * scratch.row_max * W;
            if (bond.density_column >= 0)
                for (int p = 0; p < center.n_density; ++p)
                    add_in_double<T>(rho + p * W, load<V>(row + (bond.density_column + p) * W));
            if (bond.core_column >= 0) add_in_double<T>(core, load<V>(row + bond.core_column * W));
        }
    }
    with_densities(center.n_density,
                   [&](auto n) { forward_products<decltype(n)::value, V>(center, scratch.nodes, rho); });

    double distance[W], dE_ddistance[W];
    std::ptrdiff_t nearest[W];
    if (center.zbl) nearest_edges<T, W>(center, block, distance, nearest);
    alignas(64) T dE_drho[n_density_limit * W], dE_dcore[W];
    embed<T, W>(center, rho, core, distance, dE_drho, dE_dcore, dE_ddistance, energies, keep);

    std::memset(scratch.adjoints, 0, static_cast<std::size_t>(center.n_nodes) * 2 * W * sizeof(T));
    with_densities(center.n_density, [&](auto n) {
        backward_products<decltype(n)::value, V>(center, scratch.nodes, scratch.adjoints, dE_drho);
    });
    for (int s = 0; s < center.n_elements; ++s) {
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end) continue;
        const BondView<T>& bond = center.bonds[s];
        with_largest_l<unrolled_l>(bond.l_max, [&](auto l) {
            backward_base<decltype(l)::value, V>(center, bond, block, scratch, dE_drho, dE_dcore, begin, end,
                                                 KeptRows{});
        });
        if (!center.zbl || !(bond.transition_width > 0)) continue;
        for (int b = 0; b < W; ++b) {
            const std::ptrdiff_t p = nearest[b];
            if (p < static_cast<std::ptrdiff_t>(begin) * W || p >= static_cast<std::ptrdiff_t>(end) * W)
                continue;
            const double r =
                __builtin_sqrt(block.x[p] * block.x[p] + block.y[p] * block.y[p] + block.z[p] * block.z[p]);
            const double slope = dE_ddistance[b] / (bond.transition_width * r);
            block.dE_dx[p] += slope * block.x[p];
            block.dE_dy[p] += slope * block.y[p];
            block.dE_dz[p] += slope * block.z[p];
        }
    }
}

/// Adds the rank-1 functions of all edges.
template <typename T, int W>
void add_rank_one(const CenterView<T>& center, const CommitteeView<T>& committee, const BlockView& block,
                  const Scratch<T>& scratch, double* densities) {
    using V = Vector<T, W>;
    for (int s = 0; s < center.n_elements; ++s) {
        const BondView<T>& bond = committee.base_bonds[s];
        const int begin = block.species_begin[s], end = block.species_begin[s + 1];
        if (begin == end || bond.n_columns == 0) continue;
        locate_edges<T, W>(bond, block, scratch, begin, end);
        for (int step = begin; step < end; ++step) radial_rows<T, W>(bond, scratch, step);
        const T* c = committee.rank_one[s];
        for (int k = 0; k < bond.n_columns; ++k, c += committee.n_columns) {
            V sum = V{};
            for (int step = begin; step < end; ++step)
                sum += load<V>(scratch.radial +
                               (static_cast<std::size_t>(step) * static_cast<std::size_t>(scratch.row_max) +
                                static_cast<std::size_t>(k)) *
                                   W);
            for (int i = 0; i < committee.n_columns; ++i)
                add_in_double<T>(densities + static_cast<std::ptrdiff_t>(i) * W, c[i] * sum);
        }
    }
}

/// Sample standard deviation of the members' energies.
template <typename T, int W>
void deviations(const CenterView<T>& center, const CommitteeView<T>& committee, const BlockView& block,
                const Scratch<T>& scratch, const double* keep, double* densities, double* uncertainties) {
    using V = Vector<T, W>;
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(committee.n_columns) * W; ++i)
        densities[i] = 0.0;
    add_all_products<V>(center, committee, scratch.nodes, densities);
    add_rank_one<T, W>(center, committee, block, scratch, densities);
    for (int b = 0; b < W; ++b)
        uncertainties[b] = keep[b] * member_deviation(center, committee, densities + b, W);
}

void compute_double(const CenterView<double>& center, const BlockView& block, const Scratch<double>& scratch,
                    double* energies, double* keep) {
    compute<double, native_lanes<double>>(center, block, scratch, energies, keep);
}

void compute_float(const CenterView<float>& center, const BlockView& block, const Scratch<float>& scratch,
                   double* energies, double* keep) {
    compute<float, native_lanes<float>>(center, block, scratch, energies, keep);
}

void committee_double(const CenterView<double>& center, const CommitteeView<double>& committee,
                      const BlockView& block, const Scratch<double>& scratch, const double* keep,
                      double* densities, double* uncertainties) {
    deviations<double, native_lanes<double>>(center, committee, block, scratch, keep, densities,
                                             uncertainties);
}

void committee_float(const CenterView<float>& center, const CommitteeView<float>& committee,
                     const BlockView& block, const Scratch<float>& scratch, const double* keep,
                     double* densities, double* uncertainties) {
    deviations<float, native_lanes<float>>(center, committee, block, scratch, keep, densities, uncertainties);
}

constexpr KernelTable table{native_lanes<double>, native_lanes<float>, compute_double,
                            compute_float,        committee_double,    committee_float};

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA

namespace tektite::ace {

const KernelTable& kernels(isa::TEKTITE_ISA<KernelTable>) {
    return TEKTITE_ISA::table;
}

}  // namespace tektite::ace
