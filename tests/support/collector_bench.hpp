// A collector over a plain ring, its host and its log; and a producer whose steps a test makes one by one.
//
// Invariant: time and death are what the test says; nothing here waits.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/collect/collector.hpp"
#include "lib/ring/producer.hpp"
#include "tests/support/hooked_memory.hpp"
#include "tests/support/memory_log.hpp"
#include "tests/support/plain_ring.hpp"

namespace plain {

namespace collect = shmring::collect;

struct FakeHost : collect::Host {
  std::set<u32> died;                    // pids
  std::function<void(u32 entry)> asked;  // right before the answer whether it died
  std::vector<u32> forgotten;            // entries
  int woken = 0;
  u64 time = 0, step = collect::tail_patience_ns;  // of the monotonic clock, each time that it is asked

  bool dead(u32 entry, u64 owner_word) override {
    if (asked) asked(entry);
    return died.count(Owner::of(owner_word).pid) != 0;
  }
  void forget(u32 entry) override { forgotten.push_back(entry); }
  std::string exe(shmring::ring::Owner) override { return "/bin/app"; }
  u64 now_utc_ns() override { return 1000; }
  u64 now_ns() override { return time += step; }
  void to_utc(std::span<u64>) override {}  // a tick is a nanosecond
  void wake(std::atomic<u32>&) override { ++woken; }
};

// One look at a WRITING slot, then it is listed.
inline constexpr Pace whole_ring{1024, 128, 0};
inline constexpr Pace no_walk{0, 128, 0};
inline constexpr Pace one_slot{1, 128, 0};

struct Bench {
  using Collector = collect::Collector<CollectorMemory>;

  explicit Bench(Shape shape = {}) : plain(shape) {}

  // A collector as after a restart: all that it knows is the log.
  void start(Pace pace = whole_ring) {
    log.forget_pending();
    collector.emplace(plain.ring, pace, host, log);
    const bool stored = collector->start(log.recovered());
    REQUIRE(stored);
  }
  void pass(bool entries_due = true) {
    const bool stored = collector->pass(entries_due);
    REQUIRE(stored);
  }
  // Until nothing can be left to do: the entries, what was taken late, closings.
  void drain() {
    for (int i = 0; i < 4; ++i) pass();
  }
  // Its private state is gone.
  void crash() { collector.reset(); }
  void crashes_in_a_pass(bool entries_due = true) {
    CHECK_THROWS_AS(collector->pass(entries_due), Crash);
    log.lives_for = -1;
    crash();
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
  void accounts_line() { log.append(shmring::log::accounts_line(1, collector->accounts())); }
  void kill(u32 pid) { host.died.insert(pid); }

  void expect(const std::vector<std::string>& lines) {
    CHECK_MESSAGE(log.broken == "", log.broken);
    CHECK(joined(log.lines) == joined(lines));
  }

  PlainRing plain;
  FakeHost host;
  MemoryLog log;
  std::optional<Collector> collector;
};

// A producer of the shared lane, or of the exclusive one `lane`. Its pid is its entry + 1, as its owner number in
// slots is.
struct Hand {
  Hand(PlainRing& plain, u32 index, u32 lane = 0) : ring(plain.ring), index(index), lane(lane), me(owner(index + 1)) {}

  Entry& entry() const { return ring.entries[index]; }
  Slot& slot() const { return ring.slot(lane, ring.index(position)); }

  void claim_entry() const { REQUIRE(shmring::ring::claim_entry<Memory>(entry(), me)); }
  void take_incarnation() {
    incarnation = next_incarnation<Memory>(*ring.header, ring.incarnation_base);
    set_incarnation<Memory>(entry(), incarnation);
  }
  void become_attached() const {
    set_lane<Memory>(entry(), lane);
    set_identity<Memory>(entry(), identity("p" + std::to_string(index)));
    set_state<Memory>(entry(), me, OwnerState::attached);
  }
  Hand& attach() {
    claim_entry();
    take_incarnation();
    if (lane != 0) REQUIRE(lane_take<Memory>(ring.lanes[lane], index + 1));
    become_attached();
    return *this;
  }
  void begin() { begin_attempt<Memory>(entry(), ++sequence); }
  void look_at_tail() { position = tail_seen<Memory>(ring.lanes[lane]); }
  void claim() const {
    if (lane != 0) return claim_alone<Memory>(slot(), ring.lap(position), index + 1);
    const Word seen = look<Memory>(slot());
    REQUIRE(seen.state == SlotState::empty);
    REQUIRE(shmring::ring::claim<Memory>(slot(), seen, ring.lap(position), index + 1));
  }
  void move_tail() const { help_tail<Memory>(ring.lanes[lane], position); }
  void fill(const std::string& payload) const {
    RecordHeader& header = slot().header;
    header = {};
    header.refused = refused, header.sequence = sequence, header.chunks = 1, header.why = mask;
    header.length = static_cast<u16>(payload.size());
    std::memcpy(Ring::payload(slot()), payload.data(), payload.size());
    header.hash = tripwire(header);
  }
  void publish() const {
    fill("record " + std::to_string(sequence));
    shmring::ring::publish<Memory>(slot(), ring.lap(position), index + 1);
  }
  void finish() const { finish_attempt<Memory>(entry(), sequence); }
  // begin … the position is taken, and the tail shows it.
  void take_position() {
    begin();
    look_at_tail();
    claim();
    move_tail();
  }
  void write() {
    take_position();
    publish();
    finish();
  }
  // A refusal up to its two words; finish() ends it.
  void count(Cause cause) {
    set_counter<Memory>(entry(), cause, {++counts[static_cast<std::size_t>(cause)], static_cast<u32>(sequence)});
    mask |= bit_of(cause);
    set_refusals<Memory>(entry(), {++refused, mask, static_cast<u16>(sequence)});
  }
  void refuse(Cause cause) {
    begin();
    count(cause);
    finish();
  }
  void detach() const { set_state<Memory>(entry(), me, OwnerState::left); }

  Ring ring;
  u32 index, lane;
  Owner me;
  u64 incarnation = 0, sequence = 0, position = 0;
  u32 refused = 0, counts[refusal_causes] = {};
  u16 mask = 0;
};

}  // namespace plain

// Compiled once, in collector_bench.cpp. The thread sanitizer has to see all of the ring: where one source alone is compiled
// for it, that source has these itself.
#ifndef __SANITIZE_THREAD__
extern template class shmring::ring::Reader<plain::CollectorMemory>;
extern template class shmring::collect::Collector<plain::CollectorMemory>;
extern template class shmring::ring::Producer<plain::Memory>;
extern template class shmring::ring::Producer<plain::ProducerMemory>;
#endif
