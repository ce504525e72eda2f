// shmring top: what is shown, as plain values, made from the model before and the next sample.
//
// Invariants:
//   - a model depends only on its arguments. Nothing here reads a clock, a ring or a file;
//   - a rate that is not known is no number: it is unknown, or stale, which is the last one that was known;
//   - what was seen does not disappear at once: a producer or a ring that is gone stays for a while, and says so;
//   - texts that come from a segment are escaped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/shmring/top/sample.hpp"

namespace shmring::tool::top {

inline constexpr u64 linger_ns = 10'000'000'000;    // how long what is gone stays
inline constexpr std::size_t most_lingering = 256;  // producers of a ring; more are never kept

struct Rate {
  enum class Kind : ring::u8 { unknown, stale, known } kind = Kind::unknown;
  double per_second = 0;  // stale: when it was last known
};

// left: it has detached. died: its process is dead. ended: its place was freed before that could be seen.
enum class Life : ring::u8 { attaching, alive, other_program, unknown, left, died, ended };

struct Producer {
  u64 incarnation = 0;
  u32 entry = 0, pid = 0;
  std::string name;
  Life life = Life::unknown;
  u64 lane = 0, attempted = 0, lost = 0, unlogged = 0;  // lost: those that it counted itself as refused
  std::string causes;                                   // of `lost`: "full 3, too_big 1"
  Rate attempts, losses;
  u64 gone_ns = 0;  // when its place was first seen to be free; 0: it is not
};

// none: there never was one. died: it did not say that it ended. late: it made no pass for two seconds.
enum class Collecting : ring::u8 { unknown, none, stopped, died, starting, collecting, late, log_failing };

struct Collector {
  Collecting state = Collecting::unknown;
  u32 pid = 0;
  u64 epoch = 0, pass_age_ns = 0, logged = 0, lost = 0, stalled = 0;
  std::string causes;  // of `lost`
  Rate logging, losing, wakeups, processors;
};

// How far the log is. Nothing of it is known of a ring of version 1, and level is then none.
struct LogState {
  ring::Level level = ring::Level::none;
  u64 durable = 0, next = 0;  // lines
  u64 lag_ns = 0;             // age of the oldest line that may not survive a power cut
  u64 bytes = 0, free_bytes = 0;
  std::optional<u64> unarchived;  // lines; nothing: it asks for no archive
  u64 unarchived_ns = 0;          // age of the oldest of these
  u64 checkpoint_ns = 0;          // age of the newest checkpoint; 0: it is not sealed
};

struct LaneFill {
  u32 lane = 0;
  std::string owner;
  u64 fill = 0, high = 0, slots = 0;
  bool unused = false;  // nobody has had it yet
};

struct Alarm {
  std::string code, error;  // error: what the system call said; "": none failed
  u64 since_utc_ns = 0;
};

// unreadable: it is not permitted, is no ring, or the like. absent: there was none yet. removed: there was one.
enum class Standing : ring::u8 { open, retired, other_boot, older, damaged, unreadable, absent, removed };

struct Ring {
  std::string name;
  Standing standing = Standing::unreadable;
  std::string problem;    // "": none
  bool was_read = false;  // what follows is of the last look that succeeded
  std::string on_full;
  u64 slots = 0, slot_bytes = 0, file_bytes = 0, places = 0;
  u64 fill = 0, fullest = 0;  // positions that are not drained: of all lanes, of the fullest lane
  Rate attempts;
  Collector collector;
  LogState log;
  std::optional<Alarm> alarm;
  std::vector<Warning> warnings;
  std::vector<LaneFill> lanes;
  std::vector<Producer> producers;  // by loss, then by rate
  u64 gone_ns = 0;                  // when the name was first seen to be gone; 0: it is not
  Look look;                        // what the next rates are computed from
};

struct Model {
  u64 at_ns = 0, utc_ns = 0;
  std::string host, problem;  // problem: why no ring could be listed
  std::vector<Ring> rings;    // by name
};

// The first model is made from an empty one.
Model next(const Model& before, const Sample& sample);

}  // namespace shmring::tool::top
