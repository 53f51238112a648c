// SPDX-License-Identifier: BSD-3-Clause
#include "base/elements.hpp"

#include <algorithm>
#include <array>

#include "tektite/error.hpp"

namespace tektite {

namespace {

constexpr std::array<std::string_view, 118> symbols_by_number = {
    "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl",
    "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
    "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
    "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};

}  // namespace

int atomic_number(std::string_view symbol) {
    const auto found = std::find(symbols_by_number.begin(), symbols_by_number.end(), symbol);
    return found == symbols_by_number.end() ? 0 : static_cast<int>(found - symbols_by_number.begin()) + 1;
}

void check_elements(const std::vector<std::string>& symbols, const std::string& where) {
    if (symbols.empty()) throw Error(ErrorCode::file_damaged, where + ": the list of elements is empty");
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (atomic_number(symbols[i]) == 0) {
            throw Error(ErrorCode::file_damaged, where + ": '" + symbols[i] + "' is not a chemical symbol");
        }
        if (std::find(symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(i), symbols[i]) !=
            symbols.begin() + static_cast<std::ptrdiff_t>(i)) {
            throw Error(ErrorCode::file_damaged, where + ": element " + symbols[i] + " is listed twice");
        }
    }
}

}  // namespace tektite
