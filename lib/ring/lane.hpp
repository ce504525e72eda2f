// A lane: slots in order, a tail where producers claim, a head up to which the collector has released.
//
// The shared lane's tail is only a hint that anyone may advance: a position is taken on its slot (slot.hpp). An exclusive lane
// has one producer, which alone moves the tail, after it has claimed.
//
// Invariants:
//   - tail and head only grow, and every claimed position is at or below the tail;
//   - head may be one above the tail: the collector has met a claim whose owner has not advanced the tail;
//   - a lane's owner word is changed from free by an attacher, and to free by the collector, by CAS, and by nobody else.
//
// Ordered accesses:
//
// | label        | access | order           | partner             | what it orders                                          |
// |--------------|--------|-----------------|---------------------|---------------------------------------------------------|
// | tail_hint    | load   | relaxed         | -                   | a hint: the slot's word decides                         |
// | tail_help    | cas    | acq_rel/relaxed | tail_seen           | for an observer (stat): a head that is not far below the tail; the walk would need no order, for step_over meets the claim |
// | tail_own     | store  | release         | tail_seen           | claim_alone before the tail that shows it               |
// | tail_seen    | load   | acquire         | tail_help, tail_own | claims below it before the walk looks at their words    |
// | head_seen    | load   | acquire         | head_publish        | releases below it before the second look at the slot    |
// | head_publish | store  | release         | head_seen, head_resume | release of the slots before the head that passes them; the tail that was seen before it |
// | head_resume  | load   | acquire         | head_publish        | for an observer (stat): a tail not older than the head; a successor has all of that with the lease |
// | high_water   | store  | relaxed         | -                   | a figure for people                                     |
// | high_water_seen | load | relaxed         | -                   | a figure for people                                     |
// | freed_bump   | add    | seq_cst         | freed_seen          | release and head_publish before it; it before waiters_seen |
// | waiters_seen | load   | seq_cst         | waiters_add         | behind freed_bump: either this sees the waiter, or the waiter sees the bump |
// | waiters_add  | add    | seq_cst         | waiters_seen        | before freed_seen                                       |
// | freed_seen   | load   | seq_cst         | freed_bump          | before the waiter's last try, which then sees what was released |
// | freed_sleep  | sleep  | -               | freed_bump          | the kernel compares once more                           |
// | waiters_leave | add   | relaxed         | -                   | a count                                                 |
// | waiters_now  | load   | relaxed         | -                   | a figure for people                                     |
// | lane_take    | cas    | acq_rel/relaxed | lane_free           | the last owner's tail before this owner's first claim   |
// | lane_owner   | load   | acquire         | lane_take           | not needed: nothing is read behind it; a hint before lane_take, and at the first sight of an entry it stands behind owner_seen |
// | lane_free    | cas    | acq_rel/relaxed | lane_take           | all that was done for the dead before the next owner    |
#pragma once

#include "lib/ring/slot.hpp"

namespace shmring::ring {

// A claim tries at most so often, and once more a slot, since it may have to step over a lane of stalled ones. Each failure
// means that someone else got on (a producer, or the collector on this slot), or that the tail was brought forward.
inline constexpr u32 claim_attempts = 1024;
inline u32 most_attempts(const Ring& ring) { return claim_attempts + ring.geometry.slots; }

enum class Claimed : u8 { yes, full, contended, timeout, retired };  // the last two: by who waits for a claim
struct Claim {
  Claimed result;
  u64 position;
};

template <class M>
u64 tail_seen(const Lane& lane) {
  return M::load(At::tail_seen, lane.tail, std::memory_order_acquire);
}

// Acq_rel where the collector needs only relaxed: a reader of this tail then sees the words of all claims below it, and a head
// that is not far below.
template <class M>
void help_tail(Lane& lane, u64 position) {
  u64 expected = position;
  M::cas(At::tail_help, lane.tail, expected, position + 1, std::memory_order_acq_rel, std::memory_order_relaxed);
}

// The collector has passed the position a lap below: what still lies in the slot is not for us to wait for. Look at the slot
// again before stepping over it: the collector may have released it just before it published this head.
template <class M>
bool collector_is_past(const Ring& ring, const Lane& lane, u64 position) {
  return M::load(At::head_seen, lane.head, std::memory_order_acquire) + ring.geometry.slots > position;
}

// What to do with the word of a position that is not free for this lap. Both kinds of lane.
enum class Next : u8 { step_over, look_again, taken, full };

template <class M>
[[gnu::noinline]] Next not_free(const Ring& ring, const Lane& lane, Slot& slot, Word word, u64 position, u32 me,
                                bool overwriting) {
  const u64 lap = ring.lap(position);
  if (word.lap >= lap) return Next::step_over;  // somebody has it
  if (collector_is_past<M>(ring, lane, position)) return look<M>(slot) == word ? Next::step_over : Next::look_again;
  if (!overwriting) return Next::full;
  if (word.state != SlotState::ready) return Next::step_over;  // a writer's or the collector's: never taken from them
  return overwrite<M>(slot, word, lap, me) ? Next::taken : Next::look_again;
}

// The rows of the protocol for a producer of the shared lane.
template <class M>
Claim claim_shared(const Ring& ring, u32 lane_index, u32 me, bool overwriting) {
  Lane& lane = ring.lanes[lane_index];
  for (u32 attempt = 0; attempt < most_attempts(ring); ++attempt) {
    const u64 tail = M::load(At::tail_hint, lane.tail, std::memory_order_relaxed);
    const u64 lap = ring.lap(tail);
    Slot& slot = ring.slot(lane_index, ring.index(tail));
    const Word word = look<M>(slot);
    bool mine = false;
    if (word.state == SlotState::empty && word.lap <= lap) {
      if (!claim<M>(slot, word, lap, me)) continue;
      mine = true;
    } else {
      const Next next = not_free<M>(ring, lane, slot, word, tail, me, overwriting);
      if (next == Next::full) return {Claimed::full, tail};
      if (next == Next::look_again) continue;
      mine = next == Next::taken;
    }
    help_tail<M>(lane, tail);  // a lost race is fine
    if (mine) return {Claimed::yes, tail};
  }
  return {Claimed::contended, 0};
}

// The same rows for the one producer of an exclusive lane; `tail` is its own copy and moves past what it claims or steps over.
template <class M>
Claim claim_exclusive(const Ring& ring, u32 lane_index, u32 me, bool overwriting, u64& tail) {
  Lane& lane = ring.lanes[lane_index];
  for (u32 attempt = 0; attempt < most_attempts(ring); ++attempt) {
    const u64 position = tail;
    const u64 lap = ring.lap(position);
    Slot& slot = ring.slot(lane_index, ring.index(position));
    const Word word = look_alone<M>(slot);
    bool mine = word.state == SlotState::empty && word.lap <= lap;
    if (mine) {
      claim_alone<M>(slot, lap, me);
    } else {
      const Next next = not_free<M>(ring, lane, slot, word, position, me, overwriting);
      if (next == Next::full) return {Claimed::full, position};
      if (next == Next::look_again) continue;
      mine = next == Next::taken;
    }
    tail = position + 1;
    M::store(At::tail_own, lane.tail, tail, std::memory_order_release);  // after claim_alone: see LAYOUT.md, "tail"
    if (mine) return {Claimed::yes, position};
  }
  return {Claimed::contended, 0};
}

// Sleep on `freed` until something was released, or the deadline. `try_again` stands between the two looks at `freed`: who
// sleeps has found the lane full after it announced itself. On the head instead, a wake-up in between is lost.
template <class M, class Try>
bool sleep_until_freed(Lane& lane, u64 deadline_ns, const Try& try_again) {
  M::add(At::waiters_add, lane.waiters, u32{1}, std::memory_order_seq_cst);
  const u32 seen = M::load(At::freed_seen, lane.freed, std::memory_order_seq_cst);
  const bool done = try_again();
  if (!done) M::sleep(At::freed_sleep, lane.freed, seen, deadline_ns);
  M::add(At::waiters_leave, lane.waiters, ~u32{0}, std::memory_order_relaxed);
  return done;
}

// Where a collector starts: behind all that its predecessor released.
template <class M>
u64 head_resume(const Lane& lane) {
  return M::load(At::head_resume, lane.head, std::memory_order_acquire);
}

template <class M>
void head_publish(Lane& lane, u64 head) {
  M::store(At::head_publish, lane.head, head, std::memory_order_release);
}

// The fullest that a pass has found the lane; the caller keeps the maximum.
template <class M>
void note_fill(Lane& lane, u64 positions) {
  M::store(At::high_water, lane.high_water, positions, std::memory_order_relaxed);
}

// Role: an observer.
template <class M>
u64 high_water_seen(const Lane& lane) {
  return M::load(At::high_water_seen, lane.high_water, std::memory_order_relaxed);
}
template <class M>
u32 waiters_now(const Lane& lane) {
  return M::load(At::waiters_now, lane.waiters, std::memory_order_relaxed);
}

// Tell sleepers that slots were released or the head has moved: both stand before this call. True: someone sleeps on `freed`;
// wake them.
template <class M>
bool freed(Lane& lane) {
  M::add(At::freed_bump, lane.freed, u32{1}, std::memory_order_seq_cst);
  return M::load(At::waiters_seen, lane.waiters, std::memory_order_seq_cst) != 0;
}

// Role: an attacher, with its entry claimed. False: the lane has an owner.
template <class M>
bool lane_take(Lane& lane, u32 me) {
  u64 expected = 0;
  return M::cas(At::lane_take, lane.owner, expected, u64{me}, std::memory_order_acq_rel, std::memory_order_relaxed);
}

template <class M>
u64 lane_owner(const Lane& lane) {
  return M::load(At::lane_owner, lane.owner, std::memory_order_acquire);
}

// Role: the collector, for a closed account. By what the lane says, never by what the entry says: a predecessor may have freed
// the lane already, and the next owner may be writing.
template <class M>
void lane_free(Lane& lane, u32 owner) {
  u64 expected = owner;
  M::cas(At::lane_free, lane.owner, expected, u64{0}, std::memory_order_acq_rel, std::memory_order_relaxed);
}

}  // namespace shmring::ring
