// The integrity tripwire: 32 bits over a record's header and payload, the lap and the owner in its slot's word, the slot
// itself, and the incarnation of its producer; and 24 bits over a type's name. It finds a stray write by the application into
// its own ring, also one that moves a record, or lets it pass for another producer's. It does not stop an attacker.
//
// The hash takes 64-bit words in pairs. A key of the pair's own place is added to the first and xored to the second; they are
// multiplied to 128 bits, and the two halves of all products are folded and added up. No pair waits for the pair before, so the
// processor works on several at once, while the same words are on their way into the slot. The value is the same on every
// machine.
//
// Source: the mixing step of wyhash and XXH3 (multiply two 64-bit words, xor the halves).
#pragma once

#include <bit>
#include <cstring>

#include "lib/ring/layout.hpp"
#include "lib/ring/memory.hpp"

namespace shmring::ring {

class Tripwire {
 public:
  // `seed` is of seed_of.
  explicit Tripwire(u64 seed) : key_(seed) {}

  [[gnu::always_inline]] void operator()(u64 a, u64 b) {
    sum_ += folded(a + key_, b ^ (key_ + between));
    key_ += step;
  }
  [[gnu::always_inline]] u32 value() const { return static_cast<u32>((sum_ ^ sum_ >> 32) * last_factor >> 32); }

  // Seeds of different incarnations, or of different types, lie far apart.
  static constexpr u64 seed_of(u64 number) { return (number + 1) * 0xd6e8feb86659fd93; }

  // The two halves of the product of 64-bit words, one on the other: in any C++, and …
  static constexpr u64 folded_anywhere(u64 a, u64 b) {
    const u64 low = (a & 0xffffffff) * (b & 0xffffffff), cross = (a >> 32) * (b & 0xffffffff);
    const u64 other = (low >> 32) + (cross & 0xffffffff) + (a & 0xffffffff) * (b >> 32);
    return (other << 32 | (low & 0xffffffff)) ^ ((a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32));
  }
  // … by the processor.
  [[gnu::always_inline]] static u64 folded(u64 a, u64 b) {
#if defined(__x86_64__)
    u64 high;  // gcc 12 keeps the halves of an unsigned __int128 on the stack
    asm("mulq %2" : "+a"(a), "=d"(high) : "r"(b) : "cc");
    return a ^ high;
#else
    return folded_anywhere(a, b);
#endif
  }

 private:
  // From one pair's key to the next, and between the two keys of a pair: so small that an address computation can add them.
  static constexpr u64 step = 0x0f1bbcdd, between = 0x065667b1;
  static constexpr u64 last_factor = 0x9e3779b97f4a7c15;

  u64 sum_ = 0, key_;
};

// The words of a record's header, as they lie in the slot. Each is put together from whole words, and stored at once.
struct HeaderWords {
  u64 hash_refused, sequence, ticks, correlation[2], shape, about;

  [[gnu::always_inline]] static u64 shape_of(u64 type, u64 length, u64 chunk) { return type | length << 32 | chunk << 48; }
  [[gnu::always_inline]] static u64 about_of(u64 chunks, u64 kind, u64 severity, u64 flags, u64 why) {
    return chunks | kind << 16 | severity << 24 | flags << 32 | why << 48;
  }
  static HeaderWords of(const RecordHeader& header) {
    HeaderWords words;
    std::memcpy(&words, &header, sizeof words);
    return words;
  }
};
static_assert(sizeof(HeaderWords) == sizeof(RecordHeader));
static_assert(std::endian::native == std::endian::little, "the fields of a header are put together for such machines only");

// Where a record stands, in one word: its position, which the slot's place and the lap in its word make, their owner, and the
// lane.
constexpr u64 standing(u64 position, u32 owner, u32 lane) { return position + owner * (u64{1} << 51) + lane * (u64{1} << 45); }

// The hash itself is left out.
[[gnu::always_inline]] inline void add_header(Tripwire& hash, u64 standing, const HeaderWords& words) {
  hash(standing, words.sequence);
  hash(words.ticks, words.hash_refused >> 32);
  hash(words.correlation[0], words.correlation[1]);
  hash(words.shape, words.about);
}

// For a private copy of a record, whose length was checked, with the payload right behind the header.
inline u32 tripwire(u64 standing, u64 incarnation, const RecordHeader& copy) {
  Tripwire hash(Tripwire::seed_of(incarnation));
  add_header(hash, standing, HeaderWords::of(copy));
  each_pair<false>(nullptr, reinterpret_cast<const std::byte*>(&copy + 1), copy.length, hash);
  return hash.value();
}

// For a type's number and its name, with the zeros behind the name: 24 bits.
inline u32 tripwire(u32 type, const char (&name)[sizeof TypeName::name]) {
  Tripwire hash(Tripwire::seed_of(type));
  each_pair<false>(nullptr, reinterpret_cast<const std::byte*>(name), sizeof name, hash);
  return hash.value() >> 8;
}

}  // namespace shmring::ring
