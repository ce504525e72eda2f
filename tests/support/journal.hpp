// What a producer did, noted outside the ring, in memory that survives its SIGKILL: each attempt before and after its call.
//
// Invariants:
//   - one producer writes a journal; whoever reads it does so when that producer has ended, or knows that it may grow;
//   - an attempt is noted as begun before its call, and its result after: only the last one can be unreported;
//   - type, severity, correlation and bytes of a record are a function of (producer, key), so that each of them can be checked.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "lib/include/shmring/shmring.h"
#include "tests/support/process.hpp"

namespace shmring::test {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline constexpr std::size_t room = 192;        // payload bytes of the rings that these tests use: slots of 256
inline constexpr std::size_t most_chunks = 16;  // of the records that these tests write
inline constexpr std::size_t longest = most_chunks * room + 108;
inline constexpr std::uint8_t unreported = 255;
inline constexpr std::uint8_t given_up = 254;  // claimed, and aborted: by its own call, or by the handle's next one

// One record's content.
struct Record {
  shmring_meta meta{};
  std::size_t bytes = 0;
  unsigned char payload[longest];
};

inline u64 scramble(u64 x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Some are too big, some are cut; text has what JSON must escape. Where a record may have several chunks, a quarter has: as
// many bytes as some slots hold, one less, or one more.
inline void make_record(u32 producer, u64 key, std::size_t max_record, Record& out) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz 0123456789\"\\\n\t/}{:,";
  u64 state = scramble(u64{producer} << 40 ^ key);
  out.meta = {};
  out.meta.kind = state % 4 == 0 ? SHMRING_KIND_BYTES : SHMRING_KIND_TEXT;
  out.meta.type = static_cast<u32>(key % 65536);
  out.meta.severity = static_cast<std::uint8_t>(state >> 8 & 7);
  out.bytes = (state >> 16) % (room + 1);
  if (max_record > room && state % 16 < 4) {
    out.bytes = (1 + (state >> 24) % (max_record / room)) * room + (state >> 40) % 3 - 1;
    if (out.bytes > max_record) out.bytes = max_record;
  }
  if (key % 997 == 5) out.bytes = max_record + 1 + key % 108;
  if (key % 997 == 6) out.bytes = max_record + 108, out.meta.kind = SHMRING_KIND_BYTES, out.meta.flags = SHMRING_META_TRUNCATE;
  if (key % 3 == 0) std::memcpy(out.meta.correlation, &state, 8), std::memcpy(out.meta.correlation + 8, &key, 8);
  for (std::size_t i = 0; i < out.bytes; i += 8) {
    state = scramble(state + 0x9e3779b97f4a7c15);
    std::memcpy(out.payload + i, &state, out.bytes - i < 8 ? out.bytes - i : 8);
  }
  if (out.meta.kind == SHMRING_KIND_TEXT)
    for (std::size_t i = 0; i < out.bytes; ++i) out.payload[i] = static_cast<unsigned char>(alphabet[out.payload[i] % 72]);
}

class Journal {
 public:
  Journal(u32 number, u64 capacity, std::size_t max_record);
  ~Journal();
  Journal(const Journal&) = delete;

  struct Counts {
    std::atomic<u64> incarnation;  // 0: attach has not returned
    std::atomic<u64> childs;       // of a forked child that has attached under the same name; 0: none has
    std::atomic<u64> begun;        // attempts; the last one may be unreported
    std::atomic<u64> nested, forked, retired;
    std::atomic<u64> wrong;       // results, or sequences, that cannot be
    std::atomic<u64> longest_ns;  // that a write has taken, where its load is timed
    std::atomic<u32> detaching, detached;
  };
  Counts* operator->() const { return counts_; }

  std::string name() const;
  bool full() const { return counts_->begun >= capacity_; }
  u64 capacity() const { return capacity_; }
  std::uint8_t result(u64 sequence) const { return results_[sequence - 1]; }
  u64 key(u64 sequence) const { return keys_[sequence - 1] != 0 ? keys_[sequence - 1] : sequence; }
  bool reported() const { return counts_->begun == 0 || result(counts_->begun) != unreported; }

  void begin(u64 sequence) {
    results_[sequence - 1] = unreported;
    counts_->begun = sequence;
  }
  void end(u64 sequence, int result) { results_[sequence - 1] = static_cast<std::uint8_t>(result); }
  // For a sequence whose content has another key.
  void set_key(u64 sequence, u64 key) { keys_[sequence - 1] = static_cast<u32>(key); }

  const u32 producer;
  const std::size_t max_record;
  // False: several threads used the handle, so that no sequence is known to be anybody's. It has counts only, and of the log
  // their account must be whole, and its `nested` what was returned.
  bool judged = true;

 private:
  u64 capacity_;
  Counts* counts_;
  u32* keys_;
  std::uint8_t* results_;
};

// ------------------------------------------------------------------------------------------------- roles of a producer

// Attach under the journal's name, and wait for a place if there is none. NULL: no.
shmring_producer* attach(const char* ring, Journal& journal, u32 lane, const shmring_create_options* create = nullptr);

// One write, noted.
int write_noted(shmring_producer* producer, Journal& journal);

void detach(shmring_producer* producer, Journal& journal);

struct Load {
  u32 lane = SHMRING_LANE_AUTO;
  u64 attempts = ~u64{0};  // at most
  u64 burst = 64;          // attempts between two pauses
  unsigned pause_us = 0;   // 0: let others run
  const std::atomic<bool>* stop = nullptr;
  bool timed = false;
};

// The role of an ordinary producer: attach, write, detach.
int produce(const char* ring, Journal& journal, const Load& load);

}  // namespace shmring::test
