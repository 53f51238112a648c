// SPDX-License-Identifier: BSD-3-Clause
// A small pool of threads that run one function together.
#pragma once

#include <functional>
#include <memory>

namespace tektite {

/// n threads (the caller is the first). Workers spin for some microseconds after a job, so that a sequence of
/// small jobs is not slowed by waking them, then sleep.
class ThreadPool {
public:
    /// n_threads >= 1. Throws Error(invalid_argument).
    explicit ThreadPool(int n_threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    [[nodiscard]] int size() const;
    /// Calls job(thread) for thread = 0 .. n - 1 at once (n <= size(); 0 in the caller) and returns when all
    /// are done. The first exception (of the lowest thread) is thrown again here.
    void run(int n, const std::function<void(int)>& job);

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace tektite
