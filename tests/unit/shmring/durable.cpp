// Waiting for durability through the public interfaces, over a real ring. The collector is made by hand: a Reader that says
// what is durable, and the status page.
#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "lib/os/memory.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/reader.hpp"
#include "lib/ring/status.hpp"
#include "tests/support/process.hpp"
#include "tests/support/ring_box.hpp"
#include "tests/support/worker.hpp"

using namespace shmring;
using namespace shmring::test;
using namespace std::chrono_literals;
using os::ProcessMemory;

namespace {

constexpr std::chrono::nanoseconds ask{0}, long_enough = 60s;

struct Nobody {  // is dead
  void look() {}
  bool dead(ring::u32, ring::u64) { return false; }
  void forget(ring::u32) {}
};

struct Box : RingBox {
  explicit Box(OnFull policy = OnFull::drop) : RingBox({.slots = 64, .slot_bytes = 128, .lanes = 2, .on_full = policy}) {
    REQUIRE(os::attach("audit", segment) == 0);
    reader.emplace(segment.ring, ring::Pace{});
  }
  ring::Header& header() { return *segment.ring.header; }
  std::atomic<ring::u64>& durable(ring::u32 entry = 0) { return segment.ring.entries[entry].durable; }
  void announce(ring::Level level) { ring::announce<ProcessMemory>(header(), os::self(header()), level, 0); }
  // Returns whether the producer waits. It is woken then.
  bool tell(ring::u32 entry, ring::u64 incarnation, ring::u64 through) {
    Nobody nobody;
    reader->begin_pass();
    reader->read_entries(nobody);
    const bool waits = reader->note_durable(entry, incarnation, through);
    if (waits) os::futex_wake_all(ring::low_half(durable(entry)));
    return waits;
  }

  os::Segment segment;
  std::optional<ring::Reader<ProcessMemory>> reader;
};

bool says(const char* text, const char* part) { return std::strstr(text, part) != nullptr; }

}  // namespace

TEST_CASE("a producer sleeps in the kernel until its sequence is durable, and is woken there") {
  Box box;
  Producer audit("audit");
  CHECK(audit.write("1"));
  CHECK(audit.write("2"));
  CHECK(audit.wait_durable(ask).code == SHMRING_TIMEOUT);
  CHECK(!box.tell(0, audit.incarnation(), 1));  // nobody waits
  CHECK(audit.wait_durable(1, ask));
  CHECK(audit.wait_durable(ask).code == SHMRING_TIMEOUT);
  Result result{-1};
  std::thread waiter([&] { result = audit.wait_durable(2, long_enough); });
  CHECK(eventually([&] { return os::futex_wake_all(ring::low_half(box.durable())) == 1; }));  // for nothing: it sleeps again
  CHECK(box.tell(0, audit.incarnation(), 2));
  waiter.join();
  CHECK(result);
  CHECK(!box.tell(0, audit.incarnation(), 2));
}

TEST_CASE("25: a waiter whom nobody wakes finds out by itself") {
  Box box;
  Producer audit("audit");
  CHECK(audit.write("1"));
  Result result{-1};
  std::thread waiter([&] { result = audit.wait_durable(long_enough); });
  CHECK(eventually([&] { return box.segment.ring.entries[0].waiting == 1; }));
  box.durable() = 1;
  waiter.join();
  CHECK(result);
}

TEST_CASE("what a wait refuses, it refuses with a text that says why") {
  Box box;
  Producer audit("audit"), none;
  CHECK(none.wait_durable(ask).code == -EINVAL);
  CHECK(audit.wait_durable(ask));  // of nothing
  CHECK(audit.wait_durable(1, long_enough).code == -EINVAL);
  CHECK(says(shmring_last_error(), "sequence 1 was not attempted yet"));
  CHECK(audit.write("1"));
  box.announce(ring::Level::write);
  CHECK(audit.wait_durable(long_enough).code == -EOPNOTSUPP);
  CHECK(says(shmring_last_error(), "level write"));
  CHECK(says(shmring_last_error(), "ring 'audit'"));
  box.announce(ring::Level::every);
  CHECK(audit.wait_durable(1ns).code == SHMRING_TIMEOUT);
  CHECK(audit.wait_durable(-1s).code == SHMRING_TIMEOUT);
  CHECK(says(Result{SHMRING_TIMEOUT}.text(), "not durable yet"));
  ring::withdraw<ProcessMemory>(box.header());
  shmring::unlink("audit");
  CHECK(audit.wait_durable(long_enough).code == SHMRING_RETIRED);
}

TEST_CASE("a ring with the policy overwrite promises nothing, whatever a handle does when its lane is full") {
  Box box(OnFull::overwrite);
  for (const std::uint32_t wait_us : {0u, 1000u}) {
    Producer audit("audit", {.wait_us = wait_us});
    CHECK(audit.write("1"));
    CHECK(audit.wait_durable(long_enough).code == -EOPNOTSUPP);
    CHECK(says(shmring_last_error(), "overwrite"));
  }
}

TEST_CASE("a child's wait with its parent's handle is refused") {
  Box box;
  PerThread audit("audit");
  Producer own("audit");
  CHECK(audit.write("1"));
  Shared<std::array<int, 3>> codes;
  Child child([&] {
    (*codes)[0] = own.wait_durable(ask).code;
    (*codes)[1] = audit.wait_durable(ask).code;
    (*codes)[2] = audit.write("2") ? audit.wait_durable(ask).code : -1;
    return 0;
  });
  CHECK(child.wait() == 0);
  CHECK(*codes == std::array<int, 3>{SHMRING_FORKED, SHMRING_FORKED, SHMRING_TIMEOUT});
}

TEST_CASE("each thread waits for what it has written itself") {
  Box box;
  PerThread audit("audit");
  CHECK(audit.wait_durable(ask).code == -EINVAL);  // it has no handle, and gets none
  CHECK(box.attached() == 0);
  CHECK(audit.write("1"));
  CHECK(audit.wait_durable(ask).code == SHMRING_TIMEOUT);
  Worker other;
  other.run([&] { CHECK(audit.write("2")); });
  box.tell(0, audit.producer().incarnation(), 1);
  CHECK(audit.wait_durable(ask));
  other.run([&] { CHECK(audit.wait_durable(ask).code == SHMRING_TIMEOUT); });
}
