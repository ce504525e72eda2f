// What is done to the older files of a log, in a thread that yields to all others (nice 19): compressed, and removed.
//
// Invariants:
//   - only files that are sealed and have a successor are compressed: the collector never writes them again;
//   - it never decides by itself that a file is removed. It says what the limits ask for, and removes what it is told to;
//   - removal comes before all else, since it may be what makes room;
//   - a failure costs nothing but space. It is kept for whoever asks. The next attempt is made when the collector asks again;
//   - the destructor stops the work that is under way, which leaves each file as it was, or removed.
// Thread role: the collector's; its thread is its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "lib/log/files/compress.hpp"
#include "lib/log/files/directory_sync.hpp"
#include "lib/log/files/oldest.hpp"
#include "lib/log/files/policy.hpp"

namespace shmring::log {

// How a look or a removal went.
struct KeeperAnswer {
  int error = 0;              // −errno; 0: none
  bool is_directory = false;  // the directory failed to sync: a file that was removed may be there again after a power cut
  std::string text;
  Retention retention;  // of a look
};

class Keeper {
 public:
  explicit Keeper(std::shared_ptr<DirectorySync> directory_sync) : directory_sync_(std::move(directory_sync)) {}
  ~Keeper();

  // Looks for files to compress in this directory, and for what the limits ask for, if the policy has these. If it has limits,
  // an answer comes. Nothing is compressed that has a line at or behind `durable`. `archived` is as in retain(). Returns 0 or
  // −errno.
  int look(int directory, const std::string& dir, const FilePolicy& policy, u64 now_utc_ns, u64 durable, u64 archived);
  // Removes what begins below this index. An answer comes. Called after look() only.
  void remove(u64 before);
  // Returns the answer to the last look() or remove(), once.
  std::optional<KeeperAnswer> take();
  // Returns why the last compression failed, as −errno, and sets its text; 0: it did not.
  int error(std::string& text);

 private:
  int begin(int directory, const std::string& dir);
  void run();
  void answer(KeeperAnswer answer);
  void look_for_old(const RetainLimits& limits, u64 now_utc_ns, u64 archived);
  void compress_all(u64 durable);

  std::shared_ptr<DirectorySync> directory_sync_;
  os::Fd directory_;
  std::string dir_;
  OldFiles old_;  // the thread's
  std::mutex mutex_;
  std::condition_variable asked_;
  bool looks_ = false;
  FilePolicy policy_;
  u64 now_utc_ns_ = 0, durable_ = 0, archived_ = 0;
  u64 before_ = 0;  // to be removed; 0: nothing
  std::optional<KeeperAnswer> answer_;
  std::atomic<bool> is_answered_ = false;
  std::atomic<bool> is_asked_ = false;  // while files are compressed
  std::atomic<bool> stops_ = false;
  int error_ = 0;
  std::string text_;
  std::thread thread_;
};

}  // namespace shmring::log
