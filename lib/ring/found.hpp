// What a pass of the collector finds in shared memory, as plain values. Each is copied once and validated, and the collector
// never looks at the shared original again.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "lib/ring/account.hpp"

namespace shmring::ring {

// A producer that this collector meets for the first time, in the producer table or through a record.
struct Attachment {
  u32 entry;
  u64 incarnation;
  Owner owner;
  Identity identity;
  u32 lane;
  Logged logged;  // what any log so far holds of it
};

// A slot that the collector holds: it stays READING until it is released.
struct HeldSlot {
  u32 lane;
  u64 position;
};

// The record of one slot, or one chunk of a record. `header` and `payload` are private copies, valid until the next pass.
struct RawRecord {
  enum class Fault : u8 { none, corrupt, unknown_owner };
  Fault fault;
  bool late;  // from the stalled list
  u32 entry;
  u64 incarnation;  // of the entry; 0 if the fault is unknown_owner
  HeldSlot place;
  const RecordHeader* header;
  std::span<const std::byte> payload;
  u64 not_above = 0;  // if corrupt: the sequence up to which its producer had attempted when this was seen
};

// What an entry said of its attempts at one moment. It decides losses once the walk has passed `tail`, which was read after it.
struct Observation {
  u32 entry;
  u64 incarnation;  // 0: no attach was ever completed here, and the entry only has to be freed
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
