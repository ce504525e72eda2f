// The daemon's log is a state of its loop, and never a wait inside a pass.
//
//   ready     what is appended is written at once
//   held      the disk is behind by as much as may be in memory, or a file that it did not take is written again: nothing is
//             taken from any ring, until the sync thread says how it went
//   failing   it cannot be written: nothing is taken from any ring, and each turn of the loop tries again
//   lost      it was taken away: a new log is begun in its place, as by a new collector
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/collect/daemon.hpp"
#include "lib/collect/messages.hpp"
#include "lib/collect/shown.hpp"
#include "lib/os/error.hpp"
#include "lib/os/origin.hpp"
#include "lib/os/signals.hpp"

namespace shmring::collect {
namespace {

constexpr u64 log_retry_ns = 100'000'000;
constexpr u64 sync_limit_ns = 5'000'000'000;
constexpr u64 measure_every_ns = 10'000'000'000;

}  // namespace

int Daemon::claim_log() {
  log_.set_policy(files_);
  log_.set_durability(durability_);
  const int error = log_.claim(log_dir_, ring_);
  return error != 0 ? error : os::check_origin(log_dir_, ring_);  // it may belong to another ring by now
}

int Daemon::read_log() {
  if (log_is_read_) return 0;
  int error = move_old_log();
  if (error == 0) error = log_.recover(recovered_);
  log_is_read_ = error == 0;
  return error;
}

// A log that is empty, and lies on another file system than the one before, lies below a mount point whose file system is gone.
int Daemon::check_device(u64 device) {
  const u64 here = log_.device();
  if (device == 0 || here == 0 || device == here || recovered_.next_index != 0) return 0;
  log_.remove_unused();
  return os::fail(EXDEV,
                  "log %s: it is empty and lies on device %u:%u, but ring %s was collected into a log on device %u:%u: nothing "
                  "is written here; mount that file system, or copy the whole log to here",
                  log_dir_.c_str(), gnu_dev_major(here), gnu_dev_minor(here), ring_.c_str(), gnu_dev_major(device),
                  gnu_dev_minor(device));
}

int Daemon::open_log(const ring::RingId& id) {
  int error = read_log();
  if (error == 0 && seal_policy_) error = open_seal();
  if (error == 0) error = log_.begin(id, recovered_);
  if (error != 0) return error;
  if (os::record_origin(log_dir_, ring_) != 0) warn("shmringd: {}; it goes on without that link\n", os::last_error());
  return 0;
}

// A log that cannot go on makes room for a new one, if a person asks for it, or a start before has begun with it.
int Daemon::move_old_log() {
  if (!seal_policy_) {
    if (!log::is_old_log_moving(log_.directory())) return 0;
    return os::fail(EINVAL, "log %s: --new-log was cut short here, and only a start with the seal can finish it",
                    log_dir_.c_str());
  }
  log::Secrets secrets;
  int error = secrets.open(seal_policy_->state, true);
  if (error == 0) error = secrets.lock();
  const bool is_wanted = std::exchange(begins_new_log_, false);
  if (error == 0) error = log::move_old_log(log_.directory(), log_dir_, secrets, is_wanted, os::utc_now_ns(), old_log_);
  if (error == 0 && old_log_) log_.set_old_log(*old_log_);
  return error;
}

// Nothing but the first line of the new log names the old one, so that line is durable by now. If this fails, the next start
// does it.
void Daemon::forget_old_log() {
  warn("shmringd: log {}: a new log has begun; the old one is in {}/{}, and its keys are erased: give away those in {}/keys\n",
       log_dir_, log_dir_, old_log_->folder, log_dir_);
  old_log_.reset();
  if (log::forget_old_log(log_.directory(), log_dir_) != 0) warn("shmringd: {}; the next start does that\n", os::last_error());
}

int Daemon::open_seal() {
  try {
    seal_ = std::make_unique<log::Sealing>();
    if (const int error = seal_->open(log_.directory(), log_dir_, ring_, *seal_policy_, files_.group, recovered_.next_index))
      return error;
  } catch (const std::exception& problem) {
    return os::fail(ENOMEM, "log %s: cannot set up its seal: %s", log_dir_.c_str(), problem.what());
  }
  log_.set_tree(*seal_);
  return 0;
}

// Includes all lines that were appended.
log::Accounts Daemon::accounts() const {
  std::vector<log::RingAccounts> retired;
  for (std::size_t i = 0; i + 1 < drains_.size(); ++i) retired.push_back(drains_[i]->accounts());
  for (const Ending& ending : endings_) {
    if (ending.ledger.empty()) continue;
    retired.push_back(ending.ledger.accounts());
    retired.back().ring = ending.ring;
  }
  return log::accounts_line(present().host().now_utc_ns(), present().accounts(), std::move(retired));
}

u64 Daemon::append(std::span<const log::Line> lines, const ring::RingId& of) {
  const u64 batch = log_.append(lines, of);
  if (log_.accounts_are_due()) log_.append(accounts());
  return batch;
}

log::Commit Daemon::commit() {
  if (log_state_ != LogState::lost && log_.has_pending()) write_log();
  return log_.committed();
}

void Daemon::write_log() {
  const int error = log_.write();
  if (error == -ESTALE) return lose_log();
  if (error != 0) ++log_failures_, log_error_text_ = os::last_error();
  if (error == 0 && log_.has_pending()) return;  // it is held
  const LogState before = std::exchange(log_state_, error == 0 ? LogState::ready : LogState::failing);
  log_error_ = error;
  if (log_state_ != before) show_log_state(), look_at_troubles();
  if (error != 0) keep_log();  // what the limits remove may make room
  if (log_.wants_new_file()) log_.begin_new_file(accounts());
}

// Learns what the sync thread did. What became durable is shown in the producers' entries by the next learn().
void Daemon::sync_log() {
  if (log_state_ == LogState::lost) return;
  log_.sync(present().host().now_ns());
  if (old_log_ && log_.committed().durable > 0) forget_old_log();
  note_voided();
  const int error = log_.durability().error();
  if (std::exchange(sync_error_, error) != error) look_at_troubles();
  if (log_.wants_new_file()) log_.begin_new_file(accounts());
  if (log_state_ == LogState::failing && !log_.is_held()) return;
  const LogState now = log_.is_held() ? LogState::held : LogState::ready;
  if (std::exchange(log_state_, now) != now) show_log_state();
}

void Daemon::note_voided() {
  while (const std::optional<log::Voided> voided = log_.take_voided()) {
    const char* const what =
        voided->code == "unsynced" ? "lines that an earlier collector did not sync were written again into another file"
        : voided->code == "file_cut"
            ? "another program cut a file of the log or wrote to it: what was in memory was written into another file"
            : "a file that the disk did not take was written again into another file";
    std::vector<log::Note::Pair> pairs{{"what", what}, {"file", voided->file}, number("void", voided->from)};
    if (voided->error != 0) pairs.push_back(number("errno", static_cast<u64>(-voided->error)));
    pairs.push_back({"code", voided->code});
    present().note("incident", std::move(pairs));
  }
}

// Waits until all that was written is durable, but not for ever.
void Daemon::finish_syncs() {
  log_.hurry();
  const u64 until = os::monotonic_now_ns() + sync_limit_ns;
  for (u64 now = 0; now < until && !log_.durability().is_durable();) {
    now = os::monotonic_now_ns();
    log_.sync(now);
    if (!log_.durability().is_durable()) sleep_until_death(log_retry_ns);
  }
}

// At the end, waits until all is written, and durable and signed if that was promised, but not for ever. Returns false if it
// is not; what could not be signed is only an alarm.
bool Daemon::sync_all() {
  const bool promised = durability_.level != log::Level::write || seal_ != nullptr;
  if (promised) log_.hurry();
  if (seal_ != nullptr) seal_->hurry();
  const u64 until = os::monotonic_now_ns() + sync_limit_ns;
  while (log_state_ != LogState::lost) {
    commit();
    sync_log();
    for (const std::unique_ptr<Drain>& drain : drains_) drain->learn(log_.committed());
    const bool is_done = !log_.has_pending() && (!promised || log_.durability().is_durable());
    const u64 now = os::monotonic_now_ns();
    if (is_done && (is_all_signed() || now >= until)) return true;
    if (log_state_ == LogState::failing || now >= until) break;
    sleep_until_death(until - now);
  }
  if (log_state_ == LogState::lost || log_.has_pending()) return !log_.has_pending();
  say("shmringd: log {}: ended before the disk had taken all of it: what is not durable is written again by the next "
      "shmringd\n",
      log_dir_);
  return false;
}

void Daemon::lose_log() {
  warn("shmringd: {}; a new log begins in its place, and the accounts go on there\n", os::last_error());
  log_state_ = LogState::lost;
  is_log_lost_ = true;
  show_log_state();
}

void Daemon::show_log_state() {
  for (const std::unique_ptr<Drain>& drain : drains_)
    drain->show_log_state(log_state_ != LogState::failing && log_state_ != LogState::lost);
  tell_state();
  metrics_due_ns_ = 0;
}

void Daemon::keep_log() {
  std::string text;
  const int error = log_.keep(present().host().now_utc_ns(), text);
  if (error != 0 && error != keep_error_) warn("shmringd: {}; the files stay as they are, and shmringd tries again\n", text);
  keep_error_ = error;
  const bool is_blocked = log_.is_blocked(retain_error_, text);
  retain_text_ = text;
  if (is_blocked && !retain_blocked_) {
    std::vector<log::Note::Pair> pairs{{"what", text}};
    if (retain_error_ != 0) pairs.push_back(number("errno", static_cast<u64>(-retain_error_)));
    pairs.push_back({"code", "retain_blocked"});
    present().note("incident", std::move(pairs));
  }
  retain_blocked_ = is_blocked;
}

// The sizes are looked at seldom: a log may have many files.
void Daemon::show_log_figures() {
  const u64 now = present().host().now_ns();
  if (measured_ns_ == 0 || now - measured_ns_ >= measure_every_ns) {
    measured_ns_ = now;
    log_.measure(figures_.bytes, figures_.free_bytes);
  }
  figures_.device = log_.device(), figures_.undurable_ns = log_.durability().undurable_ns();
  figures_.signed_ns = seal_ ? seal_->signed_ns() : 0;
  figures_.durable_index = log_.committed().durable, figures_.next_index = log_.committed().index;
  for (const std::unique_ptr<Drain>& drain : drains_) show_log(drain->segment(), figures_);
  keep_log();
  show_alarm_state();
}

// Nothing is taken from a ring meanwhile. But deaths are seen, an observer sees that the collector lives, and a signal ends the
// wait.
void Daemon::wait_for_log() {
  for (const std::unique_ptr<Drain>& drain : drains_) {
    drain->host().look_at_clocks();
    drain->show_life();
  }
  look_at_troubles();
  show_alive(present().host().now_ns());
  messages.tell_held_back();
  if (log_state_ != LogState::lost) sleep_until_death(log_retry_ns);
}

void Daemon::look_at_log() {
  if (log_state_ != LogState::lost && log_.in_place() == -ESTALE) lose_log();
  if (log_.roll_error() != 0 && roll_error_ == 0)
    present().note("incident", {{"what", "a new file cannot be created: the log goes on in the old one"},
                                number("errno", static_cast<u64>(-log_.roll_error()))});
  roll_error_ = log_.roll_error();
  if (const int error = std::exchange(reserve_error_, log_.reserve_error()); error == 0 && reserve_error_ != 0)
    warn(
        "shmringd: log {}: no room can be reserved in its file ({}): when the disk is full, a line may be torn, and shmringd "
        "cuts it back\n",
        log_dir_, std::strerror(-reserve_error_));
}

// The file is small, and read from memory unless the forwarder has just replaced it.
void Daemon::look_at_archive() {
  if (log_state_ == LogState::lost) return;
  std::optional<std::string> text;
  const int error = asks_for_archive() ? log::read_archived(log_.directory(), text) : 0;
  u64 before = 0;
  if (archived_.look(error, text, log_.committed().index, before) && archived_.problem().empty())
    warn("shmringd: log {}: the archive has the lines below {} now, and had those below {}; what it does not have is kept\n",
         log_dir_, archived_.index(), before);
  if (!archived_.problem().empty()) ++archived_failures_;
  log_.set_archived(archived_.index());
  figures_.archived_plus_1 = asks_for_archive() ? archived_.index() + 1 : 0;
  figures_.unarchived_ns =
      asks_for_archive() ? archive_lag_.look(log_.committed().index, archived_.index(), present().host().now_ns()) : 0;
}

// Returns 0 if the log is a new one, or has all `lines` that were written. If only the last file is gone, the log that is left
// says less than was logged, and would turn events into losses.
int Daemon::open_whole_log(u64 lines, u64 device) {
  log_ = {}, log_is_read_ = false, archived_ = {}, archive_lag_ = {};
  int error = claim_log();
  if (error == 0) error = read_log();
  if (error == 0) error = check_device(device);
  if (error != 0) return error;
  if (recovered_.next_index == 0 || recovered_.next_index >= lines) return open_log(present().id());
  return os::fail(EBADMSG,
                  "log %s: its end is gone: the lines with the indexes %llu to %llu are missing; put them back, or move what "
                  "is left elsewhere",
                  log_dir_.c_str(), static_cast<unsigned long long>(recovered_.next_index),
                  static_cast<unsigned long long>(lines - 1));
}

// Opens the log as a new collector would, with nothing but what the log and the rings say. Returns false if the daemon was told
// to stop before it succeeded.
bool Daemon::open_log_again() {
  const u64 lines = log_.committed().index, device = log_.device();
  // The new log goes on from there. What the old one was promised to have is synced first, wherever it lies by now.
  if (durability_.level != log::Level::write) finish_syncs();
  for (const std::unique_ptr<Drain>& drain : drains_) drain->learn(log_.committed());
  log_error_ = 0;
  while (const int error = open_whole_log(lines, device)) {
    log_error_ = error, log_error_text_ = os::last_error(), ++log_failures_;
    for (const std::unique_ptr<Drain>& drain : drains_) drain->retire_if_unlinked();
    log_state_ = LogState::failing;
    wait_for_log();
    if (os::stop_requested()) return false;
  }
  look_at_troubles();  // it was lost, if only for a moment
  is_log_lost_ = false;
  for (const std::unique_ptr<Drain>& drain : drains_) {
    refused_by_ended_ += drain->refused();
    segments_.push_back(drain->take_segment());
  }
  drains_.clear();
  endings_.clear();
  for (const os::Segment& segment : segments_) announce(segment, durability_.level);
  make_drains();
  find_other_rings();
  log_state_ = LogState::ready;
  log_error_ = sync_error_ = roll_error_ = 0;
  return true;
}

}  // namespace shmring::collect
