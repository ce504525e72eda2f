// The directory of a log, synced by more than one thread. The kernel may report an error to one of them only. Whichever it is,
// a name that is not durable yet may be lost, so the thread that makes names durable must hear of it.
//
// Invariant: an error that another thread met is the result of the next sync() for names, unless one has had it already.
// Thread role: any.
#pragma once

#include <mutex>
#include <utility>

#include "lib/os/durable.hpp"

namespace shmring::log {

class DirectorySync {
 public:
  // For the thread that makes names of new files durable. Returns 0 or −errno.
  int for_names(int directory) {
    const std::lock_guard lock(mutex_);
    const int error = os::sync_all(directory), before = std::exchange(unheard_, 0);
    return error != 0 ? error : before;
  }
  // For others. Returns 0 or −errno.
  int for_removal(int directory) {
    const std::lock_guard lock(mutex_);
    const int error = os::sync_all(directory);
    if (error != 0) unheard_ = error;
    return error;
  }

 private:
  std::mutex mutex_;
  int unheard_ = 0;  // −errno that only others have met
};

}  // namespace shmring::log
