// SPDX-License-Identifier: BSD-3-Clause
// One block of ACE centres from edges to energies and gradients, compiled once per instruction set.
#include <cstring>
#include <type_traits>

#include "models/ace/kernels/atomic_base.hpp"
#include "models/ace/kernels/committee.hpp"
#include "models/ace/kernels/geometry.hpp"
#include "models/ace/kernels/products.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// 1 for x <= cutoff - width, 0 for x >= cutoff: the quintic of ace/radial.hpp.
inline void step_function(double x, double cutoff, double width, double& value, double& slope) {
    if (x <= cutoff - width || x >= cutoff) {
        value = x >= cutoff ? 0.0 : 1.0;
        slope = 0.0;
        return;
    }
    const double s = 1.0 - 2.0 * (1.0 + (x - cutoff) / width), q = 1.0 - s * s;
    value = 0.5 + 3.75 * s * (0.25 - s * s * (1.0 / 6.0 - s * s * 0.05));
    slope = -1.875 / width * q * q;
}

/// Energy of each lane from its densities; dE_drho: [n_density][W], dE_dcore: [W]; for "zbl" dE_ddistance is
/// the derivative with respect to the smallest distance; keep_out may be null.
template <typename T, int W>
[[gnu::noinline]] void embed(const CenterView<T>& center, const double* rho, const double* core,
                             const double* distance, T* dE_drho, T* dE_dcore, double* dE_ddistance,
                             double* energies, double* keep_out) {
    for (int b = 0; b < W; ++b) {
        double sum = 0.0;
        double slopes[n_density_limit];
        for (int p = 0; p < center.n_density; ++p) {
            double f, df;
            embedding(center.embedding, rho[p * W + b], center.exponents[p], f, df);
            sum += center.prefactors[p] * f;
            slopes[p] = center.prefactors[p] * df;
        }
        const double rho_core = core[b];
        double keep, dkeep;
        if (center.zbl) {
            // distance is r_min - (inner cutoff - width), scaled by the width of that bond by the caller.
            step_function(1.0 - distance[b], 1.0, 1.0, keep, dkeep);
            energies[b] = sum * keep + rho_core * (1.0 - keep);
            dE_dcore[b] = static_cast<T>(1.0 - keep);
            dE_ddistance[b] = -dkeep * (sum - rho_core);
        } else {
            step_function(rho_core, center.rho_core_cutoff, center.drho_core_cutoff, keep, dkeep);
            energies[b] = sum * keep + rho_core;
            dE_dcore[b] = static_cast<T>(1.0 + sum * dkeep);
        }
        energies[b] += center.isolated_energy;
        if (keep_out != nullptr) keep_out[b] = keep;
        for (int p = 0; p < center.n_density; ++p) dE_drho[p * W + b] = static_cast<T>(slopes[p] * keep);
    }
}

/// "zbl" only: which edge is the nearest of each lane, in units of its bond's transition width.
template <typename T, int W>
void nearest_edges(const CenterView<T>& center, const BlockView& block, double* distance,
                   std::ptrdiff_t* nearest) {
    for (int b = 0; b < W; ++b) {
        distance[b] = 2.0;  // beyond the transition
        nearest[b] = -1;
        double smallest = 0.0;
        for (int s = 0; s < center.n_elements; ++s) {
            const BondView<T>& bond = center.bonds[s];
            for (int k = block.species_begin[s]; k < block.species_begin[s + 1]; ++k) {
                const std::ptrdiff_t p = static_cast<std::ptrdiff_t>(k) * W + b;
                const double r = __builtin_sqrt(block.x[p] * block.x[p] + block.y[p] * block.y[p] +
                                                block.z[p] * block.z[p]);
                const double d = r - bond.transition_start;
                if (r >= bond.cutoff || (nearest[b] >= 0 && d >= smallest)) continue;
                smallest = d;
                nearest[b] = p;
                distance[b] = bond.transition_width > 0 ? d / bond.transition_width : 2.0;
            }
        }
    }
}

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
        with_largest_l(bond.l_max, [&](auto l) {
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
        with_largest_l(bond.l_max, [&](auto l) {
            backward_base<decltype(l)::value, T, W>(center, bond, block, scratch, dE_drho, dE_dcore, begin,
                                                    end);
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

}  // namespace

const KernelTable& kernels() {
    static constexpr KernelTable table{native_lanes<double>, native_lanes<float>, compute_double,
                                       compute_float,        committee_double,    committee_float};
    return table;
}

}  // namespace tektite::ace::TEKTITE_ISA
