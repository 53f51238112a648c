// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/runtime/context.hpp"

namespace tektite::cuda {

DeviceMemoryError::DeviceMemoryError(std::size_t wanted_bytes, std::size_t available_bytes)
    : Error(ErrorCode::out_of_memory, "the device's memory is full: " + std::to_string(wanted_bytes >> 20) +
                                          " MiB more are needed, " + std::to_string(available_bytes >> 20) +
                                          " MiB are free"),
      wanted(wanted_bytes),
      available(available_bytes) {}

void Context::kernel_begins() {
    if (times_ == nullptr) return;
    synchronize();
    times_->begin();
}

void Context::kernel_ends(const std::type_info& kernel, std::int64_t n_threads) {
    if (times_ == nullptr) return;
    synchronize();
    times_->end(kernel, n_threads);
}

}  // namespace tektite::cuda
