// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/elements.hpp"
#include "base/model_file_json.hpp"
#include "basis/radial_polynomial.hpp"

namespace tektite::ace {

using nlohmann::json;

namespace {

// Bounds that keep sizes far from overflow; no published potential comes near them.
constexpr int largest_rank = 32;
constexpr int largest_l = 64;
constexpr int largest_n = 4096;
constexpr int largest_n_density = 256;
constexpr int largest_committee = 256;
constexpr std::size_t largest_array = std::size_t{1} << 31;

class Checker {
public:
    explicit Checker(const std::string& path) : path_(path) {}

    void require(bool ok, const std::string& what) const {
        if (!ok) fail(what);
    }
    void finite(double value, const std::string& name) const {
        if (!std::isfinite(value)) fail(name + " is not finite");
    }
    void not_negative(double value, const std::string& name) const {
        finite(value, name);
        if (value < 0) fail(name + " is negative");
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::file_damaged, path_ + ": " + what);
    }

private:
    const std::string& path_;
};

std::string range(const std::string& name, std::int64_t value, int low, int high) {
    return name + " is " + std::to_string(value) + ", expected " + std::to_string(low) + " to " +
           std::to_string(high);
}

std::size_t n_coefficients(const Bond& bond) {
    return static_cast<std::size_t>(bond.n_max) * static_cast<std::size_t>(bond.l_max + 1) *
           static_cast<std::size_t>(bond.n_base);
}

void check_bond(const Checker& check, const Bond& bond, const std::string& name) {
    static const char* const bases[] = {"SBessel", "ChebExpCos", "ChebPow", "ChebLinear", "Polynomial"};
    static const char* const core_types[] = {"distance", "density", "zbl"};
    check.require(std::find(std::begin(bases), std::end(bases), bond.basis) != std::end(bases),
                  name + ": radial basis '" + bond.basis + "' is not known");
    check.require(std::find(std::begin(core_types), std::end(core_types), bond.inner_cutoff_type) !=
                      std::end(core_types),
                  name + ": inner cutoff type '" + bond.inner_cutoff_type +
                      "' is not known (distance, density or zbl)");
    check.require(bond.n_base >= 1 && bond.n_base <= largest_n,
                  name + ": " + range("n_base", bond.n_base, 1, largest_n));
    check.require(bond.n_max >= 0 && bond.n_max <= largest_n,
                  name + ": " + range("n_max", bond.n_max, 0, largest_n));
    check.require(bond.l_max >= 0 && bond.l_max <= largest_l,
                  name + ": " + range("l_max", bond.l_max, 0, largest_l));
    check.not_negative(bond.cutoff, name + ": cutoff");
    check.require(bond.cutoff > 0 && bond.cutoff <= largest_cutoff,
                  name + ": cutoff must be positive and at most 100 angstrom");
    check.not_negative(bond.cutoff_width, name + ": cutoff width");
    check.not_negative(bond.inner_cutoff, name + ": inner cutoff");
    check.not_negative(bond.inner_cutoff_width, name + ": inner cutoff width");
    check.require(bond.inner_cutoff < bond.cutoff, name + ": the inner cutoff is not below the cutoff");
    check.finite(bond.core_prefactor, name + ": core prefactor");
    check.finite(bond.core_lambda, name + ": core lambda");
    for (const double p : bond.parameters) check.finite(p, name + ": a parameter of the radial basis");
    if (bond.basis == "Polynomial") {
        try {
            check_polynomial_radial_basis(bond.parameters, bond.cutoff);
        } catch (const Error& error) {
            check.fail(name + ": " + error.what());
        }
    } else if (bond.basis != "SBessel") {
        check.require(!bond.parameters.empty(), name + ": radial basis " + bond.basis + " needs a parameter");
        check.require(bond.basis == "ChebLinear" || bond.parameters[0] > 0,
                      name + ": the parameter of radial basis " + bond.basis + " must be positive");
    }
    check.require(bond.coefficients.size() == n_coefficients(bond),
                  name + ": " + std::to_string(bond.coefficients.size()) + " radial coefficients, expected " +
                      std::to_string(n_coefficients(bond)));
    for (const double c : bond.coefficients) check.finite(c, name + ": a radial coefficient");
}

void check_embedding(const Checker& check, const Embedding& embedding, const std::string& name) {
    check.require(embedding.kind == "FinnisSinclair" || embedding.kind == "FinnisSinclairShiftedScaled",
                  name + ": embedding '" + embedding.kind +
                      "' is not known (FinnisSinclair or FinnisSinclairShiftedScaled)");
    check.require(!embedding.prefactors.empty(), name + " has no density");
    check.require(embedding.prefactors.size() <= static_cast<std::size_t>(largest_n_density),
                  name + " has too many densities");
    check.require(embedding.prefactors.size() == embedding.exponents.size(),
                  name + " has not as many exponents as prefactors");
    for (const double x : embedding.prefactors) check.finite(x, name + ": a prefactor");
    for (const double x : embedding.exponents) check.not_negative(x, name + ": an exponent");
    check.finite(embedding.rho_core_cutoff, name + ": rho_core_cutoff");
    check.not_negative(embedding.drho_core_cutoff, name + ": drho_core_cutoff");
}

/// Checks one function; t and k are where its factors and its m begin.
void check_function(const Checker& check, const Parameters& p, std::size_t f, std::size_t t, std::size_t k) {
    const Functions& functions = p.functions;
    const int n_elements = static_cast<int>(p.elements.size());
    const auto name = [f] { return "function " + std::to_string(f); };
    const int center = functions.center[f];
    const auto rank = static_cast<std::size_t>(functions.rank[f]);
    if (center < 0 || center >= n_elements)
        check.fail(name() + ": " + range("center", center, 0, n_elements - 1));
    for (std::size_t i = 0; i < rank; ++i) {
        const int species = functions.species[t + i], n = functions.n[t + i], l = functions.l[t + i];
        if (species < 0 || species >= n_elements) {
            check.fail(name() + ": " + range("species", species, 0, n_elements - 1));
        }
        const Bond& bond = p.bond(center, species);
        const int n_end = rank == 1 ? bond.n_base : bond.n_max;
        const int l_end = rank == 1 ? 0 : bond.l_max;
        const std::string pair = " for " + p.elements[static_cast<std::size_t>(center)] + "-" +
                                 p.elements[static_cast<std::size_t>(species)];
        if (n < 0 || n >= n_end) check.fail(name() + ": " + range("n", n, 0, n_end - 1) + pair);
        if (l < 0 || l > l_end) check.fail(name() + ": " + range("l", l, 0, l_end) + pair);
    }
    for (int term = 0; term < functions.n_terms[f]; ++term) {
        int sum = 0;
        for (std::size_t i = 0; i < rank; ++i, ++k) {
            const int m = functions.m[k], l = functions.l[t + i];
            if (m < -l || m > l) check.fail(name() + ": " + range("m", m, -l, l));
            sum += m;
        }
        if (sum != 0) check.fail(name() + ": the m of term " + std::to_string(term) + " do not add to zero");
    }
}

void check_functions(const Checker& check, const Parameters& p) {
    const Functions& functions = p.functions;
    const std::size_t n_functions = functions.center.size();
    check.require(functions.rank.size() == n_functions && functions.n_terms.size() == n_functions,
                  "functions.center, functions.rank and functions.n_terms differ in length");
    std::size_t n_factors = 0, n_m = 0, n_terms = 0;
    for (std::size_t f = 0; f < n_functions; ++f) {
        const int rank = functions.rank[f], terms = functions.n_terms[f];
        if (rank < 1 || rank > largest_rank) {
            check.fail("function " + std::to_string(f) + ": " + range("rank", rank, 1, largest_rank));
        }
        if (terms < 1) check.fail("function " + std::to_string(f) + " has no terms");
        n_factors += static_cast<std::size_t>(rank);
        n_terms += static_cast<std::size_t>(terms);
        n_m += static_cast<std::size_t>(rank) * static_cast<std::size_t>(terms);
        check.require(n_m < largest_array, "the functions have too many terms");
    }
    const auto size = [&](std::size_t found, std::size_t expected, const char* name) {
        check.require(found == expected, std::string(name) + " has " + std::to_string(found) +
                                             " values, expected " + std::to_string(expected));
    };
    size(functions.species.size(), n_factors, "functions.species");
    size(functions.n.size(), n_factors, "functions.n");
    size(functions.l.size(), n_factors, "functions.l");
    size(functions.m.size(), n_m, "functions.m");
    size(functions.coefficients.size(), n_terms * static_cast<std::size_t>(p.n_density_max),
         "functions.coefficients");
    for (const double c : functions.coefficients) check.finite(c, "a coefficient of the functions");
    for (std::size_t f = 0, t = 0, k = 0; f < n_functions; ++f) {
        check_function(check, p, f, t, k);
        t += static_cast<std::size_t>(functions.rank[f]);
        k += static_cast<std::size_t>(functions.rank[f]) * static_cast<std::size_t>(functions.n_terms[f]);
    }
}

void check_committee(const Checker& check, const Parameters& p) {
    const Committee& committee = p.committee;
    if (committee.n_members == 0 && committee.coefficients.empty()) return;
    check.require(committee.n_members >= 2 && committee.n_members <= largest_committee,
                  range("the number of members of the committee", committee.n_members, 2, largest_committee));
    const std::size_t expected =
        p.functions.coefficients.size() * static_cast<std::size_t>(committee.n_members);
    check.require(committee.coefficients.size() == expected,
                  "committee.coefficients has " + std::to_string(committee.coefficients.size()) +
                      " values, expected " + std::to_string(expected));
    for (const double c : committee.coefficients) check.finite(c, "a coefficient of the committee");
}

std::vector<std::int32_t> read_integers(const ModelFile& file, const std::string& name) {
    const Array& array = file.integers(name, 1);
    std::vector<std::int32_t> values;
    values.reserve(array.integers.size());
    for (const std::int64_t v : array.integers) {
        if (v < std::numeric_limits<std::int32_t>::min() || v > std::numeric_limits<std::int32_t>::max()) {
            throw Error(ErrorCode::file_damaged, file.path + ": array '" + name + "' holds the value " +
                                                     std::to_string(v) + ", beyond 32 bits");
        }
        values.push_back(static_cast<std::int32_t>(v));
    }
    return values;
}

Array integer_array(const std::vector<std::int32_t>& values) {
    Array array;
    array.type = Array::Type::int32;
    array.shape = {static_cast<std::int64_t>(values.size())};
    array.integers.assign(values.begin(), values.end());
    return array;
}

Array real_array(std::vector<double> values, std::vector<std::int64_t> shape) {
    Array array;
    array.type = Array::Type::float64;
    array.shape = std::move(shape);
    array.reals = std::move(values);
    return array;
}

Embedding read_embedding(const json& object, const std::string& path, const std::string& where) {
    const MetadataReader reader(object, path, where);
    reader.only({"kind", "prefactors", "exponents", "rho_core_cutoff", "drho_core_cutoff"});
    Embedding embedding;
    embedding.kind = reader.text("kind");
    embedding.prefactors = reader.numbers("prefactors");
    embedding.exponents = reader.numbers("exponents");
    embedding.rho_core_cutoff = reader.number("rho_core_cutoff");
    embedding.drho_core_cutoff = reader.number("drho_core_cutoff");
    return embedding;
}

json write_embedding(const Embedding& embedding) {
    return {{"kind", embedding.kind},
            {"prefactors", embedding.prefactors},
            {"exponents", embedding.exponents},
            {"rho_core_cutoff", embedding.rho_core_cutoff},
            {"drho_core_cutoff", embedding.drho_core_cutoff}};
}

Bond read_bond(const json& object, const std::string& path, const std::string& where) {
    const MetadataReader reader(object, path, where);
    reader.only({"basis", "parameters", "n_base", "n_max", "l_max", "cutoff", "cutoff_width", "inner_cutoff",
                 "inner_cutoff_width", "inner_cutoff_type", "core_prefactor", "core_lambda"});
    Bond bond;
    bond.basis = reader.text("basis");
    bond.parameters = reader.numbers("parameters");
    bond.n_base = reader.integer("n_base", 1, largest_n);
    bond.n_max = reader.integer("n_max", 0, largest_n);
    bond.l_max = reader.integer("l_max", 0, largest_l);
    bond.cutoff = reader.number("cutoff");
    bond.cutoff_width = reader.number("cutoff_width");
    bond.inner_cutoff = reader.number("inner_cutoff");
    bond.inner_cutoff_width = reader.number("inner_cutoff_width");
    bond.inner_cutoff_type = reader.text("inner_cutoff_type");
    bond.core_prefactor = reader.number("core_prefactor");
    bond.core_lambda = reader.number("core_lambda");
    return bond;
}

json write_bond(const Bond& bond) {
    return {{"basis", bond.basis},
            {"parameters", bond.parameters},
            {"n_base", bond.n_base},
            {"n_max", bond.n_max},
            {"l_max", bond.l_max},
            {"cutoff", bond.cutoff},
            {"cutoff_width", bond.cutoff_width},
            {"inner_cutoff", bond.inner_cutoff},
            {"inner_cutoff_width", bond.inner_cutoff_width},
            {"inner_cutoff_type", bond.inner_cutoff_type},
            {"core_prefactor", bond.core_prefactor},
            {"core_lambda", bond.core_lambda}};
}

/// Gives each bond its part of the array of all radial coefficients.
void split_coefficients(const ModelFile& file, const std::string& prefix, std::vector<Bond>& bonds) {
    const Array& all = file.reals(prefix + "bonds.coefficients", 1);
    const Array& offsets = file.integers(prefix + "bonds.offsets", 1);
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::file_damaged, file.path + ": array '" + prefix + "bonds.offsets' " + what);
    };
    if (offsets.integers.size() != bonds.size() + 1) {
        fail("has " + std::to_string(offsets.integers.size()) + " values, expected " +
             std::to_string(bonds.size() + 1));
    }
    std::size_t begin = 0;
    for (std::size_t b = 0; b <= bonds.size(); ++b) {
        if (offsets.integers[b] != static_cast<std::int64_t>(begin)) {
            fail("does not fit n_max, l_max and n_base of the bonds");
        }
        if (b == bonds.size()) break;
        const std::size_t count = n_coefficients(bonds[b]);
        if (count > all.reals.size() - begin) fail("points beyond the end of bonds.coefficients");
        const auto first = all.reals.begin() + static_cast<std::ptrdiff_t>(begin);
        bonds[b].coefficients.assign(first, first + static_cast<std::ptrdiff_t>(count));
        begin += count;
    }
    if (begin != all.reals.size()) fail("leaves coefficients over at the end of bonds.coefficients");
}

}  // namespace

void validate(const Parameters& p, const std::string& path) {
    const Checker check(path);
    check_elements(p.elements, path);
    const std::size_t n = p.elements.size();
    check.require(p.isolated_energies.size() == n, "isolated_energies has not one value per element");
    for (const double e : p.isolated_energies) check.finite(e, "an isolated-atom energy");
    check.require(p.embeddings.size() == n, "there is not one embedding per element");
    check.require(p.bonds.size() == n * n, "there is not one bond per ordered pair of elements");
    int n_density = 0;
    for (std::size_t i = 0; i < n; ++i) {
        check_embedding(check, p.embeddings[i], "embedding of " + p.elements[i]);
        n_density = std::max(n_density, p.embeddings[i].n_density());
    }
    check.require(p.n_density_max == n_density,
                  range("n_density_max", p.n_density_max, n_density, n_density));
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            check_bond(check, p.bonds[i * n + j], "bond " + p.elements[i] + "-" + p.elements[j]);
        }
    }
    check_functions(check, p);
    check_committee(check, p);
}

std::vector<Bond> read_bonds(const ModelFile& file, const std::string& prefix, const json& metadata,
                             const std::string& where, const std::vector<std::string>& elements) {
    const MetadataReader reader(metadata, file.path, where);
    const std::size_t n = elements.size();
    const json& list = reader.array("bonds", n * n);
    std::vector<Bond> bonds;
    for (std::size_t i = 0; i < n * n; ++i) {
        bonds.push_back(read_bond(list[i], file.path, where + "bonds[" + std::to_string(i) + "]."));
    }
    split_coefficients(file, prefix, bonds);
    const Checker check(file.path);
    for (std::size_t i = 0; i < n * n; ++i) {
        check_bond(check, bonds[i], "bond " + elements[i / n] + "-" + elements[i % n]);
    }
    return bonds;
}

Parameters read_parameters(const ModelFile& file, const std::string& prefix, const json& metadata) {
    const MetadataReader reader(metadata, file.path);
    Parameters p;
    p.elements = reader.texts("elements");
    check_elements(p.elements, file.path);
    const std::size_t n = p.elements.size();
    p.isolated_energies =
        reader.has("isolated_energies") ? reader.numbers("isolated_energies") : std::vector<double>(n, 0.0);
    if (reader.has("delta_spline_bins")) p.delta_spline_bins = reader.number("delta_spline_bins");
    const json& embeddings = reader.array("embeddings", n);
    for (std::size_t i = 0; i < n; ++i) {
        p.embeddings.push_back(
            read_embedding(embeddings[i], file.path, "embeddings[" + std::to_string(i) + "]."));
    }
    p.bonds = read_bonds(file, prefix, metadata, "", p.elements);
    Functions& functions = p.functions;
    functions.center = read_integers(file, prefix + "functions.center");
    functions.rank = read_integers(file, prefix + "functions.rank");
    functions.n_terms = read_integers(file, prefix + "functions.n_terms");
    functions.species = read_integers(file, prefix + "functions.species");
    functions.n = read_integers(file, prefix + "functions.n");
    functions.l = read_integers(file, prefix + "functions.l");
    functions.m = read_integers(file, prefix + "functions.m");
    const Array& coefficients = file.reals(prefix + "functions.coefficients", 2);
    if (coefficients.shape[1] > largest_n_density) {
        throw Error(ErrorCode::file_damaged,
                    file.path + ": array '" + prefix + "functions.coefficients' has too many columns");
    }
    functions.coefficients = coefficients.reals;
    p.n_density_max = static_cast<int>(coefficients.shape[1]);
    if (file.arrays.contains(prefix + "committee.coefficients")) {
        const Array& committee = file.reals(prefix + "committee.coefficients", 3);
        if (committee.shape[0] != coefficients.shape[0] || committee.shape[2] != coefficients.shape[1] ||
            committee.shape[1] < 2 || committee.shape[1] > largest_committee) {
            throw Error(ErrorCode::file_damaged,
                        file.path + ": array '" + prefix +
                            "committee.coefficients' must have the rows and columns of "
                            "functions.coefficients and, between them, 2 to " +
                            std::to_string(largest_committee) + " members");
        }
        p.committee = {static_cast<int>(committee.shape[1]), committee.reals};
    }
    validate(p, file.path);
    return p;
}

ModelFile to_model_file(const Parameters& p, const std::string& path) {
    validate(p, path);
    double cutoff = 0;
    json bonds = json::array(), embeddings = json::array();
    std::vector<double> coefficients;
    Array offsets;
    offsets.type = Array::Type::int64;
    offsets.shape = {static_cast<std::int64_t>(p.bonds.size()) + 1};
    offsets.integers = {0};
    for (const Bond& bond : p.bonds) {
        cutoff = std::max(cutoff, bond.cutoff);
        bonds.push_back(write_bond(bond));
        coefficients.insert(coefficients.end(), bond.coefficients.begin(), bond.coefficients.end());
        offsets.integers.push_back(static_cast<std::int64_t>(coefficients.size()));
    }
    for (const Embedding& embedding : p.embeddings) embeddings.push_back(write_embedding(embedding));
    json metadata = {{"format_version", model_format_version},
                     {"family", "ace"},
                     {"elements", p.elements},
                     {"cutoff", cutoff},
                     {"units", {{"energy", "eV"}, {"length", "angstrom"}}},
                     {"isolated_energies", p.isolated_energies},
                     {"embeddings", embeddings},
                     {"bonds", bonds}};
    if (p.delta_spline_bins != 0) metadata["delta_spline_bins"] = p.delta_spline_bins;
    ModelFile file;
    file.path = path;
    file.metadata = metadata.dump();
    const auto n_coefficients_all = static_cast<std::int64_t>(coefficients.size());
    file.arrays["bonds.coefficients"] = real_array(std::move(coefficients), {n_coefficients_all});
    file.arrays["bonds.offsets"] = std::move(offsets);
    const Functions& functions = p.functions;
    file.arrays["functions.center"] = integer_array(functions.center);
    file.arrays["functions.rank"] = integer_array(functions.rank);
    file.arrays["functions.n_terms"] = integer_array(functions.n_terms);
    file.arrays["functions.species"] = integer_array(functions.species);
    file.arrays["functions.n"] = integer_array(functions.n);
    file.arrays["functions.l"] = integer_array(functions.l);
    file.arrays["functions.m"] = integer_array(functions.m);
    const std::int64_t n_terms = static_cast<std::int64_t>(functions.coefficients.size()) / p.n_density_max;
    file.arrays["functions.coefficients"] = real_array(functions.coefficients, {n_terms, p.n_density_max});
    if (p.committee.n_members > 0)
        file.arrays["committee.coefficients"] =
            real_array(p.committee.coefficients, {n_terms, p.committee.n_members, p.n_density_max});
    return file;
}

}  // namespace tektite::ace
