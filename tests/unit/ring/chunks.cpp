// Records of several chunks, and writing in place: each rule by hand, on plain memory.
#include <algorithm>

#include "tests/support/collector_bench.hpp"
#include "tests/support/writer.hpp"

using namespace plain;

namespace {

constexpr u32 room = 64;  // payload bytes of a slot of 128

// Bytes of which no two chunks have the same.
std::string bytes_of(std::size_t bytes, u32 salt = 0) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>((i * 131 + i / room * 17 + salt * 29) & 0xff);
  return out;
}

bool all_empty(const PlainRing& plain) {
  for (u32 lane = 0; lane < plain.ring.geometry.lanes; ++lane)
    for (u32 index = 0; index < plain.ring.geometry.slots; ++index)
      if (plain.word(index, lane).state != SlotState::empty) return false;
  return true;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------- chunks

TEST_CASE("a record of any size up to max_record arrives byte for byte; one more is TOO_BIG") {
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Bench bench({.slots = 64, .lanes = 2, .flags = with_tripwire, .max_record = 16 * room});
    Writer p;
    attach(p, bench.plain, 0, lane);
    bench.start();
    Texts written;
    for (u32 chunks = 0; chunks <= 16; ++chunks) {
      for (const int beside : {-1, 0, 1}) {
        const int bytes = static_cast<int>(chunks * room) + beside;
        if (bytes < 0) continue;
        CAPTURE(bytes);
        const std::string payload = bytes_of(static_cast<std::size_t>(bytes), chunks);
        const bool fits = payload.size() <= 16 * room;
        CHECK(write(p, payload) == (fits ? 0 : SHMRING_TOO_BIG));
        if (fits) written.push_back(payload);
        bench.pass();
      }
    }
    bench.drain();
    CHECK(bench.log.payloads == written);
    CHECK(bench.plain.tail(p.lane()) > 3 * 64);
    CHECK(all_empty(bench.plain));
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  }
}

TEST_CASE("chunks of several producers may lie between each other") {
  Bench bench({.slots = 16, .max_record = 4 * room});
  Writer p0;
  Producer<Memory> p1;
  attach(p0, bench.plain, 0), attach(p1, bench.plain, 1);
  const std::string outer = bytes_of(4 * room, 1), inner = bytes_of(2 * room, 2);
  {
    ProducerMemory::Hook between(At::publish, 0, [&] { CHECK(write(p1, inner) == 0); });
    CHECK(write(p0, outer) == 0);
  }
  bench.start();
  bench.pass();
  Texts found = bench.log.payloads;
  std::sort(found.begin(), found.end());
  Texts expected{outer, inner, inner, inner, inner};
  std::sort(expected.begin(), expected.end());
  CHECK(found == expected);
  CHECK(all_empty(bench.plain));
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
}

TEST_CASE("held chunks stay READING until the record is whole, and its producer is live") {
  Bench bench({.slots = 8, .max_record = 4 * room});
  Writer p;
  attach(p, bench.plain);
  bench.start();
  {
    ProducerMemory::Hook half(At::claim, 3, [&] {
      bench.drain();
      CHECK(bench.plain.word(0) == reading(0, 1));
      CHECK(bench.plain.word(1) == reading(0, 1));
      CHECK(bench.log.payloads.empty());
    });
    CHECK(write(p, bytes_of(4 * room)) == 0);
  }
  bench.pass();
  CHECK(bench.log.payloads == Texts{bytes_of(4 * room)});
  CHECK(all_empty(bench.plain));
}

TEST_CASE("a producer that dies anywhere in a record of several chunks costs one loss, and no slot") {
  int losses = 0, events = 0;
  for (const At at : {At::claim, At::tail_help, At::fill, At::publish, At::finish}) {
    for (unsigned nth = 1; nth < 20; ++nth) {
      Bench bench({.slots = 8, .max_record = 3 * room});
      Writer p;
      attach(p, bench.plain);
      bench.start();
      ProducerMemory::Hook dies(at, nth, [] { throw Crash{}; });
      bool died = false;
      try {
        write(p, bytes_of(3 * room));
      } catch (const Crash&) {
        died = true;
      }
      if (!died) break;
      CAPTURE(static_cast<int>(at));
      CAPTURE(nth);
      bench.drain();
      bench.kill(1);
      bench.drain();
      if (bench.log.payloads.empty()) {
        bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
        ++losses;
      } else {
        bench.expect({"attach 1", "event 1.1", "died 1 last 1"});
        ++events;
      }
      CHECK(all_empty(bench.plain));
      CHECK(bench.plain.entry(0).owner == 0);
    }
  }
  CHECK(losses > 9);
  CHECK(events > 0);
}

TEST_CASE("a record given up half-way is FULL and one loss, no_room; its chunks are given back") {
  Bench bench({.slots = 4, .max_record = 3 * room});
  Writer p;
  attach(p, bench.plain);
  CHECK(write(p, "1") == 0);
  CHECK(write(p, "2") == 0);
  CHECK(write(p, bytes_of(3 * room)) == SHMRING_FULL);
  CHECK(bench.plain.counter(0, Cause::no_room).bits() == Counter{1, 3}.bits());
  bench.start();
  bench.drain();
  CHECK(all_empty(bench.plain));
  CHECK(write(p, bytes_of(3 * room)) == 0);
  p.detach();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2", "loss 1.3-3 no_room=1", "event 1.4", "detach 1 last 4 no_room=1"});
}

TEST_CASE("a collector may die between any two steps with half a record in its hands: the record is logged once") {
  int deaths = 0;
  for (const At at : {At::observe, At::take, At::copy_out, At::release, At::head_publish, At::freed_bump, At::logged}) {
    for (unsigned nth = 1; nth < 60; ++nth) {
      Bench bench({.slots = 8, .max_record = 4 * room});
      Writer p;
      attach(p, bench.plain);
      bool died = false;
      CollectorMemory::Hook crash(at, nth, [&] { died = true, throw Crash{}; });
      const auto works = [&] {
        try {
          if (!bench.collector) bench.start();
          bench.pass();
        } catch (const Crash&) {
          bench.crash();
          bench.start();
          bench.pass();
        }
      };
      CHECK(write(p, "before") == 0);
      {
        ProducerMemory::Hook half(At::claim, 3, works);
        CHECK(write(p, bytes_of(4 * room)) == 0);
      }
      for (int i = 0; i < 4; ++i) works();
      if (!died) break;
      CAPTURE(static_cast<int>(at));
      CAPTURE(nth);
      ++deaths;
      CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
      CHECK(bench.log.payloads == Texts{"before", bytes_of(4 * room)});
      CHECK(all_empty(bench.plain));
    }
  }
  CHECK(deaths > 40);
}

TEST_CASE("a later sequence says that a record will never be whole: its chunks are given back, and it is lost once") {
  Bench bench({.slots = 4, .max_record = 2 * room, .on_full = OnFull::overwrite});
  Writer p;
  attach(p, bench.plain);
  bench.start(one_slot);
  CHECK(write(p, bytes_of(2 * room)) == 0);
  bench.pass(false);
  REQUIRE(bench.plain.word(0) == reading(0, 1));
  for (int i = 0; i < 3; ++i) CHECK(write(p, "later") == 0);
  REQUIRE(bench.plain.word(1) == ready(1, 1));    // over the second chunk
  for (int i = 0; i < 8; ++i) bench.pass(false);  // without a look at the account
  bench.expect({"attach 1", "loss 1.1-1 overwritten=1", "event 1.2", "event 1.3", "event 1.4"});
  CHECK(all_empty(bench.plain));
}

TEST_CASE("a record that has come round to its own first chunk is given up, and is one loss, no_room") {
  Bench bench({.slots = 4, .max_record = 2 * room, .on_full = OnFull::overwrite});
  Writer p;
  Producer<Memory> other;
  attach(p, bench.plain, 0), attach(other, bench.plain, 1);
  {
    ProducerMemory::Hook between(At::claim, 2, [&] {
      for (int i = 0; i < 4; ++i) CHECK(write(other, "x") == 0);
    });
    CHECK(write(p, bytes_of(2 * room)) == SHMRING_FULL);
  }
  CHECK(bench.plain.counter(0, Cause::no_room).bits() == Counter{1, 1}.bits());
  bench.start();
  bench.drain();
  CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "loss 1.1-1 no_room=1") == 1);
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  CHECK(all_empty(bench.plain));
}

TEST_CASE("a chunk that is held stays its record's when the collector jumps over laps") {
  Bench bench({.slots = 4, .max_record = 2 * room, .on_full = OnFull::overwrite});
  Writer p;
  Producer<Memory> other;
  attach(p, bench.plain, 0), attach(other, bench.plain, 1);
  bench.start();
  {
    ProducerMemory::Hook between(At::claim, 2, [&] {
      bench.pass();
      for (int i = 0; i < 16; ++i) CHECK(write(other, "x") == 0);
      bench.pass();
      CHECK(bench.collector->reader().head(0) > 12);  // a pass walks 4 slots
      CHECK(bench.collector->reader().repairs() == 0);
      CHECK(bench.plain.word(0) == reading(0, 1));
    });
    CHECK(write(p, bytes_of(2 * room)) == SHMRING_FULL);
  }
  bench.drain();
  CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "incident corrupt record") == 0);
  CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "loss 1.1-1 no_room=1") == 1);
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  CHECK(all_empty(bench.plain));
}

TEST_CASE("a chunk that is there already is corrupt, and completes no record") {
  Bench bench({.slots = 4, .max_record = 2 * room});
  Hand p{bench.plain, 0};
  p.attach();
  p.begin();
  for (int chunk = 0; chunk < 2; ++chunk) {
    p.look_at_tail();
    p.claim();
    p.move_tail();
    p.fill(bytes_of(room));
    p.slot().header.chunks = 2;
    shmring::ring::publish<Memory>(p.slot(), 0, 1);
  }
  p.finish();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1"});
  CHECK(all_empty(bench.plain));
}

// ----------------------------------------------------------------------------------------------------------- in place

TEST_CASE("an aborted claim is a loss of its own cause, once") {
  Bench bench({.slots = 4});
  Writer p;
  attach(p, bench.plain);
  void* payload = nullptr;
  CHECK(p.claim(10, &payload) == 0);
  CHECK(bench.plain.word(0) == writing(0, 1));
  CHECK(p.abort() == 0);
  CHECK(p.abort() == -EINVAL);
  CHECK(bench.plain.counter(0, Cause::aborted).bits() == Counter{1, 1}.bits());
  CHECK(bench.plain.refusals(0).count == 1);
  bench.start();
  bench.drain();
  CHECK(write(p, "next") == 0);
  p.detach();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 aborted=1", "event 1.2", "detach 1 last 2 aborted=1"});
}

TEST_CASE("refusals in front of an aborted claim keep their name: its slot counts those before it, not itself") {
  Bench bench({.slots = 4});
  Writer p;
  attach(p, bench.plain);
  void* payload = nullptr;
  CHECK(write(p, bytes_of(2 * room)) == SHMRING_TOO_BIG);
  CHECK(p.claim(10, &payload) == 0);
  CHECK(p.abort() == 0);
  bench.start();
  bench.drain();
  p.detach();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 too_big=1", "loss 1.2-2 aborted=1", "detach 1 last 2 too_big=1 aborted=1"});
}

TEST_CASE("a claim that its owner forgot is aborted by the next call, or by detach") {
  Bench bench({.slots = 4});
  Writer p;
  attach(p, bench.plain);
  void* payload = nullptr;
  CHECK(p.claim(10, &payload) == 0);
  CHECK(write(p, "next") == 0);
  CHECK(p.sequence() == 2);
  CHECK(p.claim(10, &payload) == 0);
  p.detach();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 aborted=1", "event 1.2", "loss 1.3-3 aborted=1", "detach 1 last 3 aborted=2"});
}

TEST_CASE("a commit of more than was claimed is TOO_BIG, counted once, and the claim is over") {
  Bench bench({.slots = 4});
  Writer p;
  attach(p, bench.plain);
  void* payload = nullptr;
  CHECK(p.commit(nullptr, 1) == -EINVAL);
  CHECK(p.claim(10, &payload) == 0);
  CHECK(p.commit(nullptr, 11) == SHMRING_TOO_BIG);
  CHECK(p.commit(nullptr, 1) == -EINVAL);
  CHECK(p.claim(10, &payload) == 0);
  std::memcpy(payload, "0123456789", 10);
  CHECK(p.commit(nullptr, 10) == 0);
  p.detach();
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 too_big=1", "event 1.2", "detach 1 last 2 too_big=1"});
  CHECK(bench.log.payloads == Texts{"0123456789"});
}
