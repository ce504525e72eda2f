// A lane: an ordered array of slots, with a tail where producers claim and a head up to which the collector has released.
//
// The tail of the shared lane is only a hint that any producer may advance. A position is taken on its slot (slot.hpp). An
// exclusive lane has one producer, and only that producer moves the tail, after it has claimed.
//
// Invariants:
//   - tail and head only grow, and every claimed position is at or below the tail;
//   - head may be one above the tail when the collector has met a claim whose owner has not advanced the tail;
//   - an attacher changes a lane's owner word from free, and the collector changes it back to free. Both use a CAS, and nobody
//     else writes the word.
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

// The number of times that one claim tries. One more try is added for each slot, since a claim may have to step over a whole
// lane of stalled slots. A try fails only if somebody else made progress (a producer, or the collector on this slot) or if the
// tail was advanced.
inline constexpr u32 claim_attempts = 1024;
inline u32 most_attempts(const Ring& ring) { return claim_attempts + ring.geometry.slots; }

enum class Claimed : u8 { yes, full, contended, timeout, retired };  // the last two come from waiting for a claim
struct Claim {
  Claimed result;
  u64 position;
};

template <class M>
u64 tail_seen(const Lane& lane) {
  return M::load(At::tail_seen, lane.tail, std::memory_order_acquire);
}

// The collector needs only a relaxed order here. The acq_rel order is for readers of the tail: such a reader also sees the
// words of all claims below the tail, and a head that is not far below it.
template <class M>
void help_tail(Lane& lane, u64 position) {
  u64 expected = position;
  M::cas(At::tail_help, lane.tail, expected, position + 1, std::memory_order_acq_rel, std::memory_order_relaxed);
}

// Returns true if the collector has passed the same slot's position of the lap before. The producer then need not wait for what
// lies in the slot. It must look at the slot once more before it steps over it, because the collector may have released the
// slot just before it published this head.
template <class M>
bool collector_is_past(const Ring& ring, const Lane& lane, u64 position) {
  return M::load(At::head_seen, lane.head, std::memory_order_acquire) + ring.geometry.slots > position;
}

// What to do about the word of a position that is not free for this lap. It applies to both kinds of lane.
enum class Next : u8 { step_over, look_again, taken, full };

template <class M>
[[gnu::noinline]] Next not_free(const Ring& ring, const Lane& lane, Slot& slot, Word word, u64 position, u32 me,
                                bool overwriting) {
  const u64 lap = ring.lap(position);
  if (word.lap >= lap) return Next::step_over;  // somebody else has taken this position
  if (collector_is_past<M>(ring, lane, position)) return look<M>(slot) == word ? Next::step_over : Next::look_again;
  if (!overwriting) return Next::full;
  if (word.state != SlotState::ready) return Next::step_over;  // slots in WRITING or READING are never taken from their owner
  return overwrite<M>(slot, word, lap, me) ? Next::taken : Next::look_again;
}

// Applies the transitions of the protocol for a producer of the shared lane.
template <class M>
[[gnu::noinline]] Claim claim_shared(const Ring& ring, u32 lane_index, u32 me, bool overwriting) {
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
    help_tail<M>(lane, tail);  // it does not matter who wins this race
    if (mine) return {Claimed::yes, tail};
  }
  return {Claimed::contended, 0};
}

// Takes the position, which is the tail and has this slot and lap, if the slot is free. Otherwise it returns false, and has
// done nothing. Role: the one producer of an exclusive lane, of whose writes nearly all end here.
template <class M>
[[gnu::always_inline]] inline bool claim_free(Lane& lane, Slot& slot, u64 position, u64 lap, u32 me) {
  const Word word = look_alone<M>(slot);
  if (word.state != SlotState::empty || word.lap > lap) [[unlikely]]
    return false;
  claim_alone<M>(slot, lap, me);
  M::store(At::tail_own, lane.tail, position + 1, std::memory_order_release);  // after claim_alone: see LAYOUT.md, "tail"
  return true;
}

// Applies the same transitions for the one producer of an exclusive lane. `tail` is the producer's own copy, and moves past
// each position that it claims or steps over.
template <class M>
[[gnu::noinline]] Claim claim_exclusive(const Ring& ring, u32 lane_index, u32 me, bool overwriting, u64& tail) {
  Lane& lane = ring.lanes[lane_index];
  for (u32 attempt = 0; attempt < most_attempts(ring); ++attempt) {
    const u64 position = tail;
    const u64 lap = ring.lap(position);
    Slot& slot = ring.slot(lane_index, ring.index(position));
    if (claim_free<M>(lane, slot, position, lap, me)) return tail = position + 1, Claim{Claimed::yes, position};
    const Word word = look_alone<M>(slot);
    if (word.state == SlotState::empty && word.lap <= lap) continue;  // it has just become free
    const Next next = not_free<M>(ring, lane, slot, word, position, me, overwriting);
    if (next == Next::full) return {Claimed::full, position};
    if (next == Next::look_again) continue;
    tail = position + 1;
    M::store(At::tail_own, lane.tail, tail, std::memory_order_release);
    if (next == Next::taken) return {Claimed::yes, position};
  }
  return {Claimed::contended, 0};
}

// Sleeps on `freed` until something is released or the deadline passes. `try_again` runs after the first look at `freed` and
// before the kernel's look, so a sleeper has found the lane full after it announced itself. If a producer slept on the head
// instead, a wake-up in between would be lost.
template <class M, class Try>
bool sleep_until_freed(Lane& lane, u64 deadline_ns, const Try& try_again) {
  M::add(At::waiters_add, lane.waiters, u32{1}, std::memory_order_seq_cst);
  const u32 seen = M::load(At::freed_seen, lane.freed, std::memory_order_seq_cst);
  const bool done = try_again();
  if (!done) M::sleep(At::freed_sleep, lane.freed, seen, deadline_ns);
  M::add(At::waiters_leave, lane.waiters, ~u32{0}, std::memory_order_relaxed);
  return done;
}

// Returns where a collector starts: after everything that its predecessor released.
template <class M>
u64 head_resume(const Lane& lane) {
  return M::load(At::head_resume, lane.head, std::memory_order_acquire);
}

template <class M>
void head_publish(Lane& lane, u64 head) {
  M::store(At::head_publish, lane.head, head, std::memory_order_release);
}

// Stores the highest fill of the lane that a pass has seen. The caller keeps the maximum.
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

// Tells sleepers that slots were released or that the head has moved. Both stores come before this call. Returns true if
// someone sleeps on `freed` and must be woken.
template <class M>
bool freed(Lane& lane) {
  M::add(At::freed_bump, lane.freed, u32{1}, std::memory_order_seq_cst);
  return M::load(At::waiters_seen, lane.waiters, std::memory_order_seq_cst) != 0;
}

// Role: an attacher that has claimed its entry. Returns false if the lane already has an owner.
template <class M>
bool lane_take(Lane& lane, u32 me) {
  u64 expected = 0;
  return M::cas(At::lane_take, lane.owner, expected, u64{me}, std::memory_order_acq_rel, std::memory_order_relaxed);
}

template <class M>
u64 lane_owner(const Lane& lane) {
  return M::load(At::lane_owner, lane.owner, std::memory_order_acquire);
}

// Role: the collector, for a closed account. The lane's own word decides, not the lane number in the entry: a predecessor may
// have freed the lane already, and its next owner may be writing.
template <class M>
void lane_free(Lane& lane, u32 owner) {
  u64 expected = owner;
  M::cas(At::lane_free, lane.owner, expected, u64{0}, std::memory_order_acq_rel, std::memory_order_relaxed);
}

}  // namespace shmring::ring
