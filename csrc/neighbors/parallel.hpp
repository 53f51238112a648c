// SPDX-License-Identifier: BSD-3-Clause
// Loops over ranges on a thread pool that is made when it is first wanted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "base/thread_pool.hpp"

namespace tektite {

class Parallel {
public:
    /// Uses at most n threads from now on (n >= 1).
    void set_threads(int n) { n_threads_ = n; }
    [[nodiscard]] int n_threads() const { return n_threads_; }

    /// Calls job(thread) for 0 <= thread < n at once; n <= n_threads().
    template <typename Job>
    void run(int n, Job&& job) {
        if (n <= 1) {
            job(0);
            return;
        }
        if (!pool_ || pool_->size() < n) {
            pool_.reset();
            pool_ = std::make_unique<ThreadPool>(n_threads_);
        }
        pool_->run(n, job);
    }

    /// Splits [0, n) into one contiguous range a thread, none shorter than `smallest` unless there is one
    /// only, and calls job(thread, begin, end). Returns the number of ranges.
    template <typename Job>
    int ranges(std::size_t n, std::size_t smallest, Job&& job) {
        const std::size_t parts =
            std::clamp<std::size_t>(n / smallest, 1, static_cast<std::size_t>(n_threads_));
        run(static_cast<int>(parts), [&](int thread) {
            const auto t = static_cast<std::size_t>(thread);
            job(thread, n * t / parts, n * (t + 1) / parts);
        });
        return static_cast<int>(parts);
    }

private:
    int n_threads_ = 1;
    std::unique_ptr<ThreadPool> pool_;
};

}  // namespace tektite
