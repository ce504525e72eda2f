// What a pass of the collector finds in shared memory, as plain values: copied once, validated, never looked at there again.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "lib/ring/account.hpp"

namespace shmring::ring {

// A producer that this collector meets for the first time, in the table or by a record.
struct Attachment {
  u32 entry;
  u64 incarnation;
  Owner owner;
  Identity identity;
  u32 lane;
  Logged logged;  // by any log so far
};

// A slot that the collector holds: READING, until it is released.
struct HeldSlot {
  u32 lane;
  u64 position;
};

// One slot's record, or a chunk of one. `header` and `payload` are private copies, valid until the next pass.
struct RawRecord {
  enum class Fault : u8 { none, corrupt, unknown_owner };
  Fault fault;
  bool late;  // from the stalled list
  u32 entry;
  u64 incarnation;  // of the entry; 0 with unknown_owner
  HeldSlot place;
  const RecordHeader* header;
  std::span<const std::byte> payload;
  u64 not_above = 0;  // corrupt: its producer had attempted no more when it was seen
};

// What an entry said of its attempts at one moment. It decides losses once the walk has passed `tail`, which was read after.
struct Observation {
  u32 entry;
  u64 incarnation;  // 0: nobody ever attached here for good; the entry only has to be freed
  bool closing;     // dead or left: nothing will be added
  bool died;
  AccountWord account;
  Refusals refusals;
  std::array<Counter, refusal_causes> counters;  // closing only
  u64 nested;                                    // closing only
  u32 lane;
  u64 tail;
};

}  // namespace shmring::ring
