// The collector's pass: the fixed order in which shared memory, ledger and log meet. One thread.
//
//   1 entries · 2 tails · 3 walk · 4 stalled slots · 5 events and gaps · 6 losses and closings · append · 7 release ·
//   8 publish head · 9 free what is closed
//
// Invariants:
//   - the log is the only commit record: nothing is released, and no entry freed, before its lines are stored; but for chunks
//     that use up the room of an overwriting lane (assembly.hpp);
//   - losses are decided after the stalled list was looked at, in the same pass;
//   - a collector may die between any two steps: the next one knows from the log alone what is over.
//
// `Host` is the world outside: bool dead(entry, owner_word), void forget(entry), std::string exe(owner), u64 utc(ticks),
// u64 now_utc_ns(), u64 now_ns() (monotonic), void wake(lane's freed word). `Log` is bool store(lines): false ends the pass at
// once and for good. Both are templates for the explorer's sake.
#pragma once

#include <span>
#include <vector>

#include "lib/collect/reassembly.hpp"
#include "lib/collect/type_names.hpp"
#include "lib/ring/reader.hpp"

namespace shmring::collect {

// A walk that found nothing reads the tail after so long.
inline constexpr u64 tail_patience_ns = 1'000'000;
// Records that become lines before these are stored: bounds the lines between two accounts lines.
inline constexpr std::size_t records_a_batch = 512;

template <class M, class Host, class Log>
class Collector {
 public:
  Collector(const ring::Ring& ring, ring::Pace pace, Host& host, Log& log)
      : ring_(ring), pace_(pace), host_(host), log_(log), reader_(ring, pace), names_(ring),
        reassembly_(ring.slot_payload()), ledger_(ring.geometry.on_full == static_cast<u32>(ring::OnFull::overwrite)),
        waiting_since_(ring.geometry.lanes) {}

  // Before the first pass: what the log says of this ring, then every slot, then the entries. False: the log cannot be written.
  bool start(const RingAccounts& known);

  // One pass. `entries_due`: look at the producer table too. False: the log cannot be written; stop.
  bool pass(bool entries_due);

  // Of the last pass.
  std::size_t taken() const { return reader_.taken().size(); }
  bool is_idle() const { return reader_.is_idle(); }  // every lane's walk found nothing

  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }
  RingAccounts accounts() const {
    RingAccounts all = ledger_.accounts();
    all.ring = ring_.identity;
    return all;
  }
  const ring::Reader<M>& reader() const { return reader_; }

 private:
  void read_tails();
  void meet();
  bool store();
  void assemble(const std::vector<ring::Snapshot>& ripe);
  bool enter();
  void publish();

  ring::Ring ring_;
  ring::Pace pace_;
  Host& host_;
  Log& log_;
  ring::Reader<M> reader_;
  TypeNames<M> names_;
  Reassembly reassembly_;
  Ledger ledger_;
  std::vector<u64> waiting_since_;  // monotonic; 0: the walk of this lane is not at an end
  std::vector<Delivery> deliveries_;
};

template <class M, class Host, class Log>
bool Collector<M, Host, Log>::start(const RingAccounts& known) {
  ledger_.recover(known);
  reader_.look_over();
  reader_.begin_pass();
  reader_.read_entries(host_);
  meet();
  ledger_.drop_absent([&](u64 incarnation) { return reader_.names_entry(incarnation); }, host_.now_utc_ns());
  return store();
}

template <class M, class Host, class Log>
bool Collector<M, Host, Log>::pass(bool entries_due) {
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
  const std::vector<ring::Snapshot> ripe = reader_.ripe();
  assemble(ripe);
  if (!enter()) return false;
  ledger_.settle(ripe, host_.now_utc_ns());
  if (!store()) return false;
  publish();
  return true;
}

// Step 2 between two readings of the entries: only where the walk has waited for a while, for each look at a tail costs its
// writers a cache line.
template <class M, class Host, class Log>
void Collector<M, Host, Log>::read_tails() {
  for (u32 lane = 0; lane < reader_.lanes(); ++lane) {
    if (waiting_since_[lane] == 0 || host_.now_ns() - waiting_since_[lane] < tail_patience_ns) continue;
    reader_.read_tail(lane);
    waiting_since_[lane] = 0;
  }
}

template <class M, class Host, class Log>
void Collector<M, Host, Log>::meet() {
  for (u64 incarnation : reader_.vanished()) {
    ledger_.note({"incident", host_.now_utc_ns(),
                  {{"what", "an entry of the producer table was overwritten: its account ends here"},
                   {"inc", std::to_string(incarnation), true}}});
    ledger_.drop(incarnation, host_.now_utc_ns());
  }
  std::vector<Arrival> arrivals;
  for (const ring::Newcomer& who : reader_.newcomers()) arrivals.push_back({who, host_.exe(who.owner)});
  ledger_.meet(arrivals, host_.now_utc_ns());
}

template <class M, class Host, class Log>
bool Collector<M, Host, Log>::store() {
  if (!ledger_.lines().empty() && !log_.store(ledger_.lines())) return false;
  ledger_.clear_lines();
  // After each append, not once a pass: another log may have to go on from here.
  for (const Ledger::Moved& moved : ledger_.moved()) reader_.note_logged(moved.entry, moved.through, moved.refused);
  return true;
}

// Between steps 4 and 5: chunks become records, or are known to belong to none.
template <class M, class Host, class Log>
void Collector<M, Host, Log>::assemble(const std::vector<ring::Snapshot>& ripe) {
  reassembly_.begin_pass();
  for (const ring::Taken& taken : reader_.taken()) reassembly_.add(taken, ledger_);
  reassembly_.drop(ripe);
  for (u32 lane = 0; lane < reader_.lanes(); ++lane)
    if (reader_.lacks_room(lane)) reassembly_.make_room(lane);
}

// Step 5. In slices, so that no batch is long; each is complete for every account, since the whole is in order.
template <class M, class Host, class Log>
bool Collector<M, Host, Log>::enter() {
  deliveries_.clear();
  const u64 now = host_.now_utc_ns();
  for (const ring::Taken& taken : reassembly_.whole()) {
    const bool sound = taken.fault == ring::Taken::Fault::none;
    deliveries_.push_back({taken, sound && taken.header->ticks != 0 ? host_.utc(taken.header->ticks) : now,
                           sound ? names_.of(taken.header->type) : std::string_view{}});
  }
  order(deliveries_);
  for (std::size_t at = 0; at < deliveries_.size(); at += records_a_batch) {
    if (at != 0 && !store()) return false;
    const std::size_t count = std::min(records_a_batch, deliveries_.size() - at);
    ledger_.enter(std::span<const Delivery>(deliveries_).subspan(at, count), now);
  }
  return true;
}

// Steps 7, 8, 9.
template <class M, class Host, class Log>
void Collector<M, Host, Log>::publish() {
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
  ledger_.forget(ledger_.closed());
}

}  // namespace shmring::collect
