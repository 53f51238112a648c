// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/term_sources.hpp"

#include <cstdint>

namespace tektite::ace {

TermSources::TermSources(const Basis& basis) {
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> columns;
    std::vector<double> values;
    basis.coupling_matrix(first, columns, values);
    std::size_t n_terms = 0;
    for (const Product& product : basis.products())
        n_terms += static_cast<std::size_t>(basis.coupling(product).n_terms);
    begin.assign(n_terms + 1, 0);
    for (const std::int32_t term : columns) ++begin[static_cast<std::size_t>(term) + 1];
    for (std::size_t t = 0; t < n_terms; ++t) begin[t + 1] += begin[t];
    function.resize(columns.size());
    value.resize(columns.size());
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    for (std::size_t k = 0; k + 1 < first.size(); ++k)
        for (auto i = static_cast<std::size_t>(first[k]); i < static_cast<std::size_t>(first[k + 1]); ++i) {
            const std::size_t place = next[static_cast<std::size_t>(columns[i])]++;
            function[place] = k;
            value[place] = values[i];
        }
}

}  // namespace tektite::ace
