// The interfaces themselves: a Producer's life, what is refused to the face of who calls with what cannot be, and texts.
#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstring>
#include <string>
#include <utility>

#include "lib/os/error.hpp"
#include "tests/support/ring_box.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::OwnerState;

namespace {

struct Box : RingBox {
  explicit Box(CreateOptions options = {}) : RingBox(small(options)) {}
  static CreateOptions small(CreateOptions options) {
    options.slots = 64, options.slot_bytes = 128, options.lanes = 2;
    return options;
  }
  OwnerState state(std::size_t entry) const { return facts().producers.at(entry).owner.state; }
};

bool says(const char* text, const char* part) { return std::strstr(text, part) != nullptr; }

template <class T>
concept Written = requires(Producer producer, T value) {
  producer.write(value);
};
template <class T>
concept WrittenAsJson = requires(Producer producer, T value) {
  producer.write_json(value);
};
static_assert(Written<const char*> && Written<std::string> && Written<std::string_view> && !Written<std::nullptr_t>);
static_assert(WrittenAsJson<const char*> && WrittenAsJson<std::string> && !WrittenAsJson<std::nullptr_t>);

}  // namespace

TEST_CASE("a handle says how long its writes may wait: by the ring's policy, or by its own deadline") {
  for (const auto& [policy, expected] : {std::pair{OnFull::drop, 0u}, std::pair{OnFull::overwrite, 0u},
                                         std::pair{OnFull::wait, 7000u}, std::pair{OnFull::hybrid, 7000u}}) {
    Box box({.on_full = policy, .wait_us = 7000});
    Producer plain("audit"), patient("audit", {.wait_us = 9});
    CHECK(shmring_wait_us(plain.c()) == expected);
    CHECK(shmring_wait_us(patient.c()) == 9);
  }
  CHECK(shmring_wait_us(nullptr) == 0);
}

TEST_CASE("a producer that another is moved onto detaches its own handle, and the other is empty") {
  Box box;
  Producer kept("audit"), moved("audit");
  const auto incarnation = moved.incarnation();
  kept = std::move(moved);
  CHECK(box.state(0) == OwnerState::left);
  CHECK(box.state(1) == OwnerState::attached);
  CHECK(!moved);
  CHECK(moved.write("x").code == -EINVAL);
  CHECK(kept);
  CHECK(kept.incarnation() == incarnation);
  CHECK(kept.write("x"));
  Producer& same = kept;
  kept = std::move(same);
  CHECK(kept.incarnation() == incarnation);
  CHECK(kept.write("y"));
  CHECK(box.state(1) == OwnerState::attached);
  kept = Producer();
  CHECK(box.state(1) == OwnerState::left);
  CHECK(!kept);
}

TEST_CASE("an empty producer refuses everything and is nobody, and may become one") {
  Box box;
  Producer audit;
  CHECK(!audit);
  CHECK(audit.write("x").code == -EINVAL);
  CHECK(audit.claim(8).result().code == -EINVAL);
  CHECK(audit.fields().commit().code == -EINVAL);
  CHECK_THROWS_AS(audit.name_type(1, "x"), Error);
  CHECK((audit.sequence() == 0 && audit.incarnation() == 0 && audit.ring_id() == RingId{}));
  audit = Producer("audit");
  CHECK(audit);
  CHECK(audit.write("x"));
}

TEST_CASE("a text that is NULL is an invalid argument, and takes no sequence") {
  Box box;
  Producer audit("audit");
  const char* none = nullptr;
  CHECK(audit.write(none).code == -EINVAL);
  CHECK(audit.write_json(none).code == -EINVAL);
  CHECK(audit.sequence() == 0);
  CHECK(audit.write("text"));
  CHECK(audit.write_json("1"));
  CHECK(box.records() == std::vector<std::string>{"0 \"text\"", "0 1"});
}

TEST_CASE("whatever name_type comes to but 0 is thrown, with the text of an error or of a condition") {
  Box box;
  Producer audit("audit");
  audit.name_type(7, "seven");
  audit.name_type(7, "seven");
  const auto thrown = [&audit] {
    try {
      audit.name_type(7, "eight");
    } catch (const Error& error) {
      return std::to_string(error.code()) + " " + error.what();
    }
    return std::string("nothing");
  };
  const std::string error = thrown();
  CHECK(error == std::to_string(-EEXIST) + " " + shmring_last_error());
  CHECK(says(error.c_str(), "type 7"));
  CHECK(in_child(thrown) == std::to_string(SHMRING_FORKED) + " " + shmring_strerror(SHMRING_FORKED));
}

TEST_CASE("a producer knows its ring's identity, and the library its version") {
  Box box;
  Producer audit("audit");
  std::array<ring::u64, 2> identity{};
  static_assert(sizeof identity == sizeof(RingId));
  std::memcpy(identity.data(), audit.ring_id().data(), sizeof identity);
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  CHECK(identity == segment.ring.identity);
  CHECK(identity != decltype(identity){});
  CHECK(version() == (SHMRING_VERSION_MAJOR << 16 | SHMRING_VERSION_MINOR));
}

TEST_CASE("options of C++ get to where they are meant: places for producers, and a handle's own wait") {
  Box box({.producers = 2});
  Producer patient("audit", {.wait_us = 100}), hasty("audit");
  CHECK_THROWS_AS(Producer("audit"), Error);
  for (int i = 0; i < 64; ++i) CHECK((patient.write("x") && hasty.write("x")));
  CHECK(patient.write("x").code == SHMRING_TIMEOUT);
  CHECK(hasty.write("x").code == SHMRING_FULL);
}

TEST_CASE("a meta with a flag or a kind that is not known is an invalid argument, and takes no sequence") {
  Box box;
  Producer audit("audit");
  for (int bit = 0; bit < 16; ++bit) {
    shmring_meta meta{};
    meta.flags = static_cast<std::uint16_t>(1u << bit);
    CHECK(shmring_write(audit.c(), &meta, "x", 1) == (meta.flags == SHMRING_META_TRUNCATE ? 0 : -EINVAL));
  }
  shmring_meta meta{};
  meta.kind = SHMRING_KIND_BYTES + 1;
  CHECK(shmring_write(audit.c(), &meta, "x", 1) == -EINVAL);
  void* slot = nullptr;
  REQUIRE(shmring_claim(audit.c(), 1, &slot) == 0);
  CHECK(shmring_commit(audit.c(), &meta, 1) == -EINVAL);
  meta.kind = 0, meta.flags = 2;
  CHECK(shmring_commit(audit.c(), &meta, 1) == -EINVAL);
  CHECK(shmring_abort(audit.c()) == 0);
  CHECK(audit.sequence() == 2);
}

TEST_CASE("each byte of attach options beyond what is known must be zero, and each value one that is known") {
  Box box;
  struct {
    shmring_attach_options known{};
    unsigned char later[24] = {};
  } grown;
  static_assert(sizeof grown == sizeof grown.known + sizeof grown.later);
  shmring_producer* handle = nullptr;
  const auto attach = [&](std::uint32_t size) {
    grown.known.struct_size = size;
    const int result = shmring_attach("audit", &grown.known, &handle);
    CHECK((handle != nullptr) == (result == 0));
    shmring_detach(handle);
    return result;
  };
  CHECK(attach(sizeof grown) == 0);
  for (unsigned char& byte : grown.later) {
    byte = 1;
    CHECK(attach(sizeof grown) == -EINVAL);
    const std::string number = std::to_string(sizeof grown.known + static_cast<std::size_t>(&byte - grown.later));
    CHECK(says(shmring_last_error(), ("byte " + number + " is set").c_str()));
    CHECK(attach(sizeof grown.known) == 0);
    byte = 0;
  }
  for (const std::uint32_t never_set : {0u, 4u, 20u, 1u << 20}) CHECK(attach(never_set) == -EINVAL);
  grown.known.flags = 1;
  CHECK(attach(sizeof grown.known) == -EINVAL);
  CHECK(attach(16) == 0);  // of a caller whose struct ends before the flags
  grown.known.flags = 0, grown.known.lane = SHMRING_LANE_EXCLUSIVE + 1;
  CHECK(attach(sizeof grown.known) == -EINVAL);
}

TEST_CASE("texts of conditions name both limits, and both ways into a call under way") {
  CHECK(says(shmring_strerror(SHMRING_TOO_BIG), "max_record"));
  CHECK(says(shmring_strerror(SHMRING_TOO_BIG), "slot"));
  CHECK(says(shmring_strerror(SHMRING_NESTED), "signal handler"));
  CHECK(says(shmring_strerror(SHMRING_NESTED), "thread"));
  CHECK(Result{SHMRING_NESTED}.text() == shmring_strerror(SHMRING_NESTED));
}
