// SPDX-License-Identifier: BSD-3-Clause
// Where the rows of a neighbour list are written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "neighbors/buffer.hpp"

namespace tektite {

/// Rows of neighbours and shifts, one after another in chunks of growing size; rows never move, and nothing
/// is copied when more memory is wanted. One a thread.
class RowStore {
public:
    /// Forgets the rows, keeps the memory.
    void clear() {
        chunk_ = 0;
        used_ = 0;
    }
    /// Makes room for a row of up to n entries; neighbors() and shifts() then point to it.
    void reserve(std::size_t n) {
        while (chunk_ < chunks_.size() && chunks_[chunk_].neighbors.size() < used_ + n) {
            ++chunk_;
            used_ = 0;
        }
        if (chunk_ == chunks_.size()) {
            const std::size_t last = chunks_.empty() ? first_chunk / 2 : chunks_.back().neighbors.size();
            const std::size_t size = std::max(n, std::min(2 * last, largest_chunk));
            chunks_.emplace_back();
            chunks_.back().neighbors.resize(size);
            chunks_.back().shifts.resize(size);
        }
    }
    [[nodiscard]] std::int32_t* neighbors() { return chunks_[chunk_].neighbors.data() + used_; }
    [[nodiscard]] std::int32_t* shifts() { return chunks_[chunk_].shifts.data() + used_; }
    /// The row has n entries; the next one begins behind them.
    void commit(std::size_t n) { used_ += n; }
    [[nodiscard]] std::size_t memory() const {
        std::size_t total = 0;
        for (const Chunk& chunk : chunks_) total += chunk.neighbors.memory() + chunk.shifts.memory();
        return total;
    }

private:
    static constexpr std::size_t first_chunk = 1 << 12, largest_chunk = 1 << 21;
    struct Chunk {
        Buffer<std::int32_t> neighbors, shifts;
    };
    std::vector<Chunk> chunks_;
    std::size_t chunk_ = 0, used_ = 0;
};

}  // namespace tektite
