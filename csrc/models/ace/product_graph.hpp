// SPDX-License-Identifier: BSD-3-Clause
// The products of A that make up the densities of one element, arranged so that little is stored.
#pragma once

#include <cstdint>
#include <vector>

#include "models/ace/parameters.hpp"

namespace tektite::ace {

/// The atomic base A_{s n l m} (m >= 0) that the functions of one centre element use. The radial index is
/// compact: n counts the entries of n_used(s, l). A number: first(s, l) + m * n_used(s, l).size() + n.
struct AtomicBase {
    int n_elements = 0;
    int l_max = -1;                               ///< largest l used; -1 if there is no product at all
    std::vector<std::vector<std::int32_t>> used;  ///< [n_elements * (l_max + 1)] ascending original n
    std::vector<std::int32_t> begin;              ///< [n_elements * (l_max + 1)]
    std::int32_t size = 0;

    [[nodiscard]] const std::vector<std::int32_t>& n_used(int species, int l) const {
        return used[static_cast<std::size_t>(species * (l_max + 1) + l)];
    }
    [[nodiscard]] std::int32_t first(int species, int l) const {
        return begin[static_cast<std::size_t>(species * (l_max + 1) + l)];
    }
    /// Number of A_{species n l m}, m >= 0, n being the original index.
    [[nodiscard]] std::int32_t index(int species, int n, int l, int m) const;
};

AtomicBase atomic_base(const Functions& functions, int center, int n_elements);

/// rho_p = sum over rows of Re[ node * sum over terms c_p (other or conj(other)) ] (+ c_p Re node).
///
/// A row belongs to one node: an A, or a product of two earlier nodes, node = x * y or x * conj(y). Products
/// that some later node or some term refers to are kept; the others exist only while their row is worked on,
/// forward and again backward. Equal products and complex conjugates of each other occur once. Rows are
/// sorted by level and shape (kind, numbers of terms), so that the loops over them are predictable.
struct ProductGraph {
    struct Row {
        std::int32_t x, y;         ///< factors; y = -1: the node is the A or kept product number x itself
        std::int32_t kept;         ///< number under which the product is stored, or -1
        std::int32_t conjugate;    ///< 1: node = x * conj(y)
        std::int32_t n_plain;      ///< terms Re(node * other), first
        std::int32_t n_conjugate;  ///< terms Re(node * conj(other)), after them
        std::int32_t alone;        ///< 1: a coefficient set for Re(node) itself comes before the terms'
    };
    std::int32_t n_base = 0;   ///< numbers below are A
    std::int32_t n_nodes = 0;  ///< A and kept products
    int n_density = 0;
    std::vector<Row> rows;
    std::vector<std::int32_t> others;  ///< [n_terms] numbers
    std::vector<double> coefficients;  ///< [n_terms + number of `alone` rows][n_density], in the order of use
    std::size_t n_products = 0;        ///< distinct products in the functions, for information

    /// Coefficient set i is the sum over k in [source_begin[i], source_begin[i + 1]) of source_sign[k] times
    /// the coefficients of term source_term[k] of the functions: what a change of theirs does to it.
    std::vector<std::size_t> source_begin, source_term;
    std::vector<double> source_sign;
};

ProductGraph product_graph(const Functions& functions, const AtomicBase& base, int center, int n_density,
                           int n_density_max);

}  // namespace tektite::ace
