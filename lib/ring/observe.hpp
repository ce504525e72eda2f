// What an observer reads of a ring that others write. It reads the words in an order in which they can be believed together.
// `shmring stat` and `shmring dump` read this way, and so does the explorer's observer, which proves what is said here.
//
// Invariants:
//   - an observer only loads, and never loops: a caller that wants to be sure looks again;
//   - words that are not `settled`, or not `whole`, come from different moments, and together they may say anything.
#pragma once

#include "lib/ring/lane.hpp"
#include "lib/ring/status.hpp"

namespace shmring::ring {

struct LaneSeen {
  u64 owner = 0;  // entry + 1; 0: nobody
  u64 head = 0, tail = 0, high_water = 0;
  u32 waiters = 0;
  bool settled = false;  // no collector passed in the meantime

  // The collector has met at most one claim whose owner has not moved the tail.
  bool head_can_be() const { return head <= tail + 1; }
  // A collector releases everything that it has walked before it publishes its head, and each released slot may be claimed at
  // once. So the tail may be two laps ahead. With the policy overwrite there is no such bound, since nobody waits for the head.
  static u64 most_ahead(const Geometry& geometry) { return 2 * u64{geometry.slots}; }
  bool tail_can_be(const Geometry& geometry) const {
    const bool overwrites = geometry.on_full == static_cast<u32>(OnFull::overwrite);
    return !settled || overwrites || tail <= head + most_ahead(geometry);
  }
};

// Reads head, tail, and head again. The distance must make sense only if the head stood still.
template <class M>
LaneSeen observe_lane(const Lane& lane) {
  LaneSeen seen;
  seen.owner = lane_owner<M>(lane);
  seen.head = head_resume<M>(lane);
  seen.tail = tail_seen<M>(lane);
  seen.high_water = high_water_seen<M>(lane);
  seen.waiters = waiters_now<M>(lane);
  seen.settled = head_resume<M>(lane) == seen.head;
  return seen;
}

struct EntrySeen {
  Owner owner{};
  u64 incarnation = 0, lane = 0;
  Identity identity{};
  Logged logged{};
  u64 durable = 0;
  Refusals refusals{};
  Counter counters[refusal_causes] = {};
  u64 nested = 0;
  AccountWord account{};
  bool whole = false;  // all words are of one life; for a free entry only its owner is known
};

// Logged, refusals and counters are read before the account, so that a live ring never shows more of them than was attempted.
// The owner is read once more after all of these, with its state, because the incarnation of a producer that has left in the
// meantime may already be zeroed; that of a living one never is. The identity is plain bytes, and nothing orders them before
// that second look: on processors that do not keep loads in order, they may be those of the next life.
template <class M>
EntrySeen observe_entry(const Entry& entry) {
  EntrySeen seen;
  seen.owner = owner_seen<M>(entry);
  seen.whole = seen.owner.state == OwnerState::free;
  if (seen.whole) return seen;
  seen.incarnation = incarnation_seen<M>(entry);
  seen.lane = lane_seen<M>(entry);
  if (seen.owner.state != OwnerState::attaching) seen.identity = identity_copy<M>(entry);
  seen.logged = logged_seen<M>(entry);
  seen.durable = durable_seen<M>(entry);
  seen.refusals = refusals_seen<M>(entry);
  for (std::size_t i = 0; i < refusal_causes; ++i) seen.counters[i] = counter_seen<M>(entry, static_cast<Cause>(i));
  seen.nested = nested_seen<M>(entry);
  seen.account = account_seen<M>(entry);
  seen.whole = owner_seen<M>(entry).bits() == seen.owner.bits() && incarnation_seen<M>(entry) == seen.incarnation;
  return seen;
}

// What the collector shows of itself, except for the clock (clock_seen). It is from the present collector, or from the last
// one.
struct StatusSeen {
  Owner identity{};  // pid 0: none
  u64 epoch = 0, heartbeat_ns = 0, wakeups = 0, cpu_ns = 0, logged = 0, lost = 0, stalled = 0;
  bool has_more = false;    // the ring's version has the fields that follow; otherwise …
  u64 losses[causes] = {};  // by Cause
  u64 state = 0;            // StatusState
  Level level = Level::none;
  LogFigures log{};
  Alarm alarm{};
  u64 older_lost_by[4] = {};  // … it has only full, too_big, died, everything else
};

template <class M>
StatusSeen observe_status(const Ring& ring) {
  const StatusPage& page = ring.header->status;
  StatusSeen seen;
  seen.identity = collector_seen<M>(page);  // read before its figures
  seen.epoch = figure_seen<M>(page.epoch);
  seen.heartbeat_ns = figure_seen<M>(page.heartbeat_ns);
  seen.wakeups = figure_seen<M>(page.wakeups);
  seen.cpu_ns = figure_seen<M>(page.cpu_ns);
  seen.logged = figure_seen<M>(page.logged);
  seen.lost = figure_seen<M>(page.lost);
  seen.stalled = figure_seen<M>(page.stalled);
  const StatusMore* const more = ring.status_more();
  seen.has_more = more != nullptr;
  if (seen.has_more) {
    for (std::size_t i = 0; i < causes; ++i) seen.losses[i] = figure_seen<M>(more->losses[i]);
    seen.state = figure_seen<M>(more->state);
    seen.level = level_seen<M>(*more);
    seen.log = {
        figure_seen<M>(more->durable_index),  figure_seen<M>(more->next_index),      figure_seen<M>(more->log_bytes),
        figure_seen<M>(more->log_free_bytes), figure_seen<M>(more->log_device),      figure_seen<M>(more->undurable_ns),
        figure_seen<M>(more->signed_ns),      figure_seen<M>(more->archived_plus_1), figure_seen<M>(more->unarchived_ns)};
    seen.alarm = {figure_seen<M>(more->alarm), figure_seen<M>(more->alarm_errno), figure_seen<M>(more->alarm_utc_ns)};
  } else {
    for (std::size_t i = 0; i < 4; ++i) seen.older_lost_by[i] = figure_seen<M>(page.older_lost_by[i]);
  }
  return seen;
}

}  // namespace shmring::ring
