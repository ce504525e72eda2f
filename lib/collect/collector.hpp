// The collector's pass: the fixed order in which shared memory, ledger and log meet. It runs on one thread.
//
//   1 entries · 2 tails · 3 walk · 4 stalled slots · 5 events and gaps · 6 losses and closings · append · commit · 7 release ·
//   8 publish head · 9 free what is closed
//
// Invariants:
//   - the log is the only commit record. No slot is released and no entry freed before its lines are committed. The one
//     exception is chunks that use up the room of an overwriting lane (reassembly.hpp);
//   - a pass never waits. If the log cannot be written now, the pass is held up at that batch and the next call goes on with
//     it; nothing is taken until that pass has ended;
//   - losses are decided after the stalled list was looked at in the same pass;
//   - a collector may die between any two steps. The next one knows from the log alone what is over.
//
// Memory is a template parameter for the explorer; host and log are interfaces (world.hpp).
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "lib/collect/awaited.hpp"
#include "lib/collect/reassembly.hpp"
#include "lib/collect/type_names.hpp"
#include "lib/collect/world.hpp"
#include "lib/ring/reader.hpp"

namespace shmring::collect {

// How long a walk that found nothing waits before it reads the tail.
inline constexpr u64 tail_patience_ns = 1'000'000;
// The number of records that become lines before these are appended. While there are few accounts, it bounds the lines between
// two accounts lines.
inline constexpr std::size_t records_a_batch = 512;

template <class M>
class Collector {
 public:
  Collector(const ring::Ring& ring, ring::Pace pace, Host& host, Log& log)
      : ring_(ring), pace_(pace), host_(host), log_(log), reader_(ring, pace), names_(ring), reassembly_(ring.slot_payload()),
        ledger_(ring.geometry.on_full == static_cast<u32>(ring::OnFull::overwrite)), waiting_since_(ring.geometry.lanes) {}

  // Called before the first pass: reads what the log says of this ring, then every slot, then the entries. Returns true if all
  // lines are committed.
  bool start(const RingAccounts& known);

  // Makes one pass. If the log has held up an earlier pass, this finishes that one first. `entries_due` asks to look at the
  // producer table too. Returns false if the log holds the pass up.
  bool pass(bool entries_due);

  // Appends the lines that were noted since. Returns true if all lines so far are committed.
  bool append_notes() { return commit_lines(); }
  // Learns how far the log has come, and shows it in the producers' entries. Returns true if all that was appended is
  // committed.
  bool learn(const log::Commit& commit);
  // Returns true if no pass is held up and all that was appended is committed.
  bool is_settled() const { return !under_way_ && appended_ == 0; }

  // The following are of the last pass.
  std::size_t taken() const { return reader_.taken().size(); }
  bool is_idle() const { return reader_.is_idle(); }  // the walk of every lane found nothing

  // Tells the producer of this life that all its sequences up to `through` are where the level promises them.
  void note_durable(u32 entry, u64 incarnation, u64 through) {
    if (reader_.note_durable(entry, incarnation, through)) host_.wake_waiter(ring_.entries[entry].durable);
  }

  void note(Note note) { ledger_.note(std::move(note)); }
  const Ledger& ledger() const { return ledger_; }
  // What is in the log since this collector began. The ledger may be ahead by a batch that the log has not taken yet.
  u64 logged_events() const { return logged_events_; }
  const Causes& logged_losses() const { return logged_losses_; }
  // Includes all lines that were appended.
  RingAccounts accounts() const {
    RingAccounts all = ledger_.accounts();
    all.ring = ring_.identity;
    return all;
  }
  const ring::Reader<M>& reader() const { return reader_; }

 private:
  void take(bool entries_due);
  void read_tails();
  void meet();
  void reassemble();
  void name_and_time();
  bool finish();
  bool next_lines();
  bool commit_lines();
  bool is_still_idle();
  void tell_waiters(u64 index);
  // What the log says already is told at once: a later pass may free an entry, and what is told after that is the next life's.
  bool is_committed() { return (appended_ == 0 && advances_.empty()) || learn(log_.commit()); }
  void publish();

  ring::Ring ring_;
  ring::Pace pace_;
  Host& host_;
  Log& log_;
  ring::Reader<M> reader_;
  TypeNames<M> names_;
  Reassembly reassembly_;
  Ledger ledger_;
  std::vector<u64> waiting_since_;  // monotonic; 0: the walk of this lane has not reached an end

  // The following are of the pass that is under way.
  bool under_way_ = false;
  std::vector<ring::Observation> ripe_;
  std::vector<Record> records_;
  std::vector<u64> times_;
  std::size_t entered_ = 0;  // records that have become lines
  bool settled_ = true;      // what ripe_ decides has become lines too

  u64 appended_ = 0;  // our last batch that may not be committed yet; 0: none
  u64 logged_events_ = 0;
  Causes logged_losses_;
  std::vector<Advance> advances_;  // of the accounts, by lines that are not committed yet
  Awaited awaited_;                // of the accounts, by lines that are in the log, but not yet where the level promises them
};

template <class M>
bool Collector<M>::start(const RingAccounts& known) {
  ledger_.recover(known);
  reader_.look_over();
  reader_.begin_pass();
  reader_.read_entries(host_);
  meet();
  ledger_.drop_absent([&](u64 incarnation) { return reader_.names_entry(incarnation); }, host_.now_utc_ns());
  // Whoever waits is told by this collector what the last one may not have told any more.
  ledger_.append_known(advances_);
  return commit_lines();
}

template <class M>
bool Collector<M>::pass(bool entries_due) {
  if (!is_committed() || (under_way_ && !finish())) return false;
  if (!entries_due && is_still_idle()) return true;
  take(entries_due);
  return finish();
}

// Returns true if a whole pass would change nothing: no line waits, and all lanes are as they were, also tails that are due.
// A polling collector makes many such passes, and the sooner one ends the sooner it sees a record. One that sleeps finds its
// caches cold when it wakes, and the less it looks at, the less of a processor it takes.
template <class M>
bool Collector<M>::is_still_idle() {
  if (!ledger_.lines().empty() || !reader_.is_still_idle()) return false;
  const u64 now = host_.now_ns();
  for (u32 lane = 0; lane < reader_.lanes(); ++lane) {
    if (waiting_since_[lane] == 0) return false;
    if (now - waiting_since_[lane] < tail_patience_ns) continue;
    if (reader_.has_tail_moved(lane)) return false;
    waiting_since_[lane] = now;
  }
  return true;
}

template <class M>
bool Collector<M>::finish() {
  while (next_lines()) {
    if (!commit_lines()) return false;
  }
  publish();
  return true;
}

// Makes steps 1 to 4, and brings what was taken into the form in which it is logged.
template <class M>
void Collector<M>::take(bool entries_due) {
  under_way_ = true, settled_ = false, entered_ = 0;
  ledger_.begin_pass();
  reader_.begin_pass();
  if (entries_due) {
    reader_.read_entries(host_);
    reader_.read_tails();
  } else {
    read_tails();
  }
  reader_.walk(pace_.slots_a_pass);
  reader_.revisit();
  meet();
  ripe_ = reader_.ripe();
  reassemble();
  name_and_time();
}

// Step 2 between two readings of the entries. It reads a tail only if the walk has waited for a while, since each look at a
// tail costs its writers a cache line.
template <class M>
void Collector<M>::read_tails() {
  for (u32 lane = 0; lane < reader_.lanes(); ++lane) {
    if (waiting_since_[lane] == 0 || host_.now_ns() - waiting_since_[lane] < tail_patience_ns) continue;
    reader_.read_tail(lane);
    waiting_since_[lane] = 0;
  }
}

template <class M>
void Collector<M>::meet() {
  for (u64 incarnation : reader_.vanished()) {
    ledger_.note({"incident",
                  host_.now_utc_ns(),
                  {{"what", "an entry of the producer table was overwritten: its account ends here"},
                   {"inc", std::to_string(incarnation), true}}});
    ledger_.drop(incarnation, host_.now_utc_ns());
  }
  std::vector<Arrival> arrivals;
  for (const ring::Attachment& who : reader_.attachments()) arrivals.push_back({who, host_.exe(who.owner)});
  ledger_.meet(arrivals, host_.now_utc_ns());
}

// Between steps 4 and 5, chunks become records, or are known to belong to none.
template <class M>
void Collector<M>::reassemble() {
  reassembly_.begin_pass();
  for (const ring::RawRecord& taken : reader_.taken()) reassembly_.add(taken, ledger_);
  reassembly_.drop(ripe_);
  for (u32 lane = 0; lane < reader_.lanes(); ++lane)
    if (reader_.lacks_room(lane)) reassembly_.make_room(lane);
}

template <class M>
void Collector<M>::name_and_time() {
  records_.clear(), times_.clear();
  const auto is_timed = [](const ring::RawRecord& taken) {
    return taken.fault == ring::RawRecord::Fault::none && taken.header->ticks != 0;
  };
  for (const ring::RawRecord& taken : reassembly_.whole())
    if (is_timed(taken)) times_.push_back(taken.header->ticks);
  host_.to_utc(times_);
  const u64 now = host_.now_utc_ns();
  auto time = times_.begin();
  for (const ring::RawRecord& taken : reassembly_.whole()) {
    const bool sound = taken.fault == ring::RawRecord::Fault::none;
    records_.push_back({taken, is_timed(taken) ? *time++ : now, sound ? names_.of(taken.header->type) : std::string_view{}});
  }
  order(records_);
}

// Steps 5 and 6, in slices, so that no batch is long. Each slice is complete for every account, since the whole is in order.
// Returns false if the pass has no more lines.
template <class M>
bool Collector<M>::next_lines() {
  if (settled_) return false;
  const u64 now = host_.now_utc_ns();
  const std::size_t count = std::min(records_a_batch, records_.size() - entered_);
  ledger_.enter(std::span<const Record>(records_).subspan(entered_, count), now);
  entered_ += count;
  if (entered_ < records_.size()) return true;
  ledger_.settle(ripe_, now);
  settled_ = true;
  return true;
}

template <class M>
bool Collector<M>::commit_lines() {
  if (!ledger_.lines().empty()) appended_ = log_.append(ledger_.lines(), ring_.identity);
  ledger_.take_advances(advances_);
  ledger_.clear_lines();
  return is_committed();
}

// The accounts are told after each batch, not once per pass: another log may have to go on from here.
template <class M>
bool Collector<M>::learn(const log::Commit& commit) {
  tell_waiters(std::min(commit.durable, commit.archived));
  if (commit.batch < appended_) return false;
  if (std::exchange(appended_, 0) != 0) logged_events_ = ledger_.events(), logged_losses_ = ledger_.losses();
  for (const Advance& advance : advances_) {
    reader_.note_logged(advance.entry, advance.through, advance.refused);
    awaited_.add(commit.index, advance);
  }
  advances_.clear();
  return true;
}

template <class M>
void Collector<M>::tell_waiters(u64 index) {
  awaited_.tell(index, [this](const Advance& it) { note_durable(it.entry, it.incarnation, it.through); });
}

// Steps 7, 8, 9.
template <class M>
void Collector<M>::publish() {
  reader_.release(reassembly_.releasable());
  for (u32 lane = 0; lane < reader_.lanes(); ++lane) {
    if (reader_.publish_head(lane)) host_.wake(ring_.lanes[lane].freed);
    if (!reader_.waits_at_head(lane)) {
      waiting_since_[lane] = 0;
    } else if (waiting_since_[lane] == 0) {
      waiting_since_[lane] = host_.now_ns();
    }
  }
  reader_.free_entries(ledger_.closed(), host_);
  ledger_.forget_closed();
  under_way_ = false;
}

}  // namespace shmring::collect
