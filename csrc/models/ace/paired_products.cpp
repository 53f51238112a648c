// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/paired_products.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <utility>

namespace tektite::ace {

namespace {

/// A product as the sorted list of its factors: 2 * (number of A) + (1 if conjugated), as in ProductGraph.
using Key = std::u16string;

class Pairing {
public:
    Pairing(const ProductGraph& graph, const AtomicBase& base) : graph_(graph) {
        complex_.assign(static_cast<std::size_t>(base.size), 0);
        for (int s = 0; s < base.n_elements; ++s)
            for (int l = 0; l <= base.l_max; ++l) {
                const auto n = static_cast<std::int32_t>(base.n_used(s, l).size());
                for (std::int32_t a = base.first(s, l) + n; a < base.first(s, l) + n * (l + 1); ++a)
                    complex_[static_cast<std::size_t>(a)] = 1;
            }
        collect();
    }

    PairedProducts pair() {
        std::size_t largest = 0;
        for (const Product& p : products_) largest = std::max(largest, p.key.size());
        for (std::size_t order = 2; order <= largest; ++order) cover(order);
        return number();
    }

private:
    /// A key of two or more factors, which may be stored.
    struct Candidate {
        Key key;
        bool stored = false;
        std::int64_t gain = 0;  // splits of open products that only lack this one
        std::vector<std::size_t> products;
    };
    /// Raw keys of the two parts and, where they have several factors, their candidates, else -1.
    struct Split {
        Key x, y;
        std::ptrdiff_t x_candidate, y_candidate;
    };
    struct Product {
        Key key;
        std::int32_t coefficient;
        std::vector<Split> splits;
        bool open = true;
    };

    [[nodiscard]] Key conjugate(Key key) const {
        for (auto& letter : key)
            if (complex_[letter >> 1]) letter ^= 1;
        std::sort(key.begin(), key.end());
        return key;
    }
    [[nodiscard]] Key canonical(const Key& key) const { return std::min(key, conjugate(key)); }

    /// The products of the graph, from its rows.
    void collect() {
        std::vector<Key> values(static_cast<std::size_t>(graph_.n_nodes));
        for (std::int32_t a = 0; a < graph_.n_base; ++a)
            values[static_cast<std::size_t>(a)] = Key(1, static_cast<char16_t>(2 * a));
        std::size_t other = 0;
        std::int32_t coefficient = 0;
        for (const ProductGraph::Row& row : graph_.rows) {
            Key value = values[static_cast<std::size_t>(row.x)];
            if (row.y >= 0) {
                const Key& y = values[static_cast<std::size_t>(row.y)];
                value += row.conjugate ? conjugate(y) : y;
            }
            std::sort(value.begin(), value.end());
            if (row.kept >= 0) values[static_cast<std::size_t>(row.kept)] = value;
            const auto add = [&](Key key) {
                std::sort(key.begin(), key.end());
                products_.push_back({canonical(key), coefficient++, {}, true});
            };
            if (row.alone) add(value);
            for (int k = 0; k < row.n_plain + row.n_conjugate; ++k) {
                const Key& y = values[static_cast<std::size_t>(graph_.others[other++])];
                add(value + (k < row.n_plain ? y : conjugate(y)));
            }
        }
    }

    /// Every way to cut a key in two, the larger part first. Parts beyond three factors are not cut off:
    /// products of so many are rare, and their ways are many.
    [[nodiscard]] std::vector<Split> splits_of(const Key& key) {
        std::vector<Split> splits;
        std::set<Key> seen;
        const std::size_t n = key.size();
        std::vector<std::size_t> chosen;
        const auto visit = [&](auto&& self, std::size_t first, std::size_t size) -> void {
            if (chosen.size() == size) {
                Key x, y;
                for (std::size_t t = 0, c = 0; t < n; ++t) {
                    const bool taken = c < chosen.size() && chosen[c] == t;
                    (taken ? y : x).push_back(key[t]);
                    c += taken;
                }
                if (!seen.insert(y).second || (2 * size == n && seen.contains(x) && x != y)) return;
                splits.push_back({x, y, candidate(x), candidate(y)});
                return;
            }
            for (std::size_t t = first; t < n; ++t) {
                chosen.push_back(t);
                self(self, t + 1, size);
                chosen.pop_back();
            }
        };
        for (std::size_t size = 1; size <= std::min<std::size_t>(n / 2, 3); ++size) visit(visit, 0, size);
        return splits;
    }

    std::ptrdiff_t candidate(const Key& raw) {
        if (raw.size() == 1) return -1;
        const Key key = canonical(raw);
        const auto [place, added] = numbers_.try_emplace(key, candidates_.size());
        if (added) candidates_.push_back({key, false, 0, {}});
        return static_cast<std::ptrdiff_t>(place->second);
    }
    [[nodiscard]] bool there(std::ptrdiff_t c) const {
        return c < 0 || candidates_[static_cast<std::size_t>(c)].stored;
    }
    [[nodiscard]] bool covered(const Split& s) const { return there(s.x_candidate) && there(s.y_candidate); }
    /// The one candidate that a split lacks; -1 if it lacks none or two.
    [[nodiscard]] std::ptrdiff_t lacks(const Split& s) const {
        const bool x = there(s.x_candidate), y = there(s.y_candidate);
        if (x != y) return x ? s.y_candidate : s.x_candidate;
        return !x && s.x_candidate == s.y_candidate ? s.x_candidate : -1;
    }
    void add_gains(const Product& product, int sign) {
        for (const Split& s : product.splits) {
            const std::ptrdiff_t c = lacks(s);
            if (c < 0) continue;
            std::int64_t& gain = candidates_[static_cast<std::size_t>(c)].gain;
            gain += sign;
            if (sign > 0) heap_.emplace(gain, -c);
        }
    }
    [[nodiscard]] static bool any(const std::vector<Split>& splits, auto&& condition) {
        return std::any_of(splits.begin(), splits.end(), condition);
    }

    void store(std::ptrdiff_t number) {
        const auto c = static_cast<std::size_t>(number);
        if (candidates_[c].stored) return;
        // Its own parts first: those of the split that lacks the fewest.
        const std::vector<Split> splits = splits_of(Key(candidates_[c].key));
        const auto missing = [&](const Split& s) { return !there(s.x_candidate) + !there(s.y_candidate); };
        const Split best = *std::min_element(splits.begin(), splits.end(), [&](const auto& a, const auto& b) {
            return missing(a) < missing(b);
        });
        if (!there(best.x_candidate)) store(best.x_candidate);
        if (!there(best.y_candidate)) store(best.y_candidate);
        const std::vector<std::size_t> affected = candidates_[c].products;
        for (const std::size_t p : affected)
            if (products_[p].open) add_gains(products_[p], -1);
        candidates_[c].stored = true;
        for (const std::size_t p : affected) {
            Product& product = products_[p];
            if (!product.open) continue;
            if (any(product.splits, [&](const Split& s) { return covered(s); }))
                product.open = false;
            else
                add_gains(product, 1);
        }
    }

    void cover(std::size_t order) {
        std::vector<std::size_t> mine;
        for (std::size_t p = 0; p < products_.size(); ++p) {
            Product& product = products_[p];
            if (product.key.size() != order) continue;
            mine.push_back(p);
            product.splits = splits_of(product.key);
            for (const Split& s : product.splits)
                for (const std::ptrdiff_t c : {s.x_candidate, s.y_candidate}) {
                    if (c < 0) continue;
                    auto& list = candidates_[static_cast<std::size_t>(c)].products;
                    if (list.empty() || list.back() != p) list.push_back(p);
                }
            if (any(product.splits, [&](const Split& s) { return covered(s); })) product.open = false;
        }
        for (const std::size_t p : mine)
            if (products_[p].open) add_gains(products_[p], 1);
        std::size_t next = 0;
        while (true) {
            while (!heap_.empty()) {
                const auto [gain, negative] = heap_.top();
                heap_.pop();
                const Candidate& c = candidates_[static_cast<std::size_t>(-negative)];
                if (!c.stored && gain == c.gain && gain > 0) store(-negative);
            }
            // What is left lacks both parts of every split.
            while (next < mine.size() && !products_[mine[next]].open) ++next;
            if (next == mine.size()) return;
            const Split first = products_[mine[next]].splits.back();
            store(first.x_candidate);
            store(first.y_candidate);
        }
    }

    PairedProducts number() {
        PairedProducts out;
        out.n_base = graph_.n_base;
        // Levels: a node comes after its parts.
        struct Made {
            Split split;
            int level;
        };
        std::map<Key, Made> made;
        const auto level_of = [&](auto&& self, const Key& raw) -> int {
            if (raw.size() == 1) return 0;
            const Key key = canonical(raw);
            if (const auto found = made.find(key); found != made.end()) return found->second.level;
            Made best{{}, 1 << 30};
            for (const Split& s : splits_of(key)) {
                if (!covered(s)) continue;
                const int level = 1 + std::max(self(self, s.x), self(self, s.y));
                if (level < best.level) best = {s, level};
            }
            made.emplace(key, best);
            return best.level;
        };
        int n_levels = 0;
        for (std::size_t c = 0; c < candidates_.size();
             ++c)  // splits_of() may add more, which are not stored
            if (candidates_[c].stored)
                n_levels = std::max(n_levels, level_of(level_of, Key(candidates_[c].key)));
        // The value stored is the conjugate of the key's where both parts' are.
        std::map<Key, std::pair<std::int32_t, bool>> stored;
        const auto value_of = [&](const Key& raw) -> std::pair<std::int32_t, bool> {
            if (raw.size() == 1) return {raw[0] >> 1, (raw[0] & 1) != 0};
            const Key key = canonical(raw);
            const auto [place, flip] = stored.at(key);
            return {place, flip != (key != raw)};
        };
        for (int level = 1; level <= n_levels; ++level) {
            out.level_begin.push_back(static_cast<std::int32_t>(out.nodes.size()));
            for (const auto& [key, how] : made) {
                if (how.level != level) continue;
                auto [x, x_flipped] = value_of(how.split.x);
                auto [y, y_flipped] = value_of(how.split.y);
                if (x_flipped && !y_flipped) {
                    std::swap(x, y);
                    std::swap(x_flipped, y_flipped);
                }
                stored[key] = {out.n_stored(), x_flipped && y_flipped};
                out.nodes.push_back({x, y, x_flipped != y_flipped});
            }
        }
        out.level_begin.push_back(static_cast<std::int32_t>(out.nodes.size()));
        // Of several ways, the one whose parts have the fewest pairs so far: rows of equal length.
        std::vector<std::int32_t> length(static_cast<std::size_t>(out.n_stored()), 0);
        for (const Product& product : products_) {
            PairedProducts::Pair best{};
            std::int32_t shortest = -1;
            for (const Split& s : product.splits) {
                if (!covered(s)) continue;
                const auto [a, a_flipped] = value_of(s.x);
                const auto [b, b_flipped] = value_of(s.y);
                const std::int32_t longer =
                    std::max(length[static_cast<std::size_t>(a)], length[static_cast<std::size_t>(b)]);
                if (shortest >= 0 && longer >= shortest) continue;
                shortest = longer;
                best = {a, b, a_flipped != b_flipped, product.coefficient};
            }
            ++length[static_cast<std::size_t>(best.a)];
            ++length[static_cast<std::size_t>(best.b)];
            out.pairs.push_back(best);
        }
        return out;
    }

    const ProductGraph& graph_;
    std::vector<char> complex_;  // [A] m > 0
    std::vector<Product> products_;
    std::map<Key, std::size_t> numbers_;
    std::vector<Candidate> candidates_;
    std::priority_queue<std::pair<std::int64_t, std::ptrdiff_t>> heap_;
};

}  // namespace

PairedProducts paired_products(const ProductGraph& graph, const AtomicBase& base) {
    return Pairing(graph, base).pair();
}

}  // namespace tektite::ace
