// SPDX-License-Identifier: BSD-3-Clause
// What evaluating the committee of an ACE potential needs, computed once when it is loaded.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "basis/radial_table.hpp"
#include "models/ace/tables.hpp"

namespace tektite::ace {

/// Owns the tables of the committee in one precision. Without a committee there are none.
template <typename T>
class CommitteeViews {
public:
    CommitteeViews(const Parameters& parameters, const std::vector<CenterTables>& tables);
    /// Only if the model has a committee.
    [[nodiscard]] const CommitteeView<T>& view(int center) const {
        return views_[static_cast<std::size_t>(center)];
    }
    [[nodiscard]] bool empty() const { return views_.empty(); }
    [[nodiscard]] int row_max() const { return row_max_; }
    [[nodiscard]] int n_columns_max() const { return n_columns_max_; }

private:
    struct Owned {
        AlignedVector<T> coefficients;
        std::vector<std::vector<T>> rank_one;  // [neighbour]
        std::vector<const T*> rank_one_pointers;
        std::vector<RadialTable> tables;       // [neighbour]
        std::vector<AlignedVector<T>> radial;  // their coefficients
        std::vector<BondView<T>> bonds;
    };
    void add_bond(const Parameters& parameters, int center, int neighbor,
                  const std::vector<double>& coefficients, std::size_t n_columns, Owned& owned);

    std::vector<Owned> owned_;
    std::vector<CommitteeView<T>> views_;
    int row_max_ = 0, n_columns_max_ = 0;
};

}  // namespace tektite::ace
