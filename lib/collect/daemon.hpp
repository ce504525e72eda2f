// The daemon: one log, the rings that are drained into it, and the loop that calls their passes.
//
// Invariants:
//   - signals are blocked except while the daemon sleeps, so that none comes between a check and a sleep. It sleeps only
//     between passes;
//   - the ring that has the name is the last of those that are drained. A ring that lost its name is drained beside it until
//     all its writers have ended. If nobody can drain such a ring, its accounts are ended before the present ring's first line;
//   - the daemon never gives up what it holds while the log cannot be written. It reports that, takes nothing, and tries again
//     until it succeeds or is told to stop. Meanwhile it still sees deaths, signals and rings that lose their name, and its
//     heartbeat goes on. If the log was taken away under it, it begins a new log where the accounts go on, as a new collector
//     would;
//   - it ends with 0 after a stop line. If the segment is cut off under it, SIGBUS's handler ends it. It ends with −EIO if it
//     was stopped while the log could not be written, or if the log was too slow to drain the ring in time. In each case the
//     log verifies, and what is in no log is still in the ring.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "lib/collect/archive_lag.hpp"
#include "lib/collect/drain.hpp"
#include "lib/collect/heartbeat.hpp"
#include "lib/collect/idle.hpp"
#include "lib/collect/metrics_file.hpp"
#include "lib/collect/outage.hpp"
#include "lib/collect/settings.hpp"
#include "lib/inspect/aside.hpp"
#include "lib/log/files/appender.hpp"
#include "lib/log/files/archived.hpp"
#include "lib/log/seal/new_log.hpp"
#include "lib/log/seal/sealing.hpp"
#include "lib/os/notify.hpp"

namespace shmring::collect {

class Daemon final : public Log {
 public:
  // Returns 0, or −errno; then the message was already given.
  int set_up(const Settings& settings);
  // Runs until it is told to stop or nothing is left to be drained. Returns 0 or −errno.
  int run();

 private:
  // The accounts of a ring that nobody drains any more. Their last lines are still to be stored.
  struct Ending {
    ring::RingId ring;
    Ledger ledger;
  };

  enum class LogState { ready, held, failing, lost };  // daemon_log.cpp

  u64 append(std::span<const log::Line> lines, const ring::RingId& of) override;
  log::Commit commit() override;

  int open_ring(const Settings& settings, u64& log_device);
  int find_ring(const Settings& settings, os::Segment& segment);
  int claim_log();
  int read_log();
  int move_aside(const Settings& settings, int refused);
  int open_log(const ring::RingId& id);
  int open_seal();
  int move_old_log();
  void forget_old_log();
  void make_drains();
  int collect();
  int open_whole_log(u64 lines, u64 device);
  int check_device(u64 device);
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
  void sync_log();
  void note_voided();
  bool sync_all();
  bool is_seal_stuck() const { return seal_ != nullptr && seal_->is_stuck(); }
  bool is_all_signed() const { return seal_ == nullptr || seal_->is_signed() || seal_->error() != 0; }
  void finish_syncs();
  void lose_log();
  void show_log_state();
  void show_log_figures();
  // daemon_trouble.cpp
  Trouble trouble(ring::AlarmCode code) const;
  void look_at_troubles();
  void say_of(ring::AlarmCode code, Condition::News news) const;
  void note_full_disk();
  void note_outage(ring::AlarmCode code);
  void end_troubles();
  void show_alarm_state();
  void show_that_it_lives();
  void keep_log();
  void look_at_log();
  void look_at_archive();
  bool asks_for_archive() const { return files_.retain.archived || durability_.level == log::Level::archived; }
  void wait_for_log();
  void take_requests();
  void reload();
  void open_notify();
  void show_alive(u64 now_ns);
  void write_metrics();
  void tell_state();
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
  log::SyncPolicy durability_;
  inspect::Aside aside_;  // the log has not been told of it yet
  std::optional<log::SealPolicy> seal_policy_;
  bool begins_new_log_ = false;
  std::optional<log::FormerLog> old_log_;  // that the one which begins has taken the place of
  std::unique_ptr<log::Sealing> seal_;     // if the log is sealed; it outlives the appender
  log::Appender log_;
  log::Recovered recovered_;
  bool log_is_read_ = false;  // recovered_ is set
  LogState log_state_ = LogState::ready;
  bool is_log_lost_ = false;  // from then until a new one has begun
  int log_error_ = 0;         // why the log is failing, or why a new one cannot be begun; with its text
  int sync_error_ = 0;        // why the disk does not take it
  std::string log_error_text_;
  int reserve_error_ = 0;     // why no room can be reserved, as reported last
  u64 log_failures_ = 0;      // attempts that failed
  u64 refused_by_ended_ = 0;  // of drains that are over: Drain::refused()
  // By AlarmCode. Where the disk is only slow, a second passes before that is a trouble.
  std::array<Condition, ring::alarm_codes> conditions_{
      Condition{}, Condition{}, Condition{}, Condition{}, Condition{1'000'000'000},
      Condition{}, Condition{}, Condition{}, Condition{}};
  ring::LogFigures figures_;
  u64 measured_ns_ = 0;          // monotonic: when the sizes among them were looked at
  int keep_error_ = 0;           // why files are not compressed, as reported last
  int retain_error_ = 0;         // why the log is not kept within its limits; 0: no more may be removed
  bool retain_blocked_ = false;  // as reported last; with its text
  std::string retain_text_;
  log::ArchivedLines archived_;
  ArchiveLag archive_lag_;
  u64 archived_failures_ = 0;          // looks that found no such text
  std::vector<os::Segment> segments_;  // leased, and not drained yet; the present ring's is last
  std::vector<std::unique_ptr<Drain>> drains_;
  std::vector<Ending> endings_;
  Idle idle_;
  Heartbeat heartbeat_;
  log::FilePolicy files_;
  std::function<Reloaded()> reload_;
  os::Notify notify_;
  static constexpr u64 alive_every_ns = 1'000'000'000;
  static constexpr u64 metrics_every_ns = 15'000'000'000;
  MetricsFile metrics_;
  u64 alive_told_ns_ = 0, metrics_due_ns_ = 0;                     // monotonic
  u64 entries_read_ns_ = 0, deaths_asked_ns_ = 0, second_ns_ = 0;  // monotonic
  int roll_error_ = 0;                                             // that this log has been told of
  int new_refused_ = 0;  // why a new ring of the name is not drained, as reported last
  bool death_ = true;    // the next pass reads the producer tables
};

}  // namespace shmring::collect
