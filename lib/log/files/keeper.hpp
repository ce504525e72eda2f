// Compresses the sealed files of a log, in a thread that yields to all others (nice 19).
//
// Invariants:
//   - only files that are sealed and have a successor are touched: the collector never writes them again;
//   - a failure costs nothing but space. It is kept for whoever asks. The next attempt is made when the collector asks again;
//   - the destructor stops the work that is under way, which leaves the file as it was.
// Thread role: the collector's; its thread is its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "lib/log/files/compress.hpp"

namespace shmring::log {

class Keeper {
 public:
  Keeper() = default;
  ~Keeper();

  // Looks for files to compress in this directory, now and whenever it is called. Returns 0 or −errno.
  int look(int directory, const std::string& dir);
  // Returns why the last attempt failed, as −errno, and sets its text; 0: it did not.
  int error(std::string& text);

 private:
  void run();
  void compress_all();

  os::Fd directory_;
  std::string dir_;
  std::mutex mutex_;
  std::condition_variable asked_;
  bool looks_ = false;
  std::atomic<bool> stops_ = false;
  int error_ = 0;
  std::string text_;
  std::thread thread_;
};

}  // namespace shmring::log
