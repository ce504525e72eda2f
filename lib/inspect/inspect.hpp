// A segment as plain values, for people and for `shmring`. It may be live, copied, damaged, or of a dead boot.
//
// Invariants:
//   - this disturbs nobody. It makes only loads, no store and no compare-and-swap, and a read-only mapping is enough;
//   - each shared word is read once, and its copy is what is checked and shown. The words of a live ring may be from slightly
//     different moments. Nothing here decides anything about the ring;
//   - no byte of the segment is believed. An impossible value becomes a finding, a sentence that names it, and the reading goes
//     on;
//   - names and texts are as they stand in memory, terminated, but with any bytes. Whoever prints them escapes them.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/os/clock.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/observe.hpp"

namespace shmring::inspect {

using ring::u32;
using ring::u64;

// What is known of a process. unknown: it is of another boot or namespace, or its start time is not known. replaced: it lives,
// but has the segment no longer mapped, since it runs another program now (exec without detach).
enum class Standing : ring::u8 { alive, dead, unknown, replaced };

// The first findings, and how many there were: a damaged file may have one for each slot.
struct Findings {
  static constexpr std::size_t most = 20;
  std::vector<std::string> texts;
  u64 count = 0;
  void add(std::string text) {
    if (++count <= most) texts.push_back(std::move(text));
  }
};

struct HeaderFacts {
  std::string name;  // under which it was opened; for a file, the same as …
  std::string ring;  // … what the header says: for a ring that was moved aside, its first name
  u32 version = 0;
  u64 fingerprint = 0;  // this library's, or that of `made_by`; others are not opened
  std::string made_by;  // the older version of libshmring that made it; "": this one
  u32 owner = 0;        // of the file
  bool ours = false;    // that is the present user
  u64 file_bytes = 0;
  ring::Geometry geometry{};
  ring::RingId identity{};
  u64 boot_id[2] = {};
  u64 pid_namespace = 0, time_namespace = 0;
  std::optional<bool> this_boot;  // nothing: unknown
  bool our_namespaces = false;
  u64 created_utc_ns = 0;
  u32 creator_pid = 0, creator_uid = 0;
  u64 incarnation_base = 0, incarnations = 0;
  u32 state = 0;  // SegmentState
};

// What the collector says of itself. Counts are of the present collector, or of the last one.
struct CollectorFacts : ring::StatusSeen {
  bool holds_lease = false;         // there is one now
  std::optional<os::Anchor> clock;  // nothing: ticks cannot be converted to UTC
  // Of version 1 it is not known.
  bool is_starting() const { return holds_lease && state == static_cast<u64>(ring::StatusState::starting); }
  // Nothing: it asks for no archive.
  std::optional<u64> archived() const {
    return log.archived_plus_1 == 0 ? std::nullopt : std::optional(log.archived_plus_1 - 1);
  }
  u64 unarchived() const { return log.next_index - std::min(archived().value_or(log.next_index), log.next_index); }  // lines
  bool log_is_failing() const { return holds_lease && state == static_cast<u64>(ring::StatusState::log_failing); }
};

inline constexpr std::size_t slot_states = 5;  // the four, and one for words whose state has no meaning

struct LaneFacts : ring::LaneSeen {
  u32 lane = 0;
  u64 slots = 0;
  u64 by_state[slot_states] = {};  // slots; all zero if they were not read
  u64 stalled = 0;                 // slots that are not empty, below the head
  // Returns the positions between head and tail. Of overwritten positions, only the last lap is still there.
  u64 fill() const { return tail > head ? std::min(tail - head, slots) : 0; }
};

struct ProducerFacts : ring::EntrySeen {
  u32 entry = 0;
  Standing standing = Standing::unknown;
  u64 refused() const;  // sum of the counters
};

struct TypeFacts {
  u32 type;
  std::string name;
};

struct Inspection {
  HeaderFacts header;
  CollectorFacts collector;
  std::vector<TypeFacts> types;
  std::vector<LaneFacts> lanes;  // empty if the geometry cannot be believed
  std::vector<ProducerFacts> producers;
  Findings findings;
  u64 undrained() const;  // positions, fill() of all lanes
  u64 exclusive_lanes() const { return lanes.empty() ? 0 : lanes.size() - 1; }
  u64 exclusive_lanes_in_use() const;
};

// `segment` comes from os::open_readonly, and `findings` is what that found. `with_slots` reads every slot's state word too.
Inspection read_segment(const os::Segment& segment, const std::vector<std::string>& findings, bool with_slots);
// The same for a collector that looks at a ring of its own: no slots, and no process is judged, which would take long. The
// lease, which only others can ask for, counts as held.
Inspection read_figures(const os::Segment& segment);

enum class Hash : ring::u8 { absent, good, bad, unknown };  // unknown: no whole record, no producer, or not of this version

struct SlotFacts {
  u32 lane = 0, index = 0;
  ring::Word word{};
  u64 position = 0;
  bool moved = false;       // the word changed while the slot was read, so the bytes may be of two records
  bool has_record = false;  // READY or READING, not moved, and the header is possible
  Hash hash = Hash::unknown;
  ring::RecordHeader header{};
  std::span<const std::byte> bytes;  // the record's payload, or all that the slot has; valid only during the call
};

struct SlotFilter {
  u32 first = 0, last = ~u32{0};  // index in the lane
  std::optional<u32> lane;
  std::optional<ring::SlotState> state;
};

// Calls `show` for every slot that the filter lets through, lane by lane, until `show` returns false.
void read_slots(const os::Segment& segment, const SlotFilter& filter, const std::function<bool(const SlotFacts&)>& show,
                Findings& findings);

}  // namespace shmring::inspect
