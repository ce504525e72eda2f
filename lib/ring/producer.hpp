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

#include <algorithm>
#include <cerrno>

#include "lib/include/shmring/shmring.h"
#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "lib/ring/status.hpp"
#include "lib/ring/twins.hpp"

namespace shmring::ring {

// How far ahead a slot's lines are fetched for writing. As many lines are fetched as the present record has, up to a limit. The
// collector's processor fetches ahead, too, and takes back what was fetched for a slot far ahead: see LAYOUT.md.
inline constexpr u32 prefetch_slots = 3, most_prefetched = 32;
// How often a waiter looks at a full lane before it sleeps, and the longest sleep of any waiter. After that it notices an
// unlinked ring, or that a collector was killed before it woke anybody.
inline constexpr u32 wait_spins = 64;
inline constexpr u64 wait_slice_ns = 50'000'000;
// How many entries an attach tries in their order before it begins elsewhere, and its steps from there: a prime number above
// the number of entries, so that it comes to all of them.
inline constexpr u32 near_entries = 64, entry_step = 11003;
static_assert(entry_step > max_producers);
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
  // See shmring_wait_durable. −EINVAL means that `sequence` was not attempted yet, −EOPNOTSUPP that the collector's level is
  // write. The caller refuses on a ring with the policy overwrite, since this handle may have a policy of its own.
  int wait_durable(u64 sequence, u64 timeout_ns);
  // Gives `type` a name of at most sizeof TypeName::name − 1 bytes. Returns 0, −EEXIST if it has another name, or −ENOSPC if
  // the table is full.
  int name_type(u32 type, std::string_view name);
  // Detaches. This is the last use of the handle.
  void detach();

  u64 sequence() const { return sequence_; }
  u64 incarnation() const { return incarnation_; }
  u32 lane() const { return lane_; }
  // Returns how long a call waits for room at most, in µs; 0: it never waits.
  u32 wait_us() const { return policy() == OnFull::wait || policy() == OnFull::hybrid ? ring_.geometry.wait_us : 0; }

 private:
  struct Outcome {
    int result;      // 0 or a condition
    bool published;  // a slot is READY, and its record tells what was in the mask
  };

  bool some_lane_is_free() const;
  bool take_lane(u32 lane);
  int enter();
  int enter_alone();
  int enter_claim();
  int sleep_until_durable(u64 sequence, u64 timeout_ns);
  int why_not_to_wait() const;
  int refuse_nested();
  int leave(Outcome outcome, u64 sequence);
  int leave(Outcome outcome) { return leave(outcome, sequence_); }
  void finish(Outcome outcome, u64 sequence);
  Outcome attempt(const shmring_meta& meta, const void* payload, std::size_t bytes);
  Outcome attempt_chunks(const shmring_meta& meta, u32 flags, const std::byte* payload, std::size_t bytes);
  Claim try_claim();
  Claim place(u64& deadline_ns);
  Claim wait_for_place(u64& deadline_ns);
  HeaderWords describe(const shmring_meta& meta, u64 sequence, u32 flags, u64 length, u64 chunks = 1) const;
  // `in_place`: the payload is already in the slot. Of the other one, that is so if `payload` is NULL.
  template <bool in_place>
  void publish_record(Slot& slot, u64 position, Word ready, HeaderWords words, const void* payload, std::size_t length);
  void publish_record(u64 position, const HeaderWords& words, const void* payload, std::size_t length);
  u64 other_ticks() const;
  Outcome publish_refused(u64 position, Cause cause);
  Outcome refuse(Cause cause);
  Outcome refuse(Claimed why) { return refuse(cause_of(why)); }
  void end_stale_claim();

  static Cause cause_of(Claimed why);
  OnFull policy() const { return static_cast<OnFull>(ring_.geometry.on_full); }
  Slot& slot_at(u64 position) const {
    return *reinterpret_cast<Slot*>(lane_slots_ + ((position & last_index_) << ring_.slot_bytes_log2));
  }

  Ring ring_;
  Entry* entry_ = nullptr;
  u32 self_ = 0;              // entry index + 1: the owner of the slots
  u32 lane_ = 0;              // 0: shared
  Lane* own_lane_ = nullptr;  // NULL: shared
  bool reads_tsc_ = false;    // for each record's time
  std::byte* lane_slots_ = nullptr;
  u64 last_index_ = 0;  // of a lane's slots
  u64 position_mask_ = 0;
  u64 standing_ = 0;          // of position 0
  u64 tail_ = 0;              // of the exclusive lane
  std::size_t too_long_ = 0;  // for one slot of a lane of its own, in bytes: from here on, and in the shared lane always
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
  u64 seed_ = 0;  // of this incarnation's hashes
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
  const u64 sequence = ++sequence_;
  begin_attempt<M>(*entry_, sequence);
  if (bytes < too_long_) [[likely]] {
    const u64 position = tail_;
    const Word ready{ring_.lap(position), self_, SlotState::ready};
    Slot& slot = slot_at(position);
    if (claim_free<M>(*own_lane_, slot, position, ready.lap, ready.owner)) [[likely]] {
      tail_ = position + 1;
      publish_record<false>(slot, position, ready, describe(about, sequence, 0, bytes), payload, bytes);
      return leave({0, true}, sequence);
    }
  }
  return leave(attempt(about, payload, bytes), sequence);
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

// Ends a call that took a sequence. `sequence` is the caller's copy of sequence_, which each store to the ring would make the
// compiler load again.
template <class M>
[[gnu::always_inline]] inline int Producer<M>::leave(Outcome outcome, u64 sequence) {
  finish(outcome, sequence);
  signal_fence();
  inside_ = false;
  return outcome.result;
}

// Ends an attempt. The mask is cleared after the account is finished: a collector that sees the finished account together with
// a mask knows that the mask is not older than the last publish.
template <class M>
[[gnu::always_inline]] inline void Producer<M>::finish(Outcome outcome, u64 sequence) {
  finish_attempt<M>(*entry_, sequence);
  if (outcome.published && mask_ != 0) [[unlikely]] {
    mask_ = 0;
    set_refusals<M>(*entry_, {refusals_, 0, last_refused_});
  }
}

// The first of several chunks, of which all others differ in shape alone, or the whole.
template <class M>
[[gnu::always_inline]] inline HeaderWords Producer<M>::describe(const shmring_meta& meta, u64 sequence, u32 flags, u64 length,
                                                                u64 chunks) const {
  const auto* const correlation = reinterpret_cast<const std::byte*>(meta.correlation);
  return {u64{refusals_} << 32,
          sequence,
          reads_tsc_ ? M::ticks(Clock::tsc) : other_ticks(),
          {word_at(correlation), word_at(correlation + sizeof(u64))},
          HeaderWords::shape_of(meta.type, length, 0),
          HeaderWords::about_of(chunks, meta.kind, meta.severity, flags, mask_)};
}

template <class M>
template <bool in_place>
[[gnu::always_inline]] inline void Producer<M>::publish_record(Slot& slot, u64 position, Word ready, HeaderWords words,
                                                               const void* payload, std::size_t length) {
  const Slot& ahead = slot_at(position + prefetch_slots);
  M::prefetch(&ahead);
  M::prefetch(&ahead + 1);
  for (std::size_t line = 1; line * line_bytes < length && line < most_prefetched; ++line) M::prefetch(&ahead + 1 + line);
  fill_header<M>(slot.header, words);
  std::byte* const to = Ring::payload(slot);
  if (ring_.geometry.flags & with_tripwire) {
    Tripwire hash(seed_);
    add_header(hash, standing_ + (position & position_mask_), words);  // a scribbled tail may have more bits than a word
    if constexpr (in_place) {
      each_pair<false>(nullptr, to, length, hash);  // what the application put there: read only here
    } else {
      fill_hashed<M>(to, static_cast<const std::byte*>(payload), length, hash);
    }
    words.hash_refused |= hash.value();
  } else if (!in_place && length != 0) {
    fill<M>(to, payload, length);
  }
  fill_hash<M>(slot.header, words);
  publish<M>(slot, ready.lap, ready.owner);
}

}  // namespace shmring::ring

#include "lib/ring/producer_cold.ipp"
