// SPDX-License-Identifier: BSD-3-Clause
// Minimal checks for the C++ tests: every failure is printed with its place, finish() gives the exit code.
#pragma once

#include <cmath>
#include <cstdio>
#include <source_location>
#include <string>

namespace tektite::test {

inline int failures = 0;
inline int checks = 0;

inline void check(bool ok, const std::string& what,
                  std::source_location where = std::source_location::current()) {
    ++checks;
    if (ok) return;
    ++failures;
    std::printf("%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), what.c_str());
}

inline void check_close(double value, double expected, double tolerance, const std::string& what,
                        std::source_location where = std::source_location::current()) {
    char text[160];
    std::snprintf(text, sizeof text, ": %.17g, expected %.17g within %g", value, expected, tolerance);
    check(std::abs(value - expected) <= tolerance, what + text, where);
}

/// Runs `action` and checks that it throws an Exception whose message contains `part`.
template <typename Exception, typename Action>
void check_throws(Action&& action, const std::string& part,
                  std::source_location where = std::source_location::current()) {
    try {
        action();
    } catch (const Exception& error) {
        check(std::string(error.what()).find(part) != std::string::npos,
              "message '" + std::string(error.what()) + "' lacks '" + part + "'", where);
        return;
    }
    check(false, "no exception; expected one with '" + part + "'", where);
}

inline int finish() {
    std::printf("%d checks, %d failed\n", checks, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace tektite::test
