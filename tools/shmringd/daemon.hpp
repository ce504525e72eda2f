// The daemon: one segment, one log, and the loop that calls the collector's pass.
//
// Invariants:
//   - signals are blocked but while it sleeps, so that none comes between a check and a sleep;
//   - it never gives up what it holds while the log cannot be written: it says so, and tries again until it can, or is told
//     to stop; a log that was taken away under it is begun anew, as by a new collector, where the accounts go on;
//   - it ends with status 0 after a stop line, 5 if the segment is taken from under it, 7 if it was stopped while the log
//     could not be written, or was too slow to drain the ring in time; in each case the log verifies, and what is in no log is
//     still in the ring.
#pragma once

#include <csignal>
#include <optional>
#include <span>
#include <string>

#include "lib/audit/aside.hpp"
#include "lib/audit/collector.hpp"
#include "lib/audit/log.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "tools/shmringd/idle.hpp"
#include "tools/shmringd/options.hpp"

namespace shmring::daemon {

using ring::u32;
using ring::u64;

// The world outside, for the collector's pass.
class Host {
 public:
  explicit Host(const ring::Ring& ring);

  bool dead(u32 entry, u64 owner_word) { return deaths_.dead(entry, owner_word); }
  void forget(u32 entry) { deaths_.forget(entry); }
  std::string exe(ring::Owner owner) { return os::exe_path(owner.pid, owner.start_time); }
  u64 utc(u64 ticks) { return calibration_.to_utc(ticks, now_.ticks); }
  u64 now_utc_ns() const { return now_.utc_ns; }
  u64 now_ns() const { return now_.monotonic_ns; }
  void wake(std::atomic<u32>& freed);

  // Once before each pass.
  void look_at_clocks() { now_ = os::take_sample(clock_); }
  // Once a second: how far the wall clock jumped.
  std::int64_t refresh() { return calibration_.refresh(now_); }

  os::Deaths& deaths() { return deaths_; }
  const os::Anchor& anchor() const { return calibration_.anchor(); }

 private:
  ring::Clock clock_;
  os::Deaths deaths_;
  os::Calibration calibration_;
  os::Sample now_{};
};

// The log, for the collector's pass: whole batches of one ring's lines, however long it takes.
class Store {
 public:
  Store(audit::Log& log, const ring::RingId& ring) : log_(log), ring_(ring) {}
  // False: told to stop while the log cannot be written, or it is lost.
  bool store(std::span<const audit::Line> lines);
  // The log is where it was; false: it is lost.
  bool in_place();
  bool lost() const { return lost_; }

 private:
  bool give_up();
  audit::Log& log_;
  ring::RingId ring_;
  bool lost_ = false;  // removed, moved or replaced under us
};

class Daemon {
 public:
  int set_up(const Options& options);
  int run();

 private:
  using Collector = audit::Collector<ring::HardwareMemory, Host, Store>;

  int open_ring(const Options& options);
  int find_ring(const Options& options);
  int claim_log(const std::string& ring);
  int move_aside(const Options& options, int refused);
  int open_log();
  int collect();
  int open_whole_log(u64 lines);
  bool open_log_again();
  bool begin();
  bool end_other_rings();
  bool each_second();
  int drain();
  bool pass(bool entries_due);
  void note(std::string kind, std::vector<audit::Note::Pair> pairs);
  void note_conditions();
  int stop(std::vector<audit::Note::Pair> pairs);

  os::Segment segment_;
  audit::Aside aside_;  // which the log has not been told of yet
  std::string log_dir_;
  audit::Log log_;
  audit::Recovered recovered_;
  std::optional<Host> host_;
  std::optional<Store> store_;
  std::optional<Collector> collector_;
  Idle idle_;
  u64 entries_read_ns_ = 0, deaths_asked_ns_ = 0, second_ns_ = 0;  // monotonic
  // What this log has been told, of what the present reader has counted.
  struct Noted {
    u64 repairs = 0;
    u32 refused_entries = 0, scribbled = 0;
    int roll_error = 0;
    bool stalled = false, retired = false;
  } noted_;
};

}  // namespace shmring::daemon
