// SPDX-License-Identifier: BSD-3-Clause
// The .mlip container: what is read, and that whatever is wrong gives one clear error.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "base/read_bytes.hpp"
#include "check.hpp"
#include "model_bytes.hpp"
#include "tektite/model_file.hpp"

using namespace tektite;
using namespace tektite::test;
using nlohmann::json;

namespace {

void check_code(const std::string& bytes, ErrorCode code, const std::string& part) {
    check_throws<Error>([&] { parse(bytes); }, part);
    try {
        parse(bytes);
    } catch (const Error& error) {
        check(error.code() == code,
              "code " + std::to_string(static_cast<int>(error.code())) + ": " + error.what());
    }
}

void damaged(const std::string& bytes, const std::string& part) {
    check_code(bytes, ErrorCode::file_damaged, part);
}

void reads_every_type() {
    ModelFile file = zbl_file();
    file.arrays["a.f32"] = real_array({3}, {0.5, -1.25, 3.0e10});
    file.arrays["a.f32"].type = Array::Type::float32;
    file.arrays["a.i64"] = integer_array({2, 1}, {std::int64_t{1} << 40, -7}, Array::Type::int64);
    file.arrays["a.empty"] = real_array({0, 3}, {});
    file.arrays["a.scalar"] = real_array({}, {-0.1});
    const ModelFile read = parse(model_bytes(file));
    check(read.arrays.size() == file.arrays.size(), "number of arrays");
    for (const auto& [name, array] : file.arrays) {
        const Array& found = read.arrays.at(name);
        check(found.shape == array.shape && found.type == array.type, name + ": shape and type");
        check(found.integers == array.integers, name + ": integers");
        check(found.reals.size() == array.reals.size(), name + ": size");
        check(static_cast<std::size_t>(found.size()) == found.reals.size() + found.integers.size(),
              name + ": size()");
        for (std::size_t k = 0; k < array.reals.size(); ++k) {
            const bool real32 = array.type == Array::Type::float32;
            const double expected =
                real32 ? static_cast<double>(static_cast<float>(array.reals[k])) : array.reals[k];
            check(found.reals[k] == expected, name + ": values survive to the last bit");
        }
    }
    check_throws<Error>([&] { static_cast<void>(read.reals("a.i64", 2)); }, "a.i64' must hold reals");
    check_throws<Error>([&] { static_cast<void>(read.integers("a.f32", 1)); }, "a.f32' must hold integers");
    check_throws<Error>([&] { static_cast<void>(read.reals("a.f32", 2)); }, "1 dimensions, expected 2");
    check_throws<Error>([&] { static_cast<void>(read.reals("b", 2)); }, "test.mlip: array 'b' is missing");
}

void refuses_damaged_containers() {
    const std::string good = model_bytes(zbl_file());
    damaged("", "0 bytes long");
    damaged(good.substr(0, 5), "5 bytes long");
    damaged(good.substr(0, 40), "cut off inside its header");
    damaged(good.substr(0, good.size() - 1), "cut off");
    damaged(good + "x", "1 bytes too many");
    damaged(std::string(16, '\xff'), "header too long");
    damaged(container("{\"a\": ", ""), "header is not valid JSON");
    damaged(container("[1]", ""), "not a JSON object");
    damaged(container("{\"a\": " + std::string(1000000, '['), ""), "nested too deeply");
    damaged(container("{}", ""), "not a Tektite model");
    damaged(container("{\"__metadata__\": {\"format\": \"pt\"}}", ""), "not a Tektite model");

    const std::string metadata = json{{"tektite", zbl_file().metadata}}.dump();
    const auto entry = [&](const std::string& text, std::size_t n_bytes = 16) {
        return container("{\"__metadata__\": " + metadata + ", " + text + "}", std::string(n_bytes, '\0'));
    };
    const std::string ok = R"("x": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]})";
    check(parse(entry(ok)).arrays.at("x").reals.size() == 2, "the template of the following is valid");
    damaged(entry(ok + ", " + ok), "'x' occurs twice");
    damaged(entry(R"("x": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]})"), "dtype 'BF16'");
    damaged(entry(R"("x": {"dtype": 3, "shape": [8], "data_offsets": [0, 16]})"), "dtype is not a string");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [3], "data_offsets": [0, 16]})"), "disagree");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [-2], "data_offsets": [0, 16]})"), "bad shape");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2.0], "data_offsets": [0, 16]})"), "bad shape");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [1,1,1,1,1,1,1,1,2], "data_offsets": [0, 16]})"),
            "bad shape");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [4294967296, 4294967296, 2], "data_offsets": [0, 16]})"),
            "more than the file holds");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [64, 64, 64, 64, 64], "data_offsets": [0, 16]})"),
            "more than the file holds");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2], "data_offsets": [16, 0]})"), "disagree");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2], "data_offsets": [0]})"), "bad data_offsets");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2], "data_offsets": [0, -16]})"), "bad data_offsets");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2]})"), "must have dtype, shape and data_offsets");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16], "more": 1})"),
            "must have dtype");
    damaged(entry(R"("x": 5)"), "must have dtype");
    damaged(entry(R"("x": {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]})"), "begins at byte 8");
    damaged(entry(ok + R"(, "y": {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]})"),
            "begins at byte 8");
    damaged(entry(ok, 24), "8 bytes too many");
    damaged(entry(ok, 8), "8 of 16");

    ModelFile file = zbl_file();
    file.arrays["zbl.inner"].reals[2] = std::numeric_limits<double>::quiet_NaN();
    damaged(model_bytes(file), "'zbl.inner' is not finite at position 2");
    file.arrays["zbl.inner"].reals[2] = std::numeric_limits<double>::infinity();
    damaged(model_bytes(file), "'zbl.inner' is not finite");
}

void checks_metadata() {
    const ModelFile file = zbl_file();
    const json good = json::parse(file.metadata);
    const auto with = [&](const std::string& key, const json& value) {
        json metadata = good;
        metadata[key] = value;
        return model_bytes(file, metadata);
    };
    const auto without = [&](const std::string& key) {
        json metadata = good;
        metadata.erase(key);
        return model_bytes(file, metadata);
    };
    check_code(with("format_version", model_format_version + 1), ErrorCode::version_too_new, "newer Tektite");
    check_code(with("format_version", 2000000000), ErrorCode::version_too_new,
               "pip install --upgrade tektite");
    damaged(with("format_version", 0), "format_version' must lie between 1");
    damaged(with("format_version", 1.5), "format_version' must be an integer");
    damaged(with("format_version", std::uint64_t{1} << 63), "format_version' must lie between");
    for (const char* key : {"format_version", "family", "elements", "cutoff", "units"}) {
        damaged(without(key), "'" + std::string(key) + "' is missing");
    }
    damaged(with("elements", {"Si", "Xx"}), "'Xx' is not a chemical symbol");
    damaged(with("elements", {"Si", "Si"}), "Si is listed twice");
    damaged(with("elements", json::array()), "list of elements is empty");
    damaged(with("elements", 5), "'elements' must be a list");
    damaged(with("cutoff", 0.0), "'cutoff' must be positive");
    damaged(with("cutoff", "5"), "'cutoff' must be a number");
    damaged(with("units", {{"energy", "kcal/mol"}, {"length", "angstrom"}}), "units.energy' must be \"eV\"");
    damaged(with("units", {{"energy", "eV"}, {"length", "bohr"}}), "units.length' must be \"angstrom\"");
    damaged(with("units", "metal"), "must be a JSON object");
    damaged(model_bytes(file, json::array()), "must be a JSON object");

    // A newer file is called newer even if it holds what this version cannot read.
    json header = {{"__metadata__", {{"tektite", R"({"format_version": 9})"}}}, {"x", {{"dtype", "U4"}}}};
    check_code(container(header.dump(), "?"), ErrorCode::version_too_new, "newer");

    const auto make = [&](const std::string& bytes) { return make_potential(parse(bytes)); };
    check(make(model_bytes(file))->info().family == "pair", "a valid file makes a potential");
    check_throws<Error>([&] { make(with("family", "quantum")); }, "'quantum' is not in this version");
    check_throws<Error>([&] { make(with("kind", "lj")); }, "'lj' are not supported");
    check_throws<Error>([&] { make(with("cutoff", 3.0)); }, "'cutoff' is not the largest cutoff");
    check_throws<Error>([&] { make(with("isolated_energies", {1.0})); }, "isolated_energies' has 1 entries");
    check_throws<Error>([&] { make(with("minimum_distances", {{1.0, 2.0}, {3.0, 1.0}})); },
                        "must be symmetric");
    check_throws<Error>([&] { make(with("minimum_distances", {1.0, 2.0})); }, "must be square");
    const auto info = make(with("minimum_distances", {{1.0, 2.0}, {2.0, 0.0}}))->info();
    check(info.minimum_distances == std::vector<double>({1.0, 2.0, 2.0, 0.0}), "minimum distances are read");
}

void reads_references() {
    const std::vector<ReferenceStructure> references = reference_structures(parse(model_bytes(zbl_file())));
    check(references.size() == 1 && references[0].name == "dimer" && references[0].species.size() == 2 &&
              references[0].positions[3] == 1.2 && references[0].energy == 1.0 && !references[0].periodic[0],
          "the reference structure");
    ModelFile file = zbl_file();
    const auto refuse = [&](const std::string& part) {
        check_throws<Error>([&] { reference_structures(file); }, part);
        file = zbl_file();
    };
    file.arrays["reference.n_atoms"].integers[0] = 3;
    refuse("reference.n_atoms");
    file.arrays["reference.n_atoms"].integers[0] = -1;
    refuse("reference.n_atoms");
    file.arrays["reference.species"].integers[0] = 2;
    refuse("beyond the elements");
    file.arrays["reference.periodic"].integers[0] = 2;
    refuse("must hold 0 and 1");
    file.arrays["reference.forces"].shape = {3, 2};
    refuse("reference.forces' has the wrong shape");
    file.arrays.erase("reference.cells");
    refuse("reference.cells' is missing");
    for (auto it = file.arrays.begin(); it != file.arrays.end();) {
        it = it->first.rfind("reference.", 0) == 0 ? file.arrays.erase(it) : std::next(it);
    }
    check(reference_structures(file).empty(), "no references: empty");
}

/// Whatever happens to the bytes, either the file is read or there is an Error.
void survives_damage() {
    const std::string good = model_bytes(zbl_file());
    std::size_t refused = 0, read = 0;
    const auto attempt = [&](const std::string& bytes) {
        try {
            const ModelFile file = parse(bytes);
            static_cast<void>(make_potential(file));
            static_cast<void>(reference_structures(file));
            ++read;
        } catch (const Error& error) {
            ++refused;
            if (std::string(error.what()).find("test.mlip") == std::string::npos) check(false, error.what());
        }
    };
    for (std::size_t n = 0; n < good.size(); ++n) attempt(good.substr(0, n));
    check(read == 0, "no truncated file is accepted");
    std::mt19937 random(7);
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    static const std::string alphabet = "{}[]\",:0123456789-.eE truefalsn\\";
    for (int trial = 0; trial < 30000; ++trial) {
        std::string bytes = good;
        for (std::size_t k = 0, n = 1 + below(4); k < n; ++k) {
            const std::size_t place = below(bytes.size());
            switch (below(4)) {
                case 0:
                    bytes[place] = static_cast<char>(below(256));
                    break;
                case 1:
                    bytes[place] = alphabet[below(alphabet.size())];
                    break;
                case 2:
                    bytes[place] = static_cast<char>(bytes[place] ^ (1 << below(8)));
                    break;
                default:
                    bytes.erase(place, 1 + below(16));
                    if (bytes.size() < 16) bytes.append(16, 'x');
            }
        }
        attempt(bytes);
    }
    check(refused > 10000, "most damage is noticed");
    std::printf("%zu damaged files refused, %zu still meaningful\n", refused, read);
}

std::string stored_file() {
    return (std::filesystem::path(TEKTITE_SOURCE_DIR) / "tests" / "data" / "format_v1.mlip").string();
}

/// The stored file of format 1 (a sum of ace, zbl and table): read, and computed as it was when it was
/// written.
void reproduces_format_1() {
    const ModelFile file = read_model_file(stored_file());
    const auto potential = make_potential(file);
    const ModelInfo& info = potential->info();
    check(
        info.family == "sum" && info.elements == std::vector<std::string>({"Si", "O"}) && info.cutoff == 4.2,
        "info");
    const std::vector<ReferenceStructure> references = reference_structures(file);
    check(references.size() == 5 && references[0].name == "crystal", "five structures");
    check_close(references[0].energy, -0.18529490831751222, 0, "the stored file is the one that was stored");
    const ReferenceCheck result = check_references(*potential, references, {});
    check(result.n_structures == 5 && result.passed, "energies and forces in double, worst: " + result.worst);
    EvaluationOptions mixed;
    mixed.precision = Precision::mixed;
    check(check_references(*potential, references, mixed).passed, "energies and forces in mixed precision");

    std::string flipped = read_bytes(stored_file());
    flipped[flipped.size() - 100] ^= 1;
    damaged(flipped, "checksum");

    std::vector<ReferenceStructure> wrong = references;
    wrong[1].energy += 1e-6;
    const ReferenceCheck failed = check_references(*potential, wrong, {});
    check(!failed.passed && failed.worst == "slab", "a wrong energy is noticed");
    check_close(failed.energy_error, 2e-7, 1e-9, "and told per atom");
    wrong = references;
    wrong[2].forces[4] += 1e-5;
    check(!check_references(*potential, wrong, {}).passed, "a wrong force is noticed");
    wrong[2].forces[4] = std::numeric_limits<double>::quiet_NaN();
    check(!check_references(*potential, wrong, {}).passed, "a force that is no number is noticed");
}

/// As survives_damage, through the making of an ACE, whose arrays must fit each other.
void survives_damaged_models() {
    // Rebuilt without the checksum, which would notice everything at once.
    const std::string good = model_bytes(read_model_file(stored_file()));
    std::mt19937 random(5);
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    std::size_t refused = 0, made = 0;
    for (int trial = 0; trial < 400; ++trial) {
        std::string bytes = good;
        for (std::size_t k = 0, n = 1 + below(3); k < n; ++k) {
            const std::size_t place = below(bytes.size());
            bytes[place] = static_cast<char>(trial % 2 ? below(256) : '0' + below(10));
        }
        try {
            static_cast<void>(make_potential(parse(bytes)));
            ++made;
        } catch (const Error&) {
            ++refused;
        }
    }
    check(refused > 100, "damaged models are refused");
    std::printf("%zu damaged models refused, %zu still meaningful\n", refused, made);
}

void tells_files_apart() {
    const std::string path = "test_model_file_" + std::to_string(std::random_device{}()) + ".tmp";
    const auto with = [&](const std::string& bytes, const std::string& part) {
        std::ofstream(path, std::ios::binary) << bytes;
        check_throws<Error>([&] { read_model_file(path); }, part);
        check_throws<Error>([&] { read_model_file(path); }, path);
    };
    with("", "empty");
    with("<!DOCTYPE html>", "web page");
    with("version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer");
    with("MTP\nversion = 1.1.0\n", "moment tensor potential");
    with("hello world, this is a text", "neither a .mlip nor a .yace");
    with(model_bytes(zbl_file()).substr(0, 100), "cut off");
    std::ofstream(path, std::ios::binary) << model_bytes(zbl_file());
    check(load_potential(path)->info().elements.size() == 2, "a .mlip is known by its content, not its name");
    std::remove(path.c_str());
    check_throws<Error>([&] { read_model_file(path); }, "cannot read '" + path + "'");
    check_throws<Error>([] { read_model_file("."); }, "cannot read '.'");
}

}  // namespace

int main() {
    reads_every_type();
    refuses_damaged_containers();
    checks_metadata();
    reads_references();
    survives_damage();
    reproduces_format_1();
    survives_damaged_models();
    tells_files_apart();
    return finish();
}
