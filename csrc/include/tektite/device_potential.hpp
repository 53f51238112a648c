// SPDX-License-Identifier: BSD-3-Clause
// Models on a device (a GPU): the same files, the same numbers, the same Potential interface, and a second
// way to hand over atoms for which no host neighbour list is needed.
//
// The device code is a library of its own, libtektite_cuda.so, which is opened when the first device
// potential is loaded and never before; programs without a device, or builds without nvcc, lose nothing.
// Units: eV, angstrom, as in tektite/potential.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tektite/neighbor_list.hpp"
#include "tektite/potential.hpp"

namespace tektite {

/// Atoms without edges: the device finds the neighbours. The centres are the atoms 0 .. n_centers - 1
/// (LAMMPS: the local atoms; the rest are ghosts). Nothing is owned; everything must stay valid during the
/// call.
struct OpenCluster {
    std::span<const double> positions;  ///< [n_atoms][3], angstrom
    std::span<const std::int32_t>
        species;                 ///< [n_atoms] as in Cluster; < 0: the model does not see this atom
    std::int64_t n_centers = 0;  ///< energies are wanted of the atoms below this number
    /// [n_centers] the energy of each centre counts this many times (LAMMPS: fix adapt), with all that
    /// follows from it; empty: once.
    std::span<const double> center_factors;

    /// Periodic directions, as for NeighborList: images of all n_atoms atoms take part. None where the host
    /// gives images as atoms of their own (ghosts).
    Box box;

    /// The list holds pairs up to cutoff + skin (angstrom, >= 0).
    double skin = 0;
    /// When the list is made anew. 0: whenever atoms and box have moved so far since it was made that a pair
    /// could be missing, or the species, a number of atoms or the periodic directions have changed. Any other
    /// value: when it differs from that of the last call (a host like LAMMPS decides itself: it raises the
    /// number when it makes its ghosts anew; n_atoms, n_centers, species and box.periodic may change only
    /// then).
    std::int64_t list_number = 0;

    [[nodiscard]] std::size_t n_atoms() const { return species.size(); }
};

/// Choices that hold for a device potential as long as it lives. Precision is chosen for each workspace
/// (EvaluationOptions::precision; the instruction set and the number of threads mean nothing here).
struct DeviceOptions {
    int device = 0;  ///< index among the devices that the process sees, 0 .. device_count() - 1
    /// Same input, same bits: forces and per-atom virials are summed as 64-bit integers (docs/cuda.md says
    /// what that costs and how large a force may be). Energies and the total virial always are the same bits.
    bool deterministic = false;
    /// Bytes of device memory for intermediate values of the atoms that are computed together; 0: the smaller
    /// of 2 GiB and an eighth of the device's memory.
    std::int64_t scratch_bytes = 0;
};

/// A model on one device. Everything that Potential promises holds. evaluate(const Cluster&, ...) uploads the
/// host's edges: the way for batches of many small systems (see neighbors/system_batch.hpp).
class DevicePotential : public Potential {
public:
    using Potential::evaluate;
    /// Adds to `results` like the other evaluate(). Arrays in `results` have n_atoms entries; with a periodic
    /// box what belongs to an image is added to its atom. Workspaces hold the neighbour list and may not be
    /// shared between systems that are simulated in turn without a new list_number.
    ///
    /// Throws Error(invalid_argument): n_centers, sizes or skin meaningless, two atoms at the same place, a
    /// workspace of another model; Error(unknown_species); Error(not_finite) naming an atom;
    /// Error(out_of_memory) saying how many atoms would fit; Error(unsupported) in deterministic mode if a
    /// force is too large; Error(internal) with the driver's message if the device fails (it must not be used
    /// afterwards).
    virtual void evaluate(const OpenCluster& cluster, const Results& results, Workspace& workspace) const = 0;
    /// The closest pair of each two species among centres and their neighbours at the last evaluation of an
    /// OpenCluster: distances[n_elements][n_elements] (angstrom, to 1e-6, centre first; infinity: none within
    /// the list) and the atom that is the centre (-1: none). Costs about as much as reading the list once.
    /// Throws Error(invalid_argument) on wrong sizes or a workspace of another model.
    virtual void closest_pairs(Workspace& workspace, std::span<double> distances,
                               std::span<std::int32_t> centers) const = 0;
    /// After an evaluate() of an OpenCluster with the list_number of the one before: the first atom that is
    /// more than skin/2 from where it was when the list was made, so that pairs may have been missed; -1:
    /// none. Throws Error(invalid_argument) on a workspace of another model.
    [[nodiscard]] virtual std::int64_t atom_beyond_skin(Workspace& workspace) const = 0;
    /// "NVIDIA H200, sm_90, 132 multiprocessors, device 0"
    [[nodiscard]] virtual const std::string& device_name() const = 0;
};

/// Loads a model file for a device. The workspace's description() gives device, precision, and, after an
/// evaluation, centres and chunks: "NVIDIA H200, sm_90, 132 multiprocessors, device 0, mixed, 1000000 centres
/// in 8 chunks"; its memory() gives bytes on the device.
///
/// Throws what load_potential() throws; Error(unsupported), saying which it is and what to do, if the device
/// library is not found or of another build, if there is no driver or no such device, or if the device side
/// lacks the family or a part of this model (named).
std::shared_ptr<const DevicePotential> load_device_potential(const std::string& path,
                                                             const DeviceOptions& options = {});

/// Names of the devices that can be used, as DevicePotential::device_name(). Throws Error(unsupported) like
/// load_device_potential().
std::vector<std::string> device_names();

}  // namespace tektite
