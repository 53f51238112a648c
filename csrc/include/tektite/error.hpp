// SPDX-License-Identifier: BSD-3-Clause
// The one exception type of the engine.
#pragma once

#include <stdexcept>
#include <string>

namespace tektite {

/// What kind of thing went wrong. The values are part of the C ABI (tektite.h) and never change.
enum class ErrorCode : int {
    invalid_argument = 1,  ///< the caller asked for something meaningless
    file_not_found = 2,    ///< a file is missing or cannot be read
    file_damaged = 3,      ///< a file is not what it claims to be
    version_too_new = 4,   ///< a file was written by a newer Tektite
    unsupported = 5,       ///< meaningful, but this build or this model cannot do it
    unknown_species = 6,   ///< a chemical species that the model does not know
    not_finite = 7,        ///< a position, energy or force is NaN or infinite
    out_of_memory = 8,
    internal = 9  ///< a defect of Tektite itself
};

/// Thrown by every engine function that fails. what() is one sentence in plain words that names the
/// file, key or atom concerned and says what to do.
class Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

private:
    ErrorCode code_;
};

}  // namespace tektite
