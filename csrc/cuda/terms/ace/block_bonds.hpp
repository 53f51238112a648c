// SPDX-License-Identifier: BSD-3-Clause
// Tables of bonds for blocks of threads: radial functions in groups of four, A in an order that threads read
// 16 bytes at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/runtime/arena.hpp"
#include "models/ace/kernels/views.hpp"

namespace tektite::cuda {

/// What one thread adds to A: `width` (4 or 2) neighbouring radial functions times one harmonic.
struct BaseItem {
    std::uint16_t column, harmonic, width, unused = 0;
    std::int32_t A;  ///< first of the padded A
};

/// One (centre, neighbour) pair of species. Radial functions of each l begin at a multiple of four columns
/// and are padded with zeros to an even number, and so are A of each (l, m).
template <typename T>
struct BlockBond {
    int n_segments;
    const double* start;          ///< [n_segments]
    const double* inverse_width;  ///< [n_segments]
    const int* first_bin;         ///< [n_segments + 1]
    double cutoff;
    int row;                  ///< columns of a table row, a multiple of four
    const T* coefficients;    ///< [n_bins + 1][6][row]
    int l_max;                ///< -1: none
    const int* width;         ///< [l_max + 1] radial functions, even
    const int* first_column;  ///< [l_max + 1]
    const int* first_A;       ///< [l_max + 1] (l, m) begins at first_A[l] + m width[l]
    int n_items;
    const BaseItem* items;
    int density_column, core_column;  ///< -1: none
    double transition_width;          ///< "zbl"
};

/// All bonds of one centre species.
template <typename T>
struct BlockBonds {
    const BlockBond<T>* bonds;  ///< [n_elements]
    int n_padded;               ///< padded A of all bonds
    const std::int32_t* A;      ///< [n_padded] number of A, -1: padding
    int row_max;                ///< the longest row
};

template <typename T>
BlockBonds<T> block_bonds(Tables& device, const ace::CenterView<T>& host);

}  // namespace tektite::cuda
