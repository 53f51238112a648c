// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/yace.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/elements.hpp"
#include "base/read_bytes.hpp"
#include "models/ace/yace_yaml.hpp"

namespace tektite::ace {

namespace {

using Kind = YamlNode::Kind;

// Bounds on counts, far above any real file, that keep products of sizes harmless.
constexpr int many = 1 << 20;

/// A mapping whose keys are texts.
class Fields {
public:
    Fields(const YamlDocument& document, const YamlNode& node, std::string name)
        : document_(document), node_(node), name_(std::move(name)) {
        if (node.kind != Kind::mapping) document.fail(node.line, name_ + " must be a mapping (key: value)");
    }

    [[nodiscard]] const YamlNode* find(std::string_view key) const {
        for (std::size_t i = 0; i < node_.items.size(); i += 2) {
            const YamlNode& candidate = node_.items[i];
            if (candidate.kind == Kind::scalar && candidate.text == key) return &node_.items[i + 1];
        }
        return nullptr;
    }
    [[nodiscard]] const YamlNode& get(std::string_view key) const {
        const YamlNode* found = find(key);
        if (!found) document_.fail(node_.line, name_ + " lacks the key '" + std::string(key) + "'");
        return *found;
    }
    void only(std::initializer_list<std::string_view> known) const {
        for (std::size_t i = 0; i < node_.items.size(); i += 2) {
            const YamlNode& key = node_.items[i];
            if (key.kind != Kind::scalar || std::find(known.begin(), known.end(), key.text) == known.end()) {
                document_.fail(key.line, "unknown key " +
                                             (key.kind == Kind::scalar ? quoted(key.text) : "(a list)") +
                                             " in " + name_);
            }
        }
    }
    [[nodiscard]] double number(std::string_view key) const { return document_.number(get(key), key); }
    [[nodiscard]] double number(std::string_view key, double otherwise) const {
        const YamlNode* found = find(key);
        return found ? document_.number(*found, key) : otherwise;
    }
    [[nodiscard]] int integer(std::string_view key, int lowest, int highest) const {
        return document_.integer(get(key), key, lowest, highest);
    }
    [[nodiscard]] std::string text(std::string_view key) const {
        const YamlNode& node = get(key);
        if (node.kind != Kind::scalar || node.text.empty()) {
            document_.fail(node.line, quoted(key) + " must be a text");
        }
        return std::string(node.text);
    }
    /// The entries of a list that must have `size` of them.
    [[nodiscard]] const std::vector<YamlNode>& list(std::string_view key, std::size_t size) const {
        const YamlNode& node = list_node(key);
        if (node.items.size() != size) {
            document_.fail(node.line, quoted(key) + " has " + std::to_string(node.items.size()) +
                                          " entries, expected " + std::to_string(size));
        }
        return node.items;
    }
    [[nodiscard]] const std::vector<YamlNode>& list(std::string_view key) const {
        return list_node(key).items;
    }

private:
    [[nodiscard]] const YamlNode& list_node(std::string_view key) const {
        const YamlNode& node = get(key);
        if (node.kind != Kind::sequence) document_.fail(node.line, quoted(key) + " must be a list");
        return node;
    }
    const YamlDocument& document_;
    const YamlNode& node_;
    std::string name_;
};

class Reader {
public:
    explicit Reader(const YamlDocument& document)
        : document_(document), top_(document, document.root(), "the file") {}

    Parameters read() {
        refuse_other_formats();
        top_.only({"elements", "E0", "deltaSplineBins", "embeddings", "bonds", "functions", "metadata"});
        read_elements();
        read_embeddings();
        read_bonds();
        read_functions();
        return std::move(p_);
    }

private:
    [[noreturn]] void unsupported(int line, const std::string& what) const {
        throw Error(ErrorCode::unsupported,
                    document_.path() + ", line " + std::to_string(line) + ": " + what);
    }

    void refuse_other_formats() const {
        if (const YamlNode* node = top_.find("species")) {
            unsupported(
                node->line,
                "this is a pacemaker B-basis file (.yaml); convert it with pace_yaml2yace and use the .yace");
        }
        // Potentials of ACE1.jl and ACEpotentials.jl share the name .yace but hold tables of another kind.
        const YamlNode* bonds = top_.find("bonds");
        if (!bonds || bonds->kind != Kind::mapping) return;
        for (std::size_t i = 1; i < bonds->items.size(); i += 2) {
            if (bonds->items[i].kind != Kind::mapping) continue;
            const YamlNode* name = Fields(document_, bonds->items[i], "a bond").find("radbasename");
            if (name && name->kind == Kind::scalar) check_basis(*name);
        }
    }

    void check_basis(const YamlNode& name) const {
        for (const char* known : {"SBessel", "ChebExpCos", "ChebPow", "ChebLinear"}) {
            if (name.text == known) return;
        }
        unsupported(name.line, "the radial basis '" + std::string(name.text) +
                                   "' is not supported (SBessel, ChebExpCos, ChebPow and ChebLinear are)");
    }

    void read_elements() {
        for (const YamlNode& node : top_.list("elements")) {
            if (node.kind != Kind::scalar) document_.fail(node.line, "'elements' must be a list of symbols");
            p_.elements.emplace_back(node.text);
        }
        check_elements(p_.elements, document_.path() + ", line " + std::to_string(top_.get("elements").line));
        n_elements_ = static_cast<int>(p_.elements.size());
        p_.isolated_energies.assign(p_.elements.size(), 0.0);
        if (top_.find("E0")) {
            p_.isolated_energies.clear();
            for (const YamlNode& node : top_.list("E0", p_.elements.size())) {
                p_.isolated_energies.push_back(document_.number(node, "E0"));
            }
        }
        if (top_.find("deltaSplineBins")) p_.delta_spline_bins = top_.number("deltaSplineBins");
    }

    /// The value for each element of a mapping from species index to something.
    std::vector<const YamlNode*> per_element(std::string_view key) const {
        const YamlNode& node = top_.get(key);
        const std::string name(key);
        if (node.kind != Kind::mapping)
            document_.fail(node.line, "'" + name + "' must be a mapping from species index");
        std::vector<const YamlNode*> values(p_.elements.size(), nullptr);
        for (std::size_t i = 0; i < node.items.size(); i += 2) {
            const int species =
                document_.integer(node.items[i], "species index in " + name, 0, n_elements_ - 1);
            const YamlNode*& slot = values[static_cast<std::size_t>(species)];
            if (slot)
                document_.fail(node.items[i].line,
                               name + " of species " + std::to_string(species) + " occur twice");
            slot = &node.items[i + 1];
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!values[i]) {
                document_.fail(node.line, "'" + name + "' lacks species " + std::to_string(i) + " (" +
                                              p_.elements[i] + ")");
            }
        }
        return values;
    }

    void read_embeddings() {
        const auto nodes = per_element("embeddings");
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const Fields fields(document_, *nodes[i], "the embedding of " + p_.elements[i]);
            fields.only({"ndensity", "FS_parameters", "npoti", "rho_core_cutoff", "drho_core_cutoff"});
            Embedding embedding;
            embedding.kind = fields.text("npoti");
            if (embedding.kind != "FinnisSinclair" && embedding.kind != "FinnisSinclairShiftedScaled") {
                unsupported(fields.get("npoti").line,
                            "the embedding '" + embedding.kind +
                                "' is not supported (FinnisSinclair and FinnisSinclairShiftedScaled are)");
            }
            const auto n_density = static_cast<std::size_t>(fields.integer("ndensity", 1, 256));
            const auto& pairs = fields.list("FS_parameters");
            // pacemaker may leave pairs of densities that are not used.
            if (pairs.size() % 2 != 0 || pairs.size() < 2 * n_density) {
                document_.fail(fields.get("FS_parameters").line,
                               "'FS_parameters' has " + std::to_string(pairs.size()) +
                                   " entries, expected a prefactor and an exponent for "
                                   "each of " +
                                   std::to_string(n_density) + " densities");
            }
            for (std::size_t d = 0; d < n_density; ++d) {
                embedding.prefactors.push_back(document_.number(pairs[2 * d], "FS_parameters"));
                embedding.exponents.push_back(document_.number(pairs[2 * d + 1], "FS_parameters"));
            }
            embedding.rho_core_cutoff = fields.number("rho_core_cutoff");
            embedding.drho_core_cutoff = fields.number("drho_core_cutoff");
            p_.n_density_max = std::max(p_.n_density_max, embedding.n_density());
            p_.embeddings.push_back(std::move(embedding));
        }
    }

    void read_bonds() {
        const YamlNode& node = top_.get("bonds");
        if (node.kind != Kind::mapping)
            document_.fail(node.line, "'bonds' must be a mapping from pairs of species");
        const auto n = p_.elements.size();
        p_.bonds.resize(n * n);
        std::vector<bool> seen(n * n, false);
        for (std::size_t i = 0; i < node.items.size(); i += 2) {
            const YamlNode& key = node.items[i];
            if (key.kind != Kind::sequence || key.items.size() != 2) {
                document_.fail(key.line, "the key of a bond must be a pair of species, such as [0, 1]");
            }
            const auto a = static_cast<std::size_t>(
                document_.integer(key.items[0], "species of a bond", 0, n_elements_ - 1));
            const auto b = static_cast<std::size_t>(
                document_.integer(key.items[1], "species of a bond", 0, n_elements_ - 1));
            if (seen[a * n + b]) document_.fail(key.line, "the bond " + pair(a, b) + " occurs twice");
            seen[a * n + b] = true;
            p_.bonds[a * n + b] = read_bond(node.items[i + 1], "the bond " + pair(a, b));
        }
        for (std::size_t k = 0; k < n * n; ++k) {
            if (!seen[k]) document_.fail(node.line, "'bonds' lacks " + pair(k / n, k % n));
            // ML-PACE keeps one inner cutoff type for all bonds, so that files that mix them have no agreed
            // meaning.
            if (p_.bonds[k].inner_cutoff_type != p_.bonds[0].inner_cutoff_type) {
                unsupported(node.line, "bonds with different 'inner_cutoff_type' (" +
                                           p_.bonds[0].inner_cutoff_type + " and " +
                                           p_.bonds[k].inner_cutoff_type + ")");
            }
        }
    }

    [[nodiscard]] std::string pair(std::size_t a, std::size_t b) const {
        return std::string("[") + std::to_string(a) + ", " + std::to_string(b) + "] (" + p_.elements[a] +
               "-" + p_.elements[b] + ")";
    }

    Bond read_bond(const YamlNode& node, const std::string& name) const {
        const Fields fields(document_, node, name);
        fields.only({"nradmax", "lmax", "nradbasemax", "radbasename", "radparameters", "radcoefficients",
                     "prehc", "lambdahc", "rcut", "dcut", "rcut_in", "dcut_in", "inner_cutoff_type",
                     "NameOfCutoffFunction"});
        Bond bond;
        bond.basis = fields.text("radbasename");
        check_basis(fields.get("radbasename"));
        for (const YamlNode& value : fields.list("radparameters")) {
            bond.parameters.push_back(document_.number(value, "radparameters"));
        }
        if (bond.parameters.empty() && bond.basis != "SBessel") {
            document_.fail(fields.get("radparameters").line,
                           "'radparameters' is empty; " + bond.basis + " needs one");
        }
        bond.n_max = fields.integer("nradmax", 0, 4096);
        bond.l_max = fields.integer("lmax", 0, 64);
        bond.n_base = fields.integer("nradbasemax", 1, 4096);
        bond.cutoff = fields.number("rcut");
        bond.cutoff_width = fields.number("dcut");
        bond.inner_cutoff = fields.number("rcut_in", 0.0);
        bond.inner_cutoff_width = fields.number("dcut_in", 0.0);
        bond.core_prefactor = fields.number("prehc");
        bond.core_lambda = fields.number("lambdahc");
        // Files older than the key mean "density" (ML-PACE reads them so).
        bond.inner_cutoff_type =
            fields.find("inner_cutoff_type") ? fields.text("inner_cutoff_type") : "density";
        const std::string& type = bond.inner_cutoff_type;
        if (type != "distance" && type != "density" && type != "zbl") {
            unsupported(
                fields.get("inner_cutoff_type").line,
                "the inner cutoff type '" + type + "' is not supported (distance, density and zbl are)");
        }
        if (fields.find("NameOfCutoffFunction") && fields.text("NameOfCutoffFunction") != "cos") {
            unsupported(fields.get("NameOfCutoffFunction").line, "the cutoff function '" +
                                                                     fields.text("NameOfCutoffFunction") +
                                                                     "' is not supported (cos is)");
        }
        read_coefficients(fields, bond);
        return bond;
    }

    void read_coefficients(const Fields& fields, Bond& bond) const {
        const auto size = [&](const YamlNode& node, std::size_t needed, const char* what) {
            if (node.kind != Kind::sequence)
                document_.fail(node.line, "'radcoefficients' must be lists [n][l][k]");
            if (node.items.size() < needed) {
                document_.fail(node.line, "'radcoefficients' has " + std::to_string(node.items.size()) +
                                              " entries where " + what + " asks for " +
                                              std::to_string(needed));
            }
        };
        const auto n_max = static_cast<std::size_t>(bond.n_max),
                   n_l = static_cast<std::size_t>(bond.l_max) + 1,
                   n_base = static_cast<std::size_t>(bond.n_base);
        const YamlNode& all = fields.get("radcoefficients");
        size(all, n_max, "nradmax");
        for (std::size_t n = 0; n < n_max; ++n) {
            size(all.items[n], n_l, "lmax");
            for (std::size_t l = 0; l < n_l; ++l) {
                const YamlNode& row = all.items[n].items[l];
                size(row, n_base, "nradbasemax");
                for (std::size_t k = 0; k < n_base; ++k) {
                    bond.coefficients.push_back(document_.number(row.items[k], "radcoefficients"));
                }
            }
        }
    }

    void read_functions() {
        const auto nodes = per_element("functions");
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (nodes[i]->kind != Kind::sequence) {
                document_.fail(nodes[i]->line, "the functions of " + p_.elements[i] + " must be a list");
            }
            for (const YamlNode& node : nodes[i]->items) read_function(node, static_cast<int>(i));
        }
    }

    void read_function(const YamlNode& node, int center) {
        static const std::string name = "a function";
        const Fields fields(document_, node, name);
        fields.only({"mu0", "rank", "ndensity", "num_ms_combs", "mus", "ns", "ls", "ms_combs", "ctildes"});
        const Embedding& embedding = p_.embeddings[static_cast<std::size_t>(center)];
        static_cast<void>(fields.integer("mu0", center, center));
        const int rank = fields.integer("rank", 1, 32);
        const int n_terms = fields.integer("num_ms_combs", 1, many);
        const int n_density = fields.integer("ndensity", 1, embedding.n_density());
        const auto factors = static_cast<std::size_t>(rank);
        const auto terms = static_cast<std::size_t>(n_terms);
        const auto densities = static_cast<std::size_t>(n_density);
        Functions& functions = p_.functions;
        functions.center.push_back(center);
        functions.rank.push_back(rank);
        functions.n_terms.push_back(n_terms);
        const auto &species = fields.list("mus", factors), &ns = fields.list("ns", factors),
                   &ls = fields.list("ls", factors);
        for (std::size_t t = 0; t < factors; ++t) {
            const int neighbor = document_.integer(species[t], "mus", 0, n_elements_ - 1);
            const Bond& bond = p_.bond(center, neighbor);
            functions.species.push_back(neighbor);
            functions.n.push_back(document_.integer(ns[t], "ns", 1, rank == 1 ? bond.n_base : bond.n_max) -
                                  1);
            functions.l.push_back(document_.integer(ls[t], "ls", 0, rank == 1 ? 0 : bond.l_max));
        }
        const std::size_t l_begin = functions.l.size() - factors;
        const auto& ms = fields.list("ms_combs", terms * factors);
        for (std::size_t term = 0, k = 0; term < terms; ++term) {
            int sum = 0;
            for (std::size_t t = 0; t < factors; ++t, ++k) {
                const int l = functions.l[l_begin + t];
                const int m = document_.integer(ms[k], "ms_combs", -l, l);
                sum += m;
                functions.m.push_back(m);
            }
            if (sum != 0) document_.fail(node.line, "'ms_combs': the m of a product do not add to zero");
        }
        const auto& coefficients = fields.list("ctildes", terms * densities);
        for (std::size_t term = 0; term < terms; ++term) {
            for (std::size_t d = 0; d < static_cast<std::size_t>(p_.n_density_max); ++d) {
                functions.coefficients.push_back(
                    d < densities ? document_.number(coefficients[term * densities + d], "ctildes") : 0.0);
            }
        }
    }

    const YamlDocument& document_;
    Fields top_;
    Parameters p_;
    int n_elements_ = 0;
};

}  // namespace

Parameters parse_yace(std::string text, const std::string& path) {
    const YamlDocument document(std::move(text), path);
    Parameters parameters = Reader(document).read();
    validate(parameters, path);
    return parameters;
}

Parameters read_yace(const std::string& path) {
    return parse_yace(read_bytes(path), path);
}

}  // namespace tektite::ace
