// The parts of Producer that a write seldom needs: attach and detach, waiting, records of several chunks, refusals, and writing
// in place.
#pragma once

#include "lib/ring/producer.hpp"

namespace shmring::ring {

template <class M>
int Producer<M>::attach(const Ring& ring, Owner me, const Identity& identity, u32 lane) {
  ring_ = ring;
  me_ = me;
  if (lane == SHMRING_LANE_EXCLUSIVE && !some_lane_is_free()) return -EBUSY;  // before an entry is spent on it
  // The first entries are tried in their order, so that a ring of few producers uses few. Then all are tried in steps of a prime
  // number, from a place that each attachment moves: half of a table that is in use costs an attach two looks on average.
  const u32 producers = ring_.geometry.producers;
  const u64 far = incarnation_hint<M>(*ring_.header) % producers;
  for (u32 tried = 0; tried < producers + near_entries && entry_ == nullptr; ++tried) {
    const u64 place = tried < near_entries ? tried : far + u64{tried - near_entries} * entry_step;
    const u32 index = static_cast<u32>(place % producers);
    Entry& entry = ring_.entries[index];
    if (owner_seen<M>(entry).state != OwnerState::free || !claim_entry<M>(entry, me_)) continue;
    entry_ = &entry;
    self_ = index + 1;
  }
  if (entry_ == nullptr) return -EUSERS;
  // Before the claim, a remover may have judged that nobody needs the ring. The entry gets no incarnation, as explained below.
  if (is_retired_by_now<M>(*ring_.header)) {
    set_state<M>(*entry_, me_, OwnerState::left);
    entry_ = nullptr;
    return -ESTALE;
  }
  incarnation_ = next_incarnation<M>(*ring_.header, ring_.incarnation_base);
  seed_ = Tripwire::seed_of(incarnation_);
  set_incarnation<M>(*entry_, incarnation_);
  if (!take_lane(lane)) {
    // Nothing was attempted. Without an incarnation the collector frees the entry and writes no line.
    set_incarnation<M>(*entry_, 0);
    set_state<M>(*entry_, me_, OwnerState::left);
    entry_ = nullptr;
    return -EBUSY;
  }
  set_lane<M>(*entry_, lane_);
  set_identity<M>(*entry_, identity);
  set_state<M>(*entry_, me_, OwnerState::attached);
  return 0;
}

template <class M>
bool Producer<M>::some_lane_is_free() const {
  for (u32 index = 1; index < ring_.geometry.lanes; ++index)
    if (lane_owner<M>(ring_.lanes[index]) == 0) return true;
  return false;
}

template <class M>
bool Producer<M>::take_lane(u32 lane) {
  lane_ = 0;
  for (u32 index = 1; lane != SHMRING_LANE_SHARED && index < ring_.geometry.lanes && lane_ == 0; ++index)
    if (lane_owner<M>(ring_.lanes[index]) == 0 && lane_take<M>(ring_.lanes[index], self_)) lane_ = index;
  if (lane_ != 0) tail_ = tail_seen<M>(ring_.lanes[lane_]);
  own_lane_ = lane_ != 0 ? &ring_.lanes[lane_] : nullptr;
  standing_ = standing(0, self_, lane_);
  last_index_ = ring_.geometry.slots - 1;
  position_mask_ = ring_.position_mask();
  lane_slots_ = reinterpret_cast<std::byte*>(&ring_.slot(lane_, 0));
  too_long_ = lane_ != 0 ? std::min(ring_.geometry.max_record, ring_.slot_payload()) + 1 : 0;
  reads_tsc_ = (ring_.geometry.flags & with_timestamp) != 0 && ring_.geometry.clock == static_cast<u32>(Clock::tsc);
  return lane_ != 0 || lane != SHMRING_LANE_EXCLUSIVE;
}

// The handle stays inside for good. If a signal handler wrote after the state says left, it would write into the entry of its
// next owner.
template <class M>
void Producer<M>::detach() {
  inside_ = true;
  signal_fence();
  if (open_) end_stale_claim();
  Entry& entry = *entry_;
  entry_ = nullptr;
  signal_fence();
  set_state<M>(entry, me_, OwnerState::left);
}

// Refuses a call made within another call of this handle. A handle that has left has nowhere to count it.
template <class M>
int Producer<M>::refuse_nested() {
  if (entry_ != nullptr) count_nested<M>(*entry_);
  return SHMRING_NESTED;
}

// ----------------------------------------------------------------------------------------------------------- attempts

// The time of a record of a ring that has none, or another clock than the TSC.
template <class M>
u64 Producer<M>::other_ticks() const {
  return ring_.geometry.flags & with_timestamp ? M::ticks(static_cast<Clock>(ring_.geometry.clock)) : 0;
}

// Every attempt but one that finds a free slot in a lane of its own.
template <class M>
[[gnu::noinline]] auto Producer<M>::attempt(const shmring_meta& meta, const void* payload, std::size_t bytes) -> Outcome {
  u32 flags = 0;
  if (bytes > ring_.geometry.max_record) {
    if ((meta.flags & SHMRING_META_TRUNCATE) == 0) return refuse(Cause::too_big);
    bytes = cut_at(meta.kind, static_cast<const unsigned char*>(payload), ring_.geometry.max_record);
    flags = flag_truncated;
  }
  if (bytes > ring_.slot_payload()) return attempt_chunks(meta, flags, static_cast<const std::byte*>(payload), bytes);
  u64 deadline_ns = 0;
  const Claim claim = place(deadline_ns);
  if (claim.result != Claimed::yes) [[unlikely]]
    return refuse(claim.result);
  publish_record(claim.position, describe(meta, sequence_, flags, bytes), payload, bytes);
  return {0, true};
}

template <class M>
[[gnu::always_inline]] inline void Producer<M>::publish_record(u64 position, const HeaderWords& words, const void* payload,
                                                               std::size_t length) {
  const Word ready{ring_.lap(position), self_, SlotState::ready};
  if (payload == nullptr) return publish_record<true>(slot_at(position), position, ready, words, payload, length);
  publish_record<false>(slot_at(position), position, ready, words, payload, length);
}

template <class M>
[[gnu::always_inline]] inline Claim Producer<M>::try_claim() {
  const bool overwriting = policy() == OnFull::overwrite;
  return lane_ == 0 ? claim_shared<M>(ring_, 0, self_, overwriting)
                    : claim_exclusive<M>(ring_, lane_, self_, overwriting, tail_);
}

// Takes one position, by the policy. `deadline_ns` is set when the first wait begins, so that all chunks of a record share it.
template <class M>
[[gnu::always_inline]] inline Claim Producer<M>::place(u64& deadline_ns) {
  const Claim claim = try_claim();
  if (claim.result == Claimed::yes || policy() == OnFull::drop || policy() == OnFull::overwrite) [[likely]]
    return claim;
  return wait_for_place(deadline_ns);
}

// ------------------------------------------------------------------------------------------------------------ waiting

// Spins, then sleeps, then tries once more, and then gives up.
template <class M>
[[gnu::noinline]] Claim Producer<M>::wait_for_place(u64& deadline_ns) {
  if (deadline_ns == 0) deadline_ns = M::now_ns() + u64{ring_.geometry.wait_us} * 1000;
  Claim claim{Claimed::full, 0};
  auto try_again = [&] {
    claim = try_claim();
    return claim.result == Claimed::yes;
  };
  for (u32 spin = 0; spin < wait_spins; ++spin) {
    M::pause();
    if (try_again()) return claim;
  }
  for (u64 now_ns = M::now_ns(); now_ns < deadline_ns; now_ns = M::now_ns()) {
    if (is_retired<M>(*ring_.header)) return {Claimed::retired, 0};
    const u64 slice_ns = now_ns + wait_slice_ns;
    if (sleep_until_freed<M>(ring_.lanes[lane_], slice_ns < deadline_ns ? slice_ns : deadline_ns, try_again)) return claim;
    if (try_again()) return claim;
  }
  return try_again() ? claim : Claim{Claimed::timeout, 0};
}

// ------------------------------------------------------------------------------------------------------------- chunks

// A record of several slots has one sequence and one deadline. If not all of it can be placed, the record is given up: the
// collector drops the chunks that were published, and the sequence is one loss.
template <class M>
[[gnu::noinline]] auto Producer<M>::attempt_chunks(const shmring_meta& meta, u32 flags, const std::byte* payload,
                                                   std::size_t bytes) -> Outcome {
  const u32 room = ring_.slot_payload();
  const u32 chunks = static_cast<u32>((bytes + room - 1) / room);
  const HeaderWords whole = describe(meta, sequence_, flags, room, chunks);
  u64 deadline_ns = 0, first = 0;
  for (u32 chunk = 0; chunk < chunks; ++chunk) {
    const Claim claim = place(deadline_ns);
    if (claim.result != Claimed::yes)
      return chunk == 0 || claim.result == Claimed::retired ? refuse(claim.result) : refuse(Cause::no_room);
    if (chunk == 0) first = claim.position;
    // One lap further on, this would be the slot of the first chunk again: overwritten by ourselves, or held by a collector
    // that waits for us.
    if (claim.position - first >= ring_.geometry.slots) return publish_refused(claim.position, Cause::no_room);
    const std::size_t at = std::size_t{chunk} * room;
    const std::size_t length = bytes - at < room ? bytes - at : room;
    HeaderWords words = whole;
    words.shape = HeaderWords::shape_of(meta.type, length, chunk);
    publish_record(claim.position, words, payload + at, length);
  }
  return {0, true};
}

// ----------------------------------------------------------------------------------------------------------- refusals

template <class M>
Cause Producer<M>::cause_of(Claimed why) {
  switch (why) {
    case Claimed::contended: return Cause::contended;
    case Claimed::timeout: return Cause::timeout;
    case Claimed::retired: return Cause::retired;
    default: return Cause::full;
  }
}

// Stores the counter, then the refusal word; leave() then finishes the account. If the process dies in between, the refusal is
// still counted exactly once, by the last word that was stored.
template <class M>
[[gnu::noinline]] auto Producer<M>::refuse(Cause cause) -> Outcome {
  const u32 count = ++counts_[static_cast<std::size_t>(cause)];
  set_counter<M>(*entry_, cause, {count, static_cast<u32>(sequence_)});
  mask_ |= bit_of(cause);
  last_refused_ = static_cast<u16>(sequence_);
  set_refusals<M>(*entry_, {++refusals_, mask_, last_refused_});
  return {condition_of(cause), false};
}

// Publishes a refusal that holds a slot: READY, with the flag aborted. `refused` and `why` describe what came before it, and
// `kind` is its cause.
template <class M>
auto Producer<M>::publish_refused(u64 position, Cause cause) -> Outcome {
  shmring_meta meta{};
  meta.kind = static_cast<u8>(cause);
  const HeaderWords words = describe(meta, sequence_, flag_aborted, 0);
  const Outcome outcome = refuse(cause);
  publish_record(position, words, nullptr, 0);
  return {outcome.result, true};
}

// ----------------------------------------------------------------------------------------------------------- in place

template <class M>
int Producer<M>::claim(std::size_t bytes, void** payload) {
  if (const int refused = enter(); refused != 0) return refused;
  begin_attempt<M>(*entry_, ++sequence_);
  if (bytes > ring_.slot_payload()) return leave(refuse(Cause::too_big));
  u64 deadline_ns = 0;
  const Claim claim = place(deadline_ns);
  if (claim.result != Claimed::yes) return leave(refuse(claim.result));
  open_position_ = claim.position;
  open_bytes_ = bytes;
  *payload = Ring::payload(slot_at(claim.position));
  open_ = true;
  signal_fence();
  inside_ = false;
  return 0;
}

// The beginning that the calls which take no sequence have in common.
template <class M>
int Producer<M>::enter_alone() {
  if (inside_) return refuse_nested();
  inside_ = true;
  signal_fence();
  return 0;
}

// The beginning that the calls which end a claim have in common. The handle is inside before it looks at open_. A signal
// handler that wrote between the two would end the claim first, and this call would then publish a slot that belongs to
// somebody else.
template <class M>
int Producer<M>::enter_claim() {
  if (const int refused = enter_alone(); refused != 0) return refused;
  if (open_) return 0;
  inside_ = false;
  return -EINVAL;
}

template <class M>
int Producer<M>::commit(const shmring_meta* meta, std::size_t bytes) {
  static constexpr shmring_meta plain{};
  const shmring_meta& about = meta != nullptr ? *meta : plain;
  if (about.kind > SHMRING_KIND_BYTES || about.flags != 0) return -EINVAL;
  if (const int refused = enter_claim(); refused != 0) return refused;
  open_ = false;
  if (bytes > open_bytes_) return leave(publish_refused(open_position_, Cause::too_big));
  publish_record(open_position_, describe(about, sequence_, 0, bytes), nullptr, bytes);
  return leave({0, true});
}

template <class M>
int Producer<M>::abort() {
  if (const int refused = enter_claim(); refused != 0) return refused;
  end_stale_claim();
  signal_fence();
  inside_ = false;
  return 0;
}

// Ends a claim whose owner came back without commit or abort, through an exception or siglongjmp. The slot is published,
// because only the collector gives slots back. The handle is inside and stays so, since the call that needs this goes on.
template <class M>
[[gnu::noinline]] void Producer<M>::end_stale_claim() {
  open_ = false;
  finish(publish_refused(open_position_, Cause::aborted), sequence_);
}

// --------------------------------------------------------------------------------------------------------- durability

template <class M>
int Producer<M>::wait_durable(u64 sequence, u64 timeout_ns) {
  if (const int refused = enter_alone(); refused != 0) return refused;
  if (open_) end_stale_claim();
  const int result = sequence > sequence_ ? -EINVAL : sleep_until_durable(sequence, timeout_ns);
  signal_fence();
  inside_ = false;
  return result;
}

// Each round asks first whether waiting makes sense, and then what is durable. So a collector that makes the sequence durable, ends
// and is gone has told this waiter.
template <class M>
int Producer<M>::sleep_until_durable(u64 sequence, u64 timeout_ns) {
  u64 now_ns = M::now_ns();
  const u64 deadline_ns = timeout_ns < ~u64{0} - now_ns ? now_ns + timeout_ns : ~u64{0};
  begin_wait<M>(*entry_);
  int result = 0;
  for (;; now_ns = M::now_ns()) {
    result = why_not_to_wait();
    const u64 durable = durable_awaited<M>(*entry_);
    if (durable >= sequence) result = 0;
    if (durable >= sequence || result != 0) break;
    result = SHMRING_TIMEOUT;
    if (now_ns >= deadline_ns) break;
    const u64 slice_ns = now_ns + wait_slice_ns;
    sleep_while_durable_is<M>(*entry_, durable, slice_ns < deadline_ns ? slice_ns : deadline_ns);
  }
  end_wait<M>(*entry_);
  return result;
}

// Returns 0 as long as a collector is there that syncs its log, or one may come. A collector that was killed left its name and its
// level behind, and its successor is waited for.
template <class M>
int Producer<M>::why_not_to_wait() const {
  if (is_retired<M>(*ring_.header) && collector_seen<M>(ring_.header->status).pid == 0) return SHMRING_RETIRED;
  return level_seen<M>(ring_.header->status_more) == Level::write ? -EOPNOTSUPP : 0;
}

// -------------------------------------------------------------------------------------------------------------- names

// Names fill the table from its start. A name whose writer died half-way is passed over after a bounded wait, and so is one
// that was scribbled over.
template <class M>
int Producer<M>::name_type(u32 type, std::string_view name) {
  for (TypeName& place : ring_.header->types) {
    if (type_seen<M>(place).state == 0 && claim_type<M>(place, type)) {
      publish_type<M>(place, type, name);
      return 0;
    }
    TypeWord word = type_seen<M>(place);
    for (u32 spin = 0; word.type == type && word.state == 1 && spin < name_spins; ++spin) {
      M::pause();
      word = type_seen<M>(place);
    }
    if (word.type != type || word.state != 2) continue;
    char taken[sizeof place.name];
    if (copy_type<M>(taken, place, word)) return name == taken ? 0 : -EEXIST;
  }
  return -ENOSPC;
}

}  // namespace shmring::ring
