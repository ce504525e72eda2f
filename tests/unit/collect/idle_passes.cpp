// Passes between two whole ones: a collector that polls looks at one word of each lane, and misses nothing by it.
#include "lib/log/format/line.hpp"
#include "tests/support/collector_bench.hpp"

using namespace plain;
using shmring::log::Note;

namespace {

// Time stands still, so a pass is whole only if something is there to do.
struct Polling : Bench {
  explicit Polling(Shape shape = {}) : Bench(shape) {
    host.step = 0;
    host.time = 1;
  }
  // One pass without entries and tails. Returns how many slots' words it looked at.
  unsigned poll() {
    CollectorMemory::Hook looks(At::observe, 0, [] {});
    pass(false);
    return looks.seen();
  }
};

}  // namespace

TEST_CASE("a pass that follows an idle one looks at one word of each lane, and at nothing else") {
  Polling bench({.lanes = 3});
  Hand p(bench.plain, 0);
  p.attach();
  bench.start();
  bench.pass();
  bench.pass();
  CollectorMemory::Hook tails(At::tail_seen, 0, [] {}), heads(At::head_publish, 0, [] {}), owners(At::owner_seen, 0, [] {});
  for (int i = 0; i < 3; ++i) CHECK(bench.poll() == 3);
  CHECK((tails.seen() == 0 && heads.seen() == 0 && owners.seen() == 0));
  CHECK(bench.collector->is_idle());
  CHECK(bench.collector->taken() == 0);
}

TEST_CASE("a record in any lane is seen by the next pass, and so is the one after it") {
  for (const u32 lane : {0u, 1u, 2u}) {
    CAPTURE(lane);
    Polling bench({.lanes = 3});
    Hand p(bench.plain, 0, lane);
    p.attach();
    bench.start();
    bench.pass();
    bench.pass();
    for (const char* line : {"event 1.1", "event 1.2"}) {
      bench.poll();
      p.write();
      bench.poll();
      CHECK(bench.collector->taken() == 1);
      CHECK(Bench::joined(bench.log.lines).find(line) != std::string::npos);
      bench.poll();
      CHECK(bench.collector->taken() == 0);
    }
  }
}

TEST_CASE("a claim, and the record that is published late from a listed slot, are seen by passes without entries and tails") {
  Polling bench({.slots = 4});  // so the head does not meet the listed slot
  Hand p(bench.plain, 0), q(bench.plain, 1);
  p.attach(), q.attach();
  bench.start();
  bench.pass();
  bench.pass();
  bench.poll();
  p.take_position();
  q.write();
  bench.poll();
  CHECK(bench.collector->reader().stalled() == 1);
  for (int i = 0; i < 2; ++i) bench.poll();
  CHECK(bench.collector->taken() == 0);
  p.fill("late");
  p.publish();
  bench.poll();
  CHECK(bench.collector->reader().stalled() == 0);
  CHECK(Bench::joined(bench.log.lines).find("event 1.1") != std::string::npos);
}

TEST_CASE("a line that was noted is in the log after the next pass, though nothing else is there to do") {
  Polling bench;
  bench.start();
  bench.pass();
  bench.pass();
  bench.poll();
  const std::size_t before = bench.log.lines.size();
  bench.collector->note(Note{"clock", 1, {}});
  bench.poll();
  CHECK(bench.log.lines.size() == before + 1);
}

TEST_CASE("a tail is looked at once its time may have come, and a whole pass is made only if it has moved") {
  Polling bench;
  bench.start();
  bench.pass();
  bench.pass();
  CollectorMemory::Hook tails(At::tail_seen, 0, [] {}), heads(At::head_publish, 0, [] {});
  bench.poll();
  CHECK(tails.seen() == 0);
  bench.host.time += shmring::collect::tail_patience_ns;
  CHECK(bench.poll() == 1);
  CHECK(tails.seen() == 1);
  bench.poll();
  CHECK(tails.seen() == 1);                 // its time begins anew
  bench.plain.ring.lanes[0].tail.store(1);  // a claim's slot is still EMPTY
  bench.host.time += shmring::collect::tail_patience_ns;
  bench.poll();
  CHECK(tails.seen() == 3);  // looked at, and read
  CHECK(heads.seen() == 1);
  CHECK(bench.collector->reader().head(0) == 1);
}
