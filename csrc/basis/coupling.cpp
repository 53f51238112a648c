// SPDX-License-Identifier: BSD-3-Clause
#include "basis/coupling.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "tektite/error.hpp"

namespace tektite {

namespace {

long double factorial(int n) {
    static const std::vector<long double> table = [] {
        std::vector<long double> values(171, 1.0L);
        for (std::size_t i = 1; i < values.size(); ++i)
            values[i] = values[i - 1] * static_cast<long double>(i);
        return values;
    }();
    return table.at(static_cast<std::size_t>(n));
}

using Tuple = std::vector<std::int32_t>;

/// The one tuple that stands for all those that differ by a permutation within classes or by the sign of all
/// m.
Tuple canonical(const Tuple& m, std::span<const int> classes) {
    Tuple best;
    for (int sign : {1, -1}) {
        Tuple candidate = m;
        for (auto& value : candidate) value *= sign;
        for (std::size_t begin = 0; begin < classes.size();) {
            std::size_t end = begin;
            while (end < classes.size() && classes[end] == classes[begin]) ++end;
            std::sort(candidate.begin() + static_cast<std::ptrdiff_t>(begin),
                      candidate.begin() + static_cast<std::ptrdiff_t>(end), std::greater<>());
            begin = end;
        }
        if (best.empty() || candidate > best) best = candidate;
    }
    return best;
}

/// All m with sum zero, and for each the term that it belongs to.
struct Products {
    std::vector<Tuple> tuples;
    std::vector<std::size_t> term;
    std::vector<Tuple> terms;
    std::vector<double> multiplicity;  ///< tuples of each term
};

Products list_products(std::span<const int> l, std::span<const int> classes) {
    Products out;
    std::map<Tuple, std::size_t, std::greater<>> index;
    Tuple m(l.size());
    const auto visit = [&](auto&& self, std::size_t t, int sum) -> void {
        if (t + 1 == l.size()) {
            if (std::abs(sum) > l[t]) return;
            m[t] = -sum;
            out.tuples.push_back(m);
            index.emplace(canonical(m, classes), 0);
            return;
        }
        for (m[t] = -l[t]; m[t] <= l[t]; ++m[t]) self(self, t + 1, sum + m[t]);
    };
    visit(visit, 0, 0);
    for (auto& [tuple, position] : index) {
        position = out.terms.size();
        out.terms.push_back(tuple);
    }
    out.multiplicity.assign(out.terms.size(), 0.0);
    for (const Tuple& tuple : out.tuples) {
        out.term.push_back(index.at(canonical(tuple, classes)));
        out.multiplicity[out.term.back()] += 1.0;
    }
    return out;
}

/// Coefficients of the coupled products, one for each chain of intermediate angular momenta
/// L_1 = l_1, L_2 in l_1 x l_2, ..., L_(rank-1) = l_rank, summed over the tuples of each term.
class Chains {
public:
    Chains(std::span<const int> l, const Products& products) : l_(l), products_(products) {
        tables_.resize(l.size());
        for (std::size_t t = 1; t + 1 < l.size(); ++t) {
            const int largest = largest_before(t);
            for (int before = 0; before <= largest; ++before)
                for (int after = std::abs(before - l[t]); after <= before + l[t]; ++after)
                    tables_[t][{before, after}] = table(before, l[t], after);
        }
        std::vector<int> chain{l[0]};
        descend(chain);
    }
    std::vector<std::vector<double>> vectors;  ///< [n_chains][n_terms]

private:
    /// <before m1 l m2 | after m1+m2> as [2 before + 1][2 l + 1].
    static std::vector<double> table(int before, int l, int after) {
        std::vector<double> out;
        for (int m1 = -before; m1 <= before; ++m1)
            for (int m2 = -l; m2 <= l; ++m2) out.push_back(clebsch_gordan(before, m1, l, m2, after, m1 + m2));
        return out;
    }
    [[nodiscard]] int largest_before(std::size_t t) const {
        int sum = 0;
        for (std::size_t i = 0; i < t; ++i) sum += l_[i];
        return sum;
    }
    void descend(std::vector<int>& chain) {
        const std::size_t t = chain.size();
        if (t + 1 == l_.size()) {
            if (chain.back() == l_[t]) add(chain);
            return;
        }
        for (int next = std::abs(chain.back() - l_[t]); next <= chain.back() + l_[t]; ++next) {
            chain.push_back(next);
            descend(chain);
            chain.pop_back();
        }
    }
    void add(const std::vector<int>& chain) {
        std::vector<double> vector(products_.terms.size(), 0.0);
        std::vector<const double*> tables(l_.size(), nullptr);
        for (std::size_t t = 1; t + 1 < l_.size(); ++t)
            tables[t] = tables_[t].at({chain[t - 1], chain[t]}).data();
        // <L m l -m | 0 0> = (-1)^(L - m) / sqrt(2 L + 1)
        const double last = 1.0 / std::sqrt(2.0 * l_.back() + 1.0);
        for (std::size_t i = 0; i < products_.tuples.size(); ++i) {
            const Tuple& m = products_.tuples[i];
            double c = (l_.back() + m.back()) % 2 == 0 ? last : -last;
            int sum = m[0];
            for (std::size_t t = 1; t + 1 < l_.size() && c != 0.0; ++t) {
                c *= tables[t][(sum + chain[t - 1]) * (2 * l_[t] + 1) + m[t] + l_[t]];
                sum += m[t];
                if (std::abs(sum) > chain[t]) c = 0.0;
            }
            vector[products_.term[i]] += c;
        }
        vectors.push_back(std::move(vector));
    }

    std::span<const int> l_;
    const Products& products_;
    std::vector<std::map<std::pair<int, int>, std::vector<double>>> tables_;
};

/// Gram-Schmidt with the largest remaining vector first, every projection done twice, in the scalar product
/// sum_terms a b / multiplicity (that of the symmetric tensors). Stops where nothing but rounding remains.
std::vector<std::vector<double>> independent(std::vector<std::vector<double>> vectors,
                                             const std::vector<double>& multiplicity) {
    const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
        double sum = 0.0;
        for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i] / multiplicity[i];
        return sum;
    };
    constexpr double threshold = 1e-8;  // chains are orthonormal tensors before symmetrisation: of order 1
    std::vector<std::vector<double>> kept;
    std::vector<bool> used(vectors.size(), false);
    while (true) {
        std::size_t best = vectors.size();
        double largest = threshold * threshold;
        for (std::size_t v = 0; v < vectors.size(); ++v)
            // a later vector must be larger by more than rounding, so that ties break alike everywhere
            if (const double norm = used[v] ? 0.0 : dot(vectors[v], vectors[v]);
                norm > largest * (1 + 1e-9)) {
                largest = norm;
                best = v;
            }
        if (best == vectors.size()) return kept;
        used[best] = true;
        std::vector<double> next = vectors[best];
        for (const auto& q : kept) {
            const double overlap = dot(q, next);
            for (std::size_t i = 0; i < next.size(); ++i) next[i] -= overlap * q[i];
        }
        const double norm = std::sqrt(dot(next, next));
        if (norm < threshold) continue;
        for (double& value : next) value /= norm;
        for (std::size_t v = 0; v < vectors.size(); ++v) {
            if (used[v]) continue;
            for (int repeat = 0; repeat < 2; ++repeat) {
                const double overlap = dot(next, vectors[v]);
                for (std::size_t i = 0; i < next.size(); ++i) vectors[v][i] -= overlap * next[i];
            }
        }
        kept.push_back(std::move(next));
    }
}

void check(std::span<const int> l, std::span<const int> classes) {
    const auto fail = [](const char* what) {
        throw Error(ErrorCode::invalid_argument, std::string("coupling: ") + what);
    };
    if (l.empty() || l.size() != classes.size()) fail("l and classes must have the same length, at least 1");
    for (std::size_t t = 0; t < l.size(); ++t) {
        if (l[t] < 0) fail("l must not be negative");
        for (std::size_t u = t + 1; u < l.size(); ++u)
            if (classes[t] == classes[u] && (l[t] != l[u] || classes[u - 1] != classes[u]))
                fail("interchangeable factors must have the same l and stand next to each other");
    }
}

}  // namespace

double clebsch_gordan(int l1, int m1, int l2, int m2, int l, int m) {
    if (m1 + m2 != m || l < std::abs(l1 - l2) || l > l1 + l2) return 0.0;
    if (std::abs(m1) > l1 || std::abs(m2) > l2 || std::abs(m) > l) return 0.0;
    // D. A. Varshalovich, A. N. Moskalev, V. K. Khersonskii, Quantum Theory of Angular Momentum
    // (1988), 8.2.1, eq. 3
    const long double triangle = factorial(l1 + l2 - l) * factorial(l1 - l2 + l) * factorial(-l1 + l2 + l) /
                                 factorial(l1 + l2 + l + 1);
    const long double root =
        std::sqrt(triangle * (2 * l + 1) * factorial(l1 + m1) * factorial(l1 - m1) * factorial(l2 + m2) *
                  factorial(l2 - m2) * factorial(l + m) * factorial(l - m));
    long double sum = 0.0L;
    const int first = std::max({0, l2 - l - m1, l1 - l + m2}),
              last = std::min({l1 + l2 - l, l1 - m1, l2 + m2});
    for (int k = first; k <= last; ++k) {
        const long double term =
            1.0L / (factorial(k) * factorial(l1 + l2 - l - k) * factorial(l1 - m1 - k) *
                    factorial(l2 + m2 - k) * factorial(l - l2 + m1 + k) * factorial(l - l1 - m2 + k));
        sum += k % 2 == 0 ? term : -term;
    }
    return static_cast<double>(root * sum);
}

Coupling invariant_coupling(std::span<const int> l, std::span<const int> classes) {
    check(l, classes);
    Coupling out;
    out.rank = static_cast<int>(l.size());
    int sum = 0, largest = 0;
    for (int value : l) {
        sum += value;
        largest = std::max(largest, value);
    }
    if (sum % 2 != 0 || 2 * largest > sum) return out;
    const Products products = list_products(l, classes);
    std::vector<std::vector<double>> functions;
    if (l.size() == 1)
        functions = {{1.0}};
    else
        functions = independent(Chains(l, products).vectors, products.multiplicity);
    out.n_functions = static_cast<int>(functions.size());
    for (std::size_t i = 0; i < products.terms.size(); ++i) {
        const bool vanishes = std::all_of(functions.begin(), functions.end(),
                                          [i](const auto& f) { return std::abs(f[i]) < 1e-13; });
        if (vanishes) continue;
        ++out.n_terms;
        out.m.insert(out.m.end(), products.terms[i].begin(), products.terms[i].end());
    }
    for (auto& function : functions)
        for (std::size_t i = 0, kept = 0; i < products.terms.size(); ++i) {
            const Tuple& m = products.terms[i];
            if (kept == static_cast<std::size_t>(out.n_terms) ||
                !std::equal(m.begin(), m.end(), out.m.begin() + static_cast<std::ptrdiff_t>(kept * l.size())))
                continue;
            out.coefficients.push_back(std::abs(function[i]) < 1e-13 ? 0.0 : function[i]);
            ++kept;
        }
    return out;
}

const Coupling& CouplingCache::get(std::span<const int> l, std::span<const int> classes) {
    std::pair<std::vector<int>, std::vector<int>> key{{l.begin(), l.end()}, {classes.begin(), classes.end()}};
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    return known_.emplace(std::move(key), invariant_coupling(l, classes)).first->second;
}

}  // namespace tektite
