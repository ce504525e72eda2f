// The half of Reader that looks at slots: look_over, read_tails, walk, revisit, release, publish_head.
#pragma once

#include <algorithm>

#include "lib/ring/reader.hpp"

namespace shmring::ring {

template <class M>
Reader<M>::Reader(const Ring& ring, Pace pace)
    : ring_(ring), pace_(pace), limit_(reading_limit(ring.geometry)), lanes_(ring.geometry.lanes),
      occupants_(ring.geometry.producers), is_observed_(ring.geometry.producers), cells_(ring.geometry.slot_bytes) {
  for (LaneView& view : lanes_) view.is_listed.resize(ring_.geometry.slots), view.is_held.resize(ring_.geometry.slots);
}

// After a restart, looks at every slot before the first pass. A slot below the head that is not EMPTY was held or listed by a
// predecessor, so it goes onto the list, even if it is READING. Slots at or beyond the head are left to the walk, which comes
// to them in order.
template <class M>
void Reader<M>::look_over() {
  for (u32 lane = 0; lane < lanes(); ++lane) {
    LaneView& view = lanes_[lane];
    view.head = view.published = head_resume<M>(ring_.lanes[lane]);
    view.tail = tail_seen<M>(ring_.lanes[lane]);
    if (view.head > view.tail + 1) view.head = view.tail, ++repairs_;  // impossible: scribbled
    view.released = true;                                              // wakes those who slept under a predecessor
    // A predecessor may have jumped and taken slots there. Then nothing in front of these has to be taken first.
    if (view.tail > view.head + 2 * u64{ring_.geometry.slots}) {
      jump(lane);
      continue;
    }
    for (u32 index = 0; index < ring_.geometry.slots; ++index) {
      const Word word = observe<M>(ring_.slot(lane, index));
      const bool is_behind = ring_.position(word.lap, index) < view.head;
      if (word.state == SlotState::reading) ++(is_behind ? view.behind : view.ahead);
      if (word.state != SlotState::empty && is_behind) list(lane, index, word);
    }
  }
}

template <class M>
void Reader<M>::begin_pass() {
  flowing_ = !taken_.empty();
  attachments_.clear(), vanished_.clear(), taken_.clear(), cells_.clear();
  for (LaneView& view : lanes_) view.walked = 0, view.at_end = view.at_limit = false;
}

// Step 2, for one lane in which the walk has waited for a while.
template <class M>
void Reader<M>::read_tail(u32 lane) {
  LaneView& view = lanes_[lane];
  view.tail = tail_seen<M>(ring_.lanes[lane]);
  if (view.tail > view.head + 2 * u64{ring_.geometry.slots}) jump(lane);  // compared: h may be beyond the tail
  const u64 fill = view.tail > view.head ? view.tail - view.head : 0;
  if (fill > view.high_water) note_fill<M>(ring_.lanes[lane], view.high_water = fill);
}

// Jumps when the walk is more than two laps behind, which only overwriting producers or a scribbled tail can cause. Everything
// that lies in the lane below the last lap goes onto the list, except for chunks that this collector holds. The walk goes on at
// the last lap.
template <class M>
void Reader<M>::jump(u32 lane) {
  LaneView& view = lanes_[lane];
  const u64 to = view.tail - ring_.geometry.slots;
  view.ahead = view.behind = 0;
  for (u32 index = 0; index < ring_.geometry.slots; ++index) {
    if (view.is_held[index]) continue;
    const Word word = observe<M>(ring_.slot(lane, index));
    const bool is_behind = ring_.position(word.lap, index) < to;
    if (word.state == SlotState::reading) ++(is_behind ? view.behind : view.ahead);
    if (word.state != SlotState::empty && is_behind) list(lane, index, word);
  }
  view.head = to;
  if (ring_.geometry.on_full != static_cast<u32>(OnFull::overwrite)) ++repairs_;  // impossible: scribbled
}

// Step 2, after the entries: an observation waits for a tail that is not older than the observation.
template <class M>
void Reader<M>::read_tails() {
  for (u32 lane = 0; lane < lanes(); ++lane) read_tail(lane);
  for (const u32 entry : observed_) {
    Occupant& occupant = occupants_[entry];
    if (occupant.fresh) occupant.observation->tail = lanes_[occupant.lane].tail, occupant.fresh = false;
  }
}

// Step 3, over all lanes in turns, so that a flooded lane leaves the others their share. If a pass ends before all lanes had a
// turn, the next pass goes on from there.
template <class M>
void Reader<M>::walk(u32 slots) {
  look_at_room();
  u32 lane = next_turn_;
  for (u32 idle = 0; idle < lanes() && slots > 0; lane = lane + 1 == lanes() ? 0 : lane + 1) {
    ++idle;
    u32 turn = pace_.slots_a_turn < slots ? pace_.slots_a_turn : slots;
    for (; turn > 0 && step(lane); --turn, --slots) idle = 0;
  }
  next_turn_ = slots > 0 ? 0 : lane;
}

// Looks at one position. Returns false if the walk of this lane ends here for this pass.
template <class M>
bool Reader<M>::step(u32 lane) {
  LaneView& view = lanes_[lane];
  if (view.at_end || view.walked == ring_.geometry.slots) return false;
  const u64 lap = ring_.lap(view.head);
  const u32 index = ring_.index(view.head);
  Slot& slot = ring_.slot(lane, index);
  Word word = observe<M>(slot);
  for (u32 spin = 0; word.lap == lap && word.state == SlotState::writing && spin < pace_.spins; ++spin) {
    for (u32 pauses = pace_.pauses_before(spin, flowing_ || !taken_.empty()); pauses > 0; --pauses) M::pause();
    word = observe<M>(slot);
  }
  ++view.walked;  // a lost compare-and-swap counts too, which bounds the pass
  if (word.lap > lap) {
    ++view.head;
    return true;
  }
  const bool below_tail = view.tail > view.head;
  const bool mine = word.lap == lap;
  if (word.state == SlotState::empty) {
    if (!below_tail) return end_walk(view, word);
    if (step_over<M>(slot, word, lap)) ++view.head;
    return true;
  }
  if (!mine && !below_tail) return end_walk(view, word);
  const bool takes = mine && word.state == SlotState::ready;
  const bool lists = !takes && word.state != SlotState::reading && !view.is_listed[index];
  if ((takes && !may_take(lane, word.owner)) || (lists && !may_list(view))) {
    view.at_limit = true, view.walked = ring_.geometry.slots;  // the next pass goes on here
    return false;
  }
  if (takes) {
    M::prefetch_to_read(Ring::payload(slot));  // it comes while the word changes hands
    if (!take<M>(slot, word)) return true;
    hold(lane, index, word, false);
  } else if (mine && word.state == SlotState::reading) {
    hold(lane, index, word, false);
  } else if (word.state != SlotState::reading) {
    list(lane, index, word);
    view.passed_one = view.passed_one || mine;
  }
  ++view.head;
  return true;
}

template <class M>
bool Reader<M>::end_walk(LaneView& view, Word word) {
  view.at_end = true;
  view.end_word = word;
  return false;
}

template <class M>
void Reader<M>::list(u32 lane, u32 index, Word word) {
  LaneView& view = lanes_[lane];
  if (view.is_listed[index]) return;
  view.is_listed[index] = true;
  view.listed.push_back({index, word.owner, ring_.position(word.lap, index)});
}

// Step 4, after the walk and before any loss is decided: takes what was published in the meantime, as late.
template <class M>
void Reader<M>::revisit() {
  scribbled_ = 0;
  for (u32 lane = 0; lane < lanes(); ++lane) {
    LaneView& view = lanes_[lane];
    view.left_ready = false;
    view.tight = view.promised() > limit_;
    if (view.tight)  // whatever is left then must be younger than what is taken
      std::sort(view.listed.begin(), view.listed.end(),
                [](const Stalled& a, const Stalled& b) { return a.position < b.position; });
    std::size_t kept = 0;
    for (Stalled it : view.listed) {
      if (judge(lane, it)) {
        view.listed[kept++] = it;
      } else {
        view.is_listed[it.index] = false;
      }
    }
    view.listed.resize(kept);
    view.behind = 0;
  }
}

// Judges a listed slot by the position that its word names now. Returns true if the slot stays on the list.
template <class M>
bool Reader<M>::judge(u32 lane, Stalled& it) {
  LaneView& view = lanes_[lane];
  const u32 index = it.index;
  if (view.is_held[index]) return false;  // overwritten since it was listed, and the walk has met it
  Slot& slot = ring_.slot(lane, index);
  const Word word = observe<M>(slot);
  const bool possible = word.state <= SlotState::reading && word.owner <= occupants_.size();
  it.owner = possible ? word.owner : 0;
  if (!possible) ++scribbled_;
  const u64 seen = std::exchange(it.position, ring_.position(word.lap, index));
  if (word.state == SlotState::empty) return false;
  if (ring_.position(word.lap, index) >= view.head) return false;
  if (word.state == SlotState::ready && !may_take_listed(view, it.position == seen)) return view.left_ready = true;
  if (word.state == SlotState::ready) {
    if (!take<M>(slot, word)) return true;
    hold(lane, index, word, true);
    return false;
  }
  if (word.state == SlotState::reading) {
    hold(lane, index, word, true);
    return false;
  }
  if (word.state == SlotState::writing && is_dead(word.owner)) {
    view.released = true;
    return !free_dead<M>(slot, word, next_lap(ring_, index, word.lap, view.head));
  }
  return true;
}

// Copies a READING slot once. Everything that follows looks only at the copy.
template <class M>
void Reader<M>::hold(u32 lane, u32 index, Word word, bool late) {
  Slot& slot = ring_.slot(lane, index);
  RecordHeader* copy = cells_.next();
  copy_out<M>(copy, &slot.header, sizeof *copy);
  const bool fits = copy->length <= ring_.slot_payload();
  if (!fits) copy->length = 0;
  if (copy->length != 0) copy_out<M>(copy + 1, Ring::payload(slot), copy->length);
  RawRecord taken{RawRecord::Fault::none,
                  late,
                  word.owner - 1,
                  0,
                  {lane, ring_.position(word.lap, index)},
                  copy,
                  {reinterpret_cast<const std::byte*>(copy + 1), copy->length}};
  if (!is_met(word.owner)) {
    taken.fault = RawRecord::Fault::unknown_owner;
  } else {
    taken.incarnation = occupants_[taken.entry].incarnation;
    if (!fits || !is_sound(*copy, word, lane, index)) {
      taken.fault = RawRecord::Fault::corrupt;
      taken.not_above = account_seen<M>(ring_.entries[taken.entry]).attempted;
    }
  }
  LaneView& view = lanes_[lane];
  view.is_held[index] = true;
  ++view.held;
  if (word.state == SlotState::reading) {  // left by a predecessor, and counted
    u32& left = late ? view.behind : view.ahead;
    if (left > 0) --left;
  }
  taken_.push_back(taken);
}

// Step 7. The log holds the line, so the slots are free for later laps.
template <class M>
void Reader<M>::release(std::span<const HeldSlot> places) {
  for (const HeldSlot& place : places) {
    const u32 index = ring_.index(place.position);
    LaneView& view = lanes_[place.lane];
    shmring::ring::release<M>(ring_.slot(place.lane, index), next_lap(ring_, index, ring_.lap(place.position), view.head));
    view.is_held[index] = false;
    --view.held;
    view.released = true;
  }
}

// Step 8, after step 7. It changes `freed` last: a sleeper may wait for a slot, or for the head to pass a stalled slot, so both
// must come first. If every slot is stalled or held, a moved head helps nobody. A woken producer would only push the tail on,
// the walk would follow, the head would move again, and so on until the deadline. Returns true if someone sleeps on this lane's
// `freed`.
template <class M>
bool Reader<M>::publish_head(u32 lane) {
  LaneView& view = lanes_[lane];
  if (view.head != view.published) {
    head_publish<M>(ring_.lanes[lane], view.head);
    view.released = view.released || !is_taken(view);
  }
  view.published = view.head;
  return std::exchange(view.released, false) && freed<M>(ring_.lanes[lane]);
}

template <class M>
bool Reader<M>::is_idle() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const LaneView& view) { return view.at_end && !view.left_ready; });
}

// A lane with listed or held slots is looked at by whole passes, since these slots may change.
template <class M>
bool Reader<M>::is_still_idle() const {
  if (!taken_.empty()) return false;
  for (u32 lane = 0; lane < lanes(); ++lane) {
    const LaneView& view = lanes_[lane];
    if (!view.at_end || view.held != 0 || !view.listed.empty()) return false;
    if (observe<M>(ring_.slot(lane, ring_.index(view.head))) != view.end_word) return false;
  }
  return true;
}

template <class M>
bool Reader<M>::has_tail_moved(u32 lane) const {
  return tail_seen<M>(ring_.lanes[lane]) != lanes_[lane].tail;
}

template <class M>
std::size_t Reader<M>::stalled() const {
  std::size_t sum = 0;
  for (const LaneView& view : lanes_) sum += view.listed.size();
  return sum;
}

}  // namespace shmring::ring
