// SPDX-License-Identifier: BSD-3-Clause
// Descriptors of the centres of a cluster, with threads, for hosts that want features and not energies.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "descriptors/block_descriptor.hpp"

namespace tektite {

/// Owns threads and memory, which are kept between calls; one call at a time.
class DescriptorEvaluator {
public:
    virtual ~DescriptorEvaluator() = default;
    /// Instruction set and precision, for logs.
    [[nodiscard]] virtual std::string description() const = 0;

    /// Writes the row of every centre: features[n_atoms][n_features]. Rows of other atoms are not touched.
    virtual void features(const Cluster& cluster, std::span<double> features) = 0;

    /// For E = sum over centres i of adjoint_i . p_i, adjoint[n_atoms][n_features]: adds to forces (-dE/dr),
    /// virial and atom virials of `results` where wanted.
    virtual void gradient(const Cluster& cluster, std::span<const double> adjoint,
                          const Results& results) = 0;

    /// A motion of atoms and cells: edge r_ij of centre i moves by v_j - v_i + strain . r_ij.
    struct Motion {
        std::span<const double> displacements;  ///< v [n_atoms][3]
        std::span<const double> strains;        ///< [n_systems][3][3], row-major
        std::span<const std::int32_t> system;   ///< [n_atoms] which strain is that of each atom's edges
    };
    /// Directional derivatives of the features along a motion: tangents[n_atoms][n_features], written for
    /// centres. What double backpropagation needs: the derivative of the result of gradient() with respect to
    /// the adjoint, times the motion.
    virtual void tangents(const Cluster& cluster, const Motion& motion, std::span<double> tangents) = 0;

    /// Edges of each atom within the descriptor's cutoffs: counts[n_atoms]; 0 for atoms that are no centres.
    virtual void count_edges(const Cluster& cluster, std::span<std::int64_t> counts) = 0;
    /// Where edge_gradients() writes: the edges of atom i lie in first[i] .. first[i + 1] (sums of
    /// count_edges()).
    struct EdgeGradients {
        std::span<const std::int64_t> first;  ///< [n_atoms + 1]
        std::span<std::int32_t> neighbor;     ///< [n_edges] atom
        std::span<double> vectors;            ///< [n_edges][3] r_ij, angstrom
        std::span<double> gradient;           ///< [n_edges][3][n_features] dp_i/dr_ij, 1/angstrom
    };
    /// Explicit gradients of all features; features[n_atoms][n_features] too.
    virtual void edge_gradients(const Cluster& cluster, std::span<double> features,
                                const EdgeGradients& out) = 0;
};

/// Throws Error(unsupported) if the processor lacks the instruction set asked for. All member functions throw
/// Error(invalid_argument) on spans of a wrong size and what gather_edges throws.
std::unique_ptr<DescriptorEvaluator> make_descriptor_evaluator(std::shared_ptr<const Descriptor> descriptor,
                                                               const EvaluationOptions& options);

}  // namespace tektite
