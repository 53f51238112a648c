// SPDX-License-Identifier: BSD-3-Clause
// Products split into two stored ones, against the product graph that they come from.
#include <complex>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "cuda/terms/ace/paired_lists.hpp"
#include "models/ace/tables.hpp"
#include "random_ace.hpp"

using namespace tektite;
using test::check, test::check_close;
using Value = std::complex<double>;

namespace {

/// The densities by the rows of the graph, with all coefficients from `coefficients`.
double density_of_graph(const ace::ProductGraph& graph, const std::vector<Value>& A,
                        const std::vector<double>& coefficients) {
    std::vector<Value> values(static_cast<std::size_t>(graph.n_nodes));
    std::copy(A.begin(), A.end(), values.begin());
    std::size_t other = 0, set = 0;
    double rho = 0;
    for (const ace::ProductGraph::Row& row : graph.rows) {
        Value z = values[static_cast<std::size_t>(row.x)];
        if (row.y >= 0) {
            const Value y = values[static_cast<std::size_t>(row.y)];
            z *= row.conjugate ? std::conj(y) : y;
        }
        if (row.kept >= 0) values[static_cast<std::size_t>(row.kept)] = z;
        if (row.alone) rho += coefficients[set++] * z.real();
        for (int k = 0; k < row.n_plain + row.n_conjugate; ++k) {
            const Value y = values[static_cast<std::size_t>(graph.others[other++])];
            rho += coefficients[set++] * (z * (k < row.n_plain ? y : std::conj(y))).real();
        }
    }
    return rho;
}

std::vector<Value> stored_values(const ace::PairedProducts& paired, const std::vector<Value>& A) {
    std::vector<Value> z = A;
    for (const ace::PairedProducts::Node& node : paired.nodes) {
        const Value y = z[static_cast<std::size_t>(node.y)];
        z.push_back(z[static_cast<std::size_t>(node.x)] * (node.conjugate ? std::conj(y) : y));
    }
    return z;
}

void check_center(const ace::CenterTables& center, std::mt19937& rng, const std::string& what) {
    const ace::PairedProducts paired = ace::paired_products(center.graph, center.base);
    const std::size_t n_sets =
        center.graph.coefficients.size() / static_cast<std::size_t>(center.graph.n_density);
    check(paired.pairs.size() == n_sets, what + ": a pair for each coefficient set");
    check(paired.level_begin.back() == static_cast<std::int32_t>(paired.nodes.size()), what + ": levels");
    std::normal_distribution<double> normal;
    std::vector<double> c(n_sets);
    for (double& x : c) x = normal(rng);
    std::vector<Value> A(static_cast<std::size_t>(center.base.size));
    for (Value& a : A) a = {normal(rng), normal(rng)};
    for (int s = 0; s < center.base.n_elements; ++s)
        for (int l = 0; l <= center.base.l_max; ++l)
            for (std::size_t n = 0; n < center.base.n_used(s, l).size(); ++n) {
                Value& real = A[static_cast<std::size_t>(center.base.first(s, l)) + n];
                real = real.real();
            }
    const std::vector<Value> z = stored_values(paired, A);
    double rho = 0;
    for (const auto& p : paired.pairs) {
        const Value b = z[static_cast<std::size_t>(p.b)];
        rho += c[static_cast<std::size_t>(p.coefficient)] *
               (z[static_cast<std::size_t>(p.a)] * (p.conjugate ? std::conj(b) : b)).real();
    }
    const double expected = density_of_graph(center.graph, A, c);
    check_close(rho, expected, 1e-11 * (1 + std::abs(expected)), what + ": density of the pairs");

    // The lists, as a block walks through them: half of z . d rho/dz; every slot is written once.
    const cuda::PairedLists lists(paired);
    std::vector<int> written(static_cast<std::size_t>(lists.n_slots), 0);
    double twice = 0;
    for (const cuda::ListPiece& piece : lists.pair_pieces) {
        ++written[piece.slot];
        Value slope = 0;
        for (int k = 0; k < piece.length; ++k) {
            const auto at = static_cast<std::size_t>(piece.first + k * cuda::list_slice);
            const std::uint16_t other = lists.pair_others[at];
            const Value b = z[other & ~cuda::conjugate_bit];
            slope += c[static_cast<std::size_t>(lists.pair_coefficients[at])] *
                     static_cast<double>(lists.pair_weights[at]) *
                     (other & cuda::conjugate_bit ? b : std::conj(b));
        }
        const Value a = z[piece.node];
        twice += a.real() * slope.real() + a.imag() * slope.imag();
    }
    check_close(0.5 * twice, expected, 1e-11 * (1 + std::abs(expected)), what + ": density of the lists");
    bool once = true;
    for (std::int32_t k = 0; k < lists.n_stored; ++k)
        once = once && written[static_cast<std::size_t>(k)] == 1;
    check(once, what + ": a row for each stored product");
}

}  // namespace

int main() {
    std::mt19937 rng(1);
    for (int turn = 0; turn < 12; ++turn) {
        test::RandomAceOptions o;
        o.n_elements = 1 + turn % 3;
        o.l_max = turn % 5;
        o.n_max = 1 + turn % 4;
        o.n_functions = 20 + 30 * (turn % 4);
        o.n_density = 1 + turn % 2;
        o.max_rank = 2 + turn % 5;
        const ace::Parameters parameters = test::random_ace(rng, o);
        const std::vector<int> numbers(parameters.elements.size(), 14);
        for (const ace::CenterTables& center : ace::make_tables(parameters, numbers))
            check_center(center, rng, "model " + std::to_string(turn));
    }
    return test::finish();
}
