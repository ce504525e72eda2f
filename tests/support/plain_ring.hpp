// A ring laid out in plain memory: no segment, no process. Words are set and read by tests as they please.
//
// Invariant: the memory is zero at first, so all slots are EMPTY, all entries and lanes free; only the segment's
// state is set.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/ring/account.hpp"
#include "lib/ring/lane.hpp"
#include "lib/ring/ring.hpp"
#include "lib/ring/slot.hpp"
#include "tests/support/slot_hash.hpp"

namespace plain {

using namespace shmring::ring;

// The real one; a sleep that wakes for nothing at once.
struct Memory : HardwareMemory {
  static void sleep(At, std::atomic<u32>&, u32, u64) {}
};

inline Word empty(u64 lap) { return {lap, 0, SlotState::empty}; }
inline Word writing(u64 lap, u32 owner) { return {lap, owner, SlotState::writing}; }
inline Word ready(u64 lap, u32 owner) { return {lap, owner, SlotState::ready}; }
inline Word reading(u64 lap, u32 owner) { return {lap, owner, SlotState::reading}; }

struct Shape {
  u32 slots = 2;  // a power of two
  u32 lanes = 1;
  u32 producers = 3;
  u32 flags = 0;         // with_tripwire, with_timestamp
  u32 slot_bytes = 128;  // a power of two
  u32 max_record = 0;    // 0: what one slot holds
  OnFull on_full = OnFull::drop;
  u32 wait_us = 0;
};

class PlainRing {
 public:
  static constexpr u64 base = u64{1} << 22;  // of incarnations

  explicit PlainRing(Shape shape = {});
  ~PlainRing();
  PlainRing(const PlainRing&) = delete;

  Ring ring;

  Slot& slot(u32 index, u32 lane = 0) const { return ring.slot(lane, index); }
  Word word(u32 index, u32 lane = 0) const { return Word::of(slot(index, lane).word); }
  void set_word(u32 index, Word word, u32 lane = 0) const { slot(index, lane).word = word.bits(); }
  u64 tail(u32 lane = 0) const { return ring.lanes[lane].tail; }
  void set_tail(u64 tail, u32 lane = 0) const { ring.lanes[lane].tail = tail; }
  u64 head(u32 lane = 0) const { return ring.lanes[lane].head; }
  void set_head(u64 head, u32 lane = 0) const { ring.lanes[lane].head = head; }
  u64 lane_owner(u32 lane) const { return ring.lanes[lane].owner; }
  Entry& entry(u32 index) const { return ring.entries[index]; }
  AccountWord account(u32 index) const { return AccountWord::of(entry(index).account); }
  Refusals refusals(u32 index) const { return Refusals::of(entry(index).refusal); }
  Counter counter(u32 index, Cause cause) const { return Counter::of(entry(index).counters[static_cast<std::size_t>(cause)]); }
  OwnerState state(u32 index) const { return Owner::of(entry(index).owner).state; }

  // All slots EMPTY for the lap that begins at `position`, head and tail there: a lane that has come so far.
  void begin_at(u64 position, u32 lane = 0) const;

  std::string bytes() const;
  std::string entry_bytes(u32 index) const;

 private:
  struct alignas(line_bytes) Line {
    std::byte bytes[line_bytes]{};
  };
  std::vector<Line> memory_;
};

using shmring::test::hash_of;

inline Owner owner(u32 pid) { return {pid, 1, OwnerState::free}; }

Identity identity(const std::string& name);

}  // namespace plain

template <>
struct doctest::StringMaker<shmring::ring::Word> {
  static doctest::String convert(const shmring::ring::Word& word);
};
template <>
struct doctest::StringMaker<shmring::ring::AccountWord> {
  static doctest::String convert(const shmring::ring::AccountWord& account);
};
