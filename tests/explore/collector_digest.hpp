// What a collector knows between two passes, as one hash: so that passes that learned the same are one state.
//
// Invariant: every private field that outlives a pass is in it, or stands below with the reason why not. The static_asserts
// make a new field a compile error: put it into the digest first, then count it here.
//   Collector: ring_, pace_, host_, log_ are alike in every life; what belongs to a pass is set when it begins, and its log
//              holds no pass up; waiting_since_ is not zero
//              where at_end is true (the host's clock moves as far as it is asked), so each pass is a whole one
//   TypeNames: names_ are those of the places copied_: a name never changes
//   Reassembly:  whole_, releasable_, done_, highest_ are cleared by begin_pass; room_ never changes
//   Reader:    attachments_, vanished_, taken_, cells_, scribbled_ are cleared by begin_pass; ring_, pace_, limit_ never
//              change; refused_entries_, repairs_ are figures; flowing_ decides how long it pauses, never what it sees;
//              met_, is_observed_ and what observed_ holds follow from the occupants, and its order decides only in which
//              order lines of different producers stand
//   LaneView:  walked, at_limit are set by begin_pass, passed_one, tight by the walk; held follows from is_held; end_word is
//              looked at only between whole passes
//   Ledger:    events_, losses_ are figures; lines_, advances_, closed_, closed_incarnations_ are cleared before they are
//              used; over_ matters only where an entry was scribbled
#pragma once

#include "lib/collect/collector.hpp"
#include "tests/explore/explore_memory.hpp"

#define SHMRING_NEW_FIELD "fields have changed: bring them into the digest (or say above why not), then this size"

namespace explore {

// Private members may be named in an explicit instantiation, and there alone.
template <class Tag, auto Member>
struct Reveal {
  friend auto member(Tag) { return Member; }
};
struct LanesTag {
  friend auto member(LanesTag);
};
struct OccupantsTag {
  friend auto member(OccupantsTag);
};
struct AccountsTag {
  friend auto member(AccountsTag);
};
struct PartialsTag {
  friend auto member(PartialsTag);
};
struct NextTurnTag {
  friend auto member(NextTurnTag);
};
struct CopiedTag {
  friend auto member(CopiedTag);
};
template struct Reveal<LanesTag, &shmring::ring::Reader<ExploreMemory>::lanes_>;
template struct Reveal<NextTurnTag, &shmring::ring::Reader<ExploreMemory>::next_turn_>;
template struct Reveal<OccupantsTag, &shmring::ring::Reader<ExploreMemory>::occupants_>;
template struct Reveal<AccountsTag, &shmring::collect::Ledger::accounts_>;
template struct Reveal<PartialsTag, &shmring::collect::Reassembly::partials_>;
template struct Reveal<CopiedTag, &shmring::collect::TypeNames<ExploreMemory>::copied_>;

inline u64 digest_of(const shmring::log::Causes& causes) {
  u64 hash = 0;
  for (u64 count : causes.count) hash = mix(hash, count);
  return hash;
}

inline u64 digest_of(const shmring::ring::Observation& observation) {
  static_assert(sizeof(shmring::ring::Observation) == 128, SHMRING_NEW_FIELD);
  u64 hash = mix(observation.entry, observation.incarnation);
  hash = mix(hash, u64{observation.closing} | u64{observation.died} << 1 | u64{observation.lane} << 2);
  hash = mix(mix(hash, observation.account.bits()), mix(observation.refusals.bits(), observation.tail));
  for (const auto& counter : observation.counters) hash = mix(hash, counter.bits());
  return mix(hash, observation.nested);
}

template <class Lanes>
u64 digest_of_lanes(const Lanes& lanes) {
  static_assert(sizeof(typename Lanes::value_type) == 192, SHMRING_NEW_FIELD);
  u64 hash = 1;
  for (const auto& view : lanes) {
    hash = mix(mix(hash, view.head), mix(view.published, view.tail));
    hash = mix(hash, view.high_water);
    hash = mix(hash, u64{view.released} | u64{view.at_end} << 1 | u64{view.left_ready} << 2);
    hash = mix(hash, u64{view.ahead} << 32 | view.behind);
    for (std::size_t i = 0; i < view.is_held.size(); ++i) hash = mix(hash, view.is_held[i]);
    for (const auto& it : view.listed) hash = mix(mix(hash, it.position), u64{it.index} << 32 | it.owner);
  }
  return hash;
}

template <class Occupants>
u64 digest_of_occupants(const Occupants& occupants) {
  static_assert(sizeof(typename Occupants::value_type) == 176, SHMRING_NEW_FIELD);
  u64 hash = 2;
  for (const auto& it : occupants) {
    hash = mix(mix(hash, it.incarnation), mix(it.lane, mix(it.highest, it.settled)));
    hash = mix(hash, u64{it.dead} | u64{it.refused} << 1 | u64{it.fresh} << 2 | u64{it.watched} << 3);
    hash = mix(hash, it.observation ? digest_of(*it.observation) : 0);
  }
  return hash;
}

template <class Accounts>
u64 digest_of_accounts(const Accounts& accounts) {
  static_assert(sizeof(typename Accounts::mapped_type) == 264, SHMRING_NEW_FIELD);
  u64 sum = 3;  // they have no order
  for (const auto& [incarnation, it] : accounts) {
    u64 hash = mix(incarnation, mix(it.through, u64{it.open} << 32 | it.entry));
    hash = mix(mix(hash, digest_of(it.causes)), mix(mix(it.refused_before, it.corrupt), it.corrupt_until));
    sum += mix(hash, u64{it.pid} << 32 | it.lane);
  }
  return sum;
}

template <class Partials>
u64 digest_of_partials(const Partials& partials) {
  static_assert(sizeof(typename Partials::mapped_type) == 176, SHMRING_NEW_FIELD);
  u64 hash = 4;
  for (const auto& [record, it] : partials) {
    hash = mix(mix(hash, record.first), record.second << 1 | u64{it.late});
    for (bool here : it.here) hash = mix(hash, here);
    for (const auto& place : it.places) hash = mix(hash, place.position << 8 | place.lane);
    for (std::byte byte : it.payload) hash = mix(hash, static_cast<u64>(byte));
    hash = mix(mix(hash, it.header.refused), it.header.why);
  }
  return hash;
}

inline u64 digest_of_names(const shmring::collect::TypeNames<ExploreMemory>& names) {
  static_assert(sizeof(shmring::collect::TypeNames<ExploreMemory>) == 232, SHMRING_NEW_FIELD);
  u64 hash = 5;
  for (bool copied : names.*member(CopiedTag{})) hash = mix(hash, copied);
  return hash;
}

template <class Collector>
u64 digest_of(Collector& collector, const shmring::collect::Reassembly& assembly) {
  static_assert(sizeof(shmring::collect::Reassembly) == 176, SHMRING_NEW_FIELD);
  static_assert(sizeof(shmring::ring::Reader<ExploreMemory>) == 456, SHMRING_NEW_FIELD);
  static_assert(sizeof(shmring::collect::Ledger) == 336, SHMRING_NEW_FIELD);
  const auto& reader = collector.reader();
  const u64 lanes = mix(digest_of_lanes(reader.*member(LanesTag{})), reader.*member(NextTurnTag{}));
  const u64 occupants = digest_of_occupants(reader.*member(OccupantsTag{}));
  const u64 partials = digest_of_partials(assembly.*member(PartialsTag{}));
  return mix(mix(mix(lanes, occupants), digest_of_accounts(collector.ledger().*member(AccountsTag{}))), partials);
}

#undef SHMRING_NEW_FIELD

}  // namespace explore
