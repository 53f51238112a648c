// SPDX-License-Identifier: BSD-3-Clause
// Finds and opens libtektite_cuda.so.
#pragma once

#include <string>
#include <vector>

#include "cuda/device_interface.h"

namespace tektite {

/// The device library's functions. Looked for at the first call, and again at the next one after a failure:
/// the file that the environment variable TEKTITE_CUDA_LIBRARY names and no other if it is set; else
/// libtektite_cuda.so beside the library that this code is in, in its folder lib, or where the system's
/// loader looks. A library that was opened stays open: CUDA does not survive the contrary.
///
/// Throws Error(unsupported) saying where it was looked for, why it could not be opened, or that it belongs
/// to another version of Tektite.
const tektite_cuda_function_table& device_library();

/// The file that device_library() opened, for messages. Throws what that throws.
std::string device_library_path();

/// Throws Error with the library's code and message if `status` is not 0.
void require_success(const tektite_cuda_function_table& library, tektite_status status);

}  // namespace tektite
