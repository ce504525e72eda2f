// What a write puts into its slot, byte for byte; payloads that do not fit; names of record types.
#include "lib/collect/type_names.hpp"
#include "tests/support/collector_bench.hpp"

using namespace plain;

namespace {

struct Writer {
  explicit Writer(Shape shape = {}) : plain(shape) {
    REQUIRE(producer.attach(plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  }
  int write(const shmring_meta& meta, const std::string& payload) {
    return producer.write(&meta, payload.data(), payload.size());
  }
  std::string payload(u32 index) const {
    return std::string(reinterpret_cast<char*>(Ring::payload(plain.slot(index))), plain.slot(index).header.length);
  }
  PlainRing plain;
  Producer<Memory> producer;
};

shmring_meta truncating(u8 kind = SHMRING_KIND_TEXT) {
  shmring_meta meta{};
  meta.kind = kind, meta.flags = SHMRING_META_TRUNCATE;
  return meta;
}

}  // namespace

TEST_CASE("a record's header holds what the caller said, and its sequence") {
  Writer writer({.slots = 4});
  shmring_meta meta{};
  meta.type = 0x01020304, meta.kind = SHMRING_KIND_BYTES, meta.severity = 5;
  for (u8 i = 0; i < 16; ++i) meta.correlation[i] = static_cast<u8>(i + 1);
  REQUIRE(writer.write(meta, std::string("a\0b", 3)) == 0);
  REQUIRE(writer.write(meta, "") == 0);
  const RecordHeader& header = writer.plain.slot(0).header;
  CHECK(header.sequence == 1);
  CHECK(header.type == 0x01020304);
  CHECK(header.kind == SHMRING_KIND_BYTES);
  CHECK(header.severity == 5);
  CHECK(std::memcmp(header.correlation, meta.correlation, 16) == 0);
  CHECK(header.length == 3);
  CHECK(header.chunk == 0);
  CHECK(header.chunks == 1);
  CHECK(header.flags == 0);
  CHECK(header.ticks == 0);
  CHECK(header.hash == 0);
  CHECK(writer.payload(0) == std::string("a\0b", 3));
  CHECK(writer.plain.slot(1).header.sequence == 2);
  CHECK(writer.plain.slot(1).header.length == 0);
}

TEST_CASE("no meta is text of type 0, and no payload is an empty record") {
  Writer writer;
  CHECK(writer.producer.write(nullptr, nullptr, 0) == 0);
  CHECK(writer.plain.word(0) == ready(0, 1));
  CHECK(writer.plain.slot(0).header.kind == SHMRING_KIND_TEXT);
  CHECK(writer.plain.slot(0).header.type == 0);
}

TEST_CASE("a timestamp is there only if the segment says so") {
  Writer writer({.flags = with_timestamp});
  CHECK(writer.producer.write(nullptr, "x", 1) == 0);
  CHECK(writer.plain.slot(0).header.ticks != 0);
}

TEST_CASE("a write touches only its slot, the tail and its own entry; bytes behind the payload stay") {
  Writer writer({.slots = 4, .lanes = 2});
  std::memset(Ring::payload(writer.plain.slot(0)), 'o', 64);
  std::string before = writer.plain.bytes();
  REQUIRE(writer.producer.write(nullptr, "new", 3) == 0);
  CHECK(std::memcmp(Ring::payload(writer.plain.slot(0)), "newo", 4) == 0);
  std::memset(Ring::payload(writer.plain.slot(0)), 'o', 3);
  std::memset(static_cast<void*>(&writer.plain.slot(0).header), 0, sizeof(RecordHeader));
  writer.plain.set_word(0, empty(0)), writer.plain.set_tail(0), writer.plain.entry(0).account = 0;
  CHECK(writer.plain.bytes() == before);
}

TEST_CASE("a payload of exactly one slot fits; one byte more is TOO_BIG, counted, and no slot is claimed") {
  Writer writer;
  CHECK(writer.write({}, std::string(64, 'x')) == 0);
  CHECK(writer.payload(0) == std::string(64, 'x'));
  CHECK(writer.write({}, std::string(65, 'x')) == SHMRING_TOO_BIG);
  CHECK(writer.plain.tail() == 1);
  CHECK(writer.plain.counter(0, Cause::too_big).bits() == Counter{1, 2}.bits());
}

TEST_CASE("max_record bounds the payload even where a slot holds more") {
  Writer writer({.max_record = 10});
  CHECK(writer.write({}, std::string(10, 'x')) == 0);
  CHECK(writer.write({}, std::string(11, 'x')) == SHMRING_TOO_BIG);
  CHECK(writer.write(truncating(), std::string(11, 'x')) == 0);
  CHECK(writer.payload(1) == std::string(10, 'x'));
}

TEST_CASE("what is cut says so, and what fits does not, though cutting was allowed") {
  Writer writer;
  CHECK(writer.write(truncating(), std::string(64, 'x')) == 0);
  CHECK(writer.plain.slot(0).header.flags == 0);
  CHECK(writer.write(truncating(), std::string(200, 'y')) == 0);
  CHECK(writer.plain.slot(1).header.flags == flag_truncated);
  CHECK(writer.payload(1) == std::string(64, 'y'));
}

TEST_CASE("text is cut between two characters, other kinds at the byte") {
  const std::string two = "\xc3\xa4", three = "\xe2\x82\xac", four = "\xf0\x9f\x98\x80";
  for (const std::string& character : {two, three, four}) {
    for (std::size_t inside = 1; inside <= character.size(); ++inside) {
      CAPTURE(character.size());
      CAPTURE(inside);
      Writer writer;
      const std::string front(64 - inside, 'x');
      REQUIRE(writer.write(truncating(), front + character + character) == 0);
      CHECK(writer.payload(0) == front + (inside == character.size() ? character : ""));
      REQUIRE(writer.write(truncating(SHMRING_KIND_BYTES), front + character + character) == 0);
      CHECK(writer.plain.slot(1).header.length == 64);
    }
  }
}

TEST_CASE("text that is no UTF-8 is cut near the limit, not eaten up") {
  Writer writer;
  REQUIRE(writer.write(truncating(), std::string(70, '\x80')) == 0);
  CHECK(writer.plain.slot(0).header.length >= 61);
}

TEST_CASE("a type gets its name once; the same name again is fine, another one is EEXIST") {
  Writer writer;
  CHECK(writer.producer.name_type(7, "login") == 0);
  CHECK(writer.producer.name_type(7, "login") == 0);
  CHECK(writer.producer.name_type(7, "logout") == -EEXIST);
  CHECK(writer.producer.name_type(7, "log") == -EEXIST);
  CHECK(writer.producer.sequence() == 0);
  shmring::collect::TypeNames<Memory> names(writer.plain.ring);
  CHECK(names.of(7) == "login");
  CHECK(names.of(8) == "");
  CHECK(writer.producer.name_type(8, std::string(55, 'n')) == 0);
  CHECK(names.of(8) == std::string(55, 'n'));
}

TEST_CASE("a full table of type names is ENOSPC, and the names in it are still known") {
  Writer writer;
  for (u32 type = 1; type <= type_names; ++type) REQUIRE(writer.producer.name_type(type, std::to_string(type)) == 0);
  CHECK(writer.producer.name_type(1000, "one more") == -ENOSPC);
  CHECK(writer.producer.name_type(type_names, std::to_string(type_names)) == 0);
  shmring::collect::TypeNames<Memory> names(writer.plain.ring);
  CHECK(names.of(type_names) == std::to_string(type_names));
}

TEST_CASE("a type name whose writer died half-way is passed over, by writers and by readers") {
  Writer writer;
  REQUIRE(claim_type<Memory>(writer.plain.ring.header->types[0], 7));
  CHECK(writer.producer.name_type(7, "login") == 0);
  CHECK(writer.producer.name_type(8, "logout") == 0);
  shmring::collect::TypeNames<Memory> names(writer.plain.ring);
  CHECK(names.of(7) == "login");
  CHECK(names.of(8) == "logout");
}

TEST_CASE("a type name that was scribbled over is none: its records keep their number, and it can be named anew") {
  for (const bool word : {false, true}) {
    Writer writer;
    REQUIRE(writer.producer.name_type(7, "login") == 0);
    TypeName& place = writer.plain.ring.header->types[0];
    if (word)
      place.word = TypeWord{8, 2, TypeWord::of(place.word).check}.bits();
    else
      place.name[40] = 'x';
    {
      shmring::collect::TypeNames<Memory> names(writer.plain.ring);
      CHECK(names.of(7) == "");
      CHECK(names.of(8) == "");
    }
    CHECK(writer.producer.name_type(7, "login") == 0);
    shmring::collect::TypeNames<Memory> names(writer.plain.ring);
    CHECK(names.of(7) == "login");
    CHECK(names.of(8) == "");
  }
}

TEST_CASE("an event carries the name that its type has by then") {
  Bench bench;
  Producer<Memory> producer;
  REQUIRE(producer.attach(bench.plain.ring, owner(1), identity("app"), SHMRING_LANE_SHARED) == 0);
  shmring_meta meta{};
  meta.type = 7;
  REQUIRE(producer.write(&meta, "x", 1) == 0);
  REQUIRE(producer.name_type(7, "login") == 0);
  bench.start();
  bench.drain();
  bench.expect({"attach 1", "event 1.1"});
  CHECK(bench.log.types == std::vector<std::string>{"login"});
}
