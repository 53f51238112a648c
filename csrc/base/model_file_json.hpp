// SPDX-License-Identifier: BSD-3-Clause
// Typed access to the JSON metadata of a model file. Every failure is Error(file_damaged) that names the file
// and the key, so that no exception of the JSON library leaves the engine.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tektite/error.hpp"

namespace tektite {

class MetadataReader {
public:
    /// `where` is put before each key in messages, e.g. "bonds[2]."; empty at the top.
    /// Throws if `object` is not a JSON object. Refers to `object`, which must outlive it.
    MetadataReader(const nlohmann::json& object, std::string path, std::string where = "");

    [[nodiscard]] bool has(const std::string& key) const { return object_->contains(key); }
    /// Finite floating-point number (integers are taken too).
    [[nodiscard]] double number(const std::string& key) const;
    /// Integer in [lowest, highest].
    [[nodiscard]] int integer(const std::string& key, int lowest, int highest) const;
    [[nodiscard]] bool boolean(const std::string& key) const;
    [[nodiscard]] std::string text(const std::string& key) const;
    [[nodiscard]] std::vector<double> numbers(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> texts(const std::string& key) const;
    /// A JSON array (of anything) of the given length.
    [[nodiscard]] const nlohmann::json& array(const std::string& key, std::size_t size) const;
    /// A JSON array of any length.
    [[nodiscard]] const nlohmann::json& array(const std::string& key) const;
    /// Refuses keys that are not among `known`: what defines a model must not be ignored silently.
    void only(std::initializer_list<const char*> known) const;

    [[noreturn]] void fail(const std::string& key, const std::string& what) const;

private:
    [[nodiscard]] const nlohmann::json& value(const std::string& key) const;
    const nlohmann::json* object_;
    std::string path_, where_;
};

/// No model reaches farther than this (angstrom); what does is a damaged number.
inline constexpr double largest_cutoff = 100;

/// Parses a JSON text in which no key may occur twice in an object. `what` ("header", "metadata") is for
/// messages. Throws Error(file_damaged).
nlohmann::json parse_json(const std::string& text, const std::string& path, const std::string& what);

/// Checks the key "cutoff" of a (sub)model: positive, at most `largest_cutoff`.
void check_cutoff(const MetadataReader& reader);

/// Checks what every metadata object of a file must have: format_version, family, elements, cutoff, units.
/// Throws Error(file_damaged), Error(version_too_new) before anything else if the file is newer than this
/// program.
void check_metadata(const nlohmann::json& metadata, const std::string& path);

}  // namespace tektite
