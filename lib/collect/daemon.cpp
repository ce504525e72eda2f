// The set-up of the daemon, and its loop.
#include "lib/collect/daemon.hpp"

#include <algorithm>
#include <utility>

#include "lib/collect/messages.hpp"
#include "lib/collect/shown.hpp"
#include "lib/os/error.hpp"
#include "lib/os/origin.hpp"
#include "lib/os/signals.hpp"
#include "lib/os/wakeup.hpp"

namespace shmring::collect {
namespace {

constexpr u64 entries_every_ns = 100'000'000;
constexpr u64 deaths_every_ns = 10'000'000;  // while it does not sleep; a sleeping daemon is woken
constexpr u64 second_ns = 1'000'000'000;
constexpr u64 drain_limit_ns = 5 * second_ns;

}  // namespace

int Daemon::set_up(const Settings& settings) {
  static std::string bus_text;
  bus_text = messages.marked(
      Priority::error,
      fmt::format("shmringd: ring {}: its file was truncated, or a hole was punched into it, while shmringd used it; the log "
                  "ends here and is whole; `shmring doctor {}` says what is left of the ring\n",
                  settings.ring, settings.ring));
  int error = os::take_signals(settings.status_if_damaged, bus_text.c_str());
  if (error == 0) error = os::leave_no_core();
  if (error != 0) {
    say("shmringd: cannot set up the signal handlers, or turn core dumps off (errno {})\n", -error);
    return -EIO;
  }
  os::raise_descriptor_limit();  // if that is not permitted, it goes on with the limit it has
  ring_ = settings.ring, log_dir_ = settings.log_dir, owner_ = settings.owner, durability_ = settings.durability;
  idle_ = Idle(settings.busy), heartbeat_ = Heartbeat(settings.heartbeat_ns);
  files_ = settings.files, reload_ = settings.reload, metrics_ = MetricsFile(settings.metrics_file);
  seal_policy_ = settings.seal, begins_new_log_ = settings.begins_new_log;
  open_notify();
  // The log's lock comes first, always: of several collectors that start at once, the one that has it gets the ring, too. If
  // some took the ring first, each could refuse the other, and none would be left.
  error = os::check_origin(log_dir_, settings.ring);
  u64 device = 0;
  if (error == 0) error = claim_log();
  if (error == 0) error = open_ring(settings, device);
  if (error == 0) {
    error = read_log();
    if (error == 0) error = check_device(device);
    if (error == 0) error = open_log(segments_.back().ring.identity);
    if (error != 0) withdraw(segments_.back());
  }
  if (error == 0) {
    make_drains();
    error = find_other_rings();  // nothing is written yet, so a new start finds everything as it was
    for (const std::unique_ptr<Drain>& drain : drains_)
      if (error != 0) withdraw(drain->segment());
  }
  if (error == 0) return 0;
  say("shmringd: {}\n", os::last_error());
  log_.remove_unused();
  return error;
}

// Sets `log_device` to where the ring was collected before: 0: it is not known, or it was not.
int Daemon::open_ring(const Settings& settings, u64& log_device) {
  os::Segment segment;
  int error = find_ring(settings, segment);
  if (error == 0) error = os::take_lease(segment);
  if (error == -ESTALE) {  // it was removed while we came
    segment = {};
    error = find_ring(settings, segment);
    if (error == 0) error = os::take_lease(segment);
  }
  if (error != 0) return error;
  log_device = device_seen(segment);
  announce(segment, durability_.level);  // recovery may take long
  segments_.push_back(std::move(segment));
  return 0;
}

// No ring is made for a log that is not ours.
int Daemon::find_ring(const Settings& settings, os::Segment& segment) {
  int error = os::attach(ring_, segment, owner());
  if (error == -ESTALE || error == -EPROTO) {
    error = move_aside(settings, error);
    if (error == 0) error = os::attach(ring_, segment, owner());  // somebody may have made it again by now
  }
  if (error == -ENOENT) {
    if (error = read_log(); error != 0) return error;
    error = os::create(ring_, &settings.create);
    if (error != 0 && error != -EEXIST) return error;
    error = os::attach(ring_, segment, owner());
  }
  return error;
}

int Daemon::move_aside(const Settings& settings, int refused) {
  if (const int error = inspect::move_aside(settings.ring, owner(), refused, aside_); error != 0) return error;
  if (aside_.name.empty()) return 0;
  const std::string lost = inspect::loss_text(aside_.leftover);
  warn("shmringd: ring {}: {}: it was moved aside, and is now ring {}: {}\n", settings.ring, aside_.why, aside_.name,
       lost.empty() ? "all that was written into it is in a log, and `shmring gc` removes it"
                    : lost + ": see `shmring doctor " + aside_.name + "`");
  return 0;
}

// Called when the log is open and nothing was logged of these rings since it was recovered.
void Daemon::make_drains() {
  for (os::Segment& segment : segments_) {
    log::RecoveredRing known = recovered_.of(segment.ring.identity);
    drains_.push_back(std::make_unique<Drain>(std::move(segment), *this, std::move(known)));
  }
  segments_.clear();
}

int Daemon::run() {
  while (true) {
    const int error = collect();
    if (log_state_ != LogState::lost) return error;
    if (!open_log_again()) return -EIO;
  }
}

int Daemon::collect() {
  begin();
  notify_.tell("READY=1");
  tell_state();
  death_ = true;  // the first pass looks at the entries
  while (log_state_ != LogState::lost && !os::stop_requested()) {
    take_requests();
    const u64 now = present().host().now_ns();
    show_alive(now);
    const bool passed = pass(death_ || now - entries_read_ns_ >= entries_every_ns);
    if (passed) death_ = false;
    if (now - second_ns_ >= second_ns) {
      second_ns_ = now;
      each_second();
      if (passed && all(&Drain::is_over)) {
        const int error = stop({{"reason", "the ring was unlinked, and is drained to its end"}});
        return error != 0 || new_refused_ == 0 ? error : new_refused_;
      }
    }
    if (passed) {
      rest(now);
    } else {
      wait_for_log();
    }
  }
  if (log_state_ == LogState::lost) return -ESTALE;
  notify_.tell("STOPPING=1");
  return drain();
}

void Daemon::rest(u64 now) {
  const u64 sleep_ns = idle_.after_pass(!all(&Drain::is_at_rest), now);
  if (sleep_ns == 0 && now - deaths_asked_ns_ < deaths_every_ns) {
    if (all(&Drain::took_nothing)) ring::HardwareMemory::pause();
    return;
  }
  deaths_asked_ns_ = now;
  sleep_until_death(sleep_ns);
}

void Daemon::sleep_until_death(u64 sleep_ns) {
  std::vector<os::Deaths*> deaths;
  for (const std::unique_ptr<Drain>& drain : drains_) deaths.push_back(&drain->host().deaths());
  const u64 now = present().host().now_ns(), due = log_.durability().due_ns();
  sleep_ns = due <= now ? 0 : std::min(sleep_ns, due - now);
  const int hashed = seal_ ? seal_->descriptor() : -1;
  const int ended = os::Deaths::wait(deaths, sleep_ns, os::waiting_mask(), {log_.durability().descriptor(), hashed});
  if (ended > 0) death_ = true;
  if (ended < 0 && ended != -EINTR) os::sleep_for(sleep_ns);  // it could not wait for deaths
  if (sleep_ns != 0)
    for (const std::unique_ptr<Drain>& drain : drains_) count_wakeup(drain->segment());
}

// While a line waits for the log, nothing is taken from any ring. Each collector learns what is committed before any of them
// takes more, because another log may have to go on from there.
bool Daemon::pass(bool entries_due) {
  commit();
  sync_log();
  for (const std::unique_ptr<Drain>& drain : drains_) drain->learn(log_.committed());
  if (log_.has_pending() || log_.is_held()) return false;
  for (const std::unique_ptr<Drain>& drain : drains_)
    if (!drain->pass(entries_due)) return false;
  if (entries_due) entries_read_ns_ = present().host().now_ns();
  return true;
}

// If the log cannot be written, the first pass waits for it.
void Daemon::begin() {
  end_other_rings();
  if (recovered_.next_index > 0)
    present().note("recovery", {number("accounts", present().known_accounts()),
                                number("open", present().known_open()),
                                number("cut_bytes", recovered_.cut_bytes),
                                {"aside", recovered_.aside}});
  start_present();
  for (std::size_t i = 0; i + 1 < drains_.size(); ++i) drains_[i]->start();
}

// Sets the ring that lines speak of from here on.
void Daemon::start_present() {
  const ring::Ring& ring = present().segment().ring;
  log_.present(ring.identity);
  present().note("start", {number("pid", os::self(*ring.header).pid),
                           number("slots", ring.geometry.slots),
                           number("slot_bytes", ring.geometry.slot_bytes),
                           number("lanes", ring.geometry.lanes),
                           {"durability", log::name_of(durability_.level)},
                           {"tier", "T0"},
                           {"ring_id", log::text_of(ring.identity)}});
  if (!aside_.name.empty())
    present().note("incident", {{"what", "the ring that had this name was moved aside: " + aside_.why},
                                {"moved_to", std::exchange(aside_.name, "")},
                                number("undrained", aside_.leftover.undrained),
                                number("unlogged", aside_.leftover.unlogged)});
  present().start();
}

void Daemon::each_second() {
  for (const std::unique_ptr<Drain>& drain : drains_) {
    drain->note_clock_and_conditions();
    drain->retire_if_unlinked();
  }
  look_at_log();
  look_at_archive();
  look_at_troubles();
  show_log_figures();
  show_that_it_lives();
  messages.tell_held_back();
  if (present().is_retired()) take_new_ring();
  end_drained();
}

// Drains what was there when the stop was asked for, so that producers which go on writing do not hold the daemon for ever. It
// is no failure to leave what they wrote since. It is one if the log is too slow for the rest.
int Daemon::drain() {
  std::vector<inspect::Inspection> asked;
  for (const std::unique_ptr<Drain>& drain : drains_) asked.push_back(inspect::read_segment(drain->segment(), {}, false));
  present().host().look_at_clocks();
  const u64 until = present().host().now_ns() + drain_limit_ns;
  bool passed = false;
  do {
    if (passed = pass(true); passed) continue;
    if (log_state_ != LogState::held && !log_.is_held()) return -EIO;
    wait_for_log();
  } while ((!passed || !all(&Drain::is_idle)) && present().host().now_ns() < until);
  // If a pass takes nothing, no later one would: what seems to be left is claimed, or its words were scribbled over. Of a drain
  // that the log has held up, that is not known.
  if (passed && all(&Drain::is_done)) return stop({{"reason", "asked to"}});
  u64 left = 0;
  bool behind = false;
  for (std::size_t i = 0; i < drains_.size(); ++i) {
    const inspect::Inspection now = inspect::read_segment(drains_[i]->segment(), {}, false);
    left += now.undrained();
    behind = behind || !std::ranges::equal(asked[i].lanes, now.lanes, std::ranges::less_equal(), &inspect::LaneFacts::tail,
                                           &inspect::LaneFacts::head);
  }
  say("shmringd: ring {}: ended with {} positions not drained{}: they stay in the ring, and the next shmringd logs them\n",
      ring_, left, behind ? ", since the log is too slow" : "");
  const int error =
      stop({{"reason", "asked to, and not all is drained: the next collector logs what is left"}, number("left", left)});
  return behind ? -EIO : error;
}

int Daemon::stop(std::vector<log::Note::Pair> pairs) {
  end_troubles();
  present().note("stop", std::move(pairs));
  for (const std::unique_ptr<Drain>& drain : drains_) drain->append_notes();
  const bool stored = sync_all();
  if (stored) log_.give_back_reserve();
  for (const std::unique_ptr<Drain>& drain : drains_) withdraw(drain->segment());
  write_metrics();
  return stored ? 0 : -EIO;
}

}  // namespace shmring::collect
