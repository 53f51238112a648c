// SPDX-License-Identifier: BSD-3-Clause
// ace::PairedProducts as the threads of a block walk through them.
#pragma once

#include <cstdint>
#include <vector>

#include "models/ace/paired_products.hpp"

namespace tektite::cuda {

/// Rows whose entries lie side by side, so that neighbouring threads read neighbouring words.
inline constexpr int list_slice = 32;
/// In numbers of stored products (below 32768): take the conjugate.
inline constexpr std::uint16_t conjugate_bit = 0x8000;

/// One row of a list, or a piece of a long one: entry k is first + k * list_slice.
struct ListPiece {
    std::int32_t first;
    std::uint16_t length;
    std::uint16_t node;  ///< whose row it is
    std::uint16_t slot;  ///< where the sum goes: the node's own, or one beyond the nodes, for further pieces
    std::uint16_t unused = 0;
};

/// Sums of further pieces, which come home to the node.
struct ExtraSlots {
    std::uint16_t node, first, count, unused = 0;
};

/// y (or, with conjugate_bit, conj(y)) times x.
struct StoredProduct {
    std::uint16_t x, y;
};

/// A product `child` of the row's node and `other`: to the node's adjoint comes that of the child times
/// conj(other), or with conjugate_bit set in `other` times other, conjugated after all with conjugate_bit set
/// in `child`.
struct ChildTerm {
    std::uint16_t child, other;
};

struct PairedLists {
    explicit PairedLists(const ace::PairedProducts& paired);

    std::int32_t n_base = 0, n_stored = 0;
    std::int32_t n_slots = 0;  ///< n_stored and those of further pieces
    std::vector<StoredProduct> products;
    std::vector<std::int32_t> level_begin;  ///< [n_levels + 1] into products

    /// d rho_p/dz of every stored product: the longest rows first, one for each product at least.
    std::vector<ListPiece> pair_pieces;
    std::vector<std::uint16_t> pair_others;       ///< [n_pair_entries]
    std::vector<std::int32_t> pair_coefficients;  ///< [n_pair_entries] numbers of sets, -1: not in use
    std::vector<float> pair_weights;              ///< [n_pair_entries] 2 for squares, else 1
    std::vector<ExtraSlots> pair_extras;

    /// Adjoints of the factors of stored products: rows of the nodes of level k (A: 0) are the pieces
    /// [child_begin[k], child_begin[k + 1]). Only rows of A have further pieces.
    std::vector<ListPiece> child_pieces;
    std::vector<std::int32_t> child_begin;  ///< [n_levels + 1]
    std::vector<ChildTerm> child_terms;
    std::vector<ExtraSlots> child_extras;
};

}  // namespace tektite::cuda
