// One ring that a collector drains: the segment, the pass over it, and what the log has been told of it.
//
// Invariants:
//   - everything that a drain says or logs is about its own ring;
//   - a ring that has lost its name is retired, so that no producer believes that it is collected for ever. It is drained until
//     every producer has ended and all of it is in the log.
#pragma once

#include <string>
#include <vector>

#include "lib/collect/collector.hpp"
#include "lib/inspect/inspect.hpp"
#include "lib/log/files/recovery.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"

namespace shmring::collect {

using ring::u32;
using ring::u64;

// This machine, as the collector's pass asks for it.
class SystemHost : public Host {
 public:
  explicit SystemHost(const ring::Ring& ring);

  void look() override { deaths_.look(); }
  bool dead(u32 entry, u64 owner_word) override { return deaths_.dead(entry, owner_word); }
  void forget(u32 entry) override { deaths_.forget(entry); }
  std::string exe(ring::Owner owner) override { return os::exe_path(owner.pid, owner.start_time); }
  u64 now_utc_ns() override { return now_.utc_ns; }
  u64 now_ns() override { return now_.monotonic_ns; }
  void to_utc(std::span<u64> times) override;
  void wake(std::atomic<u32>& freed) override;
  void wake_waiter(std::atomic<u64>& durable) override;

  // Called once before each pass. Of the three clocks it reads only the ring's if the last reading of all was a moment ago.
  void look_at_clocks();
  // Called once a second. Returns how far the wall clock jumped.
  std::int64_t refresh();

  os::Deaths& deaths() { return deaths_; }
  const os::Anchor& anchor() const { return calibration_.anchor(); }

 private:
  void read_clocks();
  void set_now(const os::Sample& now);

  ring::Clock clock_;
  os::Deaths deaths_;
  os::Calibration calibration_;
  os::Sample read_{};  // the last reading of all clocks
  os::Sample now_{};
};

class Drain {
 public:
  // The caller holds the lease. `known` is what the log says of this ring.
  Drain(os::Segment segment, Log& log, log::RecoveredRing known);

  // Called before the first pass, after what was noted for the log. Here and below, false means that the log holds it up
  // (collector.hpp).
  bool start();
  bool pass(bool entries_due);
  // Appends the lines that were noted since.
  bool append_notes() { return collector_.append_notes(); }
  // Learns how far the log has come (collector.hpp).
  void learn(const log::Commit& commit) { collector_.learn(commit); }
  // Shows that this collector lives although the log holds it up, and how far it has come.
  void show_life();
  // Shows whether the log can be written.
  void show_log_state(bool can_be_written);
  // Writes the last line of a ring that is over. Returns true if that line is in the log.
  bool end();

  // The following are of the last pass.
  bool is_idle() const { return collector_.is_idle(); }
  bool took_nothing() const { return collector_.taken() == 0; }
  bool is_at_rest() const { return is_idle() && took_nothing(); }
  bool is_done() const { return is_idle() || took_nothing(); }  // no later pass would find more of what is there

  void note(std::string kind, std::vector<log::Note::Pair> pairs);
  void note_clock_and_conditions();
  // Retires the ring if its name is gone, so that producers learn it. Lets producers write again if a remover was killed.
  void retire_if_unlinked();
  bool is_retired() const { return retired_; }
  // Returns true if the ring was retired before the producer table was last read, every producer has ended, and all is in the
  // log.
  bool is_over() const {
    return ended_ || (read_retired_ && collector_.is_settled() && collector_.is_idle() && collector_.ledger().empty());
  }

  // Sequences that the log reports as refused since this object began, or as overwritten, because there was no room.
  u64 refused() const;

  const os::Segment& segment() const { return segment_; }
  os::Segment take_segment() { return std::move(segment_); }
  const ring::RingId& id() const { return segment_.ring.identity; }
  SystemHost& host() { return host_; }
  // Includes all lines that were appended. Before start() this is what the log said.
  log::RingAccounts accounts() const { return started_ ? collector_.accounts() : known_.known(); }
  u64 known_accounts() const { return known_.accounts.size(); }
  u64 known_open() const;

 private:
  os::Segment segment_;
  log::RecoveredRing known_;
  SystemHost host_;
  Collector<ring::HardwareMemory> collector_;
  bool started_ = false, retired_ = false, read_retired_ = false, has_passed_ = false, ended_ = false;
  // What the log has been told of the reader's counts.
  struct Noted {
    u64 repairs = 0;
    u32 refused_entries = 0, scribbled = 0;
    bool stalled = false;
  } noted_;
};

inline log::Note::Pair number(std::string key, u64 value) { return {std::move(key), std::to_string(value), true}; }

}  // namespace shmring::collect
