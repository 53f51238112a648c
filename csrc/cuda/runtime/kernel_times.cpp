// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/runtime/kernel_times.hpp"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>

namespace tektite::cuda {

namespace {

/// "AceForward<float, 5>".
std::string readable(const std::type_info& type) {
    int failed = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), &std::free);
    std::string text = failed == 0 ? name.get() : type.name();
    for (const std::string prefix : {"tektite::cuda::", "(anonymous namespace)::"})
        for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
            text.erase(at, prefix.size());
    return text;
}

}  // namespace

std::unique_ptr<KernelTimes> KernelTimes::make() {
    const char* path = std::getenv("TEKTITE_CUDA_TIMES");
    if (path == nullptr || *path == '\0') return nullptr;
    return std::make_unique<KernelTimes>(path);
}

void KernelTimes::end(const std::type_info& kernel, std::int64_t n_threads) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
    Sum& sum = sums_[readable(kernel)];
    ++sum.launches;
    sum.threads += n_threads;
    sum.seconds += passed.count();
}

KernelTimes::~KernelTimes() {
    std::FILE* file = std::fopen(path_.c_str(), "a");
    if (file == nullptr) return;
    for (const auto& [kernel, sum] : sums_)
        std::fprintf(file, "{\"kernel\": \"%s\", \"launches\": %lld, \"threads\": %lld, \"seconds\": %.9g}\n",
                     kernel.c_str(), static_cast<long long>(sum.launches),
                     static_cast<long long>(sum.threads), sum.seconds);
    std::fclose(file);
}

}  // namespace tektite::cuda
