// The daemon's set-up and its loop.
#include "lib/collect/daemon.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "lib/os/error.hpp"
#include "lib/os/origin.hpp"
#include "lib/os/signals.hpp"
#include "lib/os/wakeup.hpp"
#include "lib/collect/board.hpp"
#include "lib/collect/messages.hpp"

namespace shmring::collect {

namespace {

constexpr u64 entries_every_ns = 100'000'000;
constexpr u64 deaths_every_ns = 10'000'000;  // while it does not sleep; who sleeps is woken
constexpr u64 second_ns = 1'000'000'000;
constexpr u64 drain_limit_ns = 5 * second_ns;

void complain() { say("shmringd: {}\n", os::last_error()); }

}  // namespace

int Daemon::set_up(const Settings& settings) {
  static std::string bus_text;
  bus_text = fmt::format(
      "shmringd: ring {}: its segment was truncated or punched under us; the log ends here and is whole; "
      "`shmring doctor {}` says what is left of the ring\n",
      settings.ring, settings.ring);
  int error = os::take_signals(settings.status_if_damaged, bus_text.c_str());
  if (error == 0) error = os::leave_no_core();
  if (error != 0) {
    say("shmringd: cannot set up signals, or that it leaves no core dump (errno {})\n", -error);
    return -EIO;
  }
  os::raise_descriptor_limit();  // where that is not permitted, it goes on with what it has
  ring_ = settings.ring, log_dir_ = settings.log_dir, owner_ = settings.owner;
  idle_ = Idle(settings.busy);
  if (error = os::check_origin(log_dir_, settings.ring); error == 0) error = open_ring(settings);
  if (error == 0) {
    if (error = open_log(); error != 0) withdraw(segments_.back().ring.header->board);
  }
  if (error == 0) {
    make_drains();
    error = find_other_rings();  // nothing is written yet: whoever starts it again finds all as it was
    for (const std::unique_ptr<Drain>& drain : drains_)
      if (error != 0) withdraw(drain->board());
  }
  if (error == 0) return 0;
  complain();
  log_.remove_unused();
  return error;
}

int Daemon::open_ring(const Settings& settings) {
  os::Segment segment;
  int error = find_ring(settings, segment);
  if (error == 0) error = os::take_lease(segment);
  if (error == -ESTALE) {  // it was removed as we came
    segment = {};
    error = find_ring(settings, segment);
    if (error == 0) error = os::take_lease(segment);
  }
  if (error != 0) return error;
  announce(segment.ring.header->board, os::self(*segment.ring.header));  // recovery may take long
  segments_.push_back(std::move(segment));
  return 0;
}

// No ring is made for a log that is not ours.
int Daemon::find_ring(const Settings& settings, os::Segment& segment) {
  int error = os::attach(ring_, segment, owner());
  if (error == -ESTALE || error == -EPROTO) {
    error = move_aside(settings, error);
    if (error == 0) error = os::attach(ring_, segment, owner());  // somebody may have made it anew by now
  }
  if (error == -ENOENT) {
    if (error = log_.is_claimed() ? 0 : claim_log(); error != 0) return error;
    error = os::create(ring_, &settings.create);
    if (error != 0 && error != -EEXIST) return error;
    error = os::attach(ring_, segment, owner());
  }
  return error;
}

int Daemon::claim_log() {
  const int error = log_.claim(log_dir_, ring_, recovered_);
  return error != 0 ? error : os::check_origin(log_dir_, ring_);  // it may be another's by now
}

int Daemon::move_aside(const Settings& settings, int refused) {
  if (const int error = inspect::move_aside(settings.ring, owner(), refused, aside_); error != 0) return error;
  if (aside_.name.empty()) return 0;
  const std::string lost = inspect::loss_text(aside_.leftover);
  say("shmringd: ring {}: {}: it was moved aside, and is ring {} now: {}\n", settings.ring, aside_.why, aside_.name,
            lost.empty() ? "all that was written into it is in a log, and `shmring gc` removes it"
                         : lost + ": see `shmring doctor " + aside_.name + "`");
  return 0;
}

int Daemon::open_log() {
  int error = log_.is_claimed() ? 0 : claim_log();
  if (error == 0) error = log_.begin(segments_.back().ring.identity, [this] { return accounts(); }, recovered_);
  if (error != 0) return error;
  if (os::record_origin(log_dir_, ring_) != 0) say("shmringd: {}; it goes on without\n", os::last_error());
  return 0;
}

// The log is open, and nothing was logged of them since it was recovered.
void Daemon::make_drains() {
  store_.emplace(log_);
  for (os::Segment& segment : segments_) {
    log::RecoveredRing known = recovered_.of(segment.ring.identity);
    drains_.push_back(std::make_unique<Drain>(std::move(segment), *store_, std::move(known)));
  }
  segments_.clear();
}

// As of all lines that were given out.
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

int Daemon::run() {
  while (true) {
    const int status = collect();
    if (!store_->lost()) return status;
    if (!open_log_again()) return -EIO;
  }
}

// 0: the log is a new one, or has all `lines` that were written. Where only its last file has gone, what is left says less
// than was logged: it would make losses of events.
int Daemon::open_whole_log(u64 lines) {
  if (const int error = open_log(); error != 0) return error;
  if (recovered_.next_index == 0 || recovered_.next_index >= lines) return 0;
  return os::fail(EBADMSG, "log %s: its end is gone, lines %llu to %llu by index; put them back, or move what is left away",
                  log_dir_.c_str(), static_cast<unsigned long long>(recovered_.next_index),
                  static_cast<unsigned long long>(lines - 1));
}

// As by a new collector: nothing but what the log says, and the rings. False: told to stop before it could be.
bool Daemon::open_log_again() {
  const u64 lines = log_.next_index();
  for (const std::unique_ptr<Drain>& drain : drains_) segments_.push_back(drain->take_segment());
  drains_.clear();
  endings_.clear();
  log_ = {};
  int said = 0;
  for (int error = open_whole_log(lines); error != 0; error = open_whole_log(lines)) {
    if (error != said) say("shmringd: {}; nothing is released until it works\n", os::last_error());
    said = error;
    os::sleep_for(store_retry_ns);
    if (os::stop_requested()) return false;
    log_ = {};
  }
  for (const os::Segment& segment : segments_) announce(segment.ring.header->board, os::self(*segment.ring.header));
  make_drains();
  find_other_rings();
  roll_error_ = 0;
  return true;
}

int Daemon::collect() {
  bool writable = begin();
  death_ = true;  // the first pass looks at the entries
  while (writable && !os::stop_requested()) {
    const u64 now = present().host().now_ns();
    writable = pass(death_ || now - entries_read_ns_ >= entries_every_ns);
    death_ = false;
    if (writable && now - second_ns_ >= second_ns) {
      second_ns_ = now;
      writable = each_second() && store_->in_place();
      if (!writable) break;
      if (all(&Drain::is_over)) {
        const int status = stop({{"reason", "the ring was unlinked, and is drained to its end"}});
        return status != 0 || new_refused_ == 0 ? status : new_refused_;
      }
    }
    const bool busy = !all(&Drain::is_at_rest);
    const u64 sleep_ns = idle_.after_pass(busy, now);
    if (sleep_ns == 0 && now - deaths_asked_ns_ < deaths_every_ns) {
      if (all(&Drain::took_nothing)) ring::HardwareMemory::pause();
      continue;
    }
    deaths_asked_ns_ = now;
    sleep(sleep_ns);
  }
  return writable ? drain() : -EIO;
}

void Daemon::sleep(u64 sleep_ns) {
  std::vector<os::Deaths*> deaths;
  for (const std::unique_ptr<Drain>& drain : drains_) deaths.push_back(&drain->host().deaths());
  death_ = os::Deaths::wait(deaths, sleep_ns, os::waiting_mask()) > 0;
  if (sleep_ns != 0)
    for (const std::unique_ptr<Drain>& drain : drains_) count_wakeup(drain->board());
}

bool Daemon::pass(bool entries_due) {
  for (const std::unique_ptr<Drain>& drain : drains_)
    if (!drain->pass(entries_due)) return false;
  if (entries_due) entries_read_ns_ = present().host().now_ns();
  return true;
}

bool Daemon::begin() {
  if (!end_other_rings()) return false;
  if (recovered_.next_index > 0)
    present().note("recovery", {number("accounts", present().known_accounts()), number("open", present().known_open()),
                                number("cut_bytes", recovered_.cut_bytes), {"aside", recovered_.aside}});
  if (!start_present()) return false;
  for (std::size_t i = 0; i + 1 < drains_.size(); ++i)
    if (!drains_[i]->start()) return false;
  return true;
}

// The ring that lines speak of from here on.
bool Daemon::start_present() {
  const ring::Ring& ring = present().segment().ring;
  log_.present(ring.identity);
  present().note("start", {number("pid", os::self(*ring.header).pid),
                           number("slots", ring.geometry.slots),
                           number("slot_bytes", ring.geometry.slot_bytes),
                           number("lanes", ring.geometry.lanes),
                           {"durability", "write"},
                           {"tier", "T0"},
                           {"ring_id", log::text_of(ring.identity)}});
  if (!aside_.name.empty())
    present().note("incident", {{"what", "the ring that was here was moved aside: " + aside_.why},
                                {"moved_to", std::exchange(aside_.name, "")},
                                number("undrained", aside_.leftover.undrained),
                                number("unlogged", aside_.leftover.unlogged)});
  return present().start();
}

bool Daemon::each_second() {
  for (const std::unique_ptr<Drain>& drain : drains_) {
    drain->note_clock_and_conditions();
    drain->retire_if_unlinked();
  }
  note_roll_error();
  if (present().is_retired() && !take_new_ring()) return false;
  return end_drained();
}

void Daemon::note_roll_error() {
  if (log_.roll_error() != 0 && roll_error_ == 0)
    present().note("incident", {{"what", "no new file can be begun: the log goes on in the old one"},
                                number("errno", static_cast<u64>(-log_.roll_error()))});
  roll_error_ = log_.roll_error();
}

// What was there when the stop was asked for; producers that go on writing do not hold us for ever. What they wrote since may
// be left, and that is no failure. A log that is too slow for the rest is one.
int Daemon::drain() {
  std::vector<inspect::Inspection> asked;
  for (const std::unique_ptr<Drain>& drain : drains_) asked.push_back(inspect::read_segment(drain->segment(), {}, false));
  present().host().look_at_clocks();
  const u64 until = present().host().now_ns() + drain_limit_ns;
  do {
    if (!pass(true)) return -EIO;
  } while (!all(&Drain::is_idle) && present().host().now_ns() < until);
  // Where a pass takes nothing, no later one would: what seems to be left is claimed, or its words were scribbled.
  if (all(&Drain::is_done)) return stop({{"reason", "asked to"}});
  u64 left = 0;
  bool behind = false;
  for (std::size_t i = 0; i < drains_.size(); ++i) {
    const inspect::Inspection now = inspect::read_segment(drains_[i]->segment(), {}, false);
    left += now.undrained();
    behind = behind || !std::ranges::equal(asked[i].lanes, now.lanes, std::ranges::less_equal(), &inspect::LaneFacts::tail,
                                           &inspect::LaneFacts::head);
  }
  say("shmringd: ring {}: ended with {} positions not drained{}: they stay in the ring, the next shmringd logs them\n", ring_,
      left, behind ? ", for the log is too slow" : "");
  const int status =
      stop({{"reason", "asked to, and not all is drained: the next collector logs what is left"}, number("left", left)});
  return behind ? -EIO : status;
}

int Daemon::stop(std::vector<log::Note::Pair> pairs) {
  present().note("stop", std::move(pairs));
  bool stored = true;
  for (const std::unique_ptr<Drain>& drain : drains_) {
    stored = stored && drain->store_notes();
    withdraw(drain->board());
  }
  return stored ? 0 : -EIO;
}

}  // namespace shmring::collect
