// Who does the jobs of sync_job.hpp: a thread of its own, so that the collector never waits for the disk; in tests of crashes,
// the caller itself.
//
// Invariants:
//   - one job at a time. The next one begins when the result of the last one was taken;
//   - the thread has the job, its own descriptor of the directory and the mark, and nothing else of the log. What a thread that
//     removes files learns of the directory, it learns, too;
//   - the thread takes no signal, so they all reach the collector;
//   - the destructor waits for the job that is under way.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/log/files/sync_job.hpp"

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
  ~SyncThread() override;

  // Returns 0 or −errno.
  int open(int directory) override;
  void begin(SyncJob job) override;
  std::optional<SyncResult> take() override;
  bool is_busy() const override { return is_busy_; }
  int descriptor() const override { return done_.get(); }

 private:
  void run();

  os::Fd done_;  // an eventfd
  std::mutex mutex_;
  std::condition_variable asked_;
  std::optional<SyncJob> job_;        // to be begun
  std::optional<SyncResult> result_;  // to be taken
  bool ends_ = false;
  bool is_busy_ = false;  // the collector's
  std::thread thread_;    // begun with the first job
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
