// SPDX-License-Identifier: BSD-3-Clause
// What the C interfaces (tektite.h and that of the device library) have in common: no exception crosses them,
// a status and a message do.
#pragma once

#include <cstddef>
#include <exception>
#include <new>
#include <utility>

#include "tektite/error.hpp"
#include "tektite/potential.hpp"
#include "tektite/tektite.h"

namespace tektite::c_boundary {

/// The message of the last failure in this thread, "" if there was none; valid until the next failure.
const char* last_error() noexcept;

/// Keeps the message (its first 4095 bytes) for last_error() and returns the status of the code.
tektite_status keep(ErrorCode code, const char* message) noexcept;

/// Runs the action; 0, or, if it threw, the status of what it threw, of which last_error() then speaks.
template <typename Action>
tektite_status guarded(Action&& action, const char* message_without_memory = "out of memory") noexcept {
    try {
        std::forward<Action>(action)();
        return 0;
    } catch (const Error& error) {
        return keep(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return keep(ErrorCode::out_of_memory, message_without_memory);
    } catch (const std::exception& error) {
        return keep(ErrorCode::internal, error.what());
    } catch (...) {
        return keep(ErrorCode::internal, "an exception of unknown type");
    }
}

/// Throws Error(invalid_argument, what) unless ok.
void require(bool ok, const char* what);

/// The arrays of a C caller as spans; a null pointer as an empty one.
Results make_results(const tektite_results& results, std::size_t n_atoms);

}  // namespace tektite::c_boundary
