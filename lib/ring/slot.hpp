// The slot: one record's place in a lane, and the state word that says whose it is.
//
// A slot is used again and again, once a lap. Its word holds lap, owner and state, and only the transitions below change
// it. Each is one function: its row of the protocol, who may make it, its order, and what breaks without it.
//
//            claim (producer)          publish (its owner)         take (collector)
//   EMPTY(≤L) ─────────────▶ WRITING(L) ─────────────▶ READY(L) ─────────────▶ READING(L)
//     ▲  │                     ▲ │ free_dead (collector,   │                      │ release (collector,
//     │  │ step_over           │ │  owner proven dead)     │ overwrite (producer, │  the line is in the log)
//     │  │ (collector)         └─┼─────────────────────────┘  for a later lap)    │
//     │  ▼                       ▼                                                ▼
//     EMPTY(a later lap) ◀───────┴────────────────────────────────────────────────┘
//
// Invariants:
//   - a position is taken by the change of its slot's word, which names the owner: no taken position is without an owner;
//   - no slot is taken from a live owner, however long it sleeps: so publish may be a plain store;
//   - header and payload belong to the owner in WRITING, to the collector in READING, and to nobody else ever;
//   - the laps of a slot's words only grow: a word seen once and compared later was never something else in between;
//   - seen from the head, an EMPTY word is for a lap still to come: who comes late for an older one finds lap(w) too high;
//   - a word that no transition makes (states 4 … 7, an owner beyond the table, a lap far ahead) was scribbled. It may hide a
//     live owner's slot, which its publish will restore, so it is never freed: it costs its slot, and is said in the log.
//
// Ordered accesses. "If X reads from Y, then what stands before Y has happened for whoever stands behind X."
//
// | label       | access | order           | partner            | what it orders                                     |
// |-------------|--------|-----------------|--------------------|----------------------------------------------------|
// | look        | load   | relaxed         | -                  | a hint only: claim decides                         |
// | look_alone  | load   | acquire         | release, step_over, free_dead | the collector's copy_out before this fill |
// | claim       | cas    | acq_rel/relaxed | release, step_over, free_dead, observe | the collector's copy_out before this fill; this owner's earlier publishes before the claim behind them |
// | overwrite   | cas    | acq_rel/relaxed | publish            | the old record's bytes before this fill            |
// | claim_alone | store  | release         | observe            | this owner's earlier publishes before the claim behind them |
// | fill        | copy   | -               | publish            | plain bytes of the owner in WRITING                |
// | publish     | store  | release         | take, observe, overwrite | the record's bytes before READY                    |
// | observe     | load   | acquire         | publish, claim, claim_alone | READY, or READING left behind (take kept publish's release sequence, being a CAS): the record's bytes before copy_out; WRITING: what its owner published before |
// | take        | cas    | acquire/relaxed | publish            | the record's bytes before copy_out: so does observe, which stands before each take; either is enough, and this one holds whatever stood before |
// | copy_out    | copy   | -               | publish            | plain bytes of the collector in READING            |
// | release     | store  | release         | claim, look_alone  | copy_out before the next fill                      |
// | step_over   | cas    | acq_rel/relaxed | claim, look_alone  | not needed: an update goes on with the release sequence of release or free_dead; so no reader of the word has to rest on that |
// | free_dead   | cas    | acq_rel/relaxed | claim, look_alone  | copy_out of the lap before (this collector's, or handed over with the lease) before the next fill |
#pragma once

#include "lib/ring/memory.hpp"
#include "lib/ring/ring.hpp"

namespace shmring::ring {

// The state word, taken apart. Any 64 bits are a Word: `state` may hold 4 … 7, which mean nothing and are nobody's.
struct Word {
  u64 lap;    // 48 bits: at 20 million records a second, 28 years of a lane of 64 slots, 7000 of one of 16384
  u32 owner;  // 13 bits: entry index + 1; 0: nobody
  SlotState state;

  static constexpr u64 lap_mask = (u64{1} << 48) - 1;
  static constexpr u32 owner_mask = (1u << 13) - 1;

  static constexpr Word of(u64 bits) {
    return {bits >> 16, static_cast<u32>(bits >> 3) & owner_mask, static_cast<SlotState>(bits & 7)};
  }
  constexpr u64 bits() const { return (lap & lap_mask) << 16 | u64{owner & owner_mask} << 3 | static_cast<u64>(state); }
  constexpr bool operator==(const Word&) const = default;
};

static_assert(Word::of(Word{Word::lap_mask, Word::owner_mask, SlotState::reading}.bits()) ==
              Word{Word::lap_mask, Word::owner_mask, SlotState::reading});
static_assert(Word{0, 0, SlotState::empty}.bits() == 0, "a zeroed page is an empty lane");

// ---------------------------------------------------------------------------------------------------------- producer

// Role: any producer of a shared lane. A look that decides nothing: claim does.
template <class M>
Word look(const Slot& slot) {
  return Word::of(M::load(At::look, slot.word, std::memory_order_relaxed));
}

// Role: the one producer of an exclusive lane. Acquire, because claim_alone is a plain store: without it the fill could
// overtake the collector's copy of the record that lay here a lap ago.
template <class M>
Word look_alone(const Slot& slot) {
  return Word::of(M::load(At::look_alone, slot.word, std::memory_order_acquire));
}

// EMPTY(≤ L) → WRITING(L, me). Role: any producer of a shared lane, for its lap L. True: the position is mine, and says so.
// By a plain store two would own it; with the tail advanced first, nobody would when its taker dies in between.
template <class M>
bool claim(Slot& slot, Word seen, u64 lap, u32 me) {
  u64 expected = seen.bits();
  return M::cas(At::claim, slot.word, expected, Word{lap, me, SlotState::writing}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// EMPTY(≤ L) → WRITING(L, me). Role: the one producer of an exclusive lane, at its own tail, before it moves that tail: the
// collector steps over an EMPTY slot only for a position below the tail. If it does so now for the lap before, it fails, or
// leaves an EMPTY(≤ L) that this store replaces. Release, though the tail makes it visible: a collector that meets this WRITING
// on its walk, and READY a moment later, has else not seen that the owner published the record before; it calls that one lost.
template <class M>
void claim_alone(Slot& slot, u64 lap, u32 me) {
  M::store(At::claim_alone, slot.word, Word{lap, me, SlotState::writing}.bits(), std::memory_order_release);
}

// READY(an older lap) → WRITING(L, me). Role: a producer of a full lane with the policy overwrite, in either kind of lane. The
// record that lay here is lost, and its producer's account will show it. A CAS: the collector may be taking it.
template <class M>
bool overwrite(Slot& slot, Word ready, u64 lap, u32 me) {
  u64 expected = ready.bits();
  return M::cas(At::overwrite, slot.word, expected, Word{lap, me, SlotState::writing}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// Role: the owner, in WRITING.
template <class M>
void fill(void* to, const void* from, std::size_t bytes) {
  M::copy(At::fill, to, from, bytes);
}

// WRITING(L, me) → READY(L, me). Role: the owner. Release: whoever sees READY sees the record. A plain store is enough, since
// a live owner's slot is never taken from it.
template <class M>
void publish(Slot& slot, u64 lap, u32 me) {
  M::store(At::publish, slot.word, Word{lap, me, SlotState::ready}.bits(), std::memory_order_release);
}

// --------------------------------------------------------------------------------------------------------- collector

// Role: the collector, and anyone who only looks. Acquire: READING, left by a dead collector, is copied without a take; and
// behind a WRITING the earlier records of its owner are seen as published, so that none of them is called lost.
template <class M>
Word observe(const Slot& slot) {
  return Word::of(M::load(At::observe, slot.word, std::memory_order_acquire));
}

// READY(L) → READING(L), owner kept: a collector that dies now leaves a record that its successor knows how to judge. A CAS: a
// producer may be overwriting it.
// False: someone else changed the word; look again.
template <class M>
bool take(Slot& slot, Word ready) {
  u64 expected = ready.bits();
  return M::cas(At::take, slot.word, expected, Word{ready.lap, ready.owner, SlotState::reading}.bits(),
                std::memory_order_acquire, std::memory_order_relaxed);
}

// Role: the collector, in READING. Each byte is read once: validate the copy, never the original.
// The fence is for the compiler, which may else read the original again where the copy is used.
template <class M>
void copy_out(void* to, const void* from, std::size_t bytes) {
  M::copy(At::copy_out, to, from, bytes);
  signal_fence();
}

// The lap for which a slot becomes EMPTY: the first whose position is not below `head`, and above the slot's own. A lower one
// would invite a claim behind the head, where the collector does not look again.
inline u64 next_lap(const Ring& ring, u32 index, u64 own_lap, u64 head) {
  const u64 first = ring.lap(head) + (index < ring.index(head) ? 1 : 0);
  return first > own_lap ? first : own_lap + 1;
}

// READING(L) → EMPTY. Role: the collector, once the log holds the record's line (or knows that it did already; or, overwriting,
// keeps the copy of a chunk: see reader_room.hpp). Release: the copy is done before the next owner fills. Earlier, a
// collector's death would lose the record.
template <class M>
void release(Slot& slot, u64 lap) {
  M::store(At::release, slot.word, Word{lap, 0, SlotState::empty}.bits(), std::memory_order_release);
}

// EMPTY(≤ L) → EMPTY(L+1), below the tail. Role: the collector, as it passes a position that every producer stepped over.
// Without it, a producer with an old tail claims the position late, behind the head. False: it was claimed; look again.
template <class M>
bool step_over(Slot& slot, Word seen, u64 lap) {
  u64 expected = seen.bits();
  return M::cas(At::step_over, slot.word, expected, Word{lap + 1, 0, SlotState::empty}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// WRITING(L, owner) → EMPTY. Role: the collector, and only when the owner was proven dead before this call: the word, still
// unchanged after the proof, can then never change by another hand. On a time-out instead, a stopped owner would wake up and
// write into somebody else's record. No loss line of its own: the closing of the account counts it, once.
template <class M>
bool free_dead(Slot& slot, Word writing, u64 lap) {
  u64 expected = writing.bits();
  return M::cas(At::free_dead, slot.word, expected, Word{lap, 0, SlotState::empty}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

}  // namespace shmring::ring
