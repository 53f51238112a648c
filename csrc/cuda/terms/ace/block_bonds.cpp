// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/terms/ace/block_bonds.hpp"

#include <algorithm>

#include "basis/spherical_harmonics.hpp"

namespace tektite::cuda {

namespace {

int padded(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

/// Where each column of a padded row comes from, -1: nowhere.
template <typename T>
std::vector<int> columns(const ace::BondView<T>& host, int n_density, std::vector<int>& width,
                         std::vector<int>& first_column, BlockBond<T>& bond) {
    std::vector<int> source;
    for (int l = 0; l <= host.l_max; ++l) {
        const int n = host.n_radial[l];
        width.push_back(padded(n, 2));
        first_column.push_back(static_cast<int>(source.size()));
        for (int k = 0; k < padded(n, 4); ++k) source.push_back(k < n ? host.first_column[l] + k : -1);
    }
    bond.density_column = bond.core_column = -1;
    if (host.density_column >= 0) {
        bond.density_column = static_cast<int>(source.size());
        for (int p = 0; p < n_density; ++p) source.push_back(host.density_column + p);
    }
    if (host.core_column >= 0) {
        bond.core_column = static_cast<int>(source.size());
        source.push_back(host.core_column);
    }
    source.resize(static_cast<std::size_t>(padded(static_cast<int>(source.size()), 4)), -1);
    return source;
}

}  // namespace

template <typename T>
BlockBonds<T> block_bonds(Tables& device, const ace::CenterView<T>& host) {
    BlockBonds<T> out{};
    std::vector<BlockBond<T>> bonds;
    std::vector<std::int32_t> A;
    for (int s = 0; s < host.n_elements; ++s) {
        const ace::BondView<T>& from = host.bonds[s];
        BlockBond<T> bond{};
        const auto n_segments = static_cast<std::size_t>(from.n_segments);
        bond.n_segments = from.n_segments;
        bond.start = device.put(from.start, n_segments);
        bond.inverse_width = device.put(from.inverse_width, n_segments);
        bond.first_bin = device.put(from.first_bin, n_segments + 1);
        bond.cutoff = from.cutoff;
        bond.l_max = from.l_max;
        bond.transition_width = from.transition_width;
        std::vector<int> width, first_column, first_A;
        const std::vector<int> source = columns(from, host.n_density, width, first_column, bond);
        bond.row = static_cast<int>(source.size());
        const auto n_rows = (static_cast<std::size_t>(from.first_bin[from.n_segments]) + 1) * 6;
        std::vector<T> coefficients(n_rows * source.size());
        for (std::size_t k = 0; k < n_rows; ++k)
            for (std::size_t c = 0; c < source.size(); ++c)
                if (source[c] >= 0)
                    coefficients[k * source.size() + c] =
                        from.coefficients[k * static_cast<std::size_t>(from.row) +
                                          static_cast<std::size_t>(source[c])];
        std::vector<BaseItem> items;
        for (int l = 0; l <= from.l_max; ++l) {
            const int w = width[static_cast<std::size_t>(l)], n = from.n_radial[l];
            first_A.push_back(static_cast<int>(A.size()));
            const auto first = static_cast<std::int32_t>(A.size());
            for (int k = 0; k < w; k += 4)
                for (int m = 0; m <= l; ++m)
                    items.push_back(
                        {static_cast<std::uint16_t>(first_column[static_cast<std::size_t>(l)] + k),
                         static_cast<std::uint16_t>(lm_index(l, m)),
                         static_cast<std::uint16_t>(std::min(w - k, 4)), 0, first + m * w + k});
            for (int m = 0; m <= l; ++m)
                for (int k = 0; k < w; ++k) A.push_back(k < n ? from.first_A[l] + m * n + k : -1);
        }
        bond.coefficients = device.put(coefficients.data(), coefficients.size());
        bond.width = device.put(width.data(), width.size());
        bond.first_column = device.put(first_column.data(), first_column.size());
        bond.first_A = device.put(first_A.data(), first_A.size());
        bond.n_items = static_cast<int>(items.size());
        bond.items = device.put(items.data(), items.size());
        bonds.push_back(bond);
        out.row_max = std::max(out.row_max, bond.row);
    }
    out.bonds = device.put(bonds.data(), bonds.size());
    out.n_padded = static_cast<int>(A.size());
    out.A = device.put(A.data(), A.size());
    return out;
}

template BlockBonds<float> block_bonds(Tables&, const ace::CenterView<float>&);
template BlockBonds<double> block_bonds(Tables&, const ace::CenterView<double>&);

}  // namespace tektite::cuda
