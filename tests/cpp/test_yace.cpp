// SPDX-License-Identifier: BSD-3-Clause
// The .yace reader: what pacemaker writes, how YAML may be laid out, and that whatever is wrong gives one
// clear error.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/read_bytes.hpp"
#include "check.hpp"
#include "model_bytes.hpp"
#include "models/ace/parameters.hpp"
#include "models/ace/yace.hpp"

using namespace tektite;
using namespace tektite::ace;
using namespace tektite::test;
using nlohmann::json;

namespace {

const std::string good = R"(elements: [Al, Ni]
E0: [-1.5, 2e-1]
deltaSplineBins: 0.001
embeddings:
  0: {ndensity: 1, FS_parameters: [1, 1], npoti: FinnisSinclair, rho_core_cutoff: 100000, drho_core_cutoff: 250}
  1: {ndensity: 2, FS_parameters: [1, 1, 0.75, 0.10100000000000001], npoti: FinnisSinclairShiftedScaled, rho_core_cutoff: 5, drho_core_cutoff: 5}
bonds:
  [0, 0]: {nradmax: 2, lmax: 1, nradbasemax: 3, radbasename: SBessel, radparameters: [5.25], radcoefficients: [[[1, 0, 0.30000000000000004], [0, 1, 0]], [[1e-300, 0, 1], [-0.0, 1, 2]]], prehc: 10000, lambdahc: 1, rcut: 6.3, dcut: 0.01, rcut_in: 1.6, dcut_in: 0.1, inner_cutoff_type: distance}
  [0, 1]: {nradmax: 1, lmax: 1, nradbasemax: 1, radbasename: ChebPow, radparameters: [2], radcoefficients: [[[3], [4]]], prehc: 0, lambdahc: 1, rcut: 5, dcut: 0.01, rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance}
  [1, 0]: {nradmax: 1, lmax: 1, nradbasemax: 1, radbasename: ChebExpCos, radparameters: [2], radcoefficients: [[[5], [6]]], prehc: 0, lambdahc: 1, rcut: 5, dcut: 0.01, rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance}
  [1, 1]: {nradmax: 0, lmax: 0, nradbasemax: 2, radbasename: ChebLinear, radparameters: [2], radcoefficients: [], prehc: 0, lambdahc: 1, rcut: 4.5, dcut: 0.01, rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance}
functions:
  0:
    - {mu0: 0, rank: 1, ndensity: 1, num_ms_combs: 1, mus: [0], ns: [3], ls: [0], ms_combs: [0], ctildes: [0.7]}
    - {mu0: 0, rank: 2, ndensity: 1, num_ms_combs: 2, mus: [0, 1], ns: [2, 1], ls: [1, 1], ms_combs: [0, 0, 1, -1], ctildes: [-0.25, 0.5]}
  1:
    - {mu0: 1, rank: 1, ndensity: 2, num_ms_combs: 1, mus: [1], ns: [2], ls: [0], ms_combs: [0], ctildes: [0.125, -3.5]}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    check(at != std::string::npos, "the text to be replaced is there: " + from);
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

Parameters parse_text(const std::string& text) {
    return parse_yace(text, "test.yace");
}

bool same(const Bond& a, const Bond& b) {
    return a.basis == b.basis && a.parameters == b.parameters && a.n_base == b.n_base && a.n_max == b.n_max &&
           a.l_max == b.l_max && a.cutoff == b.cutoff && a.cutoff_width == b.cutoff_width &&
           a.inner_cutoff == b.inner_cutoff && a.inner_cutoff_width == b.inner_cutoff_width &&
           a.inner_cutoff_type == b.inner_cutoff_type && a.core_prefactor == b.core_prefactor &&
           a.core_lambda == b.core_lambda && a.coefficients == b.coefficients;
}

bool same(const Parameters& a, const Parameters& b) {
    bool equal = a.elements == b.elements && a.isolated_energies == b.isolated_energies &&
                 a.n_density_max == b.n_density_max && a.delta_spline_bins == b.delta_spline_bins &&
                 a.bonds.size() == b.bonds.size() && a.embeddings.size() == b.embeddings.size();
    for (std::size_t i = 0; equal && i < a.bonds.size(); ++i) equal = same(a.bonds[i], b.bonds[i]);
    for (std::size_t i = 0; equal && i < a.embeddings.size(); ++i) {
        const Embedding &x = a.embeddings[i], &y = b.embeddings[i];
        equal = x.kind == y.kind && x.prefactors == y.prefactors && x.exponents == y.exponents &&
                x.rho_core_cutoff == y.rho_core_cutoff && x.drho_core_cutoff == y.drho_core_cutoff;
    }
    const Functions &f = a.functions, &g = b.functions;
    return equal && f.center == g.center && f.rank == g.rank && f.n_terms == g.n_terms &&
           f.species == g.species && f.n == g.n && f.l == g.l && f.m == g.m &&
           f.coefficients == g.coefficients;
}

/// Through the metadata and bytes of a .mlip and back.
void check_round_trip(const Parameters& p, const std::string& name) {
    const ModelFile file = parse(model_bytes(to_model_file(p, "test.yace")));
    check(same(read_parameters(file, "", json::parse(file.metadata)), p),
          name + ": same parameters from the .mlip");
}

void reads_what_pacemaker_writes() {
    const Parameters p = parse_text(good);
    check(p.elements == std::vector<std::string>({"Al", "Ni"}), "elements");
    check(p.isolated_energies == std::vector<double>({-1.5, 0.2}), "E0");
    check(p.delta_spline_bins == 0.001, "deltaSplineBins");
    check(p.n_density_max == 2 && p.embeddings[1].exponents[1] == 0.101, "embeddings");
    check(p.embeddings[1].prefactors[1] == 0.75 && p.embeddings[0].rho_core_cutoff == 100000, "embeddings");
    const Bond& bond = p.bond(0, 0);
    check(bond.basis == "SBessel" && bond.n_max == 2 && bond.l_max == 1 && bond.n_base == 3, "bond");
    check(bond.coefficients == std::vector<double>({1, 0, 0.1 + 0.2, 0, 1, 0, 1e-300, 0, 1, -0.0, 1, 2}),
          "radial coefficients [n][l][k], to the last bit");
    check(bond.cutoff == 6.3 && bond.inner_cutoff == 1.6 && bond.core_prefactor == 10000, "bond");
    check(p.bond(0, 1).basis == "ChebPow" && p.bond(1, 0).basis == "ChebExpCos", "the centre comes first");
    const Functions& f = p.functions;
    check(f.center == std::vector<std::int32_t>({0, 0, 1}), "centres");
    check(f.n == std::vector<std::int32_t>({2, 1, 0, 1}), "n counts from 0");
    check(f.m == std::vector<std::int32_t>({0, 0, 0, 1, -1, 0}), "m");
    check(f.coefficients == std::vector<double>({0.7, 0, -0.25, 0, 0.5, 0, 0.125, -3.5}),
          "densities are padded");
    check_round_trip(p, "small");

    const std::string old = replaced(good, ", rcut_in: 1.6, dcut_in: 0.1, inner_cutoff_type: distance", "");
    std::string all_old = old;
    while (all_old.find(", rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance") != std::string::npos) {
        all_old = replaced(all_old, ", rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance", "");
    }
    const Parameters older = parse_text(replaced(all_old, "E0: [-1.5, 2e-1]\n", ""));
    check(older.bonds[0].inner_cutoff_type == "density" && older.bonds[0].inner_cutoff == 0,
          "files without rcut_in");
    check(older.isolated_energies == std::vector<double>({0, 0}), "files without E0");
    check_throws<Error>([&] { parse_text(old); }, "different 'inner_cutoff_type'");
    check(same(parse_text(replaced(good, "[1, 1], npoti", "[1, 1, 1, 0.5], npoti")), p),
          "unused FS_parameters");
}

void reads_other_layouts() {
    const Parameters p = parse_text(good);
    std::string crlf;
    for (const char c : good) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    check(same(parse_text(crlf), p), "carriage returns");
    check(same(parse_text("\xEF\xBB\xBF# made by hand\n---\n" + good + "\n  # the end\n...\n"), p),
          "markers, comments");
    check(same(parse_text(good.substr(0, good.size() - 1)), p), "no newline at the end");
    check(same(parse_text(replaced(good, "[Al, Ni]", "['Al', \"Ni\"]  # two")), p), "quotes");
    check(same(parse_text(replaced(good, "[Al, Ni]", "\n- Al\n- Ni")), p),
          "a sequence at the indentation of its key");
    check(same(parse_text(replaced(good, "[Al, Ni]", "\n   - Al # first\n\n   -\n      Ni")), p),
          "a block sequence");
    check(same(parse_text(replaced(good, "[-1.5, 2e-1]", "[\n  -1.5 , # eV\n\n .2,\n]")), p),
          "a flow over lines");
    check(same(parse_text(replaced(good, "{ndensity: 1, FS_parameters: [1, 1], npoti: FinnisSinclair,",
                                   "{\"ndensity\":1, FS_parameters: [+1, 1.], npoti: 'FinnisSinclair',")),
               p),
          "JSON style");
    check(same(parse_text(replaced(
                   good,
                   "{mu0: 1, rank: 1, ndensity: 2, num_ms_combs: 1, mus: [1], ns: [2], ls: [0], "
                   "ms_combs: [0], ctildes: [0.125, -3.5]}",
                   "mu0: 1\n      rank: 1\n      ndensity: 2\n      num_ms_combs: 1\n      mus: [1]\n"
                   "      ns: [2]\n      ls:\n      - 0\n      ms_combs:\n        - 0\n"
                   "      ctildes: [0.125,\n  -3.5]")),
               p),
          "functions as block mappings");
    check(same(parse_text("metadata: {origin: 'it''s mine', \"n\\\"b\": [1, {a: b}]}\n" + good), p),
          "metadata");
}

void refuses(const std::string& text, const std::string& part, ErrorCode code = ErrorCode::file_damaged) {
    check_throws<Error>([&] { parse_text(text); }, part);
    try {
        parse_text(text);
    } catch (const Error& error) {
        check(error.code() == code, "code of: " + std::string(error.what()));
        check(std::string(error.what()).rfind("test.yace", 0) == 0,
              "names the file: " + std::string(error.what()));
    }
}

void refuses_bad_yaml() {
    refuses("", "no content");
    refuses("# only a comment\n", "no content");
    refuses("\t- a\n", "line 1: a tab in the indentation");
    refuses("a: [1, 2\nb: 3\n", "expected ',' or ']'");
    refuses("a: [1, 2,\n\n", "line 1: the bracket that is opened here is never closed");
    refuses("a: {b: 1", "line 1: the bracket that is opened here is never closed");
    refuses("a: {b}", "expected ':'");
    refuses("a: {b: , c: 1}", "a key without a value");
    refuses("a: [1,, 2]", "line 1: unexpected");
    refuses("a: 1\na: 2\n", "line 2: the key 'a' occurs twice");
    refuses("a: {b: 1, b: 2}", "the key 'b' occurs twice");
    refuses("a: 1\n  b: 2\n", "line 2");
    refuses("a:\n    b: 1\n  c: 2\n", "line 3: wrong indentation");
    refuses("a: b: c\n", "line 1: unexpected text");
    refuses("a: 1\nb\n", "line 2: expected 'key: value'");
    refuses("a: 1\n- b\n", "line 2: wrong indentation");
    refuses("a: &x 1\n", "unexpected '&x 1'");
    refuses("a: *x\n", "unexpected '*x'");
    refuses("a: !!int 1\n", "unexpected");
    refuses("a: |\n  text\n", "unexpected '|'");
    refuses("? a\n: b\n", "unexpected '? a'");
    refuses("a: 'open\nb: 1\n", "line 1: a quoted text is not closed");
    refuses("a: \"x\\q\"\n", "an escape");
    refuses("a: 1\n---\nb: 2\n", "line 2: more than one YAML document");
    refuses("a: " + std::string(100, '[') + std::string(100, ']'), "nested too deeply");
    refuses(std::string(100000, '['), "nested too deeply");
    std::string steps;
    for (int k = 0; k < 100; ++k) steps += std::string(static_cast<std::size_t>(k), ' ') + "a:\n";
    refuses(steps, "nested too deeply");
    std::string dashes;
    for (int k = 0; k < 100; ++k) dashes += "- ";
    refuses(dashes, "nested too deeply");
    refuses(std::string("a: b\x01") + "\n", "control character");
    refuses("[1, 2]\n", "must be a mapping");
}

void refuses_bad_potentials() {
    const auto change = [](const std::string& from, const std::string& to, const std::string& part,
                           ErrorCode code = ErrorCode::file_damaged) {
        refuses(replaced(good, from, to), part, code);
    };
    change("deltaSplineBins", "deltaSplineBin", "line 3: unknown key 'deltaSplineBin'");
    change("drho_core_cutoff: 250", "drho_core: 250", "line 5: unknown key 'drho_core'");
    change("prehc: 10000, ", "", "line 8: the bond [0, 0] (Al-Al) lacks the key 'prehc'");
    change("lambdahc", "lambda", "line 8: unknown key 'lambda'");
    change("ls: [0]", "lz: [0]", "line 14: unknown key 'lz'");
    change("[Al, Ni]", "[Al, Nickel]", "line 1: 'Nickel' is not a chemical symbol");
    change("[Al, Ni]", "[Al, Al]", "listed twice");
    change("[Al, Ni]", "[Al]", "'E0' has 2 entries, expected 1");
    change("[-1.5, 2e-1]", "[-1.5, abc]", "line 2: 'E0' must be a number, not 'abc'");
    change("[-1.5, 2e-1]", "[-1.5, nan]", "line 2: 'E0' is not finite");
    change("[-1.5, 2e-1]", "[-1.5, .nan]", "line 2: 'E0' must be a number");
    change("[-1.5, 2e-1]", "[-1.5, inf]", "line 2: 'E0' is not finite");
    change("[-1.5, 2e-1]", "[-1.5, 1e999]", "line 2: 'E0' must be a number");
    change("[-1.5, 2e-1]", "[-1.5, '1']", "line 2: 'E0' must be a number");
    change("[-1.5, 2e-1]", "[-1.5, [1]]", "line 2: 'E0' must be a number");
    change("rcut: 6.3", "rcut: -6.3", "cutoff is negative");
    change("rcut: 6.3", "rcut: 6.3e7", "at most 100 angstrom");
    change("rcut: 6.3", "rcut: 1.5", "inner cutoff is not below the cutoff");
    change("npoti: FinnisSinclair,", "npoti: SoftCore,", "line 5: the embedding 'SoftCore' is not supported",
           ErrorCode::unsupported);
    change("SBessel", "TEST_SBessel", "line 8: the radial basis 'TEST_SBessel' is not supported",
           ErrorCode::unsupported);
    change("SBessel", "ACE.jl.Basic", "'ACE.jl.Basic' is not supported", ErrorCode::unsupported);
    change("inner_cutoff_type: distance", "inner_cutoff_type: none", "'none' is not supported",
           ErrorCode::unsupported);
    change("elements", "species: []\nelements", "B-basis", ErrorCode::unsupported);
    change("ndensity: 1, FS_parameters: [1, 1]", "ndensity: 2, FS_parameters: [1, 1]",
           "'FS_parameters' has 2 entries");
    change("  1: {ndensity: 2", "  2: {ndensity: 2",
           "line 6: 'species index in embeddings' is 2, expected 0 to 1");
    change("  1: {ndensity: 2", "  0: {ndensity: 2", "line 6: the key '0' occurs twice");
    change("  [1, 1]: ", "  [1, 0]: ", "line 11: the bond [1, 0] (Ni-Al) occurs twice");
    change("  [1, 1]: ", "  [1, 2]: ", "line 11: 'species of a bond' is 2");
    change("  [1, 1]: ", "  11: ", "line 11: the key of a bond must be a pair");
    change("nradmax: 2", "nradmax: 3", "'radcoefficients' has 2 entries where nradmax asks for 3");
    change("[[5], [6]]", "[[5]]", "line 10: 'radcoefficients' has 1 entries where lmax asks for 2");
    change("[[5], [6]]", "[[5], []]", "nradbasemax asks for 1");
    change("[[5], [6]]", "[5, 6]", "must be lists [n][l][k]");
    change("radparameters: [2]", "radparameters: []", "line 9: 'radparameters' is empty");
    change("{mu0: 1", "{mu0: 0", "line 17: 'mu0' is 0, expected 1 to 1");
    change("ns: [3]", "ns: [4]", "line 14: 'ns' is 4, expected 1 to 3");
    change("ns: [3]", "ns: [0]", "line 14: 'ns' is 0, expected 1 to 3");
    change("ns: [3]", "ns: [1.5]", "line 14: 'ns' must be an integer, not '1.5'");
    change("ns: [3]", "ns: [3, 3]", "line 14: 'ns' has 2 entries, expected 1");
    change("mus: [0, 1]", "mus: [0, 2]", "line 15: 'mus' is 2, expected 0 to 1");
    change("ls: [1, 1]", "ls: [1, 2]", "line 15: 'ls' is 2, expected 0 to 1");
    change("ls: [0]", "ls: [1]", "line 14: 'ls' is 1, expected 0 to 0");
    change("0, 0, 1, -1]", "0, 0, 1, -2]", "line 15: 'ms_combs' is -2, expected -1 to 1");
    change("0, 0, 1, -1]", "0, 0, 1, 1]", "line 15: 'ms_combs': the m of a product do not add to zero");
    change("0, 0, 1, -1]", "0, 0, 1]", "'ms_combs' has 3 entries, expected 4");
    change("[-0.25, 0.5]", "[-0.25]", "line 15: 'ctildes' has 1 entries, expected 2");
    change("rank: 2", "rank: 3", "line 15: 'mus' has 2 entries, expected 3");
    change("rank: 2", "rank: 99999999999", "line 15: 'rank' must be an integer");
    change("  1:\n    - {mu0: 1", "  0:\n    - {mu0: 1", "the key '0' occurs twice");
    change("functions:\n  0:", "functions:\n  3:", "'species index in functions' is 3");
    refuses(good.substr(0, good.find("  1:\n")), "'functions' lacks species 1 (Ni)");
    refuses(good.substr(0, good.find("functions:")), "lacks the key 'functions'");
}

void refuses_bad_arrays() {
    const ModelFile file = to_model_file(parse_text(good), "test.mlip");
    const json metadata = json::parse(file.metadata);
    const auto with = [&](const std::string& name, auto&& change, const std::string& part) {
        ModelFile changed = file;
        change(changed.arrays.at(name));
        check_throws<Error>([&] { read_parameters(changed, "", metadata); }, part);
        check_throws<Error>([&] { read_parameters(changed, "", metadata); }, "test.mlip");
    };
    with("functions.m", [](Array& a) { a.integers[3] = 0; }, "do not add to zero");
    with("functions.m", [](Array& a) { a.integers[3] = 2; }, "m is 2, expected -1 to 1");
    with("functions.n", [](Array& a) { a.integers[0] = 3; }, "n is 3, expected 0 to 2 for Al-Al");
    with("functions.n", [](Array& a) { a.integers[1] = 2; }, "n is 2, expected 0 to 1 for Al-Al");
    with("functions.l", [](Array& a) { a.integers[1] = 2; }, "l is 2, expected 0 to 1");
    with("functions.species", [](Array& a) { a.integers[0] = -1; }, "species is -1");
    with("functions.species", [](Array& a) { a.integers[0] = std::int64_t{1} << 40; }, "beyond 32 bits");
    with("functions.center", [](Array& a) { a.integers[0] = 2; }, "center is 2");
    with("functions.rank", [](Array& a) { a.integers[0] = 0; }, "rank is 0");
    with("functions.rank", [](Array& a) { a.integers[0] = 2; }, "functions.species has 4 values, expected 5");
    with("functions.n_terms", [](Array& a) { a.integers[0] = 2147483647; }, "too many terms");
    with("functions.n_terms", [](Array& a) { a.integers.pop_back(); }, "differ in length");
    with("bonds.offsets", [](Array& a) { a.integers[1] = 3; }, "bonds.offsets' does not fit");
    with("bonds.offsets", [](Array& a) { a.integers.pop_back(); }, "bonds.offsets' has 4 values, expected 5");
    with("bonds.coefficients", [](Array& a) { a.reals.pop_back(); }, "points beyond the end");
    with("bonds.coefficients", [](Array& a) { a.reals.push_back(0); }, "leaves coefficients over");
    with("functions.coefficients", [](Array& a) { a.shape = {8, 1}; }, "n_density_max is 1");
    with("functions.coefficients", [](Array& a) { a.shape = {8}; }, "1 dimensions, expected 2");
    const auto with_metadata = [&](const std::string& pointer, const json& value, const std::string& part) {
        json changed = metadata;
        changed[json::json_pointer(pointer)] = value;
        check_throws<Error>([&] { read_parameters(file, "", changed); }, part);
    };
    with_metadata("/bonds/0/n_max", 3, "points beyond the end");
    with_metadata("/bonds/0/n_max", 1, "does not fit n_max");
    with_metadata("/bonds/0/basis", "Gauss", "radial basis 'Gauss' is not known");
    with_metadata("/bonds/1/parameters", json::array(), "bond Al-Ni: radial basis ChebPow needs a parameter");
    with_metadata("/bonds/2/parameters", {0.0},
                  "bond Ni-Al: the parameter of radial basis ChebExpCos must be positive");
    with_metadata("/bonds/0/basis", "Polynomial", "bond Al-Al: radial basis Polynomial: needs 6 parameters");
    with_metadata("/bonds/0/colour", 1, "'bonds[0].colour' is not a key");
    with_metadata("/bonds/0/cutoff", -1, "cutoff is negative");
    with_metadata("/embeddings/1/exponents", {1.0}, "not as many exponents");
    with_metadata("/embeddings/1/kind", "linear", "embedding 'linear' is not known");
    with_metadata("/embeddings", json::array(), "'embeddings' has 0 entries, expected 2");
}

/// Whatever happens to the text, either it is read or there is an Error; and it never takes long.
void survives_damage() {
    std::size_t refused = 0, read = 0;
    const auto attempt = [&](const std::string& text) {
        try {
            static_cast<void>(parse_text(text));
            ++read;
        } catch (const Error&) {
            ++refused;
        }
    };
    for (std::size_t n = 0; n < good.size(); ++n) attempt(good.substr(0, n));
    check(read == 1, "a truncated file is refused (its last newline may be missing)");
    std::mt19937 random(11);
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    static const std::string alphabet = "{}[]\"',:#-\n \t\r0123456789.eE&*!|>%?\\";
    for (int trial = 0; trial < 20000; ++trial) {
        std::string text = good;
        for (std::size_t k = 0, n = 1 + below(4); k < n; ++k) {
            const std::size_t place = below(text.size());
            switch (below(4)) {
                case 0:
                    text[place] = alphabet[below(alphabet.size())];
                    break;
                case 1:
                    text.insert(place, 1, alphabet[below(alphabet.size())]);
                    break;
                case 2:
                    text[place] = static_cast<char>(below(256));
                    break;
                default:
                    text.erase(place, 1 + below(30));
            }
        }
        attempt(text);
    }
    check(refused > 15000, "most damage is noticed");
    std::printf("%zu damaged texts refused, %zu still meaningful\n", refused, read);
}

void reads_published_files() {
    namespace fs = std::filesystem;
    const char* variable = std::getenv("TEKTITE_SHARED_DATA");
    const fs::path repository = TEKTITE_SOURCE_DIR;
    const fs::path folder = variable ? fs::path(variable) : repository.parent_path() / "shared" / "data";
    if (!fs::is_directory(folder / "ace")) {
        std::printf("not run: %s is not there (published potentials, not shipped)\n",
                    (folder / "ace").c_str());
        return;
    }
    std::size_t n = 0;
    for (const auto& entry : fs::directory_iterator(folder / "ace")) {
        if (entry.path().extension() != ".yace") continue;
        const auto begin = std::chrono::steady_clock::now();
        const Parameters p = read_yace(entry.path().string());
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        std::printf("%s: %zu functions, %.3f s\n", entry.path().filename().c_str(), p.functions.center.size(),
                    seconds);
        check(seconds < 2,
              "reading takes a moment");  // some 0.04 s; the bound only catches what is not linear
        check_round_trip(p, entry.path().filename().string());
        ++n;
    }
    check(n >= 2, "the published potentials are read");
    const Parameters si = read_yace((folder / "ace" / "XPOT-Si.yace").string());
    check(si.functions.center.size() == 2771 && si.bonds[0].n_max == 12 && si.bonds[0].l_max == 7 &&
              si.bonds[0].n_base == 19 && si.embeddings[0].exponents[1] == 0.101,
          "XPOT-Si");
}

}  // namespace

int main() {
    reads_what_pacemaker_writes();
    reads_other_layouts();
    refuses_bad_yaml();
    refuses_bad_potentials();
    refuses_bad_arrays();
    survives_damage();
    reads_published_files();
    return finish();
}
