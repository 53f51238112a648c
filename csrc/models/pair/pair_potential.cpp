// SPDX-License-Identifier: BSD-3-Clause
#include "models/pair/pair_potential.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/elements.hpp"
#include "base/model_file_json.hpp"
#include "models/local_potential.hpp"
#include "models/pair/pair_function.hpp"
#include "models/registry.hpp"

namespace tektite {

using nlohmann::json;

namespace {

constexpr int n_lanes = 8;

/// Energies and gradients of a block. Everything is double, in `mixed` too: a pair potential is cheap, and
/// its core is steep.
template <typename Function>
class PairKernel final : public BlockKernel {
public:
    /// functions: [n_elements][n_elements], which must outlive the kernel.
    explicit PairKernel(const std::vector<Function>& functions, std::size_t n_elements)
        : functions_(functions), n_elements_(n_elements) {}

    [[nodiscard]] int lanes() const override { return n_lanes; }
    [[nodiscard]] std::string description() const override { return "8 lanes, double"; }
    [[nodiscard]] std::size_t memory() const override { return sizeof *this; }

    void compute(EdgeBlock& block, double* energies, double*) override {
        std::fill_n(energies, block.n_centers, 0.0);
        const Function* functions = &functions_[static_cast<std::size_t>(block.center_species) * n_elements_];
        for (std::size_t s = 0; s < n_elements_; ++s) {
            for (int step = block.species_begin[s]; step < block.species_begin[s + 1]; ++step) {
                for (int b = 0; b < block.n_centers; ++b) {
                    const std::size_t e =
                        static_cast<std::size_t>(step) * n_lanes + static_cast<std::size_t>(b);
                    if (block.neighbor[e] >= 0) energies[b] += edge(functions[s], block, e);
                }
            }
        }
    }

private:
    /// Half of V: the other half belongs to the neighbour.
    static double edge(const Function& function, EdgeBlock& block, std::size_t e) {
        const double x = block.x[e], y = block.y[e], z = block.z[e];
        const double r = std::sqrt(x * x + y * y + z * z);
        double derivative = 0;
        const double v = function(r, derivative);
        const double scale = 0.5 * derivative / r;
        block.dE_dx[e] = scale * x;
        block.dE_dy[e] = scale * y;
        block.dE_dz[e] = scale * z;
        return 0.5 * v;
    }

    const std::vector<Function>& functions_;
    std::size_t n_elements_;
};

template <typename Function>
class PairPotential final : public LocalPotential {
public:
    /// functions, cutoffs: [n_elements][n_elements], symmetric.
    PairPotential(ModelInfo info, std::vector<Function> functions, std::vector<double> cutoffs)
        : info_(std::move(info)), functions_(std::move(functions)), cutoffs_(std::move(cutoffs)) {}

    [[nodiscard]] const ModelInfo& info() const override { return info_; }

protected:
    [[nodiscard]] std::unique_ptr<BlockKernel> make_kernel(const EvaluationOptions&) const override {
        return std::make_unique<PairKernel<Function>>(functions_, info_.elements.size());
    }
    [[nodiscard]] const std::vector<double>& cutoffs() const override { return cutoffs_; }

private:
    ModelInfo info_;
    std::vector<Function> functions_;
    std::vector<double> cutoffs_;
};

class PairReader {
public:
    PairReader(const ModelFile& file, const std::string& prefix, const json& metadata)
        : file_(file),
          prefix_(prefix),
          reader_(metadata, file.path),
          result_{read_model_info(metadata, file.path), {}, {}, {}} {}

    PairFunctions read() {
        const double largest = result_.info.cutoff;
        const std::string kind = reader_.text("kind");
        if (kind == "zbl") {
            read_zbl();
        } else if (kind == "table") {
            read_table();
        } else {
            throw Error(ErrorCode::unsupported, file_.path + ": pair potentials of the kind '" + kind +
                                                    "' are not supported (zbl, table)");
        }
        if (std::abs(largest_cutoff_ - largest) > 1e-9)
            reader_.fail("cutoff", "is not the largest cutoff of the pairs");
        return std::move(result_);
    }

private:
    [[noreturn]] void fail(const std::string& array, const std::string& what) const {
        throw Error(ErrorCode::file_damaged, file_.path + ": array '" + prefix_ + array + "' " + what);
    }

    const Array& reals(const std::string& name, const std::vector<std::size_t>& shape) const {
        const Array& array = file_.reals(prefix_ + name, shape.size());
        for (std::size_t d = 0; d < shape.size(); ++d) {
            if (shape[d] != 0 && array.shape[d] != static_cast<std::int64_t>(shape[d])) {
                fail(name, "has extent " + std::to_string(array.shape[d]) + " in dimension " +
                               std::to_string(d) + ", expected " + std::to_string(shape[d]));
            }
        }
        // Arrays that did not come from a file have not been looked at yet.
        for (const double x : array.reals) {
            if (!std::isfinite(x)) fail(name, "holds a value that is not finite");
        }
        return array;
    }

    void read_zbl() {
        const std::size_t n = result_.info.elements.size();
        const std::vector<double>& inner = reals("zbl.inner", {n, n}).reals;
        const std::vector<double>& outer = reals("zbl.outer", {n, n}).reals;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                const double a = inner[i * n + j], b = outer[i * n + j];
                if (a != inner[j * n + i]) fail("zbl.inner", "is not symmetric");
                if (b != outer[j * n + i]) fail("zbl.outer", "is not symmetric");
                if (a < 0 || b < 0 || (b > 0 && a >= b))
                    fail("zbl.inner", "must lie between 0 and zbl.outer");
                result_.zbl.emplace_back(atomic_number(result_.info.elements[i]),
                                         atomic_number(result_.info.elements[j]), a, b);
                largest_cutoff_ = std::max(largest_cutoff_, b);
            }
        }
        result_.cutoffs = outer;
    }

    void read_table() {
        const std::size_t n = result_.info.elements.size(), n_pairs = n * (n + 1) / 2;
        const std::vector<double>& first = reals("table.first", {n_pairs}).reals;
        const std::vector<double>& last = reals("table.last", {n_pairs}).reals;
        const Array& values = reals("table.values", {n_pairs, 0, 3});
        const auto n_points = static_cast<std::size_t>(values.shape[1]);
        if (n_points < 2) fail("table.values", "needs at least two points");
        std::vector<TableFunction>& functions = result_.tables;
        std::vector<double>& cutoffs = result_.cutoffs;
        functions.resize(n * n);
        cutoffs.assign(n * n, 0.0);
        std::size_t pair = 0;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = i; j < n; ++j, ++pair) {
                if (last[pair] == 0) continue;
                if (first[pair] <= 0 || last[pair] <= first[pair]) {
                    fail("table.first", "must lie between 0 and table.last");
                }
                const std::span<const double> points(values.reals.data() + 3 * n_points * pair, 3 * n_points);
                for (const double x : points.last(3)) {
                    if (x != 0) fail("table.values", "must be zero at the last point of every pair");
                }
                functions[i * n + j] = functions[j * n + i] = TableFunction(first[pair], last[pair], points);
                cutoffs[i * n + j] = cutoffs[j * n + i] = last[pair];
                largest_cutoff_ = std::max(largest_cutoff_, last[pair]);
            }
        }
    }

    const ModelFile& file_;
    const std::string& prefix_;
    MetadataReader reader_;
    PairFunctions result_;
    double largest_cutoff_ = 0;
};

}  // namespace

PairFunctions read_pair_functions(const ModelFile& file, const std::string& prefix, const json& metadata) {
    return PairReader(file, prefix, metadata).read();
}

std::shared_ptr<const Potential> make_pair_potential(const ModelFile& file, const std::string& prefix,
                                                     const json& metadata) {
    PairFunctions pair = read_pair_functions(file, prefix, metadata);
    if (!pair.zbl.empty())
        return std::make_shared<PairPotential<ZblFunction>>(std::move(pair.info), std::move(pair.zbl),
                                                            std::move(pair.cutoffs));
    return std::make_shared<PairPotential<TableFunction>>(std::move(pair.info), std::move(pair.tables),
                                                          std::move(pair.cutoffs));
}

}  // namespace tektite
