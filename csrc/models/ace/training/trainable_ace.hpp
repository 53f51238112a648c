// SPDX-License-Identifier: BSD-3-Clause
// An ACE whose parameters change: energies and forces of data sets, and exact gradients of losses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "descriptors/ace_basis.hpp"
#include "models/ace/parameters.hpp"
#include "models/ace/training/frames.hpp"
#include "tektite/potential.hpp"

namespace tektite::ace::training {

/// Where each kind of parameter is in the vector of all.
struct ParameterLayout {
    std::size_t n_functions = 0, n_density = 0, n_elements = 0;
    std::vector<std::size_t> radial;  ///< [n_elements^2] first of each bond: [n_max][l_max + 1][n_base]
    std::size_t prefactors = 0;       ///< first of [n_elements][n_density]
    std::size_t exponents = 0;        ///< first of [n_elements][n_density]
    std::size_t size = 0;             ///< coefficients [n_functions][n_density] are the first
};

/// E_i = sum_p w_p F(phi_p; m_p), phi_p = sum_k c_kp B_k, with the functions B_k of a Basis, whose radial
/// functions are R_nl = sum_k c_nlk g_k. Isolated-atom energies and core repulsions are not part of it.
///
/// Energies and forces come from the kernels of inference. For the gradient of a loss L(E, F, W),
///   dL/dtheta = sum_frames dL/dE dE/dtheta + d/dtheta (D E),
/// D E being the derivative of the energy when atoms move by -dL/dF and edges also by -dL/dW . r: no second
/// derivatives are needed beyond those of dual numbers. Tables of the g_k are made once; those of R_nl are
/// linear in them and follow the parameters.
///
/// Not for concurrent use; a call may use several threads, on whose number results do not depend.
class TrainableAce {
public:
    /// bonds: [n_elements][n_elements], centre first, with the first radial coefficients; embeddings:
    /// [n_elements], with the first prefactors and exponents, equally many densities each. radial_fixed: the
    /// gradient with respect to radial coefficients is not wanted and they keep their zeros.
    /// Throws Error(invalid_argument), Error(unsupported) (core repulsions, more than 16 densities) saying
    /// what is wrong.
    TrainableAce(std::shared_ptr<const Basis> basis, std::vector<Bond> bonds,
                 std::vector<Embedding> embeddings, bool radial_fixed,
                 InstructionSet instruction_set = InstructionSet::automatic);
    ~TrainableAce();
    TrainableAce(const TrainableAce&) = delete;
    TrainableAce& operator=(const TrainableAce&) = delete;

    [[nodiscard]] const ParameterLayout& layout() const;
    /// The largest cutoff, angstrom: frames must have at least this.
    [[nodiscard]] double cutoff() const;
    [[nodiscard]] std::span<const double> parameters() const;
    /// Throws Error(invalid_argument) on a wrong size or where a radial_fixed coefficient that was zero is
    /// not, Error(not_finite) naming the first parameter that is not a number.
    void set_parameters(std::span<const double> values);

    /// Energies [indices] (eV), forces [atoms of the frames in this order][3] (eV/angstrom) and virials
    /// [indices][6] (eV; xx yy zz yz xz xy of sum_edges -r_a dE/dr_b; minus volume times stress). Empty
    /// forces or virials: not wanted. All are overwritten. Frames may occur several times.
    /// Throws Error(invalid_argument) on wrong sizes, indices out of range or frames of a smaller cutoff.
    void evaluate(const Frames& frames, std::span<const std::int64_t> indices, int n_threads,
                  std::span<double> energies, std::span<double> forces, std::span<double> virials);

    /// dL/dparameters (overwritten) from dL/denergies [indices], dL/dforces [atoms][3] and dL/dvirials
    /// [indices][6], where an off-diagonal virial counts as the one number that evaluate() returns.
    /// Throws as evaluate().
    void gradient(const Frames& frames, std::span<const std::int64_t> indices, int n_threads,
                  std::span<const double> dL_denergies, std::span<const double> dL_dforces,
                  std::span<const double> dL_dvirials, std::span<double> gradient);

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace tektite::ace::training
