// Claims on the shared lane: each row of the protocol once, on lanes of one, two and more slots, early and late laps.
#include <array>

#include "tests/support/hooked_memory.hpp"
#include "tests/support/plain_ring.hpp"

using namespace plain;

namespace {

constexpr u32 me = 2, other = 3;
constexpr u64 last_lap = Word::lap_mask;

// Of slots and laps: the edges of both.
template <class Test>
void on_each_shape(const Test& test) {
  for (u32 slots : {1u, 2u, 8u}) {
    for (u64 lap : {u64{1}, u64{2}, u64{65535}, u64{65536}, last_lap >> 3, last_lap}) {
      CAPTURE(slots);
      CAPTURE(lap);
      PlainRing plain({.slots = slots});
      for (u32 index : {0u, slots - 1}) {
        const u64 position = plain.ring.position(lap, index);
        plain.begin_at(position);
        test(plain, lap, index, position);
      }
    }
  }
}

Claim claim_here(PlainRing& plain) { return claim_shared<Memory>(plain.ring, 0, me, false); }

}  // namespace

TEST_CASE("an EMPTY slot of this lap is claimed, and the tail moves past it") {
  on_each_shape([](PlainRing& plain, u64 lap, u32 index, u64 position) {
    const Claim claim = claim_here(plain);
    CHECK(claim.result == Claimed::yes);
    CHECK(claim.position == position);
    CHECK(plain.word(index) == writing(lap, me));
    CHECK(plain.tail() == position + 1);
  });
}

TEST_CASE("an EMPTY slot of an earlier lap is claimed for this lap") {
  on_each_shape([](PlainRing& plain, u64 lap, u32 index, u64 position) {
    for (u64 earlier : {lap - 1, u64{0}}) {
      plain.begin_at(position);
      plain.set_word(index, empty(earlier));
      CHECK(claim_here(plain).result == Claimed::yes);
      CHECK(plain.word(index) == writing(lap, me));
    }
  });
}

TEST_CASE("a claim changes the slot's word and the tail, and nothing else") {
  PlainRing plain({.slots = 4, .lanes = 2});
  std::string expected = plain.bytes();
  REQUIRE(claim_here(plain).result == Claimed::yes);
  CHECK(plain.bytes() != expected);
  plain.set_word(0, empty(0));
  plain.set_tail(0);
  CHECK(plain.bytes() == expected);
}

TEST_CASE("a position that somebody has is stepped over by helping the tail on") {
  PlainRing plain({.slots = 4});
  const std::array taken{writing(5, other), ready(5, other), reading(5, other), Word{5, other, static_cast<SlotState>(6)}};
  for (const Word& word : taken) {
    CAPTURE(word);
    plain.begin_at(5 * 4 + 1);
    plain.set_word(1, word);
    const Claim claim = claim_here(plain);
    CHECK(claim.result == Claimed::yes);
    CHECK(claim.position == 5 * 4 + 2);
    CHECK(plain.word(1) == word);
    CHECK(plain.word(2) == writing(5, me));
    CHECK(plain.tail() == 5 * 4 + 3);
  }
}

TEST_CASE("a slot of a later lap is not claimed for an earlier one, EMPTY or not") {
  PlainRing plain({.slots = 4});
  for (const Word& word : {empty(6), writing(6, other), ready(6, other), reading(7, other), empty(last_lap)}) {
    CAPTURE(word);
    plain.begin_at(5 * 4 + 1);
    plain.set_word(1, word);
    CHECK(claim_here(plain).position == 5 * 4 + 2);
    CHECK(plain.word(1) == word);
  }
}

TEST_CASE("a slot of an earlier lap that the collector has not passed is a full ring, and nothing is touched") {
  on_each_shape([](PlainRing& plain, u64 lap, u32 index, u64 position) {
    const u64 slots = plain.ring.geometry.slots;
    for (const Word& word : {writing(lap - 1, other), ready(lap - 1, other), reading(lap - 1, other)}) {
      CAPTURE(word);
      plain.set_word(index, word);
      plain.set_tail(position);
      plain.set_head(position - slots);  // the collector waits for this very slot
      const std::string before = plain.bytes();
      CHECK(claim_here(plain).result == Claimed::full);
      CHECK(plain.bytes() == before);
    }
  });
}

TEST_CASE("a slot of an earlier lap that the collector has passed is stepped over") {
  for (u32 slots : {2u, 4u}) {
    PlainRing plain({.slots = slots});
    for (const Word& word : {writing(6, other), ready(6, other), reading(6, other)}) {
      CAPTURE(word);
      plain.begin_at(7 * slots);
      plain.set_word(0, word);
      plain.set_head(6 * slots + 1);  // just past it
      const Claim claim = claim_here(plain);
      CHECK(claim.result == Claimed::yes);
      CHECK(claim.position == 7 * slots + 1);
      CHECK(plain.word(0) == word);
      CHECK(plain.tail() == 7 * slots + 2);
    }
  }
}

TEST_CASE("a lane of one slot that a stopped writer holds is stepped over as far as the collector is past it, then full") {
  PlainRing plain({.slots = 1});
  plain.begin_at(7);
  plain.set_word(0, writing(6, other));
  CHECK(claim_here(plain).result == Claimed::full);
  CHECK(plain.tail() == 8);
  CHECK(plain.word(0) == writing(6, other));
}

TEST_CASE("a slot that is released while the head is looked at is claimed, not stepped over") {
  PlainRing plain({.slots = 2});
  plain.begin_at(2);
  plain.set_word(0, reading(0, other)), plain.set_head(0);
  ProducerMemory::Hook release(At::head_seen, 1, [&] { plain.set_word(0, empty(1)), plain.set_head(2); });
  CHECK(claim_shared<ProducerMemory>(plain.ring, 0, me, false).position == 2);
  CHECK(plain.word(0) == writing(1, me));
}

TEST_CASE("who loses the race for a slot starts over, and does not overwrite its winner") {
  PlainRing plain({.slots = 4});
  ProducerMemory::Hook rival(At::claim, 1, [&] { plain.set_word(0, writing(0, other)); });
  const Claim claim = claim_shared<ProducerMemory>(plain.ring, 0, me, false);
  CHECK(claim.position == 1);
  CHECK(plain.word(0) == writing(0, other));
  CHECK(plain.word(1) == writing(0, me));
  CHECK(plain.tail() == 2);
}

TEST_CASE("a tail that others have moved meanwhile is left alone") {
  PlainRing plain({.slots = 4});
  ProducerMemory::Hook helper(At::tail_help, 1, [&] { plain.set_tail(3); });
  CHECK(claim_shared<ProducerMemory>(plain.ring, 0, me, false).position == 0);
  CHECK(plain.tail() == 3);
}

TEST_CASE("a tail that lies behind is only a hint: claims go on behind all that was claimed") {
  PlainRing plain({.slots = 4});
  plain.set_word(0, ready(0, other)), plain.set_word(1, writing(0, other));
  CHECK(claim_here(plain).position == 2);
  CHECK(plain.tail() == 3);
}

TEST_CASE("a producer with an old tail finds every slot of a later lap and claims nothing behind the head") {
  PlainRing plain({.slots = 2});
  // It loads the tail of lap 0; until it looks at the slot, a whole lap goes by.
  ProducerMemory::Hook lap(At::look, 1, [&] {
    plain.set_word(0, empty(1)), plain.set_word(1, empty(1));
    plain.set_tail(2), plain.set_head(2);
  });
  CHECK(claim_shared<ProducerMemory>(plain.ring, 0, me, false).position == 2);
  CHECK(plain.word(0) == writing(1, me));
}

TEST_CASE("a claim that loses every race gives up after its bound of attempts") {
  PlainRing plain;
  u32 turn = 0;
  ProducerMemory::Hook rival(At::claim, 0, [&] { plain.set_word(0, {0, ++turn & 1, SlotState::empty}); });
  CHECK(claim_shared<ProducerMemory>(plain.ring, 0, me, false).result == Claimed::contended);
  CHECK(rival.seen() == most_attempts(plain.ring));
  CHECK(plain.tail() == 0);
}

TEST_CASE("the ring counts laps over the edge of each field of a position") {
  PlainRing plain({.slots = 8});
  for (u64 position : {u64{7}, (u64{1} << 16) - 1, (u64{1} << 32) - 1, (u64{1} << 51) - 1}) {
    CHECK(plain.ring.position(plain.ring.lap(position), plain.ring.index(position)) == position);
    plain.begin_at(position);
    CHECK(claim_here(plain).position == position);
    CHECK(plain.word(7) == writing(position / 8, me));
    if (position / 8 == last_lap) continue;
    CHECK(claim_here(plain).position == position + 1);
    CHECK(plain.word(0) == writing(position / 8 + 1, me));
  }
}

TEST_CASE("any 64 bits are a word, and come back as they were") {
  for (u64 bits : {u64{0}, ~u64{0}, u64{0x123456789abcdef7}, u64{7}, u64{1} << 16, u64{0xfff8}})
    CHECK(Word::of(bits).bits() == bits);
  CHECK(Word::of(0x0000000000050012) == ready(5, 2));
}
