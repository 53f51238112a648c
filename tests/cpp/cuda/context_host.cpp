// SPDX-License-Identifier: BSD-3-Clause
// The host in the place of a device, for tests: "device memory" is ordinary memory, filled with bytes that
// make NaN so that nothing passes that reads what was never written.
#include <cstdlib>
#include <cstring>
#include <new>

#include "cuda/runtime/context.hpp"

namespace tektite::cuda {

namespace {

/// Small enough to be filled in a test.
constexpr std::size_t device_bytes = std::size_t{1} << 28;

/// As an H200's, or as TEKTITE_HOST_SHARED_MEMORY says, so that what depends on it can be tested.
std::size_t shared_bytes() {
    const char* given = std::getenv("TEKTITE_HOST_SHARED_MEMORY");
    return given != nullptr ? static_cast<std::size_t>(std::atoll(given)) : std::size_t{227} << 10;
}

}  // namespace

const char* build_name() {
    return "host executor (for tests)";
}

int device_count() {
    return 1;
}

std::string device_name(int device) {
    if (device != 0)
        throw Error(ErrorCode::unsupported,
                    "there is no device " + std::to_string(device) + ": the host executor is device 0");
    return "host executor (for tests), device 0";
}

struct Context::Implementation {};

Context::Context(int device) : name_(device_name(device)) {}
Context::~Context() = default;

void* Context::allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    if (held_ + bytes > device_bytes) throw DeviceMemoryError(bytes, free_memory());
    void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0xff, bytes);
    held_ += bytes;
    return memory;
}

void Context::release(void* memory, std::size_t bytes) noexcept {
    std::free(memory);
    held_ -= bytes;
}

void Context::upload(void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
}

void Context::download(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
}

void Context::download_add(double* sum, const double* from, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) sum[k] += from[k];
}

void Context::clear(void* memory, std::size_t bytes) {
    if (bytes > 0) std::memset(memory, 0, bytes);
}

void Context::synchronize() {}

std::size_t Context::free_memory() const {
    return device_bytes - held_;
}

std::size_t Context::total_memory() const {
    return device_bytes;
}

std::size_t Context::shared_memory() const {
    return shared_bytes();
}

std::size_t Context::shared_memory_of_multiprocessor() const {
    return shared_bytes() + 1024;
}

void* Context::stream() const {
    return nullptr;
}

}  // namespace tektite::cuda
