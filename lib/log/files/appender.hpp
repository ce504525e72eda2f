// Lines on their way into a log. They are encoded into batches, which are written in order.
//
//   lines → Encoder → Batch → Writer → Commit{written}
//                               ├→ Durability → sync thread → Commit{durable}
//                               └→ LineTree, if the log has one
//
// Invariants:
//   - a caller may forget a line once it is appended. A batch owns its bytes until it is committed, however often its write
//     fails;
//   - `index` has no hole: a batch is written whole or not at all, and before the next one;
//   - while a file that cannot be synced or written is replaced, nothing is written. Then a new file is begun;
//   - if a file may not grow further, the batch goes into a new one. No file is begun after one that has only its first line: a
//     batch that does not fit there fits nowhere;
//   - the first line of each file is an `accounts` line, and others follow (AccountsPace). The caller knows the accounts and
//     gives that line when it is due. The line says exactly what the log says up to it, so it comes after a batch and never
//     inside one;
//   - a line that says what is removed from the log goes before all that waits: on a full disk it is what makes room;
//   - lines of another ring than the present one name their ring. A retired ring may still be drained beside the one that has
//     its name now.
// Thread role: one thread, the collector's. No call waits, except for the file system; begin() waits for the disk.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/log/files/batch.hpp"
#include "lib/log/files/durability.hpp"
#include "lib/log/files/line_tree.hpp"
#include "lib/log/files/upkeep.hpp"
#include "lib/log/files/writer.hpp"
#include "lib/log/format/encoder.hpp"

namespace shmring::log {

inline constexpr u64 usual_batch_lines = 2048;     // the largest batch with which a line stands at least …
inline constexpr u64 accounts_every_lines = 4096;  // … as often as this, while there are few accounts
inline constexpr u64 accounts_share = 100;
inline constexpr u64 accounts_every_bytes = u64{16} << 20;

// Decides when an accounts line is due. With few accounts one stands at least every 4096 lines, if no batch has more than 2048.
// With many accounts it is due when what follows the last one has 100 times its bytes, so that in the long run these lines are
// at most 1 % of the log. At the latest it is due after 16 MiB, since a recovery reads all that follows the last one.
class AccountsPace {
 public:
  void add(u64 lines, u64 bytes) { lines_ += lines, bytes_ += bytes; }
  void add_accounts(u64 bytes) { *this = {}, accounts_bytes_ = bytes; }
  // The next line is due at once.
  void hurry() { is_hurried_ = true; }
  bool is_due() const {
    const bool is_far = lines_ + usual_batch_lines >= accounts_every_lines && bytes_ >= accounts_share * accounts_bytes_;
    return is_hurried_ || is_far || bytes_ >= accounts_every_bytes;
  }

 private:
  u64 lines_ = 0, bytes_ = 0;  // since the last accounts line
  u64 accounts_bytes_ = 0;     // of the last accounts line
  bool is_hurried_ = false;
};

class Appender {
 public:
  // Called before begin(), and whenever it changes. See Writer.
  void set_policy(const FilePolicy& policy) {
    policy_ = policy;
    writer_.set_policy(policy);
  }
  // Claims, recovers and begins.
  int open(const std::string& dir, std::string_view ring, const RingId& id, Recovered& recovered);

  // See Writer.
  int claim(const std::string& dir, std::string_view ring);
  // Called before begin(). Without a syncer, a thread does it.
  void set_durability(const SyncPolicy& policy, std::unique_ptr<Syncer> syncer = nullptr) {
    sync_policy_ = policy, syncer_ = std::move(syncer);
  }
  // Called before begin(), if the log is to have a tree. The tree lives longer than this object, and has all lines that are
  // there.
  void set_tree(LineTree& tree) { tree_ = &tree; }
  // Called before begin(): a log that is begun says that it has taken this one's place.
  void set_old_log(FormerLog old) { old_ = std::move(old); }
  int recover(Recovered& recovered) const { return writer_.recover(recovered); }
  void remove_unused() const { writer_.remove_unused(); }

  // Makes the appender ready. `id` is the ring's own identity, and a log that is begun here speaks of it. Takes over the texts
  // of the unsynced files. Returns 0, or −errno with its text: −ENOSPC, −EACCES …
  int begin(const RingId& id, Recovered& recovered);

  // Takes over one or more lines of the ring `of`, and returns the number of their batch. Nothing is written yet.
  u64 append(std::span<const Line> lines, const RingId& of);
  // Returns whether an accounts line is due after what was appended so far, …
  bool accounts_are_due() const { return pace_.is_due(); }
  // … and this appends it, with all lines so far. The lines behind it speak of its present ring.
  void append(Accounts accounts);

  // Writes one line about the log itself, in front of all that waits: into the room that is kept for
  // it, if there is none for what waits. Returns 0 or −errno; −EAGAIN: the log is held. After an error it is as if the line had
  // never been.
  int write_urgent(const Line& line, bool may_use_reserve = true);

  // Writes what was taken over, in order, as far as that is possible now. Returns 0 if all of it is in the log, or −errno with
  // its text; the rest then waits for the next call. After −ESTALE the log cannot be written any more: see Writer::in_place().
  int write();
  // Learns what the sync thread did, and asks it for what is due. Returns true if something has changed: committed() has moved,
  // or is_held().
  bool sync(u64 now_ns);
  // From here on, whatever is written is synced at once.
  void hurry() { durability_.hurry(); }
  // Returns true if nothing can be written now because the disk is behind, a file is being replaced, or a new file waits for
  // the tree.
  bool is_held() const { return durability_.holds() || needs_new_file() || waits_for_tree(); }
  const Durability& durability() const { return durability_; }
  std::optional<Voided> take_voided() { return durability_.take_voided(); }
  bool has_pending() const { return !pending_.empty(); }
  const Commit& committed() const { return committed_; }

  // Returns true if all is written, and a new file is to be begun with the accounts of all lines so far: because this one is
  // full or old, because rotate() asked for one, or because this one was replaced. A file in which nothing but heartbeats
  // follows the first line does not become old.
  bool wants_new_file() const { return pending_.empty() && is_new_file_due() && is_tree_whole(); }
  void begin_new_file(Accounts accounts) {
    roll_error_ = begin_file(std::move(accounts));
    roll_failed_ns_ = now_ns_;
  }
  // A new file is begun soon, unless this one has only its first line.
  void rotate() { rotates_ = true; }
  // Returns why the last attempt to begin a new file failed, as −errno; the log then goes on in the old one. 0: it did not
  // fail.
  int roll_error() const { return roll_error_; }

  // Sets the ring that lines speak of from here on. Its `start` line, which says so, must come next.
  void present(const RingId& id) { present_ = id; }

  u64 device() const { return writer_.device(); }
  int directory() const { return writer_.directory(); }
  int reserve_error() const { return writer_.reserve_error(); }
  // Called when nothing more is to be written.
  void give_back_reserve() const { writer_.give_back_reserve(); }

  int in_place() const { return is_held() ? writer_.directory_in_place() : writer_.in_place(); }
  // Has closed files compressed and the oldest removed, if that is the policy. Called about once a second; see Upkeep. Returns
  // why compression failed last, as −errno with its text; 0: it did not.
  int keep(u64 now_utc_ns, std::string& text) {
    return upkeep_.look(writer_.directory(), writer_.dir(), policy_, now_ns_, now_utc_ns, committed_.durable, text);
  }
  // The archive has the lines below this index. Called about once a second, before keep(), if anybody asks.
  void set_archived(u64 index) {
    upkeep_.set_archived(index);
    if (sync_policy_.level == Level::archived) committed_.archived = index;
  }
  // Returns whether the limits of the log cannot be kept, and why: see Upkeep.
  bool is_blocked(int& error, std::string& text) const { return upkeep_.is_blocked(now_ns_, error, text); }
  void measure(u64& bytes, u64& free_bytes) const { writer_.measure(bytes, free_bytes); }

  // Returns the index that the next line will have.
  u64 next_index() const { return next_index_; }

 private:
  bool is_new_file_due() const;
  bool needs_new_file() const { return durability_.needs_new_file() || is_file_full_; }
  bool is_tree_whole() const { return tree_ == nullptr || tree_->hashed() == committed_.index; }
  bool waits_for_tree() const;
  int begin_file(Accounts accounts);
  int forget_other_archive() const;
  int go_on_in_a_new_file();
  int go_on(Recovered& recovered);
  static std::string take_current(Unsynced& unsynced, const Recovered& recovered);
  int write_first();
  int store(std::string& lines, u64 count, std::size_t accounts_at, bool may_use_reserve);
  void tell_of_removal();
  bool step_tree();

  Writer writer_;
  FilePolicy policy_;
  SyncPolicy sync_policy_;
  std::unique_ptr<Syncer> syncer_;  // until begin()
  Durability durability_;
  Upkeep upkeep_;
  LineTree* tree_ = nullptr;
  std::optional<FormerLog> old_;
  Encoder encoder_{""};
  std::deque<Batch> pending_;  // not written yet
  Commit committed_;
  RingId present_{};
  u64 batches_ = 0;  // so far
  u64 next_index_ = 0;
  AccountsPace pace_;
  static constexpr u64 roll_retry_ns = 100'000'000, tree_patience_ns = 1'000'000'000;
  static constexpr u64 hashed_in_a_moment = u64{1} << 20;  // bytes
  // Monotonic: of the last sync(), when it first saw the file that is written, and when a new one could not be begun.
  u64 now_ns_ = 0, file_since_ns_ = 0, roll_failed_ns_ = 0;
  u64 file_due_ns_ = 0;  // monotonic: since when a new file is due and waits for the tree; 0: none does
  bool rotates_ = false;
  bool is_file_full_ = false;  // the file may not grow, and what waits goes into a new one
  bool has_news_ = false;      // the file that is written has, or is about to get, more than its first line and heartbeats
  int roll_error_ = 0;
};

}  // namespace shmring::log
