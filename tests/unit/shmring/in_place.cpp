// The guards of shmring.hpp over a real ring: what was committed is there, everything else is a counted loss, whatever
// path left.
#include <doctest/doctest.h>

#include <cerrno>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "lib/include/shmring/format.hpp"
#include "tests/support/ring_box.hpp"

using namespace shmring;
using namespace shmring::test;
using ring::Cause;

namespace {

constexpr std::size_t room = 64, max_record = 1024;  // of a slot, of a record

struct Box : RingBox {
  Box() : RingBox({.slots = 64, .slot_bytes = 128, .lanes = 2, .max_record = max_record}) {}
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("fields are encoded into the slot and are there when they were committed") {
  Box box;
  Producer audit("audit");
  CHECK(shmring_slot_payload(audit.c()) == room);
  auto fields = audit.fields({.type = 3, .severity = 2});
  fields.add("amount", 1250).add("currency", "EUR").add("paid", true);
  CHECK(box.records() == Texts{});
  CHECK(fields.commit());
  CHECK(box.records() == Texts{R"(3 {"amount":1250,"currency":"EUR","paid":true})"});
  CHECK(fields.commit().code == -EINVAL);
  CHECK(audit.sequence() == 1);
}

TEST_CASE("formatted text is written whole, however long it is, and severities have names") {
  RingBox box({.slots = 64, .slot_bytes = 2048, .lanes = 2, .max_record = max_record});
  Producer audit("audit");
  CHECK(write(audit, {.type = 1, .severity = Severity::warning}, "order {} authorised", 17));
  CHECK(write(audit, {}, "{:>600}", "x"));
  CHECK(write(audit, {.truncate = true}, "{:>{}}", "x", 2 * max_record));
  CHECK(write(audit, {}, "{:>{}}", "x", 2 * max_record).code == SHMRING_TOO_BIG);
  CHECK(box.records() == Texts{R"(1 "order 17 authorised")", "0 \"" + std::string(599, ' ') + "x\"",
                               "0 \"" + std::string(max_record, ' ') + "\""});
}

TEST_CASE("a correlation is read from hex digits or a traceparent, and anything else is none") {
  constexpr Correlation expected{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
  static_assert(correlation_of("4bf92f3577b34da6a3ce929d0e0e4736") == expected);
  CHECK(correlation_of("4BF92F3577B34DA6A3CE929D0E0E4736") == expected);
  CHECK(correlation_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") == expected);
  const std::string whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(correlation_of(whole.substr(0, size)) == Correlation{});
  for (std::size_t at = 3; at < 35; ++at)
    for (const char wrong : {'g', '/', ':', '@', '`', 'G', ' ', '\0', '\xff'}) {
      std::string changed = whole;
      changed[at] = wrong;
      CHECK(correlation_of(changed) == Correlation{});
      CHECK(correlation_of(changed.substr(3, 32)) == Correlation{});
    }
}

TEST_CASE("fields that do not fit into the slot are refused as too big, counted, and nothing is cut") {
  Box box;
  Producer audit("audit");
  for (const std::size_t bytes : {room - 4, room - 3}) {
    auto fields = audit.fields();
    fields.add("k", std::string(bytes, 'x'));
    const Result result = fields.commit();
    CHECK(result.code == (bytes == room - 4 ? 0 : SHMRING_TOO_BIG));
  }
  CHECK(box.records() == Texts{"0 {\"k\":\"" + std::string(room - 4, 'x') + "\"}", "-"});
  CHECK(box.refused(Cause::too_big) == 1);
  CHECK(box.finished());
}

TEST_CASE("fields encoded by the caller may take several slots, but no more than max_record") {
  Box box;
  Producer audit("audit");
  std::vector<std::byte> memory(2 * max_record);
  for (const std::size_t bytes : {max_record - 5, max_record - 4}) {
    FieldEncoder encoder(memory);
    encoder.add("k", std::string(bytes, 'x'));
    CHECK(audit.write(encoder).code == (bytes == max_record - 5 ? 0 : SHMRING_TOO_BIG));
  }
  FieldEncoder spoilt({memory.data(), 3});
  CHECK(audit.write(spoilt.add("k", 1000), {.truncate = true}).code == SHMRING_TOO_BIG);
  CHECK(box.refused(Cause::too_big) == 2);
  CHECK(box.records().size() == max_record / room);
}

TEST_CASE("what is no record of fields is an invalid argument, not too big, and counted as aborted") {
  Box box;
  Producer audit("audit");
  auto twice = audit.fields();
  twice.add("user", "alice").add("amount", 1).add("user", "bob");
  CHECK(twice.commit().code == -EINVAL);
  CHECK(twice.commit().code == -EINVAL);
  auto nothing = audit.fields();
  const char* none = nullptr;
  nothing.add("user", none);
  CHECK(nothing.commit().code == -EINVAL);
  CHECK(box.refused(Cause::aborted) == 2);
  std::vector<std::byte> memory(max_record);
  CHECK(audit.write(FieldEncoder(memory).add("k", 1).add("k", 1)).code == -EINVAL);
  CHECK(box.refused(Cause::aborted) == 3);
  CHECK(box.refused(Cause::too_big) == 0);
  CHECK(audit.sequence() == 3);
  CHECK(box.finished());
  CHECK(box.records() == Texts{"-", "-", "-"});
  auto once = audit.fields();
  CHECK(once.add("user", "alice").add("amount", 1).commit());
  CHECK(box.records().back() == R"(0 {"user":"alice","amount":1})");
}

TEST_CASE("a full ring says so also of what is no record of fields") {
  Box box;
  Producer audit("audit");
  for (int i = 0; i < 64; ++i) CHECK(audit.write("x"));
  std::vector<std::byte> memory(max_record);
  CHECK(audit.write(FieldEncoder(memory).add("k", 1).add("k", 1)).code == SHMRING_FULL);
  auto twice = audit.fields();
  CHECK(twice.add("k", 1).add("k", 1).commit().code == SHMRING_FULL);
  CHECK(box.refused(Cause::full) == 2);
}

TEST_CASE("a claim may shrink, and is over once") {
  Box box;
  Producer audit("audit");
  Claim claim = audit.claim(room, {.type = 1}, Kind::text);
  REQUIRE(claim);
  REQUIRE(claim.span().size() == room);
  std::memcpy(claim.span().data(), "hello there", 11);
  Claim moved = std::move(claim);
  CHECK(!claim);
  CHECK(claim.commit(5).code == -EINVAL);
  CHECK(moved.commit(5));
  moved.abort();
  CHECK(moved.commit(11).code == -EINVAL);
  CHECK(box.records() == Texts{"1 \"hello\""});
  CHECK(box.refused(Cause::aborted) == 0);
  CHECK(audit.claim(room + 1).commit(0).code == SHMRING_TOO_BIG);
  CHECK(box.refused(Cause::too_big) == 1);
}

TEST_CASE("whoever leaves without a commit aborts: by a return, an exception, or a word") {
  Box box;
  Producer audit("audit");
  const auto leave = [&audit](int how) {
    auto fields = audit.fields();
    fields.add("half", how);
    if (how == 0) throw std::runtime_error("no more");
    if (how == 1) fields.abort();
  };
  CHECK_THROWS(leave(0));
  leave(1);
  leave(2);
  CHECK(box.refused(Cause::aborted) == 3);
  CHECK(box.records() == Texts{"-", "-", "-"});
  CHECK(box.finished());
  CHECK(audit.write("whole"));
  CHECK(box.records().back() == "0 \"whole\"");
}

TEST_CASE("a claim that a longjmp left is aborted by the handle's next call") {
  Box box;
  Producer audit("audit");
  static std::jmp_buf place;
  void* payload = nullptr;
  if (setjmp(place) == 0) {
    CHECK(shmring_claim(audit.c(), 8, &payload) == 0);
    std::longjmp(place, 1);
  }
  CHECK(!box.finished());
  CHECK(box.refused(Cause::aborted) == 0);
  CHECK(audit.write("next"));
  CHECK(box.refused(Cause::aborted) == 1);
  CHECK(box.records() == Texts{"-", "0 \"next\""});
}

TEST_CASE("a guard ends only the claim that it made") {
  Box box;
  Producer audit("audit");
  Claim first = audit.claim(8, {}, Kind::text);
  Claim second = audit.claim(8, {}, Kind::text);
  std::memcpy(second.span().data(), "two", 3);
  CHECK(first.commit(8).code == -EINVAL);
  { const Claim gone = std::move(first); }
  CHECK(second.commit(3));
  CHECK(box.records() == Texts{"-", "0 \"two\""});
}

TEST_CASE("a full ring refuses the claim, and its guard says so and ends nothing") {
  Box box;
  Producer audit("audit");
  for (int i = 0; i < 64; ++i) CHECK(audit.write("x"));
  auto fields = audit.fields();
  fields.add("k", 1);
  CHECK(fields.commit().code == SHMRING_FULL);
  Claim claim = audit.claim(8);
  CHECK(!claim);
  CHECK(claim.result().code == SHMRING_FULL);
  CHECK(claim.span().empty());
  CHECK(claim.commit(0).code == SHMRING_FULL);
  CHECK(box.refused(Cause::full) == 2);
  CHECK(audit.sequence() == 66);
}

TEST_CASE("commit and abort without a claim, and commit with flags, are refused and change nothing") {
  Box box;
  Producer audit("audit");
  CHECK(shmring_commit(audit.c(), nullptr, 0) == -EINVAL);
  CHECK(shmring_abort(audit.c()) == -EINVAL);
  void* payload = nullptr;
  CHECK(shmring_claim(audit.c(), 8, &payload) == 0);
  shmring_meta meta{};
  meta.flags = SHMRING_META_TRUNCATE;
  CHECK(shmring_commit(audit.c(), &meta, 8) == -EINVAL);
  CHECK(shmring_abort(audit.c()) == 0);
  CHECK(audit.sequence() == 1);
  Producer other = std::move(audit);
  CHECK(audit.claim(8).commit(8).code == -EINVAL);
  CHECK(audit.fields().commit().code == -EINVAL);
}
