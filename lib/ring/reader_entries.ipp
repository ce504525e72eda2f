// The half of Reader that looks at the producer table: read_entries, meet, observations, ripe, free_entries. It also checks
// whether a record agrees with its owner's entry.
#pragma once

#include "lib/ring/reader.hpp"

namespace shmring::ring {

// Step 1.
template <class M>
template <class Witness>
void Reader<M>::read_entries(Witness& witness) {
  refused_entries_ = 0;
  witness.look();
  for (u32 entry = 0; entry < occupants_.size(); ++entry) read_entry(entry, witness);
}

// Asks for proof of death and then reads the words again: an owner that was attaching at first sight may have attached, written
// and died since.
template <class M>
template <class Witness>
void Reader<M>::read_entry(u32 entry, Witness& witness) {
  Occupant& occupant = occupants_[entry];
  if (occupant.refused) ++refused_entries_;
  const Owner before = owner_seen<M>(ring_.entries[entry]);
  if (occupant.incarnation != 0 && incarnation_seen<M>(ring_.entries[entry]) != occupant.incarnation) {
    vanished_.push_back(occupant.incarnation);  // scribbled: only a collector frees an entry
    forget_logged<M>(ring_.entries[entry]);     // the next owner's log begins at its first sequence
    witness.forget(entry);
    forget(entry);
  }
  if (before.state == OwnerState::free) {
    if (!occupant.watched && !occupant.refused) return;
    witness.forget(entry);  // scribbled: no death is awaited here, and the next owner is looked at afresh
    occupant.watched = false;
    if (occupant.incarnation == 0) forget(entry);
    return;
  }
  // A producer that has left, and whose account only waits to be closed, is also asked about: a slot that it left in WRITING is
  // freed when its process ends.
  occupant.watched = true;
  if (!occupant.dead) occupant.dead = witness.dead(entry, before.bits());
  if (occupant.observation && occupant.observation->closing) return;
  const Owner owner = owner_seen<M>(ring_.entries[entry]);
  if (!owner.same_process(before) || owner.state == OwnerState::free) return;  // scribbled: the next reading sees it
  const bool over = occupant.dead || owner.state == OwnerState::left;
  if (owner.state == OwnerState::attaching && !over) return;
  if (owner.state != OwnerState::attaching && occupant.incarnation == 0) meet(entry, owner);
  if (occupant.incarnation == 0 && !over) return;
  if (over || !occupant.observation) look_at_account(entry, over, owner.state != OwnerState::left);
}

// Returns whether a record's owner is known. Its entry must be attached, since it wrote.
template <class M>
bool Reader<M>::is_met(u32 owner) {
  if (owner == 0 || owner > occupants_.size()) return false;
  if (occupants_[owner - 1].incarnation != 0) return true;
  const Owner seen = owner_seen<M>(ring_.entries[owner - 1]);
  return (seen.state == OwnerState::attached || seen.state == OwnerState::left) && meet(owner - 1, seen);
}

// Meets an attached entry for the first time. Returns false if its incarnation or lane is impossible; the entry is then refused
// until its process has ended. An incarnation of zero is no fault once a life is over: an attach found no lane, or a collector
// died while it zeroed the entry.
template <class M>
bool Reader<M>::meet(u32 entry, Owner owner) {
  Occupant& occupant = occupants_[entry];
  if (occupant.refused) return false;
  const u64 incarnation = incarnation_seen<M>(ring_.entries[entry]);
  const u64 lane = lane_seen<M>(ring_.entries[entry]);
  if (incarnation == 0 && (occupant.dead || owner.state == OwnerState::left)) return false;
  const bool possible = incarnation > ring_.incarnation_base && incarnation < u64{1} << 53 && lane < lanes() &&
                        (lane == 0 || lane_owner<M>(ring_.lanes[lane]) == entry + 1 || occupant.dead ||
                         owner.state == OwnerState::left);  // once a life is over, its lane may be freed already
  if (!possible || names_entry(incarnation)) {
    occupant.refused = true;
    return false;
  }
  occupant.incarnation = incarnation;
  met_.insert(incarnation);
  occupant.lane = static_cast<u32>(lane);
  attachments_.push_back(
      {entry, incarnation, owner, identity_copy<M>(ring_.entries[entry]), occupant.lane, logged_seen<M>(ring_.entries[entry])});
  return true;
}

template <class M>
bool Reader<M>::names_entry(u64 incarnation) const {
  return met_.contains(incarnation);
}

template <class M>
void Reader<M>::forget(u32 entry) {
  met_.erase(occupants_[entry].incarnation);
  occupants_[entry] = {};
}

// Reads the account, the refusal word, and the account again. A live producer that moved in between is looked at again. Of one
// that has finished nothing since its last ripe observation, a new one would say nothing new.
template <class M>
void Reader<M>::look_at_account(u32 entry, bool closing, bool died) {
  Entry& words = ring_.entries[entry];
  Occupant& occupant = occupants_[entry];
  Observation observation{};
  observation.entry = entry;
  observation.incarnation = occupant.incarnation;
  observation.closing = closing;
  observation.died = died;
  bool settled = false;
  for (u32 look = 0; !settled && look < account_looks; ++look) {
    observation.account = account_seen<M>(words);
    if (!closing && observation.account.last_finished() == occupant.settled) return;
    observation.refusals = refusals_seen<M>(words);
    settled = closing || account_seen<M>(words) == observation.account;
  }
  if (!settled) return;
  if (closing) {
    for (std::size_t i = 0; i < refusal_causes; ++i) observation.counters[i] = counter_seen<M>(words, static_cast<Cause>(i));
    observation.nested = nested_seen<M>(words);
  }
  observation.lane = occupant.lane;
  occupant.observation = observation;
  occupant.fresh = true;
  if (is_observed_[entry]) return;
  is_observed_[entry] = true;
  observed_.push_back(entry);
}

// Checks what a record says of itself against its hash and its owner's entry. The entry is read only if the sequence is not the
// next one.
template <class M>
bool Reader<M>::is_sound(const RecordHeader& record, Word word, u32 lane, u32 index) {
  const u32 entry = word.owner - 1;
  if ((ring_.geometry.flags & with_tripwire) && tripwire(standing(ring_.position(word.lap, index), word.owner, lane),
                                                         occupants_[entry].incarnation, record) != record.hash)
    return false;
  const bool aborted = (record.flags & flag_aborted) != 0;
  if (record.kind >= (aborted ? refusal_causes : SHMRING_KIND_BYTES + 1)) return false;
  const u32 room = ring_.slot_payload();
  if (record.chunk >= record.chunks || record.chunks > (ring_.geometry.max_record + room - 1) / room + 1) return false;
  if (record.chunk + 1u < record.chunks && record.length != room) return false;  // only the last may be short
  Occupant& occupant = occupants_[entry];
  if (record.sequence == 0) return false;
  if (record.sequence > occupant.highest + 1 && record.sequence > account_seen<M>(ring_.entries[entry]).attempted) return false;
  // This is not a new sequence: it is a late one, one from before a restart, or another producer's in an overwritten entry.
  if (record.sequence <= occupant.highest) return incarnation_seen<M>(ring_.entries[entry]) == occupant.incarnation;
  occupant.highest = record.sequence;
  return true;
}

template <class M>
bool Reader<M>::is_stalled(u32 owner) const {
  for (const LaneView& view : lanes_)
    for (const Stalled& listed : view.listed)
      if (listed.owner == owner) return true;
  return false;
}

// Live: everything that was published by the observation's last finished attempt lies below its tail, and none of it was left
// on the list for want of room. Closing: if the owner died before it advanced the tail, its claim lies at the tail itself, so
// the walk must have looked there.
template <class M>
bool Reader<M>::is_ripe(const Observation& observation) const {
  const LaneView& view = lanes_[observation.lane];
  if (!observation.closing) return view.head >= observation.tail && !view.left_ready;
  const bool passed = view.head > observation.tail || (view.head == observation.tail && view.at_end);
  return passed && !is_stalled(observation.entry + 1);
}

// Returns the observations whose losses are now decided, for steps 5 and 6. A closing observation stays until its entry is
// freed.
template <class M>
std::vector<Observation> Reader<M>::ripe() {
  std::vector<Observation> ripe;
  std::erase_if(observed_, [&](u32 entry) {
    Occupant& occupant = occupants_[entry];
    if (occupant.observation && !occupant.fresh && is_ripe(*occupant.observation)) {
      ripe.push_back(*occupant.observation);
      occupant.settled = occupant.observation->account.last_finished();
      if (!occupant.observation->closing) occupant.observation.reset();
    }
    is_observed_[entry] = occupant.observation.has_value();
    return !is_observed_[entry];
  });
  return ripe;
}

// A log is synced long after its lines were written, so the entry may have another life by now. Only this collector frees an entry,
// and it forgets the occupant before it does so. So what it knows of its occupant says which life the entry has: a look at the
// entry's words would be a look at words that may be another's a moment later.
template <class M>
bool Reader<M>::note_durable(u32 entry, u64 incarnation, u64 through) {
  if (entry >= occupants_.size() || incarnation == 0 || occupants_[entry].incarnation != incarnation) return false;
  return set_durable<M>(ring_.entries[entry], through);
}

// Step 9, for accounts that are closed in the log: frees each lane whose owner word names the entry, and then the entry.
template <class M>
template <class Witness>
void Reader<M>::free_entries(const std::vector<u32>& entries, Witness& witness) {
  for (u32 entry : entries) {
    for (u32 lane = 1; lane < lanes(); ++lane) lane_free<M>(ring_.lanes[lane], entry + 1);
    witness.forget(entry);
    forget(entry);
    zero_entry<M>(ring_.entries[entry]);
  }
}

}  // namespace shmring::ring
