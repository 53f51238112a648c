// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/terms/pair/pair_term.hpp"
#include "models/pair/pair_potential.hpp"

namespace tektite::cuda {

namespace {

/// Half of V for each edge: the other half belongs to the neighbour. Everything is double, in `mixed` too: a
/// pair potential is cheap, and its core is steep. Threads: n_centers. A table takes 25 flops and 48 bytes an
/// edge, the screened nuclear repulsion some 60 flops and four exponentials.
template <typename Function>
struct ComputePairs {
    EdgeChunk chunk;
    const Function* functions;  ///< [n_elements] for this centre species
    double* energies;

    TEKTITE_HOST_DEVICE void operator()(std::int64_t thread) const {
        double energy = 0.0;
        for (int s = 0; s < chunk.n_elements; ++s) {
            const std::int32_t end = chunk.species_begin[(s + 1) * chunk.stride + thread];
            for (std::int32_t k = chunk.species_begin[s * chunk.stride + thread]; k < end; ++k) {
                const std::int64_t p = k * chunk.stride + thread;
                const double x = chunk.x[p], y = chunk.y[p], z = chunk.z[p];
                const double r = std::sqrt(x * x + y * y + z * z);
                double derivative = 0.0;
                energy += 0.5 * functions[s](r, derivative);
                const double scale = 0.5 * derivative / r;
                chunk.dE_dx[p] = scale * x;
                chunk.dE_dy[p] = scale * y;
                chunk.dE_dz[p] = scale * z;
            }
        }
        energies[thread] = energy;
    }
};

template <typename Function>
class PairTermKernel final : public TermKernel {
public:
    PairTermKernel(Context& context, std::vector<Function> functions, int n_elements)
        : context_(context), tables_(context), n_elements_(n_elements) {
        if constexpr (std::is_same_v<Function, TableView>)
            for (TableView& f : functions) f.polynomials = tables_.put(f.polynomials, 6 * f.n_intervals);
        functions_ = tables_.put(functions.data(), functions.size());
    }
    void lay_out(Arena&, std::int64_t, int) override {}
    void compute(const EdgeChunk& chunk, double* energies, double*) override {
        launch(context_, chunk.n_centers,
               ComputePairs<Function>{chunk, functions_ + chunk.center_species * n_elements_, energies});
    }

private:
    Context& context_;
    Tables tables_;
    int n_elements_;
    const Function* functions_;
};

class PairTerm final : public Term {
public:
    explicit PairTerm(PairFunctions pair) : zbl_(std::move(pair.zbl)), tables_(std::move(pair.tables)) {
        family = "pair";
        elements = pair.info.elements;
        cutoffs = pair.cutoffs;
    }
    [[nodiscard]] std::unique_ptr<TermKernel> make_kernel(Context& context, Precision) const override {
        const int n = static_cast<int>(elements.size());
        if (!zbl_.empty()) return std::make_unique<PairTermKernel<ZblFunction>>(context, zbl_, n);
        std::vector<TableView> views;
        for (const TableFunction& f : tables_) views.push_back(f.view());
        return std::make_unique<PairTermKernel<TableView>>(context, std::move(views), n);
    }

private:
    std::vector<ZblFunction> zbl_;
    std::vector<TableFunction> tables_;
};

}  // namespace

std::unique_ptr<Term> make_pair_term(const ModelFile& file, const std::string& prefix,
                                     const nlohmann::json& metadata) {
    return std::make_unique<PairTerm>(read_pair_functions(file, prefix, metadata));
}

}  // namespace tektite::cuda
