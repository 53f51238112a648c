// SPDX-License-Identifier: BSD-3-Clause
// The .mlip container: safetensors (an 8-byte little-endian header length, a JSON header, raw arrays).
//
// The header's __metadata__ holds one key, "tektite", whose value is a JSON text with at least
//   format_version (int), family, elements, cutoff, units.
// docs/file-format.md has every key and array.
// Array names are "<prefix>name"; the children of a sum have prefixes "0.", "1.", ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tektite/potential.hpp"

namespace tektite {

/// The newest format version that this program reads and the one that it writes.
inline constexpr int model_format_version = 1;

/// One array, owned. Data are little-endian as in the file; only F64, F32, I64 and I32 are accepted.
struct Array {
    enum class Type { float64, float32, int64, int32 };
    Type type = Type::float64;
    std::vector<std::int64_t> shape;
    std::vector<double> reals;           ///< values of float64 and float32 arrays
    std::vector<std::int64_t> integers;  ///< values of int64 and int32 arrays
    [[nodiscard]] std::int64_t size() const;
};

/// A model file in memory: checked metadata (JSON text) and arrays.
struct ModelFile {
    std::string path;      ///< for messages
    std::string metadata;  ///< JSON text (the value of __metadata__["tektite"])
    std::map<std::string, Array> arrays;

    /// Reads and checks a .mlip file: header length, JSON, every dtype, shape and offset, no overlap, no
    /// gap, no excess bytes, finite floats. Throws Error(file_not_found | file_damaged | version_too_new).
    static ModelFile read(const std::string& path);
    static ModelFile parse(std::span<const std::byte> bytes, const std::string& path);

    /// The named array with the given number of dimensions. Throws Error(file_damaged) naming file and
    /// array if it is missing, of the other kind or of other rank.
    [[nodiscard]] const Array& reals(const std::string& name, std::size_t n_dimensions) const;
    [[nodiscard]] const Array& integers(const std::string& name, std::size_t n_dimensions) const;
};

/// One reference structure kept in the file, with what the model gave where it was made.
struct ReferenceStructure {
    std::string name;
    std::array<double, 9> cell{};  ///< rows are lattice vectors, angstrom
    std::array<bool, 3> periodic{};
    std::vector<std::int32_t> species;  ///< indices into elements
    std::vector<double> positions;      ///< [n][3]
    double energy = 0;                  ///< eV
    std::vector<double> forces;         ///< [n][3] eV/angstrom
};

/// Deviations found when the reference structures of a file are recomputed.
struct ReferenceCheck {
    std::size_t n_structures = 0;
    double energy_error = 0;  ///< max |dE|/atom, eV
    double force_error = 0;   ///< max component, eV/angstrom
    bool passed = true;       ///< within the tolerance of the precision
    std::string worst;        ///< name of the worst structure
};

/// The reference structures of a model file (arrays "reference.*"); empty if there are none.
std::vector<ReferenceStructure> reference_structures(const ModelFile& file);

/// Recomputes them with the model. Tolerances: 1e-8 eV/atom and 1e-7 eV/angstrom (relative to max(1,
/// |value|)) in double, 1e-4 and 1e-3 in mixed.
ReferenceCheck check_references(const Potential& potential, std::span<const ReferenceStructure> structures,
                                const EvaluationOptions& options);

/// Builds the potential that a model file describes, through the registry of families.
std::shared_ptr<const Potential> make_potential(const ModelFile& file);

/// Reads a .mlip or, converting it in memory, a .yace file.
ModelFile read_model_file(const std::string& path);

}  // namespace tektite
