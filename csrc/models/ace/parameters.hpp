// SPDX-License-Identifier: BSD-3-Clause
// What an ACE potential is made of, as data: the same for .yace and .mlip.
//
// R. Drautz, Phys. Rev. B 99, 014104 (2019); Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tektite/model_file.hpp"

namespace tektite::ace {

/// Radial functions of one ordered pair of species (centre, neighbour).
///   g_k(r), k < n_base: the basis named by `basis`;  R_nl(r) = sum_k coefficients[n][l][k] g_k(r).
struct Bond {
    std::string basis;               ///< "SBessel", "ChebExpCos", "ChebPow", "ChebLinear", "Polynomial"
    std::vector<double> parameters;  ///< of the basis (lambda, ...)
    int n_base = 0;                  ///< number of g_k
    int n_max = 0;                   ///< number of R_nl for each l
    int l_max = 0;
    double cutoff = 0;                 ///< angstrom
    double cutoff_width = 0;           ///< dcut
    double inner_cutoff = 0;           ///< rcut_in
    double inner_cutoff_width = 0;     ///< dcut_in
    std::string inner_cutoff_type;     ///< "distance", "density", "zbl"
    double core_prefactor = 0;         ///< prehc, eV angstrom
    double core_lambda = 0;            ///< lambdahc, 1/angstrom^2
    std::vector<double> coefficients;  ///< [n_max][l_max + 1][n_base]
};

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

/// Basis functions of all elements, flattened. Function f has rank[f] factors (species, n, l) and n_terms[f]
/// products over m; rho_p(f) = sum_terms coefficient[term][p] Re prod_t A_{species_t n_t l_t m_t}.
/// n counts from 0; for rank 1 it counts g_k, otherwise R_nl.
struct Functions {
    std::vector<std::int32_t> center;         ///< [n_functions] species of the centre
    std::vector<std::int32_t> rank;           ///< [n_functions]
    std::vector<std::int32_t> n_terms;        ///< [n_functions]
    std::vector<std::int32_t> species, n, l;  ///< [sum rank]
    std::vector<std::int32_t> m;              ///< [sum n_terms * rank], term-major
    /// [sum n_terms][n_density_max] (densities that the centre lacks are zero).
    std::vector<double> coefficients;
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
