// The integrity tripwire: a stray write into a record is found, reported, and costs that record only.
#include <random>

#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

constexpr Shape guarded{.slots = 4, .flags = with_tripwire};

Producer<Memory> attached(PlainRing& plain) {
  Producer<Memory> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  return producer;
}

}  // namespace

TEST_CASE("any single bit flip in a record's header or payload is found") {
  PlainRing plain(guarded);
  FakeHost host;
  Producer<Memory> producer = attached(plain);
  shmring_meta meta{};
  meta.type = 7, meta.severity = 3, meta.correlation[4] = 9;
  REQUIRE(producer.write(&meta, "a payload of some length", 24) == 0);
  auto* bytes = reinterpret_cast<unsigned char*>(&plain.slot(0).header);
  for (std::size_t bit = 0; bit <= (sizeof(RecordHeader) + 24) * 8; ++bit) {
    const bool intact = bit == (sizeof(RecordHeader) + 24) * 8;
    if (!intact) bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1u << bit % 8);
    Reader<Memory> reader(plain.ring, whole_ring);
    reader.look_over(), reader.begin_pass(), reader.read_entries(host), reader.read_tails();
    reader.walk(4);
    REQUIRE(reader.taken().size() == 1);
    CAPTURE(bit);
    CHECK(reader.taken()[0].fault == (intact ? RawRecord::Fault::none : RawRecord::Fault::corrupt));
    if (!intact) bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1u << bit % 8);
    plain.set_word(0, ready(0, 1));
  }
}

TEST_CASE("bytes behind the payload are not the record's: a write there is no damage") {
  Bench bench(guarded);
  Producer<Memory> producer = attached(bench.plain);
  REQUIRE(producer.write(nullptr, "short", 5) == 0);
  std::memset(Ring::payload(bench.plain.slot(0)) + 5, 'z', 20);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1"});
}

TEST_CASE("a corrupt record is an incident and a loss of its own, and the ring goes on") {
  Bench bench(guarded);
  Producer<Memory> producer = attached(bench.plain);
  for (int i = 0; i < 3; ++i) REQUIRE(producer.write(nullptr, "record", 6) == 0);
  *reinterpret_cast<char*>(Ring::payload(bench.plain.slot(1))) ^= 1;
  bench.start();
  bench.drain();
  for (int i = 0; i < 6; ++i) {
    REQUIRE(producer.write(nullptr, "record", 6) == 0);
    bench.drain();
  }
  producer.detach();
  bench.drain();
  bench.expect({"attach 1", "incident corrupt record", "event 1.1", "loss 1.2-2 corrupt=1", "event 1.3", "event 1.4",
                "event 1.5", "event 1.6", "event 1.7", "event 1.8", "event 1.9", "detach 1 last 9 corrupt=1"});
}

TEST_CASE("a corrupt last record is a loss as soon as its attempt is finished, without another record") {
  Bench bench(guarded);
  Producer<Memory> producer = attached(bench.plain);
  REQUIRE(producer.write(nullptr, "record", 6) == 0);
  bench.plain.slot(0).header.sequence = 77;
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "incident corrupt record", "loss 1.1-1 corrupt=1"});
}

TEST_CASE("without the tripwire nothing is hashed and damage to a payload passes") {
  Bench bench({.slots = 4});
  Producer<Memory> producer = attached(bench.plain);
  REQUIRE(producer.write(nullptr, "record", 6) == 0);
  CHECK(bench.plain.slot(0).header.hash == 0);
  *reinterpret_cast<char*>(Ring::payload(bench.plain.slot(0))) = 'R';
  bench.start();
  bench.drain();
  CHECK(bench.log.payloads == std::vector<std::string>{"Record"});
}

TEST_CASE("refusals and a corrupt record in one gap are told apart by number") {
  Bench bench(guarded);
  Producer<Memory> producer = attached(bench.plain);
  const std::string big(65, 'x');
  REQUIRE(producer.write(nullptr, "record", 6) == 0);
  REQUIRE(producer.write(nullptr, big.data(), big.size()) == SHMRING_TOO_BIG);
  REQUIRE(producer.write(nullptr, "record", 6) == 0);
  bench.plain.slot(0).header.hash ^= 1;
  bench.start();
  bench.drain();
  producer.detach();
  bench.drain();
  bench.expect({"attach 1", "incident corrupt record", "loss 1.1-2 corrupt=1 refused=1", "event 1.3",
                "detach 1 last 3 too_big=1 corrupt=1"});
}

TEST_CASE("the value of a record's hash is the same on every machine") {
  struct alignas(8) {
    RecordHeader header{};
    unsigned char payload[4096];
  } record;
  for (std::size_t i = 0; i < sizeof record.payload; ++i) record.payload[i] = static_cast<unsigned char>(i * 131 >> 3);
  record.header.refused = 3, record.header.sequence = 4, record.header.ticks = 5, record.header.type = 6;
  record.header.chunks = 1, record.header.kind = 2, record.header.severity = 7, record.header.why = 8;
  record.header.correlation[0] = 9, record.header.correlation[15] = 10;
  // Computed by another program, after the text in tripwire.hpp.
  const std::pair<u16, u32> known[] = {{0, 1305279064u},  {1, 2986336511u},  {3, 3324661834u},    {4, 2165965951u},
                                       {7, 3699779949u},  {8, 695281063u},   {15, 3544683511u},   {16, 3934714550u},
                                       {17, 828347304u},  {31, 3736040310u}, {32, 2146096607u},   {33, 1589279789u},
                                       {64, 4201001546u}, {192, 830036412u}, {1000, 1008349048u}, {4096, 4280372732u}};
  for (const auto& row : known) {
    const auto length = row.first;
    const auto hash = row.second;
    CAPTURE(length);
    record.header.length = length;
    CHECK(shmring::ring::tripwire(shmring::ring::standing(11, 12, 1), 13, record.header) == hash);
  }
}

TEST_CASE("the processor and plain C++ fold a product alike") {
  using shmring::ring::Tripwire;
  static_assert(Tripwire::folded_anywhere(~u64{0}, ~u64{0}) == ~u64{0});  // 2^128 − 2^65 + 1: the halves are 2^64 − 2 and 1
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const u64 a = random() >> random() % 64, b = random() >> random() % 64;
    REQUIRE(Tripwire::folded(a, b) == Tripwire::folded_anywhere(a, b));
  }
  for (const u64 a : {u64{0}, u64{1}, u64{0xffffffff}, u64{1} << 32, ~u64{0}})
    for (const u64 b : {u64{0}, u64{1}, u64{0xffffffff}, u64{1} << 32, ~u64{0}})
      CHECK(Tripwire::folded(a, b) == Tripwire::folded_anywhere(a, b));
}

TEST_CASE("a record of every length is hashed to its last byte, and what is written is what was hashed") {
  const std::string bytes(300, 'x');
  for (u32 length = 0; length <= bytes.size(); ++length) {
    CAPTURE(length);
    PlainRing plain({.slots = 4, .flags = with_tripwire, .slot_bytes = 512});
    Producer<Memory> producer;
    REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
    // At the end of its memory: a byte read beyond it is found by the sanitizers.
    const std::vector<char> exact(bytes.begin(), bytes.begin() + length);
    std::memset(Ring::payload(plain.slot(0)), 'y', 512 - 64);
    REQUIRE(producer.write(nullptr, exact.data(), length) == 0);
    auto* const payload = reinterpret_cast<char*>(Ring::payload(plain.slot(0)));
    CHECK(std::string(payload, length) == bytes.substr(0, length));
    CHECK(payload[length] == 'y');
    CHECK(plain.slot(0).header.hash == hash_of(plain.ring, plain.slot(0)));
    for (u32 i = 0; i < length; ++i) {
      payload[i] ^= 4;
      CHECK(plain.slot(0).header.hash != hash_of(plain.ring, plain.slot(0)));
      payload[i] ^= 4;
    }
  }
}

TEST_CASE("a record that a stray write moves, or puts under another producer's name or into another lap, is found") {
  Bench bench(guarded);
  Producer<Memory> one = attached(bench.plain), other;
  REQUIRE(other.attach(bench.plain.ring, owner(2), identity("other"), SHMRING_LANE_SHARED) == 0);
  std::vector<std::string> left{"first", "second", "third"};
  REQUIRE(one.write(nullptr, "first", 5) == 0);
  REQUIRE(other.write(nullptr, "second", 6) == 0);
  REQUIRE(one.write(nullptr, "third", 5) == 0);
  SUBCASE("another owner") {
    bench.plain.set_word(0, ready(0, 2));
    left = {"second", "third"};
  }
  SUBCASE("another owner, of the same incarnation") {
    bench.plain.entry(1).incarnation = bench.plain.entry(0).incarnation.load();
    bench.plain.set_word(0, ready(0, 2));
    left = {"third"};
  }
  SUBCASE("an entry with another incarnation") {
    bench.plain.entry(1).incarnation += 7;
    left = {"first", "third"};
  }
  SUBCASE("all of another record of the same producer") {
    std::memcpy(static_cast<void*>(&bench.plain.slot(2)), &bench.plain.slot(0), sizeof(Slot) + 64);
    left = {"first", "second"};
  }
  SUBCASE("a record of the lap before, once more") {
    bench.start();
    bench.drain();
    bench.plain.set_word(0, ready(1, 1));
    bench.plain.ring.lanes[0].tail = 5;
  }
  if (!bench.collector) bench.start();
  bench.drain();
  std::vector<std::string> logged = bench.log.payloads;
  std::ranges::sort(logged);
  CHECK(logged == left);
}

TEST_CASE("a flipped bit anywhere changes about half of the hash") {
  struct alignas(8) {
    RecordHeader header{};
    unsigned char payload[64]{};
  } record;
  record.header.sequence = 1, record.header.length = 64, record.header.chunks = 1;
  u64 standing = shmring::ring::standing(1, 1, 0), incarnation = 1;
  const auto hash = [&] { return shmring::ring::tripwire(standing, incarnation, record.header); };
  // Of each input bit, over many records: how often each bit of the hash changed.
  constexpr int records = 512;
  std::vector<std::array<int, 32>> changed;
  const auto try_bit = [&](std::size_t number, u32 before, u32 after) {
    if (changed.size() <= number) changed.resize(number + 1);
    for (std::size_t bit = 0; bit < 32; ++bit) changed[number][bit] += (before ^ after) >> bit & 1;
  };
  std::mt19937_64 random(1);
  for (int i = 0; i < records; ++i) {
    record.header.sequence = random() % 1000, record.header.ticks = random();
    for (unsigned char& byte : record.payload) byte = static_cast<unsigned char>(i % 2 == 0 ? 0 : random());
    const u32 before = hash();
    std::size_t number = 0;
    auto* const bytes = reinterpret_cast<unsigned char*>(&record) + offsetof(RecordHeader, refused);
    for (std::size_t bit = 0; bit < (sizeof record - offsetof(RecordHeader, refused)) * 8; ++bit) {
      constexpr std::size_t length = offsetof(RecordHeader, length) - offsetof(RecordHeader, refused);
      if (bit / 8 >= length && bit / 8 < length + sizeof(u16)) continue;  // other bytes would be hashed
      bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1u << bit % 8);
      try_bit(number++, before, hash());
      bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1u << bit % 8);
    }
    for (u64* const other : {&standing, &incarnation})
      for (int bit = 0; bit < 64; ++bit) {
        *other ^= u64{1} << bit;
        try_bit(number++, before, hash());
        *other ^= u64{1} << bit;
      }
  }
  int least = records, most = 0;
  for (const auto& of_bit : changed)
    for (const int times : of_bit) least = std::min(least, times), most = std::max(most, times);
  // Six standard deviations of as many throws of a coin, of which there are some ten thousand.
  CHECK(least > records / 2 - 68);
  CHECK(most < records / 2 + 68);
}

// Found by fuzzing: the length was read again from the slot, and 64 KiB from there hashed, beyond the segment.
TEST_CASE("a length that changes in the slot before the hash is made does not lead the producer astray") {
  using Hooked = HookedMemory<7>;
  PlainRing plain(guarded);
  Producer<Hooked> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  Hooked::Hook scribble(At::fill, 2, [&] { plain.slot(0).header.length = 25; });  // the payload is there, the header not yet
  REQUIRE(producer.write(nullptr, "a payload of some length", 24) == 0);
  CHECK(scribble.seen() == 2);
  CHECK(plain.slot(0).header.length == 24);
  CHECK(plain.slot(0).header.hash == hash_of(plain.ring, plain.slot(0)));
}
