// Who does the jobs of sync_job.hpp: see syncer.hpp.
#include "lib/log/files/syncer.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include "lib/os/thread.hpp"

namespace shmring::log {

int Syncer::open_files(int directory) { return os::open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0, directory_.fd); }

int SyncThread::open(int directory) {
  done_.reset(os::calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return done_ ? open_files(directory) : -errno;
}

SyncThread::~SyncThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void SyncThread::begin(SyncJob job) {
  is_busy_ = true;
  if (!thread_.joinable() && os::begin_thread(thread_, [this] { run(); }) != 0) {
    result_ = perform(job, directory_, mark_);  // the next job asks for a thread again
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
  }
  asked_.notify_one();
}

std::optional<SyncResult> SyncThread::take() {
  const std::lock_guard lock(mutex_);
  if (!result_) return std::nullopt;
  u64 count;
  (void)os::calls.read(done_.get(), &count, sizeof count);
  is_busy_ = false;
  return std::exchange(result_, std::nullopt);
}

void SyncThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return job_.has_value() || ends_; });
    if (!job_) return;
    const SyncJob job = *std::exchange(job_, std::nullopt);
    lock.unlock();
    SyncResult result = perform(job, directory_, mark_);
    lock.lock();
    result_ = std::move(result);
    const u64 one = 1;
    (void)os::calls.write(done_.get(), &one, sizeof one);
  }
}

}  // namespace shmring::log
