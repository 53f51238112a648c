// SPDX-License-Identifier: BSD-3-Clause
// Text to double, exactly rounded and independent of the locale.
#pragma once

#include <charconv>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <version>

namespace tektite {

/// True if the whole of `text` is a decimal number ("1", "-2.5e-3", "+4", ".5"); `value` may come out
/// infinite or NaN only where the text says so ("inf", "nan"). Numbers beyond the range of double are
/// refused.
inline bool parse_number(std::string_view text, double& value) {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return false;
    }
    if (text.empty()) return false;
#if defined(__cpp_lib_to_chars)
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    return result.ec == std::errc() && result.ptr == end;
#else
    std::istringstream stream{std::string(text)};
    stream.imbue(std::locale::classic());
    stream >> std::noskipws >> value;
    return !stream.fail() && stream.eof();
#endif
}

}  // namespace tektite
