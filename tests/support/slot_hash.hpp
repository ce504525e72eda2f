// The hash that the producer of a whole record in a slot would give it: for tests that make or change records by hand.
#pragma once

#include "lib/ring/slot.hpp"

namespace shmring::test {

// 0 if the slot has no owner. The owner is one of the table, and the record's length is at most a slot's.
inline ring::u32 hash_of(const ring::Ring& ring, const ring::Slot& slot) {
  const ring::Word word = ring::Word::of(slot.word);
  if (word.owner == 0) return 0;
  const auto number = static_cast<ring::u32>((reinterpret_cast<const std::byte*>(&slot) - ring.slots) >> ring.slot_bytes_log2);
  const ring::u64 at = ring::standing(ring.position(word.lap, ring.index(number)), word.owner, number >> ring.slots_log2);
  return ring::tripwire(at, ring.entries[word.owner - 1].incarnation, slot.header);
}

}  // namespace shmring::test
