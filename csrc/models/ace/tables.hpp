// SPDX-License-Identifier: BSD-3-Clause
// Everything that evaluating an ACE potential needs, computed once when it is loaded.
#pragma once

#include <memory>
#include <vector>

#include "basis/radial_table.hpp"
#include "basis/spherical_harmonics.hpp"
#include "models/ace/kernels/views.hpp"
#include "models/ace/parameters.hpp"
#include "models/ace/product_graph.hpp"

namespace tektite::ace {

/// Where the columns of a bond's radial table are.
struct BondLayout {
    int l_max = -1;
    std::vector<int> n_radial, first_column, first_A;  ///< [l_max + 1]
    int density_column = -1;
    int core_column = -1;
    int n_columns = 0;
    RadialFunctions functions;  ///< all columns, for tabulate()
};

/// Tables of one centre element.
struct CenterTables {
    AtomicBase base;
    ProductGraph graph;
    std::vector<ProductRow> rows;
    std::vector<BondLayout> bonds;  ///< [n_elements]
};

/// Owns the tables in one precision and gives the kernels' views of them.
template <typename T>
class CenterViews {
public:
    CenterViews(const Parameters& parameters, const std::vector<CenterTables>& tables);
    [[nodiscard]] const CenterView<T>& view(int center) const {
        return views_[static_cast<std::size_t>(center)];
    }
    [[nodiscard]] int row_max() const { return row_max_; }
    [[nodiscard]] int n_nodes_max() const { return n_nodes_max_; }
    [[nodiscard]] int l_max() const { return l_max_; }

private:
    struct Owned {
        std::vector<RadialTable> tables;       // one a bond
        std::vector<AlignedVector<T>> radial;  // their coefficients
        std::vector<BondView<T>> bonds;
        AlignedVector<T> coefficients;
    };
    std::vector<T> a_, b_, slope_, diagonal_;
    std::vector<Owned> owned_;
    std::vector<CenterView<T>> views_;
    int row_max_ = 0, n_nodes_max_ = 0, l_max_ = 0;
};

/// Tables of all centre elements; atomic_numbers: of the elements ("zbl" cores). `parameters` must outlive
/// them.
std::vector<CenterTables> make_tables(const Parameters& parameters, const std::vector<int>& atomic_numbers);

}  // namespace tektite::ace
