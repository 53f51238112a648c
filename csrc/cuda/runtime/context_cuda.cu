// SPDX-License-Identifier: BSD-3-Clause
#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>

#include "cuda/runtime/block.hpp"
#include "cuda/runtime/context.hpp"
#include "cuda/runtime/launch.hpp"

namespace tektite::cuda {

namespace {

void check(cudaError_t status, const char* what) {
    if (status != cudaSuccess)
        throw Error(ErrorCode::internal, std::string("the device failed (") + what +
                                             "): " + cudaGetErrorString(status) +
                                             "; nothing computed on it since is valid, start anew");
}

cudaDeviceProp properties(int device) {
    const int n = device_count();
    if (device < 0 || device >= n)
        throw Error(ErrorCode::unsupported, "there is no device " + std::to_string(device) +
                                                ": this process sees " + std::to_string(n) +
                                                " (CUDA_VISIBLE_DEVICES chooses them)");
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, device), "properties");
    if (p.major < 8)
        throw Error(ErrorCode::unsupported, std::string(p.name) + " has compute capability " +
                                                std::to_string(p.major) + "." + std::to_string(p.minor) +
                                                "; 8.0 or newer is needed (Ampere)");
    return p;
}

constexpr std::size_t staging_bytes = std::size_t{8} << 20;

}  // namespace

const char* build_name() {
    return TEKTITE_CUDA_BUILD;
}

int device_count() {
    int n = 0;
    const cudaError_t status = cudaGetDeviceCount(&n);
    if (status == cudaErrorInsufficientDriver)
        throw Error(ErrorCode::unsupported, "the NVIDIA driver is missing or older than CUDA " +
                                                std::to_string(CUDART_VERSION / 1000) + "." +
                                                std::to_string(CUDART_VERSION % 1000 / 10) +
                                                " needs: install a newer one, or run on the CPU");
    if (status == cudaErrorNoDevice || (status == cudaSuccess && n == 0))
        throw Error(ErrorCode::unsupported,
                    "this process sees no CUDA device: run on the CPU, or look at "
                    "nvidia-smi and CUDA_VISIBLE_DEVICES");
    if (status != cudaSuccess)
        throw Error(ErrorCode::unsupported,
                    std::string("CUDA cannot be used here: ") + cudaGetErrorString(status));
    return n;
}

std::string device_name(int device) {
    const cudaDeviceProp p = properties(device);
    return std::string(p.name) + ", sm_" + std::to_string(p.major) + std::to_string(p.minor) + ", " +
           std::to_string(p.multiProcessorCount) + " multiprocessors, device " + std::to_string(device);
}

void check_launch() {
    check(cudaGetLastError(), "launch");
}

void allow_shared_memory(const void* kernel, std::size_t bytes) {
    constexpr std::size_t always = 48 << 10;
    if (bytes > always)
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(bytes)),
              "shared memory");
}

struct Context::Implementation {
    explicit Implementation(int index) : device(index) {}
    void open() {
        check(cudaSetDevice(device), "choosing the device");
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
        for (Staging& s : staging) {
            check(cudaMallocHost(&s.memory, staging_bytes), "pinned memory");
            check(cudaEventCreateWithFlags(&s.done, cudaEventDisableTiming), "event");
        }
    }
    ~Implementation() {
        cudaSetDevice(device);
        if (stream != nullptr) cudaStreamSynchronize(stream);
        for (Staging& s : staging) {
            if (s.done != nullptr) cudaEventDestroy(s.done);
            if (s.memory != nullptr) cudaFreeHost(s.memory);
        }
        if (stream != nullptr) cudaStreamDestroy(stream);
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    struct Staging {
        void* memory = nullptr;
        cudaEvent_t done = nullptr;
    };
    int device;
    cudaStream_t stream = nullptr;
    Staging staging[2];
};

Context::Context(int device) : name_(device_name(device)) {
    implementation_ = std::make_unique<Implementation>(device);
    implementation_->open();  // what it has opened is closed again if this fails
}

Context::~Context() = default;

void* Context::allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    check(cudaSetDevice(implementation_->device), "choosing the device");
    void* memory = nullptr;
    const cudaError_t status = cudaMallocAsync(&memory, bytes, implementation_->stream);
    if (status == cudaErrorMemoryAllocation) {
        static_cast<void>(cudaGetLastError());
        throw DeviceMemoryError(bytes, free_memory());
    }
    check(status, "memory");
    held_ += bytes;
    return memory;
}

void Context::release(void* memory, std::size_t bytes) noexcept {
    cudaSetDevice(implementation_->device);
    cudaFreeAsync(memory, implementation_->stream);
    held_ -= bytes;
}

void Context::upload(void* to, const void* from, std::size_t bytes) {
    check(cudaSetDevice(implementation_->device), "choosing the device");
    for (std::size_t begin = 0, turn = 0; begin < bytes; begin += staging_bytes, turn ^= 1) {
        Implementation::Staging& s = implementation_->staging[turn];
        const std::size_t n = std::min(staging_bytes, bytes - begin);
        check(cudaEventSynchronize(s.done), "transfer");
        std::memcpy(s.memory, static_cast<const char*>(from) + begin, n);
        check(cudaMemcpyAsync(static_cast<char*>(to) + begin, s.memory, n, cudaMemcpyHostToDevice,
                              implementation_->stream),
              "transfer to the device");
        check(cudaEventRecord(s.done, implementation_->stream), "transfer");
    }
}

void Context::download(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    check(cudaSetDevice(implementation_->device), "choosing the device");
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, implementation_->stream),
          "transfer from the device");
    synchronize();
}

void Context::download_add(double* sum, const double* from, std::size_t n) {
    check(cudaSetDevice(implementation_->device), "choosing the device");
    constexpr std::size_t values = staging_bytes / sizeof(double);
    const auto request = [&](std::size_t begin, std::size_t turn) {
        if (begin >= n) return;
        Implementation::Staging& s = implementation_->staging[turn];
        check(cudaEventSynchronize(s.done), "transfer");
        check(cudaMemcpyAsync(s.memory, from + begin, std::min(values, n - begin) * sizeof(double),
                              cudaMemcpyDeviceToHost, implementation_->stream),
              "transfer from the device");
        check(cudaEventRecord(s.done, implementation_->stream), "transfer");
    };
    request(0, 0);
    for (std::size_t begin = 0, turn = 0; begin < n; begin += values, turn ^= 1) {
        request(begin + values, turn ^ 1);
        check(cudaEventSynchronize(implementation_->staging[turn].done), "transfer");
        const auto* values_here = static_cast<const double*>(implementation_->staging[turn].memory);
        const std::size_t count = std::min(values, n - begin);
        for (std::size_t k = 0; k < count; ++k) sum[begin + k] += values_here[k];
    }
}

void Context::clear(void* memory, std::size_t bytes) {
    if (bytes == 0) return;
    check(cudaSetDevice(implementation_->device), "choosing the device");
    check(cudaMemsetAsync(memory, 0, bytes, implementation_->stream), "memory");
}

void Context::synchronize() {
    check(cudaStreamSynchronize(implementation_->stream), "kernels");
}

std::size_t Context::free_memory() const {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "memory");
    return free;
}

std::size_t Context::total_memory() const {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "memory");
    return total;
}

std::size_t Context::shared_memory() const {
    int bytes = 0;
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, implementation_->device),
          "properties");
    return static_cast<std::size_t>(bytes);
}

std::size_t Context::shared_memory_of_multiprocessor() const {
    int bytes = 0;
    check(
        cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerMultiprocessor, implementation_->device),
        "properties");
    return static_cast<std::size_t>(bytes);
}

void* Context::stream() const {
    return implementation_->stream;
}

}  // namespace tektite::cuda
