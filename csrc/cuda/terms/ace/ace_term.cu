// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <mutex>
#include <type_traits>

#include "base/elements.hpp"
#include "cuda/terms/ace/ace_kernels.hpp"
#include "cuda/terms/ace/ace_term.hpp"
#include "cuda/terms/ace/block_edges.hpp"
#include "cuda/terms/ace/block_products.hpp"
#include "models/ace/committee_tables.hpp"
#include "models/ace/paired_products.hpp"
#include "models/ace/parameters.hpp"
#include "models/ace/tables.hpp"

namespace tektite::cuda {

namespace {

/// Tables of the host in one precision.
template <typename T>
struct HostTables {
    HostTables(const ace::Parameters& parameters, const std::vector<ace::CenterTables>& tables)
        : model(parameters, tables), committee(parameters, tables) {}
    ace::CenterViews<T> model;
    ace::CommitteeViews<T> committee;
};

template <typename T>
ace::BondView<T> put(Tables& device, const ace::BondView<T>& host) {
    ace::BondView<T> bond = host;
    if (host.first_bin == nullptr) return bond;  // of a committee: no function there
    const auto n_segments = static_cast<std::size_t>(host.n_segments);
    const auto n_l = static_cast<std::size_t>(host.l_max + 1);
    const auto n_bins = static_cast<std::size_t>(host.first_bin[host.n_segments]) + 1;
    bond.start = device.put(host.start, n_segments);
    bond.inverse_width = device.put(host.inverse_width, n_segments);
    bond.first_bin = device.put(host.first_bin, n_segments + 1);
    bond.coefficients = device.put(host.coefficients, n_bins * 6 * static_cast<std::size_t>(host.row));
    bond.n_radial = device.put(host.n_radial, n_l);
    bond.first_column = device.put(host.first_column, n_l);
    bond.first_A = device.put(host.first_A, n_l);
    return bond;
}

template <typename T>
ace::CenterView<T> put(Tables& device, const ace::CenterView<T>& host) {
    ace::CenterView<T> center = host;
    std::vector<ace::BondView<T>> bonds;
    for (int s = 0; s < host.n_elements; ++s) bonds.push_back(put(device, host.bonds[s]));
    center.bonds = device.put(bonds.data(), bonds.size());
    const auto n_lm = static_cast<std::size_t>(lm_count(host.l_max));
    const auto n_density = static_cast<std::size_t>(host.n_density);
    center.legendre_a = device.put(host.legendre_a, n_lm);
    center.legendre_b = device.put(host.legendre_b, n_lm);
    center.legendre_slope = device.put(host.legendre_slope, n_lm);
    center.legendre_diagonal = device.put(host.legendre_diagonal, static_cast<std::size_t>(host.l_max + 1));
    center.rows = device.put(host.rows, static_cast<std::size_t>(host.n_rows));
    center.others = device.put(host.others, host.n_terms);
    center.coefficients = device.put(host.coefficients, host.n_coefficients * n_density);
    center.prefactors = device.put(host.prefactors, n_density);
    center.exponents = device.put(host.exponents, n_density);
    return center;
}

/// Tables of AceBlockProducts, and how it is launched.
template <typename T>
struct BlockProducts {
    PairedView<T> view{};
    int log2_lanes = -1;  ///< -1: a centre does not fit the shared memory of a block
    int n_threads = 0;
    std::size_t bytes = 0;
};

/// Eight or four centres of a block, where two blocks find place on a multiprocessor and one can go on while
/// the other waits at a barrier; else as many as fit: the lists are read once for all centres of a block.
template <typename T>
void plan(const Context& context, int n_density, BlockProducts<T>& products) {
    for (const bool two : {true, false})
        for (int log2_lanes = 3; log2_lanes >= 0; --log2_lanes) {
            const int n_centers = lane_centers<T> << log2_lanes;
            if (n_centers > 8 || (two && n_centers < 4)) continue;
            for (const int n_threads : {512, 256}) {
                if (two && n_threads == 512) continue;
                const std::size_t bytes =
                    ProductsMemory<T>(nullptr, products.view, n_density, n_centers, n_threads).bytes;
                if (bytes > context.shared_memory() || (two && resident_blocks(context, bytes) < 2)) continue;
                products.log2_lanes = log2_lanes;
                products.n_threads = n_threads;
                products.bytes = bytes;
                return;
            }
        }
}

template <typename T>
BlockProducts<T> block_products(const Context& context, Tables& device, const ace::CenterView<T>& host,
                                const PairedLists* lists) {
    BlockProducts<T> products;
    if (lists == nullptr) return products;
    PairedView<T>& v = products.view;
    const auto n_density = static_cast<std::size_t>(host.n_density);
    v.n_base = lists->n_base;
    v.n_stored = lists->n_stored;
    v.n_slots = lists->n_slots;
    v.n_levels = static_cast<int>(lists->level_begin.size()) - 1;
    v.n_pair_pieces = static_cast<int>(lists->pair_pieces.size());
    v.n_pair_entries = static_cast<std::int64_t>(lists->pair_others.size());
    v.n_pair_extras = static_cast<int>(lists->pair_extras.size());
    v.n_child_extras = static_cast<int>(lists->child_extras.size());
    plan(context, host.n_density, products);
    if (products.log2_lanes < 0) return products;
    const auto put_all = [&](const auto& values) { return device.put(values.data(), values.size()); };
    v.products = put_all(lists->products);
    v.level_begin = put_all(lists->level_begin);
    v.pair_pieces = put_all(lists->pair_pieces);
    v.pair_others = put_all(lists->pair_others);
    v.pair_extras = put_all(lists->pair_extras);
    v.child_pieces = put_all(lists->child_pieces);
    v.child_begin = put_all(lists->child_begin);
    v.child_terms = put_all(lists->child_terms);
    v.child_extras = put_all(lists->child_extras);
    std::vector<T> coefficients;
    for (std::size_t p = 0; p < n_density; ++p)
        for (std::size_t k = 0; k < lists->pair_coefficients.size(); ++k) {
            const std::int32_t set = lists->pair_coefficients[k];
            coefficients.push_back(
                set < 0 ? T{}
                        : static_cast<T>(lists->pair_weights[k]) *
                              host.coefficients[static_cast<std::size_t>(set) * n_density + p]);
        }
    v.pair_coefficients = put_all(coefficients);
    return products;
}

/// Tables of AceBlockForward and AceBlockBackward, and how they are launched.
template <typename T>
struct BlockEdges {
    BlockBonds<T> bonds{};
    EdgeTile forward, backward;
};

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

template <typename T>
BlockEdges<T> block_edges(const Context& context, Tables& device, const ace::CenterView<T>& host) {
    BlockEdges<T> edges;
    edges.bonds = block_bonds(device, host);
    edges.forward = choose_tile(context, {{4, 16, 128, 0}, {2, 16, 128, 0}, {1, 16, 64, 0}, {1, 4, 32, 0}},
                                [&](const EdgeTile& tile) {
                                    return ForwardMemory<T>(nullptr, edges.bonds, host.n_elements,
                                                            host.n_density, host.l_max, tile)
                                        .bytes;
                                });
    edges.backward = choose_tile(
        context, {{4, 128, 128, 0}, {4, 64, 64, 0}, {2, 32, 32, 0}, {1, 32, 32, 0}, {1, 4, 32, 0}},
        [&](const EdgeTile& tile) {
            return BackwardMemory<T>(nullptr, edges.bonds, host.n_elements, tile).bytes;
        });
    return edges;
}

/// The largest l if all bonds have the same, else -1: then the kernels look at each bond.
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

template <typename Action>
void with_compiled_densities(int n_density, Action&& action) {
    switch (n_density) {
        case 1:
            return action(std::integral_constant<int, 1>{});
        case 2:
            return action(std::integral_constant<int, 2>{});
        default:
            return action(std::integral_constant<int, 0>{});
    }
}

template <typename T>
class AceTermKernel final : public TermKernel {
public:
    AceTermKernel(Context& context, const HostTables<T>& host,
                  const std::vector<std::unique_ptr<PairedLists>>& lists)
        : context_(context), tables_(context) {
        const int n_elements = static_cast<int>(lists.size());
        for (int c = 0; c < n_elements; ++c) {
            const ace::CenterView<T>& view = host.model.view(c);
            centers_.push_back(put(tables_, view));
            products_.push_back(
                block_products(context, tables_, view, lists[static_cast<std::size_t>(c)].get()));
            common_l_.push_back(common_l(view));
            n_density_ = std::max(n_density_, view.n_density);
            // The committee walks the product graph, as AceProducts does.
            edges_.push_back(block_edges(context, tables_, view));
            const BlockEdges<T>& edges = edges_.back();
            if (edges.forward.n_centers == 0 || edges.backward.n_centers == 0) edges_in_threads_ = true;
            const bool stores = products_.back().log2_lanes < 0 || !host.committee.empty();
            n_nodes_ = std::max(n_nodes_, stores ? view.n_nodes : view.n_base);
            n_adjoints_ = std::max(n_adjoints_, products_.back().log2_lanes < 0 ? view.n_nodes : view.n_base);
            if (host.committee.empty()) continue;
            const ace::CommitteeView<T>& committee = host.committee.view(c);
            ace::CommitteeView<T> mine = committee;
            mine.coefficients = tables_.put(
                committee.coefficients, view.n_coefficients * static_cast<std::size_t>(committee.n_columns));
            std::vector<ace::BondView<T>> bonds;
            std::vector<const T*> rank_one;
            for (int s = 0; s < n_elements; ++s) {
                const ace::BondView<T>& bond = committee.base_bonds[s];
                bonds.push_back(put(tables_, bond));
                rank_one.push_back(
                    tables_.put(committee.rank_one[s], static_cast<std::size_t>(bond.n_columns) *
                                                           static_cast<std::size_t>(committee.n_columns)));
            }
            mine.base_bonds = tables_.put(bonds.data(), bonds.size());
            mine.rank_one = tables_.put(rank_one.data(), rank_one.size());
            committees_.push_back(mine);
        }
        n_columns_ = host.committee.empty() ? 0 : host.committee.n_columns_max();
        l_max_ = host.model.l_max();
        // table_row() writes whole groups of four columns.
        row_max_ = std::max(host.model.row_max(), host.committee.empty() ? 0 : host.committee.row_max());
    }

    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        const auto n = static_cast<std::size_t>(stride);
        // Blocks have these in shared memory. The committee takes rows of radial functions.
        const auto edges = static_cast<std::size_t>(edges_in_threads_ ? most_edges : 0);
        const auto row = static_cast<std::size_t>(edges_in_threads_ || !committees_.empty() ? row_max_ : 0);
        const auto nodes = static_cast<std::size_t>(n_nodes_);
        const auto adjoints = static_cast<std::size_t>(n_adjoints_), steps = std::size_t{ace::tile_steps};
        const auto n_lm = static_cast<std::size_t>(edges_in_threads_ ? lm_count(l_max_) : 0);
        const auto n_density = static_cast<std::size_t>(n_density_);
        ace::TileScratch<T>& tile = scratch_.tile;
        tile.nodes = arena.take<T>(nodes * 2 * n);
        tile.adjoints = arena.take<T>(adjoints * 2 * n);
        tile.radial = arena.take<T>(steps * row * n);
        tile.radial_slope = arena.take<T>(row * n);
        tile.unit = arena.take<T>(edges * 3 * n);
        tile.inverse_r = arena.take<T>(edges * n);
        tile.harmonics = arena.take<T>(steps * n_lm * 2 * n);
        tile.position = tile.inverse_width = nullptr;
        tile.bin = nullptr;
        tile.row_max = row_max_;
        scratch_.densities = arena.take<double>((n_density + 1) * n);
        scratch_.dE_ddensities = arena.take<T>((n_density + 1) * n);
        scratch_.dE_ddistance = arena.take<double>(n);
        scratch_.nearest = arena.take<std::int32_t>(n);
        scratch_.keep = arena.take<double>(n);
        scratch_.committee = arena.take<double>(static_cast<std::size_t>(n_columns_) * n);
    }

    void compute(const EdgeChunk& chunk, double* energies, double* uncertainties) override {
        const auto species = static_cast<std::size_t>(chunk.center_species);
        const ace::CenterView<T>& center = centers_[species];
        compute_edges<AceForward, AceBlockForward>(chunk, species, edges_[species].forward);
        compute_products(chunk, center, products_[species], energies);
        if (uncertainties != nullptr && !committees_.empty())
            launch(context_, chunk.n_centers,
                   AceCommittee<T>{chunk, center, committees_[species], scratch_, uncertainties});
        compute_edges<AceBackward, AceBlockBackward>(chunk, species, edges_[species].backward);
    }

private:
    /// By blocks, or, where a centre does not fit their shared memory, one centre a thread.
    template <template <typename, int> typename InThreads, template <typename, int> typename InBlocks>
    void compute_edges(const EdgeChunk& chunk, std::size_t species, const EdgeTile& tile) {
        const ace::CenterView<T>& center = centers_[species];
        with_compiled_l(common_l_[species], [&](auto compiled) {
            constexpr int l = decltype(compiled)::value;
            if (tile.n_centers == 0)
                launch(context_, chunk.n_centers, InThreads<T, l>{chunk, center, scratch_});
            else
                launch_blocks(context_, (chunk.n_centers + tile.n_centers - 1) / tile.n_centers,
                              tile.n_threads, tile.bytes, chunk.n_centers,
                              InBlocks<T, l>{chunk, center, scratch_, edges_[species].bonds, tile});
        });
    }

    void compute_products(const EdgeChunk& chunk, const ace::CenterView<T>& center,
                          const BlockProducts<T>& products, double* energies) {
        if (products.log2_lanes < 0) {
            with_compiled_densities(center.n_density, [&](auto n) {
                launch(context_, chunk.n_centers,
                       AceProducts<T, decltype(n)::value>{chunk, center, scratch_, energies});
            });
            return;
        }
        const std::int64_t n_centers = std::int64_t{lane_centers<T>} << products.log2_lanes;
        const auto run = [&](auto together) {
            launch_blocks(context_, (chunk.n_centers + n_centers - 1) / n_centers, products.n_threads,
                          products.bytes, chunk.n_centers,
                          AceBlockProducts<T, decltype(together)::value>{
                              chunk, center, scratch_, products.view, energies, products.log2_lanes});
        };
        if (center.n_density % 2 == 0)
            run(std::integral_constant<int, 2>{});
        else
            run(std::integral_constant<int, 1>{});
    }

    Context& context_;
    Tables tables_;
    std::vector<ace::CenterView<T>> centers_;
    std::vector<BlockProducts<T>> products_;
    std::vector<BlockEdges<T>> edges_;
    bool edges_in_threads_ = false;  ///< for one of the species at least
    std::vector<ace::CommitteeView<T>> committees_;
    std::vector<int> common_l_;
    AceScratch<T> scratch_{};
    int n_density_ = 0, n_nodes_ = 0, n_adjoints_ = 0, n_columns_ = 0, l_max_ = 0, row_max_ = 0;
};

class AceTerm final : public Term {
public:
    explicit AceTerm(ace::Parameters parameters) : parameters_(std::move(parameters)) {
        family = "ace";
        elements = parameters_.elements;
        has_uncertainty = parameters_.committee.n_members > 0;
        std::vector<int> numbers;
        for (const std::string& symbol : elements) numbers.push_back(atomic_number(symbol));
        for (const ace::Bond& bond : parameters_.bonds) cutoffs.push_back(bond.cutoff);
        tables_ = ace::make_tables(parameters_, numbers);
    }

    [[nodiscard]] std::unique_ptr<TermKernel> make_kernel(Context& context,
                                                          Precision precision) const override {
        std::call_once(lists_once_, [&] { make_lists(); });
        if (precision == Precision::mixed)
            return std::make_unique<AceTermKernel<float>>(context, host_tables(float_, float_once_), lists_);
        return std::make_unique<AceTermKernel<double>>(context, host_tables(double_, double_once_), lists_);
    }

private:
    template <typename T>
    const HostTables<T>& host_tables(std::unique_ptr<HostTables<T>>& tables, std::once_flag& once) const {
        std::call_once(once, [&] { tables = std::make_unique<HostTables<T>>(parameters_, tables_); });
        return *tables;
    }

    void make_lists() const {
        for (const ace::CenterTables& center : tables_) {
            const ace::PairedProducts paired = ace::paired_products(center.graph, center.base);
            // The lists hold numbers of 15 bits. Half of them: further pieces need some, too.
            const bool fits = paired.n_stored() < conjugate_bit / 2;
            lists_.push_back(fits ? std::make_unique<PairedLists>(paired) : nullptr);
        }
    }

    ace::Parameters parameters_;
    std::vector<ace::CenterTables> tables_;
    mutable std::vector<std::unique_ptr<PairedLists>> lists_;  // null: too many stored products
    mutable std::once_flag lists_once_;
    mutable std::once_flag double_once_, float_once_;
    mutable std::unique_ptr<HostTables<double>> double_;
    mutable std::unique_ptr<HostTables<float>> float_;
};

}  // namespace

std::unique_ptr<Term> make_ace_term(const ModelFile& file, const std::string& prefix,
                                    const nlohmann::json& metadata) {
    try {
        return std::make_unique<AceTerm>(ace::read_parameters(file, prefix, metadata));
    } catch (const Error& error) {
        const std::string text = error.what();
        if (text.find(file.path) != std::string::npos) throw;
        throw Error(error.code(), file.path + ": " + text);
    }
}

}  // namespace tektite::cuda
