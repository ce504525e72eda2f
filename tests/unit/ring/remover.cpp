// ring/remover.hpp: what keeps a ring, and who attaches as it is retired. Orders of memory: tests/explore.
#include "lib/ring/remover.hpp"

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

const auto nobody_died = [](u32, u64) { return false; };
const auto all_died = [](u32, u64) { return true; };

u32 state(const PlainRing& plain) { return plain.ring.header->state; }
constexpr u32 is_open = static_cast<u32>(SegmentState::open), is_gone = static_cast<u32>(SegmentState::retired);

struct Attached {
  explicit Attached(PlainRing& plain, u32 pid = 1) {
    REQUIRE(producer.attach(plain.ring, owner(pid), identity("app"), SHMRING_LANE_AUTO) == 0);
  }
  Producer<ProducerMemory> producer;
};

}  // namespace

TEST_CASE("a ring that nobody needs stays retired: with no producer, or with producers that have left or died and are logged") {
  Bench bench;
  PlainRing& plain = bench.plain;
  CHECK_FALSE(retire_unless_needed<Memory>(plain.ring, true, nobody_died));
  CHECK(state(plain) == is_gone);
  CHECK(reopen<Memory>(*plain.ring.header));
  CHECK(state(plain) == is_open);
  CHECK_FALSE(reopen<Memory>(*plain.ring.header));
  Attached left(plain, 1), dead(plain, 2);
  REQUIRE(left.producer.write(nullptr, "x", 1) == 0);
  left.producer.detach();
  set_logged<Memory>(plain.entry(0), 1, 0);
  CHECK_FALSE(retire_unless_needed<Memory>(plain.ring, true, all_died));
  CHECK(state(plain) == is_gone);
}

TEST_CASE("who attaches right before the ring is retired keeps it open") {
  Bench bench;
  PlainRing& plain = bench.plain;
  std::optional<Attached> late;
  ProducerMemory::Hook attaches(At::segment_retire, 1, [&] { late.emplace(plain, 7); });
  const Need need = retire_unless_needed<ProducerMemory>(plain.ring, true, nobody_died);
  CHECK(need.what == Need::What::producer);
  CHECK(need.owner.pid == 7);
  CHECK(state(plain) == is_open);
  CHECK(late->producer.write(nullptr, "x", 1) == 0);
}

TEST_CASE("who attaches, writes and leaves right before the ring is retired keeps it open, unless records may be lost") {
  for (const bool records : {true, false}) {
    Bench bench;
    PlainRing& plain = bench.plain;
    ProducerMemory::Hook passes_by(At::segment_retire, 1, [&] {
      Attached late(plain);
      CHECK(late.producer.write(nullptr, "x", 1) == 0);
      CHECK(late.producer.write(nullptr, "y", 1) == 0);
      late.producer.detach();
    });
    const Need need = retire_unless_needed<ProducerMemory>(plain.ring, records, nobody_died);
    CHECK(need.what == (records ? Need::What::records : Need::What::nothing));
    CHECK(need.unlogged == (records ? 2 : 0));
    CHECK(state(plain) == (records ? is_open : is_gone));
  }
}

TEST_CASE("what a process has written that died since keeps the ring open") {
  Bench bench;
  Attached dead(bench.plain);
  REQUIRE(dead.producer.write(nullptr, "x", 1) == 0);
  CHECK(retire_unless_needed<Memory>(bench.plain.ring, true, all_died).what == Need::What::records);
  CHECK(state(bench.plain) == is_open);
}

TEST_CASE("who claims an entry of a ring that was retired meanwhile leaves it; the collector frees it without a line") {
  Bench bench;
  PlainRing& plain = bench.plain;
  ProducerMemory::Hook retires(At::owner_claim, 1,
                               [&] { CHECK_FALSE(retire_unless_needed<Memory>(plain.ring, true, nobody_died)); });
  Producer<ProducerMemory> producer;
  CHECK(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_AUTO) == -ESTALE);
  CHECK(plain.state(0) == OwnerState::left);
  CHECK(plain.entry(0).incarnation == 0);
  CHECK_FALSE(look_for_need<Memory>(plain.ring, true, nobody_died));
  REQUIRE(reopen<Memory>(*plain.ring.header));
  CHECK(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_AUTO) == 0);
  producer.detach();
  bench.start();
  bench.drain();
  CHECK(plain.state(0) == OwnerState::free);
  bench.expect({"attach 1", "detach 1 last 0"});
}

TEST_CASE("who has claimed an entry and is stopped keeps the ring, and attaches when it goes on") {
  Bench bench;
  PlainRing& plain = bench.plain;
  ProducerMemory::Hook retires(At::segment_again, 1, [&] {
    CHECK(retire_unless_needed<Memory>(plain.ring, true, nobody_died).what == Need::What::producer);
  });
  Attached attached(plain);
  CHECK(state(plain) == is_open);
  CHECK(attached.producer.write(nullptr, "x", 1) == 0);
}
