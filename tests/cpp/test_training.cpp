// SPDX-License-Identifier: BSD-3-Clause
// Parameter gradients of ACE: embedding derivatives, finite differences of every parameter, instruction sets.
#include <random>

#include "basis/spherical_harmonics.hpp"
#include "check.hpp"
#include "instruction_sets.hpp"
#include "models/ace/training/kernels/embedding_derivatives.hpp"
#include "models/ace/training/trainable_ace.hpp"
#include "random_ace.hpp"

using namespace tektite;
using namespace tektite::ace;
using tektite::test::check;
using tektite::test::check_close;

namespace {

/// Five-point difference of a function of one variable.
template <typename F>
double difference(F&& f, double x, double h) {
    return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h);
}

void test_embedding() {
    for (const EmbeddingKind kind :
         {EmbeddingKind::finnis_sinclair, EmbeddingKind::finnis_sinclair_shifted_scaled})
        for (const double m : {0.1, 0.5, 0.9, 0.9995, 1.0, 1.0005, 1.3, 2.0, 10.0})
            // The second and third lie where the power of FinnisSinclair turns into a line.
            for (const double rho : {1e-11, 4e-7, -1.7e-6, 1e-4, 0.3, -0.8, 2.5}) {
                const auto at = [&](double r, double e) {
                    return training::embedding_derivatives(kind, r, e);
                };
                const auto d = at(rho, m);
                const std::string what = " of kind " + std::to_string(static_cast<int>(kind)) + ", m " +
                                         std::to_string(m) + ", rho " + std::to_string(rho * 1e6) + "e-6";
                double f, df;
                embedding(kind, rho, m, f, df);
                // The formula of embedding() cancels near m = 1.
                const double tolerance = std::abs(m - 1.0) < 0.01 ? 1e-11 : 1e-13;
                check_close(d.f, f, tolerance * (std::abs(f) + 1.0), "F" + what);
                check_close(d.f_rho, df, tolerance * (std::abs(df) + 1.0), "dF/drho" + what);
                const double h = 1e-3 * std::abs(rho);
                const bool at_origin = std::abs(rho) < 1e-10;
                if (!at_origin) {
                    const double slope = difference([&](double r) { return at(r, m).f_rho; }, rho, h);
                    check_close(d.f_rho_rho, slope, 1e-7 * (std::abs(slope) + std::abs(d.f_rho / rho)),
                                "d2F/drho2" + what);
                }
                const double f_m = difference([&](double e) { return at(rho, e).f; }, m, 1e-4 * m);
                const double f_rho_m = difference([&](double e) { return at(rho, e).f_rho; }, m, 1e-4 * m);
                check_close(d.f_m, f_m, 1e-8 * (std::abs(f_m) + std::abs(d.f)) + 1e-10, "dF/dm" + what);
                check_close(d.f_rho_m, f_rho_m, 1e-8 * (std::abs(f_rho_m) + std::abs(d.f_rho)) + 1e-11,
                            "d2F/drho dm" + what);
            }
}

struct Data {
    std::vector<double> positions;
    std::vector<std::int32_t> species;
    std::vector<std::int64_t> offsets{0};
    std::vector<Box> boxes;
};

/// Frames of 0 to 20 atoms, some periodic, some cells smaller than the cutoff.
Data random_frames(std::mt19937& rng, int n_elements) {
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    Data data;
    for (const int n_atoms : {0, 1, 2, 5, 20, 3}) {
        const double size = 2.2 * std::cbrt(n_atoms + 1.0);
        Box box;
        for (std::size_t a = 0; a < 3; ++a) {
            box.cell[a][a] = size;
            box.cell[a][(a + 1) % 3] = 0.3 * uniform(rng);
            box.periodic[a] = n_atoms != 5;
        }
        // A jittered grid, so that no two atoms meet.
        const int per_side = static_cast<int>(std::ceil(std::cbrt(n_atoms)));
        for (int i = 0; i < n_atoms; ++i) {
            const int place[3] = {i % per_side, i / per_side % per_side, i / per_side / per_side};
            for (std::size_t d = 0; d < 3; ++d) {
                double r = 0.0;
                for (std::size_t a = 0; a < 3; ++a)
                    r += (place[a] + (d == a ? 0.3 * uniform(rng) : 0.0)) / per_side * box.cell[a][d];
                data.positions.push_back(r);
            }
            data.species.push_back(std::uniform_int_distribution<int>(0, n_elements - 1)(rng));
        }
        data.offsets.push_back(data.offsets.back() + n_atoms);
        data.boxes.push_back(box);
    }
    return data;
}

struct Model {
    std::shared_ptr<const Basis> basis;
    std::vector<Bond> bonds;
    std::vector<Embedding> embeddings;
};

Model random_model(std::mt19937& rng, int n_elements, int n_density, const std::string& kind) {
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    test::RandomAceOptions options;
    options.n_elements = n_elements;
    options.n_functions = 1;
    Model model;
    model.bonds = test::random_ace(rng, options).bonds;
    for (Bond& bond : model.bonds) bond.core_prefactor = 0.0;
    model.basis = std::make_shared<Basis>(BasisLimits{n_elements, {4, 3, 2, 2}, {0, 3, 2, 1}, {}, 1.0});
    for (int e = 0; e < n_elements; ++e) {
        Embedding embedding;
        embedding.kind = kind;
        for (int p = 0; p < n_density; ++p) {
            embedding.prefactors.push_back(1.0 - 0.4 * p);
            embedding.exponents.push_back(0.6 + 0.35 * p + 0.1 * e);
        }
        embedding.rho_core_cutoff = 1e5;
        embedding.drho_core_cutoff = 250;
        model.embeddings.push_back(embedding);
    }
    return model;
}

void test_gradient(std::mt19937& rng, int n_elements, int n_density, const std::string& kind) {
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    const Model model = random_model(rng, n_elements, n_density, kind);
    const Data data = random_frames(rng, n_elements);
    const auto n_frames = data.boxes.size();
    std::vector<std::int64_t> indices;
    for (std::size_t f = 0; f < n_frames; ++f) indices.push_back(static_cast<std::int64_t>(f));
    std::vector<double> dE(n_frames), dF(data.positions.size()), dW(6 * n_frames);
    for (auto* list : {&dE, &dF, &dW})
        for (double& x : *list) x = uniform(rng);

    std::vector<double> start, first_gradient, first_forces;
    for (const InstructionSet isa : test::instruction_sets()) {
        const auto ace =
            std::make_unique<training::TrainableAce>(model.basis, model.bonds, model.embeddings, false, isa);
        const training::ParameterLayout& layout = ace->layout();
        if (start.empty()) {
            start.assign(ace->parameters().begin(), ace->parameters().end());
            for (std::size_t i = 0; i < layout.radial[0]; ++i) start[i] = 0.05 * uniform(rng);
        }
        ace->set_parameters(start);
        const training::Frames frames(data.positions, data.species, data.offsets, data.boxes, n_elements,
                                      ace->cutoff(), 1);
        std::vector<double> energies(n_frames), forces(dF.size()), virials(dW.size());
        std::vector<double> gradient(layout.size);
        ace->evaluate(frames, indices, 2, energies, forces, virials);
        ace->gradient(frames, indices, 2, dE, dF, dW, gradient);
        double largest = 0.0;
        for (const double g : gradient) largest = std::max(largest, std::abs(g));
        if (!first_gradient.empty()) {
            for (std::size_t i = 0; i < gradient.size(); ++i)
                check_close(gradient[i], first_gradient[i], 1e-12 * largest, "gradient of another ISA");
            for (std::size_t i = 0; i < forces.size(); ++i)
                check_close(forces[i], first_forces[i], 1e-10 * (1 + std::abs(forces[i])),
                            "forces of another ISA");
            continue;
        }
        first_gradient = gradient;
        first_forces = forces;

        const auto loss = [&](std::span<const double> parameters) {
            ace->set_parameters(parameters);
            ace->evaluate(frames, indices, 1, energies, forces, virials);
            double sum = 0.0;
            for (std::size_t f = 0; f < n_frames; ++f) sum += dE[f] * energies[f];
            for (std::size_t k = 0; k < dF.size(); ++k) sum += dF[k] * forces[k];
            for (std::size_t k = 0; k < dW.size(); ++k) sum += dW[k] * virials[k];
            return sum;
        };
        const std::size_t kinds[] = {0, layout.radial[0], layout.prefactors, layout.exponents, layout.size};
        const char* names[] = {"coefficients", "radial coefficients", "prefactors", "exponents"};
        for (std::size_t k = 0; k < 4; ++k) {
            std::vector<double> direction(layout.size, 0.0);
            double slope = 0.0, size = 0.0, norm = 0.0;
            for (std::size_t i = kinds[k]; i < kinds[k + 1]; ++i) {
                direction[i] = uniform(rng);
                slope += direction[i] * gradient[i];
                size += gradient[i] * gradient[i];
                norm += direction[i] * direction[i];
            }
            check(size > 0.0, std::string("no gradient with respect to ") + names[k]);
            const double numeric = difference(
                [&](double t) {
                    std::vector<double> moved = start;
                    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += t * direction[i];
                    return loss(moved);
                },
                0.0, 2e-6);
            check_close(slope, numeric, 1e-6 * std::sqrt(size * norm),
                        std::string("derivative with respect to ") + names[k]);
        }
    }
}

}  // namespace

int main() {
    test_embedding();
    std::mt19937 rng(20);
    for (const int n_elements : {1, 2})
        for (const int n_density : {1, 2, 3, 5})
            test_gradient(rng, n_elements, n_density,
                          n_density % 2 == 1 ? "FinnisSinclairShiftedScaled" : "FinnisSinclair");
    return test::finish();
}
