// Values that no correct process writes: each is an incident or a loss, costs what it stands for, never stops the ring.
#include <algorithm>
#include <random>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

bool has(const Bench& bench, const std::string& line) {
  return std::count(bench.log.lines.begin(), bench.log.lines.end(), line) > 0;
}

// The first of two records is damaged. The second must come through, and after it all of another producer's, lap
// after lap.
struct Damaged : Bench {
  explicit Damaged(Shape shape = {.slots = 4}) : Bench(shape) {
    p.attach().write();
    p.write();
  }
  void run() {
    start();
    drain();
    CHECK_MESSAGE(log.broken == "", log.broken);
    CHECK(has(*this, "event 1.2"));
    Producer<Memory> other;
    REQUIRE(other.attach(plain.ring, owner(2), identity("other"), SHMRING_LANE_SHARED) == 0);
    for (int i = 0; i < 16; ++i) {
      CHECK(other.write(nullptr, "x", 1) == 0);
      drain();
    }
    CHECK(has(*this, "event 2.16"));
  }
  RecordHeader& bad() { return plain.slot(0).header; }
  Hand p{plain, 0};
};

// The slot's length grows right behind the first look at it.
struct Growing : HardwareMemory {
  static inline RecordHeader* victim = nullptr;
  static inline std::size_t most = 0;
  static void copy(At at, void* to, const void* from, std::size_t bytes) {
    if (at == At::copy_out) most = std::max(most, bytes);
    HardwareMemory::copy(at, to, from, std::min<std::size_t>(bytes, 64));
    if (at == At::copy_out) victim->length = 65535;
  }
};

void use(Producer<Memory>& producer) {
  for (int i = 0; i < 4; ++i) producer.write(nullptr, "x", 1);
}

}  // namespace

TEST_CASE("a record of owner 0, of an owner beyond the table, or of a free entry is an incident, and is released") {
  for (u32 owner : {0u, 3u, 4u, 8191u}) {
    CAPTURE(owner);
    Damaged it;
    it.plain.set_word(0, ready(0, owner));
    it.run();
    CHECK(has(it, "incident record of an unknown producer"));
    CHECK(has(it, "loss 1.1-1 corrupt=1"));
  }
}

TEST_CASE("a length beyond the slot is a corrupt record: not a byte behind the slot is read") {
  for (u16 length : {u16{65}, u16{128}, u16{65535}}) {
    Damaged it;
    it.bad().length = length;
    it.run();
    CHECK(has(it, "incident corrupt record"));
    CHECK(has(it, "loss 1.1-1 corrupt=1"));
    CHECK(it.log.payloads[0] == "record 2");
  }
}

TEST_CASE("a length that grows while its record is copied is not believed: it is read once") {
  PlainRing plain({.slots = 4});
  Hand p{plain, 0};
  p.attach().write();
  Growing::victim = &plain.slot(0).header;
  Reader<Growing> reader(plain.ring, whole_ring);
  reader.begin_pass();
  reader.walk(4);
  REQUIRE(reader.taken().size() == 1);
  CHECK(reader.taken()[0].payload.size() == 8);
  CHECK(Growing::most == sizeof(RecordHeader));
}

TEST_CASE("a sequence of 0 or above the last attempt, a kind that is none, chunks that cannot be, are a corrupt record") {
  for (int damage = 0; damage < 6; ++damage) {
    CAPTURE(damage);
    Damaged it;
    if (damage == 0) it.bad().sequence = 0;
    if (damage == 1) it.bad().sequence = 3;
    if (damage == 2) it.bad().sequence = ~u64{0};
    if (damage == 3) it.bad().kind = SHMRING_KIND_BYTES + 1;
    if (damage == 4) it.bad().chunk = 1;                             // of 1
    if (damage == 5) it.bad().chunks = 65535, it.bad().length = 64;  // more than max_record
    it.run();
    CHECK(has(it, "incident corrupt record"));
    CHECK(has(it, "loss 1.1-1 corrupt=1"));
  }
}

TEST_CASE("a state that means nothing costs its slot, never the ring") {
  for (unsigned state : {4u, 5u, 6u, 7u}) {
    for (u32 owner : {0u, 1u, 8191u}) {
      CAPTURE(state);
      CAPTURE(owner);
      Damaged it;
      it.plain.set_word(0, {0, owner, static_cast<SlotState>(state)});
      it.run();
      CHECK(it.collector->reader().stalled() == 1);
      CHECK(has(it, "loss 1.1-1 corrupt=1"));
    }
  }
}

TEST_CASE("a state that means nothing, or a stalled slot of an owner beyond the table, is reported in each pass") {
  for (const Word& word : {Word{0, 1, static_cast<SlotState>(5)}, writing(0, 4)}) {
    Damaged it;
    CHECK(it.plain.ring.geometry.producers == 3);
    it.start();
    it.pass();
    CHECK(it.collector->reader().scribbled() == 0);
    it.plain.set_word(0, word);
    it.plain.set_head(1);
    it.start();
    for (int i = 0; i < 2; ++i) {
      it.pass();
      CHECK(it.collector->reader().scribbled() == 1);
    }
  }
}

TEST_CASE("a slot whose state means nothing does not hold the account open of the owner that it names") {
  Damaged it;
  it.plain.set_word(0, {0, 1, static_cast<SlotState>(5)});
  it.start();
  it.p.detach();
  it.drain();
  CHECK(it.plain.entry(0).owner == 0);
}

TEST_CASE("a WRITING slot of nobody, or of a stranger, costs its slot, never the ring") {
  for (u32 owner : {0u, 3u, 8191u}) {
    Damaged it;
    it.plain.set_word(0, writing(0, owner));
    it.run();
    CHECK(it.collector->reader().stalled() == 1);
  }
}

TEST_CASE("a slot of a lap far ahead is passed, and the ring goes on without it") {
  for (SlotState state : {SlotState::empty, SlotState::ready, SlotState::writing, SlotState::reading}) {
    Damaged it;
    it.plain.set_word(0, {1'000'000, 1, state});
    it.run();
    CHECK(has(it, "loss 1.1-1 corrupt=1"));
  }
}

TEST_CASE("a tail far above the head is a repair: what lies in the lane is taken, and the ring goes on") {
  for (u64 tail : {u64{13}, u64{1} << 20, u64{1} << 48, u64{1} << 62}) {
    CAPTURE(tail);
    Bench bench({.slots = 4, .flags = with_tripwire});
    Producer<Memory> producer;
    REQUIRE(producer.attach(bench.plain.ring, owner(1), identity("p"), SHMRING_LANE_SHARED) == 0);
    use(producer);
    bench.plain.set_tail(tail);
    bench.start();
    bench.drain();
    CHECK(bench.collector->reader().repairs() == 1);
    for (int i = 0; i < 3; ++i) use(producer), bench.drain();
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
    CHECK(bench.log.payloads.size() == 16);
  }
}

TEST_CASE("a tail brought back below the head is helped up again") {
  Damaged it;
  it.start();
  it.drain();
  it.plain.set_tail(0);
  Producer<Memory> other;
  REQUIRE(other.attach(it.plain.ring, owner(2), identity("other"), SHMRING_LANE_SHARED) == 0);
  CHECK(other.write(nullptr, "x", 1) == 0);
  it.drain();
  CHECK(it.plain.tail() == 3);
  CHECK(has(it, "event 2.1"));
}

TEST_CASE("an incarnation or lane that cannot be refuses the entry: no line, records are incidents, freed at its end") {
  for (int damage = 0; damage < 5; ++damage) {
    CAPTURE(damage);
    Bench bench({.slots = 4, .lanes = 2});
    Hand good(bench.plain, 0), bad(bench.plain, 1);
    good.attach();
    bad.attach().write();
    Entry& entry = bench.plain.entry(1);
    if (damage == 0) entry.incarnation = 0;
    if (damage == 1) entry.incarnation = good.incarnation;
    if (damage == 2) entry.incarnation = u64{1} << 53;
    if (damage == 3) entry.incarnation = PlainRing::base;
    if (damage == 4) entry.lane = 2;
    bench.start();
    good.write();
    bench.drain();
    CHECK(bench.collector->reader().refused_entries() == 1);
    bench.expect({"attach 1", "incident record of an unknown producer", "event 1.1"});
    bench.kill(2);
    bench.drain();
    CHECK(bench.plain.entry(1).owner == 0);
    CHECK(bench.log.lines.size() == 3);
  }
}

TEST_CASE("an entry that names a lane of another living producer is refused") {
  Bench bench({.slots = 4, .lanes = 2});
  Hand good(bench.plain, 0, 1), bad(bench.plain, 1);
  good.attach();
  bad.attach();
  bench.plain.entry(1).lane = 1;
  bench.start();
  bench.drain();
  bench.expect({"attach 1"});
  CHECK(bench.collector->reader().refused_entries() == 1);
}

TEST_CASE("a refused entry stays refused in passes that do not read the entries") {
  Bench bench;
  Hand bad(bench.plain, 0);
  bad.attach();
  bench.plain.entry(0).lane = 7;
  bench.start();
  for (bool entries_due : {true, false, false, true, false}) {
    bench.pass(entries_due);
    CHECK(bench.collector->reader().refused_entries() == 1);
  }
}

namespace {
void wipe(Entry& entry) { entry.owner = 0, entry.incarnation = 0, entry.lane = 0; }
}  // namespace

TEST_CASE("an entry that was refused, then wiped: its next owner is looked at afresh, the last one's end is not waited for") {
  Bench bench({.slots = 8});
  Hand refused(bench.plain, 0), next(bench.plain, 0);
  refused.attach();
  bench.plain.entry(0).lane = 7;
  bench.start();
  bench.drain();
  CHECK(bench.collector->reader().refused_entries() == 1);
  wipe(bench.plain.entry(0));
  const std::size_t forgotten = bench.host.forgotten.size();
  bench.drain();
  CHECK(bench.host.forgotten.size() > forgotten);
  next.attach().write();
  bench.drain();
  CHECK(bench.collector->reader().refused_entries() == 0);
  bench.expect({"attach 2", "event 2.1"});
}

TEST_CASE("an entry that was refused by a record alone, and wiped before it was read: its next owner is looked at afresh") {
  Bench bench({.slots = 8});
  Hand refused(bench.plain, 0), next(bench.plain, 0);
  bench.start();
  refused.attach().write();
  bench.plain.entry(0).lane = 7;
  bench.pass(false);
  wipe(bench.plain.entry(0));
  bench.drain();
  next.attach().write();
  bench.drain();
  bench.expect({"incident record of an unknown producer", "attach 2", "event 2.1"});
}

TEST_CASE("an incarnation that was closed, and stands in an entry again after a restart, has no second attach line") {
  Bench bench({.slots = 8});
  Hand p(bench.plain, 0), next(bench.plain, 0);
  p.attach().write();
  p.detach();
  bench.start();
  bench.drain();
  bench.log.append(shmring::log::accounts_line(1, bench.collector->accounts()));
  next.attach();
  bench.plain.entry(0).incarnation = p.incarnation;
  bench.start();
  bench.drain();
  CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  bench.expect({"attach 1", "event 1.1", "detach 1 last 1", "accounts",
                "incident an entry names an incarnation that is over: nothing of it is logged"});
}

TEST_CASE("a wiped owner word: the next owner of the entry is another incarnation") {
  Bench bench({.slots = 8});
  Hand wiped(bench.plain, 0), next(bench.plain, 0);
  wiped.attach().write();
  wiped.write();
  bench.start();
  bench.drain();
  bench.plain.entry(0).owner = 0;
  bench.drain();
  next.attach().write();
  bench.drain();
  bench.expect({"attach 1", "event 1.1", "event 1.2",
                "incident an entry of the producer table was overwritten: its account ends here", "gone 1 through 2",
                "attach 2", "event 2.1"});
}

TEST_CASE("a name without an end is cut, not read beyond") {
  Bench bench;
  Hand p(bench.plain, 0);
  p.attach();
  std::memset(bench.plain.entry(0).name, 'x', name_bytes);
  bench.start();
  CHECK(bench.log.recovered().accounts[0].producer == std::string(name_bytes - 1, 'x'));
}

TEST_CASE("an account word that goes back, or that was never attempted, writes no sequence twice") {
  for (u64 word : {u64{0}, u64{1}, u64{2}, ~u64{0} >> 1}) {
    Damaged it;
    it.start();
    it.drain();
    it.plain.entry(0).account = word;
    it.drain();
    it.p.detach();
    it.drain();
    CHECK_MESSAGE(it.log.broken == "", it.log.broken);
    CHECK(it.plain.entry(0).owner == 0);
  }
}

TEST_CASE("any bytes at all: passes and writes end, and no sequence is in the log twice") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Bench bench({.slots = 4, .lanes = 2, .flags = seed % 2 == 0 ? with_tripwire : 0});
    Producer<Memory> before;
    before.attach(bench.plain.ring, owner(1), identity("p"), SHMRING_LANE_SHARED);
    use(before);
    auto* words = reinterpret_cast<u64*>(bench.plain.ring.entries);
    const std::size_t count = (bench.plain.ring.geometry.size - sizeof(Header)) / 8;
    const std::size_t changes = seed % 3 == 0 ? count : 1 + random() % 8;
    for (std::size_t i = 0; i < changes; ++i) {
      u64& word = words[changes == count ? i : random() % count];
      word = seed % 5 == 0 ? random() % 8 : seed % 5 == 1 ? word ^ u64 { 1 } << random() % 64 : random();
    }
    bench.kill(1);
    bench.start();
    bench.drain();
    Producer<Memory> after;
    if (after.attach(bench.plain.ring, owner(2), identity("q"), SHMRING_LANE_AUTO) == 0) use(after), after.detach();
    bench.drain();
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
  }
}
