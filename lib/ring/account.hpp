// The producer table: it records who is attached, and what each producer has attempted.
//
// A producer claims an entry with one CAS that writes its identity, so no entry ever lacks an owner. The entry's account word
// says which sequence is under way. It is stored before the first step of an attempt and again after the last one. The refusal
// word and the counters say why attempts were refused. Only the collector frees an entry.
//
// Invariants:
//   - the account word is set to (n << 1) before anything else of attempt n, and to (n << 1 | 1) after everything else;
//   - a refusal stores its counter, then the refusal word, and then finishes the account. A reader that sees one of these
//     stores also sees those before it;
//   - the incarnation, the lane and the name are stored before the state becomes attached. The state left is the last store of
//     a life;
//   - an entry is zeroed only when its account is closed and no slot names it. Its owner word is zeroed last;
//   - the holder of the remover's lock retires a ring before it removes the ring's name (remover.hpp). A ring is retired for
//     good only when its name is gone.
//
// Ordered accesses:
//
// | label            | access | order           | partner                      | what it orders                                     |
// |------------------|--------|-----------------|------------------------------|----------------------------------------------------|
// | owner_claim      | cas    | seq_cst/relaxed | entry_zero, owner_judged     | the last life's zeroing before this life's stores; before segment_again |
// | owner_state      | store  | release         | owner_seen                   | incarnation, lane, name before attached; all before left |
// | owner_seen       | load   | acquire         | owner_state, entry_zero      | the state before what is read under it             |
// | incarnation_next | add    | relaxed         | -                            | only its uniqueness counts                         |
// | incarnation_hint | load   | relaxed         | -                            | a hint: owner_claim decides                        |
// | incarnation_set  | store  | release         | incarnation_seen             | owner_claim before the number                      |
// | incarnation_seen | load   | acquire         | incarnation_set, entry_zero  | for an observer (stat): no word behind it is of the life before |
// | lane_set         | store  | release         | lane_seen                    | owner_claim and lane_take before the number of the lane |
// | lane_seen        | load   | acquire         | lane_set, entry_zero         | for an observer (stat): as incarnation_seen       |
// | identity_fill    | copy   | -               | owner_state                  | name, uid, tid, program                            |
// | identity_copy    | copy   | -               | owner_seen                   | name, uid, tid, program                            |
// | attempt          | store  | release         | account_seen                 | all of attempt n − 1 before n is announced         |
// | finish           | store  | release         | account_seen                 | all of attempt n before it is finished             |
// | account_seen     | load   | acquire         | attempt, finish              | what is read after it is not older                 |
// | counter          | store  | release         | counter_seen                 | the attempt before its refusal                     |
// | counter_seen     | load   | acquire         | counter                      | for an observer (stat): an account that is not older; the collector looks behind the end of the life |
// | refusal          | store  | release         | refusal_seen                 | the attempt and the counter before the refusal word |
// | refusal_seen     | load   | acquire         | refusal                      | the second look at the account after it            |
// | nested           | add    | relaxed         | -                            | a count                                            |
// | nested_seen      | load   | relaxed         | -                            | read after the proof of death or state left        |
// | logged           | store  | release         | logged_seen                  | the account as the collector saw it before what is logged of it; the line itself stands in a file |
// | logged_seen      | load   | acquire         | logged                       | for an observer (stat): an account that is not older; a successor has it with the lease |
// | waiting          | store  | seq_cst         | waiting_seen                 | before durable_awaited and durable_sleep: either they see what is durable, or waiting_seen sees the waiter |
// | waiting_over     | store  | relaxed         | -                            | a collector that sees it late wakes nobody          |
// | waiting_seen     | load   | seq_cst         | waiting                      | behind durable                                     |
// | durable          | store  | seq_cst         | durable_awaited              | before waiting_seen                                |
// | durable_resume   | load   | relaxed         | -                            | the collector's own word; a predecessor's with the lease |
// | durable_awaited  | load   | seq_cst         | durable                      | behind waiting; before the sleep, which then compares with what was stored |
// | durable_sleep    | sleep  | -               | durable                      | the kernel compares once more                      |
// | durable_seen     | load   | relaxed         | -                            | for an observer (stat): a figure                   |
// | entry_zero       | store  | release         | owner_claim, owner_seen, incarnation_seen, lane_seen | the entry's zeroing before it is free              |
// | segment_state    | load   | acquire         | segment_retire               | not needed: nothing that was stored before it is read behind it; as late as it is seen, it is obeyed |
// | segment_again    | load   | seq_cst         | segment_retire               | behind owner_claim: either this sees that the ring is retired, or owner_judged sees the claim |
// | segment_retire   | store  | seq_cst         | segment_again                | before owner_judged                                |
// | owner_judged     | load   | seq_cst         | owner_claim, owner_state     | behind segment_retire; the state before what is read under it |
// | segment_reopen   | cas    | release/relaxed | segment_state                | not needed: who sees it late takes the ring for retired for so long, and looks again |
// | type_claim       | cas    | acq_rel/relaxed | type_publish                 | not needed: one writer a name, which a compare-and-swap gives in any order; no place is ever used again |
// | type_fill        | copy   | -               | type_publish                 | the name                                           |
// | type_publish     | store  | release         | type_seen                    | the name before the word that says written         |
// | type_seen        | load   | acquire         | type_publish                 | the word before the name                           |
// | type_copy        | copy   | -               | type_seen                    | the name                                           |
#pragma once

#include <cstring>
#include <string_view>

#include "lib/ring/memory.hpp"
#include "lib/ring/tripwire.hpp"

namespace shmring::ring {

// The fields of the owner word.
struct Owner {
  u32 pid;         // 22 bits
  u64 start_time;  // 40 bits, clock ticks since boot; 0: unknown (another namespace), such an owner is never judged dead
  OwnerState state;

  static constexpr u64 start_mask = (u64{1} << 40) - 1;
  static constexpr Owner of(u64 bits) {
    return {static_cast<u32>(bits >> 42), bits >> 2 & start_mask, static_cast<OwnerState>(bits & 3)};
  }
  constexpr u64 bits() const { return u64{pid} << 42 | (start_time & start_mask) << 2 | static_cast<u64>(state); }
  constexpr bool same_process(const Owner& other) const { return pid == other.pid && start_time == other.start_time; }
};

// The fields of the account word.
struct AccountWord {
  u64 attempted;
  bool finished;

  static constexpr AccountWord of(u64 bits) { return {bits >> 1, (bits & 1) != 0}; }
  constexpr u64 bits() const { return attempted << 1 | u64{finished}; }
  constexpr u64 last_finished() const { return finished || attempted == 0 ? attempted : attempted - 1; }
  constexpr bool operator==(const AccountWord&) const = default;
};

// The fields of the refusal word.
struct Refusals {
  u32 count;  // refusals so far, mod 2^32
  u16 mask;   // one bit for each Cause since the last publish
  u16 last;   // low 16 bits of the last refused sequence

  static constexpr Refusals of(u64 bits) {
    return {static_cast<u32>(bits >> 32), static_cast<u16>(bits >> 16), static_cast<u16>(bits)};
  }
  constexpr u64 bits() const { return u64{count} << 32 | u64{mask} << 16 | last; }
};

// The fields of one refusal counter.
struct Counter {
  u32 count;
  u32 last;  // low 32 bits of the last sequence counted

  static constexpr Counter of(u64 bits) { return {static_cast<u32>(bits >> 32), static_cast<u32>(bits)}; }
  constexpr u64 bits() const { return u64{count} << 32 | last; }
};

constexpr u16 bit_of(Cause cause) { return static_cast<u16>(1u << static_cast<unsigned>(cause)); }

// The identity of an attaching producer. It is copied into the entry before the state becomes attached.
struct Identity {
  char name[name_bytes];
  u32 uid;
  u32 tid;
  char program[program_bytes];
};
static_assert(sizeof(Identity) == name_bytes + 8 + program_bytes &&
              offsetof(Entry, uid) == offsetof(Entry, name) + name_bytes && offsetof(Entry, tid) == offsetof(Entry, uid) + 4 &&
              offsetof(Entry, program) == offsetof(Entry, tid) + 4);

// ---------------------------------------------------------------------------------------------------------- producer

// Returns false if the entry already has an owner.
template <class M>
bool claim_entry(Entry& entry, Owner me) {
  u64 expected = 0;
  me.state = OwnerState::attaching;
  return M::cas(At::owner_claim, entry.owner, expected, me.bits(), std::memory_order_seq_cst, std::memory_order_relaxed);
}

template <class M>
u64 next_incarnation(Header& header, u64 base) {
  return base + M::add(At::incarnation_next, header.incarnations, u64{1}, std::memory_order_relaxed) + 1;
}

// Returns how many incarnations were handed out, or were not long ago.
template <class M>
u64 incarnation_hint(const Header& header) {
  return M::load(At::incarnation_hint, header.incarnations, std::memory_order_relaxed);
}

template <class M>
void set_incarnation(Entry& entry, u64 incarnation) {
  M::store(At::incarnation_set, entry.incarnation, incarnation, std::memory_order_release);
}

template <class M>
void set_lane(Entry& entry, u64 lane) {
  M::store(At::lane_set, entry.lane, lane, std::memory_order_release);
}

template <class M>
void set_identity(Entry& entry, const Identity& identity) {
  M::copy(At::identity_fill, entry.name, &identity, sizeof identity);
}

// The state attached says that the entry is complete. The state left is the last store of a life.
template <class M>
void set_state(Entry& entry, Owner me, OwnerState state) {
  me.state = state;
  M::store(At::owner_state, entry.owner, me.bits(), std::memory_order_release);
}

// Announces attempt n. It comes before everything else of the attempt: from here on the sequence is either logged or counted as
// lost.
template <class M>
[[gnu::always_inline]] inline void begin_attempt(Entry& entry, u64 sequence) {
  M::store(At::attempt, entry.account, AccountWord{sequence, false}.bits(), std::memory_order_release);
}

// Ends attempt n, whatever its result.
template <class M>
[[gnu::always_inline]] inline void finish_attempt(Entry& entry, u64 sequence) {
  M::store(At::finish, entry.account, AccountWord{sequence, true}.bits(), std::memory_order_release);
}

template <class M>
void set_counter(Entry& entry, Cause cause, Counter counter) {
  M::store(At::counter, entry.counters[static_cast<std::size_t>(cause)], counter.bits(), std::memory_order_release);
}

template <class M>
void set_refusals(Entry& entry, Refusals refusals) {
  M::store(At::refusal, entry.refusal, refusals.bits(), std::memory_order_release);
}

template <class M>
void count_nested(Entry& entry) {
  M::add(At::nested, entry.nested, u64{1}, std::memory_order_relaxed);
}

// Says that this producer waits for `durable`. After this it looks at durable_awaited, and sleeps if that is not enough.
template <class M>
void begin_wait(Entry& entry) {
  M::store(At::waiting, entry.waiting, u64{1}, std::memory_order_seq_cst);
}

template <class M>
void end_wait(Entry& entry) {
  M::store(At::waiting_over, entry.waiting, u64{0}, std::memory_order_relaxed);
}

template <class M>
u64 durable_awaited(const Entry& entry) {
  return M::load(At::durable_awaited, entry.durable, std::memory_order_seq_cst);
}

// Sleeps while `durable` is what was seen; it may wake for nothing. Only the low half is compared, so a sleeper misses a change
// by exactly 2^32 sequences. The deadline then ends its sleep.
template <class M>
void sleep_while_durable_is(Entry& entry, u64 seen, u64 deadline_ns) {
  M::sleep(At::durable_sleep, low_half(entry.durable), static_cast<u32>(seen), deadline_ns);
}

template <class M>
[[gnu::always_inline]] inline bool is_retired(const Header& header) {
  return M::load(At::segment_state, header.state, std::memory_order_acquire) != static_cast<u32>(SegmentState::open);
}

// Called by an attacher that has claimed its entry, or by a collector that has taken its lease. If this returns false, anyone
// who retires the ring afterwards sees the caller.
template <class M>
bool is_retired_by_now(const Header& header) {
  return M::load(At::segment_again, header.state, std::memory_order_seq_cst) != static_cast<u32>(SegmentState::open);
}

// Role: whoever removes the ring's name and holds the remover's lock, or the ring's collector once the name is gone.
template <class M>
void retire(Header& header) {
  M::store(At::segment_retire, header.state, static_cast<u32>(SegmentState::retired), std::memory_order_seq_cst);
}

// Role: the holder of the remover's lock, for a ring that still has its name. Returns false if the ring was not retired.
template <class M>
bool reopen(Header& header) {
  u32 expected = static_cast<u32>(SegmentState::retired);
  return M::cas(At::segment_reopen, header.state, expected, static_cast<u32>(SegmentState::open), std::memory_order_release,
                std::memory_order_relaxed);
}

// Role: whoever removes the ring's name, after retiring the ring.
template <class M>
Owner owner_judged(const Entry& entry) {
  return Owner::of(M::load(At::owner_judged, entry.owner, std::memory_order_seq_cst));
}

// The fields of the type table's word.
struct TypeWord {
  u32 type;
  u8 state;       // 0 free, 1 being written, 2 written
  u32 check = 0;  // tripwire of the name, 24 bits
  static constexpr TypeWord of(u64 bits) {
    return {static_cast<u32>(bits >> 32), static_cast<u8>(bits), static_cast<u32>(bits) >> 8};
  }
  constexpr u64 bits() const { return u64{type} << 32 | u64{check} << 8 | state; }
};

// Role: any producer. Returns false if another producer has taken the place.
template <class M>
bool claim_type(TypeName& place, u32 type) {
  u64 expected = 0;
  return M::cas(At::type_claim, place.word, expected, TypeWord{type, 1}.bits(), std::memory_order_acq_rel,
                std::memory_order_relaxed);
}

// Role: the producer that claimed the place. `name` has at most sizeof TypeName::name − 1 bytes.
template <class M>
void publish_type(TypeName& place, u32 type, std::string_view name) {
  char whole[sizeof place.name] = {};
  std::memcpy(whole, name.data(), name.size());
  M::copy(At::type_fill, place.name, whole, sizeof whole);
  M::store(At::type_publish, place.word, TypeWord{type, 2, tripwire(type, whole)}.bits(), std::memory_order_release);
}

template <class M>
TypeWord type_seen(const TypeName& place) {
  return TypeWord::of(M::load(At::type_seen, place.word, std::memory_order_acquire));
}

// Copies the name when `word` says that it is written. Returns false if the name or the word was scribbled over; the place then
// names no type. Of an older version, whose check was another one, only the end of the name is looked at.
template <class M>
bool copy_type(char (&to)[sizeof TypeName::name], const TypeName& place, TypeWord word, bool of_older_version = false) {
  M::copy(At::type_copy, to, place.name, sizeof to);
  signal_fence();  // each byte is read only once
  return to[sizeof to - 1] == '\0' && (of_older_version || tripwire(word.type, to) == word.check);
}

// --------------------------------------------------------------------------------------------------------- collector

template <class M>
Owner owner_seen(const Entry& entry) {
  return Owner::of(M::load(At::owner_seen, entry.owner, std::memory_order_acquire));
}

template <class M>
u64 incarnation_seen(const Entry& entry) {
  return M::load(At::incarnation_seen, entry.incarnation, std::memory_order_acquire);
}

template <class M>
u64 lane_seen(const Entry& entry) {
  return M::load(At::lane_seen, entry.lane, std::memory_order_acquire);
}

// Role: the collector, after it has seen the state attached or left.
template <class M>
Identity identity_copy(const Entry& entry) {
  Identity identity;
  M::copy(At::identity_copy, &identity, entry.name, sizeof identity);
  signal_fence();  // each byte is read only once
  identity.name[name_bytes - 1] = identity.program[program_bytes - 1] = '\0';
  return identity;
}

template <class M>
AccountWord account_seen(const Entry& entry) {
  return AccountWord::of(M::load(At::account_seen, entry.account, std::memory_order_acquire));
}

template <class M>
Refusals refusals_seen(const Entry& entry) {
  return Refusals::of(M::load(At::refusal_seen, entry.refusal, std::memory_order_acquire));
}

template <class M>
Counter counter_seen(const Entry& entry, Cause cause) {
  return Counter::of(M::load(At::counter_seen, entry.counters[static_cast<std::size_t>(cause)], std::memory_order_acquire));
}

template <class M>
u64 nested_seen(const Entry& entry) {
  return M::load(At::nested_seen, entry.nested, std::memory_order_relaxed);
}

// Stores how much of this entry the log holds, for a log that begins later. It is called after the append.
template <class M>
void set_logged(Entry& entry, u64 through, u64 refused) {
  M::store(At::logged, entry.logged_refused, refused, std::memory_order_release);
  M::store(At::logged, entry.logged, through, std::memory_order_release);
}

// Stores that all sequences up to `through` survive a power cut. It never goes back within a life. Returns true if the producer
// waits, and is to be woken: also if nothing new was stored, since a predecessor may have been killed before it woke anybody.
template <class M>
bool set_durable(Entry& entry, u64 through) {
  if (M::load(At::durable_resume, entry.durable, std::memory_order_relaxed) < through)
    M::store(At::durable, entry.durable, through, std::memory_order_seq_cst);
  return M::load(At::waiting_seen, entry.waiting, std::memory_order_seq_cst) != 0;
}

// For an entry whose incarnation was scribbled over: no log has anything of what follows, and nothing of it is durable.
template <class M>
void forget_logged(Entry& entry) {
  set_logged<M>(entry, 0, 0);
  M::store(At::durable, entry.durable, u64{0}, std::memory_order_seq_cst);
}

struct Logged {
  u64 through;
  u64 refused;
};
template <class M>
Logged logged_seen(const Entry& entry) {
  const u64 through = M::load(At::logged_seen, entry.logged, std::memory_order_acquire);
  return {through, M::load(At::logged_seen, entry.logged_refused, std::memory_order_acquire)};
}

// Role: an observer.
template <class M>
u64 durable_seen(const Entry& entry) {
  return M::load(At::durable_seen, entry.durable, std::memory_order_relaxed);
}

// Role: the collector, for an entry whose account is closed and which no slot names. The owner word is zeroed last, since an
// attacher may take the entry right after that. The incarnation is zeroed first, so an observer that finds the same incarnation
// before and after the other words has seen none of them zeroed.
template <class M>
void zero_entry(Entry& entry) {
  auto zero = [](std::atomic<u64>& word) { M::store(At::entry_zero, word, u64{0}, std::memory_order_release); };
  zero(entry.incarnation), zero(entry.account), zero(entry.refusal), zero(entry.lane), zero(entry.waiting);
  for (auto& counter : entry.counters) zero(counter);
  zero(entry.nested), zero(entry.logged), zero(entry.durable), zero(entry.logged_refused);
  zero(entry.owner);
}

}  // namespace shmring::ring
