// One thread that does jobs for another, which never waits for it.
//
// Invariants:
//   - one job at a time. The next one begins when the result of the last one was taken;
//   - a job is gone before its result can be taken, so what it shares with the asker is the asker's again;
//   - the thread takes no signal, so they all reach the thread that asks;
//   - the destructor waits for the job that is under way.
// Thread role: one thread asks. If no other is to be had, it does the job itself, and the next job asks for a thread again.
#pragma once

#include <sys/eventfd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/os/file.hpp"
#include "lib/os/thread.hpp"

namespace shmring::os {

template <class Job, class Result>
class JobThread {
 public:
  explicit JobThread(std::function<Result(const Job&)> perform) : perform_(std::move(perform)) {}
  ~JobThread() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    asked_.notify_one();
    thread_.join();
  }

  // Called once, before the first job. Returns 0 or −errno.
  int open() {
    done_.reset(calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return done_ ? 0 : -errno;
  }
  void begin(Job job) {
    is_busy_ = true;
    if (!thread_.joinable() && begin_thread(thread_, [this] { run(); }) != 0) {
      result_ = perform_(job);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      job_ = std::move(job);
    }
    asked_.notify_one();
  }
  // Returns the result of the job if it is done, once.
  std::optional<Result> take() {
    const std::lock_guard lock(mutex_);
    if (!result_) return std::nullopt;
    std::uint64_t count;
    (void)calls.read(done_.get(), &count, sizeof count);
    is_busy_ = false;
    return std::exchange(result_, std::nullopt);
  }
  bool is_busy() const { return is_busy_; }  // between begin() and take()
  // Readable when a result waits.
  int descriptor() const { return done_.get(); }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      asked_.wait(lock, [this] { return job_.has_value() || ends_; });
      if (!job_) return;
      std::optional<Job> job = std::exchange(job_, std::nullopt);
      lock.unlock();
      Result result = perform_(*job);
      job.reset();
      lock.lock();
      result_ = std::move(result);
      const std::uint64_t one = 1;
      (void)calls.write(done_.get(), &one, sizeof one);
    }
  }

  std::function<Result(const Job&)> perform_;
  Fd done_;  // an eventfd
  std::mutex mutex_;
  std::condition_variable asked_;
  std::optional<Job> job_;        // to be begun
  std::optional<Result> result_;  // to be taken
  bool ends_ = false;
  bool is_busy_ = false;  // the asker's
  std::thread thread_;    // begun with the first job
};

}  // namespace shmring::os
