// SPDX-License-Identifier: BSD-3-Clause
// A strict reader of the part of YAML 1.2 in which .yace files are written: block mappings and sequences by
// indentation, flow collections over any number of lines, plain and quoted scalars, comments, one document.
// Anchors, aliases, tags, block scalars, '? ' keys and plain scalars over several lines are refused.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tektite::ace {

/// 'text', for messages.
std::string quoted(std::string_view text);

struct YamlNode {
    enum class Kind { scalar, sequence, mapping };
    Kind kind = Kind::scalar;
    bool quoted = false;          ///< of a scalar
    int line = 0;                 ///< where it begins, from 1
    std::string_view text;        ///< of a scalar; points into the document
    std::vector<YamlNode> items;  ///< of a mapping: key, value, key, value, ...
};

/// A parsed document; owns the text to which its nodes refer.
class YamlDocument {
public:
    /// Throws Error(file_damaged) naming `path` and the line.
    YamlDocument(std::string text, std::string path);
    YamlDocument(const YamlDocument&) = delete;
    YamlDocument& operator=(const YamlDocument&) = delete;

    [[nodiscard]] const YamlNode& root() const { return root_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[noreturn]] void fail(int line, const std::string& what) const;

    /// The scalar as a finite number or an integer in [lowest, highest]; `name` is for messages.
    [[nodiscard]] double number(const YamlNode& node, std::string_view name) const;
    [[nodiscard]] int integer(const YamlNode& node, std::string_view name, int lowest, int highest) const;

private:
    std::string text_, path_;
    std::deque<std::string> unescaped_;  ///< quoted scalars that contain escapes
    YamlNode root_;
};

}  // namespace tektite::ace
