// SPDX-License-Identifier: BSD-3-Clause
// The densities of an ACE centre as quadratic forms, for threads that share the stored products of a centre.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/ace/product_graph.hpp"

namespace tektite::ace {

/// rho_p = sum over pairs of c_p Re(z_a z_b) or c_p Re(z_a conj(z_b)), where z are the A and stored products
/// of them: every product of the model is split into two stored ones.
///
/// ProductGraph is for one thread that walks through all products of a centre: most of its nodes live in
/// registers while their row is worked on. Here many threads share a centre: whoever computes the derivative
/// with respect to z_a, sum over its pairs of c_p z_b, also has the densities, rho_p = 1/2 sum over a of
/// z_a . d rho_p/dz_a, and nobody adds to what another thread adds to. The price is that more products are
/// stored, in memory that threads share.
struct PairedProducts {
    /// z = x y or x conj(y); x and y are A or earlier nodes. Node i has number n_base + i.
    struct Node {
        std::int32_t x, y;
        bool conjugate;
    };
    struct Pair {
        std::int32_t a, b;
        bool conjugate;            ///< Re(z_a conj(z_b))
        std::int32_t coefficient;  ///< set of ProductGraph::coefficients
    };
    std::int32_t n_base = 0;
    std::vector<Node> nodes;
    /// Nodes [level_begin[k], level_begin[k + 1]) need those of earlier levels only.
    std::vector<std::int32_t> level_begin;
    std::vector<Pair> pairs;

    [[nodiscard]] std::int32_t n_stored() const { return n_base + static_cast<std::int32_t>(nodes.size()); }
};

/// Stores few products: those that let the most others be split are taken first (greedy cover, by order of
/// the products).
PairedProducts paired_products(const ProductGraph& graph, const AtomicBase& base);

}  // namespace tektite::ace
