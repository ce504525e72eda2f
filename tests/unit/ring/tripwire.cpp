// The integrity tripwire: a stray write into a record is found, reported, and costs that record only.
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

TEST_CASE("a long record has the same hash, whichever vectors it was made with") {
  std::string bytes(70'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 131 >> 3);
  for (const std::size_t length : {241u, 255u, 256u, 1024u, 1025u, 4096u, 65'535u, 70'000u - 3}) {
    CAPTURE(length);
    CHECK(hash_long(bytes.data() + 3, length) == XXH3_64bits(bytes.data() + 3, length));
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
      CHECK(hash_long_avx2(bytes.data() + 3, length) == XXH3_64bits(bytes.data() + 3, length));
#endif
  }
}

// Found by fuzzing: the length was read again from the slot, and 64 KiB from there hashed, beyond the segment.
TEST_CASE("a length that changes in the slot before the hash is made does not lead the producer astray") {
  using Hooked = HookedMemory<7>;
  PlainRing plain(guarded);
  Producer<Hooked> producer;
  REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  Hooked::Hook scribble(At::fill, 2, [&] { plain.slot(0).header.length = 25; });  // the header is there, the payload not yet
  REQUIRE(producer.write(nullptr, "a payload of some length", 24) == 0);
  CHECK(scribble.seen() == 2);
  CHECK(plain.slot(0).header.hash == tripwire(&plain.slot(0).header, 24));
}
