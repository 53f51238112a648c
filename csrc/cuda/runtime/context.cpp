// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/runtime/context.hpp"

namespace tektite::cuda {

DeviceMemoryError::DeviceMemoryError(std::size_t wanted_bytes, std::size_t available_bytes)
    : Error(ErrorCode::out_of_memory, "the device's memory is full: " + std::to_string(wanted_bytes >> 20) +
                                          " MiB more are needed, " + std::to_string(available_bytes >> 20) +
                                          " MiB are free"),
      wanted(wanted_bytes),
      available(available_bytes) {}

}  // namespace tektite::cuda
