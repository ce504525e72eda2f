// The integrity tripwire: 32 bits of XXH3 over a record's header and payload, and 24 over a type's name. It catches a stray
// write by the application into its own ring, but not an attacker.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ring/hash.hpp"

namespace shmring::ring {

inline constexpr std::size_t most_short = 240;  // up to here XXH3 hashes without vectors

// Hashes everything that follows the hash in the header, and the `length` bytes of payload right behind it. The caller passes
// the length, because the length in the slot may have changed by now and could lead beyond the segment.
inline u32 tripwire(const RecordHeader* header, std::size_t length) {
  const auto* from = reinterpret_cast<const unsigned char*>(header) + offsetof(RecordHeader, refused);
  const std::size_t bytes = sizeof(RecordHeader) - offsetof(RecordHeader, refused) + length;
  return static_cast<u32>(bytes <= most_short ? XXH3_64bits(from, bytes) : hash_long(from, bytes));
}

// For a private copy whose length was checked.
inline u32 tripwire(const RecordHeader& copy) { return tripwire(&copy, copy.length); }

// Hashes a type's number and its name, with the zeros behind the name.
inline u32 tripwire(u32 type, const char (&name)[sizeof TypeName::name]) {
  return static_cast<u32>(XXH3_64bits_withSeed(name, sizeof name, type)) >> 8;
}

}  // namespace shmring::ring
