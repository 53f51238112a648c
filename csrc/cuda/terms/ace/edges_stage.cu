// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <initializer_list>
#include <type_traits>

#include "cuda/terms/ace/edges_stage.hpp"

namespace tektite::cuda {

namespace {

template <typename T>
int common_l(const ace::CenterView<T>& host) {
    for (int s = 1; s < host.n_elements; ++s)
        if (host.bonds[s].l_max != host.bonds[0].l_max) return -1;
    return host.bonds[0].l_max;
}

/// Kernels are compiled for the usual largest l, so that loops over harmonics unroll, and once for any.
template <typename Action>
void with_compiled_l(int l, Action&& action) {
    switch (l) {
        case 3:
            return action(std::integral_constant<int, 3>{});
        case 4:
            return action(std::integral_constant<int, 4>{});
        case 5:
            return action(std::integral_constant<int, 5>{});
        case 6:
            return action(std::integral_constant<int, 6>{});
        case 7:
            return action(std::integral_constant<int, 7>{});
        default:
            return action(std::integral_constant<int, -1>{});
    }
}

/// The first tile of which two blocks find place on a multiprocessor, or else of which one does. bytes_of:
/// shared memory of a tile.
template <typename BytesOf>
EdgeTile choose_tile(const Context& context, std::initializer_list<EdgeTile> tiles, BytesOf&& bytes_of) {
    for (const bool two : {true, false})
        for (EdgeTile tile : tiles) {
            tile.bytes = bytes_of(tile);
            if (tile.bytes <= context.shared_memory() && (!two || resident_blocks(context, tile.bytes) >= 2))
                return tile;
        }
    return {};
}

}  // namespace

template <typename T>
void AceEdgesStage<T>::add(Tables& tables, const ace::CenterView<T>& host, const ace::CenterView<T>& device) {
    Species s{device, block_bonds(tables, host), {}, {}, common_l(host)};
    s.forward = choose_tile(*context_, {{4, 16, 128, 0}, {2, 16, 128, 0}, {1, 16, 64, 0}, {1, 4, 32, 0}},
                            [&](const EdgeTile& tile) {
                                return ForwardMemory<T>(nullptr, s.bonds, host.n_elements, host.n_density,
                                                        host.l_max, tile)
                                    .bytes;
                            });
    s.backward = choose_tile(
        *context_, {{4, 128, 128, 0}, {4, 64, 64, 0}, {2, 32, 32, 0}, {1, 32, 32, 0}, {1, 4, 32, 0}},
        [&](const EdgeTile& tile) {
            return BackwardMemory<T>(nullptr, s.bonds, host.n_elements, tile).bytes;
        });
    in_threads_ = in_threads_ || s.forward.n_centers == 0 || s.backward.n_centers == 0;
    n_density_ = std::max(n_density_, host.n_density);
    l_max_ = std::max(l_max_, host.l_max);
    // table_row() writes whole groups of four columns.
    for (int k = 0; k < host.n_elements; ++k) row_max_ = std::max(row_max_, host.bonds[k].row);
    species_.push_back(s);
}

template <typename T>
void AceEdgesStage<T>::lay_out(Arena& arena, std::int64_t stride, int most_edges, int n_nodes, int n_adjoints,
                               int row_max, AceScratch<T>& scratch) const {
    const auto n = static_cast<std::size_t>(stride);
    const auto n_density = static_cast<std::size_t>(n_density_);
    // What blocks have in shared memory.
    const auto edges = static_cast<std::size_t>(in_threads_ ? most_edges : 0);
    const auto n_lm = static_cast<std::size_t>(in_threads_ ? lm_count(l_max_) : 0);
    const int row = in_threads_ ? std::max(row_max, row_max_) : row_max;
    constexpr std::size_t steps = ace::tile_steps;
    ace::TileScratch<T>& tile = scratch.tile;
    tile.nodes = arena.take<T>(static_cast<std::size_t>(n_nodes) * 2 * n);
    tile.adjoints = arena.take<T>(static_cast<std::size_t>(n_adjoints) * 2 * n);
    tile.radial = arena.take<T>(steps * static_cast<std::size_t>(row) * n);
    tile.radial_slope = arena.take<T>(static_cast<std::size_t>(row) * n);
    tile.unit = arena.take<T>(edges * 3 * n);
    tile.inverse_r = arena.take<T>(edges * n);
    tile.harmonics = arena.take<T>(steps * n_lm * 2 * n);
    tile.position = tile.inverse_width = nullptr;
    tile.bin = nullptr;
    tile.row_max = row;
    scratch.densities = arena.take<double>((n_density + 1) * n);
    scratch.dE_ddensities = arena.take<T>((n_density + 1) * n);
    scratch.dE_ddistance = arena.take<double>(n);
    scratch.nearest = arena.take<std::int32_t>(n);
    scratch.keep = arena.take<double>(n);
}

template <typename T>
template <template <typename, int> typename InThreads, template <typename, int> typename InBlocks>
void AceEdgesStage<T>::compute(const EdgeChunk& chunk, const AceScratch<T>& scratch,
                               const EdgeTile& tile) const {
    const Species& s = species_[static_cast<std::size_t>(chunk.center_species)];
    with_compiled_l(s.common_l, [&](auto compiled) {
        constexpr int l = decltype(compiled)::value;
        if (tile.n_centers == 0)
            launch(*context_, chunk.n_centers, InThreads<T, l>{chunk, s.center, scratch});
        else
            launch_blocks(*context_, (chunk.n_centers + tile.n_centers - 1) / tile.n_centers, tile.n_threads,
                          tile.bytes, chunk.n_centers,
                          InBlocks<T, l>{chunk, s.center, scratch, s.bonds, tile});
    });
}

template <typename T>
void AceEdgesStage<T>::forward(const EdgeChunk& chunk, const AceScratch<T>& scratch) const {
    compute<AceForward, AceBlockForward>(chunk, scratch,
                                         species_[static_cast<std::size_t>(chunk.center_species)].forward);
}

template <typename T>
void AceEdgesStage<T>::backward(const EdgeChunk& chunk, const AceScratch<T>& scratch) const {
    compute<AceBackward, AceBlockBackward>(chunk, scratch,
                                           species_[static_cast<std::size_t>(chunk.center_species)].backward);
}

template class AceEdgesStage<double>;
template class AceEdgesStage<float>;

}  // namespace tektite::cuda
