// The log file that is being written. It gets whole batches, or nothing of them.
//
// Invariants:
//   - a log has one writer: the lock on its directory is held as long as the object lives;
//   - a batch that fails leaves no byte that counts as part of the log, and may be written again;
//   - when write() returns 0, the kernel holds the batch in the file of that name, and any process may die;
//   - the file has room on the disk for the next batch and some lines more, before any of the batch is written. So a disk that
//     is full is noticed before a line is torn, and a line that says so still fits. Where the file system cannot reserve room,
//     a line may be torn, and is cut back.
// Thread role: one thread, the collector's. No call waits, except for the file system.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/files/names.hpp"
#include "lib/log/files/policy.hpp"
#include "lib/log/files/restart.hpp"
#include "lib/log/files/sync_job.hpp"
#include "lib/os/durable.hpp"

namespace shmring::log {

class Writer {
 public:
  // Creates `dir` (0700) if it is absent, and locks it. Returns 0, or −errno with its text: −EBUSY if another collector holds
  // the log, −EAGAIN if the directory is removed again and again, −EACCES …
  int claim(const std::string& dir, std::string_view ring);
  // Recovers what is there; `recovered` says what. Returns 0, or −errno with its text: see restart.hpp.
  int recover(Recovered& recovered) const { return restart(directory_.get(), dir_, ring_, recovered); }
  // Removes the directory if claim() has created and locked it, and nothing is in it.
  void remove_unused() const;

  // Goes on in the file that `recovered` names. Returns 0, or −errno with its text.
  int open(const Recovered& recovered);
  // Begins a file with this line, and goes on in it. The file has its name only when it has the line. On failure it returns
  // −errno with its text, and the log is as it was.
  int begin_file(u64 time_ns, u64 first_index, std::string_view first_line);
  // Makes the first file of a log survive a power cut, with its name. Waits for the disk. Returns 0, or −errno with its text.
  int sync_first_file() const;
  // Appends these lines. Returns 0 if all of them are in the log, or −errno with its text if none is. −ESTALE: see in_place().
  // See also is_void(). −ENOSPC, −EDQUOT: there is no room for them, or not for some lines more; these `may_use_reserve` do
  // without.
  int write(std::string_view lines, bool may_use_reserve = false);

  // Returns 0 if the file that is written stands under its name. Returns −ESTALE if the file or its directory was removed,
  // moved or replaced; bytes written to it would then be in no log. Returns another −errno if this cannot be seen now.
  int in_place() const;
  // The same of the directory alone, for when the file may have been replaced.
  int directory_in_place() const;

  // Holds from the next question on; it may be given at any time.
  void set_policy(const FilePolicy& policy) { policy_ = policy; }
  // Returns whether it is time for a new file.
  bool is_full() const { return file_bytes_ >= policy_.max_bytes; }
  // Returns true if the file has only its first line. A batch that does not fit behind that line fits into no file.
  bool has_first_line_only() const { return file_bytes_ == first_line_bytes_; }
  // Returns true if the file is not to be written again: the disk refused a write with EIO, or another program cut the file or
  // wrote to it (then write() has returned −EUCLEAN).
  bool is_void() const { return is_void_; }
  // Returns why no room can be reserved in this file, as −errno, or 0 if it can.
  int reserve_error() const { return reserve_error_; }
  // Gives back the room behind the file's end. Called when nothing more is to be written.
  void give_back_reserve() const { os::give_back_reserve(file_->get(), file_bytes_); }
  // Returns true if a batch that failed may still have bytes in the file. They are cut before anything else is written.
  bool is_uncut() const { return uncut_; }

  const std::string& dir() const { return dir_; }
  // Sets the bytes of all files of the log, and those that are free on its file system; 0: not known.
  void measure(u64& bytes, u64& free_bytes) const;

  // Returns the st_dev of the directory, or 0 if that cannot be seen.
  u64 device() const;
  int directory() const { return directory_.get(); }
  const SharedFd& file() const { return file_; }
  const std::string& file_name() const { return file_name_; }
  u64 file_bytes() const { return file_bytes_; }

  // Reads back what the log says by now. Returns 0, or −errno with its text; −ESTALE if it does not end where it was written
  // to.
  int read_back(u64 next_index, Recovered& out) const;

 private:
  int look_at_place(u64& bytes) const;
  int reserve(int fd, u64 bytes, u64 end, u64& reserved);
  int cut();
  int cut_if_needed();
  int share(int fd, mode_t mode) const;
  int lock_directory(bool& removed);
  int lock();
  int fail(int error, const char* what) const;

  std::string dir_, ring_, file_name_;
  os::Fd directory_;
  SharedFd file_;
  FilePolicy policy_;
  u64 file_bytes_ = 0;        // of whole lines
  u64 first_line_bytes_ = 0;  // of the first line while it may still be alone; otherwise 0
  u64 reserved_ = 0;          // the file has room up to here; 0: not known
  int reserve_error_ = 0;
  bool uncut_ = false, is_void_ = false;
  bool created_ = false;  // the directory
};

}  // namespace shmring::log
