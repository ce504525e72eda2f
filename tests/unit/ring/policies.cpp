// A full lane under each policy: each rule by hand, on plain memory.
#include "tests/support/collector_bench.hpp"
#include "tests/support/writer.hpp"

using namespace plain;

namespace {

constexpr Shape overwriting{.slots = 4, .lanes = 2, .on_full = OnFull::overwrite};

}  // namespace

// ---------------------------------------------------------------------------------------------------------- overwrite

TEST_CASE("overwrite takes the oldest READY of a full lane, and what lay there is lost as overwritten") {
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Bench bench(overwriting);
    Writer p;
    attach(p, bench.plain, 0, lane);
    for (int i = 1; i <= 6; ++i) CHECK(write(p, "record " + std::to_string(i)) == 0);
    CHECK(bench.plain.word(1, p.lane()) == ready(1, 1));
    CHECK(bench.plain.word(2, p.lane()) == ready(0, 1));
    bench.start();
    bench.drain();
    p.detach();
    bench.drain();
    bench.expect({"attach 1", "loss 1.1-2 overwritten=2", "event 1.3", "event 1.4", "event 1.5", "event 1.6",
                  "detach 1 last 6 overwritten=2"});
    CHECK(bench.log.payloads == Texts{"record 3", "record 4", "record 5", "record 6"});
  }
}

TEST_CASE("overwriting is a compare-and-swap: a record that the collector takes first is not lost") {
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Bench bench(overwriting);
    Writer p;
    attach(p, bench.plain, 0, lane);
    bench.start();
    for (int i = 0; i < 4; ++i) CHECK(write(p, "x") == 0);
    ProducerMemory::Hook rival(At::overwrite, 1, [&] {
      // It dies with the slot in READING: the producer must step over it.
      CollectorMemory::Hook crash(At::copy_out, 1, [] { throw Crash{}; });
      bench.crashes_in_a_pass();
    });
    CHECK(write(p, "new") == 0);
    CHECK(rival.seen() == 2);  // lost, and then the next slot's
    CHECK(bench.plain.word(0, p.lane()) == reading(0, 1));
    bench.start();
    bench.drain();
    bench.expect({"attach 1", "event 1.1", "loss 1.2-2 overwritten=1", "event 1.3", "event 1.4", "event 1.5"});
  }
}

TEST_CASE("overwrite steps over WRITING and READING of an older lap, in either kind of lane") {
  for (const u32 lane : {0u, 1u}) {
    PlainRing plain(overwriting);
    plain.set_word(0, writing(0, 7), lane), plain.set_word(1, reading(0, 7), lane);
    plain.set_word(2, ready(0, 7), lane), plain.set_word(3, ready(0, 7), lane);
    plain.set_tail(4, lane);
    u64 tail = 4;
    const Claim claim =
        lane == 0 ? claim_shared<Memory>(plain.ring, 0, 9, true) : claim_exclusive<Memory>(plain.ring, 1, 9, true, tail);
    CHECK(claim.result == Claimed::yes);
    CHECK(claim.position == 6);
    CHECK(plain.tail(lane) == 7);
    CHECK(plain.word(0, lane) == writing(0, 7));
    CHECK(plain.word(1, lane) == reading(0, 7));
    CHECK(plain.word(2, lane) == writing(1, 9));
    CHECK(plain.word(3, lane) == ready(0, 7));
  }
}

TEST_CASE("a lane full of slots that cannot be overwritten is given up, counted as contended") {
  PlainRing plain(overwriting);
  Writer p;
  attach(p, plain);
  for (u32 index = 0; index < 4; ++index) plain.set_word(index, writing(0, 7));
  plain.set_tail(4);
  CHECK(write(p, "x") == SHMRING_FULL);
  CHECK(plain.counter(0, Cause::contended).bits() == Counter{1, 1}.bits());
}

// --------------------------------------------------------------------------------------------------------------- wait

TEST_CASE("a waiter that sleeps is woken by a release, and its record is written") {
  for (const OnFull policy : {OnFull::wait, OnFull::hybrid}) {
    Bench bench({.slots = 2, .on_full = policy, .wait_us = 1000});
    Writer p;
    attach(p, bench.plain);
    bench.start();
    CHECK(write(p, "1") == 0);
    CHECK(write(p, "2") == 0);
    ProducerMemory::Hook sleeps(At::freed_sleep, 0, [&] {
      CHECK(bench.plain.ring.lanes[0].waiters == 1);
      bench.pass();
    });
    CHECK(write(p, "3") == 0);
    CHECK(sleeps.seen() == 1);
    CHECK(bench.host.woken == 1);
    CHECK(bench.plain.ring.lanes[0].waiters == 0);
    bench.drain();
    bench.expect({"attach 1", "event 1.1", "event 1.2", "event 1.3"});
  }
}

TEST_CASE("what is released between a waiter's last try and its sleep is not slept through") {
  Bench bench({.slots = 2, .on_full = OnFull::wait, .wait_us = 1000});
  Writer p;
  attach(p, bench.plain);
  bench.start();
  CHECK(write(p, "1") == 0);
  CHECK(write(p, "2") == 0);
  const u64 before = ProducerMemory::now_ns();
  ProducerMemory::Hook release(At::freed_seen, 1, [&] { bench.pass(); });
  CHECK(write(p, "3") == 0);
  CHECK(release.seen() == 1);
  CHECK(bench.host.woken == 1);  // it had announced itself
  CHECK(ProducerMemory::now_ns() == before);
}

TEST_CASE("a wait ends at its deadline, as TIMEOUT, and is one loss of that cause") {
  Bench bench({.slots = 2, .on_full = OnFull::wait, .wait_us = 120'000});
  Writer p;
  attach(p, bench.plain);
  CHECK(write(p, "1") == 0);
  CHECK(write(p, "2") == 0);
  const u64 before = ProducerMemory::now_ns();
  ProducerMemory::Hook sleeps(At::freed_sleep, 0, [] {});
  CHECK(write(p, "3") == SHMRING_TIMEOUT);
  CHECK(ProducerMemory::now_ns() == before + 120'000'000);
  CHECK(sleeps.seen() == 3);  // slices: it must notice a ring that was unlinked
  CHECK(bench.plain.counter(0, Cause::timeout).bits() == Counter{1, 3}.bits());
  CHECK(bench.plain.ring.lanes[0].waiters == 0);
  bench.start();
  bench.drain();
  p.detach();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2", "loss 1.3-3 timeout=1", "detach 1 last 3 timeout=1"});
}

TEST_CASE("all chunks of a record wait for one deadline") {
  Bench bench({.slots = 4, .max_record = 128, .on_full = OnFull::wait, .wait_us = 120'000});
  Writer p;
  attach(p, bench.plain);
  bench.start(one_slot);
  for (int i = 0; i < 4; ++i) CHECK(write(p, "x") == 0);
  const u64 before = ProducerMemory::now_ns();
  ProducerMemory::Hook one(At::freed_sleep, 2, [&] { bench.pass(); });  // after 50 ms one slot is free
  CHECK(write(p, std::string(128, 'y')) == SHMRING_FULL);
  CHECK(ProducerMemory::now_ns() == before + 120'000'000);
  CHECK(bench.plain.counter(0, Cause::no_room).bits() == Counter{1, 5}.bits());
}

TEST_CASE("a ring retired during a wait is RETIRED, with a sequence; the call after it takes none") {
  Bench bench({.slots = 2, .on_full = OnFull::wait, .wait_us = 120'000});
  Writer p;
  attach(p, bench.plain);
  CHECK(write(p, "1") == 0);
  CHECK(write(p, "2") == 0);
  ProducerMemory::Hook retire(At::freed_sleep, 1,
                              [&] { bench.plain.ring.header->state = static_cast<u32>(SegmentState::retired); });
  CHECK(write(p, "3") == SHMRING_RETIRED);
  CHECK(p.sequence() == 3);
  CHECK(bench.plain.counter(0, Cause::retired).bits() == Counter{1, 3}.bits());
  CHECK(write(p, "4") == SHMRING_RETIRED);
  CHECK(p.sequence() == 3);
  p.detach();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2", "loss 1.3-3 retired=1", "detach 1 last 3 retired=1"});
}
