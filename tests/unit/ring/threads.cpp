// Producers and collector as threads over one mapping: what a race detector can look at. Each record's bytes are
// checked, and each sequence is in the log once.
#include <atomic>
#include <thread>

#include "tests/support/collector_bench.hpp"
#include "tests/support/thread_roles.hpp"

using namespace plain;

namespace {

constexpr u64 attempts = 30'000;  // of each producer

struct Done {
  Journal journal;
  u64 accepted = 0, refused = 0, other = 0;
  u32 lane = 0;
};

void produce(const Ring& ring, u32 pid, u32 lane, Done& done) {
  Producer<Memory> producer;
  if (producer.attach(ring, owner(pid), identity("p" + std::to_string(pid)), lane) != 0) return;
  done.journal.incarnation = producer.incarnation(), done.lane = producer.lane();
  for (u64 i = 0; i < attempts; ++i) {
    const u64 sequence = producer.sequence() + 1;
    const Pattern pattern(done.journal.incarnation, sequence);
    const u32 bytes = 8 + static_cast<u32>(sequence % 57);
    const int result = producer.write(nullptr, pattern.words, bytes);
    (result == 0 ? done.accepted : result == SHMRING_FULL ? done.refused : done.other) += 1;
    done.journal.attempts.push_back({result == 0, result == 0 ? bytes : 0, 0, log::Cause::full});
    if (result == SHMRING_FULL) std::this_thread::yield();
  }
  producer.detach();
}

}  // namespace

TEST_CASE(
    "two producers of the shared lane, one of an exclusive lane and the collector, all at once: nothing torn, all "
    "accounted for") {
  PlainRing plain({.slots = 256, .lanes = 2, .flags = with_tripwire});
  FakeHost host;
  ArrivalLog log;
  collect::Collector<Memory> collector(plain.ring, {}, host, log);
  std::array<Done, 3> done;
  std::atomic<int> running = 3;
  std::vector<std::thread> producers;
  for (u32 i = 0; i < 3; ++i)
    producers.emplace_back([&, i] {
      produce(plain.ring, i + 1, i == 2 ? SHMRING_LANE_EXCLUSIVE : SHMRING_LANE_SHARED, done[i]);
      --running;
    });
  std::thread reader([&] {
    if (!collector.start({})) return;
    for (u64 pass = 0, after_the_end = 0; after_the_end < 64; ++pass) {
      if (running == 0) ++after_the_end;
      if (!collector.pass(pass % 16 == 0 || running == 0)) return;
      if (collector.is_idle()) std::this_thread::yield();
    }
  });
  for (std::thread& producer : producers) producer.join();
  reader.join();
  CHECK_MESSAGE(log.broken == "", log.broken);
  CHECK((log.lives() == 3 && log.closed() == 3));
  for (const Done& it : done) {
    CHECK(it.accepted > 0);
    CHECK(it.other == 0);
    CHECK(it.accepted + it.refused == attempts);
    const std::string problem = log.compare(it.journal, false);  // each attempt once, as its producer saw it end
    CHECK_MESSAGE(problem == "", problem);
  }
  CHECK(done[2].lane == 1);
  for (u32 lane = 0; lane < 2; ++lane)
    for (u32 index = 0; index < 256; ++index) CHECK(plain.word(index, lane).state == SlotState::empty);
  for (u32 entry = 0; entry < 3; ++entry) CHECK(plain.entry(entry).owner == 0);
}
