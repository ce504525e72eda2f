// The writer of an audit log: whole batches of lines, or nothing of them.
//
// Invariants:
//   - one writer a log: the lock on its directory is held as long as the object lives;
//   - `index` has no hole: a batch that fails leaves no line, and may be appended again;
//   - where a file may not grow further, the batch goes into a new one. None is begun behind a file that has only its first
//     line: what does not fit there fits nowhere;
//   - the first line of each file is an `accounts` line, and one stands at least every 4096 lines if no batch has more
//     than 2048 (behind a longer one it stands at once): each says exactly what the log says up to it, so it stands
//     behind a batch, never inside one;
//   - lines of another ring than the present one name it: a ring that was retired may still be drained beside the one that has
//     its name now;
//   - when append() returns 0, the kernel holds the lines, in the file of that name: any process may die.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lib/log/format/line.hpp"
#include "lib/log/files/recovery.hpp"
#include "lib/os/file.hpp"

namespace shmring::log {

inline constexpr u64 usual_batch_lines = 2048;  // at most, for the next line to hold
inline constexpr u64 accounts_every_lines = 4096;
inline constexpr u64 log_file_bytes = u64{64} << 20;  // a new file is begun when one has reached this

class Log {
 public:
  // Asked for behind a batch: the accounts with that batch included. Its views live until append() returns.
  using AccountsNow = std::function<Accounts()>;

  // Both of the following.
  int open(const std::string& dir, std::string_view ring, const RingId& id, AccountsNow accounts, Recovered& recovered);

  // Create `dir` (0700) if it is absent, lock it, and recover what is there (`recovered` says what). 0, or −errno with its
  // text: −EBUSY another collector holds the log, −EBADMSG it is damaged, −EINVAL it is the log of another ring, −EACCES …
  int claim(const std::string& dir, std::string_view ring, Recovered& recovered);
  bool is_claimed() const { return static_cast<bool>(directory_); }

  // Then be ready to append; `accounts` is not called yet. `id` is the ring's own identity: a log that is begun here speaks of
  // it. 0, or −errno with its text: −ENOSPC, −EACCES …
  int begin(const RingId& id, AccountsNow accounts, const Recovered& recovered);

  // Remove the directory if claim() has created it, and nothing is in it.
  void remove_unused() const;

  // Lines of the ring `of`. 0: all of them are in the log · −errno with its text: none of them: append them again later.
  // −ESTALE: see in_place().
  int append(std::span<const Line> lines, const RingId& of);

  // The ring that lines speak of from here on, which its `start` line says: that is the next one.
  void present(const RingId& id) { present_ = id; }

  // 0: the file that is written stands under its name · −ESTALE: it was removed, moved or replaced, or its directory was; what
  // is written to it would be in no log · −errno: that cannot be seen now.
  int in_place() const;

  // The index that the next line will have.
  u64 next_index() const { return next_index_; }

  // Why the last attempt to begin a new file failed, −errno; the log goes on in the old one. 0: it did not.
  int roll_error() const { return roll_error_; }

 private:
  int lock();
  int begin_file(const Accounts& accounts);
  int begin_file_before_a_batch();
  bool has_first_line_only() const;
  int write_batch(std::span<const Line> lines, const RingId& of);
  int write_lines(std::size_t lines, bool accounts);
  int fail(int error, const char* what) const;

  std::string dir_, ring_, file_name_;
  RingId present_{};
  AccountsNow accounts_;
  os::Fd directory_, file_;
  std::string text_;    // the batch, encoded; kept for its capacity
  u64 file_bytes_ = 0;  // of whole lines
  u64 next_index_ = 0;
  u64 since_accounts_ = 0;  // lines after the last accounts line
  bool uncut_ = false;      // bytes of a failed batch may stand behind file_bytes_
  int roll_error_ = 0;
  bool created_ = false;  // the directory
};

}  // namespace shmring::log
