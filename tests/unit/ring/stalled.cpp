// The stalled list, the release, the head, and the look of a restarted collector: each row once.
#include <algorithm>
#include <array>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

constexpr u32 living = 1, dead = 2;

// Two producers attached, of which the second is dead; the reader stands at `head`, the tail beside it.
struct Restart {
  explicit Restart(u64 head = 0, Shape shape = {}) : plain(shape) {
    a.attach(), b.attach();
    host.died.insert(dead);
    plain.begin_at(head);
    reader.emplace(plain.ring, whole_ring);
  }
  void look_over() {
    reader->look_over();
    reader->begin_pass();
    reader->read_entries(host);
    reader->read_tails();
  }

  PlainRing plain;
  FakeHost host;
  Hand a{plain, living - 1}, b{plain, dead - 1};
  std::optional<Reader<CollectorMemory>> reader;
};

}  // namespace

TEST_CASE("a new collector lists what is not EMPTY below the head, READING too, and leaves the rest to the walk") {
  Restart it(9, {.slots = 8});
  const std::array words{empty(1),
                         writing(1, living),
                         ready(0, living),
                         reading(0, living),
                         writing(0, dead),
                         reading(2, living),
                         Word{0, 1, static_cast<SlotState>(5)},
                         empty(0)};
  for (u32 index = 0; index < words.size(); ++index) it.plain.set_word(index, words[index]);
  it.plain.set_tail(10);
  it.reader->look_over();
  CHECK(it.reader->stalled() == 4);  // 2, 3, 4, 6: positions 2, 3, 4, 6 of lap 0
  CHECK(it.reader->head(0) == 9);
  for (u32 index = 0; index < words.size(); ++index) CHECK(it.plain.word(index) == words[index]);
}

TEST_CASE("a new collector starts at the head, tells sleepers once, and looks at every slot of every lane") {
  Restart it(4, {.lanes = 3});
  it.plain.begin_at(6, 2);
  it.plain.set_word(1, reading(2, living), 2);
  it.look_over();
  CHECK(it.reader->head(0) == 4);
  CHECK(it.reader->head(2) == 6);
  CHECK(it.reader->stalled() == 1);
  for (u32 lane = 0; lane < 3; ++lane) {
    it.reader->publish_head(lane), it.reader->publish_head(lane);
    CHECK(it.plain.ring.lanes[lane].freed == 1);
  }
}

TEST_CASE("a head may be one above the tail; one that cannot be is brought down to the tail") {
  for (u64 above : {0, 1, 2, 1000}) {
    Restart it(4);
    it.plain.set_head(4 + above);
    it.reader->look_over();
    CHECK(it.reader->head(0) == (above <= 1 ? 4 + above : 4));
    CHECK(it.reader->repairs() == (above <= 1 ? 0 : 1));
  }
}

TEST_CASE("a head that cannot be is put right in the lane, too") {
  Bench bench;
  bench.plain.begin_at(4);
  bench.plain.set_head(1000);
  bench.start();
  bench.drain();
  CHECK(bench.plain.head() == 4);
}

TEST_CASE("a listed slot that is READY is taken, late, and leaves the list") {
  Restart it(2);
  it.plain.set_word(1, writing(0, living));
  it.look_over();
  it.a.sequence = 1, it.a.position = 1;
  it.a.publish();
  it.reader->revisit();
  REQUIRE(it.reader->taken().size() == 1);
  CHECK(it.reader->taken()[0].late);
  CHECK(it.reader->taken()[0].place.position == 1);
  CHECK(it.plain.word(1) == reading(0, living));
  CHECK(it.reader->stalled() == 0);
}

TEST_CASE("a listed READY slot that changes before it is taken stays on the list") {
  Restart it(2);
  it.plain.set_word(1, ready(0, living));
  it.look_over();
  CollectorMemory::Hook rival(At::take, 1, [&] { it.plain.set_word(1, writing(0, living)); });
  it.reader->revisit();
  CHECK(it.reader->taken().empty());
  CHECK(it.reader->stalled() == 1);
}

TEST_CASE("a listed slot that is READING is taken up, late, and leaves the list") {
  Restart it(2);
  it.a.sequence = 1, it.a.position = 1;
  it.a.fill("left");
  it.plain.set_word(1, reading(0, living));
  it.look_over();
  it.reader->revisit();
  REQUIRE(it.reader->taken().size() == 1);
  CHECK(it.reader->taken()[0].late);
  CHECK(it.reader->stalled() == 0);
  it.reader->revisit();
  CHECK(it.reader->taken().size() == 1);  // what this collector holds is not listed
}

TEST_CASE("a listed slot whose word names a position at or beyond the head now is left to the walk") {
  for (const Word& word : {ready(1, living), ready(2, living), reading(1, living), writing(1, dead)}) {
    CAPTURE(word);
    Restart it(2);
    it.plain.set_word(0, writing(0, dead));
    it.look_over();
    REQUIRE(it.reader->stalled() == 1);
    it.plain.set_word(0, word);
    it.reader->revisit();
    CHECK(it.reader->taken().empty());
    CHECK(it.reader->stalled() == 0);
    CHECK(it.plain.word(0) == word);
  }
}

TEST_CASE("a listed WRITING slot of a living owner stays, however often it is looked at") {
  Restart it(2);
  it.plain.set_word(0, writing(0, living));
  it.look_over();
  for (int look = 0; look < 100; ++look) it.reader->revisit();
  CHECK(it.reader->stalled() == 1);
  CHECK(it.plain.word(0) == writing(0, living));
}

TEST_CASE("a listed WRITING slot of a dead owner is freed for the first lap at or beyond the head, and yields nothing") {
  for (u64 head : {2, 3, 8, 9}) {
    CAPTURE(head);
    Restart it(head);
    it.plain.set_word(0, writing(0, dead));
    it.look_over();
    it.reader->revisit();
    CHECK(it.reader->taken().empty());
    CHECK(it.reader->stalled() == 0);
    CHECK(it.plain.word(0) == empty((head + 1) / 2));
  }
}

TEST_CASE("a dead owner's slot whose word has changed since is not freed") {
  Restart it(2);
  it.plain.set_word(0, writing(0, dead));
  it.look_over();
  CollectorMemory::Hook change(At::free_dead, 1, [&] { it.plain.set_word(0, ready(0, dead)); });
  it.reader->revisit();
  CHECK(it.plain.word(0) == ready(0, dead));
  CHECK(it.reader->stalled() == 1);
}

TEST_CASE("a listed slot that is EMPTY by now leaves the list") {
  Restart it(2);
  it.plain.set_word(0, writing(0, living));
  it.look_over();
  it.plain.set_word(0, empty(1));
  it.reader->revisit();
  CHECK(it.reader->stalled() == 0);
  CHECK(it.plain.word(0) == empty(1));
}

TEST_CASE("a slot is on the list once, however often the walk meets it") {
  Restart it(0, {.slots = 1});
  it.plain.set_word(0, writing(0, living));
  it.look_over();
  for (u64 tail : {1, 2, 3}) {
    it.plain.set_tail(tail);
    it.reader->begin_pass();
    it.reader->read_tails();
    it.reader->walk(16);
  }
  CHECK(it.reader->head(0) == 3);
  CHECK(it.reader->stalled() == 1);
}

TEST_CASE("a slot becomes EMPTY for the first lap whose position is not below the head, and above its own") {
  PlainRing plain({.slots = 4});
  CHECK(next_lap(plain.ring, 0, 0, 1) == 1);
  CHECK(next_lap(plain.ring, 0, 0, 0) == 1);
  CHECK(next_lap(plain.ring, 2, 0, 10) == 2);
  CHECK(next_lap(plain.ring, 2, 0, 11) == 3);
  CHECK(next_lap(plain.ring, 3, 0, 11) == 2);
  CHECK(next_lap(plain.ring, 3, 7, 11) == 8);
  PlainRing one({.slots = 1});
  CHECK(next_lap(one.ring, 0, 4, 5) == 5);
  CHECK(next_lap(one.ring, 0, 4, 9) == 9);
}

TEST_CASE("slots are released before the head that passes them, and both before sleepers are told") {
  Bench bench;
  Hand a(bench.plain, 0);
  a.attach().write();
  bench.start();
  std::vector<std::string> order;
  CollectorMemory::Hook release(At::release, 0, [&] { order.push_back("release"); });
  CollectorMemory::Hook head(At::head_publish, 0, [&] { order.push_back("head"); });
  CollectorMemory::Hook bump(At::freed_bump, 0, [&] { order.push_back("freed"); });
  bench.pass();
  CHECK(order == std::vector<std::string>{"release", "head", "freed"});
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.head() == 1);
  bench.pass();
  CHECK(order.size() == 3);  // nothing was freed
}

TEST_CASE("sleepers are woken only if someone sleeps") {
  Bench bench;
  Hand a(bench.plain, 0);
  a.attach().write();
  bench.start();
  bench.pass();
  CHECK(bench.host.woken == 0);
  bench.plain.ring.lanes[0].waiters = 1;
  a.write();
  bench.pass();
  CHECK(bench.host.woken == 1);
}

TEST_CASE("a freed slot of the dead tells sleepers, too") {
  Bench bench;
  Hand a(bench.plain, 0);
  a.attach().take_position();
  bench.start();
  bench.drain();
  const u32 freed = bench.plain.ring.lanes[0].freed;
  bench.kill(1);
  bench.pass();
  CHECK(bench.plain.ring.lanes[0].freed > freed);
  CHECK(bench.plain.word(0) == empty(1));
}

TEST_CASE("a record is released only when its line is in the log, and no slot if the log is full") {
  Bench bench;
  Hand a(bench.plain, 0);
  a.attach().write();
  bench.start();
  std::size_t lines = 0;
  CollectorMemory::Hook release(At::release, 1, [&] { lines = bench.log.lines.size(); });
  bench.log.full = true;
  CHECK_FALSE(bench.collector->pass(true));
  CHECK(bench.plain.word(0) == reading(0, 1));
  CHECK(bench.plain.head() == 0);
  CHECK(release.seen() == 0);
  bench.log.full = false;
  bench.start();
  bench.drain();
  CHECK(lines == 2);
  bench.expect({"attach 1", "event 1.1"});
}

TEST_CASE("a pass that a full log holds up takes nothing more, and goes on where it was when the log can be written") {
  Bench bench({.slots = 1024});
  Hand p(bench.plain, 0);
  p.attach();
  for (int i = 0; i < 600; ++i) p.write();
  bench.start();
  CollectorMemory::Hook logged(At::logged, 1, [&] { bench.log.full = true; });  // behind the first batch
  CHECK_FALSE(bench.collector->pass(true));
  p.write();
  bench.collector->note({"incident", 1, {{"what", "meanwhile"}}});
  for (int i = 0; i < 3; ++i) CHECK_FALSE(bench.collector->pass(true));
  CHECK(bench.plain.word(600).state == SlotState::ready);
  CHECK(bench.plain.word(0) == reading(0, 1));
  CHECK(bench.log.lines.size() == 1 + collect::records_a_batch);
  CHECK(bench.collector->logged_events() == collect::records_a_batch);
  bench.log.full = false;
  bench.drain();
  CHECK(bench.collector->logged_events() == 601);
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  CHECK(bench.log.payloads.size() == 601);
  CHECK(std::count(bench.log.lines.begin(), bench.log.lines.end(), "incident meanwhile") == 1);
  CHECK(bench.plain.word(0) == empty(1));
  CHECK(bench.plain.entry(0).logged == 601);
}

TEST_CASE("what a pass says of the ring is of that moment, also where the one before was held up") {
  Bench bench({.slots = 64});
  Hand p(bench.plain, 0);
  p.attach().write();
  bench.start();
  bench.log.full = true;
  CHECK_FALSE(bench.collector->pass(true));
  CHECK_FALSE(bench.collector->is_settled());
  for (int i = 0; i < 5; ++i) p.write();
  bench.log.full = false;
  bench.pass();
  CHECK(bench.collector->taken() == 5);
  CHECK(bench.collector->is_settled());
  CHECK(bench.log.payloads.size() == 6);
}

TEST_CASE("a collector that starts while the log is full takes nothing until its first lines are committed") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().write();
  bench.log.full = true;
  bench.collector.emplace(bench.plain.ring, whole_ring, bench.host, bench.log);
  CHECK_FALSE(bench.collector->start({}));
  CHECK_FALSE(bench.collector->pass(true));
  CHECK(bench.plain.word(0).state == SlotState::ready);
  bench.log.full = false;
  bench.drain();
  bench.expect({"attach 1", "event 1.1"});
}

TEST_CASE("what the log holds of a producer is told to its entry, after the append and before the release") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach().refuse(Cause::full);
  p.write();
  bench.start();
  std::size_t lines = 0;
  Word at_logged{};
  CollectorMemory::Hook logged(At::logged, 1, [&] { lines = bench.log.lines.size(), at_logged = bench.plain.word(0); });
  bench.pass();
  CHECK(lines == 3);
  CHECK(at_logged == reading(0, 1));
  CHECK(bench.plain.entry(0).logged == 2);
  CHECK(bench.plain.entry(0).logged_refused == 1);
}

TEST_CASE("what the log holds is told to the entry after each append, also where the next one of that pass fails") {
  Bench bench({.slots = 1024});
  Hand p(bench.plain, 0);
  p.attach();
  for (int i = 0; i < 600; ++i) p.write();
  bench.start();
  CollectorMemory::Hook logged(At::logged, 1, [&] { bench.log.full = true; });
  CHECK_FALSE(bench.collector->pass(true));
  CHECK(bench.log.lines.size() == 1 + collect::records_a_batch);
  CHECK(bench.plain.entry(0).logged == collect::records_a_batch);
}

TEST_CASE("a head that passes a stalled slot tells sleepers, though nothing was released") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  bench.start();
  bench.pass();
  const u32 freed = bench.plain.ring.lanes[0].freed;
  p.take_position();
  bench.pass();
  CHECK(bench.plain.head() == 1);
  CHECK(bench.plain.ring.lanes[0].freed == freed + 1);
}

TEST_CASE("a head that passes slots of which none is free tells nobody; the first that is given back does") {
  Bench bench({.slots = 4});
  std::vector<Hand> stopped;
  for (u32 index = 0; index < 4; ++index) stopped.emplace_back(bench.plain, index).attach();
  bench.start();
  bench.pass();
  for (Hand& p : stopped) p.take_position();
  bench.plain.set_tail(8);  // a waiter has pushed it a lap on, as far as it may
  const u32 freed = bench.plain.ring.lanes[0].freed;
  for (int i = 0; i < 3; ++i) bench.pass();
  CHECK(bench.plain.head() == 8);
  CHECK(bench.plain.ring.lanes[0].freed == freed);
  stopped[2].publish();
  bench.pass();
  CHECK(bench.plain.ring.lanes[0].freed == freed + 1);
}
