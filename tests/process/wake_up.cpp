// No lost wake-up: waiters fill a lane and sleep, a reader drains it and wakes them, again and again. Processes over one
// mapping, the shipped ring code, the kernel's futex.
//
// Invariants:
//   - the reader drains only when the lane is full, so who sleeps while a slot is free sleeps to the deadline;
//   - a waiter sleeps without the slices by which the shipped code would heal a lost wake-up: a sleep ends by a release or as
//     overslept, and one overslept ends the test;
//   - no waiter of the shared lane is more than a lane ahead of the other, which then cannot be woken by its luck alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "lib/os/memory.hpp"
#include "lib/ring/producer.hpp"
#include "lib/ring/reader.hpp"
#include "tests/support/plain_ring.hpp"
#include "tests/support/process.hpp"

using namespace plain;
using namespace shmring::test;
namespace os = shmring::os;

namespace {

constexpr u32 slots = 64, most_waiters = 2;
constexpr u64 patience_ns = 10'000'000'000;  // far beyond what any drain takes
constexpr auto relaxed = std::memory_order_relaxed;

struct Mapping {
  alignas(line_bytes) std::byte ring[64 << 10];
  std::atomic<u64> woken, changed, overslept, interrupted;  // ends of sleeps
  std::atomic<u64> written[most_waiters];
  std::atomic<bool> stop;
};

// A moment of chance, for the other side to act in: none, up to 255 pauses, or the processor given away.
void dawdle(std::mt19937_64& random) {
  const u64 moment = random();
  if (moment % 8 == 0) std::this_thread::yield();
  if (moment % 2 == 0) return;
  for (u64 pauses = moment / 8 % 256; pauses > 0; --pauses) HardwareMemory::pause();
}

// The shipped memory, but for how long it sleeps, and that it dawdles where a wake-up could be lost.
struct PatientMemory : os::ProcessMemory {
  static inline Mapping* shared = nullptr;
  static inline std::mt19937_64 random;
  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    if (at == At::freed_seen) dawdle(random);
    return ProcessMemory::load(at, word, order);
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    if (at != At::freed_bump) return ProcessMemory::add(at, word, value, order);
    dawdle(random);
    const T before = ProcessMemory::add(at, word, value, order);
    dawdle(random);
    return before;
  }
  static void sleep(At, std::atomic<u32>& word, u32 expected, u64) {
    dawdle(random);
    const int ended = os::futex_wait(word, expected, now_ns() + patience_ns);
    (ended == 0            ? shared->woken
     : ended == -EAGAIN    ? shared->changed
     : ended == -ETIMEDOUT ? shared->overslept
                           : shared->interrupted) += 1;
  }
};

Ring ring_in(Mapping& shared) {
  PlainRing plain({.slots = slots, .lanes = 2, .flags = with_tripwire, .on_full = OnFull::wait, .wait_us = 10'000'000});
  const std::string bytes = plain.bytes();
  REQUIRE(bytes.size() <= sizeof shared.ring);
  std::memcpy(shared.ring, bytes.data(), bytes.size());
  Ring ring = plain.ring;
  const auto move = [&](auto*& part) {
    const std::ptrdiff_t at = reinterpret_cast<std::byte*>(part) - reinterpret_cast<std::byte*>(plain.ring.header);
    part = reinterpret_cast<std::remove_reference_t<decltype(part)>>(shared.ring + at);
  };
  move(ring.entries), move(ring.lanes), move(ring.slots), move(ring.header);
  return ring;
}

// The exit status of a waiter.
int write_and_wait(const Ring& ring, u32 self, u32 waiters, u32 lane) {
  Mapping& shared = *PatientMemory::shared;
  PatientMemory::random = seeded(self);
  Producer<PatientMemory> producer;
  if (producer.attach(ring, owner(self + 1), identity("waiter"), lane) != 0) return 1;
  const shmring_meta meta{.type = self, .kind = SHMRING_KIND_BYTES, .severity = 0, .flags = 0, .correlation = {}};
  const std::atomic<u64>& other = shared.written[waiters - 1 - self];
  while (!shared.stop.load(relaxed)) {
    if (producer.sequence() > other.load(relaxed) + slots && waiters > 1) {
      std::this_thread::yield();
      continue;
    }
    const u64 number = producer.sequence() + 1;
    if (producer.write(&meta, &number, sizeof number) != 0) return 2;
    shared.written[self].store(number, relaxed);
  }
  return 0;
}

struct NobodyDies {
  void look() {}
  bool dead(u32, u64) { return false; }
  void forget(u32) {}
};

class Drain {
 public:
  Drain(const Ring& ring, u32 lane, u64 seed) : ring_(ring), lane_(lane), reader_(ring, {}), random_(seeded(seed)) {
    reader_.look_over();
    reader_.read_entries(nobody_);
  }

  // Cycles done: a full lane, some moments of chance, and all of it drained.
  u64 cycles(u64 most) {
    const Mapping& shared = *PatientMemory::shared;
    for (u64 cycle = 0; cycle < most; ++cycle) {
      if (cycle % (most / 5) == 0) MESSAGE("cycle ", cycle, " of ", most);
      while (!is_full() && shared.overslept == 0) std::this_thread::yield();
      take();
      // Half of them when somebody is about to sleep.
      const bool late = random_() % 2 != 0;
      while (late && ring_.lanes[lane_].waiters == 0 && shared.overslept == 0) HardwareMemory::pause();
      dawdle(random_);
      release();
      if (shared.overslept != 0) return cycle;
    }
    return most;
  }
  void pass() {
    take();
    release();
  }

  u64 arrived[most_waiters] = {};
  u64 wrong = 0;  // records that are not the next of their writer

 private:
  void take() {
    reader_.begin_pass();
    reader_.read_tails();
    reader_.walk(slots);
    reader_.revisit();
    places_.clear();
    // What was stalled comes late, behind what its writer has written since.
    std::vector<RawRecord> all = reader_.taken();
    std::sort(all.begin(), all.end(),
              [](const RawRecord& a, const RawRecord& b) { return a.header->sequence < b.header->sequence; });
    for (const RawRecord& taken : all) enter(taken);
  }
  void release() {
    reader_.release(places_);
    if (reader_.publish_head(lane_)) os::futex_wake_all(ring_.lanes[lane_].freed);
  }
  bool is_full() const { return tail_seen<PatientMemory>(ring_.lanes[lane_]) >= reader_.head(lane_) + slots; }
  void enter(const RawRecord& taken) {
    places_.push_back(taken.place);
    u64 number = 0;
    if (taken.payload.size() == sizeof number) std::memcpy(&number, taken.payload.data(), sizeof number);
    u64& last = arrived[taken.header->type % most_waiters];
    if (taken.fault != RawRecord::Fault::none || taken.header->sequence != ++last || number != last) ++wrong;
  }

  Ring ring_;
  u32 lane_;
  Reader<PatientMemory> reader_;
  NobodyDies nobody_;
  std::mt19937_64 random_;
  std::vector<HeldSlot> places_;
};

void no_wake_up_is_lost(u32 waiters, u32 lane_kind) {
  Shared<Mapping> mapping;
  PatientMemory::shared = &*mapping;
  const Ring ring = ring_in(*mapping);
  const u64 most = by_mode<u64>(10'000, 60'000, part_of(5'000'000));
  Drain drain(ring, lane_kind == SHMRING_LANE_SHARED ? 0 : 1, waiters);
  std::vector<Child> children;
  for (u32 self = 0; self < waiters; ++self)
    children.emplace_back([&, self] { return write_and_wait(ring, self, waiters, lane_kind); });
  const u64 cycles = drain.cycles(most);
  mapping->stop = true;
  CHECK(mapping->overslept.load() == 0);
  CHECK(cycles == most);
  for (Child& child : children) {
    while (child.running()) drain.pass();
    CHECK(child.wait() == 0);
  }
  drain.pass();
  drain.pass();
  CHECK(drain.wrong == 0);
  for (u32 self = 0; self < waiters; ++self) CHECK(drain.arrived[self] == mapping->written[self].load());
  CHECK(mapping->interrupted.load() == 0);
  // That much was at stake.
  CHECK(mapping->woken.load() > cycles / 20);
  report(
      "%llu fill-and-drain cycles, %u waiter%s: %llu sleeps in the kernel, %llu refused by it, for something "
      "had just been freed; %llu overslept",
      static_cast<unsigned long long>(cycles), waiters, waiters > 1 ? "s of the shared lane" : " of an exclusive lane",
      static_cast<unsigned long long>(mapping->woken), static_cast<unsigned long long>(mapping->changed),
      static_cast<unsigned long long>(mapping->overslept));
}

}  // namespace

TEST_CASE("two waiters on the shared lane: none sleeps to its deadline while a slot is free, each record arrives once") {
  no_wake_up_is_lost(2, SHMRING_LANE_SHARED);
}

TEST_CASE("a waiter on an exclusive lane: it does not sleep to its deadline while a slot is free, each record arrives once") {
  no_wake_up_is_lost(1, SHMRING_LANE_EXCLUSIVE);
}
