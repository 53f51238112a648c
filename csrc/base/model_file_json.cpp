// SPDX-License-Identifier: BSD-3-Clause
#include "base/model_file_json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/elements.hpp"
#include "tektite/model_file.hpp"

namespace tektite {

using nlohmann::json;

namespace {
constexpr int deepest_json = 100;
}

MetadataReader::MetadataReader(const json& object, std::string path, std::string where)
    : object_(&object), path_(std::move(path)), where_(std::move(where)) {
    if (!object.is_object()) {
        const std::string name = where_.empty() ? "metadata" : "metadata '" + where_ + "'";
        throw Error(ErrorCode::file_damaged, path_ + ": " + name + " must be a JSON object");
    }
}

void MetadataReader::fail(const std::string& key, const std::string& what) const {
    throw Error(ErrorCode::file_damaged, path_ + ": metadata '" + where_ + key + "' " + what);
}

const json& MetadataReader::value(const std::string& key) const {
    const auto found = object_->find(key);
    if (found == object_->end()) fail(key, "is missing");
    return *found;
}

double MetadataReader::number(const std::string& key) const {
    const json& v = value(key);
    if (!v.is_number()) fail(key, "must be a number");
    const double x = v.get<double>();
    if (!std::isfinite(x)) fail(key, "must be a finite number");
    return x;
}

int MetadataReader::integer(const std::string& key, int lowest, int highest) const {
    const json& v = value(key);
    if (!v.is_number_integer()) fail(key, "must be an integer");
    // Numbers beyond int64 are stored as unsigned by the JSON library.
    const bool huge = v.is_number_unsigned() && v.get<std::uint64_t>() > 0x7fffffffU;
    const std::int64_t x = huge ? 0 : v.get<std::int64_t>();
    if (huge || x < lowest || x > highest) {
        fail(key, "must lie between " + std::to_string(lowest) + " and " + std::to_string(highest));
    }
    return static_cast<int>(x);
}

bool MetadataReader::boolean(const std::string& key) const {
    const json& v = value(key);
    if (!v.is_boolean()) fail(key, "must be true or false");
    return v.get<bool>();
}

std::string MetadataReader::text(const std::string& key) const {
    const json& v = value(key);
    if (!v.is_string()) fail(key, "must be a string");
    return v.get<std::string>();
}

const json& MetadataReader::array(const std::string& key) const {
    const json& v = value(key);
    if (!v.is_array()) fail(key, "must be a list");
    return v;
}

const json& MetadataReader::array(const std::string& key, std::size_t size) const {
    const json& v = array(key);
    if (v.size() != size) {
        fail(key, "has " + std::to_string(v.size()) + " entries, expected " + std::to_string(size));
    }
    return v;
}

std::vector<double> MetadataReader::numbers(const std::string& key) const {
    std::vector<double> values;
    for (const json& v : array(key)) {
        if (!v.is_number() || !std::isfinite(v.get<double>())) fail(key, "must be a list of finite numbers");
        values.push_back(v.get<double>());
    }
    return values;
}

std::vector<std::string> MetadataReader::texts(const std::string& key) const {
    std::vector<std::string> values;
    for (const json& v : array(key)) {
        if (!v.is_string()) fail(key, "must be a list of strings");
        values.push_back(v.get<std::string>());
    }
    return values;
}

void MetadataReader::only(std::initializer_list<const char*> known) const {
    for (const auto& [key, unused] : object_->items()) {
        const bool found =
            std::any_of(known.begin(), known.end(), [&](const char* name) { return key == name; });
        if (!found) fail(key, "is not a key that this version of Tektite knows");
    }
}

json parse_json(const std::string& text, const std::string& path, const std::string& what) {
    // The library keeps the last of two equal keys; another reader might keep the first.
    std::vector<std::set<std::string>> keys;
    std::string twice;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        // The library writes and copies recursively.
        if (depth > deepest_json)
            throw Error(ErrorCode::file_damaged, path + ": the " + what + " is nested too deeply");
        if (event == json::parse_event_t::object_start) {
            keys.emplace_back();
        } else if (event == json::parse_event_t::object_end) {
            keys.pop_back();
        } else if (event == json::parse_event_t::key &&
                   !keys.back().insert(parsed.get<std::string>()).second) {
            twice = parsed.get<std::string>();
        }
        return true;
    };
    try {
        json parsed = json::parse(text, watch);
        if (!twice.empty()) {
            throw Error(ErrorCode::file_damaged,
                        path + ": the key '" + twice.substr(0, 80) + "' occurs twice in the " + what);
        }
        return parsed;
    } catch (const json::exception& error) {
        throw Error(ErrorCode::file_damaged,
                    path + ": the " + what + " is not valid JSON (" + error.what() + ")");
    }
}

void check_cutoff(const MetadataReader& reader) {
    const double cutoff = reader.number("cutoff");
    if (cutoff <= 0 || cutoff > largest_cutoff) {
        reader.fail("cutoff", "must be positive and at most " +
                                  std::to_string(static_cast<int>(largest_cutoff)) + " angstrom");
    }
}

void check_metadata(const json& metadata, const std::string& path) {
    const MetadataReader reader(metadata, path);
    const int version = reader.integer("format_version", 1, std::numeric_limits<int>::max());
    if (version > model_format_version) {
        throw Error(ErrorCode::version_too_new,
                    path + " was written by a newer Tektite (file format " + std::to_string(version) +
                        "); this is " + TEKTITE_VERSION + ", which reads formats up to " +
                        std::to_string(model_format_version) + ". Update it: pip install --upgrade tektite");
    }
    if (reader.text("family").empty()) reader.fail("family", "is empty");
    check_elements(reader.texts("elements"), path);
    check_cutoff(reader);
    if (!reader.has("units")) reader.fail("units", "is missing");
    const MetadataReader units(metadata["units"], path, "units.");
    units.only({"energy", "length"});
    if (units.text("energy") != "eV") units.fail("energy", "must be \"eV\"");
    if (units.text("length") != "angstrom") units.fail("length", "must be \"angstrom\"");
}

}  // namespace tektite
