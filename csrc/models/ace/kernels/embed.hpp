// SPDX-License-Identifier: BSD-3-Clause
// From densities to the energy of a centre: embedding, core repulsion and the switch between the two.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/host_device.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::ace::TEKTITE_ISA {
namespace {

/// 1 for x <= cutoff - width, 0 for x >= cutoff: the quintic of basis/ace_radial.hpp.
TEKTITE_HOST_DEVICE inline void step_function(double x, double cutoff, double width, double& value,
                                              double& slope) {
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
TEKTITE_NOINLINE TEKTITE_HOST_DEVICE void embed(const CenterView<T>& center, const double* rho,
                                                const double* core, const double* distance, T* dE_drho,
                                                T* dE_dcore, double* dE_ddistance, double* energies,
                                                double* keep_out) {
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

/// "zbl" only: which edge is the nearest of each lane, in units of its bond's transition width. stride: of
/// the block's arrays.
template <typename T, int W>
TEKTITE_HOST_DEVICE void nearest_edges(const CenterView<T>& center, const BlockView& block, double* distance,
                                       std::ptrdiff_t* nearest, std::ptrdiff_t stride = W,
                                       std::ptrdiff_t species_stride = 1) {
    for (int b = 0; b < W; ++b) {
        distance[b] = 2.0;  // beyond the transition
        nearest[b] = -1;
        double smallest = 0.0;
        for (int s = 0; s < center.n_elements; ++s) {
            const BondView<T>& bond = center.bonds[s];
            for (int k = block.species_begin[s * species_stride];
                 k < block.species_begin[(s + 1) * species_stride]; ++k) {
                const std::ptrdiff_t p = static_cast<std::ptrdiff_t>(k) * stride + b;
                const double r =
                    std::sqrt(block.x[p] * block.x[p] + block.y[p] * block.y[p] + block.z[p] * block.z[p]);
                const double d = r - bond.transition_start;
                if (r >= bond.cutoff || (nearest[b] >= 0 && d >= smallest)) continue;
                smallest = d;
                nearest[b] = p;
                distance[b] = bond.transition_width > 0 ? d / bond.transition_width : 2.0;
            }
        }
    }
}

}  // namespace
}  // namespace tektite::ace::TEKTITE_ISA
