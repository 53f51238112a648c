// SPDX-License-Identifier: BSD-3-Clause
//
// Atoms and the periodic images near them are sorted into bins; for each bin the points around it are copied
// together once, in single precision relative to the bin, and tried for every atom of the bin. Pairs whose
// distance is too close to the cutoff for single precision to decide are computed again in double precision
// from the positions as given, so that the list is that of double precision, symmetric, and the same on every
// processor.
#include "tektite/neighbor_list.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/cpu.hpp"
#include "neighbors/buffer.hpp"
#include "neighbors/cell_grid.hpp"
#include "neighbors/images.hpp"
#include "neighbors/lattice.hpp"
#include "neighbors/parallel.hpp"
#include "neighbors/row_kernels.hpp"
#include "neighbors/row_store.hpp"
#include "neighbors/shift_codes.hpp"

namespace tektite {

namespace {

/// Fewer points a thread are not worth waking it.
constexpr std::size_t points_per_thread = 500;

struct ShiftHash {
    std::size_t operator()(const Integers3& shift) const {
        std::uint64_t hash = 0;  // multiplied by 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)
        for (std::int32_t s : shift) {
            hash = (hash ^ static_cast<std::uint32_t>(s)) * 0x9E3779B97F4A7C15U;
            hash ^= hash >> 29;
        }
        return hash;
    }
};

void check_arguments(std::span<const double> positions, double cutoff, int n_threads) {
    if (positions.size() % 3 != 0)
        throw Error(ErrorCode::invalid_argument, "positions hold " + std::to_string(positions.size()) +
                                                     " numbers, which is not a multiple of 3");
    if (!(cutoff > 0) || !std::isfinite(cutoff))
        throw Error(
            ErrorCode::invalid_argument,
            "the cutoff of a neighbour list must be positive and finite, not " + std::to_string(cutoff));
    if (n_threads < 1)
        throw Error(ErrorCode::invalid_argument,
                    "the number of threads must be at least 1, not " + std::to_string(n_threads));
}

}  // namespace

struct NeighborList::Implementation {
    Parallel parallel;
    PeriodicImages images;
    CellGrid grid;
    ShiftCodes codes;
    std::vector<RowStore> stores;        // one a thread
    std::vector<Candidates> candidates;  // one a thread

    std::size_t n_atoms = 0, n_edges = 0;
    bool periodic = false;
    Buffer<const std::int32_t*> neighbor_rows;
    Buffer<std::int32_t*> shift_rows;
    Buffer<std::int32_t> counts;
    std::vector<Integers3> shift_table;
    std::vector<double> shift_vectors;

    // State of the last rebuild in update(); has_reference is false after build().
    bool has_reference = false;
    std::vector<double> reference_positions;
    Box reference_box, current_box;
    double reference_cutoff = 0, reference_skin = 0, reference_rounding = 0;

    void clear() {
        n_atoms = n_edges = 0;
        has_reference = false;
        shift_table.clear();
        shift_vectors.clear();
    }
    void build(std::span<const double> positions, const Box& box, double cutoff, int n_threads);
    void search(std::span<const double> positions, const Box& box, double cutoff, double radius);
    void search_bin(std::span<const double> positions, const Box& box, double cutoff, RowQuery& query,
                    RowKernel kernel, Candidates& bin, RowStore& store);
    void number_shifts();
    void set_shift_vectors(const Box& box);
    [[nodiscard]] bool still_holds(std::span<const double> positions, const Box& box) const;
};

void NeighborList::Implementation::build(std::span<const double> positions, const Box& box, double cutoff,
                                         int n_threads) {
    const ReducedLattice lattice = reduce_lattice(box);
    parallel.set_threads(n_threads);
    if (stores.size() < static_cast<std::size_t>(n_threads)) {
        stores.resize(static_cast<std::size_t>(n_threads));
        candidates.resize(static_cast<std::size_t>(n_threads));
    }
    // Longer than the cutoff by more than the rounding of bin numbers (65536 * 12 bins: 1e-10).
    const double wanted = cutoff * (1 + 1e-9);
    images.build(positions, lattice, wanted, parallel);
    codes.build(images, lattice, box);
    if (codes.is_direct()) {
        shift_table = codes.table();
        set_shift_vectors(box);
    }
    periodic = lattice.n > 0;
    const std::size_t n = images.n_atoms();
    neighbor_rows.resize(n);
    shift_rows.resize(n);
    counts.resize(n);
    if (n > 0) search(positions, box, cutoff, wanted + 2 * images.rounding());
    n_atoms = n;
    for (std::size_t i = 0; i < n; ++i) n_edges += static_cast<std::size_t>(counts[i]);
    if (!codes.is_direct()) {
        number_shifts();
        set_shift_vectors(box);
    }
}

void NeighborList::Implementation::search(std::span<const double> positions, const Box& box, double cutoff,
                                          double radius) {
    grid.build(images, radius, parallel, [&](std::size_t p) { return codes.code(images, p); });

    // Bound on the error of a squared distance near cutoff^2 in single precision: a coordinate difference is
    // off by E (two roundings of coordinates up to the extent of a bin, one of the difference, and what
    // wrapping cost).
    constexpr double epsilon = std::numeric_limits<float>::epsilon() / 2.0;
    const double coordinate = 4 * epsilon * grid.extent() + 2 * images.rounding();
    const double tolerance = 2 * std::sqrt(3.0) * cutoff * coordinate + 3 * coordinate * coordinate +
                             8 * epsilon * cutoff * cutoff;
    const float lower = std::nextafter(static_cast<float>(cutoff * cutoff - tolerance), -1e30F);
    const float upper = std::nextafter(static_cast<float>(cutoff * cutoff + tolerance), 1e30F);

    const InstructionSet isa = resolve_instruction_set(InstructionSet::automatic);
    const RowKernel kernel = row_kernel(isa);
    const GatherKernel gather = gather_kernel(isa);
    const std::size_t n_bins = grid.n_bins();
    const int n_threads = static_cast<int>(std::clamp<std::size_t>(
        images.n_points() / points_per_thread, 1, static_cast<std::size_t>(parallel.n_threads())));
    // Bins are dealt in pieces large enough that threads seldom write to the same part of the row arrays.
    const std::size_t piece = std::max<std::size_t>(1, n_bins / (32 * static_cast<std::size_t>(n_threads)));
    std::atomic<std::size_t> next{0};
    parallel.run(n_threads, [&](int thread) {
        RowStore& store = stores[static_cast<std::size_t>(thread)];
        Candidates& bin = candidates[static_cast<std::size_t>(thread)];
        RowQuery query{};
        query.lower = lower;
        query.upper = upper;
        store.clear();
        for (std::size_t begin; (begin = next.fetch_add(piece)) < n_bins;)
            for (std::size_t b = begin; b < std::min(begin + piece, n_bins); ++b)
                if (grid.gather(b, gather, bin))
                    search_bin(positions, box, cutoff, query, kernel, bin, store);
    });
}

void NeighborList::Implementation::search_bin(std::span<const double> positions, const Box& box,
                                              double cutoff, RowQuery& query, RowKernel kernel,
                                              Candidates& bin, RowStore& store) {
    query.x = bin.x.data();
    query.y = bin.y.data();
    query.z = bin.z.data();
    query.atom = bin.atom.data();
    query.code = bin.code.data();
    query.n = bin.n_padded;
    for (const Candidates::Home& home : bin.homes) {
        const auto i = static_cast<std::size_t>(home.atom);
        const auto k = static_cast<std::size_t>(home.position);
        query.center_x = bin.x[k];
        query.center_y = bin.y[k];
        query.center_z = bin.z[k];
        query.code_offset = codes.row_offset(images, i);
        store.reserve(bin.n_padded + row_padding);
        std::int32_t* const neighbors = store.neighbors();
        std::int32_t* const shifts = store.shifts();
        bool uncertain = false;
        bin.x[k] = far_away;  // an atom is not its own neighbour
        std::size_t count = kernel(query, neighbors, shifts, &uncertain);
        bin.x[k] = query.center_x;
        if (uncertain) {
            std::size_t kept = 0;
            for (std::size_t e = 0; e < count; ++e) {
                const auto j = static_cast<std::size_t>(neighbors[e]);
                const Vector3 shift = shift_vector(codes.shift(images, i, shifts[e]), box);
                // Antisymmetric in (i, j, S) to the last bit: the pair is seen alike from both ends.
                Vector3 d;
                for (std::size_t c = 0; c < 3; ++c)
                    d[c] = (positions[3 * j + c] - positions[3 * i + c]) + shift[c];
                neighbors[kept] = neighbors[e];
                shifts[kept] = shifts[e];
                kept += std::sqrt(dot(d, d)) < cutoff;
            }
            count = kept;
        }
        neighbor_rows[i] = neighbors;
        shift_rows[i] = shifts;
        counts[i] = static_cast<std::int32_t>(count);
        store.commit(count);
    }
}

void NeighborList::Implementation::number_shifts() {
    std::unordered_map<Integers3, std::int32_t, ShiftHash> numbers;
    for (std::size_t i = 0; i < n_atoms; ++i)
        for (std::int32_t k = 0; k < counts[i]; ++k) {
            const Integers3 shift = codes.shift(images, i, shift_rows[i][k]);
            const auto [entry, is_new] =
                numbers.try_emplace(shift, static_cast<std::int32_t>(shift_table.size()));
            if (is_new) shift_table.push_back(shift);
            shift_rows[i][k] = entry->second;
        }
}

void NeighborList::Implementation::set_shift_vectors(const Box& box) {
    shift_vectors.resize(3 * shift_table.size());
    for (std::size_t s = 0; s < shift_table.size(); ++s) {
        const Vector3 vector = shift_vector(shift_table[s], box);
        std::copy(vector.begin(), vector.end(), shift_vectors.begin() + 3 * static_cast<std::ptrdiff_t>(s));
    }
    current_box = box;
}

bool NeighborList::Implementation::still_holds(std::span<const double> positions, const Box& box) const {
    const bool same_cell = box.cell == reference_box.cell;
    Deformation map;
    if (same_cell)
        for (std::size_t d = 0; d < 3; ++d) map.gradient[d][d] = 1;
    else
        map = deformation(reference_box, box);
    double largest = 0, second = 0;  // squared displacements
    bool finite = true;
    for (std::size_t i = 0; i < n_atoms; ++i) {
        const double* r = positions.data() + 3 * i;
        const double* old = reference_positions.data() + 3 * i;
        double squared = 0;
        for (std::size_t d = 0; d < 3; ++d) {
            const double u = same_cell ? r[d] - old[d]
                                       : r[d] - (old[0] * map.gradient[0][d] + old[1] * map.gradient[1][d] +
                                                 old[2] * map.gradient[2][d]);
            squared += u * u;
        }
        finite &= squared <= std::numeric_limits<double>::max();
        second = std::max(second, std::min(squared, largest));
        largest = std::max(largest, squared);
    }
    if (!finite) return false;
    if (same_cell && largest == 0) return true;
    const double listed = reference_cutoff + reference_skin;
    const double allowed =
        map.smallest_stretch * listed * (1 - 1e-12) - reference_cutoff - 8 * reference_rounding;
    return std::sqrt(largest) + std::sqrt(second) <= allowed;
}

NeighborList::NeighborList() : implementation_(std::make_unique<Implementation>()) {}
NeighborList::~NeighborList() = default;
NeighborList::NeighborList(NeighborList&&) noexcept = default;
NeighborList& NeighborList::operator=(NeighborList&&) noexcept = default;

void NeighborList::build(std::span<const double> positions, const Box& box, double cutoff, int n_threads) {
    implementation_->clear();
    check_arguments(positions, cutoff, n_threads);
    try {
        implementation_->build(positions, box, cutoff, n_threads);
    } catch (const std::bad_alloc&) {
        throw Error(ErrorCode::out_of_memory, "not enough memory for the neighbours of " +
                                                  std::to_string(positions.size() / 3) + " atoms within " +
                                                  std::to_string(cutoff) + " angstrom");
    }
}

bool NeighborList::update(std::span<const double> positions, const Box& box, double cutoff, double skin,
                          int n_threads) {
    check_arguments(positions, cutoff, n_threads);
    if (!(skin >= 0) || !std::isfinite(skin))
        throw Error(
            ErrorCode::invalid_argument,
            "the skin of a neighbour list must be finite and not negative, not " + std::to_string(skin));
    Implementation& self = *implementation_;
    if (self.has_reference && self.reference_positions.size() == positions.size() &&
        self.reference_cutoff == cutoff && self.reference_skin == skin &&
        self.reference_box.periodic == box.periodic && self.still_holds(positions, box)) {
        if (box.cell != self.current_box.cell) self.set_shift_vectors(box);
        return false;
    }
    build(positions, box, cutoff + skin, n_threads);
    self.reference_positions.assign(positions.begin(), positions.end());
    self.reference_box = box;
    self.reference_cutoff = cutoff;
    self.reference_skin = skin;
    self.reference_rounding = self.images.rounding();
    self.has_reference = true;
    return true;
}

std::size_t NeighborList::n_atoms() const {
    return implementation_->n_atoms;
}
std::size_t NeighborList::n_edges() const {
    return implementation_->n_edges;
}

std::span<const std::int32_t> NeighborList::counts() const {
    return {implementation_->counts.data(), implementation_->n_atoms};
}

std::span<const std::int32_t> NeighborList::neighbors(std::size_t i) const {
    return {implementation_->neighbor_rows[i], static_cast<std::size_t>(implementation_->counts[i])};
}

std::span<const std::int32_t> NeighborList::shifts(std::size_t i) const {
    return {implementation_->shift_rows[i], static_cast<std::size_t>(implementation_->counts[i])};
}

std::span<const std::array<std::int32_t, 3>> NeighborList::shift_table() const {
    return implementation_->shift_table;
}

std::span<const double> NeighborList::shift_vectors() const {
    return implementation_->shift_vectors;
}

std::size_t NeighborList::memory() const {
    const Implementation& self = *implementation_;
    std::size_t total =
        self.images.memory() + self.grid.memory() + self.neighbor_rows.memory() + self.shift_rows.memory() +
        self.counts.memory() + self.shift_table.capacity() * sizeof(Integers3) +
        (self.shift_vectors.capacity() + self.reference_positions.capacity()) * sizeof(double);
    for (const RowStore& store : self.stores) total += store.memory();
    for (const Candidates& bin : self.candidates) total += bin.memory();
    return total;
}

void NeighborList::attach(Cluster& cluster) const {
    const Implementation& self = *implementation_;
    cluster.neighbor_rows = {self.neighbor_rows.data(), self.n_atoms};
    cluster.neighbor_counts = counts();
    cluster.neighbor_mask = -1;
    cluster.shift_rows = {};
    cluster.shift_vectors = {};
    if (!self.periodic) return;
    cluster.shift_rows = {self.shift_rows.data(), self.n_atoms};
    cluster.shift_vectors = self.shift_vectors;
}

}  // namespace tektite
