// SPDX-License-Identifier: BSD-3-Clause
// Environment -> values of the ACE functions B_k, and their exact gradients as rows of a design matrix.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "basis/spherical_harmonics.hpp"
#include "descriptors/ace_basis.hpp"
#include "descriptors/kernels/ace_design.hpp"
#include "tektite/potential.hpp"

namespace tektite::ace {

/// The functions of a Basis for given radial functions. Immutable; all member functions may run concurrently.
class Descriptor {
public:
    /// bonds: [n_elements][n_elements], centre first; their radial functions must cover what the basis uses.
    /// Throws Error(invalid_argument) naming the bond that lacks some.
    Descriptor(std::vector<Bond> bonds, std::shared_ptr<const Basis> basis);

    [[nodiscard]] const Basis& basis() const { return *basis_; }
    [[nodiscard]] const std::vector<Bond>& bonds() const { return bonds_; }
    /// The largest cutoff, angstrom.
    [[nodiscard]] double cutoff() const { return cutoff_; }

    /// Rows of the design matrix of one frame, added to what is there (K = n_functions, N = n_atoms):
    /// energies [K]: sum over centres of B_k; forces [K][N][3]: -dB_k/dr (1/angstrom); virials [K][6]: xx yy
    /// zz yz xz xy of sum_edges -r_a dB_k/dr_b. Empty spans: not wanted; virials only together with forces.
    /// Throws Error(invalid_argument) on wrong sizes or two atoms on the same place.
    void design(const Cluster& cluster, std::span<double> energies, std::span<double> forces,
                std::span<double> virials) const;

    /// B_k of every centre: values [n_centers][K], added to what is there (functions of other centre elements
    /// stay).
    void values(const Cluster& cluster, std::span<double> values) const;

private:
    struct Element {
        std::vector<std::int32_t> shell_begin, shell_radial, shell_l, shell_row, shell_full;
        std::vector<std::int32_t> product_shells;
        std::vector<DesignProduct> products;
        std::vector<int> n_radial, n_rows;                 ///< [n_elements] of each neighbour species
        std::vector<std::vector<int>> radial_n, radial_l;  ///< which function each radial row is; l = -1: g_n
        int n_full = 0, n_adjoint = 0, l_max = 0;
    };
    class Work;

    void prepare_element(int center);
    void compute(const Cluster& cluster, std::int32_t atom, Work& work, const DesignOutput& out) const;

    std::vector<Bond> bonds_;
    std::shared_ptr<const Basis> basis_;
    double cutoff_ = 0;
    std::vector<Element> elements_;
    std::vector<DesignCoupling> couplings_;
    std::vector<std::vector<std::int32_t>> coupling_m_;       ///< shifted by l
    std::vector<std::vector<double>> coupling_coefficients_;  ///< transposed: [n_terms][n_functions]
    std::unique_ptr<LegendreCoefficients> legendre_;
    DesignKernel kernel_ = nullptr;
};

}  // namespace tektite::ace
