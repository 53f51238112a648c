// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/product_graph.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>

namespace tektite::ace {

std::int32_t AtomicBase::index(int species, int n, int l, int m) const {
    const auto& list = n_used(species, l);
    const auto place = std::lower_bound(list.begin(), list.end(), n) - list.begin();
    return first(species, l) + m * static_cast<std::int32_t>(list.size()) + static_cast<std::int32_t>(place);
}

AtomicBase atomic_base(const Functions& functions, int center, int n_elements) {
    AtomicBase base;
    base.n_elements = n_elements;
    const auto for_each_factor = [&](auto&& visit) {
        std::size_t factor = 0;
        for (std::size_t f = 0; f < functions.rank.size(); ++f) {
            const auto rank = static_cast<std::size_t>(functions.rank[f]);
            for (std::size_t t = factor; t < factor + rank; ++t)
                if (functions.center[f] == center && rank > 1)
                    visit(functions.species[t], functions.n[t], functions.l[t]);
            factor += rank;
        }
    };
    for_each_factor([&](int, int, int l) { base.l_max = std::max(base.l_max, l); });
    std::vector<std::set<std::int32_t>> used(static_cast<std::size_t>(n_elements * (base.l_max + 1)));
    for_each_factor(
        [&](int s, int n, int l) { used[static_cast<std::size_t>(s * (base.l_max + 1) + l)].insert(n); });
    for (std::size_t k = 0; k < used.size(); ++k) {
        base.used.emplace_back(used[k].begin(), used[k].end());
        base.begin.push_back(base.size);
        const int l = static_cast<int>(k) % (base.l_max + 1);
        base.size += static_cast<std::int32_t>(used[k].size()) * (l + 1);
    }
    return base;
}

namespace {

/// A product as the sorted list of its factors; a factor is 2 * (number of A) + (1 if conjugated).
using Key = std::u16string;

/// One product with its coefficients for every density.
struct Output {
    Key key;
    std::vector<double> coefficients;
    std::vector<std::pair<std::size_t, double>> sources;  // terms of the functions, and their signs
};

class Builder {
public:
    Builder(const Functions& functions, const AtomicBase& base, int center, int n_density, int n_density_max)
        : base_(base), n_density_(static_cast<std::size_t>(n_density)) {
        complex_.assign(static_cast<std::size_t>(base.size), 0);
        for (int s = 0; s < base.n_elements; ++s)
            for (int l = 0; l <= base.l_max; ++l) {
                const auto n = static_cast<std::int32_t>(base.n_used(s, l).size());
                for (std::int32_t a = base.first(s, l) + n; a < base.first(s, l) + n * (l + 1); ++a)
                    complex_[static_cast<std::size_t>(a)] = 1;
            }
        collect(functions, center, static_cast<std::size_t>(n_density_max));
    }

    ProductGraph build() {
        std::size_t max_order = 0;
        for (const Output& o : outputs_) max_order = std::max(max_order, o.key.size());
        for (std::size_t order = max_order; order >= 2; --order) cover(order);
        return arrange();
    }

private:
    struct Node {
        Key x, y;           // factors as they stand in the key; y empty for an A
        bool flip = false;  // the value stored is the conjugate of the key's
        bool kept = false;
        int level = 0;
        std::vector<std::pair<std::size_t, Key>> terms;  // outputs = this node * one more factor
        std::ptrdiff_t alone = -1;                       // output equal to this node
    };

    [[nodiscard]] Key conjugate(const Key& key) const {
        Key out = key;
        for (auto& letter : out)
            if (complex_[letter >> 1]) letter ^= 1;
        std::sort(out.begin(), out.end());
        return out;
    }
    [[nodiscard]] Key canonical(const Key& key) const { return std::min(key, conjugate(key)); }
    [[nodiscard]] static Key without(const Key& key, std::size_t position) {
        Key out = key;
        out.erase(position, 1);
        return out;
    }

    void collect(const Functions& functions, int center, std::size_t stride) {
        std::map<Key, Output> sums;
        std::size_t factor = 0, m_index = 0, term = 0;
        for (std::size_t f = 0; f < functions.rank.size(); ++f) {
            const auto rank = static_cast<std::size_t>(functions.rank[f]);
            const auto n_terms = static_cast<std::size_t>(functions.n_terms[f]);
            if (functions.center[f] == center && rank > 1)
                for (std::size_t k = 0; k < n_terms; ++k) {
                    Key key;
                    double sign = 1.0;
                    for (std::size_t t = 0; t < rank; ++t) {
                        const int m = functions.m[m_index + k * rank + t];
                        if (m < 0 && m % 2 != 0) sign = -sign;  // A_l,-m = (-1)^m conj(A_lm)
                        const std::int32_t a =
                            base_.index(functions.species[factor + t], functions.n[factor + t],
                                        functions.l[factor + t], std::abs(m));
                        key.push_back(static_cast<char16_t>(2 * a + (m < 0 ? 1 : 0)));
                    }
                    std::sort(key.begin(), key.end());
                    Output& sum = sums[canonical(key)];
                    sum.coefficients.resize(n_density_);
                    sum.sources.emplace_back(term + k, sign);
                    for (std::size_t p = 0; p < n_density_; ++p)
                        sum.coefficients[p] += sign * functions.coefficients[(term + k) * stride + p];
                }
            factor += rank;
            m_index += n_terms * rank;
            term += n_terms;
        }
        for (auto& [key, output] : sums) {
            output.key = key;
            outputs_.push_back(std::move(output));
        }
    }

    /// Makes the node of a canonical key (order >= 1) and, first, those of its factors.
    Node& node(const Key& key) {
        if (const auto found = nodes_.find(key); found != nodes_.end()) return found->second;
        if (key.size() == 1) return nodes_[key];
        // Split off the factor that leaves a product already there, preferably one already kept.
        std::size_t best = 0;
        int best_score = -1;
        for (std::size_t t = 0; t < key.size(); ++t) {
            const auto found = nodes_.find(canonical(without(key, t)));
            const int score = found == nodes_.end() ? 0 : found->second.kept ? 2 : 1;
            if (score > best_score) {
                best = t;
                best_score = score;
            }
        }
        const Key x = without(key, best), y(1, key[best]);
        Node& factor = node(canonical(x));
        const bool x_flipped = flipped(x);
        factor.kept = true;
        const int level = factor.level + 1;
        Node& made = nodes_[key];
        made.x = x;
        made.y = y;
        made.flip = x_flipped;
        made.level = level;
        return made;
    }

    /// Whether the value of a raw key is the conjugate of what its node stores.
    [[nodiscard]] bool flipped(const Key& key) const {
        const Key c = canonical(key);
        if (key.size() == 1) return c != key;
        return (c != key) != nodes_.at(c).flip;
    }

    /// Assigns every product of this order to a node with one factor less, few nodes in all: greedy set
    /// cover.
    void cover(std::size_t order) {
        std::vector<std::size_t> open;
        for (std::size_t o = 0; o < outputs_.size(); ++o) {
            if (outputs_[o].key.size() != order) continue;
            if (const auto found = nodes_.find(outputs_[o].key); found != nodes_.end() && order > 1)
                found->second.alone = static_cast<std::ptrdiff_t>(o);
            else
                open.push_back(o);
        }
        struct Candidate {
            Key key;
            std::vector<std::size_t> outputs;
        };
        std::map<Key, std::vector<std::size_t>> containing;
        for (const std::size_t o : open) {
            std::set<Key> parts;
            for (std::size_t t = 0; t < order; ++t) parts.insert(canonical(without(outputs_[o].key, t)));
            for (const Key& part : parts) containing[part].push_back(o);
        }
        std::vector<Candidate> candidates;
        for (auto& [key, list] : containing) candidates.push_back({key, std::move(list)});
        std::vector<char> covered(outputs_.size(), 0);
        constexpr std::size_t bonus = 4;  // a node costs about as much as four terms
        const auto gain = [&](std::size_t c) {
            const auto& list = candidates[c].outputs;
            const auto left = static_cast<std::size_t>(
                std::count_if(list.begin(), list.end(), [&](std::size_t o) { return !covered[o]; }));
            return left == 0 ? 0 : left + (order == 2 || nodes_.contains(candidates[c].key) ? bonus : 0);
        };
        using Entry = std::tuple<std::size_t, std::ptrdiff_t>;  // gain, -candidate: ties go to the first key
        std::priority_queue<Entry> heap;
        for (std::size_t c = 0; c < candidates.size(); ++c)
            heap.emplace(gain(c), -static_cast<std::ptrdiff_t>(c));
        while (!heap.empty()) {
            const auto [stored, negative] = heap.top();
            heap.pop();
            const auto c = static_cast<std::size_t>(-negative);
            const std::size_t now = gain(c);
            if (now == 0) continue;
            if (now < stored) {
                heap.emplace(now, negative);
                continue;
            }
            const Key& key = candidates[c].key;
            node(key);
            for (const std::size_t o : candidates[c].outputs) {
                if (covered[o]) continue;
                covered[o] = 1;
                const Key& product = outputs_[o].key;
                for (std::size_t t = 0; t < order; ++t)
                    if (canonical(without(product, t)) == key) {
                        nodes_[key].terms.emplace_back(o, Key(1, product[t]));
                        break;
                    }
            }
        }
    }

    /// Whether output o = node * other takes the conjugate of the other's stored value.
    [[nodiscard]] bool conjugated(std::size_t o, const Key& other) const {
        Key rest = outputs_[o].key;
        rest.erase(rest.find(other[0]), 1);
        return flipped(rest) != flipped(other);
    }

    ProductGraph arrange() {
        ProductGraph graph;
        graph.n_base = base_.size;
        graph.n_density = static_cast<int>(n_density_);
        graph.n_products = outputs_.size();
        graph.source_begin.push_back(0);
        struct Item {
            const Key* key;
            const Node* node;
            std::vector<std::pair<std::size_t, std::int32_t>> plain, conjugate;  // output, A number
            int conjugate_product = 0;
        };
        std::vector<Item> items;
        for (const auto& [key, n] : nodes_) {
            if (n.level == 0 && n.terms.empty()) continue;
            Item item{&key, &n, {}, {}, 0};
            for (const auto& [o, other] : n.terms)
                (conjugated(o, other) ? item.conjugate : item.plain).emplace_back(o, other[0] >> 1);
            for (auto* list : {&item.plain, &item.conjugate})
                std::sort(list->begin(), list->end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; });
            if (n.level > 0) item.conjugate_product = flipped(n.x) != flipped(n.y);
            items.push_back(std::move(item));
        }
        const auto shape = [](const Item& i) {
            // Neighbouring keys share factors; mixing the rows of one shape puts the updates of one adjoint
            // far apart, so that they do not wait for each other.
            std::uint32_t mixed = 2166136261u;
            for (const char16_t letter : *i.key) mixed = (mixed ^ letter) * 16777619u;
            return std::make_tuple(i.node->level, i.node->kept, i.conjugate_product, i.node->alone >= 0,
                                   i.plain.size(), i.conjugate.size(), mixed);
        };
        std::stable_sort(items.begin(), items.end(),
                         [&](const Item& a, const Item& b) { return shape(a) < shape(b); });
        graph.n_nodes = graph.n_base;
        std::map<Key, std::int32_t> number;
        const auto number_of = [&](const Key& raw) -> std::int32_t {
            return raw.size() == 1 ? raw[0] >> 1 : number.at(canonical(raw));
        };
        for (const Item& item : items) {
            const Node& n = *item.node;
            ProductGraph::Row row{};
            row.conjugate = item.conjugate_product;
            if (n.level == 0) {
                row.x = number_of(*item.key);
                row.y = -1;
                row.kept = -1;
            } else {
                row.x = number_of(n.x);
                row.y = number_of(n.y);
                row.kept = n.kept ? graph.n_nodes++ : -1;
                if (n.kept) number[*item.key] = row.kept;
            }
            row.alone = n.alone >= 0 ? 1 : 0;
            row.n_plain = static_cast<std::int32_t>(item.plain.size());
            row.n_conjugate = static_cast<std::int32_t>(item.conjugate.size());
            const auto append = [&](std::size_t o) {
                graph.coefficients.insert(graph.coefficients.end(), outputs_[o].coefficients.begin(),
                                          outputs_[o].coefficients.end());
                for (const auto& [term, sign] : outputs_[o].sources) {
                    graph.source_term.push_back(term);
                    graph.source_sign.push_back(sign);
                }
                graph.source_begin.push_back(graph.source_term.size());
            };
            if (row.alone) append(static_cast<std::size_t>(n.alone));
            for (const auto* list : {&item.plain, &item.conjugate})
                for (const auto& [o, other] : *list) {
                    append(o);
                    graph.others.push_back(other);
                }
            graph.rows.push_back(row);
        }
        return graph;
    }

    const AtomicBase& base_;
    std::size_t n_density_;
    std::vector<char> complex_;  // [A] m > 0
    std::vector<Output> outputs_;
    std::map<Key, Node> nodes_;  // by canonical key
};

}  // namespace

ProductGraph product_graph(const Functions& functions, const AtomicBase& base, int center, int n_density,
                           int n_density_max) {
    return Builder(functions, base, center, n_density, n_density_max).build();
}

}  // namespace tektite::ace
