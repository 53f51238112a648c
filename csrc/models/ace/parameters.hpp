// SPDX-License-Identifier: BSD-3-Clause
// What an ACE potential is made of, as data: the same for .yace and .mlip.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019); Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "basis/ace_radial.hpp"
#include "descriptors/ace_functions.hpp"
#include "tektite/model_file.hpp"

namespace tektite::ace {

/// Embedding of the densities of one element: E = sum_p prefactor_p F(rho_p; exponent_p), with the core
/// cutoff.
struct Embedding {
    std::string kind;                ///< "FinnisSinclair" or "FinnisSinclairShiftedScaled"
    std::vector<double> prefactors;  ///< [n_density]
    std::vector<double> exponents;   ///< [n_density]
    double rho_core_cutoff = 0;      ///< eV
    double drho_core_cutoff = 0;     ///< eV
    [[nodiscard]] int n_density() const { return static_cast<int>(prefactors.size()); }
};

/// Other coefficients for the same functions: their spread is the uncertainty.
struct Committee {
    int n_members = 0;  ///< 0 (there is none) or 2 .. 256
    /// [sum n_terms][n_members][n_density_max].
    std::vector<double> coefficients;
};

struct Parameters {
    std::vector<std::string> elements;
    std::vector<double> isolated_energies;  ///< E0, eV
    std::vector<Embedding> embeddings;      ///< [n_elements]
    std::vector<Bond> bonds;                ///< [n_elements][n_elements], centre first
    Functions functions;
    Committee committee;
    int n_density_max = 0;
    double delta_spline_bins = 0;  ///< angstrom, of the .yace it came from; kept for the record (0: unknown)
    [[nodiscard]] const Bond& bond(int center, int neighbor) const {
        return bonds[static_cast<std::size_t>(center) * elements.size() + static_cast<std::size_t>(neighbor)];
    }
};

/// Throws Error(file_damaged) naming file and array where sizes, ranges or names do not fit together
/// (|m| <= l, n < n_max or n_base, sum m = 0, species in range, ...).
void validate(const Parameters& parameters, const std::string& path);

/// The bonds of a model or a descriptor: the list `bonds` of `metadata` and the arrays bonds.coefficients and
/// bonds.offsets under `prefix`. where: of the list in the metadata ("descriptor."), for messages. Throws
/// Error(file_damaged) naming what is wrong.
std::vector<Bond> read_bonds(const ModelFile& file, const std::string& prefix, const nlohmann::json& metadata,
                             const std::string& where, const std::vector<std::string>& elements);

/// From the arrays of a .mlip (names as in docs/file-format.md).
Parameters read_parameters(const ModelFile& file, const std::string& prefix, const nlohmann::json& metadata);

/// To a model file in memory: arrays and metadata; what read_parameters reads.
ModelFile to_model_file(const Parameters& parameters, const std::string& path);

/// Reads a .yace file. Throws Error(file_damaged) with file name and line, Error(unsupported).
Parameters read_yace(const std::string& path);

}  // namespace tektite::ace
