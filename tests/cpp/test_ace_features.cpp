// SPDX-License-Identifier: BSD-3-Clause
// ACE as a block descriptor: against the descriptor of fits, finite differences, instruction sets.
#include <random>

#include "check.hpp"
#include "descriptors/ace_descriptor.hpp"
#include "instruction_sets.hpp"
#include "models/ace/ace_features.hpp"
#include "random_ace.hpp"
#include "tektite/neighbor_list.hpp"

using namespace tektite;
using tektite::test::check;
using tektite::test::check_close;

namespace {

struct System {
    std::vector<double> positions;
    std::vector<std::int32_t> species, centers;
    Box box;
    NeighborList list;
    Cluster cluster;
};

/// A jittered grid, periodic in two directions; cells about as large as the cutoff.
void fill(System& s, std::mt19937& rng, int n_atoms, int n_elements, double cutoff) {
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    const int per_side = static_cast<int>(std::ceil(std::cbrt(n_atoms)));
    for (std::size_t a = 0; a < 3; ++a) {
        s.box.cell[a][a] = 2.3 * per_side;
        s.box.cell[a][(a + 1) % 3] = 0.3 * uniform(rng);
        s.box.periodic[a] = a < 2;
    }
    for (int i = 0; i < n_atoms; ++i) {
        const int place[3] = {i % per_side, i / per_side % per_side, i / per_side / per_side};
        for (const int x : place) s.positions.push_back(2.3 * x + 0.6 * uniform(rng));
        s.species.push_back(std::uniform_int_distribution<int>(0, n_elements - 1)(rng));
        s.centers.push_back(i);
    }
    s.list.build(s.positions, s.box, cutoff);
    s.cluster.positions = s.positions;
    s.cluster.species = s.species;
    s.cluster.centers = s.centers;
    s.list.attach(s.cluster);
}

/// The centres of one species, `n_groups` registers wide, with their edges.
template <typename T>
EdgeBlock block_of(const System& s, const Descriptor& descriptor, const BlockDescriptor<T>& evaluator,
                   std::vector<std::int32_t>& centers, int n_groups, InstructionSet isa) {
    EdgeBlock block;
    block.lanes = n_groups * evaluator.lanes();
    centers.clear();
    for (const std::int32_t i : s.centers)
        if (s.species[static_cast<std::size_t>(i)] == s.species[0] &&
            static_cast<int>(centers.size()) < block.lanes)
            centers.push_back(i);
    std::vector<double> squared = descriptor.cutoffs();
    for (double& c : squared) c *= c;
    gather_edges(s.cluster, centers, s.species[0], squared, isa, block);
    return block;
}

template <typename T>
void check_block(std::mt19937& rng, const System& s, const ace::Features& features,
                 const ace::Descriptor& reference, InstructionSet isa, int n_groups) {
    const double tolerance = std::is_same_v<T, double> ? 1e-8 : 2e-5;
    std::unique_ptr<BlockDescriptor<T>> evaluator;
    if constexpr (std::is_same_v<T, double>)
        evaluator = features.make_double(isa);
    else
        evaluator = features.make_float(isa);
    std::vector<std::int32_t> centers;
    EdgeBlock block = block_of(s, features, *evaluator, centers, n_groups, isa);
    const auto n = static_cast<std::size_t>(features.n_features()),
               lanes = static_cast<std::size_t>(block.lanes);
    const auto n_steps = static_cast<std::size_t>(block.n_steps);

    // Values: those of the other implementation.
    AlignedVector<T> values(n * lanes);
    evaluator->forward(block, values.data());
    const auto n_functions = static_cast<std::size_t>(features.basis().n_functions());
    std::vector<double> expected(s.centers.size() * n_functions, 0.0);
    reference.values(s.cluster, expected);
    const auto first =
        static_cast<std::size_t>(features.basis().first_function()[static_cast<std::size_t>(s.species[0])]);
    double scale = 1.0;
    for (const double x : expected) scale = std::max(scale, std::abs(x));
    for (std::size_t b = 0; b < centers.size(); ++b)
        for (std::size_t f = 0; f < n; ++f)
            check_close(static_cast<double>(values[f * lanes + b]),
                        expected[static_cast<std::size_t>(centers[b]) * n_functions + first + f],
                        tolerance * scale, "feature");

    // A motion of the edges: rates by differences, by the descriptor, by its gradients of single edges.
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    AlignedVector<T> motion(3 * n_steps * lanes, T{0}), tangents(n * lanes), slow(n * lanes);
    const auto at = [&](double h) {
        EdgeBlock moved = block;
        for (std::size_t p = 0; p < n_steps * lanes; ++p) {
            moved.x[p] += h * static_cast<double>(motion[p]);
            moved.y[p] += h * static_cast<double>(motion[n_steps * lanes + p]);
            moved.z[p] += h * static_cast<double>(motion[2 * n_steps * lanes + p]);
        }
        AlignedVector<double> out(n * lanes);
        features.make_double(isa)->forward(moved, out.data());
        return out;
    };
    for (std::size_t p = 0; p < n_steps * lanes; ++p)
        if (block.neighbor[p] >= 0)
            for (std::size_t c = 0; c < 3; ++c)
                motion[c * n_steps * lanes + p] = static_cast<T>(uniform(rng));
    const double h = 1e-4;
    if constexpr (std::is_same_v<T, double>)
        if (n_groups == 1) {
            const auto a = at(-2 * h), b = at(-h), c = at(h), d = at(2 * h);
            evaluator->tangents(block, values.data(), features.n_features(), motion.data(), tangents.data());
            for (std::size_t lane = 0; lane < centers.size(); ++lane)
                for (std::size_t f = 0; f < n; ++f) {
                    const std::size_t k = f * lanes + lane;
                    check_close(tangents[k], (a[k] - 8 * b[k] + 8 * c[k] - d[k]) / (12 * h), 1e-7 * scale,
                                "rate of a feature by differences");
                }
        }
    evaluator->forward(block, values.data());
    evaluator->tangents(block, values.data(), features.n_features(), motion.data(), tangents.data());
    evaluator->BlockDescriptor<T>::tangents(block, values.data(), features.n_features(), motion.data(),
                                            slow.data());
    for (std::size_t lane = 0; lane < centers.size(); ++lane)
        for (std::size_t f = 0; f < n; ++f)
            check_close(static_cast<double>(tangents[f * lanes + lane]),
                        static_cast<double>(slow[f * lanes + lane]),
                        (std::is_same_v<T, double> ? 1e-10 : 1e-3) * scale, "rate from single edges");

    // Backward: the rates contracted with an adjoint are the gradient contracted with the motion.
    AlignedVector<T> adjoint(n * lanes);
    for (T& x : adjoint) x = static_cast<T>(uniform(rng));
    for (auto* g : {&block.dE_dx, &block.dE_dy, &block.dE_dz}) std::fill(g->begin(), g->end(), 0.25);
    evaluator->forward(block, values.data());
    evaluator->backward(block, values.data(), adjoint.data());
    double from_gradient = 0.0, from_tangents = 0.0, size = 0.0;
    for (std::size_t lane = 0; lane < centers.size(); ++lane) {
        for (std::size_t f = 0; f < n; ++f) {
            const double term = static_cast<double>(adjoint[f * lanes + lane]) *
                                static_cast<double>(tangents[f * lanes + lane]);
            from_tangents += term;
            size += std::abs(term);
        }
        for (std::size_t p = lane; p < n_steps * lanes; p += lanes)
            if (block.neighbor[p] >= 0)
                from_gradient +=
                    (block.dE_dx[p] - 0.25) * static_cast<double>(motion[p]) +
                    (block.dE_dy[p] - 0.25) * static_cast<double>(motion[n_steps * lanes + p]) +
                    (block.dE_dz[p] - 0.25) * static_cast<double>(motion[2 * n_steps * lanes + p]);
    }
    check_close(from_gradient, from_tangents, (std::is_same_v<T, double> ? 1e-11 : 1e-4) * (1.0 + size),
                "gradient along a motion");
}

}  // namespace

int main() {
    std::mt19937 rng(4);
    for (const int n_elements : {1, 2, 3}) {
        test::RandomAceOptions options;
        options.n_elements = n_elements;
        options.n_functions = 1;
        std::vector<ace::Bond> bonds = test::random_ace(rng, options).bonds;
        for (ace::Bond& bond : bonds) bond.core_prefactor = 0.0;
        for (const auto& limits :
             {ace::BasisLimits{n_elements, {4, 3, 2, 1}, {0, 3, 2, 1}, {}, 1.0},
              ace::BasisLimits{n_elements, {0, 2, 2}, {0, 2, 1}, {}, 1.0},
              ace::BasisLimits{n_elements, {5}, {0}, {}, 1.0},
              ace::BasisLimits{n_elements, {4, 3, 2}, {0, 3, 2}, {2.0, 3.0, 2.0}, 1.0}}) {
            const auto basis = std::make_shared<ace::Basis>(limits);
            const ace::Features features(bonds, basis);
            const ace::Descriptor reference(bonds, basis);
            System s;
            fill(s, rng, 40, n_elements, reference.cutoff());
            for (const InstructionSet isa : test::instruction_sets())
                for (const int n_groups : {1, 2}) {
                    check_block<double>(rng, s, features, reference, isa, n_groups);
                    check_block<float>(rng, s, features, reference, isa, n_groups);
                }
        }
    }
    return test::finish();
}
