// The daemon's set-up and its loop.
#include "tools/shmringd/daemon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "lib/audit/inspect.hpp"
#include "lib/os/error.hpp"
#include "lib/os/origin.hpp"
#include "lib/os/signals.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/common/exit.hpp"
#include "tools/shmringd/board.hpp"
#include "tools/shmringd/messages.hpp"

namespace shmring::daemon {

namespace {

constexpr u64 entries_every_ns = 100'000'000;
constexpr u64 deaths_every_ns = 10'000'000;  // while it does not sleep; who sleeps is woken
constexpr u64 second_ns = 1'000'000'000;
constexpr u64 store_retry_ns = 100'000'000;
constexpr u64 drain_limit_ns = 5 * second_ns;

int complain(int error) {
  say("shmringd: {}\n", os::last_error());
  return tool::exit_of(error);
}

const char* owner_of(const Options& options) { return options.owner.empty() ? nullptr : options.owner.c_str(); }

audit::Note::Pair number(std::string key, u64 value) { return {std::move(key), std::to_string(value), true}; }

}  // namespace

Host::Host(const ring::Ring& ring)
    : clock_(static_cast<ring::Clock>(ring.geometry.clock)), deaths_(ring),
      calibration_(os::Calibration::of(*ring.header, clock_)) {
  look_at_clocks();
}

void Host::wake(std::atomic<u32>& freed) { os::futex_wake_all(freed); }

bool Store::store(std::span<const audit::Line> lines) {
  int said = 0;
  for (int error = log_.append(lines, ring_); error != 0; error = log_.append(lines, ring_)) {
    if (error == -ESTALE) return give_up();
    if (error != said) say("shmringd: {}; nothing is released until it works\n", os::last_error());
    said = error;
    os::sleep_for(store_retry_ns);
    if (os::stop_requested()) return false;
  }
  if (said != 0) say("shmringd: the log can be written again\n");
  return true;
}

bool Store::in_place() { return log_.in_place() != -ESTALE || give_up(); }

bool Store::give_up() {
  say("shmringd: {}; a new log is begun in its place, where the accounts go on\n", os::last_error());
  lost_ = true;
  return false;
}

int Daemon::set_up(const Options& options) {
  static std::string bus_text;
  bus_text = fmt::format(
      "shmringd: ring {}: its segment was truncated or punched under us; the log ends here and is whole; "
      "`shmring doctor {}` says what is left of the ring\n",
      options.ring, options.ring);
  int error = os::take_signals(tool::damaged, bus_text.c_str());
  if (error == 0) error = os::leave_no_core();
  if (error != 0) {
    say("shmringd: cannot set up signals, or that it leaves no core dump (errno {})\n", -error);
    return tool::io;
  }
  os::raise_descriptor_limit();  // where that is not permitted, it goes on with what it has
  log_dir_ = options.log_dir;
  idle_ = Idle(options.busy);
  if (error = os::check_origin(log_dir_, options.ring); error == 0) error = open_ring(options);
  if (error == 0) {
    if (error = open_log(); error != 0) withdraw(segment_.ring.header->board);
  }
  if (error == 0) return 0;
  const int status = complain(error);
  log_.remove_unused();
  return status;
}

int Daemon::open_ring(const Options& options) {
  int error = find_ring(options);
  if (error == 0) error = os::take_lease(segment_);
  if (error == -ESTALE) {  // it was removed as we came
    segment_ = {};
    error = find_ring(options);
    if (error == 0) error = os::take_lease(segment_);
  }
  if (error == 0) announce(segment_.ring.header->board, os::self(*segment_.ring.header));  // recovery may take long
  return error;
}

// No ring is made for a log that is not ours.
int Daemon::find_ring(const Options& options) {
  const char* const owner = owner_of(options);
  int error = os::attach(options.ring, segment_, owner);
  if (error == -ESTALE || error == -EPROTO) {
    error = move_aside(options, error);
    if (error == 0) error = os::attach(options.ring, segment_, owner);  // somebody may have made it anew by now
  }
  if (error == -ENOENT) {
    if (error = log_.is_claimed() ? 0 : claim_log(options.ring); error != 0) return error;
    error = os::create(options.ring, &options.create);
    if (error != 0 && error != -EEXIST) return error;
    error = os::attach(options.ring, segment_, owner);
  }
  return error;
}

int Daemon::claim_log(const std::string& ring) {
  const int error = log_.claim(log_dir_, ring, recovered_);
  return error != 0 ? error : os::check_origin(log_dir_, ring);  // it may be another's by now
}

int Daemon::move_aside(const Options& options, int refused) {
  if (const int error = audit::move_aside(options.ring, owner_of(options), refused, aside_); error != 0) return error;
  if (aside_.name.empty()) return 0;
  const std::string lost = audit::loss_text(aside_.leftover);
  say("shmringd: ring {}: {}: it was moved aside, and is ring {} now: {}\n", options.ring, aside_.why, aside_.name,
            lost.empty() ? "all that was written into it is in a log, and `shmring gc` removes it"
                         : lost + ": see `shmring doctor " + aside_.name + "`");
  return 0;
}

int Daemon::open_log() {
  auto accounts = [this] { return audit::accounts_line(host_->now_utc_ns(), collector_->accounts()); };
  const ring::RingId& id = segment_.ring.identity;
  int error = log_.is_claimed() ? 0 : claim_log(segment_.name);
  if (error == 0) error = log_.begin(id, accounts, recovered_);
  if (error != 0) return error;
  if (os::record_origin(log_dir_, segment_.name) != 0) say("shmringd: {}; it goes on without\n", os::last_error());
  host_.emplace(segment_.ring);
  store_.emplace(log_, id);
  collector_.emplace(segment_.ring, ring::Pace{}, *host_, *store_);
  return 0;
}

int Daemon::run() {
  while (true) {
    const int status = collect();
    if (!store_->lost()) return status;
    if (!open_log_again()) return tool::io;
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

// As by a new collector: nothing but what the log says, and the ring. False: told to stop before it could be.
bool Daemon::open_log_again() {
  const u64 lines = log_.next_index();
  collector_.reset();
  log_ = {};
  int said = 0;
  for (int error = open_whole_log(lines); error != 0; error = open_whole_log(lines)) {
    if (error != said) say("shmringd: {}; nothing is released until it works\n", os::last_error());
    said = error;
    os::sleep_for(store_retry_ns);
    if (os::stop_requested()) return false;
    collector_.reset();
    log_ = {};
  }
  noted_ = {};
  announce(segment_.ring.header->board, os::self(*segment_.ring.header));
  return true;
}

int Daemon::collect() {
  bool writable = begin();
  bool death = true;  // the first pass looks at the entries
  while (writable && !os::stop_requested()) {
    const u64 now = host_->now_ns();
    writable = pass(death || now - entries_read_ns_ >= entries_every_ns);
    death = false;
    if (writable && now - second_ns_ >= second_ns) {
      second_ns_ = now;
      if (!each_second()) return stop({{"reason", "the ring was unlinked, and is drained to its end"}});
      writable = store_->in_place();
      if (!writable) break;
    }
    const u64 sleep_ns = idle_.after_pass(collector_->taken() > 0 || !collector_->is_idle(), now);
    if (sleep_ns == 0 && now - deaths_asked_ns_ < deaths_every_ns) {
      if (collector_->taken() == 0) ring::HardwareMemory::pause();
      continue;
    }
    deaths_asked_ns_ = now;
    death = host_->deaths().wait(sleep_ns, os::waiting_mask()) > 0;
    if (sleep_ns != 0) count_wakeup(segment_.ring.header->board);
  }
  return writable ? drain() : tool::io;
}

// Accounts of rings that had this name before: nothing of theirs is ever logged any more. Before the first line of this one.
bool Daemon::end_other_rings() {
  std::vector<audit::RecoveredRing> others = recovered_.retired;
  if (recovered_.ring != segment_.ring.identity) others.push_back(recovered_);
  for (const audit::RecoveredRing& other : others) {
    if (other.ring == segment_.ring.identity) continue;
    audit::Ledger ledger(false);
    ledger.recover(other.known());
    ledger.drop_absent([](u64) { return false; }, host_->now_utc_ns());
    if (!ledger.lines().empty() && !Store(log_, other.ring).store(ledger.lines())) return false;
  }
  log_.present(segment_.ring.identity);
  return true;
}

bool Daemon::begin() {
  if (!end_other_rings()) return false;
  if (recovered_.next_index > 0) {
    u64 open = 0;
    for (const audit::RecoveredAccount& account : recovered_.accounts) open += account.open;
    note("recovery", {number("accounts", recovered_.accounts.size()), number("open", open),
                      number("cut_bytes", recovered_.cut_bytes), {"aside", recovered_.aside}});
  }
  const ring::Geometry& geometry = segment_.ring.geometry;
  note("start", {number("pid", os::self(*segment_.ring.header).pid),
                 number("slots", geometry.slots),
                 number("slot_bytes", geometry.slot_bytes),
                 number("lanes", geometry.lanes),
                 {"durability", "write"},
                 {"tier", "T0"},
                 {"ring_id", audit::text_of(segment_.ring.identity)}});
  if (!aside_.name.empty())
    note("incident", {{"what", "the ring that was here was moved aside: " + aside_.why},
                      {"moved_to", std::exchange(aside_.name, "")},
                      number("undrained", aside_.leftover.undrained),
                      number("unlogged", aside_.leftover.unlogged)});
  if (!host_->deaths().can_judge())
    note("incident", {{"what", "other pid or time namespace than the ring's: no producer is ever judged dead"}});
  return collector_->start(recovered_.of(segment_.ring.identity).known());
}

bool Daemon::pass(bool entries_due) {
  host_->look_at_clocks();
  if (entries_due) entries_read_ns_ = host_->now_ns();
  const bool stored = collector_->pass(entries_due);
  if (entries_due) show_progress(segment_.ring.header->board, *collector_, *host_);
  return stored;
}

// False: the ring was unlinked, every producer has ended, and all is in the log.
bool Daemon::each_second() {
  if (const std::int64_t jump = host_->refresh(); jump != 0)
    note("clock", {{"jump_ns", std::to_string(jump), true}});
  show_clock(segment_.ring.header->board, host_->anchor());
  note_conditions();
  if (!noted_.retired && os::unlinked(segment_)) {
    ring::retire<ring::HardwareMemory>(*segment_.ring.header);
    noted_.retired = true;
    note("incident", {{"what", "the ring was unlinked: producers see retired; what is in it is drained"}});
    return true;  // what the last pass saw is older than retired: someone may have attached and written since
  }
  return !(noted_.retired && collector_->is_idle() && collector_->ledger().empty());
}

// Conditions that people should know of: once when they begin.
void Daemon::note_conditions() {
  const ring::Reader<ring::HardwareMemory>& reader = collector_->reader();
  const bool stalled = reader.stalled() > segment_.ring.geometry.slots / 4;
  if (stalled && !noted_.stalled)
    note("incident",
         {{"what", "more than a quarter of a lane is stalled by stopped writers"}, number("slots", reader.stalled())});
  noted_.stalled = stalled;
  if (reader.refused_entries() > noted_.refused_entries)
    note("incident", {{"what", "an entry of the producer table cannot be: its records are not logged"}});
  noted_.refused_entries = reader.refused_entries();
  if (reader.scribbled() > noted_.scribbled)
    note("incident", {{"what", "a slot's state word was scribbled: it costs its slot"}, number("slots", reader.scribbled())});
  noted_.scribbled = reader.scribbled();
  if (reader.repairs() > noted_.repairs)
    note("incident", {{"what", "a lane's head or tail could not be: it was set anew"}});
  noted_.repairs = reader.repairs();
  if (log_.roll_error() != 0 && noted_.roll_error == 0)
    note("incident", {{"what", "no new file can be begun: the log goes on in the old one"},
                      number("errno", static_cast<u64>(-log_.roll_error()))});
  noted_.roll_error = log_.roll_error();
}

// What was there when the stop was asked for; producers that go on writing do not hold us for ever. What they wrote since may
// be left, and that is no failure. A log that is too slow for the rest is one.
int Daemon::drain() {
  const audit::Inspection asked = audit::inspect(segment_, {}, false);
  host_->look_at_clocks();
  const u64 until = host_->now_ns() + drain_limit_ns;
  do {
    if (!pass(true)) return tool::io;
  } while (!collector_->is_idle() && host_->now_ns() < until);
  // Where a pass takes nothing, no later one would: what seems to be left is claimed, or its words were scribbled.
  if (collector_->is_idle() || collector_->taken() == 0) return stop({{"reason", "asked to"}});
  const audit::Inspection now = audit::inspect(segment_, {}, false);
  const u64 left = now.undrained();
  const bool behind = !std::ranges::equal(asked.lanes, now.lanes, std::ranges::less_equal(), &audit::LaneFacts::tail,
                                          &audit::LaneFacts::head);
  say("shmringd: ring {}: ended with {} positions not drained{}: they stay in the ring, the next shmringd logs them\n",
      segment_.name, left, behind ? ", for the log is too slow" : "");
  const int status =
      stop({{"reason", "asked to, and not all is drained: the next collector logs what is left"}, number("left", left)});
  return behind ? tool::io : status;
}

int Daemon::stop(std::vector<audit::Note::Pair> pairs) {
  note("stop", std::move(pairs));
  const bool stored = store_->store(collector_->ledger().lines());
  withdraw(segment_.ring.header->board);
  return stored ? tool::ok : tool::io;
}

void Daemon::note(std::string kind, std::vector<audit::Note::Pair> pairs) {
  collector_->ledger().note({std::move(kind), host_->now_utc_ns(), std::move(pairs)});
}

}  // namespace shmring::daemon
