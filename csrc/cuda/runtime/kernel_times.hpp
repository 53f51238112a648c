// SPDX-License-Identifier: BSD-3-Clause
// How long each kernel takes, for benchmarks: measured by waiting before and after it, so all else gets
// slower.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <typeinfo>

namespace tektite::cuda {

class KernelTimes {
public:
    /// Null unless the environment variable TEKTITE_CUDA_TIMES names a file.
    static std::unique_ptr<KernelTimes> make();
    explicit KernelTimes(std::string path) : path_(std::move(path)) {}
    /// Appends a line of JSON for each kernel to the file: its name (of the functor), launches, threads of
    /// all of them, and seconds.
    ~KernelTimes();
    KernelTimes(const KernelTimes&) = delete;
    KernelTimes& operator=(const KernelTimes&) = delete;

    void begin() { begin_ = std::chrono::steady_clock::now(); }
    void end(const std::type_info& kernel, std::int64_t n_threads);

private:
    struct Sum {
        std::int64_t launches = 0, threads = 0;
        double seconds = 0;
    };
    std::string path_;
    std::chrono::steady_clock::time_point begin_;
    std::map<std::string, Sum> sums_;
};

}  // namespace tektite::cuda
