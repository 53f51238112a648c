// SPDX-License-Identifier: BSD-3-Clause
#include "neighbors/system_batch.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace tektite {

namespace {

void check_sizes(std::span<const double> positions, std::span<const std::int64_t> offsets,
                 std::span<const Box> boxes, int n_threads) {
    const auto fail = [](const std::string& what) { throw Error(ErrorCode::invalid_argument, what); };
    if (n_threads < 1) fail("the number of threads must be at least 1, not " + std::to_string(n_threads));
    if (offsets.size() != boxes.size() + 1 || offsets.front() != 0 ||
        !std::is_sorted(offsets.begin(), offsets.end()) ||
        positions.size() != 3 * static_cast<std::size_t>(offsets.back()))
        fail("the offsets of a batch must ascend from 0 to the number of atoms, one more than boxes");
    if (offsets.back() > std::numeric_limits<std::int32_t>::max())
        fail("a batch holds at most 2147483647 atoms");
}

}  // namespace

void SystemBatch::build_part(Part& part, std::size_t first, std::size_t last,
                             std::span<const double> positions, std::span<const std::int64_t> offsets,
                             std::span<const Box> boxes, double cutoff) {
    part.neighbors.clear();
    part.shifts.clear();
    part.shift_vectors.clear();
    part.first_atom = static_cast<std::size_t>(offsets[first]);
    part.last_atom = static_cast<std::size_t>(offsets[last]);
    for (std::size_t s = first; s < last; ++s) {
        const auto begin = static_cast<std::size_t>(offsets[s]),
                   end = static_cast<std::size_t>(offsets[s + 1]);
        try {
            part.list.build(positions.subspan(3 * begin, 3 * (end - begin)), boxes[s], cutoff);
        } catch (const Error& error) {
            throw Error(error.code(), "system " + std::to_string(s) + ": " + error.what());
        }
        const auto first_shift = static_cast<std::int32_t>(part.shift_vectors.size() / 3);
        for (std::size_t i = 0; i < end - begin; ++i) {
            const std::span<const std::int32_t> neighbors = part.list.neighbors(i),
                                                shifts = part.list.shifts(i);
            counts_[begin + i] = static_cast<std::int32_t>(neighbors.size());
            for (const std::int32_t j : neighbors)
                part.neighbors.push_back(j + static_cast<std::int32_t>(begin));
            for (const std::int32_t k : shifts) part.shifts.push_back(k + first_shift);
        }
        const std::span<const double> vectors = part.list.shift_vectors();
        part.shift_vectors.insert(part.shift_vectors.end(), vectors.begin(), vectors.end());
    }
}

void SystemBatch::build(std::span<const double> positions, std::span<const std::int64_t> offsets,
                        std::span<const Box> boxes, double cutoff, int n_threads) {
    check_sizes(positions, offsets, boxes, n_threads);
    const auto n_atoms = static_cast<std::size_t>(offsets.back());
    const std::size_t n_parts = std::clamp<std::size_t>(boxes.size(), 1, static_cast<std::size_t>(n_threads));
    parallel_.set_threads(n_threads);
    if (parts_.size() < n_parts) parts_.resize(n_parts);
    counts_.resize(n_atoms);
    neighbor_rows_.resize(n_atoms);
    shift_rows_.resize(n_atoms);
    shift_vectors_.clear();

    // Shares of about as many atoms, cut between systems.
    std::vector<std::size_t> begin(n_parts + 1, boxes.size());
    for (std::size_t p = 0; p < n_parts; ++p) {
        const auto atom = static_cast<std::int64_t>(n_atoms * p / n_parts);
        const auto found = std::lower_bound(offsets.begin(), offsets.end() - 1, atom);
        begin[p] = p == 0 ? 0 : static_cast<std::size_t>(found - offsets.begin());
    }
    parallel_.run(static_cast<int>(n_parts), [&](int thread) {
        const auto p = static_cast<std::size_t>(thread);
        build_part(parts_[p], begin[p], begin[p + 1], positions, offsets, boxes, cutoff);
    });

    std::vector<std::int32_t> first_shift(n_parts);
    for (std::size_t p = 0; p < n_parts; ++p) {
        first_shift[p] = static_cast<std::int32_t>(shift_vectors_.size() / 3);
        shift_vectors_.insert(shift_vectors_.end(), parts_[p].shift_vectors.begin(),
                              parts_[p].shift_vectors.end());
    }
    parallel_.run(static_cast<int>(n_parts), [&](int thread) {
        const auto p = static_cast<std::size_t>(thread);
        Part& part = parts_[p];
        if (first_shift[p] > 0)
            for (std::int32_t& k : part.shifts) k += first_shift[p];
        std::size_t edge = 0;
        for (std::size_t i = part.first_atom; i < part.last_atom; ++i) {
            neighbor_rows_[i] = part.neighbors.data() + edge;
            shift_rows_[i] = part.shifts.data() + edge;
            edge += static_cast<std::size_t>(counts_[i]);
        }
    });
}

std::size_t SystemBatch::n_edges() const {
    std::size_t total = 0;
    for (const std::int32_t count : counts_) total += static_cast<std::size_t>(count);
    return total;
}

std::size_t SystemBatch::memory() const {
    std::size_t total = counts_.capacity() * sizeof(std::int32_t) +
                        (neighbor_rows_.capacity() + shift_rows_.capacity()) * sizeof(std::int32_t*) +
                        shift_vectors_.capacity() * sizeof(double);
    for (const Part& part : parts_)
        total += part.list.memory() +
                 (part.neighbors.capacity() + part.shifts.capacity()) * sizeof(std::int32_t) +
                 part.shift_vectors.capacity() * sizeof(double);
    return total;
}

void SystemBatch::attach(Cluster& cluster) const {
    cluster.neighbor_rows = neighbor_rows_;
    cluster.neighbor_counts = counts_;
    cluster.neighbor_mask = -1;
    cluster.shift_rows = shift_rows_;
    cluster.shift_vectors = shift_vectors_;
}

}  // namespace tektite
