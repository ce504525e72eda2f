// The status page: what the collector shows of itself to observers, and to those who wait for a collector.
//
// Invariants:
//   - the page has one writer, the holder of the ring's lease. The kernel hands the lease on, so a successor sees everything
//     that its predecessor stored, wherever that process was killed;
//   - nobody decides anything about the ring from this page. Its figures are for people, and each is from a moment of its own.
//     Only who waits for durability asks it whether waiting makes sense: what the collector promises, and whether there is one.
//     And a new collector does not begin an empty log on another file system than the one that the page names;
//   - the three words of the clock come from one publication, or a reader gets none of them.
//
// A sequence lock protects the clock. The writer makes the sequence odd, stores the words, and makes the sequence even. A
// reader has one whole publication if it finds the same even sequence before and after it reads the words:
//   - no word is older, because the even sequence is stored after the words that belong to it (clock_end, clock_seen);
//   - no word is newer. Whoever reads a newer word also sees the odd sequence that was stored before it, so the second look at
//     the sequence finds that value or a later one (clock_fill, clock_copy). The words themselves carry the order for which
//     other designs use a fence, and so clock_begin and clock_again need none;
//   - a writer that is killed in between leaves the sequence odd. Readers then get no clock until the next writer publishes.
//     The next writer continues from the sequence it finds and never goes back, so an even sequence names one publication for
//     ever.
//
// Ordered accesses:
//
// | label          | access | order   | partner        | what it orders                                                     |
// |----------------|--------|---------|----------------|--------------------------------------------------------------------|
// | collector_set  | store  | release | collector_seen | a new collector's first figures before its name                    |
// | collector_seen | load   | acquire | collector_set  | the name before the figures: none behind it is of the collector before |
// | status_count   | add    | relaxed | -              | a count                                                            |
// | figure         | store  | relaxed | -              | a figure for people                                                |
// | figure_seen    | load   | relaxed | -              | a figure for people                                                |
// | level          | store  | relaxed | -              | an answer for those who wait; whoever sees it late looks again     |
// | level_seen     | load   | relaxed | -              | as late as it is seen, it is obeyed                                |
// | clock_resume   | load   | relaxed | -              | the writer's own word; a predecessor's with the lease              |
// | clock_begin    | store  | relaxed | -              | clock_fill takes it along                                          |
// | clock_fill     | store  | release | clock_copy     | the odd sequence before each word                                  |
// | clock_end      | store  | release | clock_seen     | the words before their even sequence                               |
// | clock_seen     | load   | acquire | clock_end      | the sequence before its words: none behind it is older             |
// | clock_copy     | load   | acquire | clock_fill     | each word before clock_again, which is not older than the odd sequence before that word |
// | clock_again    | load   | relaxed | -              | behind clock_copy                                                  |
#pragma once

#include <array>
#include <optional>

#include "lib/ring/account.hpp"

namespace shmring::ring {

// The words of the clock: utc = utc_ns + (t − ticks) · ns_per_tick_q32 / 2^32.
struct ClockWords {
  u64 ticks, utc_ns, ns_per_tick_q32;
};

// The figures that a collector shows after a pass.
struct Progress {
  u64 heartbeat_ns = 0;  // CLOCK_MONOTONIC
  u64 cpu_ns = 0;
  u64 logged = 0;
  std::array<u64, causes> losses{};  // by Cause
  u64 stalled = 0;
};

// How far the log has come, and what it takes. The lines below `durable_index` survive a power cut; `next_index` is that of the
// line that is written next.
struct LogFigures {
  u64 durable_index = 0, next_index = 0;
  u64 bytes = 0;         // of all its files
  u64 free_bytes = 0;    // left on its file system
  u64 device = 0;        // st_dev of its directory; 0: not known yet
  u64 undurable_ns = 0;  // CLOCK_MONOTONIC: since when it has a line that may not survive a power cut; 0: it has none
  u64 signed_ns = 0;     // CLOCK_MONOTONIC: when its newest checkpoint was signed, or it was opened; 0: it is not sealed
  // The first index that the archive lacks, plus one; 0: this collector asks for no archive. And since when there is a line
  // that the archive lacks (CLOCK_MONOTONIC); 0: there is none.
  u64 archived_plus_1 = 0, unarchived_ns = 0;
};

// What an alarm's code means. A code is never given another meaning.
enum class AlarmCode : u64 {
  none = 0,
  log_failing = 1,     // the log cannot be written
  log_lost = 2,        // it was taken away, and a new one cannot be begun
  disk_failing = 3,    // the disk does not take what was written
  disk_behind = 4,     // as much waits for the disk as may be in memory
  retain_blocked = 5,  // the log cannot be kept within its limits
  log_elsewhere = 6,   // the log's directory lies on another file system than before, and nothing is written there
  seal_failing = 7,    // the log goes on, but what was written last cannot be signed
  archived_bad = 8,    // what the log's directory says of its archive cannot be believed, and the archive counts as empty
};
inline constexpr std::size_t alarm_codes = 9;

// The one name of a code: in messages, lines of the log, metrics and the page for operators. A code of a later version is
// "unknown".
constexpr const char* name_of(AlarmCode code) {
  constexpr const char* names[alarm_codes] = {"none",           "log_failing",   "log_lost",     "disk_failing", "disk_behind",
                                              "retain_blocked", "log_elsewhere", "seal_failing", "archived_bad"};
  const auto number = static_cast<u64>(code);
  return number < alarm_codes ? names[number] : "unknown";
}

// A trouble that lasts. Code 0: there is none.
struct Alarm {
  u64 code = 0;
  u64 error = 0;         // errno; 0: no system call failed
  u64 since_utc_ns = 0;  // when it began
};

// --------------------------------------------------------------------------------------------------------- collector
// Role for all functions below: the holder of the lease.

template <class M>
void set_figure(std::atomic<u64>& word, u64 value) {
  M::store(At::figure, word, value, std::memory_order_relaxed);
}

// Called after a pass, and while the collector waits for the log, also before its first pass.
template <class M>
void show_heartbeat(Header& header, u64 heartbeat_ns, u64 cpu_ns) {
  set_figure<M>(header.status.cpu_ns, cpu_ns);
  set_figure<M>(header.status.heartbeat_ns, heartbeat_ns);
}

template <class M>
void show_progress(Header& header, const Progress& progress) {
  StatusPage& page = header.status;
  u64 lost = 0;
  for (std::size_t i = 0; i < causes; ++i) {
    lost += progress.losses[i];
    set_figure<M>(header.status_more.losses[i], progress.losses[i]);
  }
  set_figure<M>(page.lost, lost);
  set_figure<M>(page.logged, progress.logged);
  set_figure<M>(page.stalled, progress.stalled);
  show_heartbeat<M>(header, progress.heartbeat_ns, progress.cpu_ns);
}

template <class M>
void show_state(Header& header, StatusState state) {
  set_figure<M>(header.status_more.state, static_cast<u64>(state));
}

template <class M>
void show_log(Header& header, const LogFigures& figures) {
  StatusMore& more = header.status_more;
  set_figure<M>(more.durable_index, figures.durable_index);
  set_figure<M>(more.next_index, figures.next_index);
  set_figure<M>(more.log_bytes, figures.bytes);
  set_figure<M>(more.log_free_bytes, figures.free_bytes);
  set_figure<M>(more.undurable_ns, figures.undurable_ns);
  set_figure<M>(more.signed_ns, figures.signed_ns);
  set_figure<M>(more.archived_plus_1, figures.archived_plus_1);
  set_figure<M>(more.unarchived_ns, figures.unarchived_ns);
  if (figures.device != 0) set_figure<M>(more.log_device, figures.device);  // what a collector before has shown stays
}

template <class M>
void show_alarm(Header& header, const Alarm& alarm) {
  StatusMore& more = header.status_more;
  set_figure<M>(more.alarm_errno, alarm.error);
  set_figure<M>(more.alarm_utc_ns, alarm.since_utc_ns);
  set_figure<M>(more.alarm, alarm.code);
}

// Tells those who wait for durability what this collector promises.
template <class M>
void show_level(Header& header, Level level) {
  M::store(At::level, header.status_more.level, static_cast<u64>(level), std::memory_order_relaxed);
}

template <class M>
void count_wakeup(Header& header) {
  M::add(At::status_count, header.status.wakeups, u64{1}, std::memory_order_relaxed);
}

// Called right after the lease was taken, at `now_ns` (CLOCK_MONOTONIC), so that nobody is told of the process that had it
// before. The age of the heartbeat counts from here: a start that hangs is seen like a pass that hangs. The identity is stored
// last: whoever sees it sees none of the predecessor's figures.
template <class M>
void announce(Header& header, Owner self, Level level, u64 now_ns) {
  self.state = OwnerState::attached;
  show_progress<M>(header, {.heartbeat_ns = now_ns});
  show_log<M>(header, {});
  show_alarm<M>(header, {});
  show_level<M>(header, level);
  set_figure<M>(header.status.wakeups, 0);
  M::add(At::status_count, header.status.epoch, u64{1}, std::memory_order_relaxed);
  show_state<M>(header, StatusState::starting);
  M::store(At::collector_set, header.status.identity, self.bits(), std::memory_order_release);
}

template <class M>
void withdraw(Header& header) {
  show_state<M>(header, StatusState::none);
  show_level<M>(header, Level::none);
  M::store(At::collector_set, header.status.identity, u64{0}, std::memory_order_release);
}

template <class M>
void show_clock(StatusPage& page, const ClockWords& words) {
  const u64 odd = M::load(At::clock_resume, page.clock_sequence, std::memory_order_relaxed) | 1;
  M::store(At::clock_begin, page.clock_sequence, odd, std::memory_order_relaxed);
  M::store(At::clock_fill, page.anchor_ticks, words.ticks, std::memory_order_release);
  M::store(At::clock_fill, page.anchor_utc_ns, words.utc_ns, std::memory_order_release);
  M::store(At::clock_fill, page.ns_per_tick_q32, words.ns_per_tick_q32, std::memory_order_release);
  M::store(At::clock_end, page.clock_sequence, odd + 1, std::memory_order_release);
}

// ---------------------------------------------------------------------------------------------------- an observer

// Returns pid 0 if there is no collector, or none that has announced itself yet. The collector named here may have been killed
// since.
template <class M>
Owner collector_seen(const StatusPage& page) {
  return Owner::of(M::load(At::collector_seen, page.identity, std::memory_order_acquire));
}

template <class M>
u64 figure_seen(const std::atomic<u64>& word) {
  return M::load(At::figure_seen, word, std::memory_order_relaxed);
}

// Role: a producer that waits for durability, or an observer.
template <class M>
Level level_seen(const StatusMore& more) {
  return static_cast<Level>(M::load(At::level_seen, more.level, std::memory_order_relaxed));
}

// Returns nothing if no clock was published yet, if one is being published, or if the writer was killed while it published.
template <class M>
std::optional<ClockWords> clock_seen(const StatusPage& page) {
  const u64 before = M::load(At::clock_seen, page.clock_sequence, std::memory_order_acquire);
  if (before % 2 != 0) return std::nullopt;
  const u64 ticks = M::load(At::clock_copy, page.anchor_ticks, std::memory_order_acquire);
  const u64 utc_ns = M::load(At::clock_copy, page.anchor_utc_ns, std::memory_order_acquire);
  const u64 ns_per_tick_q32 = M::load(At::clock_copy, page.ns_per_tick_q32, std::memory_order_acquire);
  const bool same = M::load(At::clock_again, page.clock_sequence, std::memory_order_relaxed) == before;
  if (!same || ns_per_tick_q32 == 0) return std::nullopt;
  return ClockWords{ticks, utc_ns, ns_per_tick_q32};
}

}  // namespace shmring::ring
