// SPDX-License-Identifier: BSD-3-Clause
// Which functions of a basis a product over m belongs to.
#pragma once

#include <cstddef>
#include <vector>

#include "descriptors/ace_basis.hpp"

namespace tektite::ace {

/// Terms of Basis::combine() as combinations of functions: term t is the sum over k in [begin[t],
/// begin[t + 1]) of value[k] times the coefficients of function[k].
struct TermSources {
    explicit TermSources(const Basis& basis);
    std::vector<std::size_t> begin, function;
    std::vector<double> value;
};

}  // namespace tektite::ace
