// The integrity tripwire: 32 bits of XXH3 over a record's header and payload. It catches a stray write by the application into
// its own ring, not an attacker.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ring/layout.hpp"

namespace shmring::ring {

// Over all that follows the hash in the header, and `header->length` bytes of payload that stand right behind it.
inline u32 tripwire(const RecordHeader* header) {
  const auto* from = reinterpret_cast<const unsigned char*>(header) + offsetof(RecordHeader, refused);
  return static_cast<u32>(XXH3_64bits(from, sizeof(RecordHeader) - offsetof(RecordHeader, refused) + header->length));
}

}  // namespace shmring::ring
