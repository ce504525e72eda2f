// The file of a log that is written: whole batches, or nothing of them.
//
// Invariants:
//   - one writer a log: the lock on its directory is held as long as the object lives;
//   - a batch that fails leaves no byte that counts as part of the log, and may be written again;
//   - when write() returns 0, the kernel holds the batch, in the file of that name: any process may die.
// Thread role: one thread, the collector's. No call waits but for the file system.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/files/recovery.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

inline constexpr u64 log_file_bytes = u64{64} << 20;  // a new file is begun when one has reached this

class Writer {
 public:
  // Create `dir` (0700) if it is absent, lock it, and recover what is there (`recovered` says what). 0, or −errno with its
  // text: −EBUSY another collector holds the log, −EBADMSG it is damaged, −EINVAL it is the log of another ring, −EACCES …
  int claim(const std::string& dir, std::string_view ring, Recovered& recovered);
  bool is_claimed() const { return static_cast<bool>(directory_); }
  // Remove the directory if claim() has created it, and nothing is in it.
  void remove_unused() const;

  // Go on in the file that `recovered` names. 0, or −errno with its text.
  int open(const Recovered& recovered);
  // Begin a file with this line, and go on in it. On failure the log is as it was: −errno with its text.
  int begin_file(u64 time_ns, u64 first_index, std::string_view first_line);
  // Append these lines. 0: all of them are in the log · −errno with its text: none of them. −ESTALE: see in_place().
  int write(std::string_view lines);

  // 0: the file that is written stands under its name · −ESTALE: it was removed, moved or replaced, or its directory was; what
  // is written to it would be in no log · −errno: that cannot be seen now.
  int in_place() const;

  // The policy of rotation: it is time for a new file.
  bool is_full() const { return file_bytes_ >= log_file_bytes; }
  // The file has its first line only: what does not fit behind that fits into no file.
  bool has_first_line_only() const { return file_bytes_ == first_line_bytes_; }
  // A batch that failed may still have bytes in the file: it is cut before anything else is written.
  bool is_uncut() const { return uncut_; }

  // What the log says by now. 0, or −errno with its text; −ESTALE: it does not end where it was written to.
  int read_back(u64 next_index, Recovered& out) const;

 private:
  int lock();
  int fail(int error, const char* what) const;

  std::string dir_, ring_, file_name_;
  os::Fd directory_, file_;
  u64 file_bytes_ = 0;        // of whole lines
  u64 first_line_bytes_ = 0;  // of the first line, where it may still be alone; else 0
  bool uncut_ = false;
  bool created_ = false;  // the directory
};

}  // namespace shmring::log
