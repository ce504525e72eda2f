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
  int woken = 0, waiters_woken = 0;
  u64 time = 0, step = collect::tail_patience_ns;  // of the monotonic clock, each time that it is asked

  FakeHost();
  ~FakeHost();
  void look() override {}
  bool dead(u32 entry, u64 owner_word) override;
  void forget(u32 entry) override;
  std::string exe(shmring::ring::Owner) override;
  u64 now_utc_ns() override { return 1000; }
  u64 now_ns() override { return time += step; }
  void to_utc(std::span<u64>) override {}  // a tick is a nanosecond
  void wake(std::atomic<u32>&) override { ++woken; }
  void wake_waiter(std::atomic<u64>&) override { ++waiters_woken; }
};

// One look at a WRITING slot, then it is listed.
inline constexpr Pace whole_ring{1024, 128, 0};
inline constexpr Pace no_walk{0, 128, 0};
inline constexpr Pace one_slot{1, 128, 0};

struct Bench {
  using Collector = collect::Collector<CollectorMemory>;

  explicit Bench(Shape shape = {});
  ~Bench();

  // A collector as after a restart: all that it knows is the log.
  void start(Pace pace = whole_ring);
  void pass(bool entries_due = true);
  // Until nothing can be left to do: the entries, what was taken late, closings.
  void drain();
  // Its private state is gone.
  void crash();
  void crashes_in_a_pass(bool entries_due = true);
  static std::string joined(const std::vector<std::string>& lines);
  void accounts_line();
  void kill(u32 pid);

  void expect(const std::vector<std::string>& lines);

  PlainRing plain;
  FakeHost host;
  MemoryLog log;
  std::optional<Collector> collector;
};

// A producer of the shared lane, or of the exclusive one `lane`. Its pid is its entry + 1, as its owner number in
// slots is.
struct Hand {
  Hand(PlainRing& plain, u32 index, u32 lane = 0);

  Entry& entry() const { return ring.entries[index]; }
  Slot& slot() const { return ring.slot(lane, ring.index(position)); }

  void claim_entry() const;
  void take_incarnation();
  void become_attached() const;
  Hand& attach();
  void begin();
  void look_at_tail();
  void claim() const;
  void move_tail() const;
  void fill(const std::string& payload) const;
  void publish() const;
  void finish() const;
  // begin … the position is taken, and the tail shows it.
  void take_position();
  void write();
  // A refusal up to its two words; finish() ends it.
  void count(Cause cause);
  void refuse(Cause cause);
  void detach() const;

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
