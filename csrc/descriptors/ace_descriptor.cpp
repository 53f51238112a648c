// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/ace_descriptor.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/aligned.hpp"
#include "base/cpu.hpp"
#include "base/kernels_for.hpp"
#include "basis/ace_radial.hpp"

namespace tektite::ace {

namespace {

constexpr int max_rank = 16;

[[noreturn]] void fail(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "ACE descriptor: " + what);
}

int round_up(int n) {
    return (n + design_padding - 1) / design_padding * design_padding;
}

}  // namespace

/// Scratch of one call.
class Descriptor::Work {
public:
    struct Species {
        std::vector<std::int32_t> neighbor;
        AlignedVector<double> x, y, z, ux, uy, uz, inverse_r, radial, radial_slope, gradient;
    };
    explicit Work(std::size_t n_elements) : species(n_elements), edges(n_elements), gradient(n_elements) {}
    std::vector<Species> species;
    std::vector<DesignEdges> edges;
    std::vector<double*> gradient;
    AlignedVector<double> harmonics, full, adjoint, sum;
    std::vector<double> g, dg;
};

Descriptor::Descriptor(std::vector<Bond> bonds, std::shared_ptr<const Basis> basis)
    : bonds_(std::move(bonds)),
      basis_(std::move(basis)),
      kernel_(kernels_for<DesignKernel>(resolve_instruction_set(InstructionSet::automatic))) {
    const auto n_elements = static_cast<std::size_t>(basis_->n_elements());
    check_bonds(bonds_, *basis_);
    for (const Bond& bond : bonds_) cutoff_ = std::max(cutoff_, bond.cutoff);
    for (const Coupling& c : basis_->couplings()) {
        coupling_m_.emplace_back(c.m.begin(), c.m.end());
        auto& transposed = coupling_coefficients_.emplace_back();
        for (int term = 0; term < c.n_terms; ++term)
            for (int f = 0; f < c.n_functions; ++f)
                transposed.push_back(c.coefficients[static_cast<std::size_t>(f * c.n_terms + term)]);
    }
    std::vector<bool> shifted(coupling_m_.size(), false);
    for (const Product& product : basis_->products()) {
        const auto i = static_cast<std::size_t>(product.coupling);
        if (product.factors.size() > max_rank) fail("rank above 16");
        if (shifted[i]) continue;
        shifted[i] = true;
        for (std::size_t k = 0; k < coupling_m_[i].size(); ++k)
            coupling_m_[i][k] += product.factors[k % product.factors.size()].l;
    }
    for (std::size_t i = 0; i < coupling_m_.size(); ++i) {
        const Coupling& c = basis_->couplings()[i];
        couplings_.push_back(
            {c.rank, c.n_functions, c.n_terms, coupling_m_[i].data(), coupling_coefficients_[i].data()});
    }
    elements_.resize(n_elements);
    int l_max = 0;
    for (int center = 0; center < basis_->n_elements(); ++center) {
        prepare_element(center);
        l_max = std::max(l_max, elements_[static_cast<std::size_t>(center)].l_max);
    }
    legendre_ = std::make_unique<LegendreCoefficients>(l_max);
}

void Descriptor::prepare_element(int center) {
    Element& element = elements_[static_cast<std::size_t>(center)];
    const int n_elements = basis_->n_elements();
    // A shell of rank 1 sums g_n, the others R_nl: (species, is R, n, l).
    using Shell = std::tuple<int, int, int, int>;
    std::map<Shell, std::int32_t> shells;
    const auto shell_of = [](const Product& product, const Factor& f) {
        return Shell{f.species, product.factors.size() > 1 ? 1 : 0, f.n, f.l};
    };
    for (const Product& product : basis_->products())
        if (product.center == center)
            for (const Factor& factor : product.factors) shells.emplace(shell_of(product, factor), 0);
    element.n_radial.assign(static_cast<std::size_t>(n_elements), 0);
    element.n_rows.assign(static_cast<std::size_t>(n_elements), 0);
    element.radial_n.resize(static_cast<std::size_t>(n_elements));
    element.radial_l.resize(static_cast<std::size_t>(n_elements));
    element.shell_begin.assign(1, 0);
    std::map<std::tuple<int, int, int>, int> radial_rows;  // (species, n, l or -1)
    for (auto& [shell, index] : shells) {
        const auto [species, is_r, n, l] = shell;
        const auto s = static_cast<std::size_t>(species);
        while (element.shell_begin.size() <= s)
            element.shell_begin.push_back(static_cast<std::int32_t>(element.shell_l.size()));
        index = static_cast<std::int32_t>(element.shell_l.size());
        const int radial_l = is_r ? l : -1;
        const auto [row, is_new] = radial_rows.try_emplace({species, n, radial_l}, element.n_radial[s]);
        if (is_new) {
            ++element.n_radial[s];
            element.radial_n[s].push_back(n);
            element.radial_l[s].push_back(radial_l);
        }
        element.shell_radial.push_back(row->second);
        element.shell_l.push_back(l);
        element.shell_row.push_back(element.n_rows[s]);
        element.shell_full.push_back(element.n_full);
        element.n_rows[s] += 2 * l + 1;
        element.n_full += 2 * l + 1;
        element.l_max = std::max(element.l_max, l);
    }
    while (element.shell_begin.size() <= static_cast<std::size_t>(n_elements))
        element.shell_begin.push_back(static_cast<std::int32_t>(element.shell_l.size()));
    for (const Product& product : basis_->products()) {
        if (product.center != center) continue;
        int entries = 0;
        for (const Factor& factor : product.factors) {
            element.product_shells.push_back(shells.at(shell_of(product, factor)));
            entries += 2 * factor.l + 1;
        }
        const DesignCoupling& c = couplings_[static_cast<std::size_t>(product.coupling)];
        element.n_adjoint = std::max(element.n_adjoint, 2 * entries * c.n_functions);
        element.products.push_back({&c, product.first_function, nullptr});
    }
    std::size_t begin = 0;
    for (DesignProduct& product : element.products) {
        product.shells = element.product_shells.data() + begin;
        begin += static_cast<std::size_t>(product.coupling->rank);
    }
}

void Descriptor::compute(const Cluster& cluster, std::int32_t atom, Work& work,
                         const DesignOutput& out) const {
    const auto i = static_cast<std::size_t>(atom);
    const auto n_elements = static_cast<std::size_t>(basis_->n_elements());
    const auto center = static_cast<std::size_t>(cluster.species[i]);
    const Element& element = elements_[center];
    for (auto& s : work.species) {
        s.neighbor.clear();
        s.x.clear();
        s.y.clear();
        s.z.clear();
    }
    const double* position = cluster.positions.data() + 3 * i;
    for (std::int32_t k = 0; k < cluster.neighbor_counts[i]; ++k) {
        const auto j = static_cast<std::size_t>(cluster.neighbor_rows[i][k] & cluster.neighbor_mask);
        if (cluster.species[j] < 0) continue;
        double r[3];
        for (std::size_t d = 0; d < 3; ++d) r[d] = cluster.positions[3 * j + d] - position[d];
        if (!cluster.shift_vectors.empty())
            for (std::size_t d = 0; d < 3; ++d)
                r[d] += cluster.shift_vectors[3 * static_cast<std::size_t>(cluster.shift_rows[i][k]) + d];
        const auto neighbor = static_cast<std::size_t>(cluster.species[j]);
        const double cutoff = bonds_[center * n_elements + neighbor].cutoff;
        const double r2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
        if (r2 >= cutoff * cutoff) continue;
        if (!(r2 > 0.0))
            fail("atoms " + std::to_string(i) + " and " + std::to_string(j) + " are at the same place");
        auto& s = work.species[neighbor];
        s.neighbor.push_back(static_cast<std::int32_t>(j));
        s.x.push_back(r[0]);
        s.y.push_back(r[1]);
        s.z.push_back(r[2]);
    }
    std::size_t largest = 0, n_lm = static_cast<std::size_t>(lm_count(legendre_->l_max));
    for (std::size_t species = 0; species < n_elements; ++species) {
        auto& s = work.species[species];
        const Bond& bond = bonds_[center * n_elements + species];
        const int n = static_cast<int>(s.neighbor.size()), padded = round_up(n);
        const auto size = static_cast<std::size_t>(padded);
        largest = std::max(largest, size);
        s.x.resize(size, 0.0);
        s.y.resize(size, 0.0);
        s.z.resize(size, 0.0);
        s.ux.assign(size, 0.0);
        s.uy.assign(size, 0.0);
        s.uz.assign(size, 1.0);
        s.inverse_r.assign(size, 1.0);
        const auto n_radial = static_cast<std::size_t>(element.n_radial[species]);
        s.radial.assign(n_radial * size, 0.0);
        s.radial_slope.assign(n_radial * size, 0.0);
        const auto n_base = static_cast<std::size_t>(bond.n_base);
        work.g.resize(n_base);
        work.dg.resize(n_base);
        for (std::size_t e = 0; e < static_cast<std::size_t>(n); ++e) {
            const double r = std::sqrt(s.x[e] * s.x[e] + s.y[e] * s.y[e] + s.z[e] * s.z[e]);
            s.inverse_r[e] = 1.0 / r;
            s.ux[e] = s.x[e] / r;
            s.uy[e] = s.y[e] / r;
            s.uz[e] = s.z[e] / r;
            radial_basis(bond, r, work.g.data(), work.dg.data());
            for (std::size_t row = 0; row < n_radial; ++row) {
                const auto radial_n = static_cast<std::size_t>(element.radial_n[species][row]);
                const int l = element.radial_l[species][row];
                double value = 0.0, slope = 0.0;
                if (l < 0) {
                    value = work.g[radial_n];
                    slope = work.dg[radial_n];
                } else {
                    const double* c =
                        bond.coefficients.data() +
                        (radial_n * static_cast<std::size_t>(bond.l_max + 1) + static_cast<std::size_t>(l)) *
                            n_base;
                    for (std::size_t k = 0; k < n_base; ++k) {
                        value += c[k] * work.g[k];
                        slope += c[k] * work.dg[k];
                    }
                }
                s.radial[row * size + e] = value;
                s.radial_slope[row * size + e] = slope;
            }
        }
        s.gradient.resize(static_cast<std::size_t>(element.n_rows[species]) * 3 * size);
        work.gradient[species] = s.gradient.data();
        work.edges[species] = {n,
                               padded,
                               s.neighbor.data(),
                               s.x.data(),
                               s.y.data(),
                               s.z.data(),
                               s.ux.data(),
                               s.uy.data(),
                               s.uz.data(),
                               s.inverse_r.data(),
                               s.radial.data(),
                               s.radial_slope.data()};
    }
    work.harmonics.resize(8 * n_lm * largest);
    work.full.resize(2 * static_cast<std::size_t>(element.n_full));
    work.adjoint.resize(static_cast<std::size_t>(element.n_adjoint));
    work.sum.resize(3 * largest);
    const DesignPlan plan{basis_->n_elements(),       static_cast<int>(element.shell_l.size()),
                          element.shell_begin.data(), element.shell_radial.data(),
                          element.shell_l.data(),     element.shell_row.data(),
                          element.shell_full.data(),  static_cast<std::int64_t>(element.products.size()),
                          element.products.data(),    legendre_->l_max,
                          legendre_->a.data(),        legendre_->b.data(),
                          legendre_->slope.data(),    legendre_->diagonal.data()};
    const DesignScratch scratch{work.harmonics.data(), work.full.data(), work.gradient.data(),
                                work.adjoint.data(), work.sum.data()};
    kernel_(plan, work.edges.data(), scratch, out);
}

void Descriptor::design(const Cluster& cluster, std::span<double> energies, std::span<double> forces,
                        std::span<double> virials) const {
    const auto n_functions = static_cast<std::size_t>(basis_->n_functions());
    if (energies.size() != n_functions)
        fail("energies must have " + std::to_string(n_functions) + " entries");
    if (!forces.empty() && forces.size() != n_functions * 3 * cluster.n_atoms())
        fail("forces have a wrong size");
    if (!virials.empty() && (forces.empty() || virials.size() != n_functions * 6))
        fail("virials have a wrong size or come without forces");
    Work work(elements_.size());
    DesignOutput out;
    out.values = energies.data();
    out.forces = forces.empty() ? nullptr : forces.data();
    out.force_stride = 3 * static_cast<std::int64_t>(cluster.n_atoms());
    out.virials = virials.empty() ? nullptr : virials.data();
    for (const std::int32_t atom : cluster.centers) {
        if (cluster.species[static_cast<std::size_t>(atom)] < 0) continue;
        out.center = atom;
        compute(cluster, atom, work, out);
    }
}

void Descriptor::values(const Cluster& cluster, std::span<double> values) const {
    const auto n_functions = static_cast<std::size_t>(basis_->n_functions());
    if (values.size() != cluster.centers.size() * n_functions) fail("values have a wrong size");
    Work work(elements_.size());
    for (std::size_t c = 0; c < cluster.centers.size(); ++c) {
        if (cluster.species[static_cast<std::size_t>(cluster.centers[c])] < 0) continue;
        DesignOutput out;
        out.values = values.data() + c * n_functions;
        out.center = cluster.centers[c];
        compute(cluster, out.center, work, out);
    }
}

}  // namespace tektite::ace
