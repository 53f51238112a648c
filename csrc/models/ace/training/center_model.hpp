// SPDX-License-Identifier: BSD-3-Clause
// What the kernels need of one centre element while its parameters change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "basis/radial_table.hpp"
#include "basis/spherical_harmonics.hpp"
#include "descriptors/ace_basis.hpp"
#include "models/ace/tables.hpp"
#include "models/ace/term_sources.hpp"
#include "models/ace/training/kernels/views.hpp"
#include "models/ace/training/trainable_ace.hpp"

namespace tektite::ace::training {

/// Sums of one thread over centres of one element, see GradientSums.
struct GradientBuffers {
    AlignedVector<double> coefficients, radial, rank_one;
    std::vector<double> prefactors, exponents;
    [[nodiscard]] GradientSums view() {
        return {coefficients.data(), radial.data(), rank_one.data(), prefactors.data(), exponents.data()};
    }
};

/// The tables of one centre element. The kernels' views point into it and into `base_tables` and `legendre`.
class CenterModel {
public:
    /// parameters: functions with any coefficients; base_tables: [n_elements] g_k of the bonds of this
    /// centre.
    CenterModel(int center, const Parameters& parameters, CenterTables tables, const TermSources& sources,
                const LegendreCoefficients& legendre, std::span<const RadialTable> base_tables,
                const ParameterLayout& layout, bool radial_fixed);
    CenterModel(const CenterModel&) = delete;
    CenterModel& operator=(const CenterModel&) = delete;

    void set_parameters(std::span<const double> values);

    [[nodiscard]] const CenterView<double>& inference() const { return view_; }
    [[nodiscard]] const TrainingView& training() const { return training_view_; }
    [[nodiscard]] int row_max() const { return row_max_; }

    /// Sets the sums for `lanes` lanes to zero.
    void clear(GradientBuffers& buffers, int lanes) const;
    /// Adds the sums to the gradient with respect to all parameters.
    void add_gradient(const GradientBuffers& buffers, int lanes, std::span<double> gradient) const;

private:
    /// Radial function n_of[i] of l of a RadialMap: coefficients of the parameter vector that it has.
    struct RadialSource {
        int neighbor = 0;
        std::vector<std::size_t> first;  // [n_radial] index of c_nl0 in the parameter vector
    };
    struct RankOneSource {
        std::vector<std::size_t> function;  // [n_base]
        std::vector<double> value;          // [n_base] 0: no such function
    };

    void make_maps(int neighbor, const Parameters& parameters);
    void fill_table(std::size_t neighbor);

    int center_;
    ParameterLayout layout_;
    CenterTables tables_;
    bool radial_fixed_;
    std::span<const RadialTable> base_tables_;
    std::vector<std::size_t> slot_begin_, slot_function_;  // coefficients of the graph from functions
    std::vector<double> slot_value_;
    AlignedVector<double> coefficients_;
    std::vector<double> prefactors_, exponents_;
    std::vector<RadialMap> radial_maps_;
    std::vector<RadialSource> radial_sources_;
    std::vector<std::vector<double>> radial_coefficients_;  // of each map
    std::vector<RankOneMap> rank_one_maps_;
    std::vector<RankOneSource> rank_one_sources_;
    std::vector<std::vector<double>> rank_one_coefficients_;                          // of each map
    std::vector<std::vector<int>> base_n_radial_, base_first_column_, base_first_B_;  // [neighbour][l]
    std::vector<AlignedVector<double>> radial_tables_;                                // [neighbour]
    std::vector<BondView<double>> bonds_, base_bonds_;
    std::size_t n_radial_gradient_ = 0, n_rank_one_gradient_ = 0;
    int n_B_ = 0, row_max_ = 0;
    CenterView<double> view_{};
    TrainingView training_view_{};
};

}  // namespace tektite::ace::training
