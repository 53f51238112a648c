// SPDX-License-Identifier: BSD-3-Clause
// The one interface between hosts (ASE, LAMMPS, tests) and model families.
//
// Units everywhere: eV, angstrom. Virial: W_ab = sum_edges -r_a dE/dr_b (eV); the stress of a periodic
// cell of volume V is -W/V in ASE's sign (positive in tension).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tektite/error.hpp"

namespace tektite {

class ThreadPool;

/// `real64`: everything in double. `mixed`: float32 inside a centre's environment, sums in double.
enum class Precision : int { real64 = 0, mixed = 1 };

/// Instruction set of the CPU kernels. `automatic` takes the best that the processor has, or what
/// the environment variable TEKTITE_ISA names (baseline, avx2, avx512).
enum class InstructionSet : int { automatic = 0, baseline = 1, avx2 = 2, avx512 = 3 };

/// Atoms and edges as a host holds them. Nothing is owned or copied; everything must stay valid during
/// one evaluation. The centres are the atoms whose energies are wanted; the other atoms are there to be
/// their neighbours (LAMMPS ghosts, members of another group). In ASE every atom is a centre and
/// periodic images are edges with a shift.
struct Cluster {
    std::span<const double> positions;      ///< [n_atoms][3], angstrom
    std::span<const std::int32_t> species;  ///< [n_atoms] index into ModelInfo::elements; < 0: the
                                            ///< model does not see this atom
    std::span<const std::int32_t> centers;  ///< [n_centers] atom index of each centre

    /// Edges in compressed rows, indexed by the ATOM index of the centre i: neighbours of i are
    /// neighbor_rows[i][0 .. neighbor_counts[i]), each an atom index after `& neighbor_mask`. Rows may hold
    /// edges beyond the cutoff (a skin). Every centre sees all of its neighbours (full list).
    std::span<const std::int32_t* const> neighbor_rows;  ///< [n_atoms], read for centres only
    std::span<const std::int32_t> neighbor_counts;       ///< [n_atoms], read for centres only
    std::int32_t neighbor_mask = -1;                     ///< LAMMPS marks bonds in the upper bits

    /// Periodic images: the vector of edge k of centre i is
    /// positions[j] + shift_vectors[shift_rows[i][k]] - positions[i]. Empty: no shifts (ghosts).
    std::span<const std::int32_t* const> shift_rows;  ///< [n_atoms] or empty
    std::span<const double> shift_vectors;            ///< [n_shifts][3], angstrom

    [[nodiscard]] std::size_t n_atoms() const { return species.size(); }
};

/// Where the results go. A null pointer or an empty span means "not wanted". Everything is ADDED to what
/// is there, so that several models may share the arrays.
struct Results {
    double* energy = nullptr;               ///< sum over centres, eV
    std::span<double> atom_energies;        ///< [n_atoms], eV; written for centres
    std::span<double> forces;               ///< [n_atoms][3], eV/angstrom; also on non-centres
    double* virial = nullptr;               ///< [9] row-major W_ab = sum r_a f_b, eV
    std::span<double> atom_virials;         ///< [n_atoms][9] row-major, centroid form: -r_a dE_i/dr_b of edge
                                            ///< i->j is given to j, so that sum_j W_j . v_j is the potential
                                            ///< heat flux (Fan et al., PRB 92, 094301 (2015), eq. 20)
    std::span<double> atom_virials_halved;  ///< [n_atoms][6] xx yy zz xy xz yz: half to each end
    std::span<double> atom_uncertainties;   ///< [n_atoms], eV; written for centres where the model has one
};

/// Communication that some models need between their stages; local models ignore it. A host with
/// periodic shifts or one rank passes none.
class Exchange {
public:
    virtual ~Exchange() = default;
    /// Copy `width` doubles per atom from owners to their ghosts. values: [n_atoms][width].
    virtual void forward(std::span<double> values, int width) = 0;
    /// Add `width` doubles per atom from ghosts to their owners.
    virtual void reverse(std::span<double> values, int width) = 0;
    /// Sum over ranks, in place.
    virtual void global_sum(std::span<double> values) = 0;
};

/// What a host may want to know about a model.
struct ModelInfo {
    std::string family;                     ///< "ace", "pair", "sum", ...
    std::vector<std::string> elements;      ///< chemical symbols; their order defines species indices
    double cutoff = 0;                      ///< largest edge that matters, angstrom
    std::vector<double> isolated_energies;  ///< [n_elements], eV; already contained in the energies
    /// [n_elements][n_elements] smallest distance in the training data, angstrom; 0 where unknown.
    std::vector<double> minimum_distances;
    bool has_uncertainty = false;
    std::string metadata;  ///< JSON text of the file's metadata ("{}" if there is none)
};

struct EvaluationOptions {
    Precision precision = Precision::real64;
    InstructionSet instruction_set = InstructionSet::automatic;
    int n_threads = 1;
    /// Threads that the workspaces of a model's parts share, n_threads of them; null: threads of their own.
    std::shared_ptr<ThreadPool> pool;
};

/// All memory that an evaluation needs, kept between calls: after warm-up nothing is allocated. Not
/// shareable between concurrent calls.
class Workspace {
public:
    virtual ~Workspace() = default;
    /// The path taken, for logs: "AVX-512, 8 lanes, double, 1 thread".
    [[nodiscard]] virtual std::string description() const = 0;
    /// Bytes held now.
    [[nodiscard]] virtual std::size_t memory() const = 0;
};

/// A model. Immutable after loading; evaluate() is const and may run concurrently on distinct workspaces.
class Potential {
public:
    virtual ~Potential() = default;
    [[nodiscard]] virtual const ModelInfo& info() const = 0;
    /// Throws Error(unsupported) if the processor lacks the instruction set asked for.
    [[nodiscard]] virtual std::unique_ptr<Workspace> make_workspace(const EvaluationOptions&) const = 0;
    /// Adds to `results`. Throws Error on meaningless input; never returns partial sums silently.
    virtual void evaluate(const Cluster& cluster, const Results& results, Workspace& workspace,
                          Exchange* exchange = nullptr) const = 0;
};

/// Reads a .mlip or a .yace file (told apart by content).
/// Throws Error: file_not_found, file_damaged, version_too_new, unsupported.
std::shared_ptr<const Potential> load_potential(const std::string& path);

}  // namespace tektite
