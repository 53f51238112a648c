// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/ace_basis.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "basis/radial_polynomial.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "ACE basis: " + what);
}

void check(const BasisLimits& limits) {
    const std::size_t n_ranks = limits.n_max.size();
    if (limits.n_elements < 1) fail("needs at least one element");
    if (n_ranks == 0) fail("n_max must have one value for each rank");
    if (limits.l_max.size() != n_ranks)
        fail("l_max has " + std::to_string(limits.l_max.size()) + " values, n_max has " +
             std::to_string(n_ranks));
    if (!limits.max_degree.empty() && limits.max_degree.size() != n_ranks)
        fail("max_degree has " + std::to_string(limits.max_degree.size()) + " values, n_max has " +
             std::to_string(n_ranks));
    for (std::size_t i = 0; i < n_ranks; ++i) {
        const std::string rank = " for rank " + std::to_string(i + 1);
        if (limits.n_max[i] < 0) fail("n_max" + rank + " is negative");
        if (limits.l_max[i] < 0 || limits.l_max[i] > 12) fail("l_max" + rank + " must lie between 0 and 12");
    }
    if (limits.l_max[0] != 0) fail("l_max for rank 1 must be 0");
    if (!(limits.l_weight >= 0.0)) fail("l_weight must not be negative");
}

/// Enumerates ascending tuples of factors within the limits and hands each to `visit`.
template <typename Visit>
class Enumeration {
public:
    Enumeration(const BasisLimits& limits, std::size_t rank, Visit visit)
        : rank_(rank), l_weight_(limits.l_weight), visit_(std::move(visit)) {
        largest_degree_ = limits.max_degree.empty() ? std::numeric_limits<double>::infinity()
                                                    : limits.max_degree[rank - 1] + 1e-9;
        for (int s = 0; s < limits.n_elements; ++s)
            for (int n = 0; n < limits.n_max[rank - 1]; ++n)
                for (int l = 0; l <= limits.l_max[rank - 1]; ++l) all_.push_back({s, n, l});
        descend(0, 0.0);
    }

private:
    void descend(std::size_t begin, double degree) {
        if (chosen_.size() == rank_) {
            int sum = 0, largest = 0;
            for (const Factor& f : chosen_) {
                sum += f.l;
                largest = std::max(largest, static_cast<int>(f.l));
            }
            if (sum % 2 == 0 && 2 * largest <= sum) visit_(chosen_);
            return;
        }
        for (std::size_t i = begin; i < all_.size(); ++i) {
            const double next = degree + all_[i].n + l_weight_ * all_[i].l;
            if (next > largest_degree_) continue;
            chosen_.push_back(all_[i]);
            descend(i, next);
            chosen_.pop_back();
        }
    }

    std::size_t rank_;
    double l_weight_, largest_degree_;
    Visit visit_;
    std::vector<Factor> all_, chosen_;
};

}  // namespace

Basis::Basis(const BasisLimits& limits) : n_elements_(limits.n_elements) {
    check(limits);
    std::map<std::pair<std::vector<int>, std::vector<int>>, std::int32_t> known;
    int n = 0;
    first_function_.push_back(0);
    for (int center = 0; center < n_elements_; ++center) {
        for (std::size_t rank = 1; rank <= limits.n_max.size(); ++rank) {
            const auto add = [&](const std::vector<Factor>& factors) {
                std::vector<int> l, classes;
                for (std::size_t t = 0; t < factors.size(); ++t) {
                    l.push_back(factors[t].l);
                    classes.push_back(t == 0 ? 0 : classes.back() + (factors[t] == factors[t - 1] ? 0 : 1));
                }
                const auto [entry, is_new] =
                    known.try_emplace({l, classes}, static_cast<std::int32_t>(couplings_.size()));
                if (is_new) couplings_.push_back(invariant_coupling(l, classes));
                const int count = couplings_[static_cast<std::size_t>(entry->second)].n_functions;
                if (count == 0) return;
                products_.push_back({center, factors, entry->second, n});
                n += count;
            };
            Enumeration(limits, rank, add);
        }
        first_function_.push_back(n);
    }
}

Functions Basis::combine(std::span<const double> coefficients, int n_density) const {
    const auto p = static_cast<std::size_t>(n_density);
    if (n_density < 1 || coefficients.size() != static_cast<std::size_t>(n_functions()) * p)
        fail("coefficients must be " + std::to_string(n_functions()) + " x " + std::to_string(n_density));
    Functions out;
    for (const Product& product : products_) {
        const Coupling& c = coupling(product);
        out.center.push_back(product.center);
        out.rank.push_back(c.rank);
        out.n_terms.push_back(c.n_terms);
        for (const Factor& factor : product.factors) {
            out.species.push_back(factor.species);
            out.n.push_back(factor.n);
            out.l.push_back(factor.l);
        }
        out.m.insert(out.m.end(), c.m.begin(), c.m.end());
        for (int term = 0; term < c.n_terms; ++term)
            for (std::size_t density = 0; density < p; ++density) {
                double sum = 0.0;
                for (int f = 0; f < c.n_functions; ++f)
                    sum += c.coefficients[static_cast<std::size_t>(f * c.n_terms + term)] *
                           coefficients[static_cast<std::size_t>(product.first_function + f) * p + density];
                out.coefficients.push_back(sum);
            }
    }
    return out;
}

void Basis::coupling_matrix(std::vector<std::int64_t>& first, std::vector<std::int32_t>& columns,
                            std::vector<double>& values) const {
    first.assign(1, 0);
    columns.clear();
    values.clear();
    std::int32_t begin = 0;  // of the terms of the product
    for (const Product& product : products_) {
        const Coupling& c = coupling(product);
        for (int f = 0; f < c.n_functions; ++f) {
            for (int term = 0; term < c.n_terms; ++term) {
                const double value = c.coefficients[static_cast<std::size_t>(f * c.n_terms + term)];
                if (value == 0.0) continue;
                columns.push_back(begin + term);
                values.push_back(value);
            }
            first.push_back(static_cast<std::int64_t>(values.size()));
        }
        begin += c.n_terms;
    }
}

void check_bonds(std::span<const Bond> bonds, const Basis& basis) {
    const auto n = static_cast<std::size_t>(basis.n_elements());
    if (bonds.size() != n * n)
        fail("needs " + std::to_string(n * n) + " bonds, got " + std::to_string(bonds.size()));
    for (const Bond& bond : bonds) {
        const auto size = static_cast<std::size_t>(bond.n_max) * static_cast<std::size_t>(bond.l_max + 1) *
                          static_cast<std::size_t>(bond.n_base);
        if (bond.coefficients.size() != size) fail("a bond has radial coefficients of a wrong size");
        if (!(bond.cutoff > 0.0)) fail("a bond has no cutoff");
        if (bond.basis == "Polynomial") check_polynomial_radial_basis(bond.parameters, bond.cutoff);
    }
    for (const Product& product : basis.products())
        for (const Factor& factor : product.factors) {
            const Bond& bond = bonds[static_cast<std::size_t>(product.center) * n +
                                     static_cast<std::size_t>(factor.species)];
            if (factor.n >= (product.factors.size() == 1 ? bond.n_base : bond.n_max) || factor.l > bond.l_max)
                fail("the bond of elements " + std::to_string(product.center) + " and " +
                     std::to_string(factor.species) + " has too few radial functions for n = " +
                     std::to_string(factor.n) + ", l = " + std::to_string(factor.l));
        }
}

}  // namespace tektite::ace
