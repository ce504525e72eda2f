// Who does the jobs of sync_job.hpp: a thread of its own, so that the collector never waits for the disk; in tests of crashes,
// the caller itself.
//
// Invariants:
//   - one job at a time: see JobThread;
//   - the thread has the job, its own descriptor of the directory and the mark, and nothing else of the log. What a thread that
//     removes files learns of the directory, it learns, too.
#pragma once

#include <optional>
#include <utility>

#include "lib/log/files/sync_job.hpp"
#include "lib/os/job_thread.hpp"

namespace shmring::log {

class Syncer {
 public:
  virtual ~Syncer() = default;

  // The directory is the syncer's own from here on, and so is its mark once that was begun.
  virtual int open(int directory) = 0;
  MarkFile& mark() { return mark_; }  // only while no job is under way
  const std::shared_ptr<DirectorySync>& directory_sync() const { return directory_.sync; }

  virtual void begin(SyncJob job) = 0;
  // Returns the result of the job if it is done, once.
  virtual std::optional<SyncResult> take() = 0;
  virtual bool is_busy() const = 0;  // between begin() and take()
  // A descriptor that is readable when a result waits, or −1.
  virtual int descriptor() const = 0;

 protected:
  int open_files(int directory);

  SyncedDirectory directory_;
  MarkFile mark_;
};

class SyncThread final : public Syncer {
 public:
  // Returns 0 or −errno.
  int open(int directory) override {
    const int error = thread_.open();
    return error != 0 ? error : open_files(directory);
  }
  void begin(SyncJob job) override { thread_.begin(std::move(job)); }
  std::optional<SyncResult> take() override { return thread_.take(); }
  bool is_busy() const override { return thread_.is_busy(); }
  int descriptor() const override { return thread_.descriptor(); }

 private:
  os::JobThread<SyncJob, SyncResult> thread_{[this](const SyncJob& job) { return perform(job, directory_, mark_); }};
};

// Does each job at once.
class SyncAtOnce final : public Syncer {
 public:
  int open(int directory) override { return open_files(directory); }
  void begin(SyncJob job) override { result_ = perform(job, directory_, mark_); }
  std::optional<SyncResult> take() override { return std::exchange(result_, std::nullopt); }
  bool is_busy() const override { return result_.has_value(); }
  int descriptor() const override { return -1; }

 private:
  std::optional<SyncResult> result_;
};

}  // namespace shmring::log
