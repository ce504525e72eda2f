// The slot: the place of one record in a lane, with a state word that says who owns it.
//
// A slot is used again once per lap. Its word holds lap, owner and state, and only the transitions below change the word. Each
// transition is one function, whose comment gives its row of the protocol, its role, its order, and what breaks without it.
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
//   - a position is taken by changing its slot's word to one that names the owner, so no taken position lacks an owner;
//   - no slot is taken from a live owner, however long the owner sleeps. Therefore publish may be a plain store;
//   - header and payload belong to the owner in WRITING, to the collector in READING, and to nobody else at any time;
//   - the laps in a slot's word only grow. If a word is unchanged at a later comparison, it was unchanged all the time;
//   - the position of an EMPTY word is never below the head. A producer that comes late for an older lap finds lap(w) too high;
//   - a word that no transition makes (states 4 … 7, an owner beyond the table, a lap far ahead) was scribbled. It may hide the
//     slot of a live owner, whose publish will restore it, so it is never freed. It costs its slot, and the log reports it.
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
#include "lib/ring/tripwire.hpp"

namespace shmring::ring {

// The fields of the state word. Any 64 bits can be read as a Word. A `state` of 4 … 7 has no meaning, and such a slot belongs
// to nobody.
struct Word {
  u64 lap;    // 48 bits: at 20 million records a second, 28 years for a lane of 64 slots, 7000 for one of 16384
  u32 owner;  // 13 bits: entry index + 1; 0: nobody
  SlotState state;

  static constexpr u64 lap_mask = (u64{1} << 48) - 1;
  static constexpr u32 owner_mask = (1u << 13) - 1;

  static constexpr Word of(u64 bits) {
    return {bits >> 16, static_cast<u32>(bits >> 3) & owner_mask, static_cast<SlotState>(bits & 7)};
  }
  constexpr u64 bits() const { return lap << 16 | u64{owner} << 3 | static_cast<u64>(state); }  // of an owner of 13 bits
  constexpr bool operator==(const Word&) const = default;
};

static_assert(Word::of(Word{Word::lap_mask, Word::owner_mask, SlotState::reading}.bits()) ==
              Word{Word::lap_mask, Word::owner_mask, SlotState::reading});
static_assert(Word{0, 0, SlotState::empty}.bits() == 0, "a zeroed page is an empty lane");

// ---------------------------------------------------------------------------------------------------------- producer

// Role: any producer of a shared lane. This look is only a hint; claim decides.
template <class M>
Word look(const Slot& slot) {
  return Word::of(M::load(At::look, slot.word, std::memory_order_relaxed));
}

// Role: the one producer of an exclusive lane. The load must be acquire because claim_alone is a plain store: otherwise the
// fill could overtake the collector's copy of the record that was here a lap ago.
template <class M>
Word look_alone(const Slot& slot) {
  return Word::of(M::load(At::look_alone, slot.word, std::memory_order_acquire));
}

// EMPTY(≤ L) → WRITING(L, me). Role: any producer of a shared lane, for its lap L. Returns true if the position is taken; the
// word then names its owner. With a plain store two producers could own the position. If the tail were advanced first, the
// position would have no owner when its taker dies in between.
template <class M>
bool claim(Slot& slot, Word seen, u64 lap, u32 me) {
  u64 expected = seen.bits();
  return M::cas(At::claim, slot.word, expected, Word{lap, me, SlotState::writing}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// EMPTY(≤ L) → WRITING(L, me). Role: the one producer of an exclusive lane, at its own tail and before it moves that tail. The
// collector steps over an EMPTY slot only below the tail. If it steps over this slot now for the lap before, its CAS fails, or
// it leaves an EMPTY(≤ L) that this store replaces. The store is release although the tail makes it visible: without it, a
// collector that meets this WRITING, and READY a moment later, may miss the owner's earlier publish and call that record lost.
template <class M>
void claim_alone(Slot& slot, u64 lap, u32 me) {
  M::store(At::claim_alone, slot.word, Word{lap, me, SlotState::writing}.bits(), std::memory_order_release);
}

// READY(an older lap) → WRITING(L, me). Role: a producer of a full lane with the policy overwrite, in either kind of lane. The
// old record is lost, and its producer's account will show the loss. This is a CAS because the collector may be taking the
// slot.
template <class M>
bool overwrite(Slot& slot, Word ready, u64 lap, u32 me) {
  u64 expected = ready.bits();
  return M::cas(At::overwrite, slot.word, expected, Word{lap, me, SlotState::writing}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// Role: the owner of the slot, in WRITING. The fills store into the slot and never load from it. The line may still be on
// its way from the collector's processor: the stores wait in the store buffer, and a load would make the caller wait with them.
template <class M>
void fill(void* to, const void* from, std::size_t bytes) {
  M::copy(At::fill, to, from, bytes);
}

// The same, and shows the bytes to the hash on their way.
template <class M>
[[gnu::always_inline]] inline void fill_hashed(std::byte* to, const std::byte* from, std::size_t bytes, Tripwire& hash) {
  if constexpr (!M::fills_from_registers)
    if (bytes != 0) M::copy(At::fill, to, from, bytes);
  each_pair<M::fills_from_registers>(to, from, bytes, hash);
}

// Each word of the header is stored whole, the one with the hash at last. A header that is put together in memory and then
// copied is read by wider loads than it was stored with, which wait until all those stores have left the store buffer.
template <class M>
[[gnu::always_inline]] inline void fill_header(RecordHeader& to, const HeaderWords& words) {
  if constexpr (!M::fills_from_registers) return;
  auto* const at = reinterpret_cast<std::byte*>(&to);
  store_word(at + 8, words.sequence);
  store_word(at + 16, words.ticks);
  store_word(at + 24, words.correlation[0]);
  store_word(at + 32, words.correlation[1]);
  store_word(at + 40, words.shape);
  store_word(at + 48, words.about);
}
template <class M>
[[gnu::always_inline]] inline void fill_hash(RecordHeader& to, const HeaderWords& words) {
  if constexpr (!M::fills_from_registers) return M::copy(At::fill, &to, &words, sizeof words);
  store_word(reinterpret_cast<std::byte*>(&to), words.hash_refused);
}

// WRITING(L, me) → READY(L, me). Role: the owner. The store is release, so that whoever sees READY also sees the record. A
// plain store is enough, since nobody takes a slot from a live owner.
template <class M>
void publish(Slot& slot, u64 lap, u32 me) {
  M::store(At::publish, slot.word, Word{lap, me, SlotState::ready}.bits(), std::memory_order_release);
}

// --------------------------------------------------------------------------------------------------------- collector

// Role: the collector, and observers. The load must be acquire: a slot that a dead collector left in READING is copied without
// a take. Also, whoever sees WRITING sees the earlier records of its owner as published, so none of them is called lost.
template <class M>
Word observe(const Slot& slot) {
  return Word::of(M::load(At::observe, slot.word, std::memory_order_acquire));
}

// READY(L) → READING(L). The word keeps the owner, so that a successor knows how to judge the record if the collector dies now.
// This is a CAS because a producer may be overwriting the slot. Returns false if someone else changed the word; look again.
template <class M>
bool take(Slot& slot, Word ready) {
  u64 expected = ready.bits();
  return M::cas(At::take, slot.word, expected, Word{ready.lap, ready.owner, SlotState::reading}.bits(),
                std::memory_order_acquire, std::memory_order_relaxed);
}

// Role: the collector, in READING. Each byte is read only once: validate the copy, never the original. The fence stops the
// compiler from reading the original again where the copy is used.
template <class M>
void copy_out(void* to, const void* from, std::size_t bytes) {
  M::copy(At::copy_out, to, from, bytes);
  signal_fence();
}

// Returns the lap for which a released slot becomes EMPTY: the first lap above the slot's own whose position is not below
// `head`. A lower lap would invite a claim behind the head, where the collector does not look again.
inline u64 next_lap(const Ring& ring, u32 index, u64 own_lap, u64 head) {
  const u64 first = ring.lap(head) + (index < ring.index(head) ? 1 : 0);
  return first > own_lap ? first : own_lap + 1;
}

// READING(L) → EMPTY. Role: the collector, once the log holds the record's line. That includes a line that was there already;
// with the policy overwrite, a kept copy of a chunk is enough (see reader_room.ipp). The store is release, so that the copy is
// done before the next owner fills the slot. If the slot were released earlier, a collector's death would lose the record.
template <class M>
void release(Slot& slot, u64 lap) {
  M::store(At::release, slot.word, Word{lap, 0, SlotState::empty}.bits(), std::memory_order_release);
}

// EMPTY(≤ L) → EMPTY(L+1), below the tail. Role: the collector, as it passes a position that every producer stepped over.
// Without it, a producer with an old tail could claim the position late, behind the head. Returns false if the slot was
// claimed; look again.
template <class M>
bool step_over(Slot& slot, Word seen, u64 lap) {
  u64 expected = seen.bits();
  return M::cas(At::step_over, slot.word, expected, Word{lap + 1, 0, SlotState::empty}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// WRITING(L, owner) → EMPTY. Role: the collector, and only if the owner was proven dead before this call. If the word is still
// the same after the proof, nobody else can change it any more. With a time-out instead of a proof, a stopped owner could wake
// up and write into somebody else's record. This makes no loss line of its own: the closing of the account counts the loss,
// once.
template <class M>
bool free_dead(Slot& slot, Word writing, u64 lap) {
  u64 expected = writing.bits();
  return M::cas(At::free_dead, slot.word, expected, Word{lap, 0, SlotState::empty}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

}  // namespace shmring::ring
