#include "threads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace recnext {
namespace {

constexpr int kMaxThreads = 256;

/** Small enough to even out what other threads of the process take, large enough to cost nothing. */
constexpr int kPartsPerThread = 4;

struct Job {
  const std::function<void(int64_t)>* task;
  int64_t count;
  std::atomic<int64_t> next{0};
  /** Workers that may still join. */
  int seats;
  /** Workers that have joined and not left. */
  int working = 0;
  std::condition_variable left;

  void Work() {
    for (int64_t i; (i = next.fetch_add(1)) < count;) (*task)(i);
  }
};

/** One list of jobs; workers start when the first job wants them and stay, asleep, until the process ends. */
class Pool {
 public:
  void Run(int64_t count, const std::function<void(int64_t)>& task) {
    const int helpers = static_cast<int>(std::min<int64_t>(threads_ - 1, count - 1));
    if (helpers <= 0) {
      for (int64_t i = 0; i < count; i++) task(i);
      return;
    }
    Job job;
    job.task = &task;
    job.count = count;
    job.seats = helpers;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (workers_ < helpers && Start()) workers_++;
      jobs_.push_back(&job);
    }
    for (int i = 0; i < helpers; i++) wake_.notify_one();
    // A caller never waits for a worker that has not come.
    job.Work();
    std::unique_lock<std::mutex> lock(mutex_);
    Remove(&job);
    job.left.wait(lock, [&] { return job.working == 0; });
  }

  std::atomic<int> threads_{static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))};

 private:
  bool Start() {
    try {
      std::thread([this] { Worker(); }).detach();
      return true;
    } catch (const std::system_error&) {
      return false;  // The caller does the work.
    }
  }

  void Worker() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return !jobs_.empty(); });
      Job* job = jobs_.front();
      job->working++;
      if (--job->seats == 0) Remove(job);
      lock.unlock();
      job->Work();
      lock.lock();
      // All its tasks are taken: nobody else need come.
      Remove(job);
      if (--job->working == 0) job->left.notify_one();
    }
  }

  void Remove(Job* job) { jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), job), jobs_.end()); }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job*> jobs_;
  int workers_ = 0;
};

/** Never destroyed: workers may outlive the destructors of static objects. */
Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

}  // namespace

void ParallelFor(int64_t count, const std::function<void(int64_t)>& task) { ThePool().Run(count, task); }

void ParallelRanges(int64_t size, int64_t grain, const std::function<void(int64_t, int64_t)>& part) {
  const int64_t most = std::max<int64_t>(1, size / std::max<int64_t>(1, grain));
  const int64_t parts = Threads() == 1 ? 1 : std::min<int64_t>(most, int64_t{Threads()} * kPartsPerThread);
  ParallelFor(parts, [&](int64_t i) { part(size * i / parts, size * (i + 1) / parts); });
}

int Threads() { return ThePool().threads_; }

}  // namespace recnext

/** Sets how many threads work on one operation, for the whole process. */
extern "C" __attribute__((visibility("default"))) void RecnextSetThreads(int threads) {
  recnext::ThePool().threads_ = std::min(recnext::kMaxThreads, std::max(1, threads));
}
