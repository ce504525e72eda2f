// Half a lane: what a collector that cannot go on leaves to producers that overwrite. Of 64 slots, the smallest lane.
#include "tests/support/collector_bench.hpp"
#include "tests/support/writer.hpp"

using namespace plain;

namespace {

constexpr u32 slots = 64, room = 64;  // payload bytes of a slot of 128
constexpr Shape small{
    .slots = slots, .lanes = 2, .producers = 4, .flags = with_tripwire, .max_record = 16 * room, .on_full = OnFull::overwrite};

u32 reading_of(const PlainRing& plain, u32 lane) {
  u32 sum = 0;
  for (u32 index = 0; index < slots; ++index) sum += plain.word(index, lane).state == SlotState::reading ? 1 : 0;
  return sum;
}

std::string bytes_of(u64 sequence, u32 chunks) { return std::string(chunks * room, static_cast<char>('a' + sequence % 26)); }

// One producer, and a collector of which nothing gets into the log, or that dies.
struct Half {
  explicit Half(u32 kind = SHMRING_LANE_SHARED) : bench(small) {
    attach(p, bench.plain, 0, kind);
    bench.start();
  }
  u32 reading() const { return reading_of(bench.plain, p.lane()); }
  void write_laps(u32 laps, u32 chunks = 1) {
    for (u32 i = 0; i < laps * slots / chunks; ++i) CHECK(write(p, bytes_of(p.sequence() + 1, chunks)) == 0);
  }
  // The collector dies in a pass, once its walk has ended and before a line is stored.
  void die_with_what_was_taken() {
    bench.log.lives_for = 0;
    bench.crashes_in_a_pass();
  }
  // Each attempt is in the log once (the log says so), the closing line has the sum, and nothing is left.
  void expect_all_accounted(u64 lost) {
    for (int i = 0; i < 40; ++i) bench.pass();
    p.detach();
    bench.drain();
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
    const std::string last = std::to_string(p.sequence());
    CHECK(bench.log.lines.back() == "detach 1 last " + last + (lost > 0 ? " overwritten=" + std::to_string(lost) : ""));
    CHECK(bench.log.payloads.size() == p.sequence() - lost);
    for (u32 index = 0; index < slots; ++index) CHECK(bench.plain.word(index, p.lane()).state == SlotState::empty);
  }

  Bench bench;
  Writer p;
};

}  // namespace

TEST_CASE("a collector whose log cannot be written leaves half a lane to those who overwrite, however long") {
  for (const u32 kind : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Half it(kind);
    it.write_laps(1);
    it.bench.log.full = true;
    CHECK_FALSE(it.bench.collector->pass(true));
    CHECK(it.reading() == slots / 2);
    it.write_laps(5);
    CHECK(it.reading() == slots / 2);
    it.bench.log.full = false;
    it.bench.start();
    const u64 kept = slots;  // what was taken, and what is READY
    it.expect_all_accounted(it.p.sequence() - kept);
  }
}

TEST_CASE("so does one that dies with what it has taken, and its successors, which count what was left READING") {
  for (const u32 kind : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE}) {
    Half it(kind);
    it.write_laps(1);
    for (int life = 0; life < 3; ++life) {
      it.die_with_what_was_taken();
      CHECK(it.reading() == slots / 2);
      it.write_laps(2);
      CHECK(it.reading() == slots / 2);
      it.bench.start(life == 1 ? one_slot : whole_ring);
    }
    it.expect_all_accounted(it.p.sequence() - slots);
  }
}

TEST_CASE("a walk of few slots a pass comes to the same half") {
  Half it;
  it.bench.start(Pace{10, 10, 0});
  it.write_laps(1);
  for (int life = 0; life < 6; ++life) {
    it.die_with_what_was_taken();
    CHECK(it.reading() == 10);  // the same ten: they are taken up again
    it.bench.start(Pace{10, 10, 0});
  }
  it.write_laps(3);
  it.expect_all_accounted(it.p.sequence() - slots);
}

TEST_CASE("what a predecessor left READING beyond half a lane is taken up and logged first") {
  for (const u32 left : {slots, slots - 1, slots / 2 + 1}) {
    CAPTURE(left);
    Half it;
    it.write_laps(1);
    for (u32 index = slots - left; index < slots; ++index) it.bench.plain.set_word(index, reading(0, 1));
    it.bench.start();
    it.expect_all_accounted(0);
  }
}

TEST_CASE("chunks of a record that is not whole count, and a lane that has nothing else gets on without a loss") {
  // Four producers whose records of sixteen slots lie between each other: none is whole before the lane's last four slots.
  Bench bench(small);
  Hand hands[]{Hand{bench.plain, 0}, Hand{bench.plain, 1}, Hand{bench.plain, 2}, Hand{bench.plain, 3}};
  for (Hand& hand : hands) hand.attach(), hand.begin();
  bench.start();
  for (u32 chunk = 0; chunk < 16; ++chunk) {
    for (Hand& hand : hands) {
      hand.look_at_tail();
      hand.claim(), hand.move_tail();
      hand.fill(bytes_of(hand.index, 1));
      RecordHeader& header = hand.slot().header;
      header.chunk = static_cast<u16>(chunk), header.chunks = 16;
      header.hash = hash_of(bench.plain.ring, hand.slot());
      shmring::ring::publish<Memory>(hand.slot(), 0, hand.index + 1);
    }
  }
  for (Hand& hand : hands) hand.finish();
  u32 most = 0;  // READING, before one more is
  {
    CollectorMemory::Hook counts(At::take, 0, [&] { most = std::max(most, reading_of(bench.plain, 0)); });
    for (int i = 0; i < 40; ++i) bench.pass();
  }
  CHECK(most == slots / 2 - 1);
  CHECK(bench.log.payloads.size() == 4);
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  CHECK(bench.collector->is_idle());
}

TEST_CASE("large records are overwritten whole, too, while the log cannot be written or its collector is dead") {
  for (const u32 chunks : {2u, 3u, 16u}) {
    CAPTURE(chunks);
    Half it;
    it.write_laps(1, chunks);
    for (int life = 0; life < 2; ++life) {
      it.die_with_what_was_taken();
      CHECK(it.reading() <= slots / 2);
      it.write_laps(3, chunks);
      it.bench.start();
    }
    for (int i = 0; i < 40; ++i) it.bench.pass();
    it.p.detach();
    it.bench.drain();
    CHECK_MESSAGE(it.bench.log.broken == "", it.bench.log.broken);
    CHECK(it.bench.log.lines.back().rfind("detach 1 last " + std::to_string(it.p.sequence()), 0) == 0);
    for (const std::string& payload : it.bench.log.payloads) {
      CHECK(payload.size() == chunks * room);
      CHECK(payload.find_first_not_of(payload[0]) == std::string::npos);
    }
    CHECK(it.reading() == 0);
  }
}
