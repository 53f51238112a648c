// SPDX-License-Identifier: BSD-3-Clause
// Copies on a device of what the ACE kernels see.
#pragma once

#include <vector>

#include "basis/spherical_harmonics.hpp"
#include "cuda/runtime/arena.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::cuda {

template <typename T>
ace::BondView<T> put(Tables& device, const ace::BondView<T>& host) {
    ace::BondView<T> bond = host;
    if (host.first_bin == nullptr) return bond;  // of a committee: no function there
    const auto n_segments = static_cast<std::size_t>(host.n_segments);
    const auto n_l = static_cast<std::size_t>(host.l_max + 1);
    const auto n_bins = static_cast<std::size_t>(host.first_bin[host.n_segments]) + 1;
    bond.start = device.put(host.start, n_segments);
    bond.inverse_width = device.put(host.inverse_width, n_segments);
    bond.first_bin = device.put(host.first_bin, n_segments + 1);
    bond.coefficients = device.put(host.coefficients, n_bins * 6 * static_cast<std::size_t>(host.row));
    bond.n_radial = device.put(host.n_radial, n_l);
    bond.first_column = device.put(host.first_column, n_l);
    bond.first_A = device.put(host.first_A, n_l);
    return bond;
}

template <typename T>
ace::CenterView<T> put(Tables& device, const ace::CenterView<T>& host) {
    ace::CenterView<T> center = host;
    std::vector<ace::BondView<T>> bonds;
    for (int s = 0; s < host.n_elements; ++s) bonds.push_back(put(device, host.bonds[s]));
    center.bonds = device.put(bonds.data(), bonds.size());
    const auto n_lm = static_cast<std::size_t>(lm_count(host.l_max));
    const auto n_density = static_cast<std::size_t>(host.n_density);
    center.legendre_a = device.put(host.legendre_a, n_lm);
    center.legendre_b = device.put(host.legendre_b, n_lm);
    center.legendre_slope = device.put(host.legendre_slope, n_lm);
    center.legendre_diagonal = device.put(host.legendre_diagonal, static_cast<std::size_t>(host.l_max + 1));
    center.rows = device.put(host.rows, static_cast<std::size_t>(host.n_rows));
    center.others = device.put(host.others, host.n_terms);
    center.coefficients = device.put(host.coefficients, host.n_coefficients * n_density);
    center.prefactors = device.put(host.prefactors, n_density);
    center.exponents = device.put(host.exponents, n_density);
    return center;
}

}  // namespace tektite::cuda
