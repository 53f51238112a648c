// SPDX-License-Identifier: BSD-3-Clause
// The inner loops of the search, for several instruction sets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tektite/potential.hpp"

namespace tektite {

/// Entries that a kernel may read or write beyond the end of its arrays; the number of candidates is a
/// multiple.
inline constexpr std::size_t row_padding = 16;

/// A coordinate (angstrom) farther from all atoms than any cutoff; its square is a finite float.
inline constexpr float far_away = 1e18F;

/// A run of points [begin, end) that follow each other in memory.
struct PointRun {
    std::size_t begin, end;
};

/// Copies runs of points one behind the other, positions in single precision relative to an origin.
struct GatherQuery {
    const double *x, *y, *z;  ///< angstrom
    const std::int32_t *atom, *code;
    double origin_x, origin_y, origin_z;
    const PointRun* runs;
    std::size_t n_runs;
    float *to_x, *to_y, *to_z;
    std::int32_t *to_atom, *to_code;
};
using GatherKernel = void (*)(const GatherQuery& query);

/// Candidates of one atom and the thresholds of their squared distances.
struct RowQuery {
    const float *x, *y, *z;              ///< [n] candidates, angstrom
    const std::int32_t *atom, *code;     ///< [n]
    std::size_t n;                       ///< a multiple of row_padding
    float center_x, center_y, center_z;  ///< angstrom
    float lower, upper;                  ///< angstrom^2
    std::int32_t code_offset;            ///< added to each code
};

/// Writes atom and code + code_offset of every candidate whose squared distance, in single precision, is at
/// most `upper`, in their order, and returns their number; `*uncertain` becomes true if one of them is not
/// below `lower`. The output has room for n + row_padding entries. Which candidates lie between the two may
/// depend on the instruction set.
using RowKernel = std::size_t (*)(const RowQuery& query, std::int32_t* atoms, std::int32_t* codes,
                                  bool* uncertain);

/// The kernels for an instruction set that is not `automatic`.
RowKernel row_kernel(InstructionSet isa);
GatherKernel gather_kernel(InstructionSet isa);

}  // namespace tektite
