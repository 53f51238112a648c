// SPDX-License-Identifier: BSD-3-Clause
#include "base/thread_pool.hpp"

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "tektite/error.hpp"

namespace tektite {

namespace {

/// Iterations of a spin loop before a thread sleeps: some 20 microseconds.
constexpr int spin_limit = 2000;

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

}  // namespace

struct ThreadPool::Shared {
    struct alignas(64) Worker {
        std::atomic<unsigned> generation{0};  // raised by the caller to start a job
        std::exception_ptr error;
    };
    std::vector<Worker> workers;
    std::vector<std::jthread> threads;
    const std::function<void(int)>* job = nullptr;
    bool stopping = false;
    alignas(64) std::atomic<int> pending{0};

    explicit Shared(int n) : workers(static_cast<std::size_t>(n)) {}

    void work(int index) {
        Worker& worker = workers[static_cast<std::size_t>(index)];
        unsigned seen = 0;
        while (true) {
            for (int spin = 0; spin < spin_limit && worker.generation.load(std::memory_order_acquire) == seen;
                 ++spin)
                pause();
            worker.generation.wait(seen, std::memory_order_acquire);
            seen = worker.generation.load(std::memory_order_acquire);
            if (stopping) return;
            try {
                (*job)(index);
            } catch (...) {
                worker.error = std::current_exception();
            }
            if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
        }
    }
};

ThreadPool::ThreadPool(int n_threads) {
    if (n_threads < 1) throw Error(ErrorCode::invalid_argument, "the number of threads must be at least 1");
    shared_ = std::make_unique<Shared>(n_threads);
    for (int t = 1; t < n_threads; ++t) shared_->threads.emplace_back([s = shared_.get(), t] { s->work(t); });
}

ThreadPool::~ThreadPool() {
    shared_->stopping = true;
    for (std::size_t t = 1; t < shared_->workers.size(); ++t) {
        shared_->workers[t].generation.fetch_add(1, std::memory_order_release);
        shared_->workers[t].generation.notify_one();
    }
}

int ThreadPool::size() const {
    return static_cast<int>(shared_->workers.size());
}

void ThreadPool::run(int n, const std::function<void(int)>& job) {
    Shared& s = *shared_;
    if (n > size()) n = size();
    s.job = &job;
    s.pending.store(n - 1, std::memory_order_relaxed);
    for (int t = 1; t < n; ++t) {
        auto& worker = s.workers[static_cast<std::size_t>(t)];
        worker.error = nullptr;
        worker.generation.fetch_add(1, std::memory_order_release);
        worker.generation.notify_one();
    }
    std::exception_ptr error;
    try {
        job(0);
    } catch (...) {
        error = std::current_exception();
    }
    for (int spin = 0; spin < spin_limit && s.pending.load(std::memory_order_acquire) > 0; ++spin) pause();
    for (int left = s.pending.load(std::memory_order_acquire); left > 0;
         left = s.pending.load(std::memory_order_acquire))
        s.pending.wait(left, std::memory_order_acquire);
    for (int t = 1; t < n && !error; ++t) error = s.workers[static_cast<std::size_t>(t)].error;
    if (error) std::rethrow_exception(error);
}

}  // namespace tektite
