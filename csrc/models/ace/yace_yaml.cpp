// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/yace_yaml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/parse_number.hpp"
#include "tektite/error.hpp"

namespace tektite::ace {

namespace {

// Deeper nesting than any potential needs, and far from the end of the stack.
constexpr int largest_depth = 32;

[[noreturn]] void fail_at(const std::string& path, int line, const std::string& what) {
    throw Error(ErrorCode::file_damaged, path + ", line " + std::to_string(line) + ": " + what);
}

class Parser {
public:
    Parser(std::string_view text, const std::string& path, std::deque<std::string>& unescaped)
        : path_(path), unescaped_(unescaped), p_(text.data()), end_(p_ + text.size()), line_begin_(p_) {}

    YamlNode document() {
        if (end_ - p_ >= 3 && std::string_view(p_, 3) == "\xEF\xBB\xBF") line_begin_ = p_ += 3;
        next_content();
        if (marker("---")) {
            p_ += 3;
            next_content();
        }
        if (p_ == end_) fail("the file has no content");
        YamlNode root = block_node(0);
        if (p_ != end_ && marker("...")) {
            p_ += 3;
            next_content();
        }
        if (p_ != end_)
            fail(marker("---") ? "more than one YAML document" : "content after the end of the document");
        return root;
    }

private:
    [[noreturn]] void fail(const std::string& what) const { fail_at(path_, line_, what); }
    [[nodiscard]] std::ptrdiff_t column() const { return p_ - line_begin_; }
    [[nodiscard]] bool at_blank(const char* q) const {
        return q == end_ || *q == ' ' || *q == '\n' || *q == '\t' || *q == '\r';
    }
    /// "---" or "..." alone at the beginning of a line.
    [[nodiscard]] bool marker(std::string_view name) const {
        return column() == 0 && end_ - p_ >= 3 && std::string_view(p_, 3) == name && at_blank(p_ + 3);
    }
    [[nodiscard]] bool at_document_end() const { return p_ == end_ || marker("---") || marker("..."); }
    [[nodiscard]] bool at_dash() const { return p_ != end_ && *p_ == '-' && at_blank(p_ + 1); }
    [[nodiscard]] bool at_line_end() const {
        return p_ == end_ || *p_ == '\n' || (*p_ == '\r' && (p_ + 1 == end_ || p_[1] == '\n'));
    }

    void newline() {
        ++p_;
        ++line_;
        line_begin_ = p_;
    }
    void skip_spaces() {
        while (p_ != end_ && (*p_ == ' ' || *p_ == '\t')) ++p_;
    }
    /// Past spaces and a comment to the end of the line; anything else is an error.
    void finish_line() {
        const bool spaced = p_ == line_begin_ || at_blank(p_);
        skip_spaces();
        if (p_ != end_ && *p_ == '#' && spaced) {
            while (p_ != end_ && *p_ != '\n') ++p_;
        }
        if (!at_line_end()) fail("unexpected text " + excerpt() + " at the end of the line");
        if (p_ != end_ && *p_ == '\r') ++p_;
    }
    /// Finishes the line and goes to the first character of the next line that has content.
    void next_content() {
        finish_line_or_stay();
        while (p_ != end_) {
            while (p_ != end_ && *p_ == ' ') ++p_;
            if (p_ != end_ && *p_ == '\t') {
                skip_spaces();
                if (!at_line_end() && *p_ != '#') fail("a tab in the indentation; use spaces");
            }
            if (p_ != end_ && (*p_ == '#' || at_line_end())) {
                while (p_ != end_ && *p_ != '\n') ++p_;
                if (p_ != end_) newline();
                continue;
            }
            return;
        }
    }
    void finish_line_or_stay() {
        if (column() == 0) return;
        finish_line();
        if (p_ != end_) newline();
    }
    [[nodiscard]] std::string excerpt() const {
        const char* q = p_;
        while (q != end_ && *q != '\n' && q - p_ < 20) ++q;
        std::string text(p_, q);
        for (char& c : text) {
            if (static_cast<unsigned char>(c) < 0x20) c = '?';
        }
        return "'" + text + "'";
    }

    YamlNode node_here(YamlNode::Kind kind) const {
        YamlNode node;
        node.kind = kind;
        node.line = line_;
        return node;
    }

    /// A node that begins here; the cursor ends on the next line with content.
    YamlNode block_node(int depth) {
        if (depth > largest_depth) fail("nested too deeply");
        if (at_dash()) return block_sequence(depth);
        const std::ptrdiff_t indent = column();
        const int line = line_;
        YamlNode first = inline_node(depth, false);
        if (line_ == line && at_key_end()) return block_mapping(std::move(first), indent, depth);
        next_content();
        return first;
    }

    /// After a key: past spaces to ':' followed by a blank?
    [[nodiscard]] bool at_key_end() {
        const char* q = p_;
        while (q != end_ && *q == ' ') ++q;
        if (q == end_ || *q != ':' || !at_blank(q + 1)) return false;
        p_ = q;
        return true;
    }

    YamlNode block_mapping(YamlNode first_key, std::ptrdiff_t indent, int depth) {
        YamlNode mapping = node_here(YamlNode::Kind::mapping);
        YamlNode key = std::move(first_key);
        for (;;) {
            ++p_;  // ':'
            mapping.items.push_back(std::move(key));
            mapping.items.push_back(block_value(indent, depth));
            if (at_document_end() || column() < indent) break;
            if (column() > indent || at_dash()) fail("wrong indentation before " + excerpt());
            const int line = line_;
            key = inline_node(depth, false);
            if (line_ != line || !at_key_end()) fail_at(path_, line, "expected 'key: value'");
        }
        check_keys(mapping);
        return mapping;
    }

    YamlNode block_value(std::ptrdiff_t indent, int depth) {
        const int line = line_;
        skip_spaces();
        if (!at_line_end() && *p_ != '#') {
            YamlNode value = inline_node(depth, false);
            next_content();
            return value;
        }
        YamlNode empty = node_here(YamlNode::Kind::scalar);
        next_content();
        empty.line = line;
        if (at_document_end()) return empty;
        if (column() > indent) return block_node(depth + 1);
        if (column() == indent && at_dash()) return block_sequence(depth + 1);
        return empty;
    }

    YamlNode block_sequence(int depth) {
        if (depth > largest_depth) fail("nested too deeply");
        YamlNode sequence = node_here(YamlNode::Kind::sequence);
        const std::ptrdiff_t indent = column();
        while (!at_document_end() && column() == indent && at_dash()) {
            ++p_;
            YamlNode empty = node_here(YamlNode::Kind::scalar);
            while (p_ != end_ && *p_ == ' ') ++p_;
            if (p_ != end_ && *p_ == '\t') fail("a tab in the indentation; use spaces");
            if (at_line_end() || *p_ == '#') {
                next_content();
                if (at_document_end() || column() <= indent) {
                    sequence.items.push_back(std::move(empty));
                    continue;
                }
            }
            sequence.items.push_back(block_node(depth + 1));
        }
        if (!at_document_end() && column() > indent) fail("wrong indentation before " + excerpt());
        return sequence;
    }

    /// A flow collection or a scalar.
    YamlNode inline_node(int depth, bool flow) {
        if (p_ == end_) fail("unexpected end of the file");
        switch (*p_) {
            case '[':
                return flow_sequence(depth + 1);
            case '{':
                return flow_mapping(depth + 1);
            case '"':
                return double_quoted();
            case '\'':
                return single_quoted();
            default:
                return plain(flow);
        }
    }

    /// Inside a flow collection: to the next character that matters.
    void skip_flow_blanks(int opened) {
        for (;;) {
            const bool spaced = p_ == line_begin_ || at_blank(p_) || at_blank(p_ - 1);
            skip_spaces();
            if (p_ == end_) fail_at(path_, opened, "the bracket that is opened here is never closed");
            if (*p_ == '#' && spaced) {
                while (p_ != end_ && *p_ != '\n') ++p_;
            } else if (at_line_end()) {
                if (*p_ == '\r') ++p_;
                if (p_ != end_) newline();
            } else {
                return;
            }
        }
    }

    YamlNode flow_sequence(int depth) {
        if (depth > largest_depth) fail("nested too deeply");
        YamlNode sequence = node_here(YamlNode::Kind::sequence);
        ++p_;
        for (;;) {
            skip_flow_blanks(sequence.line);
            if (*p_ == ']') break;
            sequence.items.push_back(inline_node(depth, true));
            skip_flow_blanks(sequence.line);
            if (*p_ == ',') {
                ++p_;
            } else if (*p_ != ']') {
                fail("expected ',' or ']' before " + excerpt());
            }
        }
        ++p_;
        return sequence;
    }

    YamlNode flow_mapping(int depth) {
        if (depth > largest_depth) fail("nested too deeply");
        YamlNode mapping = node_here(YamlNode::Kind::mapping);
        ++p_;
        for (;;) {
            skip_flow_blanks(mapping.line);
            if (*p_ == '}') break;
            mapping.items.push_back(inline_node(depth, true));
            skip_flow_blanks(mapping.line);
            if (*p_ != ':') fail("expected ':' after a key, before " + excerpt());
            ++p_;
            skip_flow_blanks(mapping.line);
            if (*p_ == ',' || *p_ == '}') fail("a key without a value");
            mapping.items.push_back(inline_node(depth, true));
            skip_flow_blanks(mapping.line);
            if (*p_ == ',') {
                ++p_;
            } else if (*p_ != '}') {
                fail("expected ',' or '}' before " + excerpt());
            }
        }
        ++p_;
        check_keys(mapping);
        return mapping;
    }

    static bool flow_indicator(char c) { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'; }

    YamlNode plain(bool flow) {
        YamlNode node = node_here(YamlNode::Kind::scalar);
        const char* const begin = p_;
        static constexpr std::string_view refused = "&*!|>%@`#,]}:?";
        const bool special = refused.find(*p_) != std::string_view::npos;
        if (special || at_dash()) fail("unexpected " + excerpt() + "; this is not a scalar of a .yace file");
        while (p_ != end_ && *p_ != '\n') {
            const char c = *p_;
            if (c == ':' && (at_blank(p_ + 1) || (flow && flow_indicator(p_[1])))) break;
            if (c == '#' && at_blank(p_ - 1)) break;
            if (flow && flow_indicator(c)) break;
            if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') fail("a control character");
            ++p_;
        }
        const char* last = p_;
        while (last != begin && at_blank(last - 1)) --last;
        p_ = last;
        if (last == begin) fail("unexpected " + excerpt());
        node.text = std::string_view(begin, static_cast<std::size_t>(last - begin));
        return node;
    }

    YamlNode single_quoted() {
        YamlNode node = node_here(YamlNode::Kind::scalar);
        node.quoted = true;
        std::string text;
        for (++p_;; ++p_) {
            if (at_line_end()) fail("a quoted text is not closed on its line");
            if (*p_ == '\'') {
                if (p_ + 1 == end_ || p_[1] != '\'') break;
                ++p_;
            }
            text += *p_;
        }
        ++p_;
        node.text = unescaped_.emplace_back(std::move(text));
        return node;
    }

    YamlNode double_quoted() {
        YamlNode node = node_here(YamlNode::Kind::scalar);
        node.quoted = true;
        std::string text;
        for (++p_;; ++p_) {
            if (at_line_end()) fail("a quoted text is not closed on its line");
            if (*p_ == '"') break;
            if (*p_ == '\\') {
                ++p_;
                if (at_line_end()) fail("a quoted text is not closed on its line");
                switch (*p_) {
                    case 'n':
                        text += '\n';
                        break;
                    case 't':
                        text += '\t';
                        break;
                    case '"':
                    case '\\':
                    case '/':
                        text += *p_;
                        break;
                    default:
                        fail("an escape in a quoted text that is not one of \\n \\t \\\" \\\\ \\/");
                }
            } else {
                text += *p_;
            }
        }
        ++p_;
        node.text = unescaped_.emplace_back(std::move(text));
        return node;
    }

    /// Refuses a scalar key that occurs twice.
    void check_keys(const YamlNode& mapping) const {
        keys_.clear();
        for (std::size_t i = 0; i < mapping.items.size(); i += 2) {
            if (mapping.items[i].kind == YamlNode::Kind::scalar) keys_.push_back(&mapping.items[i]);
        }
        std::stable_sort(keys_.begin(), keys_.end(),
                         [](const YamlNode* a, const YamlNode* b) { return a->text < b->text; });
        const auto twice =
            std::adjacent_find(keys_.begin(), keys_.end(),
                               [](const YamlNode* a, const YamlNode* b) { return a->text == b->text; });
        if (twice != keys_.end()) {
            fail_at(path_, twice[1]->line, "the key '" + std::string(twice[1]->text) + "' occurs twice");
        }
    }

    const std::string& path_;
    std::deque<std::string>& unescaped_;
    const char* p_;
    const char* const end_;
    const char* line_begin_;
    int line_ = 1;
    mutable std::vector<const YamlNode*> keys_;
};

}  // namespace

std::string quoted(std::string_view text) {
    std::string result(1, '\'');
    return result.append(text).append(1, '\'');
}

YamlDocument::YamlDocument(std::string text, std::string path)
    : text_(std::move(text)), path_(std::move(path)), root_(Parser(text_, path_, unescaped_).document()) {}

void YamlDocument::fail(int line, const std::string& what) const {
    fail_at(path_, line, what);
}

double YamlDocument::number(const YamlNode& node, std::string_view name) const {
    double value = 0;
    if (node.kind != YamlNode::Kind::scalar || node.quoted || !parse_number(node.text, value)) {
        fail(node.line, quoted(name) + " must be a number" +
                            (node.kind == YamlNode::Kind::scalar ? ", not " + quoted(node.text) : ""));
    }
    if (!std::isfinite(value)) fail(node.line, quoted(name) + " is not finite");
    return value;
}

int YamlDocument::integer(const YamlNode& node, std::string_view name, int lowest, int highest) const {
    int value = 0;
    const char* const end = node.text.data() + node.text.size();
    const bool scalar = node.kind == YamlNode::Kind::scalar && !node.quoted && !node.text.empty();
    const auto result = scalar ? std::from_chars(node.text.data(), end, value) : std::from_chars_result{};
    if (!scalar || result.ec != std::errc() || result.ptr != end) {
        fail(node.line, quoted(name) + " must be an integer" +
                            (node.kind == YamlNode::Kind::scalar ? ", not " + quoted(node.text) : ""));
    }
    if (value < lowest || value > highest) {
        fail(node.line, quoted(name) + " is " + std::to_string(value) + ", expected " +
                            std::to_string(lowest) + " to " + std::to_string(highest));
    }
    return value;
}

}  // namespace tektite::ace
