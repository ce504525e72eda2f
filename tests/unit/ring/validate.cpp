// ring/validate.hpp: which headers are believed, and what is said of the others. All on plain memory.
#include "lib/ring/validate.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "lib/ring/observe.hpp"

using namespace shmring::ring;

namespace {

Geometry small_geometry() {
  Geometry geometry{};
  geometry.slots = 64;
  geometry.slot_bytes = 128;
  geometry.lanes = 2;
  geometry.producers = 3;
  geometry.max_record = 1024;
  geometry.size = plan(geometry).size;
  return geometry;
}

// A header as create writes it, in memory as large as its segment.
struct Image {
  Image() : bytes(std::make_unique<Page[]>(small_geometry().size / sizeof(Page))) {
    Header& header = this->header();
    new (&header) Header{};
    const Places at = plan(small_geometry());
    header.magic = magic;
    header.version = version;
    header.word_bytes = sizeof(void*);
    header.fingerprint = layout_fingerprint();
    header.geometry = small_geometry();
    header.identity[1] = 1;
    header.entries = reinterpret_cast<Entry*>(base() + at.entries);
    header.lanes = reinterpret_cast<Lane*>(base() + at.lanes);
    header.slots = reinterpret_cast<Slot*>(base() + at.slots);
  }
  struct alignas(4096) Page {
    std::byte bytes[4096];
  };
  std::byte* base() { return bytes[0].bytes; }
  Header& header() { return *reinterpret_cast<Header*>(base()); }
  u64 size() { return small_geometry().size; }
  std::unique_ptr<Page[]> bytes;
};

struct Case {
  const char* field;
  std::function<void(Header&)> damage;
  int error;
};

}  // namespace

TEST_CASE("the parts of a segment lie inside it, in order, aligned, without overlap") {
  for (u32 lanes : {1u, 8u, 64u}) {
    for (u32 producers : {1u, 255u, 8190u}) {
      Geometry geometry = small_geometry();
      geometry.lanes = lanes;
      geometry.producers = producers;
      const Places at = plan(geometry);
      CHECK(at.entries >= sizeof(Header));
      CHECK(at.entries % line_bytes == 0);
      CHECK(at.lanes == at.entries + producers * sizeof(Entry));
      CHECK(at.slots >= at.lanes + lanes * sizeof(Lane));
      CHECK(at.slots % page_bytes == 0);
      CHECK(at.size >= at.slots + u64{lanes} * 64 * 128);
      CHECK(at.size % page_bytes == 0);
    }
  }
}

TEST_CASE("the largest geometry does not overflow") {
  Geometry geometry = small_geometry();
  geometry.slots = max_slots;
  geometry.slot_bytes = max_slot_bytes;
  geometry.lanes = max_lanes;
  geometry.producers = max_producers;
  CHECK_FALSE(check(geometry, EBADMSG));
  CHECK(plan(geometry).size > u64{1} << 46);
  CHECK(plan(geometry).size < (u64{1} << 46) + (u64{1} << 23));
}

TEST_CASE("a record has at most a quarter of a lane, no more chunks than a slot can count, and a line in the log") {
  Geometry geometry = small_geometry();
  CHECK(max_record_limit(geometry) == 16 * 64);
  geometry.slots = max_slots;
  CHECK(max_record_limit(geometry) == u64{65535} * 64);
  geometry.slot_bytes = 4096;
  CHECK(max_record_limit(geometry) == longest_record);
  geometry.max_record = longest_record;
  CHECK_FALSE(check(geometry, EBADMSG));
  geometry.max_record = longest_record + 1;
  CHECK(std::string(check(geometry, EBADMSG).field) == "max_record");
}

TEST_CASE("a header as create writes it becomes a view of its memory") {
  Image image;
  Ring ring;
  REQUIRE_FALSE(validate(image.header(), image.size(), image.base(), ring));
  CHECK(ring.header == &image.header());
  CHECK(ring.entries == image.header().entries.get());
  CHECK(ring.lanes == image.header().lanes.get());
  CHECK(ring.slots == reinterpret_cast<std::byte*>(image.header().slots.get()));
  CHECK(ring.slots_log2 == 6);
  CHECK(ring.slot_bytes_log2 == 7);
  CHECK(reinterpret_cast<std::byte*>(&ring.slot(1, 63)) + 128 <= image.base() + image.size());
}

TEST_CASE("of version 1 the header ends where the second part of the status page begins: it is looked at so, and has none") {
  const OlderVersion& older = older_versions[0];
  CHECK(older.header_bytes == 4608);
  Image image;
  Ring ring;
  REQUIRE_FALSE(validate(image.header(), image.size(), image.base(), ring, Purpose::look));
  CHECK(ring.status_more() == &image.header().status_more);
  Geometry geometry = small_geometry();
  const Places at = plan(geometry, older.header_bytes);
  image.header().version = older.version, image.header().fingerprint = older.fingerprint;
  image.header().geometry.size = at.size;
  image.header().entries = reinterpret_cast<Entry*>(image.base() + at.entries);
  image.header().lanes = reinterpret_cast<Lane*>(image.base() + at.lanes);
  image.header().slots = reinterpret_cast<Slot*>(image.base() + at.slots);
  image.header().status.older_lost_by[3] = 4;
  REQUIRE_FALSE(validate(image.header(), at.size, image.base(), ring, Purpose::look));
  CHECK(static_cast<void*>(ring.entries) == &image.header().status_more);
  CHECK(ring.status_more() == nullptr);
  const StatusSeen seen = observe_status<HardwareMemory>(ring);
  CHECK_FALSE(seen.has_more);
  CHECK(seen.older_lost_by[3] == 4);
  CHECK(validate(image.header(), at.size, image.base(), ring).error == EPROTO);
}

TEST_CASE("each field that is not as it must be is named, with its own error, and no view is made") {
  const Case cases[] = {
      {"magic", [](Header& h) { h.magic ^= 1; }, ENOEXEC},
      {"version", [](Header& h) { h.version = version + 1; }, EPROTO},
      {"word_bytes", [](Header& h) { h.word_bytes = 4; }, ENOEXEC},
      {"fingerprint", [](Header& h) { h.fingerprint ^= 1; }, ENOEXEC},
      {"size", [](Header& h) { h.geometry.size += 4096; }, EBADMSG},
      {"size", [](Header& h) { h.geometry.size = ~u64{0}; }, EBADMSG},
      {"slots", [](Header& h) { h.geometry.slots = 0; }, EBADMSG},
      {"slots", [](Header& h) { h.geometry.slots = 32; }, EBADMSG},
      {"slots", [](Header& h) { h.geometry.slots = 65; }, EBADMSG},
      {"slots", [](Header& h) { h.geometry.slots = 1u << 25; }, EBADMSG},
      {"slot_bytes", [](Header& h) { h.geometry.slot_bytes = 64; }, EBADMSG},
      {"slot_bytes", [](Header& h) { h.geometry.slot_bytes = 192; }, EBADMSG},
      {"slot_bytes", [](Header& h) { h.geometry.slot_bytes = 1u << 17; }, EBADMSG},
      {"lanes", [](Header& h) { h.geometry.lanes = 0; }, EBADMSG},
      {"lanes", [](Header& h) { h.geometry.lanes = 65; }, EBADMSG},
      {"producers", [](Header& h) { h.geometry.producers = 0; }, EBADMSG},
      {"producers", [](Header& h) { h.geometry.producers = 8191; }, EBADMSG},
      {"max_record", [](Header& h) { h.geometry.max_record = 0; }, EBADMSG},
      {"max_record", [](Header& h) { h.geometry.max_record = 1025; }, EBADMSG},
      {"on_full", [](Header& h) { h.geometry.on_full = 4; }, EBADMSG},
      {"flags", [](Header& h) { h.geometry.flags = 4; }, EBADMSG},
      {"clock", [](Header& h) { h.geometry.clock = 2; }, EBADMSG},
      {"entries", [](Header& h) { h.entries = reinterpret_cast<Entry*>(&h); }, EBADMSG},
      {"entries", [](Header& h) { h.entries = nullptr; }, EBADMSG},
      {"lanes", [](Header& h) { h.lanes += 1; }, EBADMSG},
      {"slots", [](Header& h) { h.slots -= 1000000; }, EBADMSG},
      {"incarnation_base", [](Header& h) { h.incarnation_base = u64{1} << 53; }, EBADMSG},
      {"identity", [](Header& h) { h.identity[1] = 0; }, EBADMSG},
  };
  for (const Case& c : cases) {
    CAPTURE(c.field);
    Image image;
    c.damage(image.header());
    Ring ring;
    const Finding finding = validate(image.header(), image.size(), image.base(), ring);
    CHECK(finding.error == c.error);
    CHECK(std::string(finding.field) == c.field);
    CHECK(ring.header == nullptr);
  }
}

TEST_CASE("the wrong value and the right one are both in the finding") {
  Image image;
  image.header().geometry.producers = 9000;
  Ring ring;
  const Finding finding = validate(image.header(), image.size(), image.base(), ring);
  CHECK(finding.found == 9000);
  CHECK(finding.expected == max_producers);
  CHECK(std::string(finding.rule) == "at most");
}

TEST_CASE("memory that is shorter or longer than the geometry says is refused") {
  Image image;
  Ring ring;
  for (u64 bytes : {u64{0}, u64{1}, u64{sizeof(Header)} - 1, u64{sizeof(Header)}, image.size() - 1, image.size() + 4096}) {
    CAPTURE(bytes);
    const Finding finding = validate(image.header(), bytes, image.base(), ring);
    CHECK(finding.error == EBADMSG);
    CHECK(std::string(finding.field) == "size of the file");
    CHECK(finding.found == bytes);
  }
}

TEST_CASE("of a file that is too short for a header its size is said, whatever bytes there are") {
  alignas(Header) const std::byte nothing[sizeof(Header)] = {};
  Ring ring;
  const Finding finding = validate(*reinterpret_cast<const Header*>(nothing), 10, nullptr, ring);
  CHECK(finding.error == EBADMSG);
  CHECK(finding.found == 10);
}

TEST_CASE("only the copy is read: what the shared header says after it was copied does not matter") {
  Image image;
  alignas(Header) std::byte copy[sizeof(Header)];
  std::memcpy(copy, image.base(), sizeof copy);
  image.header().geometry.slots = 12345;  // as an attacker would after the copy
  Ring ring;
  CHECK_FALSE(validate(*reinterpret_cast<Header*>(copy), image.size(), image.base(), ring));
  CHECK(ring.geometry.slots == 64);
}
