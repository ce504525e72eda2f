// Who does a notary's jobs: see hasher.hpp.
#include "lib/log/seal/hasher.hpp"

#include <sys/eventfd.h>

#include <cerrno>

#include "lib/os/thread.hpp"

namespace shmring::log {

int HashThread::open(Notary& notary) {
  notary_ = &notary;
  done_.reset(os::calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return done_ ? 0 : -errno;
}

HashThread::~HashThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void HashThread::begin(SealJob job) {
  is_busy_ = true;
  if (!thread_.joinable() && os::begin_thread(thread_, [this] { run(); }) != 0) {
    result_ = notary_->perform(job);  // the next job asks for a thread again
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
  }
  asked_.notify_one();
}

std::optional<SealResult> HashThread::take() {
  const std::lock_guard lock(mutex_);
  if (!result_) return std::nullopt;
  u64 count;
  (void)os::calls.read(done_.get(), &count, sizeof count);
  is_busy_ = false;
  return std::exchange(result_, std::nullopt);
}

void HashThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return job_.has_value() || ends_; });
    if (!job_) return;
    std::optional<SealJob> job = std::exchange(job_, std::nullopt);
    lock.unlock();
    SealResult result = notary_->perform(*job);
    job.reset();  // the lines are the collector's again
    lock.lock();
    result_ = std::move(result);
    const u64 one = 1;
    (void)os::calls.write(done_.get(), &one, sizeof one);
  }
}

}  // namespace shmring::log
