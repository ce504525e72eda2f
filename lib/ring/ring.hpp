// A process's private view of one mapped segment: where its parts begin, and the geometry, copied once and validated.
//
// Invariant: after validate() no pointer and no size is read from shared memory again.
#pragma once

#include <bit>

#include "lib/ring/layout.hpp"

namespace shmring::ring {

struct Ring {
  Header* header = nullptr;
  Entry* entries = nullptr;
  Lane* lanes = nullptr;
  std::byte* slots = nullptr;
  Geometry geometry{};
  u64 header_bytes = sizeof(Header);  // an older version has fewer, and is only looked at
  u64 incarnation_base = 0;
  RingId identity{};
  u32 slots_log2 = 0;
  u32 slot_bytes_log2 = 0;

  u64 lap(u64 position) const { return position >> slots_log2; }
  u32 index(u64 position) const { return static_cast<u32>(position) & (geometry.slots - 1); }
  u64 position(u64 lap, u32 index) const { return lap << slots_log2 | index; }
  // Of the bits that a position has if its lap is one of a slot's word.
  u64 position_mask() const { return slots_log2 < 16 ? (u64{1} << (48 + slots_log2)) - 1 : ~u64{0}; }
  // Returns NULL if the ring's version has none.
  const StatusMore* status_more() const { return header_bytes < sizeof(Header) ? nullptr : &header->status_more; }
  u32 slot_payload() const { return geometry.slot_bytes - static_cast<u32>(sizeof(Slot)); }

  Slot& slot(u32 lane, u32 index) const {
    const u64 number = (static_cast<u64>(lane) << slots_log2) + index;
    return *reinterpret_cast<Slot*>(slots + (number << slot_bytes_log2));
  }
  static std::byte* payload(Slot& slot) { return reinterpret_cast<std::byte*>(&slot + 1); }

  // For memory that this process laid out itself. `slots` and `slot_bytes` are powers of two.
  void use(const Geometry& validated) {
    geometry = validated;
    slots_log2 = static_cast<u32>(std::countr_zero(validated.slots));
    slot_bytes_log2 = static_cast<u32>(std::countr_zero(validated.slot_bytes));
  }
};

}  // namespace shmring::ring
