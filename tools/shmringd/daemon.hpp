// The daemon: one log, the rings that are drained into it, and the loop that calls their passes.
//
// Invariants:
//   - signals are blocked but while it sleeps, so that none comes between a check and a sleep;
//   - the ring that has the name is the last of those that are drained; one that lost it is drained beside it until all who
//     write into it have ended, and one that nobody drains has its accounts ended before the first line of the present one;
//   - it never gives up what it holds while the log cannot be written: it says so, and tries again until it can, or is told
//     to stop; a log that was taken away under it is begun anew, as by a new collector, where the accounts go on;
//   - it ends with status 0 after a stop line, 5 if the segment is taken from under it, 7 if it was stopped while the log
//     could not be written, or was too slow to drain the ring in time; in each case the log verifies, and what is in no log is
//     still in the ring.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/audit/aside.hpp"
#include "lib/audit/log.hpp"
#include "tools/shmringd/drain.hpp"
#include "tools/shmringd/idle.hpp"
#include "tools/shmringd/options.hpp"

namespace shmring::daemon {

class Daemon {
 public:
  int set_up(const Options& options);
  int run();

 private:
  // Accounts of a ring that nobody drains any more: their last lines are still to be stored.
  struct Ending {
    ring::RingId ring;
    audit::Ledger ledger;
  };

  int open_ring(const Options& options);
  int find_ring(const Options& options, os::Segment& segment);
  int claim_log();
  int move_aside(const Options& options, int refused);
  int open_log();
  void make_drains();
  int collect();
  int open_whole_log(u64 lines);
  bool open_log_again();
  bool begin();
  bool end_other_rings();
  int find_other_rings();
  int take_over(const audit::RecoveredRing& other, std::string& why);
  int open_ghost(const audit::RecoveredRing& other, const std::vector<u32>& pids, std::string& why);
  bool is_drained(const ring::RingId& id) const;
  bool start_present();
  bool take_new_ring();
  bool each_second();
  void note_roll_error();
  bool end_drained();
  void sleep(u64 sleep_ns);
  int drain();
  bool pass(bool entries_due);
  int stop(std::vector<audit::Note::Pair> pairs);

  Drain& present() { return *drains_.back(); }
  const Drain& present() const { return *drains_.back(); }
  audit::Accounts accounts() const;
  template <class Condition>
  bool all(Condition condition) const {
    return std::ranges::all_of(drains_, [&](const auto& drain) { return ((*drain).*condition)(); });
  }
  const char* owner() const { return owner_.empty() ? nullptr : owner_.c_str(); }

  std::string ring_, log_dir_, owner_;
  audit::Aside aside_;  // which the log has not been told of yet
  audit::Log log_;
  audit::Recovered recovered_;
  std::optional<Store> store_;
  std::vector<os::Segment> segments_;  // leased, and not drained yet; the present ring's last
  std::vector<std::unique_ptr<Drain>> drains_;
  std::vector<Ending> endings_;
  Idle idle_;
  u64 entries_read_ns_ = 0, deaths_asked_ns_ = 0, second_ns_ = 0;  // monotonic
  int roll_error_ = 0;   // that this log has been told of
  int new_refused_ = 0;  // why a new ring of the name is not drained, as it was said last
  bool death_ = true;    // the next pass reads the producer tables
};

}  // namespace shmring::daemon
