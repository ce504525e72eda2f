// The troubles of the daemon's log: what is the case, and how people learn of it. Each has a code, which is on the status page
// while the trouble lasts, and so in the metrics and alerts. It is in a message when the trouble begins, each minute, and when
// it ends; and then in an incident line.
#include <cerrno>
#include <cstring>

#include "lib/collect/daemon.hpp"
#include "lib/collect/messages.hpp"
#include "lib/collect/shown.hpp"
#include "lib/log/format/time.hpp"

namespace shmring::collect {
namespace {

using enum ring::AlarmCode;
using News = Condition::News;

// The one that is on the status page if there are several.
constexpr ring::AlarmCode by_weight[] = {log_elsewhere, log_lost,     log_failing,    disk_failing,
                                         disk_behind,   seal_failing, retain_blocked, archived_bad};

const char* text_of(ring::AlarmCode code) {
  switch (code) {
    case log_failing: return "the log could not be written: nothing was taken from the ring";
    case log_lost: return "the log was taken away: this one was begun in its place";
    case log_elsewhere: return "the log's file system was gone: nothing was taken from the ring";
    case disk_failing: return "the disk did not take what was written: it was written again into another file";
    case retain_blocked: return "the log was not within its limits";
    case seal_failing: return "what was written could not be signed";
    case archived_bad: return "what the archive has was not known: it counted as nothing";
    default: return "the disk was behind by as much as may be in memory: nothing was taken from the ring";
  }
}

std::string time_text(u64 utc_ns) {
  char second[20], fraction[10];
  log::format_second(static_cast<log::i64>(utc_ns / log::second_ns), second);
  log::format_fraction(utc_ns % log::second_ns, fraction);
  return std::string(second, sizeof second) + std::string(fraction, sizeof fraction);
}

}  // namespace

Trouble Daemon::trouble(ring::AlarmCode code) const {
  Trouble out;
  out.refused = refused_by_ended_, out.refused_read_ns = entries_read_ns_;
  for (const std::unique_ptr<Drain>& drain : drains_) out.refused += drain->refused();
  switch (code) {
    case log_failing: out.is_bad = !is_log_lost_ && log_state_ == LogState::failing; break;
    case log_lost: out.is_bad = is_log_lost_ && log_error_ != -EXDEV; break;
    case log_elsewhere: out.is_bad = is_log_lost_ && log_error_ == -EXDEV; break;
    case disk_failing: out.is_bad = sync_error_ != 0; break;
    case retain_blocked: out.is_bad = retain_blocked_; break;
    case seal_failing: out.is_bad = seal_ != nullptr && seal_->error() != 0; break;
    case archived_bad: out.is_bad = !archived_.problem().empty(); break;
    default: out.is_bad = log_state_ == LogState::held && sync_error_ == 0 && !is_seal_stuck(); break;
  }
  out.error = code == disk_failing     ? sync_error_
              : code == retain_blocked ? retain_error_
              : code == seal_failing   ? (seal_ != nullptr ? seal_->error() : 0)
              : code == archived_bad   ? archived_.error()
              : code == disk_behind    ? 0
                                       : log_error_;
  out.failures = code == disk_failing   ? log_.durability().failures()
                 : code == seal_failing ? (seal_ != nullptr ? seal_->failures() : 0)
                 : code == archived_bad ? archived_failures_
                                        : log_failures_;
  return out;
}

void Daemon::look_at_troubles() {
  Host& host = present().host();
  bool has_news = false;
  for (const ring::AlarmCode code : by_weight) {
    Condition& condition = conditions_[static_cast<std::size_t>(code)];
    const News news = condition.look(trouble(code), {host.now_ns(), host.now_utc_ns()});
    if (news == News::none) continue;
    has_news = true;
    say_of(code, news);
    if (news == News::begun && code == log_failing) note_full_disk();
    if (news == News::over) note_outage(code);
  }
  if (has_news) show_alarm_state();
}

void Daemon::say_of(ring::AlarmCode code, News news) const {
  const Outage& outage = conditions_[static_cast<std::size_t>(code)].outage();
  if (code == log_lost && outage.error == 0) return;  // a new log was begun at once, and that was said
  if (news == News::over) {
    const u64 lasted_ms = (outage.to.ns - outage.from.ns) / 1'000'000;
    const char* const what = code == log_failing      ? "it can be written again"
                             : code == log_lost       ? "a new one has begun in its place"
                             : code == log_elsewhere  ? "its file system is back"
                             : code == disk_failing   ? "the disk takes it again"
                             : code == retain_blocked ? "it is within its limits again"
                             : code == seal_failing   ? "it is signed again"
                             : code == archived_bad   ? "what the archive has is known again"
                                                      : "the disk has caught up";
    return messages.warn(std::string(name_of(code)) + " over",
                         fmt::format("shmringd: log {}: {}, after {}.{:03} s ({})\n", log_dir_, what, lasted_ms / 1000,
                                     lasted_ms % 1000, name_of(code)));
  }
  std::string text = log_error_text_ + "; shmringd keeps trying, and releases nothing until it succeeds";
  if (code == disk_failing)
    text = fmt::format(
        "log {}: the disk did not take what was written: {}; nothing of it counts as durable, and it is written "
        "again into another file",
        log_dir_, std::strerror(-outage.error));
  if (code == disk_behind)
    text = fmt::format(
        "log {}: as much waits for the disk as may be in memory; shmringd takes nothing from the ring until the "
        "disk has caught up",
        log_dir_);
  if (code == retain_blocked) text = retain_text_ + "; shmringd tries again";
  if (code == seal_failing)
    text = seal_->error_text() +
           (is_seal_stuck() ? "; the log goes on, but its end is not hashed; once as much waits for that as may be in memory, "
                              "nothing is taken from the ring; shmringd tries again"
                            : "; the log goes on, but its end is not signed; shmringd tries again");
  if (code == archived_bad)
    text = fmt::format(
        "log {}/{}: {}; the archive counts as empty: nothing is removed, and nobody is told that a line is there; "
        "see its forwarder",
        log_dir_, log::archived_name, archived_.problem());
  if (news == News::lasts)
    text += fmt::format("; this has lasted for {} s", (present().host().now_ns() - outage.from.ns) / 1'000'000'000);
  messages.warn(name_of(code), fmt::format("shmringd: {} ({})\n", text, name_of(code)));
}

// What waits for the disk stays where it is; this line goes in front of it, into the room that the file has for it. If there is
// none, the line that tells of the outage's end says it all.
void Daemon::note_full_disk() {
  if (log_error_ != -ENOSPC && log_error_ != -EDQUOT) return;
  log_.write_urgent(log::Note{"incident",
                              present().host().now_utc_ns(),
                              {{"what", "the disk is full: nothing is taken from the ring until there is room"},
                               number("errno", static_cast<u64>(-log_error_)),
                               {"code", name_of(log_failing)}}});
}

void Daemon::note_outage(ring::AlarmCode code) {
  const Outage& outage = conditions_[static_cast<std::size_t>(code)].outage();
  std::vector<log::Note::Pair> pairs{{"what", text_of(code)},
                                     {"from", time_text(outage.from.utc_ns)},
                                     {"to", time_text(outage.to.utc_ns)},
                                     number("retries", outage.retries),
                                     number("refused", outage.refused)};
  if (outage.error != 0) pairs.push_back(number("errno", static_cast<u64>(-outage.error)));
  pairs.push_back({"code", name_of(code)});
  present().note("incident", std::move(pairs));
}

// At the end nobody waits for a second to pass.
void Daemon::end_troubles() {
  for (const ring::AlarmCode code : by_weight) {
    if (conditions_[static_cast<std::size_t>(code)].end() != News::over) continue;
    say_of(code, News::over);
    note_outage(code);
  }
}

void Daemon::show_alarm_state() {
  ring::Alarm alarm;
  for (const ring::AlarmCode code : by_weight) {
    const Condition& condition = conditions_[static_cast<std::size_t>(code)];
    if (alarm.code != 0 || !condition.is_bad()) continue;
    const Outage& outage = condition.outage();
    alarm = {static_cast<u64>(code), static_cast<u64>(-outage.error), outage.from.utc_ns};
  }
  for (const std::unique_ptr<Drain>& drain : drains_) show_alarm(drain->segment(), alarm);
}

// A log whose collector is dead has no such line. While the log is not well, it has none either.
void Daemon::show_that_it_lives() {
  if (log_state_ == LogState::ready && heartbeat_.is_due(log_.next_index(), present().host().now_ns()))
    present().note("heartbeat", {});
}

}  // namespace shmring::collect
