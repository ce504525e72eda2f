// Lines on their way into a log: encoded into batches, which are written in their order.
//
//   lines → Encoder → Batch → Writer → Commit
//
// Invariants:
//   - whoever appends a line may forget it: a batch owns its bytes until it is committed, however often its write fails;
//   - `index` has no hole: a batch is written whole or not at all, and before the next one;
//   - where a file may not grow further, the batch goes into a new one. None is begun behind a file that has only its first
//     line: what does not fit there fits nowhere;
//   - the first line of each file is an `accounts` line, and one stands at least every 4096 lines if no batch has more
//     than 2048 (behind a longer one it stands at once). Whoever appends knows the accounts, and gives that line when it is
//     due: it says exactly what the log says up to it, so it stands behind a batch, never inside one;
//   - lines of another ring than the present one name it: a ring that was retired may still be drained beside the one that has
//     its name now.
// Thread role: one thread, the collector's. No call waits but for the file system.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "lib/log/files/batch.hpp"
#include "lib/log/files/writer.hpp"
#include "lib/log/format/encoder.hpp"

namespace shmring::log {

inline constexpr u64 usual_batch_lines = 2048;  // at most, for the next line to hold
inline constexpr u64 accounts_every_lines = 4096;

class Appender {
 public:
  // See Writer. Both of the following.
  int open(const std::string& dir, std::string_view ring, const RingId& id, Recovered& recovered);

  int claim(const std::string& dir, std::string_view ring, Recovered& recovered);
  bool is_claimed() const { return writer_.is_claimed(); }
  void remove_unused() const { writer_.remove_unused(); }

  // Then be ready to append. `id` is the ring's own identity: a log that is begun here speaks of it. 0, or −errno with its
  // text: −ENOSPC, −EACCES …
  int begin(const RingId& id, const Recovered& recovered);

  // Take over lines of the ring `of`, one at least: the number of their batch. Nothing is written yet.
  u64 append(std::span<const Line> lines, const RingId& of);
  // Behind what was appended so far an accounts line is due, …
  bool accounts_are_due() const { return since_accounts_ + usual_batch_lines >= accounts_every_lines; }
  // … which is this one, of all lines so far. The lines behind it speak of its present ring.
  void append(const Accounts& accounts);

  // Write what was taken over, in order, as far as that is possible now. 0: all of it is in the log · −errno with its text:
  // the rest waits for the next call. −ESTALE: see Writer::in_place(); it cannot be written any more.
  int write();
  bool has_pending() const { return !pending_.empty(); }
  const Commit& committed() const { return committed_; }

  // All is written, and the file is full: a new one is to be begun, with the accounts of all lines so far.
  bool wants_new_file() const { return pending_.empty() && writer_.is_full(); }
  void begin_new_file(const Accounts& accounts) { roll_error_ = begin_file(accounts); }
  // Why the last attempt to begin a new file failed, −errno; the log goes on in the old one. 0: it did not.
  int roll_error() const { return roll_error_; }

  // The ring that lines speak of from here on, which its `start` line says: that is the next one.
  void present(const RingId& id) { present_ = id; }

  int in_place() const { return writer_.in_place(); }

  // The index that the next line will have.
  u64 next_index() const { return next_index_; }

 private:
  int begin_file(const Accounts& accounts);
  int go_on_in_a_new_file();

  Writer writer_;
  Encoder encoder_{""};
  std::deque<Batch> pending_;  // not written yet
  Commit committed_;
  RingId present_{};
  u64 batches_ = 0;  // so far
  u64 next_index_ = 0;
  u64 since_accounts_ = 0;  // lines after the last accounts line
  int roll_error_ = 0;
};

}  // namespace shmring::log
