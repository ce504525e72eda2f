// The collector's walk: each row of the protocol once, on lanes of one, two and more slots, early and at the last lap.
#include <array>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

constexpr u32 living = 2;
constexpr u64 last_lap = Word::lap_mask;

// A reader that has read the entries and stands at `position`; the tail as it has read it.
struct Walk {
  Walk(Shape shape, u64 position, u64 tail, Pace pace = whole_ring) : plain(shape) {
    plain.begin_at(position);
    plain.set_tail(tail);
    writer.attach();
    reader.emplace(plain.ring, pace);
    begin();
  }
  void begin() {
    reader->look_over();
    reader->begin_pass();
    reader->read_entries(host);
    reader->read_tails();
  }
  void walk() { reader->walk(1024); }

  PlainRing plain;
  FakeHost host;
  Hand writer{plain, living - 1};
  std::optional<Reader<CollectorMemory>> reader;
};

template <class Test>
void on_each_shape(const Test& test) {
  for (u32 slots : {1u, 2u, 8u}) {
    for (u64 lap : {u64{1}, u64{2}, u64{65535}, u64{65536}, last_lap}) {
      for (u32 index : {0u, slots - 1}) {
        CAPTURE(slots);
        CAPTURE(lap);
        CAPTURE(index);
        test(Shape{.slots = slots}, lap, index, lap * slots + index);
      }
    }
  }
}

}  // namespace

TEST_CASE("READY of this lap becomes READING, and its record is taken once") {
  on_each_shape([](Shape shape, u64 lap, u32 index, u64 position) {
    Walk walk(shape, position, position + 1);
    walk.writer.sequence = 1, walk.writer.position = position;
    walk.writer.publish();
    walk.walk();
    REQUIRE(walk.reader->taken().size() == 1);
    const RawRecord& taken = walk.reader->taken()[0];
    CHECK(taken.place.position == position);
    CHECK_FALSE(taken.late);
    CHECK(taken.header->sequence == 1);
    CHECK(std::string(reinterpret_cast<const char*>(taken.payload.data()), taken.payload.size()) == "record 1");
    CHECK(walk.plain.word(index) == reading(lap, living));
    CHECK(walk.reader->head(0) == position + 1);
    CHECK(walk.plain.head() == position);
  });
}

TEST_CASE("a taken record is a copy: what the slot becomes later does not change it") {
  Walk walk({}, 0, 1);
  walk.writer.sequence = 1;
  walk.writer.publish();
  walk.walk();
  walk.plain.slot(0).header.sequence = 99;
  std::memset(Ring::payload(walk.plain.slot(0)), 'z', 8);
  REQUIRE(walk.reader->taken().size() == 1);
  CHECK(walk.reader->taken()[0].header->sequence == 1);
  CHECK(static_cast<char>(walk.reader->taken()[0].payload[0]) == 'r');
}

TEST_CASE("a READY slot that changes before it is taken is looked at again") {
  Walk walk({}, 2, 3);
  walk.plain.set_word(0, ready(1, living));
  CollectorMemory::Hook rival(At::take, 1, [&] { walk.plain.set_word(0, writing(2, living)); });
  walk.walk();
  CHECK(walk.reader->taken().empty());
  CHECK(walk.plain.word(0) == writing(2, living));
  CHECK(walk.reader->head(0) == 3);
}

TEST_CASE("READING of this lap was left by a dead collector: its record is taken") {
  on_each_shape([](Shape shape, u64 lap, u32 index, u64 position) {
    Walk walk(shape, position, position + 1);
    walk.writer.sequence = 1, walk.writer.position = position;
    walk.writer.fill("left");
    walk.plain.set_word(index, reading(lap, living));
    walk.walk();
    REQUIRE(walk.reader->taken().size() == 1);
    CHECK_FALSE(walk.reader->taken()[0].late);
    CHECK(walk.plain.word(index) == reading(lap, living));
    CHECK(walk.reader->stalled() == 0);
  });
}

TEST_CASE("WRITING of this lap goes onto the stalled list, and the walk goes on") {
  on_each_shape([](Shape shape, u64 lap, u32 index, u64 position) {
    for (u64 tail : {position, position + 1}) {  // its owner may not have moved the tail yet
      Walk walk(shape, position, tail);
      walk.plain.set_word(index, writing(lap, living));
      walk.walk();
      CHECK(walk.reader->taken().empty());
      CHECK(walk.reader->stalled() == 1);
      CHECK(walk.reader->head(0) == position + 1);
      CHECK(walk.plain.word(index) == writing(lap, living));
    }
  });
}

TEST_CASE("a WRITING slot that is published within the spin is taken in order") {
  Walk walk({}, 0, 1, Pace{1024, 128, 3});
  walk.writer.sequence = 1;
  walk.writer.claim();
  CollectorMemory::Hook spin(At::observe, 3, [&] { walk.writer.publish(); });
  walk.walk();
  REQUIRE(walk.reader->taken().size() == 1);
  CHECK_FALSE(walk.reader->taken()[0].late);
  CHECK(walk.reader->stalled() == 0);
}

TEST_CASE("before a WRITING slot the reader pauses at full length while records flow, and shortly at first where none came") {
  Walk walk({.slots = 8}, 0, 1, Pace{1024, 128, 6, 64, 4});
  auto pauses_of_walk = [&] {
    const unsigned before = CollectorMemory::pauses;
    walk.walk();
    return CollectorMemory::pauses - before;
  };
  walk.writer.sequence = 1;
  walk.writer.claim();
  CHECK(pauses_of_walk() == 4 + 8 + 16 + 32 + 64 + 64);
  walk.writer.publish();
  walk.reader->begin_pass();
  walk.reader->revisit();
  REQUIRE(walk.reader->taken().size() == 1);
  walk.reader->begin_pass();
  walk.writer.sequence = 2, walk.writer.position = 1;
  walk.writer.claim();
  CHECK(pauses_of_walk() == 6 * 64);
  walk.reader->begin_pass();  // the pass before found nothing
  walk.writer.sequence = 3, walk.writer.position = 2;
  walk.writer.claim();
  CHECK(pauses_of_walk() == 4 + 8 + 16 + 32 + 64 + 64);
  walk.reader->begin_pass();  // the same, but this one finds one before it
  walk.writer.sequence = 4, walk.writer.position = 3;
  walk.writer.publish();
  walk.writer.sequence = 5, walk.writer.position = 4;
  walk.writer.claim();
  CHECK(pauses_of_walk() == 6 * 64);
  CHECK(walk.reader->taken().size() == 1);
}

TEST_CASE("an EMPTY slot at the tail is nothing: the walk ends there and touches nothing") {
  on_each_shape([](Shape shape, u64 lap, u32 index, u64 position) {
    for (u64 seen : {lap, lap - 1}) {
      Walk walk(shape, position, position);
      walk.plain.set_word(index, empty(seen));
      const std::string before = walk.plain.bytes();
      walk.walk();
      CHECK(walk.reader->waits_at_head(0));
      CHECK(walk.reader->head(0) == position);
      CHECK(walk.plain.bytes() == before);
    }
  });
}

TEST_CASE("an EMPTY slot below the tail was stepped over: it becomes EMPTY of the next lap, so that nobody claims it late") {
  on_each_shape([](Shape shape, u64 lap, u32 index, u64 position) {
    if (lap == last_lap) return;
    for (u64 seen : {lap, lap - 1}) {
      Walk walk(shape, position, position + 1);
      walk.plain.set_word(index, empty(seen));
      walk.walk();
      CHECK(walk.plain.word(index) == empty(lap + 1));
      CHECK(walk.reader->head(0) == position + 1);
      CHECK(walk.reader->stalled() == 0);
    }
  });
}

TEST_CASE("an EMPTY slot that is claimed before it is stepped over is looked at again") {
  Walk walk({}, 2, 3);
  CollectorMemory::Hook rival(At::step_over, 1, [&] { walk.plain.set_word(0, writing(1, living)); });
  walk.walk();
  CHECK(walk.plain.word(0) == writing(1, living));
  CHECK(walk.reader->stalled() == 1);
  CHECK(walk.reader->head(0) == 3);
}

TEST_CASE("a slot of a later lap is passed, whatever its state, and not touched") {
  for (const Word& word : {empty(6), writing(6, living), ready(6, living), reading(6, living), empty(last_lap)}) {
    CAPTURE(word);
    Walk walk({}, 10, 11);
    walk.plain.set_word(0, word);
    walk.walk();
    CHECK(walk.reader->head(0) == 11);
    CHECK(walk.plain.word(0) == word);
    CHECK(walk.reader->stalled() == 0);
    CHECK(walk.reader->taken().empty());
  }
}

TEST_CASE("a slot of an earlier lap at the tail is nothing: the walk ends there") {
  for (const Word& word : {writing(4, living), ready(4, living), reading(4, living)}) {
    CAPTURE(word);
    Walk walk({}, 10, 10);
    walk.plain.set_word(0, word);
    walk.reader.emplace(walk.plain.ring, whole_ring);  // as it stands for one that did not list it
    walk.plain.set_word(0, empty(5));
    walk.begin();
    walk.plain.set_word(0, word);
    walk.walk();
    CHECK(walk.reader->waits_at_head(0));
    CHECK(walk.reader->head(0) == 10);
    CHECK(walk.reader->stalled() == 0);
    CHECK(walk.plain.word(0) == word);
  }
}

TEST_CASE("WRITING and READY of an earlier lap below the tail go onto the list, READING does not; the walk goes on") {
  const std::array words{writing(4, living), ready(4, living), reading(4, living)};
  for (const Word& word : words) {
    CAPTURE(word);
    Walk walk({}, 10, 11);
    walk.plain.set_word(0, word);
    walk.walk();
    CHECK(walk.reader->head(0) == 11);
    CHECK(walk.reader->stalled() == (word.state == SlotState::reading ? 0 : 1));
    CHECK(walk.plain.word(0) == word);
    CHECK(walk.reader->taken().empty());
  }
}

TEST_CASE("a walk looks at each slot of a lane at most once a pass") {
  Walk walk({.slots = 4}, 0, 0);
  walk.plain.set_tail(1'000'000);
  CollectorMemory::Hook looks(At::observe, 0, [] {});
  walk.walk();
  CHECK(looks.seen() <= 5);
  CHECK(walk.reader->head(0) <= 4);
}

TEST_CASE("a walk whose every compare-and-swap is lost still ends") {
  Walk walk({.slots = 4}, 0, 4);
  u32 turn = 0;
  CollectorMemory::Hook rival(At::step_over, 0, [&] { walk.plain.set_word(0, {0, ++turn % 2, SlotState::empty}); });
  walk.walk();
  CHECK(walk.reader->head(0) == 0);
  CHECK(rival.seen() == 4);
}

TEST_CASE("lanes are walked in turns, so that a flooded one leaves the others their share") {
  PlainRing plain({.slots = 16, .lanes = 3});
  FakeHost host;
  Reader<CollectorMemory> reader(plain.ring, Pace{9, 2, 0});
  for (u32 lane : {0u, 1u, 2u}) plain.set_tail(lane == 2 ? 1 : 16, lane);
  reader.look_over();
  reader.begin_pass();
  reader.read_entries(host);
  reader.read_tails();
  reader.walk(9);
  CHECK(reader.head(0) == 4);
  CHECK(reader.head(1) == 4);
  CHECK(reader.head(2) == 1);
}

TEST_CASE("a pass that ends before every lane had its turn is followed by one that goes on there") {
  PlainRing plain({.slots = 16, .lanes = 3});
  FakeHost host;
  Reader<CollectorMemory> reader(plain.ring, Pace{4, 2, 0});
  reader.look_over();
  for (const std::vector<u64>& heads : {std::vector<u64>{2, 2, 0}, {4, 2, 2}, {4, 4, 4}}) {
    for (u32 lane : {0u, 1u, 2u}) plain.set_tail(reader.head(lane) + 16, lane);
    reader.begin_pass();
    reader.read_tails();
    reader.walk(4);
    for (u32 lane : {0u, 1u, 2u}) CHECK(reader.head(lane) == heads[lane]);
  }
}

TEST_CASE("a tail that was read earlier is a lower bound: what is READY beyond it is taken all the same") {
  Walk walk({.slots = 4}, 0, 0);
  for (u64 sequence : {1, 2, 3}) {
    walk.writer.sequence = sequence, walk.writer.position = sequence - 1;
    walk.writer.publish();
  }
  walk.writer.finish();
  walk.walk();
  CHECK(walk.reader->taken().size() == 3);
  CHECK(walk.reader->head(0) == 3);
}

TEST_CASE("between two readings of the entries the tail is read only after the walk has waited a while") {
  Bench bench({.slots = 4});
  bench.start();
  bench.pass();
  CollectorMemory::Hook tail(At::tail_seen, 0, [] {});
  bench.host.step = 0;
  bench.host.time += collect::tail_patience_ns - 1;
  bench.pass(false);
  CHECK(tail.seen() == 0);
  ++bench.host.time;
  bench.pass(false);
  CHECK(tail.seen() == 1);
  bench.pass(true);
  CHECK(tail.seen() == 2);
}
