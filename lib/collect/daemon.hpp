// The daemon: one log, the rings that are drained into it, and the loop that calls their passes.
//
// Invariants:
//   - signals are blocked but while it sleeps, so that none comes between a check and a sleep; it sleeps between passes only;
//   - the ring that has the name is the last of those that are drained; one that lost it is drained beside it until all who
//     write into it have ended, and one that nobody drains has its accounts ended before the first line of the present one;
//   - it never gives up what it holds while the log cannot be written: it says so, takes nothing, and tries again until it can,
//     or is told to stop; meanwhile deaths, signals and rings that lose their name are seen, and its heartbeat goes on. A log
//     that was taken away under it is begun anew, as by a new collector, where the accounts go on;
//   - it ends with 0 after a stop line, by SIGBUS's handler if the segment is cut off under it, with −EIO if it was stopped
//     while the log could not be written, or was too slow to drain the ring in time; in each case the log verifies, and what
//     is in no log is still in the ring.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/collect/drain.hpp"
#include "lib/collect/idle.hpp"
#include "lib/collect/settings.hpp"
#include "lib/inspect/aside.hpp"
#include "lib/log/files/appender.hpp"

namespace shmring::collect {

class Daemon final : public Log {
 public:
  // 0, or −errno: what there is to say was said.
  int set_up(const Settings& settings);
  // Until it is told to stop, or nothing is left to be drained: 0, or −errno.
  int run();

 private:
  // Accounts of a ring that nobody drains any more: their last lines are still to be stored.
  struct Ending {
    ring::RingId ring;
    collect::Ledger ledger;
  };

  enum class LogState { ready, failing, lost };  // daemon_log.cpp

  u64 append(std::span<const log::Line> lines, const ring::RingId& of) override;
  log::Commit commit() override;

  int open_ring(const Settings& settings);
  int find_ring(const Settings& settings, os::Segment& segment);
  int claim_log();
  int move_aside(const Settings& settings, int refused);
  int open_log(const ring::RingId& id);
  void make_drains();
  int collect();
  int open_whole_log(u64 lines);
  bool open_log_again();
  void begin();
  void end_other_rings();
  int find_other_rings();
  int take_over(const log::RecoveredRing& other, std::string& why);
  int open_ghost(const log::RecoveredRing& other, const std::vector<u32>& pids, std::string& why);
  bool is_drained(const ring::RingId& id) const;
  void start_present();
  void take_new_ring();
  void each_second();
  void end_drained();
  void write_log();
  void lose_log();
  void show_log_state();
  void look_at_log();
  void wait_for_log();
  void rest(u64 now);
  void sleep_until_death(u64 sleep_ns);
  int drain();
  bool pass(bool entries_due);
  int stop(std::vector<log::Note::Pair> pairs);

  Drain& present() const { return *drains_.back(); }
  log::Accounts accounts() const;
  template <class Condition>
  bool all(Condition condition) const {
    return std::ranges::all_of(drains_, [&](const auto& drain) { return ((*drain).*condition)(); });
  }
  const char* owner() const { return owner_.empty() ? nullptr : owner_.c_str(); }

  std::string ring_, log_dir_, owner_;
  inspect::Aside aside_;  // which the log has not been told of yet
  log::Appender log_;
  log::Recovered recovered_;
  LogState log_state_ = LogState::ready;
  int log_error_ = 0;                  // why it is failing, as it was said last
  std::vector<os::Segment> segments_;  // leased, and not drained yet; the present ring's last
  std::vector<std::unique_ptr<Drain>> drains_;
  std::vector<Ending> endings_;
  Idle idle_;
  u64 entries_read_ns_ = 0, deaths_asked_ns_ = 0, second_ns_ = 0;  // monotonic
  int roll_error_ = 0;                                             // that this log has been told of
  int new_refused_ = 0;  // why a new ring of the name is not drained, as it was said last
  bool death_ = true;    // the next pass reads the producer tables
};

}  // namespace shmring::collect
