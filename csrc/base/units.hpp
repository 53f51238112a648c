// SPDX-License-Identifier: BSD-3-Clause
// Physical constants in the engine's units (eV, angstrom).
#pragma once

namespace tektite::units {

/// CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010 (2021)).
inline constexpr double bohr = 0.529177210903;      ///< angstrom
inline constexpr double hartree = 27.211386245988;  ///< eV
inline constexpr double coulomb = hartree * bohr;   ///< e^2/(4 pi epsilon_0), eV angstrom

}  // namespace tektite::units
