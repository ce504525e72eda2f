// Claims on an exclusive lane, its owner word, and how it goes from one producer to the next.
#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {
constexpr u32 me = 2, other = 3;
constexpr u64 last_lap = Word::lap_mask;
}  // namespace

TEST_CASE("an EMPTY slot of an exclusive lane is claimed for this lap, and the tail shows it") {
  for (u32 slots : {1u, 2u, 8u}) {
    for (u64 lap : {u64{1}, u64{65536}, last_lap}) {
      PlainRing plain({.slots = slots, .lanes = 2});
      for (u64 seen : {lap, lap - 1, u64{0}}) {
        u64 tail = plain.ring.position(lap, slots - 1);
        plain.begin_at(tail, 1);
        plain.set_word(slots - 1, empty(seen), 1);
        const Claim claim = claim_exclusive<Memory>(plain.ring, 1, me, false, tail);
        CHECK(claim.result == Claimed::yes);
        CHECK(claim.position == plain.ring.position(lap, slots - 1));
        CHECK(plain.word(slots - 1, 1) == writing(lap, me));
        CHECK(tail == claim.position + 1);
        CHECK(plain.tail(1) == tail);
      }
    }
  }
}

TEST_CASE("the slot of an exclusive lane says WRITING before the tail shows it") {
  PlainRing plain({.lanes = 2});
  u64 tail = 0;
  Word seen{};
  ProducerMemory::Hook hook(At::tail_own, 1, [&] { seen = plain.word(0, 1); });
  REQUIRE(claim_exclusive<ProducerMemory>(plain.ring, 1, me, false, tail).result == Claimed::yes);
  CHECK(seen == writing(0, me));
}

TEST_CASE("a slot of this or a later lap on an exclusive lane is stepped over, and the tail shows it") {
  PlainRing plain({.slots = 4, .lanes = 2});
  for (const Word& word :
       {empty(6), ready(5, other), writing(5, other), reading(5, other), Word{5, 9, static_cast<SlotState>(4)}}) {
    CAPTURE(word);
    plain.begin_at(20, 1);
    plain.set_word(0, word, 1);
    u64 tail = 20;
    CHECK(claim_exclusive<Memory>(plain.ring, 1, me, false, tail).position == 21);
    CHECK(plain.word(0, 1) == word);
    CHECK(plain.tail(1) == 22);
  }
}

TEST_CASE("an exclusive lane is full where the collector has not passed an earlier lap's slot") {
  PlainRing plain({.slots = 4, .lanes = 2});
  for (const Word& word : {ready(4, me), writing(4, other), reading(4, me)}) {
    plain.begin_at(20, 1);
    plain.set_word(0, word, 1), plain.set_head(16, 1);
    const std::string before = plain.bytes();
    u64 tail = 20;
    CHECK(claim_exclusive<Memory>(plain.ring, 1, me, false, tail).result == Claimed::full);
    CHECK(tail == 20);
    CHECK(plain.bytes() == before);
    plain.set_head(17, 1);
    CHECK(claim_exclusive<Memory>(plain.ring, 1, me, false, tail).position == 21);
  }
}

TEST_CASE("a slot of an exclusive lane that is released while the head is looked at is claimed, not stepped over") {
  PlainRing plain({.slots = 2, .lanes = 2});
  plain.begin_at(2, 1);
  plain.set_word(0, reading(0, me), 1), plain.set_head(0, 1);
  ProducerMemory::Hook release(At::head_seen, 1, [&] { plain.set_word(0, empty(1), 1), plain.set_head(2, 1); });
  u64 tail = 2;
  CHECK(claim_exclusive<ProducerMemory>(plain.ring, 1, me, false, tail).position == 2);
  CHECK(plain.word(0, 1) == writing(1, me));
}

TEST_CASE("an exclusive lane of which nothing can be claimed is tried a bounded number of times") {
  PlainRing plain({.slots = 2, .lanes = 2});
  plain.set_word(0, empty(last_lap), 1), plain.set_word(1, empty(last_lap), 1);
  u64 tail = 0;
  CHECK(claim_exclusive<Memory>(plain.ring, 1, me, false, tail).result == Claimed::contended);
  CHECK(tail == most_attempts(plain.ring));
}

TEST_CASE("a lane is taken only when its owner word is 0, and freed only by the owner that it names") {
  PlainRing plain({.lanes = 2});
  Lane& lane = plain.ring.lanes[1];
  CHECK(lane_take<Memory>(lane, me));
  CHECK_FALSE(lane_take<Memory>(lane, other));
  CHECK(lane_owner<Memory>(lane) == me);
  lane_free<Memory>(lane, other);
  CHECK(lane_owner<Memory>(lane) == me);
  lane_free<Memory>(lane, me);
  CHECK(lane_owner<Memory>(lane) == 0);
  CHECK(lane_take<Memory>(lane, other));
}

TEST_CASE("an exclusive lane changes hands and goes on at its position") {
  Bench bench({.slots = 4, .lanes = 2});
  Producer<Memory> first;
  REQUIRE(first.attach(bench.plain.ring, owner(1), identity("first"), SHMRING_LANE_AUTO) == 0);
  REQUIRE(first.lane() == 1);
  for (int i = 0; i < 3; ++i) CHECK(first.write(nullptr, "a", 1) == 0);
  first.detach();
  bench.start();
  bench.drain();
  CHECK(bench.plain.lane_owner(1) == 0);
  Producer<Memory> second;
  REQUIRE(second.attach(bench.plain.ring, owner(2), identity("second"), SHMRING_LANE_EXCLUSIVE) == 0);
  CHECK(second.lane() == 1);
  for (int i = 0; i < 2; ++i) CHECK(second.write(nullptr, "b", 1) == 0);
  CHECK(bench.plain.word(3, 1) == ready(0, 1));
  CHECK(bench.plain.word(0, 1) == ready(1, 1));
  second.detach();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2", "event 1.3", "detach 1 last 3", "attach 2", "event 2.1", "event 2.2",
                "detach 2 last 2"});
}

TEST_CASE("a lane whose owner died between its claim and its tail is used on by the next owner") {
  Bench bench({.slots = 2, .lanes = 2});
  Hand dead(bench.plain, 0, 1);
  dead.attach().begin();
  dead.look_at_tail();
  dead.claim();
  bench.kill(1);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "loss 1.1-1 died=1", "died 1 last 1 died=1"});
  CHECK(bench.plain.word(0, 1) == empty(1));
  Producer<Memory> heir;
  REQUIRE(heir.attach(bench.plain.ring, owner(2), identity("heir"), SHMRING_LANE_EXCLUSIVE) == 0);
  CHECK(heir.write(nullptr, "x", 1) == 0);
  CHECK(bench.plain.word(1, 1) == ready(0, 1));
  bench.log.lines.clear();
  bench.drain();
  bench.expect({"attach 2", "event 2.1"});
}
