// What others ask of the daemon while it runs, and what it tells its service manager.
#include <utility>

#include "lib/collect/daemon.hpp"
#include "lib/collect/messages.hpp"
#include "lib/inspect/metrics.hpp"
#include "lib/log/format/json.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/signals.hpp"

namespace shmring::collect {

// Called between two passes. While the log is lost a request waits, since a note has no ring to stand under.
void Daemon::take_requests() {
  if (os::take_reload_request()) reload();
  if (os::take_rotate_request()) log_.rotate();
}

void Daemon::reload() {
  if (!reload_) return tell("shmringd: SIGHUP: there is nothing to reload: shmringd was started without --config\n");
  notify_.tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", os::monotonic_now_ns() / 1000));
  const Reloaded found = reload_();
  if (!found.error.empty()) {
    say("shmringd: {}; nothing of the file was taken over, and shmringd goes on as before\n", found.error);
  } else if (found.changes.empty()) {
    tell("shmringd: the configuration was read again: nothing has changed\n");
  } else {
    files_ = found.files;
    log_.set_policy(files_);
    idle_ = Idle(found.busy);
    heartbeat_ = Heartbeat(found.heartbeat_ns);
    for (const Change& change : found.changes) {
      tell("shmringd: {} is now {}, and was {}\n", change.key, change.to, change.from);
      present().note("config", {{"key", change.key}, {"from", change.from}, {"to", change.to}});
    }
  }
  notify_.tell("READY=1");
}

void Daemon::open_notify() {
  if (notify_.open() == 0) return;
  std::string what;
  log::append_escaped(what, os::last_error());  // it repeats the variable, which may contain anything
  warn("shmringd: {}\n", what);
}

// The service manager's watchdog is fed about once a second, also while the log cannot be written: a collector that waits for a
// disk is not stuck. At such a moment the metrics are written, too, every 15 seconds and after a change of the log's state.
void Daemon::show_alive(u64 now_ns) {
  if (now_ns - alive_told_ns_ < alive_every_ns) return;
  alive_told_ns_ = now_ns;
  notify_.tell("WATCHDOG=1");
  if (now_ns < metrics_due_ns_) return;
  metrics_due_ns_ = now_ns + metrics_every_ns;
  write_metrics();
}

void Daemon::write_metrics() {
  if (!metrics_.is_wanted()) return;
  Host& host = present().host();
  metrics_.write(inspect::metrics_text(inspect::read_figures(present().segment()), host.now_ns(), host.now_utc_ns()));
}

void Daemon::tell_state() {
  switch (log_state_) {
    case LogState::ready: return notify_.tell("STATUS=It collects.");
    case LogState::held: return notify_.tell("STATUS=The disk is behind: nothing is taken from the ring.");
    case LogState::failing: return notify_.tell("STATUS=The log cannot be written: nothing is taken from the ring.");
    case LogState::lost: return notify_.tell("STATUS=The log was taken away: a new one is to begin in its place.");
  }
}

}  // namespace shmring::collect
