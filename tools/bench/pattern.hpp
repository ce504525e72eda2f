// Records in which every byte follows from producer, sequence and size, and the reader's check of them.
//
// Invariant: a Checker accepts each record only once, unchanged, and in its producer's order. It accepts gaps, which the caller
// counts.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "tools/bench/transport.hpp"

namespace shmring::bench {

inline constexpr u32 max_writers = 8;
inline constexpr std::size_t min_record = 16;  // a record consists of at least two words of 8 bytes

// Returns a word of a record whose word 0, `first`, has producer and sequence. Each word differs from the same word of any
// record near it.
inline u64 pattern_word(u64 first, std::size_t index, std::size_t bytes) {
  return first * 0x9e3779b97f4a7c15 + index * 0xd1b54a32d192ed03 + bytes;
}

inline void make_record(std::byte* out, std::size_t bytes, u32 producer, u64 sequence) {
  const u64 first = u64{producer} << 48 | sequence;
  std::memcpy(out, &first, sizeof first);
  for (std::size_t i = 1; i < bytes / 8; ++i) {
    const u64 word = pattern_word(first, i, bytes);
    std::memcpy(out + i * 8, &word, sizeof word);
  }
}

class Checker {
 public:
  // Returns false if the record is not one that its producer wrote after the last one. `broken` then says why, for the first
  // such record.
  bool add(const std::byte* record, std::size_t bytes) {
    u64 first = 0, wrong = 0;
    if (bytes < min_record || bytes % 8 != 0)
      return fail("a record of " + std::to_string(bytes) + " bytes, which nobody wrote");
    std::memcpy(&first, record, sizeof first);
    for (std::size_t i = 1; i < bytes / 8; ++i) {
      u64 word = 0;
      std::memcpy(&word, record + i * 8, sizeof word);
      wrong |= word ^ pattern_word(first, i, bytes);
    }
    const u64 producer = first >> 48, sequence = first & ((u64{1} << 48) - 1);
    if (wrong != 0 || producer >= max_writers || sequence == 0) return fail("a record with bytes that nobody wrote");
    if (sequence <= last[producer])
      return fail("record " + std::to_string(sequence) + " of producer " + std::to_string(producer) + " after record " +
                  std::to_string(last[producer]));
    last[producer] = sequence;
    ++delivered[producer];
    ++total;
    return true;
  }

  std::array<u64, max_writers> last{}, delivered{};
  u64 total = 0;
  std::string broken;

 private:
  bool fail(std::string why) {
    if (broken.empty()) broken = std::move(why);
    return false;
  }
};

// Records that are made in advance, so that a timed loop only writes them.
class Batch {
 public:
  static constexpr u32 most = 256;

  Batch(u32 producer, std::size_t bytes, u32 count)
      : producer_(producer), bytes_(bytes), count_(count), records_(count * bytes) {}
  void make() {
    for (u32 i = 0; i < count_; ++i) make_record(records_.data() + i * bytes_, bytes_, producer_, ++sequence_);
  }
  u32 count() const { return count_; }
  const std::byte* at(u32 i) const { return records_.data() + i * bytes_; }
  u64 sequence(u32 i) const { return sequence_ - count_ + 1 + i; }

 private:
  u32 producer_;
  std::size_t bytes_;
  u32 count_;
  u64 sequence_ = 0;
  std::vector<std::byte> records_;
};

}  // namespace shmring::bench
