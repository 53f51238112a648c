// SPDX-License-Identifier: GPL-2.0-only
// Notices when two atoms are closer than the training data of the model ever had them.
#pragma once

#include <vector>

namespace tektite_lammps {

/// A neighbour list as LAMMPS holds it: the neighbours of atom centers[k] are rows[i][0 .. counts[i]) with
/// i = centers[k], each an atom index after `& mask`.
struct Neighbors {
    int n_centers = 0;
    const int* centers = nullptr;
    const int* const* rows = nullptr;
    const int* counts = nullptr;
    int mask = -1;
};

/// A pair of atoms (local indices) and its distance (angstrom); first < 0: none.
struct ClosePair {
    int first = -1, second = -1;
    double distance = 0;
    double minimum = 0;  ///< smallest distance of this pair of species in the training data
};

/// Looking at every pair costs about as much as a cheap pair potential, so it is done only when a pair may
/// have become too close since the last look: while no atom has moved by more than half the margin that was
/// left then, none can.
class DistanceGuard {
public:
    /// minimum: [n_species][n_species] angstrom, 0 where unknown. If all are 0, nothing is ever looked at.
    void reset(int n_species, std::vector<double> minimum);

    /// Returns the pair that is furthest below its minimum, if there is one. x: [n_atoms][3] angstrom;
    /// species: [n_atoms], < 0: not looked at. `rebuilt`: the neighbour list or the order of the atoms is
    /// new.
    ClosePair check(const double* x, const int* species, int n_atoms, const Neighbors& neighbors,
                    bool rebuilt);

    /// Whether any minimum is known.
    [[nodiscard]] bool active() const { return active_; }
    [[nodiscard]] double memory() const {
        return static_cast<double>(reference_.capacity() * sizeof(double));
    }

private:
    [[nodiscard]] bool moved(const double* x, int n_atoms) const;

    int n_species_ = 0;
    bool active_ = false;
    std::vector<double> minimum_;
    std::vector<double> reference_;     // positions at the last look
    double allowed_displacement2_ = 0;  // negative: look again at once
};

/// The closest pair of atoms with species >= 0 and finite positions; for messages, since it takes a while.
ClosePair closest_pair(const double* x, const int* species, int n_atoms);

}  // namespace tektite_lammps
