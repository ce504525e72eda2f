// The part of Reader that leaves room for overwriting producers: with the policy overwrite at most half of a lane is READING.
//
// A producer of a full lane takes READY slots, and steps over WRITING and READING ones. A collector that waits for its disk, or
// that died with a whole lane taken, would leave the producer no slot: each write would go round the lane and be refused.
//
// Invariants:
//   - the walk and the list never bring the READING slots of a lane above `limit_`. Held chunks and slots that a predecessor
//     left READING are included. If a predecessor left more than that, they cannot be put back: they count, and are taken up
//     first;
//   - while there is room for everything that is listed, room is kept for it (`promised`), so that nothing on the list has to
//     be left READY. Room is kept beside slots that a predecessor took, too, since these may be later than the listed ones;
//   - a lane that is short of room (`tight`) takes from the list by position, up to the first slot that it has to leave. From
//     the walk it takes nothing of an owner that has a READY slot on the list. So nothing is logged ahead of an earlier record
//     that was left, which would then become a loss;
//   - if a pass over such a lane goes past a slot that belongs on the list, it takes none behind it. Otherwise a successor
//     could find a slot that has become READY in front of READING slots that use up the limit, and could take neither;
//   - a lane at its limit holds something that is released in this pass, or it holds chunks, of which one record's are given
//     back (Reassembly::make_room). A predecessor without these rules may have left READING slots ahead; then one slot is taken
//     all the same.
#pragma once

#include <algorithm>

#include "lib/ring/reader.hpp"

namespace shmring::ring {

// Returns the most READING slots that a lane may have. With other policies there is no limit, since their producers wait only
// for EMPTY.
inline std::size_t reading_limit(const Geometry& geometry) {
  if (geometry.on_full != static_cast<u32>(OnFull::overwrite)) return ~std::size_t{0};
  return geometry.slots > 1 ? geometry.slots / 2 : 1;
}

// Called before each walk. If more than a quarter of a lane is listed, keeping room for all of it would leave the walk little
// or nothing, although most of it may belong to stopped writers for ever. But room is kept beside slots that a predecessor has
// taken: the predecessor also kept it, for records that are earlier than those.
template <class M>
void Reader<M>::look_at_room() {
  for (LaneView& view : lanes_) {
    const bool is_short = view.promised() >= limit_ || view.listed.size() > limit_ / 2;
    view.tight = is_short && view.ahead + view.behind == 0;
    view.passed_one = false;
  }
}

// Decides for the walk at a READY slot.
template <class M>
bool Reader<M>::may_take(u32 lane, u32 owner) const {
  const LaneView& view = lanes_[lane];
  if (!view.tight && view.promised() < limit_) return true;
  if (view.tight && (view.left_ready || view.passed_one)) return false;
  const bool nothing_else = view.ahead > 0 && view.held + view.behind == 0;
  return (nothing_else || (view.tight && view.reading() < limit_)) && !is_published_on_list(lane, owner);
}

// Decides for the list at a READY slot. A slot that has changed since it was last seen is at the wrong place of the order.
// READING slots ahead are waited for as long as the walk goes on.
template <class M>
bool Reader<M>::may_take_listed(const LaneView& view, bool as_last_seen) const {
  if (!view.tight) return true;
  const bool nothing_else = (view.at_end || view.at_limit) && view.held + view.behind == 0;
  return !view.left_ready && as_last_seen && (nothing_else || view.reading() < limit_);
}

// Decides by the present words: a slot that was listed under another owner may be this owner's by now, or may be ahead of the
// walk again.
template <class M>
bool Reader<M>::is_published_on_list(u32 lane, u32 owner) const {
  const LaneView& view = lanes_[lane];
  return std::any_of(view.listed.begin(), view.listed.end(), [&](const Stalled& it) {
    const Word word = observe<M>(ring_.slot(lane, it.index));
    const bool is_behind = ring_.position(word.lap, it.index) < view.head;
    return word.state == SlotState::ready && word.owner == owner && is_behind;
  });
}

// Called after steps 3 and 4. Returns true if nothing more can be taken before something is released.
template <class M>
bool Reader<M>::lacks_room(u32 lane) const {
  const LaneView& view = lanes_[lane];
  return (view.at_limit || view.left_ready) && view.reading() >= limit_;
}

}  // namespace shmring::ring
