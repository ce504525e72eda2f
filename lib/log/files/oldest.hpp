// The older files of a log: what is to be known of them before some are removed, and their removal.
//
// Invariants:
//   - the removal begins with the oldest file, and each is gone from the disk before the next is touched. So wherever it is cut
//     short, by a kill or by a power cut, what is left has no hole;
//   - of a file that is both compressed and plain, the compressed one goes first, since it may be torn;
//   - nothing but files with the names of a log is removed.
// Thread role: any, one at a time. It waits for the disk.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "lib/log/files/directory_sync.hpp"
#include "lib/log/files/names.hpp"
#include "lib/log/files/retain.hpp"

namespace shmring::log {

// Reads what retain() asks for. A file's first line does not change, so it is read once.
class OldFiles {
 public:
  // Returns 0, or −errno with its text.
  int read(int directory, const std::string& dir);
  const std::vector<RetainedFile>& files() const { return files_; }
  u64 free() const { return free_; }  // bytes on the log's file system

 private:
  std::vector<RetainedFile> files_;
  std::map<std::string, bool, std::less<>> is_clean_;  // by name without its suffix
  u64 free_ = 0;
};

bool is_sealed(int directory, const LogFile& file);

// Removes all files that begin below this index. Returns 0, −ECANCELED if it was stopped, or −errno with its text; sets
// `is_directory` if it was the directory that failed.
int remove_before(int directory, const std::string& dir, u64 before, DirectorySync& sync, const std::atomic<bool>& stop,
                  bool& is_directory);

}  // namespace shmring::log
