// os/segment.cpp: what changes between a check and its use. The header is read once, and its copy is what counts.
#include <doctest/doctest.h>

#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

TEST_CASE("a header that changes after it was checked, as it is mapped, is not looked at again") {
  Sandbox box;
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = 64;
  options.slot_bytes = 128;
  options.lanes = 1;
  REQUIRE(os::create("audit", &options) == 0);
  Replaced<&os::Calls::madvise> meanwhile([](void* segment, std::size_t bytes, int advice) {
    ring::Header& header = *static_cast<ring::Header*>(segment);
    header.geometry.slots = 1u << 20;
    header.geometry.slot_bytes = 1u << 16;
    header.incarnation_base = 7;
    return Replaced<&os::Calls::madvise>::real(segment, bytes, advice);
  });
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  CHECK(segment.ring.geometry.slots == 64);
  CHECK(segment.ring.slots_log2 == 6);
  CHECK(segment.ring.geometry.slot_bytes == 128);
  CHECK(segment.ring.incarnation_base > 7);
}
