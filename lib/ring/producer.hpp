// A producer's side of the ring: attach, write, claim and commit, detach. It is one handle, used by one thread at a time.
//
// Invariants:
//   - every attempt begins and ends with a store to the account word. In between it is either published, or refused and
//     counted;
//   - a successful write reads only its slot of the collector's lines. Nothing private is read back from shared memory;
//   - a call that finds another call of this handle under way, because a signal handler interrupted that one, touches only the
//     `nested` count. The same holds for a second thread that uses the handle by mistake, unless both calls began at once. Then
//     both run, and shmring.h says what comes of it;
//   - an open claim is an attempt under way: commit, abort, or the handle's next call ends it.
#pragma once

#include <cerrno>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "lib/ring/tripwire.hpp"
#include "lib/ring/twins.hpp"

namespace shmring::ring {

// How far ahead a slot's lines are fetched for writing. As many lines are fetched as the present record has, up to a limit.
inline constexpr u32 prefetch_slots = 8, most_prefetched = 32;
// How often a waiter looks at a full lane before it sleeps, and its longest sleep, after which it notices an unlinked ring.
inline constexpr u32 wait_spins = 64;
inline constexpr u64 wait_slice_ns = 50'000'000;
// How often to look at a type name that another process is writing.
inline constexpr u32 name_spins = 100'000;

// Returns where to cut a payload that must not be longer than `room`. Text is cut between two characters, so that it stays
// text.
inline std::size_t cut_at(u8 kind, const unsigned char* payload, std::size_t room) {
  std::size_t bytes = room;
  if (kind == SHMRING_KIND_TEXT)
    while (bytes > 0 && room - bytes < 3 && (payload[bytes] & 0xc0) == 0x80) --bytes;
  return bytes;
}

template <class M>
class Producer {
 public:
  // Takes an entry and a lane (`lane` is a shmring_lane). Returns 0, −EUSERS if the table is full, −EBUSY if no exclusive lane
  // is free, or −ESTALE if somebody has retired the ring in the meantime.
  int attach(const Ring& ring, Owner me, const Identity& identity, u32 lane);
  // See shmring_write, _claim, _commit, _abort.
  int write(const shmring_meta* meta, const void* payload, std::size_t bytes);
  int claim(std::size_t bytes, void** payload);
  int commit(const shmring_meta* meta, std::size_t bytes);
  int abort();
  // Gives `type` a name of at most sizeof TypeName::name − 1 bytes. Returns 0, −EEXIST if it has another name, or −ENOSPC if
  // the table is full.
  int name_type(u32 type, std::string_view name);
  // Detaches. This is the last use of the handle.
  void detach();

  u64 sequence() const { return sequence_; }
  u64 incarnation() const { return incarnation_; }
  u32 lane() const { return lane_; }

 private:
  struct Outcome {
    int result;      // 0 or a condition
    bool published;  // a slot is READY, and its record tells what was in the mask
  };

  bool some_lane_is_free() const;
  bool take_lane(u32 lane);
  int enter();
  int enter_claim();
  int refuse_nested();
  int leave(Outcome outcome);
  void finish(Outcome outcome);
  Outcome attempt(const shmring_meta& meta, const void* payload, std::size_t bytes);
  Outcome attempt_chunks(const shmring_meta& meta, u16 flags, const std::byte* payload, std::size_t bytes);
  Claim try_claim();
  Claim place(u64& deadline_ns);
  Claim wait_for_place(u64& deadline_ns);
  RecordHeader describe(const shmring_meta& meta, u16 flags, u32 bytes) const;
  void publish_record(u64 position, const RecordHeader& header, const void* payload);
  Outcome publish_refused(u64 position, Cause cause);
  Outcome refuse(Cause cause);
  Outcome refuse(Claimed why) { return refuse(cause_of(why)); }
  void end_stale_claim();

  static Cause cause_of(Claimed why);
  OnFull policy() const { return static_cast<OnFull>(ring_.geometry.on_full); }
  Slot& slot_at(u64 position) { return ring_.slot(lane_, ring_.index(position)); }

  Ring ring_;
  Entry* entry_ = nullptr;
  u32 self_ = 0;  // entry index + 1: the owner of the slots
  u32 lane_ = 0;  // 0: shared
  u64 tail_ = 0;  // of the exclusive lane
  u64 sequence_ = 0;
  u32 refusals_ = 0;  // mod 2^32
  u16 mask_ = 0;      // causes since the last publish
  u16 last_refused_ = 0;
  volatile bool inside_ = false;
  bool open_ = false;  // a claim is open
  u64 open_position_ = 0;
  std::size_t open_bytes_ = 0;
  u32 counts_[refusal_causes] = {};
  u64 incarnation_ = 0;
  Owner me_{};
};

template <class M>
int Producer<M>::write(const shmring_meta* meta, const void* payload, std::size_t bytes) {
  static constexpr shmring_meta plain{};
  const shmring_meta& about = meta != nullptr ? *meta : plain;
  if (about.kind > SHMRING_KIND_BYTES || (about.flags & ~SHMRING_META_TRUNCATE) != 0) [[unlikely]]
    return -EINVAL;
  if (const int refused = enter(); refused != 0) [[unlikely]]
    return refused;
  begin_attempt<M>(*entry_, ++sequence_);
  return leave(attempt(about, payload, bytes));
}

// The beginning that all calls which take a sequence have in common. If it does not return 0, the call is refused and takes no
// sequence.
template <class M>
[[gnu::always_inline]] inline int Producer<M>::enter() {
  if (inside_) [[unlikely]]
    return refuse_nested();
  inside_ = true;
  signal_fence();
  if (open_) [[unlikely]]
    end_stale_claim();
  if (!is_retired<M>(*ring_.header)) [[likely]]
    return 0;
  signal_fence();
  inside_ = false;
  return SHMRING_RETIRED;
}

// Ends a call that took a sequence.
template <class M>
[[gnu::always_inline]] inline int Producer<M>::leave(Outcome outcome) {
  finish(outcome);
  signal_fence();
  inside_ = false;
  return outcome.result;
}

// Ends an attempt. The mask is cleared after the account is finished: a collector that sees the finished account together with
// a mask knows that the mask is not older than the last publish.
template <class M>
[[gnu::always_inline]] inline void Producer<M>::finish(Outcome outcome) {
  finish_attempt<M>(*entry_, sequence_);
  if (outcome.published && mask_ != 0) [[unlikely]] {
    mask_ = 0;
    set_refusals<M>(*entry_, {refusals_, 0, last_refused_});
  }
}

template <class M>
[[gnu::always_inline]] inline auto Producer<M>::attempt(const shmring_meta& meta, const void* payload, std::size_t bytes)
    -> Outcome {
  u16 flags = 0;
  if (bytes > ring_.geometry.max_record) [[unlikely]] {
    if ((meta.flags & SHMRING_META_TRUNCATE) == 0) return refuse(Cause::too_big);
    bytes = cut_at(meta.kind, static_cast<const unsigned char*>(payload), ring_.geometry.max_record);
    flags = flag_truncated;
  }
  if (bytes > ring_.slot_payload()) [[unlikely]]
    return attempt_chunks(meta, flags, static_cast<const std::byte*>(payload), bytes);
  u64 deadline_ns = 0;
  const Claim claim = place(deadline_ns);
  if (claim.result != Claimed::yes) [[unlikely]]
    return refuse(claim.result);
  publish_record(claim.position, describe(meta, flags, static_cast<u32>(bytes)), payload);
  return {0, true};
}

template <class M>
[[gnu::always_inline]] inline RecordHeader Producer<M>::describe(const shmring_meta& meta, u16 flags, u32 bytes) const {
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
  return header;
}

// `payload` is NULL if the payload is already in the slot.
template <class M>
[[gnu::always_inline]] inline void Producer<M>::publish_record(u64 position, const RecordHeader& header, const void* payload) {
  Slot& slot = slot_at(position);
  const Slot& ahead = slot_at(position + prefetch_slots);
  M::prefetch(&ahead);
  M::prefetch(&ahead + 1);
  const u32 lines = 1 + (header.length + u32{sizeof(Slot)} - 1) / u32{sizeof(Slot)};
  for (u32 line = 2; line < lines && line < most_prefetched; ++line) M::prefetch(&ahead + line);
  fill<M>(&slot.header, &header, sizeof header);
  if (payload != nullptr && header.length != 0) fill<M>(Ring::payload(slot), payload, header.length);
  if (ring_.geometry.flags & with_tripwire) slot.header.hash = tripwire(&slot.header, header.length);
  publish<M>(slot, ring_.lap(position), self_);
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

}  // namespace shmring::ring

#include "lib/ring/producer_cold.hpp"
