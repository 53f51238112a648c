// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <mutex>

#include "base/elements.hpp"
#include "cuda/terms/ace/ace_kernels.hpp"
#include "cuda/terms/ace/ace_term.hpp"
#include "cuda/terms/ace/device_tables.hpp"
#include "cuda/terms/ace/edges_stage.hpp"
#include "cuda/terms/ace/products_stage.hpp"
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
class AceTermKernel final : public TermKernel {
public:
    AceTermKernel(Context& context, const HostTables<T>& host,
                  const std::vector<std::unique_ptr<PairedLists>>& lists)
        : context_(context), tables_(context), edges_(context), products_(context) {
        const int n_elements = static_cast<int>(lists.size());
        for (int c = 0; c < n_elements; ++c) {
            const ace::CenterView<T>& view = host.model.view(c);
            const ace::CenterView<T> device = put(tables_, view);
            edges_.add(tables_, view, device);
            products_.add(tables_, view, device, lists[static_cast<std::size_t>(c)].get());
            if (host.committee.empty()) continue;
            // The committee walks through the product graph.
            n_nodes_ = std::max(n_nodes_, view.n_nodes);
            put_committee(host.committee.view(c), view, n_elements);
        }
        n_nodes_ = std::max(n_nodes_, products_.n_nodes());
        if (host.committee.empty()) return;
        n_columns_ = host.committee.n_columns_max();
        // table_row() writes whole groups of four columns.
        row_max_ = host.committee.row_max();
    }

    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override {
        edges_.lay_out(arena, stride, most_edges, n_nodes_, products_.n_nodes(), row_max_, scratch_);
        scratch_.committee =
            arena.take<double>(static_cast<std::size_t>(n_columns_) * static_cast<std::size_t>(stride));
    }

    void compute(const EdgeChunk& chunk, double* energies, double* uncertainties) override {
        edges_.forward(chunk, scratch_);
        products_.compute(chunk, scratch_, energies);
        if (uncertainties != nullptr && !committees_.empty())
            launch(context_, chunk.n_centers,
                   AceCommittee<T>{chunk, edges_.center(chunk.center_species),
                                   committees_[static_cast<std::size_t>(chunk.center_species)], scratch_,
                                   uncertainties});
        edges_.backward(chunk, scratch_);
    }

private:
    void put_committee(const ace::CommitteeView<T>& committee, const ace::CenterView<T>& view,
                       int n_elements) {
        ace::CommitteeView<T> mine = committee;
        mine.coefficients = tables_.put(committee.coefficients,
                                        view.n_coefficients * static_cast<std::size_t>(committee.n_columns));
        std::vector<ace::BondView<T>> bonds;
        std::vector<const T*> rank_one;
        for (int s = 0; s < n_elements; ++s) {
            const ace::BondView<T>& bond = committee.base_bonds[s];
            bonds.push_back(put(tables_, bond));
            rank_one.push_back(tables_.put(
                committee.rank_one[s],
                static_cast<std::size_t>(bond.n_columns) * static_cast<std::size_t>(committee.n_columns)));
        }
        mine.base_bonds = tables_.put(bonds.data(), bonds.size());
        mine.rank_one = tables_.put(rank_one.data(), rank_one.size());
        committees_.push_back(mine);
    }

    Context& context_;
    Tables tables_;
    AceEdgesStage<T> edges_;
    AceProductsStage<T> products_;
    std::vector<ace::CommitteeView<T>> committees_;
    AceScratch<T> scratch_{};
    int n_nodes_ = 0, n_columns_ = 0, row_max_ = 0;
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
