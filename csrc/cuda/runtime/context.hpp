// SPDX-License-Identifier: BSD-3-Clause
// One device and one stream: memory, transfers, order of work. Two implementations: context_cuda.cu, and one
// for tests in which the host plays the device (tests/cpp/cuda/context_host.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cuda/runtime/kernel_times.hpp"
#include "tektite/error.hpp"

namespace tektite::cuda {

/// "CUDA 13.0, sm_80 sm_90 PTX", or "host executor (for tests)".
const char* build_name();

/// Throws Error(unsupported) if there is no driver, none that is new enough, or no device.
int device_count();

/// "NVIDIA H200, sm_90, 132 multiprocessors, device 0". Throws Error(unsupported) if there is no such device.
std::string device_name(int device);

/// The device's memory is full. Whoever knows what it was for catches it and says how many atoms would fit.
class DeviceMemoryError : public Error {
public:
    DeviceMemoryError(std::size_t wanted, std::size_t available);
    std::size_t wanted, available;  ///< bytes
};

/// Everything that happens through a context happens in order. Not to be used from two threads at once.
/// Errors of the device throw Error(internal) with the driver's message.
class Context {
public:
    /// Throws Error(unsupported) like device_name().
    explicit Context(int device);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    /// Device memory, aligned to 256 bytes. Throws DeviceMemoryError.
    void* allocate(std::size_t bytes);
    void release(void* memory, std::size_t bytes) noexcept;
    /// To the device, through pinned buffers while earlier work goes on; `from` may be changed on return.
    void upload(void* to, const void* from, std::size_t bytes);
    /// From the device, after all earlier work; complete on return.
    void download(void* to, const void* from, std::size_t bytes);
    /// Adds doubles of the device to `sum` on the host, after all earlier work; transfer and addition
    /// overlap.
    void download_add(double* sum, const double* from, std::size_t n);
    /// Sets bytes on the device to zero.
    void clear(void* memory, std::size_t bytes);
    void synchronize();

    /// Bytes held through allocate() now.
    [[nodiscard]] std::size_t memory() const { return held_; }
    /// Bytes that could still be allocated, and all that the device has.
    [[nodiscard]] std::size_t free_memory() const;
    [[nodiscard]] std::size_t total_memory() const;
    /// Bytes of shared memory that one block may have, and that the blocks of a multiprocessor have together.
    [[nodiscard]] std::size_t shared_memory() const;
    [[nodiscard]] std::size_t shared_memory_of_multiprocessor() const;
    [[nodiscard]] const std::string& name() const { return name_; }
    /// The stream, for launch() and what is built on it.
    [[nodiscard]] void* stream() const;
    /// launch() calls these around each kernel; they do nothing unless times are wanted (see KernelTimes).
    void kernel_begins();
    void kernel_ends(const std::type_info& kernel, std::int64_t n_threads);

private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
    std::string name_;
    std::size_t held_ = 0;
    std::unique_ptr<KernelTimes> times_ = KernelTimes::make();
};

/// n values of T in device memory. Grows, never shrinks; growing loses the values.
template <typename T>
class DeviceArray {
public:
    explicit DeviceArray(Context& context) : context_(&context) {}
    ~DeviceArray() { free(); }
    DeviceArray(DeviceArray&& other) noexcept
        : context_(other.context_), data_(other.data_), size_(other.size_) {
        other.data_ = nullptr;
        other.size_ = 0;
    }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    DeviceArray& operator=(DeviceArray&&) = delete;

    /// At least n values. `slack`: a fraction more when it grows, where sizes vary from call to call.
    void reserve(std::size_t n, double slack = 0.0) {
        if (n <= size_) return;
        free();
        const std::size_t wanted = n + static_cast<std::size_t>(static_cast<double>(n) * slack);
        data_ = static_cast<T*>(context_->allocate(wanted * sizeof(T)));
        size_ = wanted;
    }
    void upload(const T* values, std::size_t n) {
        reserve(n);
        if (n > 0) context_->upload(data_, values, n * sizeof(T));
    }
    void clear(std::size_t n) {
        if (n > 0) context_->clear(data_, n * sizeof(T));
    }
    [[nodiscard]] T* data() const { return data_; }
    [[nodiscard]] std::size_t capacity() const { return size_; }

private:
    void free() noexcept {
        if (data_ != nullptr) context_->release(data_, size_ * sizeof(T));
        data_ = nullptr;
        size_ = 0;
    }
    Context* context_;
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace tektite::cuda
