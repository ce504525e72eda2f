// A producer's side of the ring: attach, write, detach. One handle; used by one thread at a time.
//
// Invariants:
//   - every attempt begins with the account word and ends with it; between the two it is published, or refused and counted;
//   - a write that succeeds reads of the collector's lines only its slot; nothing private is read back from shared memory;
//   - a call that a signal handler makes while it interrupts another call of this handle touches only the `nested` count.
#pragma once

#include <cerrno>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "lib/ring/tripwire.hpp"

namespace shmring::ring {

// Slots ahead whose lines are fetched for writing.
inline constexpr u32 prefetch_slots = 8;

// Looks at a type name that another process is writing.
inline constexpr u32 name_spins = 100'000;

// Where to cut a payload that must not be longer than `room`: text between two characters, so that it stays text.
inline std::size_t cut_at(u8 kind, const unsigned char* payload, std::size_t room) {
  std::size_t bytes = room;
  if (kind == SHMRING_TEXT)
    while (bytes > 0 && room - bytes < 3 && (payload[bytes] & 0xc0) == 0x80) --bytes;
  return bytes;
}

template <class M>
class Producer {
 public:
  // Take an entry and a lane (`lane`: a shmring_lane). 0, −EUSERS: the table is full, −EBUSY: no exclusive lane is free.
  int attach(const Ring& ring, Owner me, const Identity& identity, u32 lane);
  // See shmring_write.
  int write(const shmring_meta* meta, const void* payload, std::size_t bytes);
  // Give `type` a name of at most sizeof TypeName::name − 1 bytes. 0, −EEXIST: it has another, −ENOSPC: the table is full.
  int name_type(u32 type, std::string_view name);
  // The last use of the handle.
  void detach();

  u64 sequence() const { return sequence_; }
  u64 incarnation() const { return incarnation_; }
  u32 lane() const { return lane_; }

 private:
  bool take_lane(u32 lane);
  int attempt(const shmring_meta& meta, const void* payload, std::size_t bytes);
  void fill_slot(Slot& slot, const shmring_meta& meta, u16 flags, const void* payload, u32 bytes);
  int refuse(Cause cause, int condition);

  Ring ring_;
  Entry* entry_ = nullptr;
  u32 self_ = 0;      // entry index + 1: the owner of the slots
  u32 lane_ = 0;      // 0: shared
  u64 tail_ = 0;      // of the exclusive lane
  u64 sequence_ = 0;
  u32 refusals_ = 0;  // mod 2^32
  u16 mask_ = 0;      // causes since the last publish
  u16 last_refused_ = 0;
  volatile bool inside_ = false;
  u32 counts_[refusal_causes] = {};
  u64 incarnation_ = 0;
  Owner me_{};
};

template <class M>
int Producer<M>::attach(const Ring& ring, Owner me, const Identity& identity, u32 lane) {
  ring_ = ring;
  me_ = me;
  for (u32 index = 0; index < ring_.geometry.producers && entry_ == nullptr; ++index) {
    Entry& entry = ring_.entries[index];
    if (owner_seen<M>(entry).state != OwnerState::free || !claim_entry<M>(entry, me_)) continue;
    entry_ = &entry;
    self_ = index + 1;
  }
  if (entry_ == nullptr) return -EUSERS;
  incarnation_ = next_incarnation<M>(*ring_.header, ring_.incarnation_base);
  set_incarnation<M>(*entry_, incarnation_);
  if (!take_lane(lane)) {
    // Nothing was attempted: without an incarnation the collector frees the entry and writes no line.
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
bool Producer<M>::take_lane(u32 lane) {
  lane_ = 0;
  for (u32 index = 1; lane != SHMRING_LANE_SHARED && index < ring_.geometry.lanes && lane_ == 0; ++index)
    if (lane_owner<M>(ring_.lanes[index]) == 0 && lane_take<M>(ring_.lanes[index], self_)) lane_ = index;
  if (lane_ != 0) tail_ = tail_seen<M>(ring_.lanes[lane_]);
  return lane_ != 0 || lane != SHMRING_LANE_EXCLUSIVE;
}

template <class M>
int Producer<M>::write(const shmring_meta* meta, const void* payload, std::size_t bytes) {
  static constexpr shmring_meta plain{};
  if (inside_) {
    count_nested<M>(*entry_);
    return SHMRING_NESTED;
  }
  const shmring_meta& about = meta != nullptr ? *meta : plain;
  if (about.kind > SHMRING_BYTES || (about.flags & ~SHMRING_META_TRUNCATE) != 0) return -EINVAL;
  if (is_retired<M>(*ring_.header)) return SHMRING_RETIRED;
  inside_ = true;
  signal_fence();
  begin_attempt<M>(*entry_, ++sequence_);
  const int result = attempt(about, payload, bytes);
  finish_attempt<M>(*entry_, sequence_);
  if (result == 0 && mask_ != 0) {
    mask_ = 0;
    set_refusals<M>(*entry_, {refusals_, 0, last_refused_});
  }
  signal_fence();
  inside_ = false;
  return result;
}

template <class M>
int Producer<M>::attempt(const shmring_meta& meta, const void* payload, std::size_t bytes) {
  const u32 room = ring_.slot_payload() < ring_.geometry.max_record ? ring_.slot_payload() : ring_.geometry.max_record;
  u16 flags = 0;
  if (bytes > room) [[unlikely]] {
    if ((meta.flags & SHMRING_META_TRUNCATE) == 0) return refuse(Cause::too_big, SHMRING_TOO_BIG);
    bytes = cut_at(meta.kind, static_cast<const unsigned char*>(payload), room);
    flags = flag_truncated;
  }
  const Claim claim = lane_ == 0 ? claim_shared<M>(ring_, 0, self_) : claim_exclusive<M>(ring_, lane_, self_, tail_);
  if (claim.result == Claimed::full) return refuse(Cause::full, SHMRING_FULL);
  if (claim.result == Claimed::contended) return refuse(Cause::contended, SHMRING_FULL);
  Slot& slot = ring_.slot(lane_, ring_.index(claim.position));
  const Slot& ahead = ring_.slot(lane_, ring_.index(claim.position + prefetch_slots));
  M::prefetch(&ahead);
  M::prefetch(&ahead + 1);
  fill_slot(slot, meta, flags, payload, static_cast<u32>(bytes));
  publish<M>(slot, ring_.lap(claim.position), self_);
  return 0;
}

template <class M>
void Producer<M>::fill_slot(Slot& slot, const shmring_meta& meta, u16 flags, const void* payload, u32 bytes) {
  RecordHeader header{};
  header.refused = refusals_;
  header.sequence = sequence_;
  if (ring_.geometry.flags & with_timestamp) header.ticks = M::ticks(static_cast<Clock>(ring_.geometry.clock));
  std::memcpy(header.correlation, meta.correlation, sizeof header.correlation);
  header.type = meta.type;
  header.length = static_cast<u16>(bytes);
  header.chunks = 1;
  header.kind = meta.kind;
  header.severity = meta.severity;
  header.flags = flags;
  header.why = mask_;
  fill<M>(&slot.header, &header, sizeof header);
  if (bytes != 0) fill<M>(Ring::payload(slot), payload, bytes);
  if (ring_.geometry.flags & with_tripwire) slot.header.hash = tripwire(&slot.header);
}

// Counter, refusal word, and (in write) the account: whoever dies in between is counted once, by the last one that was stored.
template <class M>
int Producer<M>::refuse(Cause cause, int condition) {
  const u32 count = ++counts_[static_cast<std::size_t>(cause)];
  set_counter<M>(*entry_, cause, {count, static_cast<u32>(sequence_)});
  mask_ |= bit_of(cause);
  last_refused_ = static_cast<u16>(sequence_);
  set_refusals<M>(*entry_, {++refusals_, mask_, last_refused_});
  return condition;
}

// Names fill the table from its start. One whose writer died half-way is passed over, after a bounded wait.
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
    copy_type<M>(taken, place);
    return name == taken ? 0 : -EEXIST;
  }
  return -ENOSPC;
}

template <class M>
void Producer<M>::detach() {
  set_state<M>(*entry_, me_, OwnerState::left);
  entry_ = nullptr;
}

}  // namespace shmring::ring
