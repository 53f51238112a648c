// SPDX-License-Identifier: BSD-3-Clause
// Modified spherical Bessel functions of the first kind.
#pragma once

namespace tektite {

/// exp(-x) i_l(x) and exp(-x) i_l'(x) for l = 0 .. l_max, x >= 0: a series where x is small, else the
/// recursion from high to low l, which is stable, normalised by l = 0. Relative accuracy about 1e-14.
void scaled_bessel(int l_max, double x, double* value, double* slope);

}  // namespace tektite
