// Reader, its part that leaves room for overwriting producers: with that policy at most half of a lane is READING.
//
// A producer of a full lane takes READY slots and steps over WRITING and READING ones. A collector that waits for its disk, or
// died with a whole lane taken, would leave it none: each write would go round the lane and be refused.
//
// Invariants:
//   - what the walk or the list takes to READING is never more than `limit_` together with what a predecessor left READING,
//     held chunks included. What that left beyond it cannot be put back: it counts, and is taken up first;
//   - while there is room for all that is listed, room is kept for it (`promised`): nothing on the list has to be left READY.
//     So it is, too, beside what a predecessor has taken, which may be later than what is listed;
//   - a lane that is short of room (`tight`) takes from the list by position, up to the first that it has to leave, and from
//     the walk nothing of an owner who has a READY slot on the list. So nothing is logged ahead of an earlier record that was
//     left, which would become a loss;
//   - in such a lane a pass that goes past a slot which belongs onto the list takes none behind it. Else a successor could
//     find, in front of READING slots that use up the limit, one that is READY by then, and could take neither;
//   - a lane at its limit holds something that is released in this pass; or chunks, of which one record's are given back
//     (Reassembly::make_room); or, of a predecessor without these rules, READING slots ahead: then one is taken all the same.
#pragma once

#include <algorithm>

#include "lib/ring/reader.hpp"

namespace shmring::ring {

// READING slots of a lane: of other policies any number, since their producers wait for nothing but EMPTY.
inline std::size_t reading_limit(const Geometry& geometry) {
  if (geometry.on_full != static_cast<u32>(OnFull::overwrite)) return ~std::size_t{0};
  return geometry.slots > 1 ? geometry.slots / 2 : 1;
}

// Before each walk. More than a quarter of a lane on the list would leave the walk little or nothing if room were kept for it
// all, although most of it may be stopped writers' for ever. But beside what a predecessor has taken, room is kept: it did so,
// too, for records that are earlier than those.
template <class M>
void Reader<M>::look_at_room() {
  for (LaneView& view : lanes_) {
    const bool is_short = view.promised() >= limit_ || view.listed.size() > limit_ / 2;
    view.tight = is_short && view.ahead + view.behind == 0;
    view.passed_one = false;
  }
}

// The walk, at a READY slot.
template <class M>
bool Reader<M>::may_take(u32 lane, u32 owner) const {
  const LaneView& view = lanes_[lane];
  if (!view.tight && view.promised() < limit_) return true;
  if (view.tight && (view.left_ready || view.passed_one)) return false;
  const bool nothing_else = view.ahead > 0 && view.held + view.behind == 0;
  return (nothing_else || (view.tight && view.reading() < limit_)) && !is_published_on_list(lane, owner);
}

// The list, at a READY slot. One that has changed since it was last seen stands at a wrong place of the order. READING ahead is
// waited for as long as the walk goes on.
template <class M>
bool Reader<M>::may_take_listed(const LaneView& view, bool as_last_seen) const {
  if (!view.tight) return true;
  const bool nothing_else = (view.at_end || view.at_limit) && view.held + view.behind == 0;
  return !view.left_ready && as_last_seen && (nothing_else || view.reading() < limit_);
}

// By what the words say now: a slot that was listed as another's may be this owner's by now, or lie before the walk again.
template <class M>
bool Reader<M>::is_published_on_list(u32 lane, u32 owner) const {
  const LaneView& view = lanes_[lane];
  return std::any_of(view.listed.begin(), view.listed.end(), [&](const Stalled& it) {
    const Word word = observe<M>(ring_.slot(lane, it.index));
    const bool is_behind = ring_.position(word.lap, it.index) < view.head;
    return word.state == SlotState::ready && word.owner == owner && is_behind;
  });
}

// After steps 3 and 4: nothing more can be taken before something is released.
template <class M>
bool Reader<M>::lacks_room(u32 lane) const {
  const LaneView& view = lanes_[lane];
  return (view.at_limit || view.left_ready) && view.reading() >= limit_;
}

}  // namespace shmring::ring
