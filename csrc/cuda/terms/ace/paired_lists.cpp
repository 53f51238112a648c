// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/terms/ace/paired_lists.hpp"

#include <algorithm>
#include <utility>

namespace tektite::cuda {

namespace {

/// Lengths at which rows are cut, so that no thread walks long after the others are done.
constexpr std::size_t longest_pair_piece = 64, longest_child_piece = 16;

std::uint16_t small(std::size_t number) {
    return static_cast<std::uint16_t>(number);
}

/// Appends rows as pieces, the longest first, and their entries in slices. extras: null where rows are not
/// cut.
template <typename Entry>
void append_rows(const std::vector<std::pair<std::size_t, std::vector<Entry>>>& rows, std::size_t longest,
                 std::size_t first_slot, std::vector<ListPiece>& pieces, std::vector<Entry>& entries,
                 std::vector<ExtraSlots>* extras) {
    struct Part {
        std::size_t row, begin, length, slot;
    };
    std::vector<Part> parts;
    std::size_t slot = first_slot;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto& [node, list] = rows[r];
        const std::size_t limit = extras != nullptr ? longest : std::max<std::size_t>(list.size(), 1);
        parts.push_back({r, 0, std::min(list.size(), limit), node});
        const std::size_t first = slot;
        for (std::size_t begin = limit; begin < list.size(); begin += limit)
            parts.push_back({r, begin, std::min(list.size() - begin, limit), slot++});
        if (slot > first) extras->push_back({small(node), small(first), small(slot - first)});
    }
    std::stable_sort(parts.begin(), parts.end(),
                     [](const Part& a, const Part& b) { return a.length > b.length; });
    for (std::size_t p = 0; p < parts.size(); p += list_slice) {
        const std::size_t begin = entries.size(), n = std::min<std::size_t>(parts.size() - p, list_slice);
        entries.resize(begin + parts[p].length * list_slice);
        for (std::size_t k = 0; k < n; ++k) {
            const Part& part = parts[p + k];
            const auto& [node, list] = rows[part.row];
            for (std::size_t e = 0; e < part.length; ++e)
                entries[begin + e * list_slice + k] = list[part.begin + e];
            pieces.push_back(
                {static_cast<std::int32_t>(begin + k), small(part.length), small(node), small(part.slot), 0});
        }
    }
}

}  // namespace

PairedLists::PairedLists(const ace::PairedProducts& paired)
    : n_base(paired.n_base), n_stored(paired.n_stored()), level_begin(paired.level_begin) {
    const auto n = static_cast<std::size_t>(n_stored), base = static_cast<std::size_t>(n_base);
    const auto flagged = [](std::int32_t number, bool conjugate) {
        return static_cast<std::uint16_t>(number | (conjugate ? conjugate_bit : 0));
    };
    struct PairEntry {
        std::uint16_t other = 0;
        std::int32_t coefficient = -1;
        float weight = 0;
    };
    std::vector<std::pair<std::size_t, std::vector<PairEntry>>> pair_rows(n);
    for (std::size_t a = 0; a < n; ++a) pair_rows[a].first = a;
    for (const ace::PairedProducts::Pair& p : paired.pairs) {
        const bool square = p.a == p.b;
        pair_rows[static_cast<std::size_t>(p.a)].second.push_back(
            {flagged(p.b, p.conjugate), p.coefficient, square ? 2.0F : 1.0F});
        if (!square)
            pair_rows[static_cast<std::size_t>(p.b)].second.push_back(
                {flagged(p.a, p.conjugate), p.coefficient, 1.0F});
    }
    std::vector<PairEntry> pair_entries;
    append_rows(pair_rows, longest_pair_piece, n, pair_pieces, pair_entries, &pair_extras);
    for (const PairEntry& e : pair_entries) {
        pair_others.push_back(e.other);
        pair_coefficients.push_back(e.coefficient);
        pair_weights.push_back(e.weight);
    }

    std::vector<std::vector<ChildTerm>> children(n);
    for (std::size_t i = 0; i < paired.nodes.size(); ++i) {
        const ace::PairedProducts::Node& node = paired.nodes[i];
        const auto child = static_cast<std::int32_t>(base + i);
        products.push_back({small(static_cast<std::size_t>(node.x)), flagged(node.y, node.conjugate)});
        // z = x y: dE/dx = g conj(y), dE/dy = g conj(x). z = x conj(y): dE/dx = g y, dE/dy = conj(g) x, which
        // is conj(g conj(x)).
        children[static_cast<std::size_t>(node.x)].push_back(
            {flagged(child, false), flagged(node.y, node.conjugate)});
        children[static_cast<std::size_t>(node.y)].push_back(
            {flagged(child, node.conjugate), flagged(node.x, false)});
    }
    const std::size_t n_levels = level_begin.empty() ? 0 : level_begin.size() - 1;
    for (std::size_t level = 0; level <= n_levels; ++level) {
        child_begin.push_back(static_cast<std::int32_t>(child_pieces.size()));
        if (level == n_levels) break;  // the last level has no children
        const auto begin = level == 0 ? 0 : base + static_cast<std::size_t>(level_begin[level - 1]);
        const auto end = base + (level == 0 ? 0 : static_cast<std::size_t>(level_begin[level]));
        std::vector<std::pair<std::size_t, std::vector<ChildTerm>>> rows;
        for (std::size_t a = begin; a < end; ++a)
            if (!children[a].empty()) rows.emplace_back(a, children[a]);
        append_rows(rows, longest_child_piece, n, child_pieces, child_terms,
                    level == 0 ? &child_extras : nullptr);
    }
    std::size_t slots = 0;
    for (const auto* extras : {&pair_extras, &child_extras})
        for (const ExtraSlots& e : *extras) slots = std::max<std::size_t>(slots, e.first + e.count);
    n_slots = static_cast<std::int32_t>(std::max(slots, n));
}

}  // namespace tektite::cuda
